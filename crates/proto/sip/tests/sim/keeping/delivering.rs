//! How it is delivered.

use super::*;

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
