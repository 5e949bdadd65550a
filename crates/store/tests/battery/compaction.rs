//! Snapshots: what they leave out, and what opening makes of them.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt as _;
use std::sync::mpsc;

use store::{Fault, Index, OpenError, Options};

use crate::support::{copy, files, open, open_with, set, try_open};

#[test]
fn a_snapshot_takes_the_place_of_the_segments_before_it() {
    let dir = tempfile::tempdir().unwrap();
    let options = Options {
        segment_bytes: 100,
        ..Options::default()
    };
    let (log, view, _) = open_with(dir.path(), options);
    for step in 0..300 {
        log.append_and_wait(vec![set(step % 10, step.into())])
            .unwrap();
    }
    assert_eq!(log.compact().unwrap(), Index(300));
    assert_eq!(
        (
            files(dir.path(), "segment").len(),
            files(dir.path(), "snapshot").len()
        ),
        (1, 1)
    );
    log.append_and_wait(vec![set(3, 1)]).unwrap();
    assert_eq!(log.compact().unwrap(), Index(301));
    log.append_and_wait(vec![set(4, 1)]).unwrap();
    drop(log);
    assert_eq!(files(dir.path(), "snapshot").len(), 1);
    let (log, again, recovery) = open_with(dir.path(), options);
    assert_eq!((recovery.from_snapshot, recovery.replayed), (10, 1));
    assert_eq!(again.state(), view.state());
    assert_eq!(log.append_and_wait(vec![set(1, 1)]).unwrap(), Index(303));
}

#[test]
fn an_empty_view_has_a_snapshot_too() {
    let dir = tempfile::tempdir().unwrap();
    let (log, _, _) = open(dir.path());
    assert_eq!(log.compact().unwrap(), Index(0));
    drop(log);
    let (log, _, _) = open(dir.path());
    assert_eq!(log.append_and_wait(vec![set(1, 1)]).unwrap(), Index(1));
}

/// Appending goes on while snapshots are written by themselves; the log stays in proportion to the state.
#[test]
fn the_log_does_not_outgrow_its_state() {
    let dir = tempfile::tempdir().unwrap();
    let options = Options {
        segment_bytes: 4000,
        compact_min_bytes: 10_000,
        compact_factor: 2,
        ..Options::default()
    };
    let (log, view, _) = open_with(dir.path(), options);
    let (tell, told) = mpsc::channel();
    for step in 0..20_000_u64 {
        let tell = tell.clone();
        let key = u32::try_from(step % 50).unwrap();
        log.append(vec![set(key, step)], move |result| {
            tell.send(result.is_ok()).unwrap()
        });
        if step % 50 == 0 {
            log.append_and_wait(Vec::new()).unwrap();
        }
    }
    drop(tell);
    assert!(told.iter().all(|is_ok| is_ok));
    assert!(log.stats().snapshots > 3, "{:?}", log.stats());
    drop(log);
    let (_, again, recovery) = open_with(dir.path(), options);
    assert_eq!(again.state(), view.state());
    assert!(recovery.replayed < 10_000, "{recovery:?}");
}

#[test]
fn a_damaged_snapshot_is_refused_since_nothing_else_has_its_records() {
    let whole = tempfile::tempdir().unwrap();
    let (log, _, _) = open(whole.path());
    log.append_and_wait((0..20).map(|key| set(key, 7)).collect())
        .unwrap();
    log.compact().unwrap();
    drop(log);
    let length = fs::metadata(&files(whole.path(), "snapshot")[0])
        .unwrap()
        .len();
    for at in 0..length {
        let dir = tempfile::tempdir().unwrap();
        copy(whole.path(), dir.path());
        let snapshot = files(dir.path(), "snapshot").remove(0);
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .open(&snapshot)
            .unwrap();
        let mut byte = [0];
        file.read_exact_at(&mut byte, at).unwrap();
        file.write_all_at(&[!byte[0]], at).unwrap();
        let opened = try_open(dir.path(), Options::default());
        assert!(
            matches!(opened, Err(OpenError::Damaged { path, .. }) if path == snapshot),
            "byte {at}"
        );
        file.write_all_at(&byte, at).unwrap();
        file.set_len(at).unwrap();
        assert!(
            try_open(dir.path(), Options::default()).is_err(),
            "cut at {at}"
        );
    }
}

#[test]
fn an_older_snapshot_serves_if_its_segments_are_there() {
    let (dir, kept) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (log, view, _) = open(dir.path());
    log.append_and_wait(vec![set(1, 1)]).unwrap();
    log.compact().unwrap();
    log.append_and_wait(vec![set(2, 2)]).unwrap();
    copy(dir.path(), kept.path());
    log.compact().unwrap();
    log.append_and_wait(vec![set(3, 3)]).unwrap();
    drop(log);
    copy(kept.path(), dir.path());
    let newest = files(dir.path(), "snapshot").pop().unwrap();
    OpenOptions::new()
        .write(true)
        .open(&newest)
        .unwrap()
        .set_len(50)
        .unwrap();
    let (log, again, recovery) = open(dir.path());
    assert_eq!(recovery.bad_snapshots, 1);
    assert_eq!((log.last(), again.state()), (Index(3), view.state()));
}

/// A crash between the name of the snapshot and the removal of what it replaces leaves both.
#[test]
fn what_an_interrupted_compaction_leaves_is_cleared_away() {
    let (dir, kept) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let options = Options {
        segment_bytes: 100,
        ..Options::default()
    };
    let (log, view, _) = open_with(dir.path(), options);
    for step in 0..30 {
        log.append_and_wait(vec![set(step, 1)]).unwrap();
    }
    copy(dir.path(), kept.path());
    log.compact().unwrap();
    drop(log);
    for old in files(kept.path(), "segment") {
        let to = dir.path().join(old.file_name().unwrap());
        if !to.try_exists().unwrap() {
            fs::copy(&old, to).unwrap();
        }
    }
    let unfinished = dir.path().join("0000000000-00000000000000000099.tmp");
    fs::write(&unfinished, b"half").unwrap();
    let (log, again, recovery) = open_with(dir.path(), options);
    assert_eq!((recovery.from_snapshot, recovery.replayed), (30, 0));
    assert_eq!((log.last(), again.state()), (Index(30), view.state()));
    assert_eq!(files(dir.path(), "segment").len(), 1);
    assert!(!unfinished.try_exists().unwrap());
}

#[test]
fn a_snapshot_under_another_name_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let (log, _, _) = open(dir.path());
    log.append_and_wait(vec![set(1, 1)]).unwrap();
    log.compact().unwrap();
    drop(log);
    let snapshot = files(dir.path(), "snapshot").remove(0);
    fs::rename(
        &snapshot,
        dir.path().join("0000000000-00000000000000000009.snapshot"),
    )
    .unwrap();
    let Err(OpenError::Damaged { fault, .. }) = try_open(dir.path(), Options::default()) else {
        panic!("a renamed snapshot was taken");
    };
    assert_eq!(
        fault,
        Fault::Index {
            expected: Index(9),
            found: Index(1)
        }
    );
}
