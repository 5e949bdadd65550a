//! A whole deployment at once.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use base::net::Face;
use pki::{
    Ca, Done, Error, FileError, Finding, Installed, Material, Need, Order, PoolKey, PoolNeed,
    Revoke, Why, distribute_crl, ensure, install, renew_all,
};

use crate::support::{Bench, director, mode, need, strings};

fn needs() -> Vec<Need> {
    let mut outside = need(
        "edge01.contoso.net",
        &["sip.contoso.com", "webcon.contoso.com"],
    );
    outside.face = Face::Outside;
    vec![
        director(),
        need("edge01.contoso.net", &["edge01.contoso.net"]),
        outside,
    ]
}

fn pools() -> Vec<PoolNeed> {
    let members = strings(&["dir01.contoso.net", "dir02.contoso.net"]);
    vec![PoolNeed {
        secret: pki::Secret::Pool,
        pool: "dirpool01.contoso.net".to_owned(),
        members,
    }]
}

fn ensure_at(bench: &Bench, needs: &[Need], day: i64) -> Vec<Done> {
    ensure(
        &bench.state,
        "Contoso test CA",
        needs,
        &pools(),
        bench.day(day),
    )
    .unwrap()
}

fn serial(bench: &Bench, need: &Need) -> String {
    Installed::read(&bench.state, &need.machine, need.face)
        .unwrap()
        .info()
        .unwrap()
        .serial
}

#[test]
fn everything_is_made_once() {
    let bench = Bench::new();
    let done = ensure_at(&bench, &needs(), 0);
    let issued = done
        .iter()
        .filter(|done| matches!(done, Done::Issued { .. }))
        .count();
    assert_eq!((done.len(), issued), (7, 3), "{done:?}");
    for need in needs() {
        let there = Installed::read(&bench.state, &need.machine, need.face).unwrap();
        assert!(there.check(&need, bench.now).is_empty());
    }
    assert!(ensure_at(&bench, &needs(), 0).is_empty());
}

#[test]
fn every_member_of_a_pool_has_the_same_narrow_key() {
    let bench = Bench::new();
    ensure_at(&bench, &[], 0);
    let [one, two] =
        ["dir01.contoso.net", "dir02.contoso.net"].map(|fqdn| bench.state.pool_key(fqdn));
    assert_eq!(PoolKey::read(&one).unwrap(), PoolKey::read(&two).unwrap());
    assert_eq!(mode(&one), 0o600);
    fs::remove_file(&two).unwrap();
    let done = ensure_at(&bench, &[], 0);
    assert!(
        matches!(done.as_slice(), [Done::PoolKeyGiven { .. }]),
        "{done:?}"
    );
    assert_eq!(PoolKey::read(&one).unwrap(), PoolKey::read(&two).unwrap());
    fs::set_permissions(&two, fs::Permissions::from_mode(0o640)).unwrap();
    let wide = ensure(&bench.state, "x", &[], &pools(), bench.now);
    assert!(matches!(wide, Err(Error::File(FileError::Wide { .. }))));
}

#[test]
fn a_machine_cannot_hold_the_keys_of_two_pools() {
    let bench = Bench::new();
    let mut pools = pools();
    pools.push(PoolNeed {
        secret: pki::Secret::Pool,
        pool: "fepool01.contoso.net".to_owned(),
        members: strings(&["dir02.contoso.net"]),
    });
    let outcome = ensure(&bench.state, "x", &[], &pools, bench.now);
    assert!(matches!(outcome, Err(Error::TwoPools { .. })));
}

#[test]
fn only_what_changed_is_made_anew() {
    let bench = Bench::new();
    ensure_at(&bench, &needs(), 0);
    let mut changed = needs();
    changed[1].names.push("edge.contoso.net".to_owned());
    let done = ensure_at(&bench, &changed, 0);
    let [
        Done::Issued {
            machine,
            face: Face::Inside,
            why: Why::Found(Finding::MissingNames(_)),
        },
    ] = done.as_slice()
    else {
        panic!("{done:?}")
    };
    assert_eq!(machine, "edge01.contoso.net");
    changed[1].names.pop();
    let done = ensure_at(&bench, &changed, 0);
    assert!(matches!(
        done.as_slice(),
        [Done::Issued {
            why: Why::Found(Finding::ExtraNames(_)),
            ..
        }]
    ));
}

