//! Requests, installation, and what is said about what is installed.

use std::fs;

use base::net::Face;
use pki::{Ca, Error, Finding, Installed, Material, Order, Revoke, install, request};
use time::Duration;

use crate::support::{Bench, director, mode, need, openssl, strings, text};

/// Another organisation's authority.
struct Foreign {
    bench: Bench,
    ca: Ca,
}

impl Foreign {
    fn new() -> Self {
        let bench = Bench::new();
        let ca = Ca::init(&bench.state.ca(), "Corporate CA", bench.now).unwrap();
        Self { bench, ca }
    }

    fn order<'a>(names: &'a [String], days: i64) -> Order<'a> {
        Order {
            machine: "dir01.contoso.net",
            names,
            validity: Duration::days(days),
        }
    }
}

fn material<'a>(cert: &'a str, key: Option<&'a str>, ca: &'a str) -> Material<'a> {
    Material {
        cert,
        key,
        ca: Some(ca),
        crl: None,
    }
}

fn refusals(outcome: Result<Vec<Finding>, Error>) -> Vec<Finding> {
    match outcome {
        Err(Error::Refused { findings }) => findings,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_request_is_verified_by_openssl_and_carries_exactly_the_names() {
    let bench = Bench::new();
    let made = request(&bench.state, &director()).unwrap();
    let (good, said) = openssl(&["req", "-verify", "-in", text(&made.path), "-noout", "-text"]);
    assert!(good, "{said}");
    let names = "DNS:dirpool01.contoso.net, DNS:dir01.contoso.net, DNS:meet.contoso.com";
    assert!(said.contains(names), "{said}");
    let key = bench
        .state
        .tls("dir01.contoso.net", Face::Inside)
        .join("request.key.pem");
    assert_eq!(mode(&key), 0o600);
    let before = fs::read(&key).unwrap();
    request(&bench.state, &director()).unwrap();
    assert_eq!(
        fs::read(&key).unwrap(),
        before,
        "a certificate on its way would no longer fit"
    );
}

#[test]
fn request_sign_install_and_the_machine_has_what_it_needs() {
    let bench = Bench::new();
    let mut foreign = Foreign::new();
    let need = director();
    let csr = request(&bench.state, &need).unwrap().csr_pem;
    let signed = foreign
        .ca
        .sign_csr(&Foreign::order(&need.names, 300), &csr, bench.now)
        .unwrap();
    let material = material(&signed.chain_pem, None, foreign.ca.ca_pem());
    assert!(
        install(&bench.state, &need, &material, bench.now)
            .unwrap()
            .is_empty()
    );
    let dir = bench.state.tls(&need.machine, Face::Inside);
    assert_eq!((mode(&dir), mode(&dir.join("key.pem"))), (0o700, 0o600));
    assert!(!dir.join("request.key.pem").try_exists().unwrap());
    let there = Installed::read(&bench.state, &need.machine, need.face).unwrap();
    assert!(there.check(&need, bench.now).is_empty());
    assert_eq!(there.info().unwrap().serial, signed.serial);
}

#[test]
fn what_would_not_work_is_refused_with_every_reason_and_changes_nothing() {
    let bench = Bench::new();
    let mut foreign = Foreign::new();
    let stranger = Foreign::new();
    let need = director();
    let partial = strings(&["dirpool01.contoso.net", "old.contoso.net"]);
    let past = foreign.bench.day(-400);
    let issued = foreign
        .ca
        .issue(&Foreign::order(&partial, 100), past)
        .unwrap();
    let material = material(
        &issued.signed.chain_pem,
        Some(&issued.key_pem),
        stranger.ca.ca_pem(),
    );
    let findings = refusals(install(&bench.state, &need, &material, bench.now));
    let has = |test: &dyn Fn(&Finding) -> bool| findings.iter().any(test);
    assert!(has(
        &|f| matches!(f, Finding::MissingNames(names) if names.len() == 2)
    ));
    assert!(has(
        &|f| matches!(f, Finding::ExtraNames(names) if *names == ["old.contoso.net"])
    ));
    assert!(has(&|f| matches!(f, Finding::Expired { .. })));
    assert!(has(&|f| matches!(f, Finding::Chain(_))));
    assert!(
        !bench
            .state
            .tls(&need.machine, need.face)
            .join("cert.pem")
            .try_exists()
            .unwrap()
    );
}

#[test]
fn a_key_that_does_not_belong_is_refused() {
    let bench = Bench::new();
    let mut foreign = Foreign::new();
    let need = director();
    let order = Foreign::order(&need.names, 300);
    let one = foreign.ca.issue(&order, bench.now).unwrap();
    let two = foreign.ca.issue(&order, bench.now).unwrap();
    let wrong = material(
        &one.signed.chain_pem,
        Some(&two.key_pem),
        foreign.ca.ca_pem(),
    );
    let findings = refusals(install(&bench.state, &need, &wrong, bench.now));
    assert!(
        matches!(findings.as_slice(), [Finding::KeyMismatch]),
        "{findings:?}"
    );
    let none = material(&one.signed.chain_pem, None, foreign.ca.ca_pem());
    let findings = refusals(install(&bench.state, &need, &none, bench.now));
    assert!(matches!(
        findings.as_slice(),
        [Finding::PartMissing { file: "key.pem" }]
    ));
    let locked =
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
    let locked = material(&one.signed.chain_pem, Some(locked), foreign.ca.ca_pem());
    let findings = refusals(install(&bench.state, &need, &locked, bench.now));
    assert!(
        findings[0].to_string().contains("under a password"),
        "{findings:?}"
    );
}

#[test]
fn keys_in_every_form_that_openssl_writes_are_taken() {
    let bench = Bench::new();
    // The certificates below are valid from the moment that openssl makes them.
    let in_a_minute = bench.now + Duration::MINUTE;
    let foreign = Foreign::new();
    let need = need("dir01.contoso.net", &["dir01.contoso.net"]);
    let ca_dir = foreign.bench.state.ca();
    let (root, root_key) = (ca_dir.join("ca.pem"), ca_dir.join("key.pem"));
    let extensions = bench.file("extensions", "subjectAltName=DNS:dir01.contoso.net\n");
    let forms: [&[&str]; 3] = [
        &["ecparam", "-name", "prime256v1", "-genkey", "-out"],
        &["genrsa", "-traditional", "-out"],
        &["genpkey", "-algorithm", "ed25519", "-out"],
    ];
    for form in forms {
        let key = bench.file("theirs.key", "");
        assert!(openssl(&[form, &[text(&key)]].concat()).0);
        let csr = bench.file("theirs.csr", "");
        assert!(
            openssl(&[
                "req",
                "-new",
                "-key",
                text(&key),
                "-subj",
                "/CN=x",
                "-out",
                text(&csr)
            ])
            .0
        );
        let (good, cert) = openssl(&[
            "x509",
            "-req",
            "-in",
            text(&csr),
            "-CA",
            text(&root),
            "-CAkey",
            text(&root_key),
            "-days",
            "90",
            "-extfile",
            text(&extensions),
        ]);
        assert!(good, "{cert}");
        let key = fs::read_to_string(key).unwrap();
        let material = material(&cert, Some(&key), foreign.ca.ca_pem());
        let notices = install(&bench.state, &need, &material, in_a_minute).unwrap();
        assert!(notices.is_empty(), "{form:?}: {notices:?}");
    }
}

#[test]
fn a_short_rsa_key_is_refused() {
    let bench = Bench::new();
    let need = need("dir01.contoso.net", &["dir01.contoso.net"]);
    let (key, cert) = (bench.file("short.key", ""), bench.file("short.pem", ""));
    let (good, said) = openssl(&[
        "req",
        "-x509",
        "-newkey",
        "rsa:1024",
        "-nodes",
        "-subj",
        "/CN=x",
        "-days",
        "90",
        "-addext",
        "subjectAltName=DNS:dir01.contoso.net",
        "-keyout",
        text(&key),
        "-out",
        text(&cert),
    ]);
    assert!(good, "{said}");
    let (cert, key) = (
        fs::read_to_string(cert).unwrap(),
        fs::read_to_string(key).unwrap(),
    );
    let material = material(&cert, Some(&key), &cert);
    let findings = refusals(install(&bench.state, &need, &material, bench.now));
    assert!(
        findings
            .iter()
            .any(|f| matches!(f, Finding::ShortRsa { bits: 1024 })),
        "{findings:?}"
    );
}

#[test]
fn a_wildcard_stands_in_only_where_it_is_allowed() {
    let bench = Bench::new();
    let mut foreign = Foreign::new();
    let names = strings(&[
        "dirpool01.contoso.net",
        "dir01.contoso.net",
        "*.contoso.com",
    ]);
    let issued = foreign
        .ca
        .issue(&Foreign::order(&names, 300), bench.now)
        .unwrap();
    let material = material(
        &issued.signed.chain_pem,
        Some(&issued.key_pem),
        foreign.ca.ca_pem(),
    );
    let strict = director();
    let findings = refusals(install(&bench.state, &strict, &material, bench.now));
    assert!(
        findings
            .iter()
            .any(|f| matches!(f, Finding::MissingNames(_)))
    );
    let mut lenient = director();
    lenient.wildcard = strings(&["meet.contoso.com"]);
    assert!(
        install(&bench.state, &lenient, &material, bench.now)
            .unwrap()
            .is_empty()
    );
}

#[test]
fn a_revoked_certificate_is_found_by_the_installed_list() {
    let bench = Bench::new();
    let mut foreign = Foreign::new();
    let need = director();
    let issued = foreign
        .ca
        .issue(&Foreign::order(&need.names, 300), bench.now)
        .unwrap();
    foreign
        .ca
        .revoke(Revoke::Serial(&issued.signed.serial), bench.now)
        .unwrap();
    let crl = foreign.ca.crl(bench.now).unwrap().0;
    let material = Material {
        crl: Some(&crl),
        ..material(
            &issued.signed.chain_pem,
            Some(&issued.key_pem),
            foreign.ca.ca_pem(),
        )
    };
    let findings = refusals(install(&bench.state, &need, &material, bench.now));
    assert!(
        matches!(
            findings.as_slice(),
            [Finding::Chain(pki::ChainFault::Revoked)]
        ),
        "{findings:?}"
    );
}

#[test]
fn a_list_of_the_former_authority_goes_and_one_of_the_same_stays() {
    let bench = Bench::new();
    let (mut old, mut new) = (Foreign::new(), Foreign::new());
    let need = director();
    drop(std::mem::replace(
        &mut new.ca,
        Ca::init(
            &new.bench.state.root().join("other"),
            "Successor CA",
            bench.now,
        )
        .unwrap(),
    ));
    let path = bench.state.tls(&need.machine, need.face).join("crl.pem");
    let crl = old.ca.crl(bench.now).unwrap().0;
    let put = |ca: &mut Ca, crl: Option<&str>| {
        let issued = ca
            .issue(&Foreign::order(&need.names, 300), bench.now)
            .unwrap();
        let material = Material {
            crl,
            ..material(&issued.signed.chain_pem, Some(&issued.key_pem), ca.ca_pem())
        };
        install(&bench.state, &need, &material, bench.now).unwrap();
    };
    put(&mut old.ca, Some(&crl));
    put(&mut old.ca, None);
    assert_eq!(fs::read_to_string(&path).unwrap(), crl);
    put(&mut new.ca, None);
    assert!(!path.try_exists().unwrap());
}

#[test]
fn nonsense_is_refused_as_what_it_is() {
    let bench = Bench::new();
    let need = director();
    let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let findings = refusals(install(
        &bench.state,
        &need,
        &material(broken, None, broken),
        bench.now,
    ));
    assert!(matches!(
        findings[0],
        Finding::PartUnusable {
            file: "cert.pem",
            ..
        }
    ));
    let outcome = install(&bench.state, &need, &material("", None, ""), bench.now);
    assert!(matches!(
        outcome,
        Err(Error::BadMaterial {
            what: "certificate",
            ..
        })
    ));
    let there = Installed::read(&bench.state, &need.machine, need.face).unwrap();
    assert!(matches!(
        there.check(&need, bench.now).as_slice(),
        [Finding::Absent]
    ));
    let outside = Installed::read(&bench.state, "../../etc", Face::Inside);
    assert!(matches!(outside, Err(Error::BadName { .. })));
}
