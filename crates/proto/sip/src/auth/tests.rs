//! Tests of Digest. The expected hashes were computed with Python's hashlib; those of MD5 and SHA-256 are also the ones
//! in RFC 7616 3.9.1. (The RFC's SHA-512-256 example is not SHA-512/256 of FIPS 180-4, which RFC 8760 asks for.)

use std::time::Duration;

use base::UnixMillis;
use base::random::Random;
use directory::Algorithm::{self, Md5, Sha256, Sha512_256};
use proptest::prelude::*;

use super::*;

const USER: &str = "Mufasa";
const REALM: &str = "http-auth@example.org";
const PASSWORD: &str = "Circle of Life";
const NONCE: &str = "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v";
const CNONCE: &str = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ";

struct Vector {
    algorithm: Algorithm,
    token: &'static str,
    ha1: &'static str,
    with_qop: &'static str,
    without_qop: &'static str,
}

const VECTORS: [Vector; 3] = [
    Vector {
        algorithm: Md5,
        token: "MD5",
        ha1: "3d78807defe7de2157e2b0b6573a855f",
        with_qop: "8ca523f5e9506fed4657c9700eebdbec",
        without_qop: "7b2cc3b30e75b4777ea31027084363fd",
    },
    Vector {
        algorithm: Sha256,
        token: "SHA-256",
        ha1: "7987c64c30e25f1b74be53f966b49b90f2808aa92faf9a00262392d7b4794232",
        with_qop: "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1",
        without_qop: "a1306b0595a6c7fe96c448631fb5cfbd5107bd1fe1da729d978dd7446b812363",
    },
    Vector {
        algorithm: Sha512_256,
        token: "SHA-512-256",
        ha1: "fb174f5c3c7802721517cae13b98e2b8dae2e0118cb705d94ee29946319204ce",
        with_qop: "430d05014cecc49cab6fbe03176d41a1da86cbfe24a16580e22aaad928d960d0",
        without_qop: "93e9122020ea0624d2ca801426d5bfbeb93d10ff4cc24cb410af3920fa4730e7",
    },
];

#[test]
fn the_hashes_are_those_of_the_rfcs() {
    for vector in VECTORS {
        assert_eq!(ha1(vector.algorithm, USER, REALM, PASSWORD), vector.ha1);
        let mut proof = Proof {
            nonce: NONCE,
            quality: Some(("00000001", CNONCE, "auth")),
            method: "GET",
            uri: "/dir/index.html",
        };
        assert_eq!(
            response(vector.algorithm, vector.ha1, &proof),
            vector.with_qop
        );
        proof.quality = None;
        assert_eq!(
            response(vector.algorithm, vector.ha1, &proof),
            vector.without_qop
        );
    }
}

fn with_qop(vector: &Vector) -> String {
    format!(
        "Digest username=\"{USER}\", realm=\"{REALM}\", nonce=\"{NONCE}\", uri=\"/dir/index.html\", \
         response=\"{}\", algorithm={}, qop=auth, nc=00000001, cnonce=\"{CNONCE}\", opaque=\"o\"",
        vector.with_qop, vector.token
    )
}

#[test]
fn right_credentials_are_verified() {
    for vector in &VECTORS {
        let text = with_qop(vector);
        let credentials = Credentials::parse(&text).unwrap();
        assert_eq!((&*credentials.username, &*credentials.realm), (USER, REALM));
        assert_eq!(
            (credentials.algorithm, credentials.count()),
            (vector.algorithm, Some(1))
        );
        assert_eq!(
            (&*credentials.uri, credentials.opaque.as_deref()),
            ("/dir/index.html", Some("o"))
        );
        assert!(credentials.verify("GET", vector.ha1));
    }
}

#[test]
fn the_form_without_qop_is_verified() {
    let text = format!(
        "digest\r\n username=\"{USER}\",realm=\"{REALM}\" , nonce = \"{NONCE}\",uri=\"/dir/index.html\",response={}",
        VECTORS[0].without_qop
    );
    let credentials = Credentials::parse(&text).unwrap();
    assert_eq!(
        (credentials.algorithm, credentials.qop.as_deref()),
        (Md5, None)
    );
    assert!(credentials.verify("GET", VECTORS[0].ha1));
}

#[test]
fn anything_changed_is_refused() {
    for vector in &VECTORS {
        let text = with_qop(vector);
        let (first, rest) = vector.with_qop.split_at(1);
        let other = if first == "0" { "1" } else { "0" };
        for (old, new) in [
            (vector.with_qop, format!("{other}{rest}")),
            (vector.with_qop, String::new()),
            (vector.with_qop, rest.to_owned()),
            (vector.with_qop, format!("{}0", vector.with_qop)),
            (NONCE, "other".to_owned()),
            (CNONCE, "other".to_owned()),
            ("/dir/index.html", "/dir/other.html".to_owned()),
            ("nc=00000001", "nc=00000002".to_owned()),
        ] {
            let changed = text.replace(old, &new);
            assert!(
                !Credentials::parse(&changed)
                    .unwrap()
                    .verify("GET", vector.ha1),
                "{changed}"
            );
        }
        let credentials = Credentials::parse(&text).unwrap();
        assert!(!credentials.verify("POST", vector.ha1));
        assert!(!credentials.verify(
            "GET",
            &ha1(vector.algorithm, USER, REALM, "another password")
        ));
        assert!(!credentials.verify("GET", ""));
    }
}

