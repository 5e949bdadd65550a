//! The watcher's own list, which the directory keeps: a SUBSCRIBE without a body, and changes that reach it.

use crate::deployment::{DIR1, Deployment, EDGE_OUTSIDE, FE1, FE2, user};
use crate::dialog::DialogState;
use crate::events::{ask, notified, says, signed_in};
use crate::lists::{KNOWS, count};
use crate::phone::Phone;
use directory::{Aor, Change, Revision};
use sip::config::InternalSignIn;
use sip::msg::{Message, Method, Name};
use std::time::Duration;

const OWN: &str = "Event: presence\nSupported: eventlist\nExpires: 600\n";

fn keep(d: &Deployment, revision: u64, contacts: &[&str]) {
    let mut alice = user("alice", "fepool01.contoso.net");
    let aor = |name: &&str| Aor::parse(&format!("{name}@contoso.com")).unwrap();
    alice.contacts = contacts.iter().map(aor).collect();
    d.users.apply(Revision(revision), Change::Put(alice));
}

fn subscribe(d: &mut Deployment, alice: &mut Phone) -> DialogState {
    let answer = ask(d, alice, "SUBSCRIBE", "rls", OWN);
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.text(Name::Require), Some("eventlist"));
    DialogState::of_caller(&answer)
}

/// The first notification that says everything, within the time in which a change is to be heard of.
fn whole(d: &mut Deployment, alice: &mut Phone, resources: usize) -> Message {
    let begun = d.world.now().mono;
    loop {
        let notify = notified(d, alice);
        if says(&notify, "fullState=\"true\"") && count(&notify, "<resource ") == resources {
            let took = d.world.now().mono.since(begun);
            assert!(took < Duration::from_millis(3_200), "{took:?}");
            return notify;
        }
    }
}

/// What is known of somebody, in this notification or one that follows.
fn hears(d: &mut Deployment, alice: &mut Phone, mut notify: Message, text: &str) {
    for _ in 0..5 {
        if says(&notify, text) {
            return;
        }
        notify = notified(d, alice);
    }
    panic!("nobody said {text}");
}

fn kept(d: &mut Deployment) -> [(usize, usize); 2] {
    [d.fe1, d.fe2].map(|id| {
        let stats = d.world.host(id).unwrap().node.stats();
        (stats.subscriptions, stats.backends)
    })
}

#[test]
fn who_brings_no_list_watches_their_own_and_hears_who_comes_onto_it_and_goes() {
    for (seed, at) in (0..).zip([FE1, DIR1, EDGE_OUTSIDE]) {
        let d = &mut Deployment::with(seed, InternalSignIn::Proxy);
        keep(d, 100, &["bob"]);
        signed_in(d, "carol", FE2);
        let mut alice = signed_in(d, "alice", at);
        let dialog = subscribe(d, &mut alice);
        let first = notified(d, &mut alice);
        assert!(says(&first, "uri=\"sip:bob@contoso.com\""));
        assert_eq!(
            (count(&first, "<resource "), kept(d)),
            (1, [(2, 0), (0, 0)])
        );
        d.world.run_for(Duration::from_secs(2));

        keep(d, 101, &["bob", "carol"]);
        let more = whole(d, &mut alice, 2);
        hears(d, &mut alice, more, "<basic>open</basic>");
        assert_eq!(kept(d), [(2, 1), (1, 0)]);

        keep(d, 102, &["carol"]);
        let less = whole(d, &mut alice, 1);
        assert!(says(&less, "carol") && !says(&less, "bob"));
        assert_eq!(kept(d), [(1, 1), (1, 0)]);

        keep(d, 103, &[]);
        whole(d, &mut alice, 0);
        d.world.run_for(Duration::from_secs(1));
        assert_eq!(kept(d), [(1, 0), (0, 0)]);
        keep(d, 104, &["carol"]);
        let again = whole(d, &mut alice, 1);
        hears(d, &mut alice, again, "<basic>open</basic>");

        let over =
            "Event: presence\nExpires: 0\nSupported: eventlist\nContact: <sip:x@192.0.2.7>\n";
        alice.in_dialog_with(d, "SUBSCRIBE", &dialog, over);
        assert_eq!(alice.wait_final(d, Method::Subscribe).status(), 200);
        d.world.run_for(Duration::from_secs(1));
        assert_eq!(kept(d), [(0, 0), (0, 0)], "{at}");
    }
}

#[test]
fn a_list_in_the_request_stays_as_it_came_whatever_the_directory_has() {
    let d = &mut Deployment::with(40, InternalSignIn::Proxy);
    keep(d, 100, &["carol"]);
    let mut alice = signed_in(d, "alice", FE1);
    let lines = format!("{KNOWS}{}", crate::lists::list(&["bob@contoso.com"]));
    assert_eq!(ask(d, &mut alice, "SUBSCRIBE", "rls", &lines).status(), 200);
    assert_eq!(count(&notified(d, &mut alice), "<resource "), 1);
    keep(d, 101, &[]);
    d.world.run_for(Duration::from_secs(5));
    assert_eq!(kept(d), [(2, 0), (0, 0)]);
    let told = alice.take(d);
    assert!(!told.iter().any(Message::is_request), "{told:?}");
}

#[test]
fn a_change_of_somebody_elses_account_is_no_news() {
    let d = &mut Deployment::with(41, InternalSignIn::Proxy);
    keep(d, 100, &["bob"]);
    let mut alice = signed_in(d, "alice", FE1);
    subscribe(d, &mut alice);
    notified(d, &mut alice);
    d.world.run_for(Duration::from_secs(2));
    let bob = user("bob", "fepool01.contoso.net");
    d.users.apply(Revision(101), Change::Put(bob));
    d.world.run_for(Duration::from_secs(5));
    assert!(!alice.take(d).iter().any(Message::is_request));
}
