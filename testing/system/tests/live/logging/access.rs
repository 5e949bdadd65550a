//! Who is not let in, and who is let in and told that they may not ask.

use logs::wire::{Refused, Request};
use system::authority::{Authority, Naming, Validity};
use system::needs::{self, Need};
use system::stranger::{Door, Outcome, knock};
use system::tls::{Manner, PATIENCE};
use system::wait;

use super::super::site::{DIR01, EDGE01, FE01, Site};
use super::ground::{
    At, address, connect, everything, identity, names, operator, refused, running, showing,
};

const TEST: &str = "live::logging::access::without_a_good_certificate_the_handshake_fails";

#[test]
fn without_a_good_certificate_the_handshake_fails() {
    if !needs::are_met(TEST, &[Need::Program("openssl")]) {
        return;
    }
    let site = Site::new();
    let _product = site.up();
    let folder = site.folder().join("foreign");
    std::fs::create_dir_all(&folder).unwrap();
    let foreign = Authority::new(&folder).unwrap();
    let uris = ["spiffe://contoso.com/operator/ann"];
    let naming = |validity| Naming {
        common: "operator ann",
        uris: &uris,
        validity,
        ..Naming::default()
    };
    let forged = foreign
        .issue_naming("forged", &naming(Validity::Current))
        .unwrap();
    let ours = site.folder().join("ours");
    std::fs::create_dir_all(&ours).unwrap();
    let ours = Authority::of(&site.operator().state().join("ca"), &ours).unwrap();
    let over = ours.issue_naming("over", &naming(Validity::Over)).unwrap();
    for at in [At::Command, At::Search, At::Tail] {
        let root = site.operator().root();
        let door = Door {
            address: address(&site, DIR01, at),
            name: DIR01,
            root: &root,
        };
        for (shown, alert) in [
            (None, "certificate required"),
            (Some(&forged), "unknown ca"),
            (Some(&over), "certificate expired"),
        ] {
            let heard = knock(door, shown, "hello", site.folder()).unwrap();
            assert!(heard.is_alert(alert), "{alert}: {heard:?}");
        }
    }
}

#[test]
fn machines_also_edges_and_operators_of_elsewhere_are_told_that_they_may_not_ask() {
    let site = Site::new();
    let _product = site.up();
    let folder = site.folder().join("ours");
    std::fs::create_dir_all(&folder).unwrap();
    let ours = Authority::of(&site.operator().state().join("ca"), &folder).unwrap();
    let issue = |name, uris: &[&str], hosts: &[&str]| {
        let naming = Naming {
            common: "operator ann",
            uris,
            hosts,
            ..Naming::default()
        };
        showing(&site, &ours.issue_naming(name, &naming).unwrap())
    };
    let elsewhere = issue("elsewhere", &["spiffe://fabrikam.com/operator/ann"], &[]);
    let both = issue("both", &["spiffe://contoso.com/operator/ann"], &[EDGE01]);
    let capital = issue("capital", &["spiffe://contoso.com/operator/Ann"], &[]);
    let machine = |name| showing(&site, &site.operator().identity(name));
    let lets_answer = |name: &str| format!("the certificate of {name} lets a machine answer, not");
    let needed = || "an operator's certificate is needed to".to_owned();
    for (manner, why) in [
        (machine(EDGE01), lets_answer(EDGE01)),
        (machine(DIR01), lets_answer(DIR01)),
        (both, lets_answer(EDGE01)),
        (elsewhere, needed()),
        (capital, needed()),
    ] {
        for (at, request) in [
            (At::Command, Request::Status),
            (At::Command, super::ground::stop("AlwaysOn")),
            (At::Search, Request::Search(everything())),
            (At::Tail, Request::Collect(everything().span)),
            // That it is the wrong port is not theirs to know either.
            (At::Tail, Request::Show),
        ] {
            let mut agent = connect(&site, &manner, FE01, at);
            let Refused::NotAllowed(said) = refused(&mut agent, &request) else {
                panic!("{request:?}")
            };
            assert!(said.starts_with(&why), "{said}");
            agent.ended().unwrap();
        }
    }
    let ann = operator(&site, "ann");
    let mut agent = connect(&site, &ann, FE01, At::Command);
    assert_eq!(names(&running(&mut agent, &Request::Show)), ["AlwaysOn"]);
}

#[test]
fn whoever_is_revoked_does_not_stay_because_they_came_before() {
    let site = Site::new();
    let _product = site.up();
    let (ann, bob) = (operator(&site, "ann"), operator(&site, "bob"));
    let mut early = connect(&site, &ann, DIR01, At::Command);
    running(&mut early, &Request::Show);
    let mut tail = connect(&site, &ann, DIR01, At::Tail);
    tail.request(&Request::Tail(everything())).unwrap();
    let revoke = ["certs", "revoke", "--operator", "ann"];
    site.operator().done(&revoke, "").unwrap();
    site.operator().done(&["reload"], "").unwrap();
    let Refused::Failed(why) = refused(&mut early, &Request::Show) else {
        panic!("it goes on")
    };
    assert!(why.contains("loaded anew"), "{why}");
    let ended = wait::until(PATIENCE, || match tail.answer() {
        Ok(logs::wire::Answer::Refused(Refused::Failed(why))) => Some(why),
        _ => None,
    });
    assert!(ended.is_some_and(|why| why.contains("loaded anew")));
    let again = |manner: &Manner| {
        let at = address(&site, DIR01, At::Command);
        let mut agent = system::controller::Controller::connect(manner, at, DIR01)?;
        agent.ask(&Request::Show)
    };
    assert!(
        again(&ann).is_err(),
        "a revoked certificate shakes no hands"
    );
    again(&bob).unwrap();
}

#[test]
fn an_operator_is_let_in_by_openssl_too() {
    if !needs::are_met(
        "live::logging::access::an_operator_is_let_in_by_openssl_too",
        &[Need::Program("openssl")],
    ) {
        return;
    }
    let site = Site::new();
    let _product = site.up();
    super::ground::issue(&site, "ann");
    let root = site.operator().root();
    let door = Door {
        address: address(&site, DIR01, At::Command),
        name: DIR01,
        root: &root,
    };
    // What it says is no frame: it came in, and the agent ends the connection without an alert.
    let heard = knock(door, Some(&identity(&site, "ann")), "hello", site.folder()).unwrap();
    let Outcome::Refused(said) = heard else {
        panic!("{heard:?}")
    };
    assert!(!said.contains("alert"), "{said}");
}
