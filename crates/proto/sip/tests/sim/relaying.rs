//! What a node does with requests that it sends on, step by step.

use crate::workers::{Asked, Workers};
use base::net::FlowId;
use sip::Pending;
use sip::msg::{Method, Name};
use std::time::Duration;

const ALICE_TO_BOB: Asked<'static> = Asked {
    method: "INVITE",
    uri: "sip:bob@contoso.com",
    from: "<sip:alice@contoso.com>;tag=a",
    to: "<sip:bob@contoso.com>",
    branch: "one",
};

/// Alice and bob at a Front End with one worker each.
fn front_end() -> (Workers, FlowId, FlowId) {
    let mut w = Workers::of("fe01.contoso.net", 2);
    let alice = w.client(0, 1);
    let bob = w.client(1, 1);
    w.sign_in(alice, "alice");
    w.sign_in(bob, "bob");
    (w, alice, bob)
}

fn nothing_is_left(w: &mut Workers, workers: u8) {
    w.wait(Duration::from_secs(300));
    for worker in 0..workers {
        assert_eq!(w.node(worker).pending(), Pending::default(), "{worker}");
    }
}

#[test]
fn a_call_between_the_flows_of_two_workers_is_set_up_and_cancelled() {
    for cancelled in [false, true] {
        let (mut w, alice, bob) = front_end();
        w.ask(alice, &ALICE_TO_BOB, "");
        assert_eq!(w.next(alice).status(), 100);
        let invite = w.next(bob);
        assert_eq!(invite.method(), Method::Invite);
        w.answer(bob, &invite, 180, "");
        assert_eq!(w.next(alice).status(), 180);
        if cancelled {
            let cancel = Asked {
                method: "CANCEL",
                ..ALICE_TO_BOB
            };
            w.ask(alice, &cancel, "");
            assert_eq!(w.next(alice).status(), 200);
            let cancel = w.next(bob);
            assert_eq!(cancel.method(), Method::Cancel);
            w.answer(bob, &invite, 487, "");
            assert_eq!(w.next(bob).method(), Method::Ack);
            assert_eq!(w.next(alice).status(), 487);
        } else {
            w.answer(bob, &invite, 200, "");
            assert_eq!(w.next(alice).status(), 200);
        }
        assert!(w.passed >= 2, "bob's worker handed the responses over");
        nothing_is_left(&mut w, 2);
    }
}

#[test]
fn a_flow_of_another_worker_that_is_gone_is_noticed_at_once_and_leaves_nothing() {
    let (mut w, alice, bob) = front_end();
    w.close(bob);
    w.ask(alice, &ALICE_TO_BOB, "");
    assert_eq!(w.next(alice).status(), 100);
    assert_eq!(w.next(alice).status(), 480);
    nothing_is_left(&mut w, 2);
}

#[test]
fn after_a_503_the_next_server_is_waited_for() {
    for method in ["INVITE", "MESSAGE"] {
        for answer in [Some(200), None] {
            let mut w = Workers::of("edge01.contoso.net", 1);
            let alice = w.client(0, 1);
            let request = Asked {
                method,
                ..ALICE_TO_BOB
            };
            w.ask(alice, &request, "");
            let first = w.asked[0].1.name.clone();
            let flow = w.opens(&first);
            let sent = w.next(flow);
            w.answer(flow, &sent, 503, "");
            let second = w.asked[0].1.name.clone();
            assert_ne!(first, second);
            let flow = w.opens(&second);
            let sent = w.next(flow);
            if method == "INVITE" {
                assert_eq!(w.next(alice).status(), 100);
            }
            if let Some(status) = answer {
                w.answer(flow, &sent, status, "");
                assert_eq!(w.next(alice).status(), status);
            } else {
                w.wait(Duration::from_secs(33));
                // A MESSAGE is told to be patient, and no more (RFC 4320).
                let last = if method == "INVITE" { 408 } else { 100 };
                assert_eq!(w.next(alice).status(), last);
                assert!(w.has_nothing(alice));
            }
            nothing_is_left(&mut w, 1);
        }
    }
}

/// Phones behind address translators share their private addresses, and some their way of making branches.
#[test]
fn equal_branches_of_two_clients_are_two_transactions() {
    let (mut w, alice, bob) = front_end();
    let carl = w.client(0, 7);
    w.sign_in(carl, "alice");
    w.ask(alice, &ALICE_TO_BOB, "");
    w.ask(carl, &ALICE_TO_BOB, "");
    let (one, two) = (w.next(bob), w.next(bob));
    assert_ne!(one.via().unwrap().branch(), two.via().unwrap().branch());
    let cancel = Asked {
        method: "CANCEL",
        ..ALICE_TO_BOB
    };
    w.answer(bob, &one, 180, "");
    let stranger = w.client(0, 8);
    w.ask(stranger, &cancel, "");
    assert_eq!(w.next(stranger).status(), 481);
    assert!(w.has_nothing(bob));
    assert_eq!(w.next(carl).status(), 100);
    nothing_is_left(&mut w, 2);
}

#[test]
fn a_callee_that_keeps_ringing_does_not_hold_a_cancelled_call() {
    let (mut w, alice, bob) = front_end();
    w.ask(alice, &ALICE_TO_BOB, "");
    let invite = w.next(bob);
    w.answer(bob, &invite, 180, "");
    w.close(alice);
    assert_eq!(w.next(bob).method(), Method::Cancel);
    for _ in 0..20 {
        w.wait(Duration::from_secs(20));
        w.answer(bob, &invite, 180, "");
    }
    assert_eq!(w.node(0).pending().relays, 0);
}

#[test]
fn a_server_that_goes_away_while_its_call_rings_is_taken_as_having_cancelled() {
    let mut w = Workers::of("fe01.contoso.net", 1);
    let bob = w.client(0, 1);
    w.sign_in(bob, "bob");
    let director = w.server(0, 2, "dir01.contoso.net");
    let identity = "P-Asserted-Identity: <sip:alice@contoso.com>\n";
    w.ask(director, &ALICE_TO_BOB, identity);
    let invite = w.next(bob);
    w.answer(bob, &invite, 180, "");
    w.close(director);
    assert_eq!(w.next(bob).method(), Method::Cancel);
    nothing_is_left(&mut w, 1);
}

#[test]
fn a_client_says_in_a_response_who_it_is_no_more_than_in_a_request() {
    let (mut w, alice, bob) = front_end();
    w.ask(alice, &ALICE_TO_BOB, "");
    w.next(alice);
    let invite = w.next(bob);
    let ceo =
        "P-Asserted-Identity: <sip:ceo@contoso.com>\nP-Preferred-Identity: <sip:ceo@contoso.com>\n";
    w.answer(bob, &invite, 200, ceo);
    let accepted = w.next(alice);
    assert_eq!(accepted.status(), 200);
    assert!(accepted.get(Name::PAssertedIdentity).is_none());
    assert!(accepted.get(Name::PPreferredIdentity).is_none());
}

/// RFC 3261 16.7 step 6: a phone that is overloaded says nothing about the servers between.
#[test]
fn a_503_of_a_phone_goes_no_further_as_such() {
    let (mut w, alice, bob) = front_end();
    w.ask(alice, &ALICE_TO_BOB, "");
    w.next(alice);
    let invite = w.next(bob);
    w.answer(bob, &invite, 503, "");
    assert_eq!(w.next(bob).method(), Method::Ack);
    assert_eq!(w.next(alice).status(), 500);
}
