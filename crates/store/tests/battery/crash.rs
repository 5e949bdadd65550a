//! What a crash may leave, byte by byte, and what it may not.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt as _;

use store::{Fault, Index, OpenError, Options};

use crate::support::{copy, files, open, open_with, set, try_open};

/// A log of ten batches of three, and the length of its file after each.
fn ten_batches(dir: &std::path::Path) -> Vec<u64> {
    let (log, _, _) = open(dir);
    let segment = files(dir, "segment").remove(0);
    let mut ends = vec![fs::metadata(&segment).unwrap().len()];
    for batch in 0..10_u32 {
        let records = (0..3)
            .map(|record| set(batch * 3 + record, u64::from(batch)))
            .collect();
        log.append_and_wait(records).unwrap();
        ends.push(fs::metadata(&segment).unwrap().len());
    }
    ends
}

#[test]
fn cut_at_any_byte_it_holds_the_whole_batches_before_the_cut() {
    let whole = tempfile::tempdir().unwrap();
    let ends = ten_batches(whole.path());
    for cut in 0..=*ends.last().unwrap() {
        let dir = tempfile::tempdir().unwrap();
        copy(whole.path(), dir.path());
        let segment = files(dir.path(), "segment").remove(0);
        OpenOptions::new()
            .write(true)
            .open(&segment)
            .unwrap()
            .set_len(cut)
            .unwrap();

        let (log, view, recovery) = open(dir.path());
        let batches = ends
            .iter()
            .filter(|end| **end <= cut)
            .count()
            .saturating_sub(1) as u64;
        assert_eq!(log.last(), Index(batches * 3), "cut at {cut}");
        let torn = cut
            - ends
                .iter()
                .copied()
                .filter(|end| *end <= cut)
                .max()
                .unwrap_or(0);
        assert_eq!(recovery.torn_bytes, torn, "cut at {cut}");
        assert_eq!(
            log.append_and_wait(vec![set(99, cut)]).unwrap(),
            Index(batches * 3 + 1)
        );
        drop(log);

        let (_, again, recovery) = open(dir.path());
        assert_eq!(recovery.torn_bytes, 0);
        assert_eq!(again.state(), view.state());
        assert_eq!(again.state().get(&99), Some(&cut));
    }
}

#[test]
fn garbage_in_the_last_frame_is_a_torn_tail() {
    let whole = tempfile::tempdir().unwrap();
    let ends = ten_batches(whole.path());
    for at in ends[9]..ends[10] {
        let dir = tempfile::tempdir().unwrap();
        copy(whole.path(), dir.path());
        flip(&files(dir.path(), "segment")[0], at);
        let (log, _, recovery) = open(dir.path());
        assert_eq!(
            (log.last(), recovery.torn_bytes),
            (Index(27), ends[10] - ends[9]),
            "byte {at}"
        );
    }
}

#[test]
fn damage_before_a_whole_frame_is_refused_with_file_and_offset() {
    let whole = tempfile::tempdir().unwrap();
    let ends = ten_batches(whole.path());
    for at in 0..ends[9] {
        let dir = tempfile::tempdir().unwrap();
        copy(whole.path(), dir.path());
        let segment = files(dir.path(), "segment").remove(0);
        flip(&segment, at);
        let Err(OpenError::Damaged { path, offset, .. }) = try_open(dir.path(), Options::default())
        else {
            panic!("damage at {at} went unseen");
        };
        let begin = ends
            .iter()
            .copied()
            .filter(|end| *end <= at)
            .max()
            .unwrap_or(0);
        assert_eq!((path, offset), (segment, begin), "byte {at}");
    }
}

#[test]
fn a_missing_segment_is_a_gap() {
    let dir = tempfile::tempdir().unwrap();
    let options = Options {
        segment_bytes: 1,
        ..Options::default()
    };
    let (log, _, _) = open_with(dir.path(), options);
    for step in 0..5 {
        log.append_and_wait(vec![set(step, 0)]).unwrap();
    }
    drop(log);
    fs::remove_file(&files(dir.path(), "segment")[2]).unwrap();
    let Err(OpenError::Damaged { fault, .. }) = try_open(dir.path(), options) else {
        panic!("a gap went unseen");
    };
    assert_eq!(
        fault,
        Fault::Index {
            expected: Index(3),
            found: Index(4)
        }
    );
}

#[test]
fn a_segment_of_another_log_is_refused() {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let options = Options {
        segment_bytes: 1,
        ..Options::default()
    };
    for dir in [&one, &two] {
        let (log, _, _) = open_with(dir.path(), options);
        for step in 0..3 {
            log.append_and_wait(vec![set(step, 0)]).unwrap();
        }
    }
    fs::copy(
        &files(two.path(), "segment")[1],
        &files(one.path(), "segment")[1],
    )
    .unwrap();
    let Err(OpenError::Damaged { fault, .. }) = try_open(one.path(), options) else {
        panic!("a foreign segment was taken");
    };
    assert_eq!(fault, Fault::OtherLog);
}

#[test]
fn a_newer_format_is_named_and_not_cut_off() {
    let dir = tempfile::tempdir().unwrap();
    drop(open(dir.path()));
    let segment = files(dir.path(), "segment").remove(0);
    OpenOptions::new()
        .write(true)
        .open(&segment)
        .unwrap()
        .write_at(&[9], 8)
        .unwrap();
    let Err(OpenError::Damaged { fault, .. }) = try_open(dir.path(), Options::default()) else {
        panic!("a newer format was taken");
    };
    assert_eq!(fault, Fault::Version { found: 9 });
    assert_eq!(files(dir.path(), "segment"), [segment]);
}

fn flip(path: &std::path::Path, at: u64) {
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .open(path)
        .unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, at).unwrap();
    file.write_all_at(&[!byte[0]], at).unwrap();
}
