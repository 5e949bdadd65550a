//! Calls and messages between inside and outside.

use crate::deployment::{DIR1, Deployment, EDGE_OUTSIDE, FE1, FE2};
use crate::dialog::DialogState;
use crate::phone::Phone;
use sip::config::InternalSignIn;
use sip::msg::{Method, Name};
use std::time::Duration;

/// Where the two ends of a call are.
const PLACES: [(&str, &str); 5] = [
    (FE1, FE1),
    (FE1, EDGE_OUTSIDE),
    (EDGE_OUTSIDE, FE1),
    (EDGE_OUTSIDE, EDGE_OUTSIDE),
    (DIR1, EDGE_OUTSIDE),
];

fn signed_in(d: &mut Deployment, user: &'static str, at: &str) -> Phone {
    let mut phone = Phone::connect(d, user, at);
    let status = phone.register(d, "").status();
    assert_eq!(status, 200, "{user} at {at}");
    phone
}

fn begin(
    d: &mut Deployment,
    caller: &mut Phone,
    method: &str,
    to: &str,
    at: &str,
) -> crate::phone::Sent {
    if at == EDGE_OUTSIDE {
        caller.request_with_credentials(d, method, to)
    } else {
        caller.request(d, method, to, "")
    }
}

#[test]
fn a_call_is_set_up_answered_and_ended_by_either_side() {
    for (seed, (caller_at, callee_at)) in (0..).zip(PLACES) {
        for ended_by_caller in [true, false] {
            let mut d = Deployment::with(seed, InternalSignIn::Proxy);
            let mut alice = signed_in(&mut d, "alice", caller_at);
            let mut bob = signed_in(&mut d, "bob", callee_at);
            begin(&mut d, &mut alice, "INVITE", "bob", caller_at);
            let invite = bob.wait_request(&mut d, Method::Invite);
            assert_eq!(invite.uri(), bob.contact);
            assert_eq!(
                invite.text(Name::PAssertedIdentity),
                Some("<sip:alice@contoso.com>")
            );
            assert!(invite.get(Name::ProxyAuthorization).is_none());
            bob.answer(&mut d, &invite, 180);
            alice.wait(&mut d, "180", |m| m.status() == 180);
            bob.answer(&mut d, &invite, 200);
            let accepted = alice.wait(&mut d, "200", |m| {
                m.status() == 200 && m.method() == Method::Invite
            });
            let of_alice = DialogState::of_caller(&accepted);
            let of_bob = DialogState::of_callee(&invite, "tbob");
            alice.in_dialog(&mut d, "ACK", &of_alice);
            bob.wait_request(&mut d, Method::Ack);
            let (ender, other, dialog) = if ended_by_caller {
                (&mut alice, &mut bob, of_alice)
            } else {
                (&mut bob, &mut alice, of_bob)
            };
            ender.in_dialog(&mut d, "BYE", &dialog);
            let bye = other.wait_request(&mut d, Method::Bye);
            other.answer(&mut d, &bye, 200);
            let end = ender.wait_final(&mut d, Method::Bye);
            assert_eq!(end.status(), 200, "{caller_at} -> {callee_at}");
        }
    }
}

#[test]
fn a_message_reaches_every_endpoint_and_is_answered_once() {
    for (seed, (caller_at, callee_at)) in (0..).zip(PLACES) {
        let mut d = Deployment::with(seed, InternalSignIn::Proxy);
        let mut alice = signed_in(&mut d, "alice", caller_at);
        let mut desk = signed_in(&mut d, "bob", callee_at);
        d.world.run_for(Duration::from_micros(7_001));
        let mut mobile = signed_in(&mut d, "bob", EDGE_OUTSIDE);
        begin(&mut d, &mut alice, "MESSAGE", "bob", caller_at);
        for phone in [&mut desk, &mut mobile] {
            let message = phone.wait_request(&mut d, Method::Message);
            phone.answer(&mut d, &message, 200);
        }
        assert_eq!(alice.wait_final(&mut d, Method::Message).status(), 200);
        d.world.run_for(Duration::from_secs(1));
        assert!(alice.has_no(&mut d, |m| m.method() == Method::Message));
    }
}

