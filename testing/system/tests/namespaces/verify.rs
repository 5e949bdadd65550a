//! `vestibule verify` from everywhere agrees with the plan in every cell.

use std::process::Command;
use std::thread;

use firewall::matrix::{Outcome, Report, Verdict};
use system::bed::{ADMIN, CLIENTS, STRANGERS};
use system::deployment::binary;

use super::site::{Site, with};

/// Who stands for all of their kind, and the words with which they try.
pub(super) const TRIERS: [(&str, &str); 3] = [
    (CLIENTS[0], "client"),
    (STRANGERS[0], "outside"),
    (ADMIN, "admin"),
];
/// The row that never leaves a machine.
const WITHIN: u8 = 24;

#[test]
fn from_everywhere_every_cell_is_as_the_plan_says() {
    let test = "namespaces::from_everywhere_every_cell_is_as_the_plan_says";
    with(test, &[], |site| {
        let report = everywhere(site, "all");
        let wrong: Vec<&Outcome> = report.tries.iter().filter(|one| !is_right(one)).collect();
        assert!(wrong.is_empty(), "{wrong:#?}");
        assert!(report.runs.iter().all(|run| run.left_out == 0));
        let rows = report.rows.iter();
        let untried: Vec<_> = rows.filter(|row| row.verdict.is_none()).collect();
        assert!(untried.iter().all(|row| row.flow == WITHIN), "{untried:#?}");
    });
}

/// Tells whether a try came out as it should.
pub(super) fn is_right(one: &Outcome) -> bool {
    one.verdict == Verdict::Pass
}

/// Tries from every machine and as everybody else at once, and joins what was found.
pub(super) fn everywhere(site: &Site, unwanted: &str) -> Report {
    let machines = site.bed.machines().map(|name| (name, ["--from", name]));
    let others = TRIERS.map(|(name, who)| (name, ["--as", who]));
    let reports = thread::scope(|scope| {
        let begin = |(place, words)| scope.spawn(move || verify(site, place, words, unwanted));
        let runs: Vec<_> = machines.chain(others).map(begin).collect();
        runs.into_iter().map(|run| run.join().unwrap()).collect()
    });
    Report::join(reports).unwrap()
}

fn verify(site: &Site, place: &str, words: [&str; 2], unwanted: &str) -> Report {
    let mut command = Command::new(binary().unwrap());
    command.arg("verify").arg(site.bed.file()).args(words);
    command
        .arg("--state")
        .arg(site.running.operator().state())
        .args(["--unwanted", unwanted, "--json"])
        .args(["--at-once", "400"]);
    let output = site.bed.at(place).enter(|| command.output()).unwrap();
    let said = || String::from_utf8_lossy(&output.stderr).into_owned();
    let read = serde_json::from_slice(&output.stdout);
    read.unwrap_or_else(|error| panic!("verify from {place}: {error}: {}", said()))
}
