//! Traces on a small file system of the kernel's, with others beside them: what they may take, what they leave alone, and
//! what a disk costs that is full in the middle of a write.
//!
//! Each test is a child in a mount namespace of its own, with an ext4 on a loop device that nobody else sees. That takes
//! root and `mkfs.ext4`; without them the tests say SKIPPED.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use logs::{Record, Text};
use traces::{OpenError, Options, Retention, Traces};

use crate::support::{Dice, MACHINE, all, find, has, open_with, options, record};

const MOUNTED: &str = "TRACES_TEST_SMALL_DISK";
/// Everything that can go wrong with the making of a disk, in one line: it ends with the child's own end.
const SCRIPT: &str = "truncate -s 24M \"$1/image\" && mkfs.ext4 -q -m 0 \"$1/image\" && mkdir \"$1/disk\" \
    && mount -o loop \"$1/image\" \"$1/disk\" && mkdir -p \"$1/disk/traces\" && echo mounted \
    && exec \"$2\" --exact \"$3\" --ignored --nocapture";

/// Runs one of the children below on a disk of its own. Returns why that is not possible here.
fn on_a_small_disk(child: &str) -> Option<String> {
    let dir = tempfile::tempdir().unwrap();
    let output = Command::new("unshare")
        .args(["--mount", "sh", "-c", SCRIPT, "sh"])
        .arg(dir.path())
        .arg(std::env::current_exe().unwrap())
        .arg(child)
        .env(MOUNTED, dir.path().join("disk"))
        .output();
    let (good, text) = match &output {
        Ok(output) => {
            let out = String::from_utf8_lossy(&output.stdout);
            let err = String::from_utf8_lossy(&output.stderr);
            (output.status.success(), format!("{out}{err}"))
        }
        Err(error) => (false, error.to_string()),
    };
    if !text.starts_with("mounted") {
        assert!(std::env::var_os("CI").is_none(), "no disk: {text}");
        return Some(format!(
            "a small disk needs root, unshare and mkfs.ext4: {text}"
        ));
    }
    assert!(good && text.contains("1 passed"), "{text}");
    None
}

#[test]
fn under_a_flood_traces_stay_within_their_share_and_touch_nothing_else() {
    if let Some(why) = on_a_small_disk("ext4::child_is_flooded") {
        println!("SKIPPED: {why}");
    }
}

#[test]
fn a_disk_that_is_full_in_the_middle_costs_counted_records_and_heals() {
    if let Some(why) = on_a_small_disk("ext4::child_runs_out_of_room") {
        println!("SKIPPED: {why}");
    }
}

#[test]
fn a_disk_that_cannot_be_written_is_refused_with_the_place() {
    if let Some(why) = on_a_small_disk("ext4::child_cannot_write") {
        println!("SKIPPED: {why}");
    }
}

fn disk() -> Option<PathBuf> {
    std::env::var_os(MOUNTED).map(PathBuf::from)
}

/// The n-th record with four thousand bytes that do not pack well: it fills a small disk soon.
fn fat(number: u64) -> Record {
    let mut dice = Dice(number * 2_654_435_761 + 99);
    let mut record = record(number);
    let line = |_| {
        format!(
            "X-Fill: {:016x}{:016x}\n",
            dice.below(u64::MAX),
            dice.below(u64::MAX)
        )
    };
    record.text = Text::new(&(0..100).map(line).collect::<String>());
    record
}

/// The numbers of the trace files in a directory, with the bytes that they take.
fn files(dir: &Path) -> BTreeMap<u64, u64> {
    let ours = |entry: std::io::Result<fs::DirEntry>| {
        let entry = entry.ok()?;
        let name = entry.file_name().into_string().ok()?;
        let digits = name
            .strip_suffix(".trace.zst")
            .filter(|digits| digits.len() == 10)?;
        // It may go between the two looks.
        let metadata = entry.metadata().ok()?;
        Some((
            digits.parse().ok()?,
            metadata.len().max(metadata.blocks() * 512),
        ))
    };
    fs::read_dir(dir).unwrap().filter_map(ours).collect()
}

/// What others have put beside ours: bytes and time of the last change.
fn others(paths: &[PathBuf]) -> Vec<(Vec<u8>, i64, i64)> {
    let look = |path: &PathBuf| {
        let metadata = fs::metadata(path).unwrap();
        let bytes = fs::read(path).unwrap();
        (bytes, metadata.mtime(), metadata.mtime_nsec())
    };
    paths.iter().map(look).collect()
}

#[test]
#[ignore = "it is a child of the tests above and needs a small disk"]
fn child_is_flooded() {
    let Some(disk) = disk() else { return };
    let dir = disk.join("traces");
    let paths = [
        disk.join("data"),
        disk.join("0000000001.trace.zst"),
        dir.join("notes.txt"),
        dir.join("1.trace.zst"),
        dir.join("0000000001.trace.zst.bak"),
    ];
    for path in &paths {
        fs::write(path, vec![7; 20_000]).unwrap();
    }
    let before = others(&paths);
    let (traces, _) = open_with(&dir, options());
    traces.sync().unwrap();
    let most = traces.stats().bytes_max;
    assert!(
        (3 << 20..6 << 20).contains(&most),
        "a fifth of the disk: {most}"
    );

    let ended = AtomicBool::new(false);
    let (looks, largest) = std::thread::scope(|scope| {
        let watcher = scope.spawn(|| watch(&dir, most, &ended));
        let deadline = Instant::now() + Duration::from_secs(60);
        let mut number = 0;
        // Three times what may be kept, each as fast as it can be made.
        while traces.stats().removed < 16 {
            assert!(Instant::now() < deadline, "{:?}", traces.stats());
            traces.offer(fat(number));
            number += 1;
        }
        ended.store(true, Ordering::Relaxed);
        watcher.join().unwrap()
    });
    assert!(looks > 100, "{looks}");
    assert!(largest > most / 2, "{largest} of {most}: the share is used");
    traces.sync().unwrap();
    assert_eq!(before, others(&paths));
    let (found, outcome) = find(&traces, &all());
    assert!(outcome.damaged == 0 && !found.is_empty());
}

