//! Topology hiding as phones outside and a partner's server see it: all that they hear is kept, and names nothing of the
//! inside.

use std::collections::BTreeSet;
use std::net::IpAddr;

use sip::msg::Name;
use system::agent::{Agent, Dialog};
use system::needs::are_met;

use super::federation::{BOB, DOMAIN, NEEDS, Trial, call, message, set_up};

/// Where phones inside say that they are.
const DESK: &str = "sip:desk@10.20.30.40:5060";

/// What nobody outside may read.
fn inner(trial: &Trial) -> Vec<String> {
    let names = trial.product.names();
    let machines = ["edge01", "dir01", "dir02", "fe01", "fe02"];
    let addresses: BTreeSet<IpAddr> = machines
        .iter()
        .flat_map(|machine| names.addresses(&format!("{machine}.contoso.net")).to_vec())
        .collect();
    assert!(addresses.len() >= machines.len(), "{addresses:?}");
    let words = ["contoso.net", "dirpool", "fepool", "10.20.30."];
    let addresses = addresses.iter().map(ToString::to_string);
    words
        .map(str::to_owned)
        .into_iter()
        .chain(addresses)
        .collect()
}

fn hears_nothing_inner(agent: &Agent, inner: &[String]) {
    let heard = String::from_utf8_lossy(agent.heard());
    assert!(!heard.is_empty(), "{} heard nothing", agent.aor());
    for line in heard.lines() {
        let shown = inner.iter().find(|word| line.contains(word.as_str()));
        assert_eq!(shown, None, "{} heard {line} in\n{heard}", agent.aor());
    }
}

/// Sends a request inside a dialog; the other end takes it.
fn inside(from: &mut Agent, to: &mut Agent, dialog: &mut Dialog, method: &str) {
    let sent = from.within(dialog, method);
    let sent = from.begin(sent).unwrap();
    let came = to.expect(method).unwrap();
    // Kamailio puts a parameter of its own behind it.
    assert!(came.uri().starts_with(to.contact()), "{}", came.uri());
    if method != "ACK" {
        to.answer(&came, 200).unwrap();
        from.expect_status(&sent, 200).unwrap();
    }
}

/// A call that is changed by both ends before it ends.
fn changed_call(caller: &mut Agent, callee: &mut Agent, uri: &str) {
    let (_, mut here, mut there) = set_up(caller, callee, uri);
    for method in ["INVITE", "ACK", "INFO"] {
        inside(caller, callee, &mut here, method);
        inside(callee, caller, &mut there, method);
    }
    inside(callee, caller, &mut there, "BYE");
}

/// A call that is refused, and one that is cancelled.
fn calls_that_fail(caller: &mut Agent, callee: &mut Agent, uri: &str) {
    for cancelled in [false, true] {
        let invite = caller.request("INVITE", uri);
        let invite = caller.begin(invite).unwrap();
        let asked = callee.expect("INVITE").unwrap();
        let status = if cancelled {
            callee.answer(&asked, 180).unwrap();
            caller.expect_status(&invite, 180).unwrap();
            let cancel = caller.cancel(&invite);
            caller.send(&cancel).unwrap();
            let cancel = callee.expect("CANCEL").unwrap();
            callee.answer(&cancel, 200).unwrap();
            487
        } else {
            486
        };
        let refusal = callee
            .response(&asked, status)
            .with("Warning", "399 desk.contoso.net \"Not now\"")
            .with("Error-Info", "<https://help.contoso.net/busy>");
        callee.send(&refusal).unwrap();
        let end = caller.expect_status(&invite, status).unwrap();
        caller.acknowledge(&invite, &end).unwrap();
        callee.expect("ACK").unwrap();
    }
}

fn subscribes(watcher: &mut Agent, package: &str, uri: &str) {
    let first = watcher.request("SUBSCRIBE", uri).with("Event", package);
    let (sent, accepted) = watcher.prove(first).unwrap();
    assert_eq!(accepted.status(), 200, "{package}");
    let told = watcher.expect("NOTIFY").unwrap();
    watcher.answer(&told, 200).unwrap();
    let mut dialog = Dialog::of_caller(&sent, &accepted).unwrap();
    let last = watcher.within(&mut dialog, "SUBSCRIBE");
    let last = last.with("Event", package).with("Expires", 0);
    let (_, ended) = watcher.prove(last).unwrap();
    assert_eq!(ended.status(), 200, "{package}");
    let told = watcher.expect("NOTIFY").unwrap();
    watcher.answer(&told, 200).unwrap();
}

#[test]
fn phones_outside_hear_nothing_of_the_inside() {
    let trial = Trial::start(|_, _| String::new());
    let inner = inner(&trial);
    let (mut desk, mut away) = (trial.alice().at(DESK), trial.outside());
    let (desk_uri, away_uri) = (trial.user(0).uri.clone(), trial.user(1).uri.clone());
    changed_call(&mut desk, &mut away, &away_uri);
    changed_call(&mut away, &mut desk, &desk_uri);
    call(&mut away, &mut desk, &desk_uri, false);
    calls_that_fail(&mut desk, &mut away, &away_uri);
    calls_that_fail(&mut away, &mut desk, &desk_uri);
    message(&mut desk, &mut away, &away_uri);
    message(&mut away, &mut desk, &desk_uri);
    subscribes(&mut away, "presence", &desk_uri);
    subscribes(&mut away, "reg", &away_uri);
    let registration = away
        .registration()
        .with("Supported", "path, gruu, outbound");
    let registered = away.sign_in(registration).unwrap();
    assert!(registered.get(Name::Path).is_some());
    let nobody = away.request("MESSAGE", "sip:nobody@contoso.com");
    assert_eq!(away.prove(nobody).unwrap().1.status(), 404);
    hears_nothing_inner(&away, &inner);
}

/// What the partner's phone hears, its server has heard from our Edge: it hides nothing.
#[test]
fn a_partner_hears_nothing_of_the_inside() {
    if !are_met("hiding::a_partner_hears_nothing_of_the_inside", &NEEDS) {
        return;
    }
    let trial = Trial::allowing();
    let inner = inner(&trial);
    let identity = trial.authority.issue(&[DOMAIN]).unwrap();
    let _partner = trial.partner(&identity).unwrap();
    let (mut desk, mut bob) = (trial.alice().at(DESK), trial.bob());
    let ours = trial.user(0).uri.clone();
    changed_call(&mut desk, &mut bob, BOB);
    changed_call(&mut bob, &mut desk, &ours);
    calls_that_fail(&mut desk, &mut bob, BOB);
    calls_that_fail(&mut bob, &mut desk, &ours);
    message(&mut desk, &mut bob, BOB);
    message(&mut bob, &mut desk, &ours);
    let mut away = trial.outside();
    let theirs = trial.user(1).uri.clone();
    changed_call(&mut away, &mut bob, BOB);
    changed_call(&mut bob, &mut away, &theirs);
    hears_nothing_inner(&bob, &inner);
    hears_nothing_inner(&away, &inner);
}
