//! Messages out of streams and datagrams.

use bytes::Bytes;

use super::super::*;
use super::{INVITE, REGISTER, shown};

const LIMITS: Limits = Limits::CLIENT;

/// Feeds pieces and returns what comes out, and how it ends.
pub(super) fn frames(pieces: &[&[u8]]) -> (Vec<Frame>, Option<FrameError>) {
    let mut framer = Framer::new();
    let mut frames = Vec::new();
    for piece in pieces {
        framer.push(Bytes::copy_from_slice(piece));
        loop {
            match framer.next(&LIMITS) {
                Ok(Some(frame)) => frames.push(frame),
                Ok(None) => break,
                Err(error) => return (frames, Some(error)),
            }
        }
    }
    (frames, None)
}

/// One word a frame, and the message itself.
pub(super) fn summary(frames: &[Frame]) -> Vec<String> {
    let word = |frame: &Frame| match frame {
        Frame::Ping => "ping".to_owned(),
        Frame::Pong => "pong".to_owned(),
        Frame::Message(message) => shown(message.bytes()),
        Frame::Garbled {
            error,
            reply,
            fatal,
        } => format!("{error} {:?} {fatal}", reply.as_deref().map(shown)),
    };
    frames.iter().map(word).collect()
}

#[test]
fn a_whole_message_is_a_slice_of_what_was_received() {
    let received = Bytes::from([INVITE, REGISTER, b"\r\n\r\n"].concat());
    let mut framer = Framer::new();
    framer.push(received.clone());
    let Ok(Some(Frame::Message(first))) = framer.next(&LIMITS) else {
        panic!("no message")
    };
    assert_eq!(first.bytes().as_ptr(), received.as_ptr());
    assert_eq!(first.bytes(), INVITE);
    let Ok(Some(Frame::Message(second))) = framer.next(&LIMITS) else {
        panic!("no message")
    };
    assert_eq!(second.bytes(), REGISTER);
    assert!(matches!(framer.next(&LIMITS), Ok(Some(Frame::Ping))));
    assert!(matches!(framer.next(&LIMITS), Ok(None)));
    assert!(framer.is_empty());
}

#[test]
fn a_sender_of_single_bytes_gets_the_same_messages() {
    let all = [INVITE, b"\r\n\r\n", REGISTER].concat();
    let (frames, error) = frames(&all.chunks(1).collect::<Vec<_>>());
    assert_eq!(error, None);
    let frames: Vec<String> = summary(&frames)
        .into_iter()
        .filter(|word| word != "pong")
        .collect();
    assert_eq!(frames, [shown(INVITE), "ping".to_owned(), shown(REGISTER)]);
}

#[test]
fn what_waits_does_not_hold_the_receive_buffer() {
    let received = Bytes::copy_from_slice(INVITE);
    let mut framer = Framer::new();
    framer.push(received.slice(..10));
    assert!(matches!(framer.next(&LIMITS), Ok(None)));
    assert_eq!(framer.pending(), 10);
    assert!(received.is_unique());
}

#[test]
fn keep_alives_are_reported() {
    for (pieces, expected) in [
        (&[&b"\r\n\r\n"[..]][..], &["ping"][..]),
        (&[b"\r\n"], &["pong"]),
        (&[b"\r\n", b"\r\n"], &["pong", "ping"]),
        (&[b"\r", b"\n\r", b"\n"], &["ping"]),
        (&[b"\r\n\r\n\r\n"], &["ping", "pong"]),
        (&[b"\r\n\r\n\r\n\r\n"], &["ping", "ping"]),
        (&[b"\r"], &[]),
    ] {
        let (frames, error) = frames(pieces);
        assert_eq!(
            (summary(&frames), error),
            (
                expected.iter().map(|word| (*word).to_owned()).collect(),
                None
            )
        );
    }
}

