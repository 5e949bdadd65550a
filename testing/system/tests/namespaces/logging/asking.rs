//! `vestibule log search`, run in the network of one machine with the certificate of an operator.

use std::collections::BTreeMap;
use std::process::{Command, Output};

use serde_json::Value;
use system::deployment::binary;

use super::super::site::Site;

/// The operator in whose name the bed is asked.
pub(super) const OPERATOR: &str = "ann";

/// What a search said.
#[derive(Debug)]
pub(super) struct Said {
    /// Its exit code.
    pub(super) code: Option<i32>,
    /// The records that it gave, oldest first.
    pub(super) records: Vec<Value>,
    /// How each agent has answered.
    pub(super) agents: BTreeMap<String, Value>,
}

impl Said {
    /// Returns the agents that did not answer to their end, and in which word.
    pub(super) fn missing(&self) -> BTreeMap<&str, &str> {
        let words = self.agents.iter().map(|(machine, answer)| {
            let word = answer["answer"].as_str().unwrap();
            (machine.as_str(), word)
        });
        words.filter(|(_, word)| *word != "answered").collect()
    }

    /// Returns a record's field for the records that have it.
    pub(super) fn field<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str> {
        let name = name.to_owned();
        self.records
            .iter()
            .filter_map(move |record| record[&name].as_str())
    }
}

/// Makes the operator's certificate where the bed has none yet.
pub(super) fn issue(site: &Site) {
    let operator = site.running.operator();
    let file = site.bed.file().to_str().unwrap();
    let words = ["certs", "issue", file, "--operator", OPERATOR];
    operator.done(&words, "").unwrap();
}

/// Searches from a place.
pub(super) fn search(site: &Site, place: &str, words: &[&str]) -> Said {
    let output = log(site, place, &["search"], &[&["--json"], words].concat());
    let said = String::from_utf8_lossy(&output.stderr);
    let out = String::from_utf8(output.stdout).unwrap();
    let mut lines: Vec<Value> = out
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let last = lines
        .pop()
        .unwrap_or_else(|| panic!("from {place}: {said}"));
    let agents = last["agents"].as_array();
    let agents = agents.unwrap_or_else(|| panic!("from {place}: {last}: {said}"));
    let agents = agents.iter().map(|agent| {
        let machine = agent["machine"].as_str().unwrap();
        (machine.to_owned(), agent.clone())
    });
    Said {
        code: output.status.code(),
        agents: agents.collect(),
        records: lines,
    }
}

/// Runs a command of `log` in the network of a place; the topology's file stands behind the command.
pub(super) fn log(site: &Site, place: &str, command: &[&str], words: &[&str]) -> Output {
    let mut log = Command::new(binary().unwrap());
    log.arg("log").args(command).arg(site.bed.file());
    log.arg("--state").arg(site.running.operator().state());
    log.args(["--operator", OPERATOR]).args(words);
    site.bed.at(place).enter(|| log.output()).unwrap()
}
