//! Certificates of operators: what they say, how they end, and what they are not.

use std::fs;

use base::net::Face;
use pki::{
    Ca, ChainFault, Done, Error, Finding, Installed, Operator, Order, Revoke, Usages, Why,
    distribute_crl, ensure, ensure_operator, forget_operator, inspect, operators,
};

use crate::support::{Bench, director, mode, openssl, text};

fn ann() -> Operator {
    Operator::new("contoso.com", "Ann").unwrap()
}

/// A deployment of one machine with an operator.
fn site() -> Bench {
    let bench = Bench::new();
    ensure(
        &bench.state,
        "Contoso test CA",
        &[director()],
        &[],
        bench.now,
    )
    .unwrap();
    let done = ensure_operator(&bench.state, &ann(), bench.now).unwrap();
    let is_new = |done: &Done| matches!(done, Done::OperatorIssued { operator, why: Why::Found(Finding::Absent) } if operator == "ann");
    assert!(done.as_ref().is_some_and(is_new), "{done:?}");
    bench
}

fn findings(bench: &Bench, operator: &Operator) -> Vec<Finding> {
    let there = Installed::of_operator(&bench.state, operator).unwrap();
    there.check_operator(operator, bench.now)
}

#[test]
fn it_names_an_operator_and_no_machine_and_only_calls() {
    let bench = site();
    let dir = bench.state.operator("ann");
    let cert = dir.join("cert.pem");
    let info = inspect(&fs::read_to_string(&cert).unwrap()).unwrap();
    assert_eq!(info.sans, ["spiffe://contoso.com/operator/ann"]);
    assert_eq!(info.subject, "CN=operator ann");
    let only_calls = Usages {
        server: false,
        client: true,
    };
    assert_eq!(info.usages, only_calls);
    assert!(!info.is_ca);
    assert_eq!(mode(&dir), 0o700);
    assert_eq!(mode(&dir.join("key.pem")), 0o600);
    let root = dir.join("ca.pem");
    for (purpose, good) in [("sslclient", true), ("sslserver", false)] {
        let verify = ["verify", "-x509_strict", "-purpose", purpose, "-CAfile"];
        let (is_good, said) = openssl(&[&verify[..], &[text(&root), text(&cert)]].concat());
        assert_eq!(is_good, good, "{purpose}: {said}");
    }
}

#[test]
fn what_is_good_stays_and_what_expires_soon_is_made_anew() {
    let bench = site();
    assert!(findings(&bench, &ann()).is_empty());
    assert!(
        ensure_operator(&bench.state, &ann(), bench.now)
            .unwrap()
            .is_none()
    );
    let late = ensure_operator(&bench.state, &ann(), bench.day(150)).unwrap();
    assert!(
        matches!(
            late,
            Some(Done::OperatorIssued {
                why: Why::Found(Finding::ExpiresSoon { .. }),
                ..
            })
        ),
        "{late:?}"
    );
    let moved = Operator::new("fabrikam.com", "ann").unwrap();
    let found = findings(&bench, &moved);
    assert!(
        matches!(found.as_slice(), [Finding::MissingNames(_), ..]),
        "{found:?}"
    );
}

#[test]
fn ensuring_a_deployment_makes_no_operator_anew() {
    let bench = site();
    let later = bench.day(200);
    ensure(&bench.state, "Contoso test CA", &[director()], &[], later).unwrap();
    let there = Installed::of_operator(&bench.state, &ann()).unwrap();
    let found = there.check_operator(&ann(), later);
    assert!(
        matches!(found.as_slice(), [Finding::Expired { .. }, ..]),
        "{found:?}"
    );
}

#[test]
fn a_revoked_operator_is_on_the_list_of_every_machine_and_is_forgotten() {
    let bench = site();
    let mut ca = Ca::open(&bench.state.ca()).unwrap();
    forget_operator(&bench.state, &ca, "ann").unwrap();
    assert_eq!(operators(&bench.state).unwrap(), ["ann"], "in force");
    let serials = ca.revoke(Revoke::Operator("ANN"), bench.now).unwrap();
    assert_eq!(serials.len(), 1);
    distribute_crl(&bench.state, &mut ca, bench.now).unwrap();
    let list = fs::read_to_string(bench.state.ca().join("crl.pem")).unwrap();
    let machine = bench.state.tls("dir01.contoso.net", Face::Inside);
    for dir in [machine, bench.state.operator("ann")] {
        assert_eq!(fs::read_to_string(dir.join("crl.pem")).unwrap(), list);
    }
    let found = findings(&bench, &ann());
    assert!(
        matches!(found.as_slice(), [Finding::Chain(ChainFault::Revoked)]),
        "{found:?}"
    );
    forget_operator(&bench.state, &ca, "ann").unwrap();
    assert!(operators(&bench.state).unwrap().is_empty());
    let again = ca.revoke(Revoke::Operator("ann"), bench.now);
    assert!(matches!(again, Err(Error::NothingToRevoke { .. })));
}

#[test]
fn a_machine_and_an_operator_of_one_name_are_two() {
    let bench = Bench::new();
    let mut ca = Ca::init(&bench.state.ca(), "Contoso test CA", bench.now).unwrap();
    let names = ["ann".to_owned()];
    let machine = Order {
        machine: "ann",
        names: &names,
        validity: pki::MACHINE_VALIDITY,
    };
    let machine = ca.issue(&machine, bench.now).unwrap().signed.serial;
    let operator = ca.issue_operator(&ann(), bench.now).unwrap().signed.serial;
    assert_eq!(
        ca.revoke(Revoke::Operator("ann"), bench.now).unwrap(),
        [operator]
    );
    assert_eq!(
        ca.revoke(Revoke::Machine("ann"), bench.now).unwrap(),
        [machine]
    );
}

#[test]
fn a_certificate_of_another_authority_is_left() {
    let bench = site();
    let other = Bench::new();
    Ca::init(&other.state.ca(), "Another CA", other.now).unwrap();
    ensure_operator(&other.state, &ann(), other.now).unwrap();
    for file in ["cert.pem", "key.pem", "ca.pem", "crl.pem"] {
        let from = other.state.operator("ann").join(file);
        fs::copy(from, bench.state.operator("ann").join(file)).unwrap();
    }
    assert!(
        ensure_operator(&bench.state, &ann(), bench.now)
            .unwrap()
            .is_none()
    );
    let late = ensure_operator(&bench.state, &ann(), bench.day(200)).unwrap();
    assert!(matches!(late, Some(Done::OperatorLeft { .. })), "{late:?}");
}

#[test]
fn an_index_that_calls_holders_machines_is_read() {
    let bench = site();
    let path = bench.state.ca().join("index.json");
    let index = fs::read_to_string(&path).unwrap();
    fs::write(&path, index.replace("\"holder\"", "\"machine\"")).unwrap();
    let mut ca = Ca::open(&bench.state.ca()).unwrap();
    let revoked = ca.revoke(Revoke::Machine("dir01.contoso.net"), bench.now);
    assert_eq!(revoked.unwrap().len(), 1);
}
