//! Lists with users who are at home in another pool: one subscription of the Front End for each, at their home.

use crate::deployment::{DIR1, Deployment, EDGE_OUTSIDE, FE1, FE2, user};
use crate::dialog::DialogState;
use crate::events::{ask, document, notified, publication, says, signed_in};
use crate::lists::{KNOWS, count, hear, list, say};
use crate::phone::Phone;
use crate::workers::Workers;
use base::net::FlowId;
use directory::{Blocked, Change, Revision};
use model::nothing_is_left;
use sip::config::InternalSignIn;
use sip::msg::{Message, Method, Name};
use std::time::Duration;
use testkit::HostId;

fn stats(d: &mut Deployment, id: HostId) -> (usize, usize) {
    let stats = d.world.host(id).unwrap().node.stats();
    (stats.subscriptions, stats.backends)
}

fn subscribe(d: &mut Deployment, phone: &mut Phone, entries: &[&str], expires: u32) -> DialogState {
    let lines = format!("{KNOWS}Expires: {expires}\n{}", list(entries));
    let answer = ask(d, phone, "SUBSCRIBE", "rls", &lines);
    assert_eq!(answer.status(), 200);
    DialogState::of_caller(&answer)
}

/// Alice, of the first pool, has bob of hers and carol of the second on her list.
fn watching(d: &mut Deployment, at: &str) -> (Phone, DialogState) {
    let mut alice = signed_in(d, "alice", at);
    let entries = ["bob@contoso.com", "carol@contoso.com"];
    let dialog = subscribe(d, &mut alice, &entries, 600);
    let first = notified(d, &mut alice);
    assert!(says(&first, "fullState=\"true\""), "{at}");
    assert_eq!(count(&first, "state=\"active\""), 2, "{at}");
    (alice, dialog)
}

/// Takes notifications until one says this.
fn hears(d: &mut Deployment, phone: &mut Phone, text: &str) -> Message {
    for _ in 0..6 {
        let notify = notified(d, phone);
        if says(&notify, text) {
            return notify;
        }
    }
    panic!("nobody said {text}")
}

/// Lets time pass; the phone answers what it is told. Returns the last.
fn attends(d: &mut Deployment, phone: &mut Phone, seconds: u64) -> Option<Message> {
    let mut last = None;
    for _ in 0..seconds {
        d.world.run_for(Duration::from_secs(1));
        for message in phone.take(d) {
            if message.is_request() {
                phone.answer(d, &message, 200);
                last = Some(message);
            }
        }
    }
    last
}

fn is_quiet(d: &mut Deployment, phone: &mut Phone) -> bool {
    !phone
        .take(d)
        .iter()
        .any(|message| message.is_request() && message.method() == Method::Notify)
}

fn end(d: &mut Deployment, alice: &mut Phone, dialog: &DialogState) {
    let over = "Event: presence\nExpires: 0\nSupported: eventlist\nContact: <sip:new@192.0.2.7>\n";
    alice.in_dialog_with(d, "SUBSCRIBE", dialog, over);
    assert_eq!(alice.wait_final(d, Method::Subscribe).status(), 200);
    d.world.run_for(Duration::from_secs(2));
}

#[test]
fn somebody_of_another_pool_is_seen_to_come_change_and_go() {
    for (seed, at) in (0..).zip([FE1, DIR1, EDGE_OUTSIDE]) {
        let d = &mut Deployment::with(seed, InternalSignIn::Proxy);
        let (mut alice, dialog) = watching(d, at);
        let (fe1, fe2) = (d.fe1, d.fe2);
        assert_eq!((stats(d, fe1), stats(d, fe2)), ((2, 1), (1, 0)), "{at}");
        d.world.run_for(Duration::from_secs(2));

        let mut carol = signed_in(d, "carol", FE2);
        let came = hears(d, &mut alice, "<basic>open</basic>");
        assert!(says(&came, "fullState=\"false\"") && count(&came, "<resource ") == 1);
        assert!(says(&came, "uri=\"sip:carol@contoso.com\""));
        let closed = publication("closed");
        assert_eq!(
            ask(d, &mut carol, "PUBLISH", "carol", &closed).status(),
            200
        );
        hears(d, &mut alice, "<basic>closed</basic>");
        let open = publication("open");
        assert_eq!(ask(d, &mut carol, "PUBLISH", "carol", &open).status(), 200);
        hears(d, &mut alice, "<basic>open</basic>");

        end(d, &mut alice, &dialog);
        assert_eq!((stats(d, fe1), stats(d, fe2)), ((0, 0), (0, 0)), "{at}");
        let failed = d.world.host(fe2).unwrap().node.stats().notifies_failed;
        assert_eq!(failed, 0, "the last word of an ended subscription is taken");
    }
}

