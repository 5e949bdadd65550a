//! Messages for users who are away: kept, and delivered when one of their phones signs in.

use crate::deployment::{Deployment, FE1, user};
use crate::phone::Phone;
use crate::workers::{Asked, Workers};
use base::UnixMillis;
use base::net::FlowId;
use directory::{Blocked, Change, Revision, User};
use sip::Pending;
use sip::config::{InternalSignIn, Offline};
use sip::msg::{Message, Method, Name};
use std::time::Duration;

const KEEPS: Offline = Offline {
    keep: Duration::from_secs(3_600),
    per_user: 3,
    message: 2_000,
};
const BOB: &str = "sip:bob@contoso.com";
const TEXT: &str = "Content-Type: text/plain\n";

/// A Front End with two workers and no other that stands in for it, and alice, who has signed in.
fn front_end(keeps: Option<Offline>) -> (Workers, FlowId) {
    let mut w = Workers::told("fe01.contoso.net", 2, |config| {
        config.offline = keeps;
        config.pools.iter_mut().for_each(|pool| pool.backup = None);
    });
    let alice = w.client(0, 1);
    w.sign_in(alice, "alice");
    (w, alice)
}

/// Alice sends bob a message. The number tells it from others.
fn message(w: &mut Workers, alice: FlowId, number: u32, lines: &str) {
    let asked = Asked {
        method: "MESSAGE",
        uri: BOB,
        from: "<sip:alice@contoso.com>;tag=a",
        to: "<sip:bob@contoso.com>",
        branch: &format!("m{number}"),
    };
    w.ask(alice, &asked, &format!("{lines}\nnumber {number}"));
}

fn sends(w: &mut Workers, alice: FlowId, number: u32, lines: &str) -> u16 {
    message(w, alice, number, lines);
    w.next(alice).status()
}

fn signs_in(w: &mut Workers, worker: u8, serial: u64) -> FlowId {
    let phone = w.client(worker, serial);
    registers(w, phone);
    phone
}

/// Bob's phone on this flow registers, or does so again.
fn registers(w: &mut Workers, phone: FlowId) {
    let contact = format!("Contact: <sip:bob@192.168.0.2;flow={}>\n", phone.to_bits());
    w.sign_in_with(phone, "bob", &contact);
}

fn body(message: &Message) -> &str {
    std::str::from_utf8(message.body()).unwrap()
}

fn takes(w: &mut Workers, phone: FlowId, number: u32, status: u16) {
    let came = w.next(phone);
    assert_eq!(body(&came), format!("number {number}"));
    w.answer(phone, &came, status, "");
}

fn nothing_is_left(w: &mut Workers) {
    w.wait(Duration::from_secs(300));
    for worker in 0..2 {
        assert_eq!(w.node(worker).pending(), Pending::default(), "{worker}");
    }
}

/// Kept, delivered, declined, expired and refused so far.
fn counted(w: &Workers) -> [u64; 5] {
    let mut sum = sip::Stats::default();
    (0..2).for_each(|worker| sum.add(w.node(worker).stats()));
    [
        sum.kept,
        sum.kept_delivered,
        sum.kept_declined,
        sum.kept_expired,
        sum.kept_refused,
    ]
}

#[test]
fn without_being_asked_for_nothing_is_kept() {
    let (mut w, alice) = front_end(None);
    assert_eq!(sends(&mut w, alice, 1, TEXT), 480);
    let phone = signs_in(&mut w, 0, 2);
    assert!(w.has_nothing(phone));
    assert_eq!(w.offline.counts().messages, 0);
}

