//! The end of a process at any moment, and disks that forget.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use logs::{Span, Time, line};
use traces::{OpenError, Traces};

use crate::support::{Dice, MACHINE, START, all, fill, find, has, names, open, options, record};

const DIRECTORY: &str = "TRACES_TEST_KILLED_DIRECTORY";
const NUMBER: &str = "TRACES_TEST_KILLED_NUMBER";
const FIRST: &str = "0000000001.trace.zst";

/// The bytes of a file as they are on the disk while it is being written, with so many records.
fn unfinished(records: u64) -> Vec<u8> {
    let dir = tempfile::tempdir().unwrap();
    let (traces, _) = open(dir.path());
    fill(&traces, 0..records);
    fs::read(dir.path().join(FIRST)).unwrap()
}

/// Opens a directory in which there is one file with these bytes.
fn found_in(bytes: &[u8]) -> (tempfile::TempDir, Traces, traces::Recovery) {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join(FIRST), bytes).unwrap();
    let (traces, recovery) = open(dir.path());
    (dir, traces, recovery)
}

#[test]
fn a_file_cut_anywhere_gives_back_whole_records_from_its_beginning() {
    let bytes = unfinished(2500);
    let (mut most, mut torn) = (0, 0);
    for part in 0..=40 {
        let length = bytes.len() * part / 40;
        let (dir, traces, recovery) = found_in(&bytes[..length]);
        let (found, outcome) = find(&traces, &all());
        let expected: Vec<_> = (0..found.len() as u64).map(record).collect();
        assert_eq!(found, expected, "cut at {length}");
        assert!(found.len() >= most, "cut at {length}");
        most = found.len();
        assert_eq!(
            (outcome.damaged, recovery.damaged_bytes),
            (0, 0),
            "cut at {length}"
        );
        assert_eq!(recovery.mended, 1);
        torn += u64::from(recovery.torn_bytes > 0);
        drop(traces);
        let (traces, recovery) = open(dir.path());
        assert_eq!(
            recovery.mended, 0,
            "a mended file is as one that was finished"
        );
        assert_eq!(find(&traces, &all()).0, expected);
    }
    assert_eq!(most, 2500);
    assert!(torn > 10, "what a cut took is reported: {torn} of 41");
}

#[test]
fn what_a_power_cut_leaves_at_the_end_is_passed_over() {
    let bytes = unfinished(2500);
    for junk in [vec![0; 9000], vec![0xff; 9000], bytes[..5000].to_vec()] {
        let (_dir, traces, recovery) = found_in(&[&bytes, &junk[..]].concat());
        let (found, _) = find(&traces, &all());
        assert!(found.len() >= 2500, "{}", found.len());
        assert_eq!(found[..2500], (0..2500).map(record).collect::<Vec<_>>());
        assert_eq!(recovery.mended, 1);
    }
}

#[test]
fn damage_inside_costs_the_group_and_is_reported() {
    let mut bytes = unfinished(2500);
    bytes[3000] ^= 0x10;
    let (_dir, traces, recovery) = found_in(&bytes);
    assert!(recovery.damaged_bytes > 0, "{recovery:?}");
    let (found, _) = find(&traces, &all());
    assert!(found.len() > 1000 && found.len() < 2500, "{}", found.len());
    assert!(has(&traces, 2499) && !has(&traces, 0));
}

#[test]
fn damage_in_a_finished_file_hides_its_group_and_the_search_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let (traces, _) = open(dir.path());
    fill(&traces, 0..2500);
    drop(traces);
    let path = dir.path().join(FIRST);
    let mut bytes = fs::read(&path).unwrap();
    bytes[3000] ^= 0x10;
    fs::write(&path, bytes).unwrap();
    let (traces, _) = open(dir.path());
    let (found, outcome) = find(&traces, &all());
    assert_eq!(outcome.damaged, 1);
    assert!(found.len() > 1000 && found.len() < 2500);
}

