//! Batches, their order and their bounds.

use std::sync::mpsc;

use bytes::Bytes;
use store::{Index, LogError, OpenError, Options, RECORD_MAX};

use crate::support::{open, open_with, set, try_open};

#[test]
fn a_batch_is_in_the_view_before_the_caller_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let (log, view, _) = open(dir.path());
    let (tell, told) = mpsc::channel();
    let seen = view.clone();
    log.append(vec![set(1, 10), set(2, 20)], move |result| {
        tell.send((result.unwrap(), seen.state().get(&2).copied()))
            .unwrap();
    });
    assert_eq!(told.recv().unwrap(), (Index(2), Some(20)));
    assert_eq!(log.append_and_wait(vec![set(1, 11)]).unwrap(), Index(3));
    assert_eq!(log.append_and_wait(Vec::new()).unwrap(), Index(3));
    assert_eq!(view.applied(), [1, 2, 3]);
    assert_eq!(log.last(), Index(3));
}

#[test]
fn many_threads_get_indexes_without_gaps_and_share_writes() {
    let dir = tempfile::tempdir().unwrap();
    let (log, view, _) = open(dir.path());
    let (tell, told) = mpsc::channel();
    std::thread::scope(|scope| {
        for thread in 0..4_u32 {
            let (log, tell) = (&log, tell.clone());
            scope.spawn(move || {
                for step in 0..500_u64 {
                    let tell = tell.clone();
                    log.append(vec![set(thread, step)], move |result| {
                        tell.send(result.unwrap().0).unwrap()
                    });
                }
            });
        }
    });
    drop(tell);
    let indexes: Vec<u64> = told.iter().collect();
    assert_eq!(
        indexes,
        (1..=2000).collect::<Vec<_>>(),
        "callers are told in the order of the log"
    );
    assert_eq!(view.applied(), indexes);
    let stats = log.stats();
    assert_eq!(stats.records, 2000);
    assert!(
        stats.commits < 2000,
        "{} writes for 2000 batches",
        stats.commits
    );
}

#[test]
fn a_reopened_log_goes_on_where_it_ended() {
    let dir = tempfile::tempdir().unwrap();
    let (log, view, recovery) = open(dir.path());
    let id = log.id();
    assert_eq!(recovery, store::Recovery::default());
    for step in 0..50 {
        log.append(vec![set(step % 7, step.into())], |result| {
            assert!(result.is_ok())
        });
    }
    drop(log);
    let (log, again, recovery) = open(dir.path());
    assert_eq!((recovery.replayed, recovery.torn_bytes), (50, 0));
    assert_eq!(again.state(), view.state());
    assert_eq!(log.id(), id);
    assert_eq!(log.append_and_wait(vec![set(1, 1)]).unwrap(), Index(51));
}

#[test]
fn segments_follow_one_another() {
    let dir = tempfile::tempdir().unwrap();
    let options = Options {
        segment_bytes: 200,
        ..Options::default()
    };
    let (log, view, _) = open_with(dir.path(), options);
    for step in 0..100 {
        log.append_and_wait(vec![set(step, step.into())]).unwrap();
    }
    drop(log);
    assert!(crate::support::files(dir.path(), "segment").len() > 10);
    let (_, again, recovery) = open_with(dir.path(), options);
    assert_eq!(recovery.replayed, 100);
    assert_eq!(again.state(), view.state());
}

#[test]
fn what_does_not_fit_is_refused_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let (log, _, _) = open_with(
        dir.path(),
        Options {
            queue_bytes: 2000,
            ..Options::default()
        },
    );
    let huge = vec![Bytes::from(vec![0; RECORD_MAX + 1])];
    assert!(matches!(
        log.append_and_wait(huge),
        Err(LogError::TooLarge { .. })
    ));
    assert!(matches!(
        log.append_and_wait(vec![set(1, 1); 100]),
        Err(LogError::TooLarge { .. })
    ));

    // The log's thread is held in the first `done` while the queue fills.
    let (hold, held) = mpsc::channel::<()>();
    let (entered, in_done) = mpsc::channel();
    log.append(vec![set(1, 1)], move |_| {
        entered.send(()).unwrap();
        let _ = held.recv();
    });
    in_done.recv().unwrap();
    let (tell, told) = mpsc::channel();
    for step in 0..30 {
        let tell = tell.clone();
        log.append(vec![set(2, step)], move |result| tell.send(result).unwrap());
    }
    let refusal = told.recv().unwrap();
    assert!(matches!(refusal, Err(LogError::Full)), "{refusal:?}");
    drop(hold);
    drop(tell);
    let (taken, refused): (Vec<_>, Vec<_>) = told.iter().partition(Result::is_ok);
    assert_eq!(taken.len() + refused.len(), 29);
    assert!(!taken.is_empty());
    assert_eq!(log.stats().refused, refused.len() as u64 + 1);
}

#[test]
fn a_directory_has_one_owner() {
    let dir = tempfile::tempdir().unwrap();
    let (log, _, _) = open(dir.path());
    let second = try_open(dir.path(), Options::default());
    assert!(matches!(second, Err(OpenError::Locked { .. })));
    drop(log);
    assert!(try_open(dir.path(), Options::default()).is_ok());
}

#[test]
fn closing_carries_out_what_waits() {
    let dir = tempfile::tempdir().unwrap();
    let (log, _, _) = open(dir.path());
    let (tell, told) = mpsc::channel();
    for step in 0..200 {
        let tell = tell.clone();
        log.append(vec![set(step, 0)], move |result| {
            tell.send(result.is_ok()).unwrap()
        });
    }
    drop((log, tell));
    assert_eq!(told.iter().filter(|is_ok| *is_ok).count(), 200);
}

#[test]
fn a_record_that_the_view_cannot_read_stops_the_log() {
    let dir = tempfile::tempdir().unwrap();
    let (log, _, _) = open(dir.path());
    let strange = vec![Bytes::from_static(b"?")];
    assert!(matches!(
        log.append_and_wait(strange),
        Err(LogError::Record {
            index: Index(1),
            ..
        })
    ));
    assert!(matches!(
        log.append_and_wait(vec![set(1, 1)]),
        Err(LogError::Record { .. })
    ));
    assert!(log.stats().broken);
    drop(log);
    assert!(matches!(
        try_open(dir.path(), Options::default()),
        Err(OpenError::Record { .. })
    ));
}
