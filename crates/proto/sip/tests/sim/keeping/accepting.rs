//! What is kept, and when it is accepted.

use super::*;

#[test]
fn without_being_asked_for_nothing_is_kept() {
    let (mut w, alice) = front_end(None);
    assert_eq!(sends(&mut w, alice, 1, TEXT), 480);
    let phone = signs_in(&mut w, 0, 2);
    assert!(w.has_nothing(phone));
    assert_eq!(w.offline.counts().messages, 0);
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

/// A partner's user may write to somebody who is away as to anybody; who they are is told only by a partner that may.
#[test]
fn what_a_partner_may_send_may_wait_with_the_identity_that_it_may_tell() {
    for trusted in [true, false] {
        let partner = Partner {
            domain: "fabrikam.com".into(),
            servers: Vec::new(),
            trusted,
            requests: 100,
            connections: 32,
        };
        let mut w = Workers::told("fe01.contoso.net", 2, |config| {
            config.offline = Some(KEEPS);
            config.pools.iter_mut().for_each(|pool| pool.backup = None);
            config.federation = Some(Federation {
                open: false,
                edge: "edgepool01.contoso.net".into(),
                address: config.inside.clone(),
                partners: vec![partner.clone()],
                other: partner.clone(),
            });
        });
        let edge = w.server(0, 1, "edge01.contoso.net");
        let message = Asked {
            method: "MESSAGE",
            uri: BOB,
            from: "<sip:dora@fabrikam.com>;tag=d",
            to: "<sip:bob@contoso.com>",
            branch: "visit",
        };
        let identity = "<sip:dora@fabrikam.com>";
        let lines = format!("{TEXT}P-Asserted-Identity: {identity}\n\nnumber 1");
        w.ask(edge, &message, &lines);
        assert_eq!(w.next(edge).status(), 202);
        let phone = signs_in(&mut w, 0, 2);
        let came = w.next(phone);
        let told = came.text(Name::PAssertedIdentity);
        assert_eq!(told, trusted.then_some(identity));
        w.answer(phone, &came, 200, "");
        w.close(phone);

        blocks(&w, "fabrikam.com", 10);
        let again = Asked {
            branch: "again",
            ..message
        };
        w.ask(edge, &again, &lines);
        assert_eq!(w.next(edge).status(), 480, "trusted: {trusted}");
    }
}

#[test]
fn over_udp_a_message_that_comes_again_while_it_is_written_is_kept_once() {
    let (mut w, _) = front_end(Some(KEEPS));
    let alice = w.datagrams(0, 7);
    w.sign_in(alice, "alice");
    w.unwritten = Some(Vec::new());
    message(&mut w, alice, 1, TEXT);
    message(&mut w, alice, 1, TEXT);
    let mut unwritten = w.unwritten.take().unwrap();
    assert_eq!(unwritten.len(), 1);
    w.write(unwritten.remove(0), true);
    assert_eq!(w.next(alice).status(), 202);
    message(&mut w, alice, 1, TEXT);
    assert_eq!(w.next(alice).status(), 202, "the same answer");
    assert_eq!(w.offline.counts().messages, 1);
    nothing_is_left(&mut w);
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
