//! The processor time that a server process and its descendants have used.
//!
//! The kernel counts it per thread in nanoseconds (`/proc/PID/task/TID/schedstat`); user and system time together.
//! What a thread used before it ended is not in the sum, so a server whose threads come and go under load is measured
//! too low: none of the servers here does that. Where the kernel keeps no such count, the clock ticks of
//! `/proc/PID/stat` are used, which are good to 10 ms.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::time::Duration;

/// A process with all its descendants.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tree {
    root: u32,
}

impl Tree {
    /// Names the tree below this process.
    pub(crate) const fn of(root: u32) -> Self {
        Self { root }
    }

    /// Returns the processor time used up to this moment.
    ///
    /// # Errors
    /// The root process is gone.
    pub(crate) fn used(self) -> io::Result<Duration> {
        fs::metadata(format!("/proc/{}/stat", self.root))?;
        let nanos: u64 = self.members()?.into_iter().map(nanos_of).sum();
        Ok(Duration::from_nanos(nanos))
    }

    /// Returns the process and all its descendants.
    ///
    /// # Errors
    /// The process table cannot be read.
    pub(crate) fn members(self) -> io::Result<Vec<u32>> {
        let mut children: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
        for entry in fs::read_dir("/proc")? {
            let name = entry?.file_name();
            let Some(pid) = name.to_str().and_then(|name| name.parse().ok()) else {
                continue;
            };
            if let Some(parent) = parent_of(pid) {
                children.entry(parent).or_default().push(pid);
            }
        }
        let mut members = vec![self.root];
        let mut next = 0;
        while let Some(pid) = members.get(next) {
            let below = children.remove(pid).unwrap_or_default();
            members.extend(below);
            next += 1;
        }
        Ok(members)
    }
}

/// Returns the processor time that several processes with their descendants have used together.
///
/// # Errors
/// One of them is gone.
pub(crate) fn used(trees: &[Tree]) -> io::Result<Duration> {
    trees.iter().map(|tree| tree.used()).sum()
}

/// The fields of `/proc/PID/stat` that follow the command's name, which may itself hold spaces and brackets.
fn stat_of(pid: u32) -> Option<Vec<String>> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, rest) = stat.rsplit_once(')')?;
    Some(rest.split_ascii_whitespace().map(str::to_owned).collect())
}

fn parent_of(pid: u32) -> Option<u32> {
    stat_of(pid)?.get(1)?.parse().ok()
}

fn nanos_of(pid: u32) -> u64 {
    precise(pid).or_else(|| by_ticks(pid)).unwrap_or(0)
}

fn precise(pid: u32) -> Option<u64> {
    let mut sum = 0;
    for thread in fs::read_dir(format!("/proc/{pid}/task")).ok()? {
        let line = fs::read_to_string(thread.ok()?.path().join("schedstat")).ok()?;
        sum += line.split_ascii_whitespace().next()?.parse::<u64>().ok()?;
    }
    Some(sum)
}

fn by_ticks(pid: u32) -> Option<u64> {
    let fields = stat_of(pid)?;
    let user: u64 = fields.get(11)?.parse().ok()?;
    let system: u64 = fields.get(12)?.parse().ok()?;
    Some((user + system) * 1_000_000_000 / rustix::param::clock_ticks_per_second())
}

#[cfg(test)]
mod tests {
    use super::{Tree, by_ticks, precise};

    #[test]
    fn work_shows_in_the_time_used_and_both_sources_agree() {
        let me = std::process::id();
        let before = Tree::of(me).used().expect("this process lives");
        let mut sum = 0_u64;
        for round in 0..40_000_000_u64 {
            sum = std::hint::black_box(sum ^ round);
        }
        let after = Tree::of(me).used().expect("this process lives");
        assert!(after > before);
        let (fine, coarse) = (
            precise(me).expect("counted"),
            by_ticks(me).expect("counted"),
        );
        assert!(fine.abs_diff(coarse) < 500_000_000, "{fine} and {coarse}");
    }

    #[test]
    fn a_process_that_is_gone_is_an_error() {
        assert!(Tree::of(u32::MAX).used().is_err());
    }
}
