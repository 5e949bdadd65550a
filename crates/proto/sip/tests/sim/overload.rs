//! Overload between our own machines (RFC 7339), and what is refused when a table is nearly full.

use crate::workers::{Asked, Workers};
use base::net::FlowId;
use sip::config::Bounds;
use sip::msg::{Method, Name};
use std::time::Duration;

const ALICE_TO_BOB: Asked<'static> = Asked {
    method: "INVITE",
    uri: "sip:bob@contoso.com",
    from: "<sip:alice@contoso.com>;tag=a",
    to: "<sip:bob@contoso.com>",
    branch: "one",
};
const OFFER: &str = ";oc;oc-algo=\"loss\"";

fn relief(percent: u8, sequence: u8) -> String {
    format!(";oc={percent};oc-algo=\"loss\";oc-validity=1000;oc-seq={sequence}.5")
}

fn ask(w: &mut Workers, flow: FlowId, branch: &str, lines: &str) {
    w.ask(
        flow,
        &Asked {
            branch,
            ..ALICE_TO_BOB
        },
        lines,
    );
}

/// An Edge with its flows to both Directors open, and alice outside.
fn edge() -> (Workers, FlowId, [FlowId; 2]) {
    let mut w = Workers::of("edge01.contoso.net", 1);
    let alice = w.client(0, 1);
    let one = w.server(0, 2, "dir01.contoso.net");
    let two = w.server(0, 3, "dir02.contoso.net");
    (w, alice, [one, two])
}

/// Sends until a request has come to this server; answers with what it asks for.
fn told(w: &mut Workers, alice: FlowId, server: FlowId, name: &str, asks: &str) {
    for n in 0..64 {
        ask(w, alice, &format!("{name}{n}"), "");
        if !w.has_nothing(server) {
            let invite = w.next(server);
            assert!(invite.text(Name::Via).unwrap().contains(OFFER));
            w.answer_changed(server, &invite, 486, "", |text| {
                text.replacen(OFFER, asks, 1)
            });
            return;
        }
    }
    panic!("nothing reached the server");
}

fn empty(w: &mut Workers, flow: FlowId) -> usize {
    let mut invites = 0;
    while !w.has_nothing(flow) {
        invites += usize::from(w.next(flow).method() == Method::Invite);
    }
    invites
}

#[test]
fn a_server_that_asks_for_relief_gets_it_for_as_long_as_it_said() {
    let (mut w, alice, [one, two]) = edge();
    told(&mut w, alice, one, "first", &relief(100, 1));
    empty(&mut w, one);
    empty(&mut w, two);
    for n in 0..20 {
        ask(&mut w, alice, &format!("held{n}"), "");
    }
    assert_eq!((empty(&mut w, one), empty(&mut w, two)), (0, 20));
    assert!(w.node(0).stats().held_back > 0);
    w.wait(Duration::from_millis(1_500));
    for n in 0..20 {
        ask(&mut w, alice, &format!("later{n}"), "");
    }
    assert!(empty(&mut w, one) > 0, "what it asked for has ended");
}

#[test]
fn a_part_is_held_back_when_a_part_is_asked_for_and_old_news_count_for_nothing() {
    let (mut w, alice, [one, two]) = edge();
    for server in [one, two] {
        told(
            &mut w,
            alice,
            server,
            &format!("first{server:?}"),
            &relief(100, 9),
        );
    }
    told_late(&mut w, alice, one, two);
    empty(&mut w, one);
    empty(&mut w, two);
    for n in 0..20 {
        ask(&mut w, alice, &format!("held{n}"), "");
    }
    assert_eq!((empty(&mut w, one), empty(&mut w, two)), (0, 0));
    let mut refused = 0;
    while !w.has_nothing(alice) {
        refused += usize::from(w.next(alice).status() == 503);
    }
    assert!(refused >= 20);
}

/// An answer from before arrives late.
fn told_late(w: &mut Workers, alice: FlowId, one: FlowId, two: FlowId) {
    let emergency = "Priority: emergency\n";
    for n in 0..64 {
        ask(w, alice, &format!("sos{n}"), emergency);
    }
    for server in [one, two] {
        let invite = w.next(server);
        let old = relief(0, 1);
        w.answer_changed(server, &invite, 486, "", |text| {
            text.replacen(OFFER, &old, 1)
        });
    }
}

#[test]
fn a_nearly_full_table_asks_servers_for_relief_and_keeps_the_rest_for_emergencies() {
    let bounds = Bounds {
        relays: 100,
        ..Bounds::default()
    };
    let mut w = Workers::with("fe01.contoso.net", 1, bounds);
    let bob = w.client(0, 1);
    w.sign_in(bob, "bob");
    let director = w.server(0, 2, "dir01.contoso.net");
    let identity = "P-Asserted-Identity: <sip:alice@contoso.com>\n";
    let offered = format!("{OFFER};x");
    let mut statuses = Vec::new();
    for n in 0..105 {
        ask(&mut w, director, &format!("b{n}{offered}"), identity);
        let answer = w.next(director);
        let via = answer.text(Name::Via).unwrap().to_owned();
        statuses.push((answer.status(), via));
    }
    let asks = |(_, via): &(u16, String)| via.contains(";oc=") && via.contains("oc-seq=");
    assert!(!statuses[..80].iter().any(asks));
    assert!(statuses[90..].iter().all(asks), "{:?}", statuses[90]);
    assert!(statuses[..95].iter().all(|(status, _)| *status == 100));
    assert!(statuses[95..].iter().all(|(status, _)| *status == 503));
    let sos = format!("{identity}Priority: emergency\n");
    ask(&mut w, director, "sos", &sos);
    assert_eq!(w.next(director).status(), 100);
}

/// RFC 7339 5.1: only who offers to hold back is asked, and clients are not.
#[test]
fn clients_are_asked_for_nothing() {
    let bounds = Bounds {
        relays: 10,
        ..Bounds::default()
    };
    let mut w = Workers::with("fe01.contoso.net", 1, bounds);
    let (alice, bob) = (w.client(0, 1), w.client(0, 2));
    w.sign_in(alice, "alice");
    w.sign_in(bob, "bob");
    for n in 0..10 {
        ask(&mut w, alice, &format!("b{n}{OFFER};x"), "");
        let via = w.next(alice).text(Name::Via).unwrap().to_owned();
        assert!(!via.contains(";oc="), "{via}");
    }
}