#[test]
fn a_kept_message_comes_as_it_was_sent_with_the_time_and_the_sender() {
    let (mut w, alice) = front_end(Some(KEEPS));
    let lines = "Content-Type: text/plain\nSubject: lunch\nX-Own: \u{fffd}\nPriority: urgent\n\
                 P-Asserted-Identity: <sip:erin@contoso.com>\nProxy-Authorization: Digest realm=\"x\"\n";
    message(&mut w, alice, 1, lines);
    let accepted = w.next(alice);
    assert_eq!(accepted.status(), 202);
    assert!(accepted.body().is_empty() && accepted.get(Name::Contact).is_none());
    w.wait(Duration::from_secs(600));
    let phone = signs_in(&mut w, 1, 2);
    let came = w.next(phone);
    assert_eq!((came.method(), body(&came)), (Method::Message, "number 1"));
    came.check().unwrap();
    let is = |name, value| assert_eq!(came.text(name), Some(value));
    is(Name::From, "<sip:alice@contoso.com>;tag=a");
    is(Name::To, "<sip:bob@contoso.com>");
    is(Name::CallId, "m1");
    is(Name::CSeq, "1 MESSAGE");
    is(Name::MaxForwards, "70");
    is(Name::ContentType, "text/plain");
    is(Name::Date, "Fri, 15 Jan 2027 08:00:00 GMT");
    is(Name::PAssertedIdentity, "<sip:alice@contoso.com>");
    assert_eq!(came.named("X-Own").unwrap().text(), Some("\u{fffd}"));
    assert_eq!(came.all(Name::Via).count(), 1);
    for name in [Name::ProxyAuthorization, Name::Route, Name::RecordRoute] {
        assert!(came.get(name).is_none(), "{name:?}");
    }
    w.answer(phone, &came, 200, "");
    assert!(w.has_nothing(alice), "that it was delivered is not told");
    assert_eq!(w.offline.counts(), sip::offline::Counts::default());
    assert_eq!(counted(&w), [1, 1, 0, 0, 0]);
    nothing_is_left(&mut w);
}

#[test]
fn a_date_of_the_sender_stays() {
    let (mut w, alice) = front_end(Some(KEEPS));
    let date = "Fri, 15 Jan 2027 07:59:58 GMT";
    assert_eq!(
        sends(&mut w, alice, 1, &format!("{TEXT}Date: {date}\n")),
        202
    );
    let phone = signs_in(&mut w, 0, 2);
    assert_eq!(w.next(phone).text(Name::Date), Some(date));
}

#[test]
fn it_is_accepted_only_when_it_is_written() {
    let (mut w, alice) = front_end(Some(KEEPS));
    for done in [true, false] {
        w.unwritten = Some(Vec::new());
        message(&mut w, alice, 1 + u32::from(done), TEXT);
        assert!(w.has_nothing(alice));
        let change = w.unwritten.take().unwrap().remove(0);
        w.write(change, done);
        assert_eq!(w.next(alice).status(), if done { 202 } else { 503 });
    }
    assert_eq!(w.offline.counts().messages, 1);
    nothing_is_left(&mut w);
}

#[test]
fn who_signs_in_while_it_is_written_gets_it_at_once() {
    let (mut w, alice) = front_end(Some(KEEPS));
    w.unwritten = Some(Vec::new());
    message(&mut w, alice, 1, TEXT);
    let phone = signs_in(&mut w, 1, 2);
    assert!(w.has_nothing(phone));
    let change = w.unwritten.take().unwrap().remove(0);
    w.write(change, true);
    assert_eq!(w.next(alice).status(), 202);
    takes(&mut w, phone, 1, 200);
    nothing_is_left(&mut w);
}

/// A log that says nothing is as good as one that has failed.
#[test]
fn a_log_that_does_not_answer_keeps_no_sender_waiting_and_no_room() {
    let (mut w, alice) = front_end(Some(KEEPS));
    w.unwritten = Some(Vec::new());
    message(&mut w, alice, 1, TEXT);
    w.wait(Duration::from_secs(33));
    assert_eq!(w.next(alice).status(), 503);
    assert_eq!(w.offline.counts().messages, 0);
    nothing_is_left(&mut w);
}

#[test]
fn messages_come_in_order_and_one_at_a_time() {
    let (mut w, alice) = front_end(Some(KEEPS));
    for number in 1..=3 {
        assert_eq!(sends(&mut w, alice, number, TEXT), 202);
    }
    let phone = signs_in(&mut w, 1, 2);
    for number in 1..=3 {
        takes(&mut w, phone, number, 200);
    }
    assert!(w.has_nothing(phone));
    nothing_is_left(&mut w);
}

/// The next is not sent before the one before is off the disk: it would come twice if we ended in between.
#[test]
fn the_next_waits_until_the_one_before_is_removed_for_good() {
    let (mut w, alice) = front_end(Some(KEEPS));
    for number in 1..=2 {
        assert_eq!(sends(&mut w, alice, number, TEXT), 202);
    }
    w.unwritten = Some(Vec::new());
    let phone = signs_in(&mut w, 0, 2);
    takes(&mut w, phone, 1, 200);
    assert!(w.has_nothing(phone));
    let change = w.unwritten.take().unwrap().remove(0);
    // Even if that could not be written this run does not deliver it again.
    w.write(change, false);
    takes(&mut w, phone, 2, 200);
    assert!(w.has_nothing(phone));
    assert_eq!(w.offline.counts().messages, 0);
}

