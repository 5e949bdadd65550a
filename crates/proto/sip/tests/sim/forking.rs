//! The order in which a user's phones are tried, and what their answers come to (RFC 3261 16.6, 16.7).

use crate::workers::{Asked, Workers};
use base::net::FlowId;
use sip::Pending;
use sip::msg::{Message, Method, Name};
use std::time::Duration;

const ALICE_TO_BOB: Asked<'static> = Asked {
    method: "INVITE",
    uri: "sip:bob@contoso.com",
    from: "<sip:alice@contoso.com>;tag=a",
    to: "<sip:bob@contoso.com>",
    branch: "one",
};

/// Alice, and bob's phones with these preferences, at a Front End with one worker.
fn front_end(phones: &[&str]) -> (Workers, FlowId, Vec<FlowId>) {
    let mut w = Workers::of("fe01.contoso.net", 1);
    let alice = w.client(0, 1);
    w.sign_in(alice, "alice");
    let bobs = phones.iter().zip(2..).map(|(q, serial)| {
        let bob = w.client(0, serial);
        let contact = format!("Contact: <sip:bob@192.168.0.{serial}>;q={q}\n");
        w.sign_in_with(bob, "bob", &contact);
        bob
    });
    let bobs = bobs.collect();
    (w, alice, bobs)
}

fn rings(w: &mut Workers, flow: FlowId) -> Message {
    let invite = w.next(flow);
    assert_eq!(invite.method(), Method::Invite);
    w.answer(flow, &invite, 180, "");
    invite
}

fn cancelled(w: &mut Workers, flow: FlowId, invite: &Message) -> Message {
    let cancel = w.next(flow);
    assert_eq!(cancel.method(), Method::Cancel);
    w.answer(flow, &cancel, 200, "");
    w.answer(flow, invite, 487, "");
    assert_eq!(w.next(flow).method(), Method::Ack);
    cancel
}

fn finals(w: &mut Workers, flow: FlowId) -> Vec<u16> {
    let mut all = Vec::new();
    while !w.has_nothing(flow) {
        let status = w.next(flow).status();
        all.extend((status >= 200).then_some(status));
    }
    all
}

fn nothing_is_left(w: &mut Workers) {
    w.wait(Duration::from_secs(300));
    assert_eq!(w.node(0).pending(), Pending::default());
}

#[test]
fn phones_of_equal_preference_ring_together_and_the_next_when_they_have_refused() {
    let (mut w, alice, bobs) = front_end(&["0.9", "0.9", "0.2"]);
    w.ask(alice, &ALICE_TO_BOB, "");
    let (one, two) = (rings(&mut w, bobs[0]), rings(&mut w, bobs[1]));
    w.answer(bobs[0], &one, 486, "");
    assert_eq!(w.next(bobs[0]).method(), Method::Ack);
    assert!(w.has_nothing(bobs[2]));
    w.answer(bobs[1], &two, 480, "");
    let three = rings(&mut w, bobs[2]);
    w.answer(bobs[2], &three, 200, "");
    assert_eq!(finals(&mut w, alice), [200]);
    nothing_is_left(&mut w);
}

#[test]
fn a_group_that_rings_unheard_is_cancelled_and_the_next_is_tried() {
    let (mut w, alice, bobs) = front_end(&["1.0", "0.5"]);
    w.ask(alice, &ALICE_TO_BOB, "");
    let first = rings(&mut w, bobs[0]);
    w.wait(Duration::from_secs(19));
    assert!(w.has_nothing(bobs[1]));
    w.wait(Duration::from_secs(2));
    cancelled(&mut w, bobs[0], &first);
    let second = rings(&mut w, bobs[1]);
    w.answer(bobs[1], &second, 486, "");
    assert_eq!(finals(&mut w, alice), [486]);
    nothing_is_left(&mut w);
}

