//! Reading on from an index while the log grows.

use std::sync::mpsc;

use store::{Index, Log, Options, SubscribeError, Subscription};

use crate::support::{open, open_with, set};

#[test]
fn a_reader_sees_every_record_once_and_in_order_while_others_append() {
    let dir = tempfile::tempdir().unwrap();
    let (log, _, _) = open_with(
        dir.path(),
        Options {
            segment_bytes: 3000,
            ..Options::default()
        },
    );
    let (wake, woken) = mpsc::channel();
    let mut reader = log
        .subscribe(Index::ZERO, move || wake.send(()).unwrap_or_default())
        .unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for step in 0..2000_u32 {
                log.append(vec![set(step, 1), set(step, 2)], |result| {
                    assert!(result.is_ok())
                });
            }
        });
        let mut next = 1;
        while next <= 4000 {
            woken.recv().unwrap();
            for entry in take_all(&mut reader) {
                assert_eq!(entry.index, Index(next));
                let step = u32::try_from((next - 1) / 2).unwrap();
                assert_eq!(entry.record, set(step, 2 - next % 2));
                next += 1;
            }
        }
    });
}

#[test]
fn a_reader_begins_where_it_wants() {
    let dir = tempfile::tempdir().unwrap();
    let (log, _, _) = open(dir.path());
    log.append_and_wait((0..10).map(|key| set(key, 0)).collect())
        .unwrap();
    let mut reader = log.subscribe(Index(7), || {}).unwrap();
    let one: Vec<u64> = reader
        .take(1)
        .unwrap()
        .iter()
        .map(|entry| entry.index.0)
        .collect();
    assert_eq!(one, [8]);
    assert_eq!(indexes(&mut reader), [9, 10]);
    assert!(reader.take(1000).unwrap().is_empty());
    log.append_and_wait(vec![set(1, 1)]).unwrap();
    assert_eq!(indexes(&mut reader), [11]);
    assert!(matches!(
        log.subscribe(Index(12), || {}),
        Err(SubscribeError::Ahead { last: Index(11) })
    ));
    assert_eq!(
        indexes(&mut log.subscribe(Index(11), || {}).unwrap()),
        [0_u64; 0]
    );
}

#[test]
fn a_reader_that_is_too_far_behind_must_begin_with_the_state() {
    let dir = tempfile::tempdir().unwrap();
    let (log, _, _) = open(dir.path());
    log.append_and_wait(vec![set(1, 1)]).unwrap();
    let mut slow = log.subscribe(Index::ZERO, || {}).unwrap();
    let mut ready = log.subscribe(Index(1), || {}).unwrap();
    log.compact().unwrap();
    log.append_and_wait(vec![set(2, 2)]).unwrap();
    assert!(matches!(
        slow.take(100),
        Err(SubscribeError::Gone { oldest: Index(2) })
    ));
    assert!(matches!(
        log.subscribe(Index::ZERO, || {}),
        Err(SubscribeError::Gone { .. })
    ));
    assert_eq!(indexes(&mut ready), [2]);

    let snapshot = log.snapshot();
    assert_eq!((snapshot.id, snapshot.index), (log.id(), Index(2)));
    let mut records = Vec::new();
    snapshot
        .write(&mut |record| {
            records.push(record.to_vec());
            Ok(())
        })
        .unwrap();
    assert_eq!(records, [set(1, 1), set(2, 2)]);
}

#[test]
fn a_reader_does_not_keep_the_directory_locked() {
    let dir = tempfile::tempdir().unwrap();
    let (log, _, _) = open(dir.path());
    let reader = log.subscribe(Index::ZERO, || {}).unwrap();
    drop::<Log>(log);
    drop(open(dir.path()));
    drop(reader);
}

fn take_all(reader: &mut Subscription) -> Vec<store::Entry> {
    let mut all = Vec::new();
    loop {
        let some = reader.take(500).unwrap();
        if some.is_empty() {
            return all;
        }
        all.extend(some);
    }
}

fn indexes(reader: &mut Subscription) -> Vec<u64> {
    take_all(reader).iter().map(|entry| entry.index.0).collect()
}
