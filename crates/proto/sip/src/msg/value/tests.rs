//! Tests of the readers of header values.

use bytes::Bytes;

use super::*;
use crate::msg::Limits;

/// A request with these header lines.
fn with(lines: &str) -> Message {
    let text = format!(
        "NOTIFY sip:a@b SIP/2.0\r\n{}\r\n\r\n",
        lines.replace('|', "\r\n")
    );
    Message::parse(Bytes::from(text), &Limits::CLIENT)
        .unwrap_or_else(|error| panic!("{error}: {lines}"))
}

#[test]
fn an_event_is_a_package_and_its_id() {
    let one = with("o: presence.winfo ; id=7;x");
    let event = one.event().unwrap().unwrap();
    assert_eq!((event.package, event.id()), ("presence.winfo", Some("7")));
    assert!(event.is("presence.winfo") && !event.is("Presence.winfo") && !event.is("presence"));
    for (other, is_same) in [
        ("Event: presence.winfo;id=7", true),
        ("Event: presence.winfo;id=8", false),
        ("Event: presence.winfo", false),
        ("Event: Presence.winfo;id=7", false),
    ] {
        let other = with(other);
        assert_eq!(event.matches(&other.event().unwrap().unwrap()), is_same);
    }
    assert!(with("X: y").event().unwrap().is_none());
    assert_eq!(
        with("Event: a|o: b").event().err(),
        Some(Invalid::Repeated(Name::Event))
    );
    for bad in ["Event: ", "Event: ;id=1", "Event: a b", "Event: a,b"] {
        assert_eq!(
            with(bad).event().err(),
            Some(Invalid::Malformed(Name::Event)),
            "{bad}"
        );
    }
}

#[test]
fn the_state_of_a_subscription_is_read() {
    let message = with("Subscription-State: Terminated;reason=rejected;retry-after=60 ;expires=0");
    let state = message.subscription_state().unwrap().unwrap();
    assert_eq!(state.state, Substate::Terminated);
    assert_eq!(
        (state.reason(), state.retry_after(), state.expires()),
        (Some("rejected"), Some(60), Some(0))
    );
    for (value, expected) in [
        ("active", Substate::Active),
        ("PENDING;expires=5", Substate::Pending),
        ("resting", Substate::Other("resting")),
    ] {
        let message = with(&format!("Subscription-State: {value}"));
        assert_eq!(
            message.subscription_state().unwrap().unwrap().state,
            expected
        );
    }
    assert!(
        with("Subscription-State: \"active\"")
            .subscription_state()
            .is_err()
    );
}

#[test]
fn media_types_and_what_a_sender_accepts() {
    let message = with("c: Application / PIDF+XML;charset=\"utf-8\"");
    let media = message.content_type().unwrap().unwrap();
    assert!(media.is("application/pidf+xml") && !media.is("application/pidf"));
    assert_eq!(media.params.value("charset"), Some("utf-8"));
    for bad in [
        "text",
        "text/",
        "/plain",
        "text/plain x",
        "text/plain, text/html",
    ] {
        assert!(MediaType::parse(bad).is_err(), "{bad}");
    }

    for (accept, wanted) in [
        ("application/pidf+xml", Some(1000)),
        ("application/*;q=0.5, */*;q=0.1", Some(500)),
        ("*/*;q=0.1,Application/Pidf+xml;q=0.25", Some(250)),
        ("text/plain|Accept: application/pidf+xml;q=0", Some(0)),
        ("*/*, application/pidf+xml;q=0", Some(0)),
        ("text/*", Some(0)),
        ("", Some(0)),
    ] {
        let message = with(&format!("Accept: {accept}"));
        assert_eq!(message.accepts("application/pidf+xml"), wanted, "{accept}");
    }
    assert_eq!(with("X: y").accepts("application/pidf+xml"), None);
    assert!(with("Content-Encoding: identity").is_plainly_encoded());
    assert!(!with("e: gzip").is_plainly_encoded());
    assert_eq!(
        with("Content-Disposition: render;handling=optional").content_disposition(),
        Ok(Some(("render", false)))
    );
    assert_eq!(
        with("Content-Disposition: session").content_disposition(),
        Ok(Some(("session", true)))
    );
}

#[test]
fn preferences_are_fractions_up_to_one() {
    for (text, expected) in [
        ("1", Some(1000)),
        ("1.000", Some(1000)),
        ("0.7", Some(700)),
        ("0.07", Some(70)),
        ("0.", Some(0)),
        ("0.007", Some(7)),
        ("1.001", None),
        ("2", None),
        ("-0", None),
        ("", None),
        (".5", None),
        ("0.0001", None),
        ("0.a", None),
    ] {
        assert_eq!(quality(text), expected, "{text}");
    }
}