#[test]
fn credentials_that_cannot_be_used_say_why() {
    use BadCredentials::{Malformed, Missing, Repeated, Scheme, Unsupported};
    let sound = with_qop(&VECTORS[1]);
    for (old, new, expected) in [
        ("Digest ", "Basic ", Scheme),
        ("Digest ", "", Scheme),
        ("username=", "u=", Missing("username")),
        ("realm=", "r=", Missing("realm")),
        (" nonce=", " n=", Missing("nonce")),
        ("uri=", "x=", Missing("uri")),
        ("response=", "x=", Missing("response")),
        ("cnonce=", "x=", Missing("cnonce")),
        ("nc=00000001", "x=1", Missing("nc")),
        ("nc=00000001", "nc=1", Malformed),
        ("nc=00000001", "nc=+0000001", Malformed),
        ("opaque=\"o\"", "opaque=\"o", Malformed),
        ("opaque=\"o\"", "opaque=\"o\"x", Malformed),
        ("opaque=\"o\"", "opaque", Malformed),
        ("opaque=\"o\"", "realm=\"other\"", Repeated),
        ("opaque=\"o\"", "userhash=true", Unsupported),
        ("username=", "username*=", Unsupported),
        ("qop=auth", "qop=auth-int", Unsupported),
        ("SHA-256", "SHA-256-sess", Unsupported),
        ("SHA-256", "AKAv1-MD5", Unsupported),
    ] {
        assert!(sound.contains(old), "{old}");
        let text = sound.replacen(old, new, 1);
        assert_eq!(Credentials::parse(&text).err(), Some(expected), "{text}");
    }
    assert_eq!(Credentials::parse("").err(), Some(Scheme));
}

#[test]
fn escapes_in_quoted_strings_are_undone() {
    let text = "Digest username=\"b\\\"o\\\\b, x\", realm=\"r\", nonce=\"n\", uri=\"u\", response=\"s\", new=1, qop=\"AUTH\", \
                nc=0000000A, cnonce=\"\"";
    let credentials = Credentials::parse(text).unwrap();
    assert_eq!(
        (&*credentials.username, credentials.count()),
        ("b\"o\\b, x", Some(10))
    );
}

#[test]
fn debug_output_holds_no_proof() {
    let text = with_qop(&VECTORS[1]);
    let shown = format!("{:?}", Credentials::parse(&text).unwrap());
    assert!(shown.contains(USER) && !shown.contains(VECTORS[1].with_qop));
    let nonces = Nonces::new([0xab; 32], Duration::from_secs(1));
    assert!(!format!("{nonces:?}").contains("171"));
}

#[test]
fn a_challenge_is_read_as_it_was_written() {
    for vector in VECTORS {
        for stale in [false, true] {
            let text = challenge("a \"quoted\" \\ realm", "nonce1", vector.algorithm, stale);
            let read = Challenge::parse(&text).unwrap();
            assert_eq!(
                (&*read.realm, &*read.nonce),
                ("a \"quoted\" \\ realm", "nonce1")
            );
            assert_eq!(
                (read.algorithm, read.stale, read.has_auth),
                (vector.algorithm, stale, true)
            );
        }
    }
    assert_eq!(
        challenge("example.com", "n", Sha512_256, true),
        "Digest realm=\"example.com\", nonce=\"n\", algorithm=SHA-512-256, qop=\"auth\", stale=true"
    );
    let old =
        Challenge::parse("Digest realm=\"r\",nonce=\"n\",qop=\"auth-int\",opaque=\"o\"").unwrap();
    assert_eq!(
        (old.algorithm, old.has_auth, old.opaque.as_deref()),
        (Md5, false, Some("o"))
    );
    assert_eq!(
        Challenge::parse("Digest realm=\"r\"").err(),
        Some(BadCredentials::Missing("nonce"))
    );
}

const LIFE: Duration = Duration::from_secs(300);
const NOON: UnixMillis = UnixMillis(1_715_418_847_000);

#[test]
fn a_nonce_is_fresh_for_its_life_on_every_member_with_the_key() {
    let mut random = Random::new([1; 32]);
    let nonce = Nonces::new([7; 32], LIFE).mint(NOON, &mut random);
    let other = Nonces::new([7; 32], LIFE);
    let later = |millis| UnixMillis(NOON.0 + millis);
    assert!(is_fresh(other.check(&nonce, NOON)));
    assert!(is_fresh(other.check(&nonce, later(300_000))));
    assert_eq!(other.check(&nonce, later(300_001)), NonceState::Stale);
    assert!(
        is_fresh(other.check(&nonce, UnixMillis(NOON.0 - 2_000))),
        "a clock that is a little behind"
    );
    assert_eq!(other.check(&nonce, UnixMillis(0)), NonceState::Stale);
    assert_eq!(
        Nonces::new([8; 32], LIFE).check(&nonce, NOON),
        NonceState::Forged
    );
}

