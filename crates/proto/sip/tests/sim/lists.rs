//! One subscription for all on a list (RFC 4662, RFC 5367).

use crate::deployment::{DIR1, Deployment, EDGE_OUTSIDE, FE1, user};
use crate::dialog::DialogState;
use crate::events::{ask, notified, publication, says, signed_in};
use crate::workers::Workers;
use base::net::FlowId;
use directory::{Blocked, Change, Revision};
use sip::config::InternalSignIn;
use sip::msg::{Message, Method, Name};
use std::time::Duration;

pub(crate) const KNOWS: &str =
    "Event: presence\nSupported: eventlist\nRequire: recipient-list-subscribe\n";

pub(crate) fn list(entries: &[&str]) -> String {
    let entry = |name: &&str| format!("<entry uri='sip:{name}'/>");
    let entries: String = entries.iter().map(entry).collect();
    format!(
        "Content-Type: application/resource-lists+xml\nContent-Disposition: recipient-list\n\n\
         <resource-lists xmlns='urn:ietf:params:xml:ns:resource-lists'><list>{entries}</list></resource-lists>"
    )
}

/// How often a notification has this.
pub(crate) fn count(notify: &Message, text: &str) -> usize {
    std::str::from_utf8(notify.body())
        .unwrap()
        .matches(text)
        .count()
}

fn kept(machine: &Workers) -> usize {
    let nodes = (0..2).map(|worker| machine.node(worker).stats().subscriptions);
    nodes.sum()
}

/// Alice subscribes to bob, dora and erin, by a worker that may not be the one that keeps her.
fn subscribed(worker: u8) -> (Workers, FlowId, Message) {
    let mut machine = Workers::of("fe01.contoso.net", 2);
    let alice = machine.client(worker, 1);
    machine.sign_in(alice, "alice");
    let entries = ["bob@contoso.com", "dora@contoso.com", "erin@contoso.com"];
    say(
        &mut machine,
        alice,
        "<sip:rls@contoso.com>",
        1,
        &format!("{KNOWS}{}", list(&entries)),
    );
    let answer = machine.next(alice);
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.text(Name::Require), Some("eventlist"));
    machine.wait(Duration::from_secs(1));
    (machine, alice, answer)
}

pub(crate) fn say(machine: &mut Workers, flow: FlowId, to: &str, cseq: u32, lines: &str) {
    let (lines, body) = lines
        .split_once("\n\n")
        .unwrap_or_else(|| (lines.trim_end(), ""));
    let uri = if cseq == 1 {
        "sip:rls@contoso.com"
    } else {
        "sip:fe01.contoso.net:5061;transport=tls"
    };
    machine.say(
        flow,
        &format!(
            "SUBSCRIBE {uri} SIP/2.0\nVia: SIP/2.0/TLS 192.168.0.2;branch=z9hG4bKs{cseq}\nMax-Forwards: 70\n\
             From: <sip:alice@contoso.com>;tag=a\nTo: {to}\nCall-ID: list\nCSeq: {cseq} SUBSCRIBE\n\
             Contact: <sip:x@192.168.0.2>\n{lines}\nContent-Length: {}\n\n{body}",
            body.len()
        ),
    );
}

pub(crate) fn hear(machine: &mut Workers, flow: FlowId) -> Message {
    let notify = machine.next(flow);
    assert_eq!(notify.method(), Method::Notify);
    assert_eq!(notify.text(Name::Require), Some("eventlist"));
    machine.answer(flow, &notify, 200, "");
    notify
}

#[test]
fn a_list_is_told_whole_then_what_changes_and_ends_with_all_its_entries() {
    let (mut machine, alice, answer) = subscribed(0);
    let first = hear(&mut machine, alice);
    assert!(says(&first, "fullState=\"true\"") && says(&first, "version=\"0\""));
    assert_eq!(count(&first, "<resource "), 3);
    assert_eq!(count(&first, "state=\"active\""), 3);
    assert_eq!(count(&first, "<basic>closed</basic>"), 3);
    assert_eq!(kept(&machine), 4, "the list and its entries");
    assert!(machine.told > 0, "two workers keep them");

    machine.wait(Duration::from_secs(2));
    let bob = machine.client(1, 2);
    machine.sign_in(bob, "bob");
    machine.wait(Duration::from_secs(2));
    let changed = hear(&mut machine, alice);
    assert!(says(&changed, "fullState=\"false\"") && says(&changed, "version=\"1\""));
    assert_eq!(count(&changed, "<resource "), 1);
    assert!(says(&changed, "uri=\"sip:bob@contoso.com\"") && says(&changed, "open"));

    let mut dora = user("dora", "fepool01.contoso.net");
    dora.blocked = vec![Blocked::parse("alice@contoso.com").unwrap()];
    machine.users.apply(Revision(100), Change::Put(dora));
    machine.wait(Duration::from_secs(5));
    let blocked = hear(&mut machine, alice);
    assert_eq!(count(&blocked, "<resource "), 1);
    assert!(says(&blocked, "state=\"terminated\" reason=\"rejected\""));
    assert!(says(&blocked, "dora") && !says(&blocked, "<basic>"));

    let to = answer.to().unwrap();
    let to = format!("<{}>;tag={}", to.uri, to.tag().unwrap());
    machine.wait(Duration::from_secs(2));
    say(
        &mut machine,
        alice,
        &to,
        2,
        "Event: presence\nSupported: eventlist\nExpires: 600",
    );
    assert_eq!(machine.next(alice).status(), 200);
    machine.wait(Duration::from_secs(1));
    let whole = hear(&mut machine, alice);
    assert!(says(&whole, "fullState=\"true\""));
    assert_eq!(
        (count(&whole, "<resource "), count(&whole, "<basic>")),
        (3, 2)
    );
    machine.wait(Duration::from_secs(3));
    assert!(machine.has_nothing(alice), "nothing has changed since");

    say(
        &mut machine,
        alice,
        &to,
        3,
        "Event: presence\nSupported: eventlist\nExpires: 0",
    );
    assert_eq!(machine.next(alice).status(), 200);
    let last = hear(&mut machine, alice);
    let state = last.text(Name::SubscriptionState);
    assert_eq!(state, Some("terminated;reason=timeout"));
    assert_eq!(kept(&machine), 0);
}