#[test]
fn two_phones_that_sign_in_at_once_on_two_workers_get_each_message_once() {
    let (mut w, alice) = front_end(Some(KEEPS));
    for number in 1..=3 {
        assert_eq!(sends(&mut w, alice, number, TEXT), 202);
    }
    let desk = signs_in(&mut w, 0, 2);
    let mobile = signs_in(&mut w, 1, 2);
    assert!(w.has_nothing(mobile), "the desk phone is about to get it");
    takes(&mut w, desk, 1, 200);
    for number in 2..=3 {
        takes(&mut w, desk, number, 200);
        takes(&mut w, mobile, number, 200);
    }
    assert!(w.has_nothing(desk) && w.has_nothing(mobile));
    assert_eq!(counted(&w), [3, 3, 0, 0, 0]);
    nothing_is_left(&mut w);
}

#[test]
fn who_signs_in_while_another_phone_fails_gets_the_message() {
    let (mut w, alice) = front_end(Some(KEEPS));
    assert_eq!(sends(&mut w, alice, 1, TEXT), 202);
    let desk = signs_in(&mut w, 0, 2);
    let mobile = signs_in(&mut w, 1, 2);
    w.close(desk);
    takes(&mut w, mobile, 1, 200);
    assert_eq!(w.offline.counts().messages, 0);
    nothing_is_left(&mut w);
}

#[test]
fn who_cannot_take_it_now_is_asked_again_at_the_next_registration() {
    for status in [Some(480), Some(486), Some(500), Some(503), None] {
        let (mut w, alice) = front_end(Some(KEEPS));
        for number in 1..=2 {
            assert_eq!(sends(&mut w, alice, number, TEXT), 202);
        }
        let phone = signs_in(&mut w, 0, 2);
        match status {
            Some(status) => takes(&mut w, phone, 1, status),
            None => {
                assert_eq!(body(&w.next(phone)), "number 1");
                w.wait(Duration::from_secs(33));
            }
        }
        assert!(
            w.has_nothing(phone),
            "{status:?}: the others wait behind it"
        );
        registers(&mut w, phone);
        for number in 1..=2 {
            takes(&mut w, phone, number, 202);
        }
        assert_eq!(counted(&w), [2, 2, 0, 0, 0], "{status:?}");
        nothing_is_left(&mut w);
    }
}

#[test]
fn what_no_phone_will_ever_take_is_removed() {
    for status in [415, 403, 603] {
        let (mut w, alice) = front_end(Some(KEEPS));
        for number in 1..=2 {
            assert_eq!(sends(&mut w, alice, number, TEXT), 202);
        }
        let phone = signs_in(&mut w, 0, 2);
        takes(&mut w, phone, 1, status);
        takes(&mut w, phone, 2, 200);
        assert_eq!(counted(&w), [2, 1, 1, 0, 0], "{status}");
    }
}

#[test]
fn a_user_has_a_bound_and_so_has_a_message() {
    let (mut w, alice) = front_end(Some(KEEPS));
    let long = format!("{TEXT}Subject: {}\n", "x".repeat(KEEPS.message));
    assert_eq!(sends(&mut w, alice, 9, &long), 480);
    for number in 1..=3 {
        assert_eq!(sends(&mut w, alice, number, TEXT), 202);
    }
    assert_eq!(sends(&mut w, alice, 4, TEXT), 480);
    assert_eq!(counted(&w), [3, 0, 0, 0, 1]);
    let phone = signs_in(&mut w, 0, 2);
    takes(&mut w, phone, 1, 200);
    w.close(phone);
    assert_eq!(sends(&mut w, alice, 5, TEXT), 202, "there is room again");
}

#[test]
fn what_its_sender_lets_expire_is_not_delivered_later() {
    let (mut w, alice) = front_end(Some(KEEPS));
    let of = |seconds: u32| format!("{TEXT}Expires: {seconds}\n");
    assert_eq!(
        sends(&mut w, alice, 1, &of(0)),
        480,
        "it is for this moment"
    );
    assert_eq!(sends(&mut w, alice, 2, &of(60)), 202);
    assert_eq!(sends(&mut w, alice, 3, &of(1_000_000)), 202);
    // By a Date a minute ago these sixty seconds are over.
    let old = format!("{}Date: Fri, 15 Jan 2027 07:59:00 GMT\n", of(60));
    assert_eq!(sends(&mut w, alice, 4, &old), 480);
    w.wait(Duration::from_secs(66));
    assert_eq!(w.offline.counts().messages, 1);
    assert_eq!(counted(&w), [2, 0, 0, 1, 0]);
    let phone = signs_in(&mut w, 0, 2);
    let came = w.next(phone);
    assert_eq!(body(&came), "number 3");
    assert_eq!(came.text(Name::Expires), Some("1000000"));
    w.answer(phone, &came, 480, "");
    w.wait(KEEPS.keep);
    assert_eq!(
        w.offline.counts().messages,
        0,
        "kept no longer than allowed"
    );
}

