//! Frames both ways: whole, cut anywhere, and wrong.

use proptest::prelude::*;

use super::{
    AgentStatus, Answer, Decoder, Done, FrameError, LONGEST_REQUEST, Refused, Request, encode,
};
use crate::{Component, Criterion, Pattern, Query, Running, Span, Time};

/// One of each.
pub(crate) fn every_request() -> Vec<Request> {
    let span = Span::new(Time(1), Time(2)).unwrap();
    let mut query = Query::within(span);
    query.criteria = vec![
        Criterion::Pattern(Pattern::new("a+").unwrap()),
        Criterion::Phone("+14255550123".parse().unwrap()),
        Criterion::Ip("10.0.0.1".parse().unwrap()),
    ];
    query.components = vec![Component::Edge];
    vec![
        Request::Start {
            scenario: "SignIn".into(),
            duration: Some("8:00".parse().unwrap()),
        },
        Request::Stop {
            scenario: "SignIn".into(),
        },
        Request::Update {
            duration: "120".parse().unwrap(),
        },
        Request::Show,
        Request::Sync,
        Request::Status,
        Request::Search(query.clone()),
        Request::Tail(query),
        Request::Collect(span),
    ]
}

fn every_answer() -> Vec<Answer> {
    let running = Running {
        scenario: "Web".into(),
        since: Time(1),
        until: Some(Time(2)),
        by: "ann".into(),
    };
    let status = AgentStatus {
        running: vec![running.clone()],
        silenced: vec![Component::Web],
        ..AgentStatus::default()
    };
    vec![
        Answer::Running(vec![running]),
        Answer::Status(Box::new(status)),
        Answer::Records("=== x\n".into()),
        Answer::Missed(7),
        Answer::File {
            name: "0000000001.trace.zst".into(),
            size: 3,
        },
        Answer::Bytes(vec![1, 2, 3]),
        Answer::Done(Done::default()),
        Answer::Refused(Refused::NotAllowed("no".into())),
    ]
}

/// Reads a stream that comes in pieces of this size.
fn read<M: super::Message>(stream: &[u8], size: usize) -> Result<Vec<M>, FrameError> {
    let mut decoder = Decoder::default();
    let mut all = Vec::new();
    for piece in stream.chunks(size) {
        decoder.push(piece);
        while let Some(message) = decoder.take()? {
            all.push(message);
        }
    }
    Ok(all)
}

#[test]
fn every_message_arrives_however_the_stream_is_cut() {
    let mut stream = Vec::new();
    for request in every_request() {
        encode(&request, &mut stream).unwrap();
    }
    for size in [1, 2, 3, 7, 4096] {
        assert_eq!(read(&stream, size), Ok(every_request()));
    }
    let mut stream = Vec::new();
    for answer in every_answer() {
        encode(&answer, &mut stream).unwrap();
    }
    for size in [1, 5, 4096] {
        assert_eq!(read(&stream, size), Ok(every_answer()));
    }
}

#[test]
fn what_is_no_frame_ends_the_stream_at_once_and_for_good() {
    for (bytes, error) in [
        (
            &[0xff, 0xff, 0xff, 0xff][..],
            FrameError::TooLong(0xffff_ffff),
        ),
        (&[0, 0, 0, 1], FrameError::TooShort(1)),
        (&[0, 0, 0, 9, 2], FrameError::Version(2)),
        (&[0, 0, 0, 9, 1, 2], FrameError::Kind(2)),
        (&[0, 0, 0, 3, 1, 1, 200], FrameError::Body),
        (&[0, 0, 0, 4, 1, 1, 3, 0], FrameError::Body),
        (b"GET / HTTP/1.1\r\n", FrameError::TooLong(0x4745_5420)),
    ] {
        let mut decoder = Decoder::<Request>::default();
        decoder.push(bytes);
        assert_eq!(decoder.take(), Err(error));
        decoder.push(&[0, 0, 0, 3, 1, 1, 3]);
        assert_eq!(decoder.take(), Err(error));
    }
}

#[test]
fn what_does_not_fit_is_not_sent() {
    let scenario = "x".repeat(LONGEST_REQUEST);
    let mut out = Vec::new();
    let error = encode(&Request::Stop { scenario }, &mut out).unwrap_err();
    assert!(matches!(error, FrameError::DoesNotFit(_)));
    assert!(out.is_empty());
}

#[test]
fn absurd_queries_do_not_pass_the_border() {
    let mut query = Query::within(Span::new(Time(0), Time(1)).unwrap());
    query.limit = 0;
    let mut out = Vec::new();
    encode(&Request::Search(query), &mut out).unwrap();
    assert_eq!(read::<Request>(&out, 99), Err(FrameError::Body));
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..80), size in 1..9_usize) {
        let mut framed = u32::try_from(bytes.len() + 2).unwrap().to_be_bytes().to_vec();
        framed.extend([1, 1]);
        framed.extend(bytes);
        let whole = read::<Request>(&framed, framed.len());
        prop_assert_eq!(&read::<Request>(&framed, size), &whole);
        for request in whole.unwrap_or_default() {
            let mut again = Vec::new();
            encode(&request, &mut again).unwrap();
            prop_assert_eq!(read(&again, 1000), Ok(vec![request]));
        }
    }
}