#[test]
fn intervals_are_read_with_what_stands_beside_them() {
    let expires = |value: &str| with(&format!("x: {value}")).session_expires();
    assert_eq!(
        expires("1800 ; refresher = UAS"),
        Ok(Some(SessionExpires {
            seconds: 1800,
            refresher: Some(Refresher::Uas)
        }))
    );
    assert_eq!(expires("90").unwrap().unwrap().refresher, None);
    for bad in ["", "x", "-1", "90 90", "90;refresher=both"] {
        assert_eq!(
            expires(bad),
            Err(Invalid::Malformed(Name::SessionExpires)),
            "{bad}"
        );
    }
    assert_eq!(with("Min-SE: 90;lr").min_se(), Ok(Some(90)));
    assert_eq!(
        with("Min-Expires: 99999999999").min_expires(),
        Ok(Some(u32::MAX))
    );
    assert_eq!(with("Flow-Timer: 120").flow_timer(), Ok(Some(120)));
    assert_eq!(with("Max-Breadth: 60").max_breadth(), Ok(Some(60)));
    assert_eq!(
        with("Max-Breadth: 6x").max_breadth(),
        Err(Invalid::Malformed(Name::MaxBreadth))
    );

    let message = with("Retry-After: 18000 (back (at \\) noon) then) ;duration=3600");
    let retry = message.retry_after().unwrap().unwrap();
    assert_eq!(
        (retry.seconds, retry.comment, retry.params.value("duration")),
        (18000, Some("back (at \\) noon) then"), Some("3600"))
    );
    for bad in ["soon", "5 (open", "5 )", "5 (a) b"] {
        assert!(
            with(&format!("Retry-After: {bad}")).retry_after().is_err(),
            "{bad}"
        );
    }
}

#[test]
fn a_timestamp_stays_as_its_sender_wrote_it() {
    let message = with("Timestamp: 54.320 .5");
    assert_eq!(
        message.timestamp(),
        Ok(Some(Timestamp {
            sent: "54.320",
            delay: Some(".5")
        }))
    );
    for bad in ["", ".", "1 2 3", "1.2.3", "-1"] {
        assert!(
            with(&format!("Timestamp: {bad}")).timestamp().is_err(),
            "{bad}"
        );
    }
}

#[test]
fn other_dialogs_are_named_by_call_id_and_both_tags() {
    let message =
        with("Replaces: 98732@sip.example.com ;from-tag=r33th4x0r;to-tag=ff87ff;early-only");
    let dialog = message.replaces().unwrap().unwrap();
    assert_eq!(
        (
            dialog.call_id,
            dialog.local_tag(),
            dialog.remote_tag(),
            dialog.is_early_only()
        ),
        (
            "98732@sip.example.com",
            Some("ff87ff"),
            Some("r33th4x0r"),
            true
        )
    );
    let message = with("Target-Dialog: c1;local-tag=a;remote-tag=b");
    let dialog = message.target_dialog().unwrap().unwrap();
    assert_eq!(
        (dialog.local_tag(), dialog.remote_tag()),
        (Some("a"), Some("b"))
    );
    assert!(
        with("Join: c1;to-tag=a;from-tag=b")
            .join()
            .unwrap()
            .is_some()
    );
    for bad in [
        "",
        "c1",
        "c1;to-tag=a",
        "c1;to-tag=;from-tag=b",
        "a b;to-tag=a;from-tag=b",
    ] {
        assert!(
            with(&format!("Replaces: {bad}")).replaces().is_err(),
            "{bad}"
        );
    }
    let twice = with("Replaces: c1;to-tag=a;from-tag=b|Replaces: c2;to-tag=a;from-tag=b");
    assert_eq!(
        twice.replaces().err(),
        Some(Invalid::Repeated(Name::Replaces))
    );
}

#[test]
fn a_prack_names_the_response_it_acknowledges() {
    let message = with("RAck: 776656 1 INVITE|RSeq: 988789");
    assert_eq!(
        message.rack(),
        Ok(Some(RAck {
            response: 776_656,
            number: 1,
            method: "INVITE"
        }))
    );
    assert_eq!(message.rseq(), Ok(Some(988_789)));
    for bad in ["", "1", "1 2", "1 2 ", "x 1 INVITE", "1 2 INVITE more"] {
        assert!(with(&format!("RAck: {bad}")).rack().is_err(), "{bad}");
    }
}