#[test]
fn two_lists_of_a_watcher_share_one_subscription_elsewhere() {
    let d = &mut Deployment::with(20, InternalSignIn::Proxy);
    let (mut alice, first) = watching(d, FE1);
    let mut other = signed_in(d, "alice", FE1);
    let second = subscribe(d, &mut other, &["carol@contoso.com"], 600);
    assert!(says(&notified(d, &mut other), "state=\"active\""));
    let (fe1, fe2) = (d.fe1, d.fe2);
    assert_eq!((stats(d, fe1), stats(d, fe2)), ((3, 1), (1, 0)));
    end(d, &mut alice, &first);
    assert_eq!((stats(d, fe1), stats(d, fe2)), ((1, 1), (1, 0)));
    signed_in(d, "carol", FE2);
    hears(d, &mut other, "<basic>open</basic>");
    end(d, &mut other, &second);
    assert_eq!((stats(d, fe1), stats(d, fe2)), ((0, 0), (0, 0)));
}

#[test]
fn who_hides_in_another_pool_or_has_no_account_is_told_as_such_and_the_others_go_on() {
    let d = &mut Deployment::with(21, InternalSignIn::Proxy);
    let hides = |d: &Deployment, revision, from: &[&str]| {
        let mut carol = user("carol", "fepool02.contoso.net");
        carol.blocked = from
            .iter()
            .map(|one| Blocked::parse(one).unwrap())
            .collect();
        d.users.apply(Revision(revision), Change::Put(carol));
    };
    hides(d, 100, &["alice@contoso.com"]);
    let mut alice = signed_in(d, "alice", FE1);
    let entries = ["carol@contoso.com", "bob@contoso.com", "x@example.org"];
    let dialog = subscribe(d, &mut alice, &entries, 600);
    let first = notified(d, &mut alice);
    let rejected = "state=\"terminated\" reason=\"rejected\"";
    assert_eq!(
        (count(&first, rejected), count(&first, "state=\"active\"")),
        (2, 1),
        "carol hides, and of another organisation nobody is asked"
    );
    let (fe1, fe2) = (d.fe1, d.fe2);
    assert_eq!((stats(d, fe1), stats(d, fe2)), ((2, 1), (0, 0)));

    // A refresh asks those again who have declined.
    hides(d, 101, &[]);
    d.world.run_for(Duration::from_secs(40));
    let refresh =
        "Event: presence\nSupported: eventlist\nExpires: 600\nContact: <sip:new@192.0.2.7>\n";
    alice.in_dialog_with(d, "SUBSCRIBE", &dialog, refresh);
    assert_eq!(alice.wait_final(d, Method::Subscribe).status(), 200);
    let whole = notified(d, &mut alice);
    assert_eq!(count(&whole, "state=\"active\""), 2);
    hides(d, 102, &["alice@contoso.com"]);
    let gone = hears(d, &mut alice, rejected);
    assert!(says(&gone, "carol") && !says(&gone, "<basic>"));

    d.users.apply(
        Revision(103),
        Change::Put(user("carol", "fepool02.contoso.net")),
    );
    end(d, &mut alice, &dialog);
    let nobody = subscribe_again(d, &mut alice);
    d.users.apply(
        Revision(104),
        Change::Remove {
            aor: user("carol", "fepool02.contoso.net").aor,
        },
    );
    hears(d, &mut alice, "reason=\"noresource\"");
    end(d, &mut alice, &nobody);
    assert_eq!((stats(d, fe1), stats(d, fe2)), ((0, 0), (0, 0)));
}

fn subscribe_again(d: &mut Deployment, alice: &mut Phone) -> DialogState {
    let dialog = subscribe(d, alice, &["carol@contoso.com"], 600);
    hears(d, alice, "state=\"active\"");
    dialog
}

#[test]
fn the_subscription_elsewhere_is_refreshed_for_as_long_as_the_list_is() {
    let d = &mut Deployment::with(22, InternalSignIn::Proxy);
    let (mut alice, dialog) = watching(d, FE1);
    let (fe1, fe2) = (d.fe1, d.fe2);
    for _ in 0..6 {
        let refresh =
            "Event: presence\nSupported: eventlist\nExpires: 600\nContact: <sip:new@192.0.2.7>\n";
        alice.in_dialog_with(d, "SUBSCRIBE", &dialog, refresh);
        assert_eq!(alice.wait_final(d, Method::Subscribe).status(), 200);
        let whole = notified(d, &mut alice);
        assert_eq!(count(&whole, "state=\"active\""), 2);
        d.world.run_for(Duration::from_secs(500));
        assert_eq!((stats(d, fe1), stats(d, fe2)), ((2, 1), (1, 0)));
        assert!(is_quiet(d, &mut alice), "a refresh changes nothing");
    }
    // The phone says nothing more: the list ends with its time, and all that it had.
    d.world.run_for(Duration::from_secs(700));
    assert_eq!((stats(d, fe1), stats(d, fe2)), ((0, 0), (0, 0)));
}