fn blocks(w: &Workers, whom: &str, revision: u64) {
    let bob = User {
        blocked: vec![Blocked::parse(whom).unwrap()],
        ..user("bob", "fepool01.contoso.net")
    };
    w.users.apply(Revision(revision), Change::Put(bob));
}

#[test]
fn who_is_blocked_stores_nothing_and_is_not_delivered() {
    let (mut w, alice) = front_end(Some(KEEPS));
    assert_eq!(sends(&mut w, alice, 1, TEXT), 202);
    blocks(&w, "alice@contoso.com", 10);
    assert_eq!(sends(&mut w, alice, 2, TEXT), 480);
    let phone = signs_in(&mut w, 0, 2);
    assert!(w.has_nothing(phone));
    assert_eq!(w.offline.counts().messages, 0, "what she had sent is gone");
}

/// Who gets an address that somebody else had before does not get their messages.
#[test]
fn what_was_written_to_a_user_before_is_not_for_the_next_of_the_same_name() {
    let (mut w, alice) = front_end(Some(KEEPS));
    assert_eq!(sends(&mut w, alice, 1, TEXT), 202);
    let bob = User {
        created: UnixMillis(1_800_000_000_001),
        ..user("bob", "fepool01.contoso.net")
    };
    w.users.apply(Revision(11), Change::Put(bob));
    w.wait(Duration::from_secs(1));
    let phone = signs_in(&mut w, 0, 2);
    assert!(w.has_nothing(phone));
    assert_eq!(w.offline.counts().messages, 0);
    w.close(phone);
    assert_eq!(sends(&mut w, alice, 2, TEXT), 202);
}

#[test]
fn only_messages_to_a_user_outside_of_a_dialog_are_kept() {
    let (mut w, alice) = front_end(Some(KEEPS));
    let message = Asked {
        method: "MESSAGE",
        uri: BOB,
        from: "<sip:alice@contoso.com>;tag=a",
        to: "<sip:bob@contoso.com>",
        branch: "other",
    };
    let typing = "Content-Type: application/im-iscomposing+xml;charset=utf-8\n";
    let cases = [
        (Asked { ..message }, typing, 480),
        (Asked { ..message }, "Require: 100rel\n", 480),
        (
            Asked {
                method: "INFO",
                ..message
            },
            "",
            480,
        ),
        (
            Asked {
                method: "INVITE",
                ..message
            },
            "",
            480,
        ),
        (
            Asked {
                uri: "sip:bob@contoso.com;gr=urn:uuid:7",
                ..message
            },
            TEXT,
            480,
        ),
        (
            Asked {
                uri: "sip:nobody@contoso.com",
                ..message
            },
            TEXT,
            404,
        ),
        (
            Asked {
                to: "<sip:bob@contoso.com>;tag=b",
                ..message
            },
            TEXT,
            481,
        ),
    ];
    for (number, (asked, lines, status)) in cases.into_iter().enumerate() {
        let asked = Asked {
            branch: &format!("c{number}"),
            ..asked
        };
        w.ask(alice, &asked, lines);
        assert_eq!(w.next(alice).status(), status, "{number}");
    }
    assert_eq!(w.offline.counts().messages, 0);
}

#[test]
fn what_is_sent_to_phones_that_are_gone_is_kept_and_what_may_have_arrived_is_not() {
    let (mut w, alice) = front_end(Some(KEEPS));
    let (one, two) = (signs_in(&mut w, 0, 2), signs_in(&mut w, 0, 3));
    // Gone before it is sent, and while it is.
    w.close(one);
    message(&mut w, alice, 1, TEXT);
    assert_eq!(body(&w.next(two)), "number 1");
    w.close(two);
    assert_eq!(w.next(alice).status(), 202);

    let three = signs_in(&mut w, 1, 3);
    takes(&mut w, three, 1, 200);
    for (number, status, answered) in [(2, 480, 202), (3, 503, 202), (4, 486, 486)] {
        message(&mut w, alice, number, TEXT);
        takes(&mut w, three, number, status);
        assert_eq!(w.next(alice).status(), answered);
    }
    assert!(
        w.has_nothing(three),
        "who is there and refuses has had its chance"
    );
    message(&mut w, alice, 5, TEXT);
    assert_eq!(body(&w.next(three)), "number 5");
    w.wait(Duration::from_secs(33));
    assert_eq!(w.next(alice).status(), 100);
    assert!(
        w.has_nothing(alice),
        "a late answer would help nobody (RFC 4320)"
    );
    assert_eq!(w.offline.counts().messages, 2);
    nothing_is_left(&mut w);
}

