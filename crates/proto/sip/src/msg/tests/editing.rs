//! Changes, answers and requests of our own.

use std::net::SocketAddr;

use bytes::{Bytes, BytesMut};

use super::super::*;
use super::{INVITE, parsed, shown};

const SMALL: &str = "INVITE sip:bob@example.com SIP/2.0\r\n\
    v: SIP/2.0/TLS b;branch=2, SIP/2.0/TLS a;branch=1\r\n\
    Route: <sip:p1;lr>,\r\n\t<sip:p2;lr>\r\n\
    X-One:  1 \r\n\
    Route: <sip:p3;lr>\r\n\
    max-forwards : 70\r\n\
    X-Latin: \u{e9}\r\n\
    l: 4\r\n\
    \r\n\
    body";

/// What the change makes of [`SMALL`], as lines with `|` between them and without what follows `X-Latin`.
fn edited(change: impl FnOnce(&mut Edit<'_>)) -> String {
    let message = parsed(SMALL);
    let mut edit = message.edit();
    change(&mut edit);
    let written = shown(&edit.write());
    assert!(written.ends_with("\r\n\r\nbody"), "{written}");
    written
        .replace("\r\n\t", "~")
        .replace("\r\n", "|")
        .replace("||body", "")
}

const START: &str = "INVITE sip:bob@example.com SIP/2.0|";
const VIA: &str = "v: SIP/2.0/TLS b;branch=2, SIP/2.0/TLS a;branch=1|";
const ROUTES: &str = "Route: <sip:p1;lr>,~<sip:p2;lr>|X-One:  1 |Route: <sip:p3;lr>|";
const REST: &str = "max-forwards : 70|X-Latin: \u{e9}|l: 4";

#[test]
fn nothing_changed_is_the_same_buffer() {
    let message = parsed(INVITE);
    assert_eq!(message.edit().write().as_ptr(), message.bytes().as_ptr());
    assert_eq!(edited(|_| ()), [START, VIA, ROUTES, REST].concat());
}

#[test]
fn lines_are_pushed_on_top_of_their_kind() {
    let new = "v: SIP/2.0/TLS new|";
    assert_eq!(
        edited(|edit| {
            edit.push(Name::Via, "one")
                .push(Name::Route, "<sip:r>")
                .push(Name::Via, "two");
        }),
        [
            START,
            "Via: two|Via: one|",
            VIA,
            "Route: <sip:r>|",
            ROUTES,
            REST
        ]
        .concat()
    );
    assert_eq!(
        edited(|edit| {
            edit.push(Name::RecordRoute, format_args!("<sip:{};lr>", "me"));
        }),
        [START, "Record-Route: <sip:me;lr>|", VIA, ROUTES, REST].concat(),
        "{new}"
    );
}

#[test]
fn lines_are_appended_in_order_below_the_last() {
    assert_eq!(
        edited(|edit| {
            edit.append(Name::PAssertedIdentity, "<sip:a@b>")
                .append_named("X-Two", 2);
        }),
        [
            START,
            VIA,
            ROUTES,
            REST,
            "|P-Asserted-Identity: <sip:a@b>|X-Two: 2"
        ]
        .concat()
    );
    let other = edited(|edit| {
        edit.append(Name::Other, "no name, no line");
    });
    assert_eq!(other, [START, VIA, ROUTES, REST].concat());
}

#[test]
fn a_value_is_set_where_it_stands_and_further_lines_go() {
    assert_eq!(
        edited(|edit| {
            edit.set(Name::MaxForwards, 5)
                .set(Name::MaxForwards, 69)
                .set(Name::Route, "<sip:x>")
                .set(Name::Expires, 60);
        }),
        [
            START,
            VIA,
            "Route: <sip:x>|X-One:  1 |",
            "max-forwards : 69|X-Latin: \u{e9}|l: 4|Expires: 60"
        ]
        .concat()
    );
}

#[test]
fn lines_are_removed() {
    assert_eq!(
        edited(|edit| {
            edit.remove(Name::Route)
                .remove(Name::Via)
                .remove(Name::Expires);
        }),
        [START, "X-One:  1 |", REST].concat()
    );
    assert_eq!(
        edited(|edit| {
            edit.push(Name::Route, "<sip:new>")
                .remove(Name::Route)
                .append(Name::Route, "<sip:last>");
        }),
        [
            START,
            VIA,
            "Route: <sip:new>|X-One:  1 |",
            REST,
            "|Route: <sip:last>"
        ]
        .concat()
    );
}

#[test]
fn elements_are_popped_one_by_one() {
    let popped = |count: usize| {
        edited(|edit| {
            for _ in 0..count {
                edit.pop(Name::Route);
            }
        })
    };
    assert_eq!(
        popped(1),
        [
            START,
            VIA,
            "Route: <sip:p2;lr>|X-One:  1 |Route: <sip:p3;lr>|",
            REST
        ]
        .concat()
    );
    assert_eq!(
        popped(2),
        [START, VIA, "X-One:  1 |Route: <sip:p3;lr>|", REST].concat()
    );
    assert_eq!(popped(3), [START, VIA, "X-One:  1 |", REST].concat());
    assert_eq!(popped(4), popped(3));
    assert_eq!(
        edited(|edit| {
            edit.pop(Name::Via).push(Name::Via, "new");
        }),
        [START, "Via: new|v: SIP/2.0/TLS a;branch=1|", ROUTES, REST].concat()
    );
}

#[test]
fn an_element_is_replaced_exactly() {
    let message = parsed(SMALL);
    for (index, expected) in [
        (0, "Route: NEW,~<sip:p2;lr>|X-One:  1 |Route: <sip:p3;lr>|"),
        (1, "Route: <sip:p1;lr>,~NEW|X-One:  1 |Route: <sip:p3;lr>|"),
        (2, "Route: <sip:p1;lr>,~<sip:p2;lr>|X-One:  1 |Route: NEW|"),
    ] {
        let element = message.elements(Name::Route).nth(index).unwrap();
        let written = edited(|edit| {
            edit.replace(&element, "NEW");
        });
        assert_eq!(written, [START, VIA, expected, REST].concat());
        let removed = edited(|edit| {
            edit.replace(&element, "NEW").remove(Name::Route);
        });
        assert_eq!(
            removed,
            [START, VIA, "X-One:  1 |", REST].concat(),
            "a cut hides what is changed inside"
        );
    }
}

#[test]
fn the_request_uri_is_changed_and_a_response_has_none() {
    assert!(
        edited(|edit| {
            edit.uri("sip:one").uri("sip:two");
        })
        .starts_with("INVITE sip:two SIP/2.0|")
    );
    let response = parsed("SIP/2.0 200 OK\r\n\r\n");
    assert_eq!(response.edit().uri("sip:x").write(), *response.bytes());
}

#[test]
fn no_value_can_bring_in_a_line() {
    let message = parsed(SMALL);
    let evil = "x\r\nEvil: yes\r\n\r\nBODY\0";
    let mut edit = message.edit();
    edit.uri(evil)
        .push(Name::Via, evil)
        .append_named(evil, evil)
        .set(Name::MaxForwards, evil);
    let lines = shown(&edit.write()).split("\r\n").count();
    assert_eq!(lines, SMALL.split("\r\n").count() + 2);
    let reply = Reply::to(&message, 200)
        .reason(evil)
        .header_named(evil, evil)
        .write();
    assert!(!shown(&reply).contains("\nEvil"));
}

#[test]
fn writing_appends_to_what_is_there() {
    let message = parsed(SMALL);
    let mut out = BytesMut::from(&b"before"[..]);
    message.edit().remove(Name::Via).write_to(&mut out);
    assert!(out.starts_with(b"beforeINVITE"));
}

#[test]
fn bytes_that_are_not_utf8_leave_as_they_came() {
    let bytes = [
        &b"MESSAGE sip:a@b SIP/2.0\r\nSubject: \xff\xfe \x01\r\nl: 2\r\n\r\n"[..],
        b"\xc3\x28",
    ]
    .concat();
    let message = parsed(bytes.clone());
    assert_eq!(
        (
            message.text(Name::Subject),
            message.get(Name::Subject).unwrap().value
        ),
        (None, &b"\xff\xfe \x01"[..])
    );
    let written = message.edit().push(Name::Via, "v").write();
    assert_eq!(
        written,
        shown_with(&bytes, "SIP/2.0\r\n", "SIP/2.0\r\nVia: v\r\n")
    );
}

fn shown_with(bytes: &[u8], before: &str, after: &str) -> Bytes {
    let at = bytes
        .windows(before.len())
        .position(|window| window == before.as_bytes())
        .unwrap();
    [&bytes[..at], after.as_bytes(), &bytes[at + before.len()..]]
        .concat()
        .into()
}

const REQUEST: &str = "INVITE sip:bob@example.com SIP/2.0\r\n\
    v: SIP/2.0/UDP phone;rport;branch=z9hG4bK2, SIP/2.0/TLS a;branch=1\r\n\
    Via: SIP/2.0/TLS z\r\n\
    Record-Route: <sip:p;lr>\r\n\
    Timestamp: 54\r\n\
    f: <sip:a@b>;tag=1\r\n\
    t: Bob <sip:b@b>\r\n\
    i: call\r\n\
    CSeq: 1 INVITE\r\n\
    \r\n";

#[test]
fn an_answer_copies_what_it_must() {
    let request = parsed(REQUEST);
    let source: SocketAddr = "192.0.2.9:5070".parse().unwrap();
    let reply = Reply::to(&request, 200)
        .to_tag("tt")
        .received(source)
        .record_route()
        .header(Name::Contact, "<sip:me>")
        .header_named("X-One", 1)
        .body("text/plain", Bytes::from_static(b"hello"))
        .write();
    assert_eq!(
        shown(&reply),
        "SIP/2.0 200 OK\r\n\
         Via: SIP/2.0/UDP phone;branch=z9hG4bK2;received=192.0.2.9;rport=5070, SIP/2.0/TLS a;branch=1\r\n\
         Via: SIP/2.0/TLS z\r\n\
         Record-Route: <sip:p;lr>\r\n\
         From: <sip:a@b>;tag=1\r\n\
         To: Bob <sip:b@b>;tag=tt\r\n\
         Call-ID: call\r\n\
         CSeq: 1 INVITE\r\n\
         Contact: <sip:me>\r\n\
         X-One: 1\r\n\
         Content-Type: text/plain\r\n\
         Content-Length: 5\r\n\r\nhello"
    );
}

#[test]
fn a_100_has_no_tag_but_the_timestamp() {
    let reply = shown(&Reply::to(&parsed(REQUEST), 100).to_tag("tt").write());
    assert!(reply.starts_with("SIP/2.0 100 Trying\r\n") && reply.contains("Timestamp: 54\r\n"));
    assert!(!reply.contains("tag=tt") && !reply.contains("Record-Route"));
}

#[test]
fn a_tag_that_is_there_is_kept() {
    let request = parsed(REQUEST.replace("<sip:b@b>", "<sip:b@b>;tag=own"));
    let reply = shown(
        &Reply::to(&request, 481)
            .reason("Gone Home")
            .to_tag("tt")
            .write(),
    );
    assert!(
        reply.contains("To: Bob <sip:b@b>;tag=own\r\n")
            && reply.starts_with("SIP/2.0 481 Gone Home\r\n")
    );
}

#[test]
fn a_request_is_made_from_nothing() {
    let bytes = Compose::request("OPTIONS", "sip:fepool01.example.com")
        .header(Name::Via, "SIP/2.0/TLS me;branch=z9hG4bK1")
        .header(Name::From, "<sip:me>;tag=1")
        .header(Name::To, "<sip:you>")
        .header(Name::CallId, "c")
        .header(Name::CSeq, format_args!("{} OPTIONS", 1))
        .header(Name::MaxForwards, 70)
        .body("text/plain", Bytes::from_static(b"hi"))
        .write();
    let message = parsed(bytes);
    assert_eq!(message.check().err(), None);
    assert_eq!(
        (message.method(), message.body()),
        (Method::Options, &b"hi"[..])
    );
    assert_eq!(message.text(Name::ContentLength), Some("2"));
}
