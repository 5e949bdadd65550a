//! Whose presence counts, for how long, and who may see it.

use crate::deployment::{Deployment, EDGE_OUTSIDE, FE1, FE2, user};
use crate::events::{ask, notified, publication, says, signed_in, subscribe};
use crate::phone::Phone;
use crate::workers::{Asked, Workers};
use directory::{Blocked, Change, Revision};
use sip::config::InternalSignIn;
use sip::msg::{Method, Name};
use std::time::Duration;

const OPEN: &str = "<basic>open</basic>";
const CLOSED: &str = "<basic>closed</basic>";

#[test]
fn what_a_phone_published_twice_ends_when_it_signs_out() {
    for (seed, at) in (0..).zip([FE1, EDGE_OUTSIDE]) {
        let d = &mut Deployment::with(seed, InternalSignIn::Proxy);
        let mut alice = signed_in(d, "alice", FE1);
        let mut bob = signed_in(d, "bob", at);
        for basic in ["closed", "open"] {
            let kept = ask(d, &mut bob, "PUBLISH", "bob", &publication(basic));
            assert_eq!(kept.status(), 200);
        }
        assert_eq!(d.world.host(d.fe1).unwrap().node.stats().publications, 1);
        subscribe(d, &mut alice, "bob", "presence");
        let first = notified(d, &mut alice);
        assert!(says(&first, OPEN) && !says(&first, CLOSED), "the newest");
        assert_eq!(bob.register(d, "Expires: 0\n").status(), 200);
        let gone = notified(d, &mut alice);
        assert!(says(&gone, CLOSED) && !says(&gone, OPEN), "at {at}");
        assert_eq!(d.world.host(d.fe1).unwrap().node.stats().publications, 0);
    }
}

#[test]
fn two_phones_that_use_one_tuple_id_are_told_apart_and_each_ends_alone() {
    let d = &mut Deployment::with(3, InternalSignIn::Proxy);
    let mut alice = signed_in(d, "alice", FE1);
    let mut bob = signed_in(d, "bob", FE1);
    let mut other = Phone::connect(d, "bob", FE1);
    assert_eq!(other.register(d, "").status(), 200);
    ask(d, &mut bob, "PUBLISH", "bob", &publication("open"));
    ask(d, &mut other, "PUBLISH", "bob", &publication("closed"));
    subscribe(d, &mut alice, "bob", "presence");
    let both = notified(d, &mut alice);
    assert!(says(&both, OPEN) && says(&both, CLOSED));
    bob.register(d, "Expires: 0\n");
    let one = notified(d, &mut alice);
    assert!(says(&one, CLOSED) && !says(&one, OPEN));
}

/// Bob's account with this block list, in the directory of everybody.
fn block(d: &mut Deployment, revision: u64, entries: &[&str]) {
    let mut bob = user("bob", "fepool01.contoso.net");
    bob.blocked = entries
        .iter()
        .map(|entry| Blocked::parse(entry).unwrap())
        .collect();
    d.users.apply(Revision(revision), Change::Put(bob));
}

#[test]
fn whoever_is_blocked_is_declined_and_hears_no_more() {
    for (seed, entry) in (0..).zip(["alice@contoso.com", "contoso.com"]) {
        let d = &mut Deployment::with(seed, InternalSignIn::Proxy);
        let mut alice = signed_in(d, "alice", EDGE_OUTSIDE);
        let mut bob = signed_in(d, "bob", FE1);
        subscribe(d, &mut bob, "bob", "presence");
        notified(d, &mut bob);
        subscribe(d, &mut bob, "bob", "presence.winfo");
        notified(d, &mut bob);
        subscribe(d, &mut alice, "bob", "presence");
        assert!(says(&notified(d, &mut alice), OPEN));
        assert!(says(&notified(d, &mut bob), "sip:alice@contoso.com"));

        block(d, 1_000, &[entry]);
        let last = notified(d, &mut alice);
        assert_eq!(
            last.text(Name::SubscriptionState),
            Some("terminated;reason=rejected")
        );
        assert!(
            says(&last, CLOSED) && !says(&last, OPEN),
            "not even a last time"
        );
        let watchers = notified(d, &mut bob);
        assert!(says(&watchers, "sip:bob@contoso.com") && !says(&watchers, "alice"));
        let again = ask(d, &mut alice, "SUBSCRIBE", "bob", "Event: presence\n");
        assert_eq!(again.status(), 603);
        d.world.run_for(Duration::from_secs(10));
        assert!(alice.has_no(d, |m| m.method() == Method::Notify && m.is_request()));

        block(d, 1_001, &[]);
        subscribe(d, &mut alice, "bob", "presence");
        assert!(says(&notified(d, &mut alice), OPEN), "shown again");
    }
}

