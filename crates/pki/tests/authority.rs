//! The authority: what it signs, revokes and refuses.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use pki::{Ca, CertError, Error, FileError, KeyKind, Order, Revoke, Usages, inspect};
use time::Duration;

use crate::support::{Bench, mode, openssl, strings, text};

fn order<'a>(machine: &'a str, names: &'a [String]) -> Order<'a> {
    Order {
        machine,
        names,
        validity: pki::MACHINE_VALIDITY,
    }
}

fn new_ca(bench: &Bench) -> Ca {
    Ca::init(&bench.state.ca(), "Contoso test CA", bench.now).unwrap()
}

#[test]
fn openssl_accepts_chain_purposes_and_each_name() {
    let bench = Bench::new();
    let mut ca = new_ca(&bench);
    let names = strings(&["dirpool01.contoso.net", "dir01.contoso.net"]);
    let issued = ca
        .issue(&order("dir01.contoso.net", &names), bench.now)
        .unwrap();
    let cert = bench.file("cert.pem", &issued.signed.chain_pem);
    let root = bench.state.ca().join("ca.pem");
    for purpose in ["sslserver", "sslclient"] {
        for name in &names {
            let (good, said) = openssl(&[
                "verify",
                "-x509_strict",
                "-CAfile",
                text(&root),
                "-purpose",
                purpose,
                "-verify_hostname",
                name,
                text(&cert),
            ]);
            assert!(good, "{said}");
        }
    }
    let stranger = [
        "verify",
        "-CAfile",
        text(&root),
        "-verify_hostname",
        "fe01.contoso.net",
        text(&cert),
    ];
    assert!(!openssl(&stranger).0);
}

#[test]
fn a_certificate_says_what_was_ordered_and_nothing_else() {
    let bench = Bench::new();
    let mut ca = new_ca(&bench);
    let names = strings(&[
        "dirpool01.contoso.net",
        "DIR01.contoso.net",
        "*.contoso.com",
    ]);
    let issued = ca
        .issue(&order("dir01.contoso.net", &names), bench.now)
        .unwrap();
    let info = inspect(&issued.signed.chain_pem).unwrap();
    assert_eq!(info.subject, "CN=dirpool01.contoso.net");
    assert_eq!(info.issuer, "CN=Contoso test CA");
    assert_eq!(
        info.sans,
        [
            "dirpool01.contoso.net",
            "dir01.contoso.net",
            "*.contoso.com"
        ]
    );
    assert_eq!(info.key, KeyKind::Ec { bits: 256 });
    assert_eq!(
        info.usages,
        Usages {
            server: true,
            client: true
        }
    );
    assert!(!info.is_ca);
    assert_eq!(info.serial, issued.signed.serial);
    assert_eq!(
        (info.not_after - bench.now + Duration::MINUTE).whole_days(),
        398
    );
    let cert = bench.file("cert.pem", &issued.signed.chain_pem);
    let (_, said) = openssl(&[
        "x509",
        "-in",
        text(&cert),
        "-noout",
        "-fingerprint",
        "-sha256",
        "-serial",
    ]);
    assert!(said.contains(&info.fingerprint), "{said}");
    assert!(said.to_lowercase().contains(&info.serial), "{said}");
}

#[test]
fn the_authority_signs_machines_but_no_further_authority() {
    let bench = Bench::new();
    let ca = new_ca(&bench);
    let info = inspect(ca.ca_pem()).unwrap();
    assert!(info.is_ca);
    let root = bench.state.ca().join("ca.pem");
    let (_, said) = openssl(&[
        "x509",
        "-in",
        text(&root),
        "-noout",
        "-ext",
        "basicConstraints,keyUsage",
    ]);
    assert!(said.contains("CA:TRUE, pathlen:0"), "{said}");
    assert!(said.contains("Certificate Sign, CRL Sign"), "{said}");
}

#[test]
fn a_revoked_certificate_is_in_the_list_and_its_sibling_is_not() {
    let bench = Bench::new();
    let mut ca = new_ca(&bench);
    let one = strings(&["one.contoso.net"]);
    let two = strings(&["two.contoso.net"]);
    let one = ca
        .issue(&order("one.contoso.net", &one), bench.now)
        .unwrap();
    let two = ca
        .issue(&order("two.contoso.net", &two), bench.now)
        .unwrap();
    ca.revoke(Revoke::Machine("ONE.contoso.net"), bench.now)
        .unwrap();
    let root = bench.state.ca().join("ca.pem");
    let crl = bench.state.ca().join("crl.pem");
    let verify = |cert: &str| {
        let cert = bench.file("checked.pem", cert);
        openssl(&[
            "verify",
            "-CAfile",
            text(&root),
            "-CRLfile",
            text(&crl),
            "-crl_check",
            text(&cert),
        ])
    };
    let (good, said) = verify(&one.signed.chain_pem);
    assert!(!good && said.contains("revoked"), "{said}");
    let (good, said) = verify(&two.signed.chain_pem);
    assert!(good, "{said}");
    let (good, said) = openssl(&[
        "crl",
        "-in",
        text(&crl),
        "-CAfile",
        text(&root),
        "-noout",
        "-nextupdate",
    ]);
    assert!(
        good && said.contains("verify OK") && said.contains("nextUpdate="),
        "{said}"
    );
}