#[test]
fn no_two_nonces_are_the_same() {
    let mut random = Random::new([1; 32]);
    let nonces = Nonces::new([7; 32], LIFE);
    assert_ne!(
        nonces.mint(NOON, &mut random),
        nonces.mint(NOON, &mut random)
    );
}

#[test]
fn a_nonce_with_any_letter_changed_is_forged() {
    let nonces = Nonces::new([7; 32], LIFE);
    let nonce = nonces.mint(NOON, &mut Random::new([1; 32]));
    for (at, letter) in nonce.char_indices() {
        let other = if letter == 'A' { 'B' } else { 'A' };
        let changed: String = nonce
            .char_indices()
            .map(|(own, kept)| if own == at { other } else { kept })
            .collect();
        assert_eq!(
            nonces.check(&changed, NOON),
            NonceState::Forged,
            "{changed}"
        );
    }
    for other in ["", "A", &nonce[1..], &format!("{nonce}A"), "\u{e9}", NONCE] {
        assert_eq!(nonces.check(other, NOON), NonceState::Forged, "{other}");
    }
}

proptest! {
    #[test]
    fn any_text_is_survived(text in "(Digest )?(\\PC|[\",=\\\\]|nonce=){0,60}") {
        let _ = (Credentials::parse(&text), Challenge::parse(&text));
        prop_assert_eq!(Nonces::new([7; 32], LIFE).check(&text, NOON), NonceState::Forged);
    }

    #[test]
    fn an_answer_to_a_challenge_is_verified(realm in "\\PC{1,20}", user in "[a-z\"\\\\]{1,9}", password in "\\PC{0,20}") {
        let text = challenge(&realm, "n", Sha256, false);
        let challenge = Challenge::parse(&text).unwrap();
        prop_assert_eq!(&*challenge.realm, &*realm);
        let secret = ha1(Sha256, &user, &challenge.realm, &password);
        let proof = Proof { nonce: "n", quality: Some(("00000001", "c", "auth")), method: "REGISTER", uri: "sip:a" };
        let quoted = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"");
        let answer = format!(
            "Digest username=\"{}\",realm=\"{}\",nonce=\"n\",uri=\"sip:a\",algorithm=SHA-256,qop=auth,nc=00000001,cnonce=\"c\",response=\"{}\"",
            quoted(&user), quoted(&realm), response(Sha256, &secret, &proof),
        );
        let credentials = Credentials::parse(&answer).unwrap();
        prop_assert_eq!(&*credentials.username, &*user);
        prop_assert!(credentials.verify("REGISTER", &secret));
    }
}

#[test]
fn commas_and_escapes_in_quotes_belong_to_the_value_and_what_is_no_parameter_is_refused() {
    let rest = "nonce=n, uri=\"sip:a,b\" ,response = r";
    for (name, username) in [
        ("username=\"a,b=c\"", "a,b=c"),
        ("username=\"a\\\"\\\\b\"", "a\"\\b"),
        ("username = \"a\" ", "a"),
        ("username=a<b", "a<b"),
        ("x=\"\\\\\",,username=\"\"", ""),
    ] {
        let text = format!("Digest realm=r,{name},{rest}");
        let credentials =
            Credentials::parse(&text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(
            (
                &*credentials.username,
                &*credentials.uri,
                &*credentials.response
            ),
            (username, "sip:a,b", "r"),
            "{text}"
        );
    }
    for bad in [
        "username",
        "=a",
        "user name=a",
        "username=\"a",
        "username=\"a\\\"",
        "username=\"a\"b",
        "username=a\"b\"",
    ] {
        let text = format!("Digest realm=r,{rest},{bad}");
        let error = Credentials::parse(&text).err();
        assert_eq!(error, Some(BadCredentials::Malformed), "{text}");
    }
}

fn is_fresh(state: NonceState) -> bool {
    matches!(state, NonceState::Fresh(_))
}

#[test]
fn a_nonce_of_another_run_or_member_is_good_for_a_short_time_only() {
    let mut random = Random::new([3; 32]);
    let nonce = Nonces::new([7; 32], LIFE).of_run(1).mint(NOON, &mut random);
    let (own, other) = (
        Nonces::new([7; 32], LIFE).of_run(1),
        Nonces::new([7; 32], LIFE).of_run(2),
    );
    for (millis, at_own, at_other) in [(0, true, true), (30_000, true, true), (30_001, true, false)]
    {
        assert_eq!(
            is_fresh(own.check(&nonce, UnixMillis(NOON.0 + millis))),
            at_own,
            "{millis}"
        );
        assert_eq!(
            is_fresh(other.check(&nonce, UnixMillis(NOON.0 + millis))),
            at_other,
            "{millis}"
        );
    }
}
