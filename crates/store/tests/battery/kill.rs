//! A process that is killed while it appends: all that it acknowledged is there, nothing is invented.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use store::{Index, Options};

use crate::support::{open_with, set};

const DIRECTORY: &str = "STORE_TEST_DIRECTORY";

/// Small bounds, so that kills fall into new segments and snapshots too.
fn options() -> Options {
    Options {
        segment_bytes: 20_000,
        compact_min_bytes: 60_000,
        compact_factor: 1,
        ..Options::default()
    }
}

/// What every record is, by its index.
fn record(index: u64) -> bytes::Bytes {
    set(u32::try_from(index % 2000).unwrap(), index)
}

#[test]
fn all_that_was_acknowledged_survives_kill_9() {
    let dir = tempfile::tempdir().unwrap();
    for round in 0..12_usize {
        let acknowledged = append_until_killed(dir.path().into(), 50 + round * 131);
        let (log, view, _) = open_with(dir.path(), options());
        let last = log.last().0;
        assert!(
            last >= acknowledged,
            "round {round}: {acknowledged} was acknowledged, {last} is there"
        );
        let expected: std::collections::BTreeMap<u32, u64> = (1..=last)
            .map(|index| (u32::try_from(index % 2000).unwrap(), index))
            .collect();
        assert_eq!(view.state(), expected, "round {round}");
    }
}

/// Runs the child below until it has acknowledged some batches, kills it, and returns the last index it told.
fn append_until_killed(dir: PathBuf, batches: usize) -> u64 {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "kill::child_appends_for_ever",
            "--ignored",
            "--nocapture",
        ])
        .env(DIRECTORY, dir)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let told = BufReader::new(child.stdout.take().unwrap())
        .lines()
        .map(Result::unwrap);
    let mut told = told.filter_map(|line| line.strip_prefix("index ")?.parse::<u64>().ok());
    let mut last = told.by_ref().take(batches).last().unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    // What it had told before it died counts too.
    if let Some(index) = told.last() {
        last = index;
    }
    last
}

#[test]
#[ignore = "runs for ever: it is the child that the test above kills"]
fn child_appends_for_ever() {
    let Some(dir) = std::env::var_os(DIRECTORY) else {
        return;
    };
    let (log, _, _) = open_with(&PathBuf::from(dir), options());
    let mut next = log.last().0 + 1;
    loop {
        let count = 1 + next % 7;
        let batch = (next..next + count).map(record).collect();
        next += count;
        log.append(batch, |result| {
            let Index(index) = result.unwrap();
            let mut out = std::io::stdout().lock();
            writeln!(out, "index {index}")
                .and_then(|()| out.flush())
                .unwrap();
        });
        if next % 20 == 0 {
            log.append_and_wait(Vec::new()).unwrap();
        }
    }
}
