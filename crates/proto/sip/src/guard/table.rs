//! A table of bounded size that many may use at once.
//!
//! It has 4,096 sets of at most eight entries, each set behind a lock of its own. The set of an entry follows from its
//! key, a keyed hash that nobody outside can aim. When a set is full, whoever weighs least goes; of those that weigh the
//! same, the one that was used longest ago. So a million strangers who do nothing push out only each other.

use super::record::Weight;
use base::Mono;
use std::sync::{Mutex, MutexGuard, PoisonError};

const SETS: u64 = 4096;
const WAYS: usize = 8;

struct Entry<V> {
    key: u64,
    used: Mono,
    value: V,
}

pub(super) struct Table<V> {
    sets: Vec<Mutex<Vec<Entry<V>>>>,
}

impl<V: Weight> Table<V> {
    /// Makes an empty table; room for entries is taken as they come.
    pub(super) fn new() -> Self {
        Self {
            sets: (0..SETS).map(|_| Mutex::default()).collect(),
        }
    }

    /// Changes an entry, which is made if it is not there.
    pub(super) fn with<R>(
        &self,
        key: u64,
        now: Mono,
        fresh: impl FnOnce() -> V,
        change: impl FnOnce(&mut V) -> R,
    ) -> R {
        let mut set = self.set(key);
        if let Some(entry) = set.iter_mut().find(|entry| entry.key == key) {
            entry.used = now;
            return change(&mut entry.value);
        }
        let mut value = fresh();
        let result = change(&mut value);
        let entry = Entry {
            key,
            used: now,
            value,
        };
        if set.len() < WAYS {
            set.push(entry);
            return result;
        }
        let least = set.iter_mut().min_by(|a, b| {
            let weights = a.value.weight(now).total_cmp(&b.value.weight(now));
            weights.then(a.used.cmp(&b.used))
        });
        if let Some(least) = least {
            *least = entry;
        }
        result
    }

    /// Reads an entry, if it is there.
    pub(super) fn peek<R>(&self, key: u64, read: impl FnOnce(&V) -> R) -> Option<R> {
        let set = self.set(key);
        let entry = set.iter().find(|entry| entry.key == key);
        entry.map(|entry| read(&entry.value))
    }

    /// Forgets an entry; false if it was not there.
    pub(super) fn remove(&self, key: u64) -> bool {
        let mut set = self.set(key);
        let before = set.len();
        set.retain(|entry| entry.key != key);
        set.len() < before
    }

    /// Reads every entry, set by set.
    pub(super) fn each(&self, mut read: impl FnMut(&V)) {
        for set in &self.sets {
            let set = set.lock().unwrap_or_else(PoisonError::into_inner);
            set.iter().for_each(|entry| read(&entry.value));
        }
    }

    pub(super) fn len(&self) -> usize {
        let size = |set: &Mutex<Vec<_>>| set.lock().unwrap_or_else(PoisonError::into_inner).len();
        self.sets.iter().map(size).sum()
    }

    fn set(&self, key: u64) -> MutexGuard<'_, Vec<Entry<V>>> {
        let at = usize::try_from(key % SETS).unwrap_or(0);
        self.sets[at].lock().unwrap_or_else(PoisonError::into_inner)
    }
}