#[test]
fn privacy_is_a_set_of_words() {
    let id_only = Privacy {
        id: true,
        ..Privacy::default()
    };
    assert_eq!(with("X: y").privacy(), Ok(Privacy::default()));
    assert_eq!(with("Privacy: ID").privacy(), Ok(id_only));
    let more = with("Privacy: header ;user; critical;novel|Privacy: id")
        .privacy()
        .unwrap();
    assert!(more.header && more.user && more.critical && more.id && !more.session && !more.none);
    assert!(with("Privacy: none").privacy().unwrap().none);
    for bad in ["none;id", "", "id;", "a b"] {
        assert_eq!(
            with(&format!("Privacy: {bad}")).privacy(),
            Err(Invalid::Malformed(Name::Privacy)),
            "{bad}"
        );
    }
}

#[test]
fn reasons_and_warnings_are_lists() {
    let message = with(
        "Reason: SIP ;cause=600;text=\"Busy Everywhere\", Q.850;cause=16|\
         Warning: 307 isi.edu \"Session parameter 'foo' not understood\", 301 [2001:db8::1]:5060 \"a \\\" b\", bad",
    );
    let reasons: Vec<_> = message
        .reasons()
        .map(|reason| (reason.protocol, reason.cause(), reason.text()))
        .collect();
    assert_eq!(
        reasons,
        [
            ("SIP", Some(600), Some("Busy Everywhere")),
            ("Q.850", Some(16), None)
        ]
    );
    let warnings: Vec<_> = message
        .warnings()
        .map(|warning| (warning.code, warning.agent, warning.text))
        .collect();
    assert_eq!(
        warnings,
        [
            (307, "isi.edu", "Session parameter 'foo' not understood"),
            (301, "[2001:db8::1]:5060", "a \\\" b")
        ]
    );
}

#[test]
fn tags_and_addresses_that_stand_once() {
    let message = with("SIP-ETag: dx200xyz|SIP-If-Match: kwj449x|Suppress-If-Match: *");
    assert_eq!(
        (
            message.etag(),
            message.if_match(),
            message.suppress_if_match()
        ),
        (Ok(Some("dx200xyz")), Ok(Some("kwj449x")), Ok(Some("*")))
    );
    assert!(with("SIP-If-Match: two words").if_match().is_err());
    let message = with("r: <sip:d@e?Replaces=a%3Bto-tag%3Db>;x|b: <sip:b@e>");
    assert_eq!(
        message.refer_to().unwrap().unwrap().uri,
        "sip:d@e?Replaces=a%3Bto-tag%3Db"
    );
    assert_eq!(message.referred_by().unwrap().unwrap().uri, "sip:b@e");
    assert_eq!(
        with("r: <sip:a@b>|Refer-To: <sip:c@d>").refer_to().err(),
        Some(Invalid::Repeated(Name::ReferTo))
    );
    let message = with("k: 100rel, \"odd\",path|Supported: gruu");
    assert_eq!(
        message.tokens(Name::Supported).collect::<Vec<_>>(),
        ["100rel", "path", "gruu"]
    );
}

#[test]
fn dates_are_read_as_they_are_written() {
    for (seconds, text) in [
        (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
        (951_782_399, "Mon, 28 Feb 2000 23:59:59 GMT"),
        (951_868_799, "Tue, 29 Feb 2000 23:59:59 GMT"),
        (1_289_690_940, "Sat, 13 Nov 2010 23:29:00 GMT"),
        (4_107_542_400, "Mon, 01 Mar 2100 00:00:00 GMT"),
    ] {
        assert_eq!(date(seconds).to_string(), text);
        assert_eq!(with(&format!("Date: {text}")).date(), Ok(Some(seconds)));
    }
    for bad in [
        "Sat, 13 Nov 2010 23:29:00 EST",
        "Sat, 31 Feb 2010 23:29:00 GMT",
        "Sat, 00 Nov 2010 23:29:00 GMT",
        "Foo, 13 Nov 2010 23:29:00 GMT",
        "Sat, 13 Nov 2010 24:29:00 GMT",
        "Sat, 13 Nov 2010 23:29 GMT",
        "Fri, 01 Jan 1960 00:00:00 GMT",
        "now",
    ] {
        assert_eq!(
            with(&format!("Date: {bad}")).date(),
            Err(Invalid::Malformed(Name::Date)),
            "{bad}"
        );
    }
}