/// RFC 3261 9.1, 16.7 step 10: whoever answers in the very moment of being cancelled is heard all the same.
#[test]
fn a_phone_that_answers_while_it_is_left_gets_the_call() {
    let (mut w, alice, bobs) = front_end(&["1.0", "0.5"]);
    w.ask(alice, &ALICE_TO_BOB, "");
    let first = rings(&mut w, bobs[0]);
    w.wait(Duration::from_secs(21));
    assert_eq!(w.next(bobs[0]).method(), Method::Cancel);
    let second = rings(&mut w, bobs[1]);
    w.answer(bobs[0], &first, 200, "");
    assert_eq!(finals(&mut w, alice), [200]);
    cancelled(&mut w, bobs[1], &second);
    nothing_is_left(&mut w);
}

#[test]
fn a_cancel_and_a_refusal_for_good_end_the_search() {
    for refused in [true, false] {
        let (mut w, alice, bobs) = front_end(&["1.0", "0.5"]);
        w.ask(alice, &ALICE_TO_BOB, "");
        let first = rings(&mut w, bobs[0]);
        let expected = if refused {
            w.answer(bobs[0], &first, 603, "");
            603
        } else {
            let cancel = Asked {
                method: "CANCEL",
                ..ALICE_TO_BOB
            };
            w.ask(
                alice,
                &cancel,
                "Reason: Q.850;cause=16;text=\"Terminated\"\n",
            );
            let cancel = cancelled(&mut w, bobs[0], &first);
            let reason = cancel.text(Name::Reason);
            assert_eq!(reason, Some("Q.850;cause=16;text=\"Terminated\""));
            487
        };
        assert_eq!(finals(&mut w, alice).last(), Some(&expected));
        nothing_is_left(&mut w);
        assert!(w.has_nothing(bobs[1]), "{refused}");
    }
}

/// RFC 3326 3.1: a phone that stops ringing since another answered shall not show a missed call.
#[test]
fn the_other_phones_hear_that_the_call_was_completed_elsewhere() {
    let (mut w, alice, bobs) = front_end(&["1.0", "1.0"]);
    w.ask(alice, &ALICE_TO_BOB, "");
    let (one, two) = (rings(&mut w, bobs[0]), rings(&mut w, bobs[1]));
    w.answer(bobs[0], &one, 200, "");
    let cancel = cancelled(&mut w, bobs[1], &two);
    assert!(cancel.text(Name::Reason).unwrap().contains("cause=200"));
    assert_eq!(finals(&mut w, alice), [200]);
    nothing_is_left(&mut w);
}

/// RFC 3261 16.7 step 7.
#[test]
fn all_challenges_of_a_fork_reach_the_caller_in_one_answer() {
    let (mut w, alice, bobs) = front_end(&["1.0", "1.0", "1.0"]);
    w.ask(alice, &ALICE_TO_BOB, "");
    for (at, status, line) in [
        (
            0,
            401,
            "WWW-Authenticate: Digest realm=\"a\", nonce=\"1\"\n",
        ),
        (1, 486, ""),
        (
            2,
            407,
            "Proxy-Authenticate: Digest realm=\"b\", nonce=\"2\"\n",
        ),
    ] {
        let invite = rings(&mut w, bobs[at]);
        w.answer(bobs[at], &invite, status, line);
    }
    let mut last = w.next(alice);
    while !w.has_nothing(alice) {
        last = w.next(alice);
    }
    assert!(matches!(last.status(), 401 | 407));
    assert!(last.text(Name::WwwAuthenticate).unwrap().contains("\"a\""));
    assert!(
        last.text(Name::ProxyAuthenticate)
            .unwrap()
            .contains("\"b\"")
    );
    nothing_is_left(&mut w);
}

/// RFC 5393 5.3.3: the branches share what came, and more of them than that are refused.
#[test]
fn breadth_is_shared_and_runs_out() {
    for (came, expected) in [
        ("", Ok(vec!["30", "30"])),
        ("Max-Breadth: 5\n", Ok(vec!["3", "2"])),
        ("Max-Breadth: 1\n", Err(440)),
        ("Max-Breadth: 0\n", Err(440)),
    ] {
        let (mut w, alice, bobs) = front_end(&["1.0", "1.0"]);
        w.ask(alice, &ALICE_TO_BOB, came);
        match expected {
            Ok(shares) => {
                let of = |bob: &FlowId| w.next(*bob).text(Name::MaxBreadth).unwrap().to_owned();
                assert_eq!(bobs.iter().map(of).collect::<Vec<_>>(), shares);
            }
            Err(status) => assert_eq!(finals(&mut w, alice), [status]),
        }
        nothing_is_left(&mut w);
    }
}

