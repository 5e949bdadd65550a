//! What the figures were measured on; absolute figures mean nothing without it.

use std::fs;
use std::process::Command;
use std::thread;

use serde::Serialize;
use time::OffsetDateTime;

/// The machine, the day and the source.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Machine {
    /// The day, UTC.
    pub(crate) date: String,
    /// The commit, with a mark when the tree differs from it.
    pub(crate) commit: String,
    /// The processor.
    pub(crate) processor: String,
    /// How many of its cores there are.
    pub(crate) cores: usize,
    /// The kernel.
    pub(crate) kernel: String,
    /// The distribution.
    pub(crate) system: String,
    /// How many tasks wanted a processor before the run (the mean of a minute): near nothing on a machine left alone.
    pub(crate) load_before: String,
    /// The comparison's version.
    pub(crate) kamailio: String,
}

impl Machine {
    /// Looks around. What cannot be found out is `unknown`.
    pub(crate) fn look() -> Self {
        let unknown = || "unknown".to_owned();
        Self {
            date: OffsetDateTime::now_utc().date().to_string(),
            commit: first_line("git", &["describe", "--always", "--dirty"]).unwrap_or_else(unknown),
            processor: value("/proc/cpuinfo", "model name", ':').unwrap_or_else(unknown),
            cores: thread::available_parallelism().map_or(0, Into::into),
            kernel: fs::read_to_string("/proc/sys/kernel/osrelease")
                .map_or_else(|_| unknown(), |text| text.trim().to_owned()),
            system: value("/etc/os-release", "PRETTY_NAME", '=').unwrap_or_else(unknown),
            load_before: fs::read_to_string("/proc/loadavg")
                .ok()
                .and_then(|text| text.split_whitespace().next().map(str::to_owned))
                .unwrap_or_else(unknown),
            kamailio: first_line("/usr/sbin/kamailio", &["-v"])
                .and_then(|line| line.split_whitespace().nth(2).map(str::to_owned))
                .unwrap_or_else(|| "not installed".to_owned()),
        }
    }
}

fn first_line(program: &str, words: &[&str]) -> Option<String> {
    let output = Command::new(program).args(words).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    text.lines().next().map(str::to_owned)
}

fn value(file: &str, key: &str, sign: char) -> Option<String> {
    let text = fs::read_to_string(file).ok()?;
    let (_, value) = text
        .lines()
        .filter_map(|line| line.split_once(sign))
        .find(|(name, _)| name.trim() == key)?;
    Some(value.trim().trim_matches('"').to_owned())
}
