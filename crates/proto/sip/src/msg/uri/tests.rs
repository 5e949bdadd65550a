//! Tests of URIs.

use super::*;

fn uri(text: &str) -> Uri<'_> {
    Uri::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

#[test]
fn a_uri_is_taken_apart() {
    let one = uri("sips:alice:secret@Example.COM:5061;transport=tls;lr?subject=hi&x=%20");
    assert_eq!(one.scheme, Scheme::Sips);
    assert_eq!((one.user, one.password), (Some("alice"), Some("secret")));
    assert_eq!((one.host, one.port), ("Example.COM", Some(5061)));
    assert_eq!(one.params.value("transport"), Some("tls"));
    assert!(one.params.has("lr"));
    assert_eq!(one.headers, Some("subject=hi&x=%20"));

    let six = uri("SIP:[2001:db8::1]:5060");
    assert_eq!(
        (six.user, six.host, six.port),
        (None, "[2001:db8::1]", Some(5060))
    );

    let number = uri("tel:+1-201-555-0123;phone-context=example.com");
    assert_eq!(
        (number.scheme, number.user, number.host),
        (Scheme::Tel, Some("+1-201-555-0123"), "")
    );
    assert_eq!(uri("urn:service:sos").scheme, Scheme::Other);
}

#[test]
fn odd_users_and_hosts_are_accepted() {
    let odd = uri("sip:1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*@example.com");
    assert_eq!(
        odd.user,
        Some("1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*")
    );
    assert_eq!(
        uri("sip:null-%00-null@example.com").user,
        Some("null-%00-null")
    );
    assert_eq!(uri("sip:a_b.example.com").host, "a_b.example.com");
    assert_eq!(
        uri("sip:user;par=u%40example.net@example.com").user,
        Some("user;par=u%40example.net")
    );
}

#[test]
fn what_breaks_the_grammar_is_refused() {
    for bad in [
        "",
        "sip",
        "sip:",
        ":a@b",
        "sip:@b",
        "sip:a@",
        "sip:a@b@c",
        "sip:a b@c",
        "sip:a@b c",
        "sip:a@b:",
        "sip:a@b:0",
        "sip:a@b:65536",
        "sip:a@b:5060x",
        "sip:a@b:-1",
        "sip:%4@b",
        "sip:%zz@b",
        "sip:a@b;x=\"y\"",
        "sip:a@b;x=<y>",
        "sip:a@b?",
        "sip:[::1",
        "sip:[hello]",
        "sip:-b",
        "sip:\u{e9}@b",
        "<sip:a@b>",
        "tel:",
        "tel:+",
        "tel:hello",
        "1x:foo",
        "x y:foo",
    ] {
        assert_eq!(Uri::parse(bad).err(), Some(Invalid::Uri), "{bad}");
    }
}

#[test]
fn the_address_of_record_is_canonical() {
    for (text, aor) in [
        (
            "sip:alice@Example.COM:5061;transport=tls",
            Some("sip:alice@example.com"),
        ),
        (
            "SIPS:%61lice@example.com?x=y",
            Some("sip:alice@example.com"),
        ),
        ("sip:Alice@example.com", Some("sip:Alice@example.com")),
        ("sip:a%20b@example.com", Some("sip:a%20b@example.com")),
        ("sip:a%c3%a9@example.com", Some("sip:a%C3%A9@example.com")),
        ("sip:a%00b@example.com", Some("sip:a%00b@example.com")),
        ("sip:a%40b@example.com", Some("sip:a%40b@example.com")),
        ("sip:alice:pass@example.com", Some("sip:alice@example.com")),
        ("sip:example.com", None),
        ("tel:+12015550123", None),
        ("urn:service:sos", None),
    ] {
        let own = uri(text).aor();
        assert_eq!(own.as_deref(), aor, "{text}");
        if let Some(own) = own {
            assert_eq!(
                uri(&own).aor().as_deref(),
                Some(&*own),
                "canonical twice is canonical once"
            );
        }
    }
}

/// The examples of RFC 3261 19.1.4 among them.
#[test]
fn equal_uris_match() {
    for (one, other) in [
        (
            "sip:%61lice@atlanta.com;transport=TCP",
            "sip:alice@AtLanTa.CoM;Transport=tcp",
        ),
        ("sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5"),
        ("sip:carol@chicago.com", "sip:carol@chicago.com;security=on"),
        (
            "sip:biloxi.com;transport=tcp;method=REGISTER?to=sip:bob%40biloxi.com",
            "sip:biloxi.com;method=REGISTER;transport=tcp?to=sip:bob%40biloxi.com",
        ),
        (
            "sip:alice@atlanta.com?subject=x&priority=y",
            "sip:alice@atlanta.com?priority=y&subject=x",
        ),
        ("tel:+1-201-555-0123", "tel:+1(201)5550123"),
        (
            "tel:863-1234;phone-context=+1-914-555;ext=12",
            "tel:8631234;EXT=1.2;phone-context=+1914555",
        ),
        ("urn:service:sos", "URN:service:SOS"),
    ] {
        assert!(uri(one).matches(&uri(other)), "{one} {other}");
        assert!(uri(other).matches(&uri(one)), "{other} {one}");
    }
}

#[test]
fn different_uris_do_not_match() {
    for (one, other) in [
        (
            "SIP:ALICE@AtLanTa.CoM;Transport=udp",
            "sip:alice@AtLanTa.CoM;Transport=UDP",
        ),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com:5060"),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp"),
        (
            "sip:bob@biloxi.com:6000;transport=tcp",
            "sip:bob@biloxi.com",
        ),
        (
            "sip:carol@chicago.com",
            "sip:carol@chicago.com?Subject=next%20meeting",
        ),
        ("sip:bob@phone21.boxesbybob.com", "sip:bob@192.0.2.4"),
        (
            "sip:carol@chicago.com;security=on",
            "sip:carol@chicago.com;security=off",
        ),
        ("sip:a%3Bb@example.com", "sip:a;b@example.com"),
        ("sip:alice@example.com", "sips:alice@example.com"),
        ("sip:alice@example.com", "sip:example.com"),
        ("sip:alice@example.com", "sip:alice:pass@example.com"),
        ("tel:+12015550123", "tel:+12015550124"),
        ("tel:+12015550123", "tel:2015550123"),
        ("tel:+12015550123", "tel:+12015550123;ext=1"),
        (
            "tel:8631234;phone-context=example.com",
            "tel:8631234;phone-context=example.net",
        ),
    ] {
        assert!(!uri(one).matches(&uri(other)), "{one} {other}");
        assert!(!uri(other).matches(&uri(one)), "{other} {one}");
    }
}

#[test]
fn a_uri_with_a_parameter_twice_is_still_its_own_equal() {
    let twice = uri("sip:biloxi.com;method=INVITE;transport=tcp;method=REGISTER");
    assert!(twice.matches(&twice));
    let spelled = uri("sip:BILOXI.com;method=invite;transport=TCP;method=Register");
    assert!(twice.matches(&spelled) && spelled.matches(&twice));
    assert!(!twice.matches(&uri("sip:biloxi.com;method=BYE;transport=tcp")));
}
