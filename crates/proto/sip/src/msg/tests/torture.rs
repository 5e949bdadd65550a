//! The rule families of RFC 4475, each as a message of our own with the outcome that is expected.
//!
//! A case is the part of a sound request that is replaced, what replaces it, and the first fault that is found by
//! parsing or by [`Message::check`].

use super::super::*;
use super::shown;

const SOUND: &str = "MESSAGE sip:bob@example.com SIP/2.0\r\n\
    Via: SIP/2.0/TLS phone.example.com:5061;branch=z9hG4bK1\r\n\
    Max-Forwards: 70\r\n\
    From: Alice <sip:alice@example.com>;tag=1\r\n\
    To: <sip:bob@example.com>\r\n\
    Call-ID: call-1@example.com\r\n\
    CSeq: 1 MESSAGE\r\n\
    Expires: 10\r\n\
    Content-Type: text/plain\r\n\
    Content-Length: 5\r\n\
    \r\n\
    hello";

fn verdict(bytes: Vec<u8>) -> Option<Invalid> {
    match Message::parse(bytes.into(), &Limits::CLIENT) {
        Ok(message) => message.check().err(),
        Err(error) => Some(error),
    }
}

fn try_all(cases: &[(&str, &str, Option<Invalid>)]) {
    assert_eq!(verdict(SOUND.into()), None);
    for (old, new, expected) in cases {
        assert!(SOUND.contains(old), "the case replaces something: {old}");
        let text = SOUND.replacen(old, new, 1);
        assert_eq!(verdict(text.clone().into()), *expected, "{text}");
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table of cases")]
fn odd_but_valid_messages_are_accepted() {
    let long = format!(
        "From: \"{}\" <sip:alice@example.com>;tag=1",
        "long ".repeat(600)
    );
    let vias = format!(
        "Max-Forwards: 70\r\n{}",
        "Via: SIP/2.0/UDP h;branch=z9hG4bK2\r\n".repeat(60)
    );
    try_all(&[
        // Folding and white space.
        ("From: Alice", "From:\r\n \r\n\tAlice\r\n  ", None),
        ("CSeq: 1 MESSAGE", "CSeq:\r\n 1\r\n\tMESSAGE", None),
        ("Content-Length: 5", "Content-Length\t :\r\n   5  ", None),
        ("To: <", "tO :\t<", None),
        (
            "Via: SIP/2.0/TLS phone.example.com:5061;",
            "Via: SIP  / 2.0\r\n /TLS phone.example.com : 5061 ;\t",
            None,
        ),
        // Compact forms.
        ("Via: ", "v:", None),
        ("From: ", "F: ", None),
        ("Content-Length", "L", None),
        ("Call-ID", "i", None),
        // Unusual tokens and values.
        (
            "Call-ID: call-1@example.com",
            "Call-ID: intmeth.word%ZK-!.*_+'@word`~)(><:\\/\"][?}{",
            None,
        ),
        (
            "From: Alice <",
            "From: \"BEL:\\\u{7} NUL:\\\u{1} \\\\\" <",
            None,
        ),
        (
            "From: Alice <",
            "From: token1~` token2'+_ token3*%!.- <",
            None,
        ),
        ("From: Alice <", "From: \"quoted , < ; >\" <", None),
        ("From: Alice <", "From: \u{c4}lice <", None),
        (
            "From: Alice <sip:alice@example.com>",
            "From: sip:alice@example.com",
            None,
        ),
        (
            "To: <sip:bob@example.com>",
            "To: <tel:+12015550123;phone-context=example.com>",
            None,
        ),
        ("To: <sip:bob@example.com>", "To: <urn:service:sos>", None),
        ("Max-Forwards: 70", "Max-Forwards: 0068", None),
        ("Max-Forwards: 70", "Max-Forwards: 0", None),
        ("Max-Forwards: 70\r\n", "", None),
        ("CSeq: 1 ", "CSeq: 2147483647 ", None),
        ("Expires: 10", "Expires: 99999999999999999999", None),
        (";tag=1", "", None),
        (";tag=1", " ; x ; tag = 1;y=\"a;b\"", None),
        // Escapes.
        (
            "sip:bob@example.com SIP",
            "sip:null-%00-null@example.com SIP",
            None,
        ),
        (
            "sip:bob@example.com SIP",
            "sip:sips%3Auser%40example.com@example.net SIP",
            None,
        ),
        (
            "sip:bob@example.com SIP",
            "sip:%75se%72@example.com;x%20=%41 SIP",
            None,
        ),
        // Transport and host forms.
        (
            "sip:bob@example.com SIP",
            "sips:[2001:db8::10]:5070;transport=tls SIP",
            None,
        ),
        (
            "SIP/2.0/TLS phone.example.com:5061",
            "SIP/2.0/UNKNOWN [2001:db8::9:1]",
            None,
        ),
        ("SIP/2.0/TLS phone", "sip/2.0/tls phone", None),
        // Long values, and unknown headers with anything in them.
        ("From: Alice <sip:alice@example.com>;tag=1", &long, None),
        ("Max-Forwards: 70\r\n", &vias, None),
        ("Expires: 10", "X-Unknown: \u{1}\u{2} ;;,,;;=,\"", None),
        ("Expires: 10", "!Odd%Name'*~: x", None),
        ("Expires: 10", "X-Empty:", None),
        ("Expires: 10", "Contact: \"open, <sip:a", None),
        ("Content-Length: 5", "X: y", None),
        (
            "Content-Length: 5\r\n\r\nhello",
            "Content-Length: 0005\r\n\r\nhello and more",
            None,
        ),
    ]);
}

#[test]
fn a_bad_start_line_is_refused() {
    use Invalid::{Scheme, StartLine, Uri, Version};
    try_all(&[
        ("SIP/2.0\r\nVia", "SIP/7.0\r\nVia", Some(Version)),
        ("SIP/2.0\r\nVia", "SIP/2.00\r\nVia", Some(Version)),
        ("SIP/2.0\r\nVia", "SIP/2.0 \r\nVia", Some(StartLine)),
        ("SIP/2.0\r\nVia", "SIP/\r\nVia", Some(StartLine)),
        ("SIP/2.0\r\nVia", "HTTP/1.1\r\nVia", Some(StartLine)),
        (" SIP/2.0\r\nVia", "\r\nVia", Some(StartLine)),
        (" sip:bob@example.com SIP", " SIP", Some(StartLine)),
        ("MESSAGE sip:bob", "MESSAGE  sip:bob", Some(StartLine)),
        ("MESSAGE sip:bob", " MESSAGE sip:bob", Some(StartLine)),
        ("MESSAGE sip:bob", "MES@AGE sip:bob", Some(StartLine)),
        (
            "bob@example.com SIP",
            "bob@example.com; lr SIP",
            Some(StartLine),
        ),
        (
            "bob@example.com SIP",
            "b\u{f6}b@example.com SIP",
            Some(StartLine),
        ),
        (
            "sip:bob@example.com SIP",
            "<sip:bob@example.com> SIP",
            Some(Uri),
        ),
        (
            "sip:bob@example.com SIP",
            "sip:bob@example.com?Route=%3Csip:x%3E SIP",
            Some(Uri),
        ),
        (
            "sip:bob@example.com SIP",
            "sip:%gg@example.com SIP",
            Some(Uri),
        ),
        ("sip:bob@example.com SIP", "bob SIP", Some(Uri)),
        (
            "sip:bob@example.com SIP",
            "nobodyKnowsThisScheme:totallyopaque SIP",
            Some(Scheme),
        ),
        (
            "sip:bob@example.com SIP",
            "http://example.com SIP",
            Some(Scheme),
        ),
    ]);
}

#[test]
fn bad_header_lines_are_refused() {
    use Invalid::Line;
    try_all(&[
        ("SIP/2.0\r\nVia", "SIP/2.0\r\n Via", Some(Line { line: 1 })),
        (
            "Max-Forwards: 70",
            "Max-Forwards 70",
            Some(Line { line: 2 }),
        ),
        ("Max-Forwards: 70", ": 70", Some(Line { line: 2 })),
        (
            "Max-Forwards: 70",
            "Max Forwards: 70",
            Some(Line { line: 2 }),
        ),
        (
            "Max-Forwards: 70",
            "Max-Forwards: 7\u{0}0",
            Some(Line { line: 2 }),
        ),
        (
            "Max-Forwards: 70\r\n",
            "Max-Forwards: 70\n",
            Some(Line { line: 2 }),
        ),
        (
            "Max-Forwards: 70\r\n",
            "Max-Forwards: 70\r\r\n",
            Some(Line { line: 2 }),
        ),
        ("\r\n\r\nhello", "\r\nhello", Some(Invalid::NoEnd)),
    ]);
}

#[test]
fn missing_and_repeated_headers_are_refused() {
    use Invalid::{Missing, Repeated};
    try_all(&[
        ("Via: ", "X: ", Some(Missing(Name::Via))),
        ("From: ", "X: ", Some(Missing(Name::From))),
        ("To: ", "X: ", Some(Missing(Name::To))),
        ("Call-ID: ", "X: ", Some(Missing(Name::CallId))),
        ("CSeq: ", "X: ", Some(Missing(Name::CSeq))),
        (
            "Max-Forwards: 70",
            "t: <sip:other@example.com>",
            Some(Repeated(Name::To)),
        ),
        (
            "Max-Forwards: 70",
            "From: <sip:other@example.com>;tag=2",
            Some(Repeated(Name::From)),
        ),
        ("Max-Forwards: 70", "i: other", Some(Repeated(Name::CallId))),
        (
            "Max-Forwards: 70",
            "CSeq: 1 MESSAGE",
            Some(Repeated(Name::CSeq)),
        ),
        (
            "Max-Forwards: 70",
            "Max-Forwards: 70\r\nMax-Forwards: 69",
            Some(Repeated(Name::MaxForwards)),
        ),
        (
            "Max-Forwards: 70",
            "l: 5",
            Some(Repeated(Name::ContentLength)),
        ),
        (
            "Max-Forwards: 70",
            "l: 6",
            Some(Repeated(Name::ContentLength)),
        ),
        (
            "Max-Forwards: 70",
            "c: text/html",
            Some(Repeated(Name::ContentType)),
        ),
    ]);
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table of cases")]
fn bad_values_are_refused() {
    use Invalid::{CSeqMethod, Malformed, Truncated};
    try_all(&[
        (
            "Via: SIP/2.0/TLS",
            "Via: SIP/2.0",
            Some(Malformed(Name::Via)),
        ),
        (
            "Via: SIP/2.0/TLS phone.example.com:5061;branch=z9hG4bK1",
            "Via: ,",
            Some(Invalid::Missing(Name::Via)),
        ),
        (":5061;branch", ":70000;branch", Some(Malformed(Name::Via))),
        ("CSeq: 1 MESSAGE", "CSeq: 1 INVITE", Some(CSeqMethod)),
        ("CSeq: 1 MESSAGE", "CSeq: 1 message", Some(CSeqMethod)),
        (
            "CSeq: 1 ",
            "CSeq: 36893488147419103232 ",
            Some(Malformed(Name::CSeq)),
        ),
        ("CSeq: 1 ", "CSeq: 2147483648 ", Some(Malformed(Name::CSeq))),
        ("CSeq: 1 ", "CSeq: -1 ", Some(Malformed(Name::CSeq))),
        ("CSeq: 1 ", "CSeq: ", Some(Malformed(Name::CSeq))),
        (
            "Max-Forwards: 70",
            "Max-Forwards: 256",
            Some(Malformed(Name::MaxForwards)),
        ),
        (
            "Max-Forwards: 70",
            "Max-Forwards: -1",
            Some(Malformed(Name::MaxForwards)),
        ),
        (
            "Max-Forwards: 70",
            "Max-Forwards:",
            Some(Malformed(Name::MaxForwards)),
        ),
        (
            "Expires: 10",
            "Expires: soon",
            Some(Malformed(Name::Expires)),
        ),
        (
            "Call-ID: call-1@",
            "Call-ID: call 1@",
            Some(Malformed(Name::CallId)),
        ),
        (
            "Call-ID: call-1@example.com",
            "Call-ID:",
            Some(Malformed(Name::CallId)),
        ),
        (
            "From: Alice <",
            "From: \"Alice <",
            Some(Malformed(Name::From)),
        ),
        (
            "From: Alice <",
            "From: Example, Alice <",
            Some(Malformed(Name::From)),
        ),
        (
            "alice@example.com>;tag=1",
            "alice@example.com;tag=1",
            Some(Malformed(Name::From)),
        ),
        (
            "alice@example.com>",
            "alice @example.com>",
            Some(Malformed(Name::From)),
        ),
        (";tag=1", ";tag=1;tag=2", Some(Malformed(Name::From))),
        (";tag=1", ";tag", Some(Malformed(Name::From))),
        (";tag=1", ";tag=", Some(Malformed(Name::From))),
        (";tag=1", ";tag=\"1\"", Some(Malformed(Name::From))),
        (";tag=1", ";tag=1;x=\"open", Some(Malformed(Name::From))),
        (
            "To: <sip:bob@example.com>",
            "To: sip:bob@example.com?x=y",
            Some(Malformed(Name::To)),
        ),
        (
            "To: <sip:bob@example.com>",
            "To: <sip:bob@>",
            Some(Malformed(Name::To)),
        ),
        (
            "To: <sip:bob@example.com>",
            "To: bob",
            Some(Malformed(Name::To)),
        ),
        (
            "Content-Length: 5",
            "Content-Length: -5",
            Some(Malformed(Name::ContentLength)),
        ),
        (
            "Content-Length: 5",
            "Content-Length: 5, 5",
            Some(Malformed(Name::ContentLength)),
        ),
        ("Content-Length: 5", "Content-Length: 6", Some(Truncated)),
        (
            "Content-Length: 5",
            "Content-Length: 99999999999999999999",
            Some(Truncated),
        ),
    ]);
}

#[test]
fn bad_status_lines_are_refused() {
    let tail = &SOUND[SOUND.find("\r\n").unwrap()..];
    for (line, expected) in [
        ("SIP/2.0 200 OK", None),
        ("SIP/2.0 200 = 2**3 * 5**2 \u{43d}\u{43e} \u{221a}", None),
        ("SIP/2.0 100", None),
        (
            "SIP/2.0 4294967301 better not break the receiver",
            Some(Invalid::StartLine),
        ),
        ("SIP/2.0 099 x", Some(Invalid::StartLine)),
        ("SIP/2.0 700 x", Some(Invalid::StartLine)),
        ("SIP/2.0 20 x", Some(Invalid::StartLine)),
        ("SIP/2.0 2000", Some(Invalid::StartLine)),
        ("SIP/2.0  200 OK", Some(Invalid::StartLine)),
        ("SIP/2.0", Some(Invalid::StartLine)),
        ("SIP/3.0 200 OK", Some(Invalid::Version)),
    ] {
        assert_eq!(verdict(format!("{line}{tail}").into()), expected, "{line}");
    }
}

#[test]
fn every_fault_has_a_status() {
    for (fault, status) in [
        (Invalid::Version, 505),
        (Invalid::Scheme, 416),
        (Invalid::HeadTooLong, 513),
        (Invalid::TooManyLines, 513),
        (Invalid::BodyTooLong, 413),
        (Invalid::StartLine, 400),
        (Invalid::Uri, 400),
        (Invalid::Address, 400),
        (Invalid::Line { line: 1 }, 400),
        (Invalid::NoEnd, 400),
        (Invalid::Truncated, 400),
        (Invalid::Missing(Name::To), 400),
        (Invalid::Repeated(Name::To), 400),
        (Invalid::Malformed(Name::To), 400),
        (Invalid::CSeqMethod, 400),
    ] {
        assert_eq!(fault.status(), status, "{fault}");
        assert_ne!(reason_phrase(status), "Request Failure");
    }
    assert_eq!(
        shown(Invalid::Malformed(Name::CallId).to_string().as_bytes()),
        "Call-ID is malformed"
    );
}