/// Whatever a disk does to a file, opening and searching end. What is found in a finished one was written: its groups have
/// checksums, which the last one of a file that was being written has not yet.
#[test]
fn a_file_changed_anywhere_is_opened_and_a_finished_one_gives_nothing_that_was_not_written() {
    let finished = {
        let dir = tempfile::tempdir().unwrap();
        let (traces, _) = open(dir.path());
        fill(&traces, 0..1200);
        drop(traces);
        fs::read(dir.path().join(FIRST)).unwrap()
    };
    let written = [finished, unfinished(1200)];
    let mut dice = Dice(4711);
    for round in 0..60 {
        let mut bytes = written[round % 2].clone();
        for _ in 0..=dice.below(3) {
            let at = usize::try_from(dice.below(bytes.len() as u64)).unwrap();
            let length = usize::try_from(dice.below(40))
                .unwrap()
                .min(bytes.len() - at);
            match dice.below(3) {
                0 => bytes[at] ^= 1 << dice.below(8),
                1 => drop(bytes.drain(at..at + length)),
                _ => bytes[at..at + length].fill(0xff),
            }
        }
        let (_dir, traces, recovery) = found_in(&bytes);
        let is_finished = recovery.mended == 0;
        for found in find(&traces, &all()).0 {
            let number = found.time.0.saturating_sub(START) / 1000;
            assert!(!is_finished || found == record(number), "round {round}");
        }
    }
}

#[test]
fn a_file_without_anything_is_removed_and_its_number_not_used_again() {
    let (dir, traces, recovery) = found_in(b"");
    assert_eq!((recovery.files, recovery.mended), (1, 1));
    fill(&traces, 0..1);
    assert_eq!(names(dir.path()), ["0000000002.trace.zst", "lock"]);
}

/// A skippable frame of zstd with this tag.
fn skippable(tag: &[u8; 8], content: &[u8]) -> Vec<u8> {
    let size = u32::try_from(tag.len() + content.len()).unwrap();
    let head = [0x184d_2a50_u32.to_le_bytes(), size.to_le_bytes()].concat();
    [&head, tag.as_slice(), content].concat()
}

#[test]
fn a_file_of_the_first_version_is_given_an_index_of_this_one() {
    let group = |numbers: std::ops::Range<u64>| {
        let text: String = numbers
            .map(|number| line::text_of(&record(number)))
            .collect();
        let mut encoder = zstd::Encoder::new(Vec::new(), 1).unwrap();
        encoder.include_checksum(true).unwrap();
        encoder.write_all(text.as_bytes()).unwrap();
        (text.len(), encoder.finish().unwrap())
    };
    let ((length, first), (_, second)) = (group(0..500), group(500..1000));
    assert!(length > 256 << 10, "{length} bytes are no group of old");
    let maps = skippable(b"VTKEYS01", &[0xff; 4096]);
    let end = skippable(b"VTEND001", &[0; 92]);
    let (dir, traces, recovery) = found_in(&[first, second, maps, end].concat());
    assert_eq!(
        (recovery.mended, recovery.damaged_bytes),
        (1, 0),
        "{recovery:?}"
    );
    assert_eq!(
        find(&traces, &all()).0,
        (0..1000).map(record).collect::<Vec<_>>()
    );
    assert!(has(&traces, 0) && has(&traces, 999));
    drop(traces);
    assert_eq!(open(dir.path()).1.mended, 0);
}

#[test]
fn a_second_agent_on_the_same_directory_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let (traces, _) = open(dir.path());
    let error = Traces::open(dir.path(), MACHINE, options()).unwrap_err();
    assert!(matches!(error, OpenError::Locked { .. }), "{error}");
    assert!(
        error
            .to_string()
            .contains("in use by the agent of another process")
    );
    drop(traces);
    open(dir.path());
}

/// A writer's end by force, again and again in the same directory.
#[test]
fn after_every_kill_everything_older_than_a_second_is_found() {
    let done: Vec<(usize, u64)> = std::thread::scope(|scope| {
        let started = [7, 8, 9, 4711].map(|seed| scope.spawn(move || kills(seed, KILLS, None)));
        started.map(|one| one.join().unwrap()).to_vec()
    });
    println!("records found and bytes torn: {done:?}");
    assert!(done.iter().all(|(found, _)| *found > 1000), "{done:?}");
}

/// The same on a disk that takes three seconds for everything: what is written need not be there yet.
#[test]
fn a_slow_disk_costs_no_more_when_the_process_ends() {
    let slow = [
        "strace",
        "-D",
        "-f",
        "-qqq",
        "-o",
        "/dev/null",
        "-e",
        "trace=fsync,fdatasync",
        "-e",
        "inject=fsync,fdatasync:delay_enter=3s",
    ];
    let probe = Command::new(slow[0]).args(&slow[1..]).arg("true").status();
    if !probe.is_ok_and(|status| status.success()) {
        println!("SKIPPED: a slow disk needs strace");
        return;
    }
    let (found, _) = kills(12, 2, Some(&slow));
    assert!(found > 500, "{found}");
}