/// RFC 3261 16.8: timer C is put off by a 180 and not by a 100.
#[test]
fn a_call_that_rings_too_long_ends_in_408() {
    let (mut w, alice, bobs) = front_end(&["1.0"]);
    w.ask(alice, &ALICE_TO_BOB, "");
    let invite = rings(&mut w, bobs[0]);
    w.wait(Duration::from_secs(150));
    w.answer(bobs[0], &invite, 180, "");
    w.wait(Duration::from_secs(150));
    assert!(w.has_nothing(bobs[0]));
    w.answer(bobs[0], &invite, 100, "");
    w.wait(Duration::from_secs(51));
    cancelled(&mut w, bobs[0], &invite);
    assert_eq!(finals(&mut w, alice), [408]);
    nothing_is_left(&mut w);
}

/// RFC 3263 4.3, shortened: silence of one server does not cost the caller half a minute while another is there.
#[test]
fn a_server_that_says_nothing_is_left_and_cancelled_when_it_stirs() {
    let mut w = Workers::of("edge01.contoso.net", 1);
    let alice = w.client(0, 1);
    w.ask(alice, &ALICE_TO_BOB, "");
    let first = w.asked[0].1.name.clone();
    let silent = w.opens(&first);
    let sent = w.next(silent);
    w.wait(Duration::from_secs(5));
    let second = w.asked[0].1.name.clone();
    assert_ne!(first, second);
    let other = w.opens(&second);
    let again = w.next(other);
    w.answer(silent, &sent, 100, "");
    assert_eq!(w.next(silent).method(), Method::Cancel);
    w.answer(other, &again, 200, "");
    assert_eq!(finals(&mut w, alice), [200]);
    w.answer(silent, &sent, 487, "");
    nothing_is_left(&mut w);
}

/// RFC 3261 21.5.4, 16.7 step 6.
#[test]
fn a_server_that_asks_for_a_rest_gets_it_and_its_503_goes_no_further() {
    let mut w = Workers::of("edge01.contoso.net", 1);
    let alice = w.client(0, 1);
    let ask = |w: &mut Workers, branch: &str| {
        w.ask(
            alice,
            &Asked {
                branch,
                ..ALICE_TO_BOB
            },
            "",
        )
    };
    ask(&mut w, "one");
    let first = w.asked[0].1.name.clone();
    let one = w.opens(&first);
    let sent = w.next(one);
    w.answer(one, &sent, 503, "Retry-After: 30\n");
    w.next(one);
    let second = w.asked[0].1.name.clone();
    let two = w.opens(&second);
    let sent = w.next(two);
    w.answer(two, &sent, 503, "");
    w.next(two);
    assert_eq!(finals(&mut w, alice), [500]);
    for n in 0..8 {
        ask(&mut w, &format!("then{n}"));
    }
    assert!(w.has_nothing(one), "it rests");
    w.wait(Duration::from_secs(40));
    for n in 0..8 {
        ask(&mut w, &format!("later{n}"));
    }
    assert!(!w.has_nothing(one), "it has rested");
}

/// RFC 3261 17.2.2: over TLS too, a request that comes again while it is being answered is the same one.
#[test]
fn a_request_that_comes_again_is_sent_on_once() {
    for method in ["INVITE", "MESSAGE"] {
        let (mut w, alice, bobs) = front_end(&["1.0"]);
        let request = Asked {
            method,
            ..ALICE_TO_BOB
        };
        w.ask(alice, &request, "");
        w.ask(alice, &request, "");
        let sent = w.next(bobs[0]);
        assert!(w.has_nothing(bobs[0]), "{method}");
        w.answer(bobs[0], &sent, 200, "");
        assert_eq!(finals(&mut w, alice), [200]);
        nothing_is_left(&mut w);
    }
}
