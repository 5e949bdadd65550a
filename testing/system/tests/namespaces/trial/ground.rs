//! A kernel's network with somebody else's rules in it, on which `vestibule firewall` is run.

use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use system::bed::Namespace;
use system::deployment::binary;
use system::process::{Mark, Process};
use system::wait;

/// How long anything here may take.
pub(super) const SOON: Duration = Duration::from_secs(30);

/// The machine whose rules are loaded.
pub(super) const MACHINE: [&str; 2] = ["--machine", "edge01.contoso.net"];
/// Other rules, for an earlier state.
pub(super) const BOUNDARY: [&str; 2] = ["--boundary", "inside"];

const TOPOLOGY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/reference.toml");

/// Tables that are not ours, among them one of our name in another family.
const OTHERS: &str = "\
table ip vestibule {
  chain input { type filter hook input priority 10; counter accept comment \"flow 10: a stranger's\"; }
}
table inet filter {
  set s { type ipv4_addr; elements = { 192.0.2.1 }; }
  chain forward { type filter hook forward priority 0; policy accept; ip saddr @s counter drop; }
}
";

/// A network with other people's rules, and a folder for trials.
pub(super) struct Ground {
    namespace: Namespace,
    folder: tempfile::TempDir,
    others: String,
}

impl Ground {
    pub(super) fn new() -> Self {
        let mut ground = Self {
            namespace: Namespace::new().unwrap(),
            folder: tempfile::tempdir().unwrap(),
            others: String::new(),
        };
        ground.nft(&["--file", "-"], OTHERS);
        ground.others = ground.of_others();
        ground
    }

    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }

    fn run_dir(&self) -> String {
        self.folder().join("run").display().to_string()
    }

    /// Runs a program of the system and returns what it says.
    pub(super) fn nft(&self, words: &[&str], input: &str) -> String {
        let output = self.namespace.run("nft", words, input).unwrap();
        String::from_utf8(output.stdout).unwrap()
    }

    fn of_others(&self) -> String {
        let list = |family, name| self.nft(&["list", "table", family, name], "");
        list("ip", "vestibule") + &list("inet", "filter")
    }

    /// Asserts that nobody else's rules were touched, and that no table came or stayed that is not meant to be there.
    pub(super) fn assert_others_untouched(&self) {
        assert_eq!(self.of_others(), self.others);
        let tables = self.nft(&["list", "tables"], "");
        let known = [
            "table ip vestibule",
            "table inet filter",
            "table inet vestibule",
        ];
        assert!(tables.lines().all(|line| known.contains(&line)), "{tables}");
    }

    /// Returns our table as text; nothing if it is not loaded.
    pub(super) fn loaded(&self) -> Option<String> {
        let tables = self.nft(&["list", "tables"], "");
        let is_ours = |line: &str| line == "table inet vestibule";
        let loaded = tables.lines().any(is_ours);
        loaded.then(|| self.nft(&["list", "table", "inet", "vestibule"], ""))
    }

    fn waits(&self) -> bool {
        self.folder().join("run/pending.json").is_file()
    }

    /// Waits until no trial waits and our table is this.
    pub(super) fn wait_for(&self, wanted: Option<&str>) {
        let is_there = wait::until(SOON, || {
            (!self.waits() && self.loaded().as_deref() == wanted).then_some(())
        });
        assert!(is_there.is_some(), "{:#?}", self.loaded());
    }

    /// The words of a command about the rules of a place.
    fn words(&self, word: &str, place: [&str; 2], more: &[&str]) -> Vec<String> {
        let run_dir = self.run_dir();
        let fixed = [
            "firewall",
            word,
            TOPOLOGY,
            place[0],
            place[1],
            "--run-dir",
            &run_dir,
        ];
        let all = fixed.iter().chain(more);
        all.map(|word| (*word).to_owned()).collect()
    }

    /// Runs a command about a place to its end.
    pub(super) fn run(&self, word: &str, place: [&str; 2], more: &[&str]) -> Output {
        self.vestibule(&self.words(word, place, more))
    }

    /// Ends a trial from another session.
    pub(super) fn end(&self, word: &str) -> Output {
        let words = ["firewall", word, "--run-dir", &self.run_dir()];
        self.vestibule(&words.map(str::to_owned))
    }

    fn vestibule(&self, words: &[String]) -> Output {
        let run = || {
            Command::new(binary().unwrap())
                .args(words)
                .stdin(Stdio::null())
                .output()
                .unwrap()
        };
        self.namespace.enter(run)
    }

    /// Begins a trial of the machine's rules without a terminal, and waits until they are loaded.
    pub(super) fn try_for(&self, within: &str) -> Process {
        let mut command = Command::new(binary().unwrap());
        command.args(self.words("apply", MACHINE, &["--confirm-within", within]));
        self.start("apply", command)
    }

    /// The same at a terminal, which is gone when the process is killed.
    pub(super) fn try_at_a_terminal(&self, within: &str) -> Process {
        let words = self.words("apply", MACHINE, &["--confirm-within", within]);
        // A shell between the terminal and the command would be interrupted as well, and its end be told instead.
        let line = format!("exec {} {}", binary().unwrap().display(), words.join(" "));
        let mut command = Command::new("script");
        command.args(["--quiet", "--return", "--command", &line, "/dev/null"]);
        self.start("terminal", command)
    }

    fn start(&self, name: &str, command: Command) -> Process {
        let started = self
            .namespace
            .enter(|| Process::start(name, command, self.folder()));
        let process = started.unwrap();
        let is_loaded = |line: &str| line.to_ascii_lowercase().starts_with("loaded");
        let waited = process.wait_line(Mark::default(), SOON, "loaded rules", is_loaded);
        waited.unwrap();
        process
    }

    /// The process that keeps the trial.
    pub(super) fn watchdog(&self) -> rustix::process::Pid {
        let pending = std::fs::read(self.folder().join("run/pending.json")).unwrap();
        let pending: serde_json::Value = serde_json::from_slice(&pending).unwrap();
        let id = i32::try_from(pending["watchdog"].as_i64().unwrap()).unwrap();
        rustix::process::Pid::from_raw(id).unwrap()
    }
}

impl Drop for Ground {
    fn drop(&mut self) {
        // A trial that a failed test left behind ends with the test.
        if self.waits() {
            self.end("rollback");
        }
    }
}

pub(super) fn said(output: &Output) -> String {
    let out = String::from_utf8_lossy(&output.stdout);
    let err = String::from_utf8_lossy(&output.stderr);
    format!("{out}{err}")
}
