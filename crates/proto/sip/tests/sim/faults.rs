//! Machines and phones that go away in the middle of something.

use crate::deployment::{DIR1, Deployment, EDGE_OUTSIDE, FE1};
use crate::phone::Phone;
use model::nothing_is_left;
use sip::config::InternalSignIn;
use sip::msg::{Message, Method};
use std::time::Duration;
use testkit::HostId;

fn signed_in(d: &mut Deployment, user: &'static str, at: &str) -> Phone {
    let mut phone = Phone::connect(d, user, at);
    assert_eq!(phone.register(d, "").status(), 200);
    phone
}

fn invite(d: &mut Deployment, alice: &mut Phone, at: &str) {
    if at == EDGE_OUTSIDE {
        alice.request_with_credentials(d, "INVITE", "bob");
    } else {
        alice.request(d, "INVITE", "bob", "");
    }
}

fn is_final(message: &Message) -> bool {
    message.method() == Method::Invite && message.status() >= 200 && message.status() != 407
}

/// The Director that carries the call, if any.
fn director(d: &mut Deployment) -> HostId {
    let busy = |d: &mut Deployment, id| {
        let host = d.world.host(id);
        host.is_some_and(|host| host.node.pending().relays > 0)
    };
    if busy(d, d.dir2) { d.dir2 } else { d.dir1 }
}

/// Whoever dies while a call is set up: the caller is told or has lost the connection, the callee stops ringing or has
/// lost it, and no machine keeps anything.
#[test]
fn when_a_machine_dies_while_a_call_is_set_up_both_ends_learn_of_it() {
    let places = [
        (FE1, EDGE_OUTSIDE),
        (EDGE_OUTSIDE, FE1),
        (EDGE_OUTSIDE, EDGE_OUTSIDE),
        (DIR1, FE1),
        (FE1, DIR1),
    ];
    for (caller_at, callee_at) in places {
        for (victim, name) in ["edge", "director", "front end"].into_iter().enumerate() {
            for rings in [false, true] {
                let what = format!("{caller_at} -> {callee_at}, {name} dies, rings: {rings}");
                let mut d = Deployment::with(80, InternalSignIn::Proxy);
                let mut alice = signed_in(&mut d, "alice", caller_at);
                let mut bob = signed_in(&mut d, "bob", callee_at);
                invite(&mut d, &mut alice, caller_at);
                let call = bob.wait_request(&mut d, Method::Invite);
                if rings {
                    bob.answer(&mut d, &call, 180);
                    alice.wait(&mut d, "180", |m| m.status() == 180);
                }
                let victim = [d.edge, director(&mut d), d.fe1][victim];
                let carried = d.world.host(victim).unwrap().node.pending().relays > 0;
                d.world.kill(victim);
                d.world.run_for(Duration::from_secs(1));
                if !rings && d.world.is_open(bob.flow) {
                    // RFC 3261 9.1: nothing may be cancelled before it was heard of.
                    bob.answer(&mut d, &call, 180);
                }
                d.world.run_for(Duration::from_secs(40));
                if carried {
                    let told = !alice.has_no(&mut d, is_final);
                    assert!(told || !d.world.is_open(alice.flow), "{what}: caller");
                    let stops = !bob.has_no(&mut d, |m| m.method() == Method::Cancel);
                    assert!(stops || !d.world.is_open(bob.flow), "{what}: callee");
                }
                if d.world.is_open(bob.flow) {
                    bob.answer(&mut d, &call, 487);
                }
                nothing_is_left(&mut d, &what);
            }
        }
    }
}

#[test]
fn a_callee_outside_who_is_lost_while_it_rings_is_told_to_the_caller_at_once() {
    for rings in [false, true] {
        let mut d = Deployment::new(81);
        let mut alice = signed_in(&mut d, "alice", FE1);
        let mut bob = signed_in(&mut d, "bob", EDGE_OUTSIDE);
        alice.request(&mut d, "INVITE", "bob", "");
        let call = bob.wait_request(&mut d, Method::Invite);
        if rings {
            bob.answer(&mut d, &call, 180);
        }
        d.world.close(bob.flow);
        d.world.run_for(Duration::from_secs(1));
        let told = alice.wait_final(&mut d, Method::Invite);
        assert_eq!(told.status(), 480);
        nothing_is_left(&mut d, "lost");
    }
}

/// The bindings that lead through a Director's earlier run are still there when it is back. Their Contacts look like
/// users of ours, so that whoever sent them on by that would have them back, three for each one sent.
#[test]
fn a_director_that_was_restarted_sends_nothing_round_in_circles() {
    let mut d = Deployment::with(82, InternalSignIn::Proxy);
    let mut alice = signed_in(&mut d, "alice", FE1);
    for n in 0..3 {
        let mut bob = Phone::connect(&mut d, "bob", DIR1);
        bob.contact = format!("sip:bob@contoso.com;n={n}");
        assert_eq!(bob.register(&mut d, "").status(), 200);
        d.world.run_for(Duration::from_micros(7_001));
    }
    let dir1 = d.dir1;
    let killed = d.world.kill(dir1).unwrap();
    d.restart(dir1, killed);
    for (method, sent) in [("MESSAGE", Method::Message), ("INVITE", Method::Invite)] {
        alice.request(&mut d, method, "bob", "");
        assert_eq!(alice.wait_final(&mut d, sent).status(), 480);
    }
    let requests = d.world.host(dir1).unwrap().node.stats().requests;
    assert!(requests < 20, "{requests} requests");
    nothing_is_left(&mut d, "circles");
}