#[test]
fn a_user_whose_home_is_another_pool_has_no_messages_here() {
    let mut w = Workers::told("fe02.contoso.net", 2, |config| config.offline = Some(KEEPS));
    let alice = w.client(0, 1);
    w.sign_in(alice, "alice");
    message(&mut w, alice, 1, TEXT);
    let home = w.opens("fe01.contoso.net");
    w.close(home);
    assert_eq!(w.next(alice).status(), 503);
    assert_eq!(w.offline.counts().messages, 0);
}

fn text(d: &mut Deployment, phone: &mut Phone, to: &str) -> u16 {
    let sent = phone.request(d, "MESSAGE", to, "");
    let branch = sent.branch;
    let is_final =
        |m: &Message| m.status() >= 200 && m.via().is_ok_and(|via| via.branch() == Some(&*branch));
    phone.wait(d, "a final response", is_final).status()
}

/// The pool that stands in for the home is asked before anything is kept, and the home keeps it.
#[test]
fn through_director_and_home_and_over_a_restart_a_message_waits_for_its_user() {
    let mut d = Deployment::keeping(3, InternalSignIn::Redirect, KEEPS);
    let mut carol = Phone::connect(&mut d, "carol", crate::deployment::FE2);
    assert_eq!(carol.register(&mut d, "").status(), 200);
    assert_eq!(text(&mut d, &mut carol, "bob"), 202);
    let [fe1, fe2] = [d.fe1, d.fe2];
    let kept = |d: &mut Deployment, id| d.world.host(id).unwrap().offline.counts().messages;
    assert_eq!((kept(&mut d, fe1), kept(&mut d, fe2)), (1, 0));

    let killed = d.world.kill(fe1).unwrap();
    d.restart(fe1, killed);
    let mut bob = Phone::connect(&mut d, "bob", FE1);
    assert_eq!(bob.register(&mut d, "").status(), 200);
    let came = bob.wait_request(&mut d, Method::Message);
    let identity = came.text(Name::PAssertedIdentity);
    assert_eq!(identity, Some("<sip:carol@contoso.com>"));
    bob.answer(&mut d, &came, 200);
    d.world.run_for(Duration::from_secs(1));
    assert_eq!(kept(&mut d, fe1), 0);
    assert!(bob.has_no(&mut d, |m| m.method() == Method::Message && m.is_request()));

    // Who is there gets it at once, and nothing is kept.
    let sent = carol.request(&mut d, "MESSAGE", "bob", "");
    let came = bob.wait_request(&mut d, Method::Message);
    bob.answer(&mut d, &came, 200);
    let is_final = |m: &Message| m.via().is_ok_and(|via| via.branch() == Some(&*sent.branch));
    assert_eq!(carol.wait(&mut d, "200", is_final).status(), 200);
    assert_eq!(kept(&mut d, fe1), 0);
}

/// A phone outside is reached through the Edge with what was kept.
#[test]
fn a_user_outside_gets_it_through_the_edge() {
    let mut d = Deployment::keeping(5, InternalSignIn::Redirect, KEEPS);
    let mut alice = Phone::connect(&mut d, "alice", FE1);
    assert_eq!(alice.register(&mut d, "").status(), 200);
    assert_eq!(text(&mut d, &mut alice, "bob"), 202);
    let mut bob = Phone::connect(&mut d, "bob", crate::deployment::EDGE_OUTSIDE);
    assert_eq!(bob.register(&mut d, "").status(), 200);
    let came = bob.wait_request(&mut d, Method::Message);
    assert_eq!(
        came.text(Name::PAssertedIdentity),
        Some("<sip:alice@contoso.com>")
    );
    bob.answer(&mut d, &came, 200);
    d.world.run_for(Duration::from_secs(1));
    assert_eq!(d.world.host(d.fe1).unwrap().offline.counts().messages, 0);
}