#[test]
fn revocation_by_serial_takes_every_spelling_and_happens_once() {
    let bench = Bench::new();
    let mut ca = new_ca(&bench);
    let names = strings(&["one.contoso.net"]);
    let serial = ca
        .issue(&order("one.contoso.net", &names), bench.now)
        .unwrap()
        .signed
        .serial;
    let mut spelt = format!("0{}", serial.to_uppercase());
    spelt.insert(3, ':');
    assert_eq!(
        ca.revoke(Revoke::Serial(&spelt), bench.now).unwrap(),
        std::slice::from_ref(&serial)
    );
    let again = ca.revoke(Revoke::Serial(&serial), bench.now);
    assert!(matches!(again, Err(Error::UnknownSerial { .. })));
    let machine = ca.revoke(Revoke::Machine("one.contoso.net"), bench.now);
    assert!(matches!(machine, Err(Error::NothingToRevoke { .. })));
}

#[test]
fn an_authority_that_was_closed_goes_on_where_it_was() {
    let bench = Bench::new();
    let names = strings(&["one.contoso.net"]);
    let mut ca = new_ca(&bench);
    ca.issue(&order("one.contoso.net", &names), bench.now)
        .unwrap();
    drop(ca);
    let mut ca = Ca::open(&bench.state.ca()).unwrap();
    assert_eq!(
        ca.revoke(Revoke::Machine("one.contoso.net"), bench.now)
            .unwrap()
            .len(),
        1
    );
    let issued = ca
        .issue(&order("one.contoso.net", &names), bench.now)
        .unwrap();
    let cert = bench.file("cert.pem", &issued.signed.chain_pem);
    let root = bench.state.ca().join("ca.pem");
    let crl = bench.state.ca().join("crl.pem");
    let (good, said) = openssl(&[
        "verify",
        "-x509_strict",
        "-CAfile",
        text(&root),
        "-CRLfile",
        text(&crl),
        "-crl_check",
        text(&cert),
    ]);
    assert!(good, "{said}");
}

#[test]
fn the_list_is_renewed_when_it_grows_old_or_lags_behind_the_index() {
    let bench = Bench::new();
    let mut ca = new_ca(&bench);
    let path = bench.state.ca().join("crl.pem");
    let first = fs::read_to_string(&path).unwrap();
    assert_eq!(ca.crl(bench.day(1)).unwrap(), (first.clone(), false));
    assert!(ca.crl(bench.day(60)).unwrap().1);
    fs::write(&path, &first).unwrap();
    assert!(
        ca.crl(bench.day(1)).unwrap().1,
        "a list older than the index was taken for the last"
    );
    fs::remove_file(&path).unwrap();
    assert!(ca.crl(bench.day(1)).unwrap().1);
}

#[test]
fn openssl_made_requests_are_signed_and_bad_ones_refused() {
    let bench = Bench::new();
    let mut ca = new_ca(&bench);
    let names = strings(&["one.contoso.net"]);
    let order = order("one.contoso.net", &names);
    let csr = |kind: &[&str], name: &str| {
        let key = bench.file("their.key", "");
        let out = bench.file("their.csr", "");
        let san = format!("subjectAltName=DNS:{name}");
        let (good, said) = openssl(
            &[
                &[
                    "req",
                    "-new",
                    "-nodes",
                    "-subj",
                    "/CN=x",
                    "-addext",
                    &san,
                    "-keyout",
                    text(&key),
                    "-out",
                    text(&out),
                ],
                kind,
            ]
            .concat(),
        );
        assert!(good, "{said}");
        fs::read_to_string(out).unwrap()
    };
    let rsa = ca
        .sign_csr(
            &order,
            &csr(&["-newkey", "rsa:2048"], "one.contoso.net"),
            bench.now,
        )
        .unwrap();
    let info = inspect(&rsa.chain_pem).unwrap();
    assert_eq!(
        (info.key, info.sans),
        (KeyKind::Rsa { bits: 2048 }, names.clone())
    );
    let p384 = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-384"];
    let ec = ca
        .sign_csr(&order, &csr(&p384, "ONE.contoso.net"), bench.now)
        .unwrap();
    assert_eq!(
        inspect(&ec.chain_pem).unwrap().key,
        KeyKind::Ec { bits: 384 }
    );

    let refused = |ca: &mut Ca, csr: &str| match ca.sign_csr(&order, csr, bench.now) {
        Err(Error::BadMaterial { source, .. }) => source,
        other => panic!("{other:?}"),
    };
    let short = refused(&mut ca, &csr(&["-newkey", "rsa:1024"], "one.contoso.net"));
    assert!(
        matches!(short, CertError::ShortRsa { bits: 1024 }),
        "{short}"
    );
    let other = refused(&mut ca, &csr(&["-newkey", "rsa:2048"], "two.contoso.net"));
    assert!(matches!(other, CertError::UnwantedName { .. }), "{other}");
    let none = refused(&mut ca, "nothing");
    assert!(matches!(none, CertError::NoRequest), "{none}");
}