#[test]
fn subscriptions_to_somebody_who_was_removed_end() {
    let d = &mut Deployment::with(7, InternalSignIn::Proxy);
    let mut alice = signed_in(d, "alice", FE1);
    subscribe(d, &mut alice, "bob", "presence");
    notified(d, &mut alice);
    let aor = user("bob", "fepool01.contoso.net").aor;
    d.users.apply(Revision(1_000), Change::Remove { aor });
    let last = notified(d, &mut alice);
    assert_eq!(
        last.text(Name::SubscriptionState),
        Some("terminated;reason=noresource")
    );
}

#[test]
fn a_publication_that_is_asked_for_again_has_the_answer_of_the_first_time() {
    let mut machine = Workers::of("fe01.contoso.net", 1);
    let bob = machine.client(0, 1);
    machine.sign_in(bob, "bob");
    let publish = |machine: &mut Workers, branch, lines: &str| {
        let asked = Asked {
            method: "PUBLISH",
            uri: "sip:bob@contoso.com",
            from: "<sip:bob@contoso.com>;tag=b",
            to: "<sip:bob@contoso.com>",
            branch,
        };
        machine.ask(bob, &asked, lines);
        let answer = machine.next(bob);
        (
            answer.status(),
            answer.text(Name::SipEtag).map(str::to_owned),
        )
    };
    let document = publication("open");
    let (_, first) = publish(&mut machine, "one", &document);
    let refresh = format!("Event: presence\nSIP-If-Match: {}\n", first.unwrap());
    let second = publish(&mut machine, "two", &refresh);
    assert_eq!(second.0, 200);
    assert_eq!(
        publish(&mut machine, "two", &refresh),
        second,
        "the same once more"
    );
    assert_eq!(
        publish(&mut machine, "three", &refresh).0,
        412,
        "another with its tag"
    );
    assert_eq!(machine.node(0).stats().publications, 1);
}

#[test]
fn a_request_that_another_worker_has_no_room_for_is_answered() {
    let mut machine = Workers::of("fe01.contoso.net", 3);
    machine.is_full = true;
    let mut refused = 0;
    for (worker, n) in (0..3).zip(1..) {
        let alice = machine.client(worker, n);
        machine.sign_in(alice, "alice");
        let asked = Asked {
            method: "SUBSCRIBE",
            uri: "sip:bob@contoso.com",
            from: "<sip:alice@contoso.com>;tag=a",
            to: "<sip:bob@contoso.com>",
            branch: ["a", "b", "c"][usize::from(worker)],
        };
        machine.ask(alice, &asked, "Event: presence\n");
        let answer = machine.next(alice);
        refused += u32::from(answer.status() == 503 && answer.get(Name::RetryAfter).is_some());
    }
    assert_eq!(refused, 2, "one worker keeps bob and needs nobody");
}

#[test]
fn the_pool_that_stands_in_answers_at_once_for_a_user_whose_home_turns_out_to_be_away() {
    let d = &mut Deployment::with(8, InternalSignIn::Proxy);
    let mut carol = signed_in(d, "carol", FE2);
    drop(d.world.kill(d.fe1));
    subscribe(d, &mut carol, "bob", "presence");
    assert!(says(&notified(d, &mut carol), CLOSED));
}
