//! Disks that take no more, or nothing at all.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Arc, Mutex};

use traces::{OpenError, Options, Room, Space, SyncError, Traces};

use crate::support::{MACHINE, all, find, has, open, open_with, options, record};

const DIRECTORY: &str = "TRACES_TEST_FULL_DIRECTORY";

#[test]
fn a_directory_that_cannot_be_written_is_refused_with_its_name() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    std::fs::write(&file, "").unwrap();
    for path in [file.join("traces"), PathBuf::from("/proc/traces")] {
        let error = Traces::open(&path, MACHINE, options()).unwrap_err();
        assert!(matches!(error, OpenError::Disk { .. }));
        assert!(
            error.to_string().contains(path.to_str().unwrap()),
            "{error}"
        );
    }
}

/// Runs the child below by way of a shell that limits it.
fn limited(how: &str, dir: &Path) -> Output {
    let child = "exec \"$0\" --exact disk::child_fills_the_disk --ignored --nocapture";
    Command::new("sh")
        .args(["-c", &format!("{how} && {child}")])
        .arg(std::env::current_exe().unwrap())
        .env(DIRECTORY, dir)
        .output()
        .unwrap()
}

fn number(output: &Output, word: &str) -> u64 {
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix(word)?.trim().parse().ok());
    line.unwrap_or_else(|| panic!("{text}\n{}", String::from_utf8_lossy(&output.stderr)))
}

#[test]
fn a_file_that_may_not_grow_costs_records_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    // With the signal ignored the write itself reports the error. Blocks of 512 bytes: 64 KiB.
    let output = limited("trap '' XFSZ; ulimit -f 128", dir.path());
    let kept = number(&output, "kept");
    assert!(number(&output, "dropped") > 0);

    let (traces, recovery) = open(dir.path());
    assert_eq!(recovery.damaged_bytes, 0, "{recovery:?}");
    let (found, _) = find(&traces, &all());
    assert!(
        found.len() > 500 && found.len() as u64 <= kept,
        "{} of {kept}",
        found.len()
    );
    assert_eq!(
        found,
        (0..found.len() as u64).map(record).collect::<Vec<_>>()
    );
}

#[test]
fn a_full_disk_costs_records_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let mount = format!("mount -t tmpfs -o size=512k tmpfs {}", dir.path().display());
    let probe = Command::new("unshare")
        .args(["--mount", "sh", "-c", &mount])
        .output();
    if !probe.is_ok_and(|output| output.status.success()) {
        println!("SKIPPED: mounting a small disk needs root");
        return;
    }
    let child = format!(
        "{mount} && exec sh -c '\"$0\" --exact disk::child_fills_the_disk --ignored --nocapture' \"$0\""
    );
    let output = Command::new("unshare")
        .args(["--mount", "sh", "-c", &child])
        .arg(std::env::current_exe().unwrap())
        .env(DIRECTORY, dir.path())
        .output()
        .unwrap();
    assert!(number(&output, "kept") > 500);
    assert!(number(&output, "dropped") > 0);
}

#[test]
#[ignore = "it is the child of the tests above and needs a limit on the disk"]
fn child_fills_the_disk() {
    let Some(dir) = std::env::var_os(DIRECTORY) else {
        return;
    };
    // The space is said to be ample, so nothing is removed to make room.
    let plenty = Options {
        space: Arc::new(Told(Mutex::new(Room {
            total: 1 << 40,
            free: 1 << 39,
        }))),
        ..options()
    };
    let (traces, _) = open_with(&PathBuf::from(dir), plenty);
    let mut trouble = None;
    for number in 0..60_000 {
        traces.offer(record(number));
        if number % 1000 == 999
            && let Err(error) = traces.sync()
        {
            trouble = Some(error);
        }
    }
    assert!(matches!(trouble, Some(SyncError::Disk(_))), "{trouble:?}");
    let stats = traces.stats();
    assert!(stats.trouble.is_some());
    assert!(has(&traces, 0), "what was kept before is found");
    println!("kept {}\ndropped {}", stats.kept, stats.dropped_disk);
}

/// Room as a test tells it.
pub(crate) struct Told(pub(crate) Mutex<Room>);

impl Space for Told {
    fn of(&self, _: &Path) -> std::io::Result<Room> {
        let room = self.0.lock();
        Ok(*room.unwrap_or_else(std::sync::PoisonError::into_inner))
    }
}