#[test]
fn the_caller_cancels_and_the_callee_stops_ringing() {
    for (seed, (caller_at, callee_at)) in (0..).zip(PLACES) {
        let mut d = Deployment::with(seed, InternalSignIn::Proxy);
        let mut alice = signed_in(&mut d, "alice", caller_at);
        let mut bob = signed_in(&mut d, "bob", callee_at);
        let sent = begin(&mut d, &mut alice, "INVITE", "bob", caller_at);
        let invite = bob.wait_request(&mut d, Method::Invite);
        bob.answer(&mut d, &invite, 180);
        alice.wait(&mut d, "180", |m| m.status() == 180);
        alice.resend(&mut d, "CANCEL", &sent, "");
        let cancel = bob.wait_request(&mut d, Method::Cancel);
        bob.answer(&mut d, &cancel, 200);
        bob.answer(&mut d, &invite, 487);
        bob.wait_request(&mut d, Method::Ack);
        assert_eq!(alice.wait_final(&mut d, Method::Cancel).status(), 200);
        let ended = alice.wait_final(&mut d, Method::Invite);
        assert_eq!(ended.status(), 487, "{caller_at} -> {callee_at}");
        alice.ack(&mut d, &sent, &ended);
        no_relay_is_left(&mut d);
    }
}

#[test]
fn a_busy_callee_is_told_to_the_caller() {
    for (seed, (caller_at, callee_at)) in (0..).zip(PLACES) {
        let mut d = Deployment::with(seed, InternalSignIn::Proxy);
        let mut alice = signed_in(&mut d, "alice", caller_at);
        let mut bob = signed_in(&mut d, "bob", callee_at);
        let sent = begin(&mut d, &mut alice, "INVITE", "bob", caller_at);
        let invite = bob.wait_request(&mut d, Method::Invite);
        bob.answer(&mut d, &invite, 486);
        bob.wait_request(&mut d, Method::Ack);
        let busy = alice.wait_final(&mut d, Method::Invite);
        assert_eq!(busy.status(), 486);
        alice.ack(&mut d, &sent, &busy);
        no_relay_is_left(&mut d);
    }
}

#[test]
fn the_first_endpoint_to_answer_wins_and_the_others_are_cancelled() {
    let mut d = Deployment::new(40);
    let mut alice = signed_in(&mut d, "alice", FE1);
    let mut desk = signed_in(&mut d, "bob", FE1);
    d.world.run_for(Duration::from_micros(7_001));
    let mut mobile = signed_in(&mut d, "bob", EDGE_OUTSIDE);
    alice.request(&mut d, "INVITE", "bob", "");
    let at_desk = desk.wait_request(&mut d, Method::Invite);
    let at_mobile = mobile.wait_request(&mut d, Method::Invite);
    desk.answer(&mut d, &at_desk, 180);
    mobile.answer(&mut d, &at_mobile, 180);
    mobile.answer(&mut d, &at_mobile, 200);
    assert_eq!(alice.wait_final(&mut d, Method::Invite).status(), 200);
    let cancel = desk.wait_request(&mut d, Method::Cancel);
    desk.answer(&mut d, &cancel, 200);
    desk.answer(&mut d, &at_desk, 487);
    desk.wait_request(&mut d, Method::Ack);
}

#[test]
fn a_user_of_the_other_pool_is_reached() {
    let mut d = Deployment::new(41);
    let mut alice = signed_in(&mut d, "alice", FE1);
    let mut carol = signed_in(&mut d, "carol", FE2);
    alice.request(&mut d, "MESSAGE", "carol", "");
    let message = carol.wait_request(&mut d, Method::Message);
    carol.answer(&mut d, &message, 200);
    assert_eq!(alice.wait_final(&mut d, Method::Message).status(), 200);
}

#[test]
fn who_is_not_there_and_who_does_not_exist() {
    let mut d = Deployment::new(42);
    let mut alice = signed_in(&mut d, "alice", FE1);
    for (to, expected) in [("bob", 480), ("nobody", 404)] {
        let sent = alice.request(&mut d, "INVITE", to, "");
        let refused = alice.wait_final(&mut d, Method::Invite);
        assert_eq!(refused.status(), expected);
        alice.ack(&mut d, &sent, &refused);
    }
}

