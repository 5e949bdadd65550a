//! Of which users there may be event state that depends on bindings, for whoever changes these: somebody watches them, or
//! they have published.
//!
//! Counted by buckets of users, so that it costs a few kilobytes and no lock; a wrong yes costs one letter to a worker.

use std::sync::atomic::{AtomicU32, Ordering};

const BUCKETS: usize = 4_096;

/// How many subscriptions and publications depend on bindings, by buckets of users; shared by the workers of a machine.
#[derive(Debug)]
pub struct Watched(Box<[AtomicU32]>);

impl Default for Watched {
    fn default() -> Self {
        Self((0..BUCKETS).map(|_| AtomicU32::new(0)).collect())
    }
}

impl Watched {
    /// Tells whether the changed bindings of this user may matter.
    #[must_use]
    pub fn may_be(&self, user: &str) -> bool {
        self.bucket(user)
            .is_some_and(|count| count.load(Ordering::Relaxed) > 0)
    }

    pub(crate) fn begins(&self, user: &str) {
        if let Some(count) = self.bucket(user) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(crate) fn ends(&self, user: &str) {
        if let Some(count) = self.bucket(user) {
            count.fetch_sub(1, Ordering::Relaxed);
        }
    }

    fn bucket(&self, user: &str) -> Option<&AtomicU32> {
        let at = usize::try_from(spread(user)).ok()? % BUCKETS;
        self.0.get(at)
    }
}

/// A number for a user that is the same in every worker (FNV-1a); users are ours, so nobody chooses collisions.
pub(crate) fn spread(user: &str) -> u64 {
    user.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}