#[test]
fn nothing_is_left_of_a_list_whose_watcher_is_gone() {
    let (mut machine, alice, _) = subscribed(0);
    assert_eq!(kept(&machine), 4);
    machine.close(alice);
    assert_eq!(kept(&machine), 0);
}

#[test]
fn what_found_no_room_between_workers_is_told_later() {
    let (mut machine, alice, _) = subscribed(1);
    hear(&mut machine, alice);
    machine.wait(Duration::from_secs(2));
    // The list is this worker's: who keeps it hears of the flow without a letter.
    machine.is_full = true;
    machine.close(alice);
    assert!(kept(&machine) > 0, "the entries of the other worker");
    machine.is_full = false;
    machine.wait(Duration::from_secs(1));
    assert_eq!(kept(&machine), 0);
}

#[test]
fn a_list_is_served_by_the_home_of_the_watcher_wherever_they_are() {
    for (seed, at) in (0..).zip([FE1, DIR1, EDGE_OUTSIDE]) {
        let d = &mut Deployment::with(seed, InternalSignIn::Proxy);
        let mut alice = signed_in(d, "alice", at);
        let mut bob = signed_in(d, "bob", FE1);
        let lines = format!(
            "{KNOWS}{}",
            list(&["bob@contoso.com", "nobody@contoso.com"])
        );
        let answer = ask(d, &mut alice, "SUBSCRIBE", "rls", &lines);
        assert_eq!(answer.status(), 200, "{at}");
        let dialog = DialogState::of_caller(&answer);
        let first = notified(d, &mut alice);
        assert!(says(&first, "<basic>open</basic>") && says(&first, "reason=\"noresource\""));
        assert_eq!(
            ask(d, &mut bob, "PUBLISH", "bob", &publication("closed")).status(),
            200
        );
        assert!(says(&notified(d, &mut alice), "<basic>closed</basic>"));
        let over =
            "Event: presence\nExpires: 0\nSupported: eventlist\nContact: <sip:new@192.0.2.7>\n";
        alice.in_dialog_with(d, "SUBSCRIBE", &dialog, over);
        assert_eq!(alice.wait_final(d, Method::Subscribe).status(), 200);
        let last = notified(d, &mut alice);
        assert_eq!(
            last.text(Name::SubscriptionState),
            Some("terminated;reason=timeout")
        );
        assert_eq!(d.world.host(d.fe1).unwrap().node.stats().subscriptions, 0);
    }
}

#[test]
fn who_fetches_a_list_is_told_once() {
    let d = &mut Deployment::with(3, InternalSignIn::Proxy);
    let mut alice = signed_in(d, "alice", FE1);
    let lines = format!("{KNOWS}Expires: 0\n{}", list(&["bob@contoso.com"]));
    assert_eq!(ask(d, &mut alice, "SUBSCRIBE", "rls", &lines).status(), 200);
    let only = notified(d, &mut alice);
    assert!(says(&only, "<basic>closed</basic>"));
    let state = only.text(Name::SubscriptionState);
    assert_eq!(state, Some("terminated;reason=timeout"));
    assert_eq!(d.world.host(d.fe1).unwrap().node.stats().subscriptions, 0);
}

#[test]
fn a_list_that_cannot_be_served_is_refused() {
    let d = &mut Deployment::with(4, InternalSignIn::Proxy);
    let mut alice = signed_in(d, "alice", FE1);
    let bob = list(&["bob@contoso.com"]);
    let good = format!("{KNOWS}{bob}");
    let cases = [
        ("rls", good.replace("Supported: eventlist\n", ""), 421),
        ("rls", good.replace("resource-lists+xml", "text"), 415),
        (
            "rls",
            good.replace("Content-Type", "Content-Encoding: gzip\nContent-Type"),
            415,
        ),
        (
            "rls",
            good.replace("Content-Type", "Content-Encoding: deflate\nContent-Type"),
            400,
        ),
        ("rls", good.replace("Require: ", "Require: nonsense, "), 420),
        ("rls", format!("Accept: application/pidf+xml\n{good}"), 406),
        ("rls", good.replace("</list>", "<list/></list>"), 400),
        ("rls", KNOWS.to_owned(), 400),
        ("rls", good.replace("Event: presence", "Event: reg"), 489),
        ("bob", good.clone(), 420),
    ];
    for (to, lines, status) in cases {
        let refused = ask(d, &mut alice, "SUBSCRIBE", to, &lines);
        assert_eq!(refused.status(), status, "{to} {lines}");
        if status == 415 {
            assert_eq!(refused.text(Name::AcceptEncoding), Some("deflate"));
        }
        if status == 421 {
            assert_eq!(refused.text(Name::Require), Some("eventlist"));
        }
    }
    assert_eq!(d.world.host(d.fe1).unwrap().node.stats().subscriptions, 0);
}
