//! What is bounded stays bounded: the disk, the queue, one component's share.

use std::fs;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use logs::{Capture, Component, Flags, Level, ThrottleOptions};
use traces::{Options, Recorder, Retention, Room, Space, Traces};

use crate::disk::Told;
use crate::support::{MACHINE, all, fill, find, has, names, open_with, options, record};

const MIB: u64 = 1 << 20;

/// Waits until the traces are as they should be.
fn until(traces: &Traces, good: impl Fn(&traces::Stats) -> bool) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !good(&traces.stats()) {
        assert!(Instant::now() < deadline, "{:?}", traces.stats());
        traces.sync().unwrap();
    }
}

#[test]
fn under_a_flood_the_oldest_go_first_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("notes.txt"), "keep").unwrap();
    let room = Arc::new(Told(Mutex::new(Room {
        total: 10 * MIB,
        free: 9 * MIB,
    })));
    let small = Options {
        space: Arc::clone(&room) as _,
        ..options()
    };
    let (traces, _) = open_with(dir.path(), small);
    // A fifth of ten: two MiB; the file that is being written may be on top.
    for start in (0..60_000).step_by(5000) {
        fill(&traces, start..start + 5000);
        let stats = traces.stats();
        assert!(stats.bytes <= 2 * MIB + MIB / 2, "{stats:?}");
    }
    let stats = traces.stats();
    assert!(stats.removed > 3 && stats.bytes > MIB, "{stats:?}");
    assert!(has(&traces, 59_999) && !has(&traces, 0));
    let found = find(&traces, &all()).0;
    let first = 60_000 - found.len() as u64;
    assert_eq!(
        found,
        (first..60_000).map(record).collect::<Vec<_>>(),
        "no gap"
    );
    let numbers: Vec<String> = names(dir.path());
    assert!(numbers.contains(&"notes.txt".to_owned()));
    assert!(!numbers.contains(&"0000000001.trace.zst".to_owned()));

    // Others fill the disk: files give way, but not all.
    *room.0.lock().unwrap() = Room {
        total: 10 * MIB,
        free: 0,
    };
    until(&traces, |stats| stats.bytes <= MIB + MIB / 2);
    assert!(traces.stats().files > 1, "{:?}", traces.stats());
}

/// A file system that does not tell how much room it has.
struct Silent;

impl Space for Silent {
    fn of(&self, _: &std::path::Path) -> std::io::Result<Room> {
        Err(std::io::Error::other("it does not tell"))
    }
}

#[test]
fn while_nobody_knows_the_room_nothing_is_removed() {
    let dir = tempfile::tempdir().unwrap();
    let unknown = || Options {
        space: Arc::new(Silent),
        ..options()
    };
    let (traces, _) = open_with(dir.path(), unknown());
    fill(&traces, 0..10);
    traces.seal().unwrap();
    drop(traces);
    let (traces, _) = open_with(dir.path(), unknown());
    fill(&traces, 10..20);
    let stats = traces.stats();
    assert_eq!(
        (stats.removed, find(&traces, &all()).0.len()),
        (0, 20),
        "{stats:?}"
    );
}

#[test]
fn what_is_too_old_goes_one_file_at_a_time() {
    let dir = tempfile::tempdir().unwrap();
    let old = Options {
        retention: Retention {
            age: Duration::from_secs(3600),
            ..Retention::default()
        },
        ..options()
    };
    let (traces, _) = open_with(dir.path(), old);
    for start in [0, 10, 20] {
        fill(&traces, start..start + 10);
        traces.seal().unwrap();
    }
    until(&traces, |stats| stats.removed == 1);
    traces.sync().unwrap();
    traces.sync().unwrap();
    assert_eq!(
        traces.stats().removed,
        1,
        "a clock that is wrong for a moment costs one"
    );
    assert!(!has(&traces, 0) && has(&traces, 10));
}

#[test]
fn a_file_is_finished_at_its_age() {
    let dir = tempfile::tempdir().unwrap();
    let short = Options {
        segment_age: Duration::ZERO,
        ..options()
    };
    let (traces, _) = open_with(dir.path(), short);
    fill(&traces, 0..10);
    fill(&traces, 10..20);
    until(&traces, |stats| stats.files == 2);
    assert_eq!(find(&traces, &all()).0.len(), 20);
    assert_eq!(traces.collect(all().span).len(), 2);
}

#[test]
fn what_does_not_fit_into_the_queue_is_counted_and_nobody_waits() {
    let dir = tempfile::tempdir().unwrap();
    let tiny = Options {
        queue_bytes: 20_000,
        ..options()
    };
    let (traces, _) = open_with(dir.path(), tiny);
    let taken = (0..20_000)
        .filter(|number| traces.offer(record(*number)))
        .count() as u64;
    traces.sync().unwrap();
    let stats = traces.stats();
    assert!(
        taken < 20_000,
        "a queue of some twenty records cannot follow"
    );
    assert_eq!((stats.kept, stats.dropped_full), (taken, 20_000 - taken));
    assert_eq!(find(&traces, &all()).0.len() as u64, taken);
}

#[test]
fn while_the_queue_is_full_ordinary_records_are_not_even_made_and_failures_are_kept() {
    let dir = tempfile::tempdir().unwrap();
    let options = options();
    let valve = Arc::clone(&options.valve);
    let (traces, _) = open_with(dir.path(), options);
    let traces = Arc::new(traces);
    let recorder = Recorder::new(MACHINE, Arc::clone(&traces));
    recorder.set(Capture::everything());
    valve.set(false);
    let make = |level| {
        let mut made = false;
        recorder.record(Component::Web, level, Flags::HTTP, |_| made = true);
        made
    };
    assert!(!make(Level::Info) && make(Level::Warning));
    assert_eq!(traces.stats().dropped_full, 1);
    traces.sync().unwrap();
    assert!(make(Level::Info), "the writer has caught up");
    traces.sync().unwrap();
    assert_eq!(traces.stats().kept, 2);
}

#[test]
fn a_record_that_is_larger_than_the_queue_is_lost_alone() {
    let dir = tempfile::tempdir().unwrap();
    let tiny = Options {
        queue_bytes: 100,
        ..options()
    };
    let valve = Arc::clone(&tiny.valve);
    let (traces, _) = open_with(dir.path(), tiny);
    assert!(!traces.offer(record(0)) && valve.is_open());
    assert_eq!(traces.stats().dropped_full, 1);
}

#[test]
fn a_component_that_talks_too_much_is_silenced() {
    let dir = tempfile::tempdir().unwrap();
    let strict = Options {
        throttle: ThrottleOptions {
            per_second: 100,
            times: 1,
            window: Duration::from_secs(600),
        },
        ..options()
    };
    let (traces, _) = open_with(dir.path(), strict);
    let taken = (0..5000)
        .filter(|number| traces.offer(record(*number)))
        .count() as u64;
    let stats = traces.stats();
    assert_eq!(stats.dropped_throttled, 5000 - taken);
    assert_eq!(stats.silenced.len(), 4, "{stats:?}");
}
