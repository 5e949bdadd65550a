//! What a node has begun and not ended: for whoever drains it, and for tests that look for leaks.

use super::Node;

/// Counts of what waits for something. All are zero once a node has been left alone for as long as calls ring.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pending {
    /// Requests sent on.
    pub relays: usize,
    /// Answers kept for requests that may come again.
    pub answers: usize,
    /// Changes on their way to the change log.
    pub commits: usize,
    /// Timers, apart from those that a node always has.
    pub timers: usize,
    /// Requests of our own.
    pub own: usize,
    /// Subscriptions of our own at other pools.
    pub backends: usize,
    /// Entries of flows that say what waits for them.
    pub waiting: usize,
}

impl Node {
    /// Returns what was begun and has not ended.
    #[must_use]
    pub fn pending(&self) -> Pending {
        let own = usize::from(self.is_sweeper()) + usize::from(self.reporting);
        Pending {
            relays: self.relays.len(),
            answers: self.answers.len(),
            commits: self.commits.len() + self.storing.len() + usize::from(self.sweeping.is_some()),
            timers: self.timers.len().saturating_sub(own),
            own: self.own.len(),
            backends: self.backends.len(),
            waiting: self.flows.waiting(),
        }
    }
}