#[test]
fn a_home_that_starts_anew_is_asked_anew() {
    let d = &mut Deployment::with(23, InternalSignIn::Proxy);
    let (mut alice, dialog) = watching(d, FE1);
    let (fe1, fe2) = (d.fe1, d.fe2);
    let killed = d.world.kill(fe2).unwrap();
    d.world.run_for(Duration::from_millis(100));
    d.restart(fe2, killed);
    d.world.run_for(Duration::from_secs(20));
    assert_eq!((stats(d, fe1).1, stats(d, fe2)), (1, (1, 0)));
    signed_in(d, "carol", FE2);
    hears(d, &mut alice, "<basic>open</basic>");
    end(d, &mut alice, &dialog);
    d.world.run_for(Duration::from_secs(60));
    assert_eq!((stats(d, fe1), stats(d, fe2)), ((0, 0), (0, 0)));
}

#[test]
fn while_a_home_is_away_the_pool_that_stands_in_speaks_of_its_users() {
    let d = &mut Deployment::with(24, InternalSignIn::Proxy);
    signed_in(d, "carol", FE2);
    let (mut alice, dialog) = watching(d, FE1);
    let (fe1, fe2) = (d.fe1, d.fe2);
    d.world.run_for(Duration::from_secs(2));
    let killed = d.world.kill(fe2).unwrap();
    // Nobody of hers is known here: she is not there.
    hears(d, &mut alice, "<basic>closed</basic>");
    assert_eq!(stats(d, fe1), (3, 1), "the list, bob and carol");
    // She signs in with the pool that stands in.
    let carol = signed_in(d, "carol", FE1);
    hears(d, &mut alice, "<basic>open</basic>");

    d.restart(fe2, killed);
    d.world.close(carol.flow);
    attends(d, &mut alice, 400);
    assert_eq!((stats(d, fe1), stats(d, fe2)), ((2, 1), (1, 0)));
    let mut carol = signed_in(d, "carol", FE2);
    let busy = publication("closed");
    assert_eq!(ask(d, &mut carol, "PUBLISH", "carol", &busy).status(), 200);
    hears(d, &mut alice, "<basic>closed</basic>");
    end(d, &mut alice, &dialog);
    assert_eq!((stats(d, fe1), stats(d, fe2)), ((0, 0), (0, 0)));
}

#[test]
fn nothing_is_left_anywhere_when_an_end_is_lost() {
    for (seed, victim) in (30..).zip(0..4) {
        let d = &mut Deployment::with(seed, InternalSignIn::Proxy);
        let (alice, _) = watching(d, FE1);
        let (fe1, fe2) = (d.fe1, d.fe2);
        match victim {
            // The phone is gone.
            0 => d.world.close(alice.flow),
            // The machine with the list is gone for ever: its user's home forgets at once.
            1 => drop(d.world.kill(fe1)),
            // The other pool is gone, then the phone.
            2 => {
                d.world.kill(fe2);
                d.world.run_for(Duration::from_secs(3));
                d.world.close(alice.flow);
            }
            // The machine with the list starts anew and knows of nothing.
            _ => {
                let killed = d.world.kill(fe1).unwrap();
                d.restart(fe1, killed);
            }
        }
        d.world.run_for(Duration::from_secs(60));
        for id in [fe1, fe2] {
            if d.world.host(id).is_some() {
                assert_eq!(stats(d, id), (0, 0), "victim {victim}");
            }
        }
        d.world.run_for(Duration::from_secs(900));
        nothing_is_left(d, &format!("victim {victim}"));
    }
}

#[test]
fn who_fetches_a_list_hears_of_the_other_pool_too() {
    let d = &mut Deployment::with(25, InternalSignIn::Proxy);
    signed_in(d, "carol", FE2);
    let mut alice = signed_in(d, "alice", FE1);
    subscribe(d, &mut alice, &["carol@contoso.com"], 0);
    let only = notified(d, &mut alice);
    assert!(says(&only, "<basic>open</basic>"));
    let state = only.text(Name::SubscriptionState);
    assert_eq!(state, Some("terminated;reason=timeout"));
    d.world.run_for(Duration::from_secs(2));
    let (fe1, fe2) = (d.fe1, d.fe2);
    assert_eq!((stats(d, fe1), stats(d, fe2)), ((0, 0), (0, 0)));
}