#[test]
fn other_protocols_end_the_connection() {
    for (bytes, expected) in [
        (&b"\x16\x03\x01\x02\x00\x01"[..], FrameError::Tls),
        (b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", FrameError::Http),
        (b"HTTP/1.1 200 OK\r\n\r\n", FrameError::Http),
        (b"hello\r\n", FrameError::NotSip),
        (b"\0\0\0\0", FrameError::NotSip),
        (b"\xff\xfe", FrameError::NotSip),
        (b"\rX", FrameError::NotSip),
        (b"\n", FrameError::NotSip),
        (b" OPTIONS sip:a SIP/2.0\r\n", FrameError::NotSip),
        (b"OPTIONS sip:a SIP/2.0\nVia: x\n\n", FrameError::NotSip),
    ] {
        let mut framer = Framer::new();
        framer.push(Bytes::copy_from_slice(bytes));
        assert_eq!(
            framer.next(&LIMITS).err(),
            Some(expected),
            "{}",
            shown(bytes)
        );
        framer.push(Bytes::from_static(INVITE));
        assert!(
            matches!(framer.next(&LIMITS), Ok(None)),
            "nothing comes out after a fault"
        );
        assert!(framer.is_empty());
    }
}

#[test]
fn a_head_without_end_is_cut_off_at_the_limit() {
    let mut framer = Framer::new();
    framer.push(Bytes::from_static(b"OPTIONS sip:a SIP/2.0\r\n"));
    let line = Bytes::from(format!("X: {}\r\n", "y".repeat(95)));
    let mut sent = 23;
    let error = loop {
        framer.push(line.clone());
        sent += line.len();
        match framer.next(&LIMITS) {
            Ok(frame) => assert!(frame.is_none()),
            Err(error) => break error,
        }
    };
    assert_eq!(error, FrameError::HeadTooLong);
    assert!(sent <= LIMITS.head + line.len(), "{sent}");

    let endless = vec![b'A'; LIMITS.head + 1];
    assert_eq!(frames(&[&endless]).1, Some(FrameError::HeadTooLong));
}

#[test]
fn a_first_line_that_ends_beyond_the_limit_is_a_head_too_long_however_it_is_cut() {
    for end in [
        LIMITS.head - 2,
        LIMITS.head - 1,
        LIMITS.head,
        LIMITS.head + 1,
    ] {
        let mut line = vec![b'A'; end];
        line.extend_from_slice(b"\r\n\r\n");
        let verdict = if end + 2 <= LIMITS.head {
            FrameError::NotSip
        } else {
            FrameError::HeadTooLong
        };
        let ways = [line.len(), LIMITS.head + 1, LIMITS.head, 1000, 1];
        for piece in ways {
            let (told, error) = frames(&line.chunks(piece).collect::<Vec<_>>());
            assert!(told.is_empty());
            assert_eq!(error, Some(verdict), "line of {end} in pieces of {piece}");
        }
    }
}

const HEAD: &str = "Via: SIP/2.0/TCP h;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:b@b>\r\nCall-ID: c\r\n";

/// Faults, whether an answer is possible, its status, and whether the connection can go on.
#[test]
#[expect(clippy::too_many_lines, reason = "a table of cases")]
fn garbled_messages_are_answered_and_the_stream_goes_on_where_it_can() {
    for (start, lines, status, is_fatal) in [
        (
            "OPTIONS sip:a SIP/3.0",
            "CSeq: 1 OPTIONS\r\nl: 0\r\n",
            Some("505"),
            false,
        ),
        (
            "OPTIONS  sip:a SIP/2.0",
            "CSeq: 1 OPTIONS\r\nl: 0\r\n",
            Some("400"),
            false,
        ),
        (
            "OPTIONS sip:a SIP/2.0",
            "CSeq: 1 OPTIONS\r\nl: 3\r\nno colon\r\n",
            Some("400"),
            false,
        ),
        (
            "OPTIONS sip:a SIP/2.0",
            "CSeq: 1 OPTIONS\r\nl: 3\r\nX: a\rb\r\n",
            Some("400"),
            false,
        ),
        (
            "OPTIONS sip:a SIP/2.0",
            "CSeq: 1 OPTIONS\r\nl: 3\r\nX: a\nb\r\n",
            Some("400"),
            false,
        ),
        (
            "OPTIONS sip:a SIP/2.0",
            "CSeq: 1 OPTIONS\r\nl: 3\r\nX: a\0b\r\n",
            Some("400"),
            false,
        ),
        ("ACK sip:a SIP/3.0", "CSeq: 1 ACK\r\nl: 0\r\n", None, false),
        ("SIP/2.0 99999 x", "CSeq: 1 ACK\r\nl: 0\r\n", None, false),
        ("OPTIONS sip:a SIP/3.0", "l: 0\r\n", None, false),
        (
            "OPTIONS sip:a SIP/2.0",
            "CSeq: 1 OPTIONS\r\n",
            Some("400"),
            true,
        ),
        (
            "OPTIONS sip:a SIP/2.0",
            "CSeq: 1 OPTIONS\r\nl: -1\r\n",
            Some("400"),
            true,
        ),
        (
            "OPTIONS sip:a SIP/2.0",
            "CSeq: 1 OPTIONS\r\nl: 1\r\nl: 2\r\n",
            Some("400"),
            true,
        ),
        (
            "OPTIONS sip:a SIP/2.0",
            "CSeq: 1 OPTIONS\r\nl: 131073\r\n",
            Some("413"),
            true,
        ),
        (
            "OPTIONS sip:a SIP/2.0",
            "CSeq: 1 OPTIONS\r\nl: 999999999999999999999999\r\n",
            Some("413"),
            true,
        ),
    ] {
        let text = format!("{start}\r\n{HEAD}{lines}\r\n");
        let body = if lines.contains("l: 3") {
            &b"abc"[..]
        } else {
            b""
        };
        let (frames, error) = frames(&[text.as_bytes(), body, REGISTER]);
        assert_eq!(error, None, "{text}");
        let Some(Frame::Garbled { reply, fatal, .. }) = frames.first() else {
            panic!("{text} {frames:?}")
        };
        assert_eq!(*fatal, is_fatal, "{text}");
        let reply = reply.clone().map(super::parsed);
        assert_eq!(
            reply
                .as_ref()
                .map(|reply| reply.status().to_string())
                .as_deref(),
            status,
            "{text}"
        );
        if let Some(reply) = reply {
            assert_eq!(reply.check().err(), None, "the answer is sound");
            assert!(reply.to().unwrap().tag().is_some());
        }
        assert_eq!(frames.len(), if is_fatal { 1 } else { 2 }, "{text}");
    }
}

#[test]
fn too_many_lines_are_refused_though_the_head_is_short() {
    let text = format!(
        "OPTIONS sip:a SIP/2.0\r\nl: 0\r\n{HEAD}CSeq: 1 OPTIONS\r\n{}\r\n",
        "X:\r\n".repeat(130)
    );
    let (frames, error) = frames(&[text.as_bytes()]);
    assert_eq!(error, None);
    assert!(matches!(
        frames[..],
        [Frame::Garbled {
            error: Invalid::TooManyLines,
            reply: Some(_),
            fatal: false
        }]
    ));
}

#[test]
fn datagrams_need_no_length_and_may_be_longer_than_it() {
    let head = format!("OPTIONS sip:a SIP/2.0\r\n{HEAD}CSeq: 1 OPTIONS\r\n");
    let body = |text: String| match datagram(text.into(), &LIMITS) {
        Ok(Frame::Message(message)) => Ok(message.body().to_vec()),
        Ok(Frame::Garbled {
            error,
            reply,
            fatal: false,
        }) => Err((error, reply.is_some())),
        other => panic!("{other:?}"),
    };
    assert_eq!(body(format!("{head}\r\nabc")), Ok(b"abc".to_vec()));
    assert_eq!(
        body(format!("\r\n\r\n{head}l: 2\r\n\r\nabc")),
        Ok(b"ab".to_vec())
    );
    assert_eq!(
        body(format!("{head}l: 4\r\n\r\nabc")),
        Err((Invalid::Truncated, true))
    );
    assert_eq!(body(head), Err((Invalid::NoEnd, false)));
    for (bytes, expected) in [
        (&b"\r\n\r\n"[..], Ok("ping")),
        (b"\r\n", Ok("pong")),
        (b"\0\0\0\0", Ok("pong")),
        (b"", Ok("pong")),
        (b"GET / HTTP/1.1\r\n\r\n", Err(FrameError::Http)),
        (b"\x16\x03\x01", Err(FrameError::Tls)),
        (b"hello", Err(FrameError::NotSip)),
    ] {
        let found =
            datagram(Bytes::from_static(bytes), &LIMITS).map(|frame| summary(&[frame]).concat());
        assert_eq!(found, expected.map(str::to_owned), "{}", shown(bytes));
    }
}
