//! A running machine on a small disk, flooded with requests: its traces keep to their share, the oldest go first, and the
//! machine serves as before.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use serde_json::Value;
use system::agent::Agent;
use system::bed::CLIENTS;
use system::deployment::binary;
use system::process::{Mark, Process};
use system::wait;

use super::super::site::{Site, with};
use super::asking::{issue, log};

/// At home here are carol and dave.
const FE: &str = "fe02.contoso.net";
/// Files that have to go before the flood has shown what it is to show.
const GONE: u64 = 8;
const PATIENCE: Duration = Duration::from_secs(60);
/// Mounts a disk of its own for the traces, in a namespace that goes with the process; then runs what follows.
const SCRIPT: &str = "image=$1; traces=$2; shift 2; rm -rf \"$traces\" && mkdir -p \"$traces\" && truncate -s 12M \"$image\" \
    && mkfs.ext4 -q -m 0 \"$image\" && mount -o loop \"$image\" \"$traces\" && echo keep > \"$traces/notes.txt\" && exec \"$@\"";

#[test]
fn under_a_flood_a_running_machine_keeps_its_traces_within_their_share() {
    let test = "namespaces::under_a_flood_a_running_machine_keeps_its_traces_within_their_share";
    with(test, &["unshare", "mkfs.ext4"], |site| {
        issue(site);
        site.running.machine(FE).kill().unwrap();
        let mut small = on_a_small_disk(site);
        site.running.settle().unwrap();
        // What the process sees at that place.
        let traces = PathBuf::from(format!(
            "/proc/{}/root{}",
            small.id(),
            traces(site).display()
        ));
        let most = status(site)["bytes_max"].as_u64().unwrap();
        assert!(
            (1 << 20..3 << 20).contains(&most),
            "a fifth of the disk: {most}"
        );

        let phones = sign_in(site);
        let ended = AtomicBool::new(false);
        let oldest = thread::scope(|scope| {
            for phone in phones {
                scope.spawn(|| flood(phone, &ended));
            }
            let mut last = BTreeSet::new();
            let oldest = wait::until(PATIENCE, || {
                last = look(&traces, most, &last);
                last.first().copied().filter(|oldest| *oldest > GONE)
            });
            ended.store(true, Ordering::Relaxed);
            oldest
        });
        assert!(
            oldest.is_some(),
            "{:?}: {}",
            look(&traces, most, &BTreeSet::new()),
            status(site)
        );
        assert_eq!(
            fs::read_to_string(traces.join("notes.txt")).unwrap(),
            "keep\n"
        );
        assert_eq!(status(site)["trouble"], Value::Null);
        sign_in(site);
        small.kill().unwrap();
        let bed = &site.bed;
        let machine = site.running.machine(FE);
        bed.at(FE).enter(|| machine.restart()).unwrap();
        site.running.settle().unwrap();
    });
}

fn traces(site: &Site) -> PathBuf {
    let machines = site.running.operator().state().join("machines");
    machines.join(FE).join("traces")
}

fn on_a_small_disk(site: &Site) -> Process {
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh", "-c", SCRIPT, "sh"]);
    command
        .arg(site.bed.folder().join("small.img"))
        .arg(traces(site));
    command
        .arg(binary().unwrap())
        .arg("run")
        .arg(site.bed.file());
    command.args(["--machine", FE, "--workers", "1", "--json", "--state"]);
    command.arg(site.running.operator().state());
    let started = || Process::start("fe02-small", command, site.bed.folder());
    let process = site.bed.at(FE).enter(started).unwrap();
    let ready = |line: &str| line.contains("\"ready\":true");
    process
        .wait_line(Mark::default(), PATIENCE, "ready", ready)
        .unwrap();
    process
}

/// How the agent of the machine is, as `log status` tells it.
fn status(site: &Site) -> Value {
    let output = log(site, FE, &["status"], &["--json", "--machine", FE]);
    let said: Value = serde_json::from_slice(&output.stdout).unwrap();
    said[0]["status"].clone()
}

fn sign_in(site: &Site) -> Vec<Agent> {
    let doors = site.running.doors(&site.bed).unwrap();
    let users = site.running.users()[2..].iter();
    let at = site.bed.at(CLIENTS[0]);
    let phones = users.map(|user| at.enter(|| doors.sign_in_inside(user)).unwrap());
    phones.collect()
}

/// Signs a phone in anew, again and again, with much that does not pack well.
fn flood(mut phone: Agent, ended: &AtomicBool) {
    let mut seed = 4711_u64;
    while !ended.load(Ordering::Relaxed) {
        let mut registration = phone.registration();
        for _ in 0..8 {
            let fill = (0..60).map(|_| {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                format!("{seed:016x}")
            });
            registration = registration.with("X-Fill", fill.collect::<String>());
        }
        let (_, answer) = phone.prove(registration).unwrap();
        assert_eq!(answer.status(), 200);
    }
}

/// Returns the numbers of the files that are there; they take no more than they may, and no younger one went before an older.
fn look(traces: &Path, most: u64, last: &BTreeSet<u64>) -> BTreeSet<u64> {
    let (mut bytes, mut numbers) = (0, BTreeSet::new());
    for entry in fs::read_dir(traces).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        if let Some(number) = name.strip_suffix(".trace.zst") {
            // It may be removed between the two looks.
            bytes += entry.metadata().map_or(0, |metadata| metadata.len());
            numbers.insert(number.parse().unwrap());
        }
    }
    assert!(bytes <= most, "{bytes} of {most}: {numbers:?}");
    let oldest = numbers.first().copied().unwrap_or(0);
    assert!(
        last.difference(&numbers).all(|gone| *gone < oldest),
        "{last:?}, then {numbers:?}"
    );
    numbers
}
