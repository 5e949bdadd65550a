//! What a message says when it is asked.

use super::super::*;
use super::{INVITE, REGISTER, parsed};

#[test]
fn a_register_is_read() {
    let message = parsed(REGISTER);
    assert_eq!(message.check().err(), None);
    assert!(message.is_request());
    assert_eq!(
        (message.method(), message.method_token(), message.uri()),
        (Method::Register, "REGISTER", "sip:example.com")
    );
    assert_eq!(
        (message.status(), message.reason(), message.body()),
        (0, &b""[..], &b""[..])
    );
    let via = message.via().unwrap();
    assert_eq!(
        (via.transport, via.host, via.port),
        ("TLS", "192.168.4.23", Some(49152))
    );
    assert_eq!(
        (via.branch(), via.rport()),
        (Some("z9hG4bKnashds7"), Some(None))
    );
    assert_eq!(message.from().unwrap().display, Some("Alice Example"));
    assert_eq!(message.from().unwrap().tag(), Some("456248"));
    assert_eq!(
        (message.to().unwrap().uri, message.to().unwrap().tag()),
        ("sip:alice@example.com", None)
    );
    assert_eq!(
        message.cseq(),
        Ok(CSeq {
            number: 1826,
            method: "REGISTER"
        })
    );
    assert_eq!(message.call_id(), Ok("843817637684230@desk-17.example.com"));
    assert_eq!(
        (message.max_forwards(), message.expires()),
        (Ok(Some(70)), Ok(Some(600)))
    );
    let contact = message
        .elements(Name::Contact)
        .next()
        .unwrap()
        .address()
        .unwrap();
    assert_eq!(
        contact.param("+sip.instance"),
        Some("<urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6>")
    );
    assert_eq!(contact.param("reg-id"), Some("1"));
    assert!(message.has_token(Name::Supported, "OUTBOUND"));
    assert!(!message.has_token(Name::Supported, "out"));
    assert!(
        message
            .named("x-device")
            .is_some_and(|field| field.name_bytes == b"X-Device")
    );
}

#[test]
fn an_invite_is_read_with_its_body() {
    let message = parsed(INVITE);
    assert_eq!(message.check().err(), None);
    assert_eq!(message.body().len(), 449);
    assert!(message.body().starts_with(b"v=0\r\n"));
    assert_eq!(message.all(Name::Via).count(), 2);
    assert_eq!(message.fields().count(), 24);
    assert_eq!(message.elements(Name::Allow).count(), 12);
    let indexes: Vec<usize> = message.all(Name::Via).map(|field| field.index).collect();
    assert_eq!(indexes, [0, 1]);
}

#[test]
fn a_response_is_read() {
    let message = parsed("SIP/2.0 180 Es klingelt \u{266b}\r\nCSeq: 7 INVITE\r\nl: 0\r\n\r\n");
    assert!(!message.is_request());
    assert_eq!(
        (message.status(), message.reason()),
        (180, "Es klingelt \u{266b}".as_bytes())
    );
    assert_eq!(
        (message.method(), message.method_token(), message.uri()),
        (Method::Invite, "INVITE", "")
    );
    for (line, reason) in [
        ("SIP/2.0 200 ", ""),
        ("SIP/2.0 200", ""),
        ("sip/2.0 699 x", "x"),
    ] {
        let message = parsed(format!("{line}\r\n\r\n"));
        assert_eq!(message.reason(), reason.as_bytes(), "{line}");
        assert_eq!(message.method(), Method::Other);
    }
}

#[test]
fn elements_come_in_order_over_lines_and_know_their_line() {
    let message = parsed(
        "OPTIONS sip:a SIP/2.0\r\nRoute: <sip:a;lr>, \"x, y\"\r\n <sip:b;lr>\r\nX: 1\r\nroute:<sip:c,d;lr>,,\r\nROUTE: <sip:e>\r\n\r\n",
    );
    let all: Vec<(usize, &str)> = message
        .elements(Name::Route)
        .map(|e| (e.field, e.address().unwrap().uri))
        .collect();
    assert_eq!(
        all,
        [
            (0, "sip:a;lr"),
            (0, "sip:b;lr"),
            (2, "sip:c,d;lr"),
            (3, "sip:e")
        ]
    );
}

#[test]
fn a_message_that_is_kept_does_not_hold_the_buffer_it_came_in() {
    let big = bytes::Bytes::from([REGISTER, &[0; 4096]].concat());
    let message = Message::parse(big.slice(..REGISTER.len()), &Limits::CLIENT).unwrap();
    let kept = message.detach();
    assert_eq!(kept.bytes(), message.bytes());
    assert!(kept.bytes().is_unique());
    assert_eq!(kept.call_id(), message.call_id());
}

#[test]
fn a_message_shows_no_headers_in_debug_output() {
    assert_eq!(
        format!("{:?}", parsed(REGISTER)),
        "Message(\"REGISTER sip:example.com SIP/2.0\", 1168 bytes)"
    );
}

#[test]
fn limits_hold() {
    let parse = |bytes: &'static [u8], limits: Limits| Message::parse(bytes.into(), &limits).err();
    let limits = Limits::CLIENT;
    assert_eq!(
        parse(
            INVITE,
            Limits {
                head: 1255,
                ..limits
            }
        ),
        None
    );
    assert_eq!(
        parse(
            INVITE,
            Limits {
                head: 1254,
                ..limits
            }
        ),
        Some(Invalid::HeadTooLong)
    );
    assert_eq!(
        parse(
            INVITE,
            Limits {
                headers: 24,
                ..limits
            }
        ),
        None
    );
    assert_eq!(
        parse(
            INVITE,
            Limits {
                headers: 23,
                ..limits
            }
        ),
        Some(Invalid::TooManyLines)
    );
    assert_eq!(
        parse(
            INVITE,
            Limits {
                body: 448,
                ..limits
            }
        ),
        Some(Invalid::BodyTooLong)
    );
    assert_eq!(
        parse(
            INVITE,
            Limits {
                message: 1703,
                ..limits
            }
        ),
        Some(Invalid::BodyTooLong)
    );
}

/// Whoever acts on a message takes these from its check; they must be what the message itself says.
#[test]
fn the_check_hands_on_what_the_message_says() {
    for message in [parsed(REGISTER), parsed(INVITE)] {
        let parts = message.check().unwrap();
        assert_eq!(parts.uri.unwrap().as_str(), message.uri());
        assert_eq!(parts.via.branch(), message.via().unwrap().branch());
        let (from, to) = (message.from().unwrap(), message.to().unwrap());
        assert_eq!(
            (parts.from.uri.as_str(), parts.from.tag),
            (from.uri, from.tag())
        );
        assert_eq!((parts.to.uri.as_str(), parts.to.tag), (to.uri, to.tag()));
        assert_eq!(Ok(parts.call_id), message.call_id());
        assert_eq!(Ok(parts.cseq), message.cseq());
    }
}