/// Looks at the directory until the flood has ended. Returns how often, and how much it was at most.
fn watch(dir: &Path, most: u64, ended: &AtomicBool) -> (u64, u64) {
    let (mut looks, mut largest) = (0, 0);
    let mut last = BTreeSet::new();
    while !ended.load(Ordering::Relaxed) {
        let now = files(dir);
        let bytes: u64 = now.values().sum();
        assert!(bytes <= most, "{bytes} of {most}: {now:?}");
        let numbers: BTreeSet<u64> = now.into_keys().collect();
        let oldest = numbers.first().copied().unwrap_or(0);
        let gone = last.difference(&numbers).max();
        assert!(
            gone.is_none_or(|gone| *gone < oldest),
            "{gone:?} went before {oldest}"
        );
        (looks, largest, last) = (looks + 1, bytes.max(largest), numbers);
    }
    (looks, largest)
}

#[test]
#[ignore = "it is a child of the tests above and needs a small disk"]
fn child_runs_out_of_room() {
    let Some(disk) = disk() else { return };
    let dir = disk.join("traces");
    // Nothing gives way for want of room here: it is the disk itself that says no.
    let unbounded = || Options {
        segment_bytes: 512 << 10,
        retention: Retention {
            age: Duration::MAX,
            share: 100,
            keep_free: 0,
        },
        ..options()
    };
    let (traces, _) = open_with(&dir, unbounded());
    let mut offered = 0;
    let mut offer = |traces: &Traces, number: u64| {
        for _ in 0..number {
            while !traces.offer(fat(offered)) {
                // The queue has room again when this returns, whatever the disk says.
                let _ = traces.sync();
            }
            offered += 1;
        }
        traces.sync()
    };
    offer(&traces, 1000).unwrap();
    traces.seal().unwrap();
    let contents = |files: &BTreeMap<u64, u64>| -> Vec<Vec<u8>> {
        let read = |number: &u64| fs::read(dir.join(format!("{number:010}.trace.zst"))).unwrap();
        files.keys().map(read).collect()
    };
    let finished = files(&dir);
    let bytes = contents(&finished);
    assert!(finished.len() > 1, "{finished:?}");

    let ballast = disk.join("ballast");
    fill_up(&ballast);
    let troubled = (0..5).filter(|_| offer(&traces, 500).is_err()).count();
    let stats = traces.stats();
    assert!(
        troubled > 0 && stats.trouble.is_some() && stats.dropped_disk > 0,
        "{stats:?}"
    );
    assert_eq!(contents(&finished), bytes, "what was finished is as it was");
    assert!(has_fat(&traces, 0) && has_fat(&traces, 999));

    fs::remove_file(&ballast).unwrap();
    let deadline = Instant::now() + Duration::from_secs(20);
    while traces.sync().is_err() {
        assert!(Instant::now() < deadline, "{:?}", traces.stats());
    }
    offer(&traces, 500).unwrap();
    let stats = traces.stats();
    assert_eq!(
        (&stats.trouble, stats.kept + stats.dropped_disk),
        (&None, offered)
    );
    let (found, _) = find(&traces, &all());
    assert_eq!(
        found.len() as u64,
        stats.kept,
        "whatever was not counted as dropped is found"
    );
    assert!(has_fat(&traces, offered - 1));
    drop(traces);
    let (traces, recovery) = open_with(&dir, unbounded());
    assert_eq!(
        (recovery.mended, recovery.damaged_bytes),
        (0, 0),
        "{recovery:?}"
    );
    assert_eq!(find(&traces, &all()).0, found);
}

fn has_fat(traces: &Traces, number: u64) -> bool {
    find(
        traces,
        &crate::support::query(vec![crate::support::call(number)]),
    )
    .0 == [fat(number)]
}

/// Writes to a file until the disk takes no more.
fn fill_up(path: &Path) {
    let mut file = File::create(path).unwrap();
    for size in [1 << 20, 4096, 1] {
        while file.write_all(&vec![7; size]).is_ok() {}
    }
    file.sync_all().unwrap();
}

#[test]
#[ignore = "it is a child of the tests above and needs a small disk"]
fn child_cannot_write() {
    let Some(disk) = disk() else { return };
    let dir = disk.join("traces");
    let (traces, _) = open_with(&dir, options());
    assert!(traces.offer(record(0)));
    drop(traces);
    let remount = |how: &str| {
        let mount = Command::new("mount").args(["-o", how]).arg(&disk).status();
        assert!(mount.unwrap().success());
    };
    remount("remount,ro");
    let error = Traces::open(&dir, MACHINE, options()).unwrap_err();
    assert!(
        matches!(&error, OpenError::Disk { source, .. } if source.kind() == std::io::ErrorKind::ReadOnlyFilesystem)
    );
    assert!(error.to_string().contains("traces/lock"), "{error}");
    remount("remount,rw");
    let (traces, _) = open_with(&dir, options());
    assert!(has(&traces, 0));
}
