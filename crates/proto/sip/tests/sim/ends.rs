//! Ends that nobody announces: a phone that is gone in the middle of a call, a machine that dies under one, a BYE that
//! nobody answers, a watcher who never says goodbye. Within a bounded time no machine keeps anything of it: no relay, no
//! timer, no subscription, no publication, no binding, no flow of a client.

use std::time::Duration;

use crate::deployment::{DIR1, Deployment, EDGE_OUTSIDE, FE1};
use crate::dialog::DialogState;
use crate::events::{ask, notified, publication, signed_in, subscribe};
use crate::phone::Phone;
use model::nothing_is_left;
use sip::config::InternalSignIn;
use sip::msg::{Message, Method};
use testkit::HostId;

/// Where caller and callee are.
const PLACES: [(&str, &str); 5] = [
    (FE1, FE1),
    (EDGE_OUTSIDE, FE1),
    (FE1, EDGE_OUTSIDE),
    (DIR1, FE1),
    (EDGE_OUTSIDE, EDGE_OUTSIDE),
];
/// Longer than a registration, a subscription or a publication of these stories lasts.
const ALL_ENDED: Duration = Duration::from_secs(1_000);

/// Two phones with a call between them.
struct Call {
    d: Deployment,
    alice: Phone,
    bob: Phone,
    alices: DialogState,
    bobs: DialogState,
}

fn deployment() -> Deployment {
    Deployment::with(120, InternalSignIn::Proxy)
}

fn invite(d: &mut Deployment, alice: &mut Phone, at: &str) {
    if at == EDGE_OUTSIDE {
        alice.request_with_credentials(d, "INVITE", "bob");
    } else {
        alice.request(d, "INVITE", "bob", "");
    }
}

impl Call {
    fn begin((caller_at, callee_at): (&str, &str)) -> Self {
        let mut d = deployment();
        let mut alice = signed_in(&mut d, "alice", caller_at);
        let mut bob = signed_in(&mut d, "bob", callee_at);
        invite(&mut d, &mut alice, caller_at);
        let came = bob.wait_request(&mut d, Method::Invite);
        bob.answer(&mut d, &came, 200);
        let ok = alice.wait(&mut d, "200", |m| m.status() == 200 && is_invite(m));
        let alices = DialogState::of_caller(&ok);
        alice.in_dialog(&mut d, "ACK", &alices);
        bob.wait_request(&mut d, Method::Ack);
        let bobs = DialogState::of_callee(&came, "tbob");
        Self {
            d,
            alice,
            bob,
            alices,
            bobs,
        }
    }
}

fn is_invite(message: &Message) -> bool {
    message.method() == Method::Invite
}

/// Closes what is open, lets everything end, and counts.
fn all_is_gone(d: &mut Deployment, phones: &[&Phone], what: &str) {
    for phone in phones {
        d.world.close(phone.flow);
    }
    nothing_is_left(d, what);
    d.world.run_for(ALL_ENDED);
    for id in machines(d) {
        let Some(host) = d.world.host(id) else {
            continue;
        };
        let (stats, bound) = (host.node.stats(), host.table.counts());
        let counts = (stats.relays, stats.subscriptions, stats.publications, bound);
        assert_eq!(counts, (0, 0, 0, (0, 0)), "{what}: {id:?}");
        // What is left are flows between machines: at most one each way with each of the four others.
        assert!(stats.flows <= 8, "{what}: {id:?} has {} flows", stats.flows);
    }
}

fn machines(d: &Deployment) -> [HostId; 5] {
    [d.edge, d.dir1, d.dir2, d.fe1, d.fe2]
}

/// Either end's connection is reset; the other hangs up and is told at once that nobody is there.
#[test]
fn a_phone_that_is_gone_in_a_call() {
    for places in PLACES {
        for caller_goes in [true, false] {
            let what = format!("{places:?}, caller goes: {caller_goes}");
            let mut call = Call::begin(places);
            let (gone, left, dialog) = if caller_goes {
                (&call.alice, &mut call.bob, &call.bobs)
            } else {
                (&call.bob, &mut call.alice, &call.alices)
            };
            call.d.world.close(gone.flow);
            call.d.world.run_for(Duration::from_secs(1));
            left.in_dialog(&mut call.d, "BYE", dialog);
            call.d.world.run_for(Duration::from_secs(2));
            let told = left.wait_final(&mut call.d, Method::Bye).status();
            assert!(matches!(told, 430 | 480 | 481), "{what}: {told}");
            all_is_gone(&mut call.d, &[&call.alice, &call.bob], &what);
        }
    }
}

