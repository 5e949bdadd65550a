//! What an agent and a controller read of each other: frames cut anywhere give the same messages, a message is written as
//! it can be read again, and an absurd query never gets past the border. The bytes are taken for a record's text form as
//! well: what is read of it is written and read again, alone and among others, and a search for what it has finds it.

use logs::wire::{Answer, Decoder, FrameError, Message, Request, encode};
use logs::{Criterion, Plan, Query, Span, keys_of, line, matches};

/// Reads the bytes as a stream of frames from either side, and as records.
///
/// # Panics
/// When a property does not hold.
pub fn run(bytes: &[u8]) {
    let size = bytes.first().map_or(1, |first| usize::from(first % 64) + 1);
    for request in stream::<Request>(bytes, size) {
        if let Request::Search(query) | Request::Tail(query) = &request {
            assert!(query.check().is_ok(), "an absurd query got through");
            let _ = Plan::of(query);
        }
    }
    stream::<Answer>(bytes, size);
    if let Ok(text) = std::str::from_utf8(bytes) {
        records(text);
    }
}

/// Reads a stream whole and in pieces.
fn stream<M: Message + PartialEq + std::fmt::Debug>(bytes: &[u8], size: usize) -> Vec<M> {
    let whole = read::<M>(bytes, bytes.len().max(1));
    assert_eq!(whole, read(bytes, size), "cut in pieces of {size}");
    for message in &whole.0 {
        let mut frame = Vec::new();
        encode(message, &mut frame).expect("what came in a frame fits into one");
        let (again, error) = read::<M>(&frame, frame.len());
        assert_eq!(
            (again.as_slice(), error),
            (std::slice::from_ref(message), None)
        );
    }
    whole.0
}

fn read<M: Message>(bytes: &[u8], size: usize) -> (Vec<M>, Option<FrameError>) {
    let mut decoder = Decoder::default();
    let mut messages = Vec::new();
    for piece in bytes.chunks(size) {
        decoder.push(piece);
        loop {
            match decoder.take() {
                Ok(Some(message)) => messages.push(message),
                Ok(None) => break,
                Err(error) => return (messages, Some(error)),
            }
        }
    }
    (messages, None)
}

/// Reads text as records in a row.
fn records(text: &str) {
    let mut written = String::new();
    let mut number = 0;
    for record in line::split(text).filter_map(|text| line::read(text).ok()) {
        let text = line::text_of(&record);
        assert!(text.len() <= line::LONGEST);
        assert_eq!(
            line::read(&text).as_ref(),
            Ok(&record),
            "written and read again"
        );
        written.push_str(&text);
        number += 1;
        keys_of(&record, &mut |_| {});
        let Ok(span) = Span::new(record.time, record.time) else {
            continue;
        };
        let mut query = Query::within(span);
        let id = record
            .call_id
            .as_ref()
            .map(|id| Criterion::CallId(id.to_string()));
        query.criteria = id.into_iter().collect();
        assert!(matches(&query, &record), "a record is found by what it has");
    }
    assert_eq!(line::split(&written).count(), number, "records stay apart");
}
