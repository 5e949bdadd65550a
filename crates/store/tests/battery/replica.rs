//! A log that follows another.

use bytes::Bytes;
use store::{Index, Log, LogId, SubscribeError};

use crate::support::{files, open, set};

fn state_of(log: &Log) -> Vec<Bytes> {
    let mut records = Vec::new();
    log.snapshot()
        .write(&mut |record| {
            records.push(Bytes::copy_from_slice(record));
            Ok(())
        })
        .unwrap();
    records
}

#[test]
fn a_replica_takes_over_state_and_indexes() {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (master, view, _) = open(one.path());
    for step in 0..40 {
        master
            .append_and_wait(vec![set(step % 9, step.into())])
            .unwrap();
    }
    let (replica, copy, _) = open(two.path());
    replica
        .append_and_wait((0..100).map(|key| set(key, 0)).collect())
        .unwrap();
    let mut reader = replica.subscribe(Index(50), || {}).unwrap();

    replica
        .reset(master.id(), master.last(), state_of(&master))
        .unwrap();
    assert_eq!((replica.id(), replica.last()), (master.id(), Index(40)));
    assert_eq!(copy.state(), view.state());
    assert!(matches!(reader.take(100), Err(SubscribeError::Gone { .. })));
    assert_eq!(replica.append_and_wait(vec![set(5, 5)]).unwrap(), Index(41));
    drop((replica, reader));

    let (replica, again, recovery) = open(two.path());
    assert_eq!((recovery.from_snapshot, recovery.replayed), (9, 1));
    assert_eq!((replica.id(), replica.last()), (master.id(), Index(41)));
    assert_eq!(again.state(), copy.state());
}

/// A crash right after the new state is durable leaves the old files beside it; they lie ahead of it and mean nothing.
#[test]
fn old_files_do_not_come_back_after_a_reset() {
    let (dir, kept) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (log, _, _) = open(dir.path());
    log.append_and_wait((0..100).map(|key| set(key, 0)).collect())
        .unwrap();
    crate::support::copy(dir.path(), kept.path());
    log.reset(LogId(7), Index(3), vec![set(1, 1)]).unwrap();
    drop(log);
    for path in files(dir.path(), "segment") {
        std::fs::remove_file(path).unwrap();
    }
    crate::support::copy(kept.path(), dir.path());

    let (log, view, _) = open(dir.path());
    assert_eq!((log.id(), log.last()), (LogId(7), Index(3)));
    assert_eq!(view.state().into_iter().collect::<Vec<_>>(), [(1, 1)]);
    assert_eq!(files(dir.path(), "segment").len(), 1);
}