/// The machine in the middle dies under the call and comes back, or not. Ends that are still connected may hang up.
#[test]
fn a_machine_that_dies_under_a_call() {
    for places in PLACES {
        for (victim, comes_back) in [(0, false), (0, true), (3, false), (3, true)] {
            let what = format!("{places:?}, machine {victim}, comes back: {comes_back}");
            let mut call = Call::begin(places);
            let id = machines(&call.d)[victim];
            let killed = call.d.world.kill(id).unwrap();
            call.d.world.run_for(Duration::from_secs(1));
            if comes_back {
                call.d.restart(id, killed);
            }
            for (phone, dialog) in [(&mut call.alice, &call.alices), (&mut call.bob, &call.bobs)] {
                if call.d.world.is_open(phone.flow) {
                    phone.in_dialog(&mut call.d, "BYE", dialog);
                }
            }
            all_is_gone(&mut call.d, &[&call.alice, &call.bob], &what);
        }
    }
}

/// A phone that rings and says nothing more, not even to the CANCEL.
#[test]
fn a_phone_that_never_answers() {
    for (caller_at, callee_at) in PLACES {
        for rings in [true, false] {
            let what = format!("{caller_at} -> {callee_at}, rings: {rings}");
            let mut d = deployment();
            let mut alice = signed_in(&mut d, "alice", caller_at);
            let mut bob = signed_in(&mut d, "bob", callee_at);
            invite(&mut d, &mut alice, caller_at);
            let came = bob.wait_request(&mut d, Method::Invite);
            if rings {
                bob.answer(&mut d, &came, 180);
            }
            d.world.run_for(Duration::from_secs(260));
            let told = alice.wait(&mut d, "the end", |m| {
                is_invite(m) && m.status() >= 200 && m.status() != 407
            });
            assert!(
                matches!(told.status(), 408 | 480 | 487),
                "{what}: {}",
                told.status()
            );
            all_is_gone(&mut d, &[&alice, &bob], &what);
        }
    }
}

/// A BYE, and an INFO, that come to a phone which answers nothing any more.
#[test]
fn a_bye_that_nobody_answers() {
    for places in PLACES {
        for method in ["BYE", "INFO", "INVITE"] {
            let mut call = Call::begin(places);
            call.alice.in_dialog(&mut call.d, method, &call.alices);
            call.bob
                .wait_request(&mut call.d, Method::of(method.as_bytes()));
            let what = format!("{places:?} {method}");
            all_is_gone(&mut call.d, &[&call.alice, &call.bob], &what);
        }
    }
}

/// A watcher who is gone without a word, and a user who published and is gone: nobody is told for ever.
#[test]
fn a_watcher_who_is_gone() {
    for (watcher_at, user_at) in PLACES {
        let what = format!("{watcher_at} watches {user_at}");
        let mut d = deployment();
        let mut watcher = signed_in(&mut d, "alice", watcher_at);
        let mut user = signed_in(&mut d, "bob", user_at);
        subscribe(&mut d, &mut watcher, "bob", "presence");
        notified(&mut d, &mut watcher);
        let body = publication("open");
        let done = ask(&mut d, &mut user, "PUBLISH", "bob", &body);
        assert_eq!(done.status(), 200, "{what}");
        d.world.close(watcher.flow);
        d.world.run_for(Duration::from_secs(1));
        let done = ask(&mut d, &mut user, "PUBLISH", "bob", &body);
        assert_eq!(done.status(), 200, "{what}");
        d.world.run_for(Duration::from_secs(60));
        let fe1 = d.fe1;
        let stats = d.world.host(fe1).unwrap().node.stats();
        assert_eq!(
            stats.subscriptions, 0,
            "{what}: it ended by the failed NOTIFY"
        );
        d.world.run_for(ALL_ENDED * 4);
        all_is_gone(&mut d, &[&user], &what);
    }
}