#[test]
fn names_that_cannot_stand_in_a_certificate_are_refused() {
    let bench = Bench::new();
    let mut ca = new_ca(&bench);
    for bad in ["", "a b", "../x", "192.168.0.1/24", "é.example"] {
        let names = strings(&[bad]);
        let issued = ca.issue(&order("one.contoso.net", &names), bench.now);
        assert!(matches!(issued, Err(Error::BadName { .. })), "{bad}");
    }
    assert!(matches!(
        ca.issue(&order("one.contoso.net", &[]), bench.now),
        Err(Error::NoNames)
    ));
}

#[test]
fn a_certificate_never_outlives_its_authority() {
    let bench = Bench::new();
    let mut ca = new_ca(&bench);
    let names = strings(&["one.contoso.net"]);
    let late = ca.not_after() - Duration::days(10);
    let issued = ca.issue(&order("one.contoso.net", &names), late).unwrap();
    assert_eq!(issued.signed.not_after, ca.not_after());
    let too_late = ca.issue(&order("one.contoso.net", &names), ca.not_after());
    assert!(matches!(too_late, Err(Error::CaExpired { .. })));
}

#[test]
fn private_files_are_narrow_and_refused_when_wide() {
    let bench = Bench::new();
    drop(new_ca(&bench));
    let dir = bench.state.ca();
    assert_eq!(mode(&dir), 0o700);
    for file in ["key.pem", "index.json"] {
        let path = dir.join(file);
        assert_eq!(mode(&path), 0o600, "{file}");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        let Err(Error::File(error @ FileError::Wide { .. })) = Ca::open(&dir) else {
            panic!("{file} was accepted")
        };
        assert!(error.to_string().contains("chmod 600"), "{error}");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    }
    fs::set_permissions(&dir, fs::Permissions::from_mode(0o755)).unwrap();
    assert!(matches!(
        Ca::open(&dir),
        Err(Error::File(FileError::Wide { safe: 0o700, .. }))
    ));
}

#[test]
fn an_authority_is_made_once_opened_once_and_complete_or_not_at_all() {
    let bench = Bench::new();
    let dir = bench.state.ca();
    assert!(matches!(Ca::open(&dir), Err(Error::NoCa { .. })));
    let ca = new_ca(&bench);
    assert!(matches!(Ca::open(&dir), Err(Error::CaBusy { .. })));
    drop(ca);
    let again = Ca::init(&dir, "another", bench.now);
    assert!(matches!(again, Err(Error::CaExists { .. })));
    // As after a crash just before the end of the first start.
    fs::remove_file(dir.join("ca.pem")).unwrap();
    drop(Ca::init(&dir, "another", bench.now).unwrap());
    let index = dir.join("index.json");
    fs::write(&index, "{").unwrap();
    assert!(matches!(Ca::open(&dir), Err(Error::BadIndex { .. })));
    fs::remove_file(&index).unwrap();
    assert!(matches!(
        Ca::open(&dir),
        Err(Error::File(FileError::Read { .. }))
    ));
}

#[test]
fn a_key_of_another_authority_is_noticed() {
    let (one, two) = (Bench::new(), Bench::new());
    drop((new_ca(&one), new_ca(&two)));
    fs::copy(
        two.state.ca().join("key.pem"),
        one.state.ca().join("key.pem"),
    )
    .unwrap();
    assert!(matches!(
        Ca::open(&one.state.ca()),
        Err(Error::CaKeyMismatch { .. })
    ));
}