/// Kills a writer so often. Returns how many records there are then, and how many bytes were torn.
fn kills(seed: u64, times: usize, under: Option<&[&str]>) -> (usize, u64) {
    let dir = tempfile::tempdir().unwrap();
    let mut dice = Dice(seed);
    let (mut next, mut torn, mut known) = (0, 0, Vec::new());
    for _ in 0..times {
        let after = Duration::from_millis(1100 + dice.below(900));
        let (old, offered) = kill(dir.path(), next, after, under);
        let (traces, recovery) = open(dir.path());
        assert_eq!((recovery.mended, recovery.damaged_bytes), (1, 0));
        torn += recovery.torn_bytes;
        let mut query = all();
        query.span = Span::new(Time(START + next * 1000), query.span.to()).unwrap();
        let found = find(&traces, &query).0;
        let end = next + found.len() as u64;
        assert!(
            (old..=offered).contains(&end),
            "{end} of {old} to {offered}"
        );
        assert_eq!(found, (next..end).map(record).collect::<Vec<_>>());
        known.extend(next..end);
        next = offered;
    }
    let (traces, recovery) = open(dir.path());
    assert_eq!(
        (recovery.mended, recovery.torn_bytes),
        (0, 0),
        "{recovery:?}"
    );
    let number = |record: &logs::Record| (record.time.0 - START) / 1000;
    let all: Vec<u64> = find(&traces, &all()).0.iter().map(number).collect();
    assert_eq!(all, known, "no kill costs what was there before it");
    (known.len(), torn)
}

/// So often each of four writers is killed.
const KILLS: usize = 5;

/// Starts a writer whose first record has this number, and kills it. Returns up to which number records were offered more
/// than a second before, and a number that it cannot have reached.
fn kill(dir: &Path, first: u64, after: Duration, under: Option<&[&str]>) -> (u64, u64) {
    let exe = std::env::current_exe().unwrap();
    let mut command = match under {
        Some([program, words @ ..]) => {
            let mut command = Command::new(program);
            command.args(words).arg(exe);
            command
        }
        _ => Command::new(exe),
    };
    let mut child = command
        .args([
            "--exact",
            "crash::child_writes_until_it_is_killed",
            "--ignored",
            "--nocapture",
        ])
        .env(DIRECTORY, dir)
        .env(NUMBER, first.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let output = BufReader::new(child.stdout.take().unwrap());
    let mut offered: Vec<(Instant, u64)> = Vec::new();
    for line in output.lines() {
        if let Some(number) = line.unwrap().strip_prefix("offered ") {
            offered.push((Instant::now(), number.parse().unwrap()));
        }
        let begun = offered.first().map(|(at, _)| at.elapsed());
        if begun.is_some_and(|begun| begun > after) {
            break;
        }
    }
    child.kill().unwrap();
    let killed = Instant::now();
    child.wait().unwrap();
    let is_old = |at: &Instant| killed.duration_since(*at) > Duration::from_secs(1);
    let old = offered.iter().rfind(|(at, _)| is_old(at)).unwrap().1;
    (old, offered.last().unwrap().1 + 100_000)
}

#[test]
#[ignore = "it is the child of the test above and ends by being killed"]
fn child_writes_until_it_is_killed() {
    let Some(dir) = std::env::var_os(DIRECTORY) else {
        return;
    };
    let first = std::env::var(NUMBER).unwrap().parse().unwrap();
    let (traces, _) = open(&PathBuf::from(dir));
    // Nothing ever comes here: the wait is the pace.
    let (_sender, pace) = std::sync::mpsc::channel::<()>();
    for number in first.. {
        // A machine that is busy with other things takes less; what it takes is what counts.
        while !traces.offer(record(number)) {
            let _ = pace.recv_timeout(Duration::from_millis(1));
        }
        if number % 100 == 99 {
            let _ = pace.recv_timeout(Duration::from_millis(20));
            println!("offered {}", number + 1);
            std::io::stdout().flush().unwrap();
        }
    }
}

/// Files that others have put beside ours stay, whatever their names look like.
#[test]
fn what_is_not_ours_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let others = [
        "42.trace.zst",
        "000000001x.trace.zst",
        "notes.txt",
        "0000000001.trace.zst.old",
    ];
    for name in others {
        fs::write(Path::new(dir.path()).join(name), "keep").unwrap();
    }
    let (traces, recovery) = open(dir.path());
    assert_eq!(recovery.files, 0);
    fill(&traces, 0..10);
    drop(traces);
    for name in others {
        assert_eq!(fs::read_to_string(dir.path().join(name)).unwrap(), "keep");
    }
}