#[test]
fn a_stranger_is_challenged_and_an_impostor_refused() {
    for at in [FE1, DIR1, EDGE_OUTSIDE] {
        let mut d = Deployment::new(43);
        let mut stranger = Phone::connect(&mut d, "mallory", at);
        stranger.request(
            &mut d,
            "INVITE",
            "bob",
            "P-Asserted-Identity: <sip:alice@contoso.com>\n",
        );
        let answer = stranger.wait_final(&mut d, Method::Invite);
        assert_eq!(answer.status(), 407, "{at}");
    }
}

/// The callee's connection breaks while a call is up; it signs in again on a new one and the call goes on.
#[test]
fn a_dialog_survives_the_callees_new_connection_inside() {
    let mut d = Deployment::new(44);
    let mut alice = signed_in(&mut d, "alice", FE1);
    let mut bob = signed_in(&mut d, "bob", FE1);
    alice.request(&mut d, "INVITE", "bob", "");
    let invite = bob.wait_request(&mut d, Method::Invite);
    bob.answer(&mut d, &invite, 200);
    let accepted = alice.wait_final(&mut d, Method::Invite);
    let dialog = DialogState::of_caller(&accepted);
    alice.in_dialog(&mut d, "ACK", &dialog);
    bob.wait_request(&mut d, Method::Ack);
    d.world.close(bob.flow);
    let contact = bob.contact.clone();
    let mut again = Phone::connect(&mut d, "bob", FE1);
    again.contact = contact;
    assert_eq!(again.register(&mut d, "").status(), 200);
    alice.in_dialog(&mut d, "BYE", &dialog);
    let bye = again.wait_request(&mut d, Method::Bye);
    again.answer(&mut d, &bye, 200);
    assert_eq!(alice.wait_final(&mut d, Method::Bye).status(), 200);
}

#[test]
fn a_caller_who_vanishes_while_it_rings_is_cancelled() {
    let mut d = Deployment::new(45);
    let mut alice = signed_in(&mut d, "alice", FE1);
    let mut bob = signed_in(&mut d, "bob", FE1);
    alice.request(&mut d, "INVITE", "bob", "");
    let invite = bob.wait_request(&mut d, Method::Invite);
    bob.answer(&mut d, &invite, 180);
    alice.wait(&mut d, "180", |m| m.status() == 180);
    d.world.close(alice.flow);
    bob.wait_request(&mut d, Method::Cancel);
}

#[test]
fn nobody_answers_a_call_and_the_caller_is_told() {
    let mut d = Deployment::new(46);
    let mut alice = signed_in(&mut d, "alice", FE1);
    let mut bob = signed_in(&mut d, "bob", EDGE_OUTSIDE);
    let sent = alice.request(&mut d, "INVITE", "bob", "");
    bob.wait_request(&mut d, Method::Invite);
    let late = alice.wait_final(&mut d, Method::Invite);
    assert_eq!(late.status(), 408);
    alice.ack(&mut d, &sent, &late);
    no_relay_is_left(&mut d);
}

/// RFC 4320 4.1, 4.2: a 408 would come when the sender has given up already; it is told early to be patient.
#[test]
fn nobody_answers_a_message_and_no_408_says_so() {
    let mut d = Deployment::new(47);
    let mut alice = signed_in(&mut d, "alice", FE1);
    let mut bob = signed_in(&mut d, "bob", EDGE_OUTSIDE);
    alice.request(&mut d, "MESSAGE", "bob", "");
    bob.wait_request(&mut d, Method::Message);
    d.world.run_for(Duration::from_millis(3_000));
    assert!(alice.has_no(&mut d, |m| m.method() == Method::Message));
    alice.wait(&mut d, "100", |m| m.status() == 100);
    no_relay_is_left(&mut d);
    assert!(alice.has_no(&mut d, |m| m.method() == Method::Message));
}

fn no_relay_is_left(d: &mut Deployment) {
    d.world.run_for(Duration::from_secs(40));
    for id in [d.edge, d.dir1, d.dir2, d.fe1, d.fe2] {
        let host = d.world.host(id).unwrap();
        assert_eq!(host.node.stats().relays, 0, "{id:?}");
    }
}
