//! How an agent has answered.

use std::sync::Arc;
use std::time::Duration;

use logs::SourceStatus;

/// How one agent has answered, for the line that says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Its machine.
    pub machine: Arc<str>,
    /// How the answer ended.
    pub status: SourceStatus,
    /// Records, or files, that it gave.
    pub given: u64,
    /// How long it took to its last word. Time in which nobody wanted to hear more is in it.
    pub took: Duration,
    /// By how many microseconds its clock is ahead of ours, or behind if negative, where that is worth saying.
    pub skew: Option<i64>,
    /// Blocks that it could not read, and so may hide records.
    pub damaged: u64,
    /// Records that cannot be read here, or that speak of another machine.
    pub left_out: u64,
    /// Records that came later than younger ones; the order is not to be relied on there.
    pub out_of_order: u64,
    /// Records of a tail that came faster than they were taken.
    pub missed: u64,
}

impl Report {
    pub(super) const fn of(machine: Arc<str>) -> Self {
        Self {
            machine,
            status: SourceStatus::Answering,
            given: 0,
            took: Duration::ZERO,
            skew: None,
            damaged: 0,
            left_out: 0,
            out_of_order: 0,
            missed: 0,
        }
    }

    /// Tells whether nothing of what was asked for is missing.
    #[must_use]
    pub const fn is_whole(&self) -> bool {
        self.status.is_whole() && self.damaged == 0 && self.left_out == 0
    }
}

impl Report {
    pub(super) fn end(&mut self, ended: super::source::Ended) {
        self.status = ended.status;
        self.took = ended.took;
        self.skew = ended.skew;
        self.damaged = ended.done.damaged;
    }
}