#[test]
fn certificates_are_renewed_before_they_expire_and_the_list_with_them() {
    let bench = Bench::new();
    ensure_at(&bench, &needs(), 0);
    let done = ensure_at(&bench, &needs(), 60);
    assert!(matches!(done.as_slice(), [Done::CrlRenewed]), "{done:?}");
    let done = ensure_at(&bench, &needs(), 370);
    let soon = |done: &&Done| {
        matches!(
            done,
            Done::Issued {
                why: Why::Found(Finding::ExpiresSoon { .. }),
                ..
            }
        )
    };
    assert_eq!(done.iter().filter(soon).count(), 3, "{done:?}");
    assert!(ensure_at(&bench, &needs(), 370).is_empty());
}

#[test]
fn a_revoked_certificate_is_replaced_and_the_list_reaches_every_machine() {
    let bench = Bench::new();
    ensure_at(&bench, &needs(), 0);
    let before = serial(&bench, &director());
    let mut ca = Ca::open(&bench.state.ca()).unwrap();
    ca.revoke(Revoke::Machine("dir01.contoso.net"), bench.now)
        .unwrap();
    distribute_crl(&bench.state, &mut ca, bench.now).unwrap();
    drop(ca);
    let list = fs::read_to_string(bench.state.ca().join("crl.pem")).unwrap();
    for need in needs() {
        let path = bench.state.tls(&need.machine, need.face).join("crl.pem");
        assert_eq!(fs::read_to_string(path).unwrap(), list);
    }
    let there = Installed::read(&bench.state, "dir01.contoso.net", Face::Inside).unwrap();
    let findings = there.check(&director(), bench.now);
    assert!(
        matches!(
            findings.as_slice(),
            [Finding::Chain(pki::ChainFault::Revoked)]
        ),
        "{findings:?}"
    );
    let done = ensure_at(&bench, &needs(), 0);
    assert!(
        matches!(
            done.as_slice(),
            [Done::Issued {
                why: Why::Revoked,
                ..
            }]
        ),
        "{done:?}"
    );
    assert_ne!(serial(&bench, &director()), before);
}

#[test]
fn a_torn_pair_is_mended() {
    let bench = Bench::new();
    ensure_at(&bench, &needs(), 0);
    let [one, two] = [0, 1].map(|at| {
        bench
            .state
            .tls(&needs()[at].machine, Face::Inside)
            .join("key.pem")
    });
    fs::copy(one, two).unwrap();
    let done = ensure_at(&bench, &needs(), 0);
    assert!(matches!(
        done.as_slice(),
        [Done::Issued {
            why: Why::Found(Finding::KeyMismatch),
            ..
        }]
    ));
}

#[test]
fn what_another_authority_signed_is_left_alone() {
    let (bench, other) = (Bench::new(), Bench::new());
    let need = director();
    let mut corporate = Ca::init(&other.state.ca(), "Corporate CA", bench.now).unwrap();
    let order = Order {
        machine: &need.machine,
        names: &need.names,
        validity: time::Duration::days(20),
    };
    let issued = corporate.issue(&order, bench.now).unwrap();
    let material = Material {
        cert: &issued.signed.chain_pem,
        key: Some(&issued.key_pem),
        ca: Some(corporate.ca_pem()),
        crl: None,
    };
    install(&bench.state, &need, &material, bench.now).unwrap();
    for done in [
        ensure_at(&bench, &needs(), 0),
        renew_all(&bench.state, &needs(), bench.now).unwrap(),
    ] {
        let left = done
            .iter()
            .any(|done| matches!(done, Done::LeftForeign { .. }));
        assert!(left, "{done:?}");
        assert_eq!(serial(&bench, &need), issued.signed.serial);
    }
    let dir = bench.state.tls(&need.machine, need.face);
    assert!(!dir.join("crl.pem").try_exists().unwrap());
}

#[test]
fn a_bundle_that_trusts_more_than_our_authority_is_kept() {
    let (bench, other) = (Bench::new(), Bench::new());
    let corporate = Ca::init(&other.state.ca(), "Corporate CA", bench.now).unwrap();
    ensure_at(&bench, &needs(), 0);
    let path = bench
        .state
        .tls("dir01.contoso.net", Face::Inside)
        .join("ca.pem");
    let bundle = format!(
        "{}{}",
        corporate.ca_pem(),
        fs::read_to_string(&path).unwrap()
    );
    fs::write(&path, &bundle).unwrap();
    let before = serial(&bench, &director());
    renew_all(&bench.state, &needs(), bench.now).unwrap();
    assert_ne!(serial(&bench, &director()), before);
    assert_eq!(fs::read_to_string(&path).unwrap(), bundle);
}