/// A NOTIFY of carol's home for the subscription that a SUBSCRIBE of ours has asked for.
fn notify(
    machine: &mut Workers,
    flow: FlowId,
    asked: &Message,
    (cseq, tag): (u32, &str),
    state: &str,
) {
    let contact = asked.elements(Name::Contact).next().unwrap();
    let uri = contact.address().unwrap().uri.to_owned();
    let from = asked.from().unwrap();
    let to = format!("<{}>;tag={}", from.uri, from.tag().unwrap());
    let call_id = asked.call_id().unwrap();
    let body = document("t1", "open");
    machine.say(
        flow,
        &format!(
            "NOTIFY {uri} SIP/2.0\nVia: SIP/2.0/TLS fe02.contoso.net;branch=z9hG4bKn{tag}{cseq}\nMax-Forwards: 70\n\
             From: <sip:carol@contoso.com>;tag={tag}\nTo: {to}\nCall-ID: {call_id}\nCSeq: {cseq} NOTIFY\n\
             Contact: <sip:fe02.contoso.net:5061;transport=tls>\nEvent: presence\nSubscription-State: {state}\n\
             Content-Type: application/pidf+xml\nContent-Length: {}\n\n{body}",
            body.len()
        ),
    );
}

#[test]
fn a_notification_finds_its_subscription_by_whichever_worker_it_comes_and_from_servers_alone() {
    for watcher_at in [0, 1] {
        let mut machine = Workers::of("fe01.contoso.net", 2);
        let carol = user("carol", "fepool02.contoso.net");
        machine.users.apply(Revision(100), Change::Put(carol));
        let alice = machine.client(watcher_at, 1);
        machine.sign_in(alice, "alice");
        let lines = format!("{KNOWS}{}", list(&["carol@contoso.com"]));
        say(&mut machine, alice, "<sip:rls@contoso.com>", 1, &lines);
        assert_eq!(machine.next(alice).status(), 200);
        let flow = machine.opens("fe02.contoso.net");
        let asked = machine.next(flow);
        assert_eq!(asked.method(), Method::Subscribe);
        assert_eq!(asked.uri(), "sip:carol@contoso.com");
        let asserted = asked.text(Name::PAssertedIdentity);
        assert_eq!(asserted, Some("<sip:alice@contoso.com>"));
        machine.answer(
            flow,
            &asked,
            200,
            "Contact: <sip:fe02.contoso.net:5061;transport=tls>\nExpires: 600\n",
        );

        let sides = [0, 1].map(|worker| {
            [
                machine.server(worker, 90, "fe02.contoso.net"),
                machine.server(worker, 91, "edge01.contoso.net"),
                machine.client(worker, 92),
            ]
        });
        let lasting = "active;expires=600";
        for (cseq, [home, edge, client]) in (10..).zip(&sides) {
            for forger in [*edge, *client] {
                notify(&mut machine, forger, &asked, (cseq + 1, "there"), lasting);
                let status = machine.next(forger).status();
                assert!(matches!(status, 403 | 407 | 481), "{status}");
            }
            notify(&mut machine, *home, &asked, (cseq, "another"), lasting);
            assert_eq!(machine.next(*home).status(), 481);
            notify(&mut machine, *home, &asked, (cseq, "there"), lasting);
            assert_eq!(machine.next(*home).status(), 200);
            notify(&mut machine, *home, &asked, (cseq, "there"), lasting);
            assert_eq!(machine.next(*home).status(), 500, "the same once more");
        }
        machine.wait(Duration::from_secs(1));
        let first = hear(&mut machine, alice);
        assert!(says(&first, "<basic>open</basic>"));

        // What is for another worker and finds no room is not lost: the home tries again.
        machine.is_full = true;
        let statuses = sides.map(|[home, ..]| {
            notify(&mut machine, home, &asked, (20, "there"), lasting);
            machine.next(home).status()
        });
        assert!(
            statuses.contains(&200) && statuses.contains(&503),
            "{statuses:?}"
        );
        machine.is_full = false;
        machine.close(alice);
        let last = machine.next(flow);
        assert_eq!(last.text(Name::Expires), Some("0"));
        assert_eq!(last.to().unwrap().tag(), Some("there"));
        let left: usize = (0..2).map(|w| machine.node(w).pending().backends).sum();
        assert_eq!(left, 0);
    }
}
