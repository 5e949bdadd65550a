//! Watching what comes.

use std::time::Duration;

use logs::{Criterion, line};
use traces::{TAIL_RECORDS, TAILS, TailError};

use crate::support::{all, fill, open, query, record};

const SOON: Duration = Duration::from_secs(10);

#[test]
fn a_watcher_sees_what_matches_from_now_on() {
    let dir = tempfile::tempdir().unwrap();
    let (traces, _) = open(dir.path());
    fill(&traces, 0..10);
    let tail = traces
        .tail(query(vec![Criterion::Method("BYE".into())]))
        .unwrap();
    fill(&traces, 10..200);
    let byes = (10..200)
        .map(record)
        .filter(|record| record.method.as_deref() == Some("BYE"));
    for expected in byes {
        let text = tail.next(SOON).unwrap().unwrap();
        assert_eq!(line::read(&text), Ok(expected));
    }
    assert_eq!(tail.next(Duration::ZERO), Ok(None));
    drop(traces);
    assert!(tail.next(SOON).is_err(), "the writer has ended");
}

#[test]
fn whoever_reads_too_slowly_misses_some_and_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let (traces, _) = open(dir.path());
    let tail = traces.tail(all()).unwrap();
    let number = TAIL_RECORDS as u64 + 500;
    fill(&traces, 0..number);
    assert_eq!((tail.missed(), tail.missed()), (500, 0));
    let text = tail.next(SOON).unwrap().unwrap();
    assert_eq!(line::read(&text), Ok(record(0)));
}

#[test]
fn so_many_watch_and_no_more_until_one_goes() {
    let dir = tempfile::tempdir().unwrap();
    let (traces, _) = open(dir.path());
    let mut tails: Vec<_> = (0..TAILS).map(|_| traces.tail(all()).unwrap()).collect();
    assert_eq!(traces.tail(all()).unwrap_err(), TailError::Full);
    tails.pop();
    traces.tail(all()).unwrap();
}
