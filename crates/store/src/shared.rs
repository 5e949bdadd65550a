//! What the writer thread, the snapshot thread, readers and callers of one log share.

use std::collections::BTreeMap;

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::files::Named;
use crate::log::{Options, Stats};
use crate::queue::Queue;
use crate::{Index, LogId, View};

/// How a reader is told that there is more.
pub(crate) type Wake = Box<dyn Fn() + Send + Sync>;

/// One open log.
pub(crate) struct Shared {
    pub(crate) dir: PathBuf,
    pub(crate) options: Options,
    pub(crate) view: Arc<dyn View>,
    pub(crate) queue: Queue,
    pub(crate) ledger: Mutex<Ledger>,
    pub(crate) readers: Mutex<Readers>,
    pub(crate) counters: Counters,
}

/// Which files there are.
pub(crate) struct Ledger {
    pub(crate) id: LogId,
    pub(crate) epoch: u64,
    /// Never empty; the last is the one being written.
    pub(crate) segments: Vec<Named>,
    /// How far the last segment is durable and applied.
    pub(crate) end: u64,
    pub(crate) snapshot: Option<SnapshotFile>,
}

/// The newest snapshot.
#[derive(Clone, Debug)]
pub(crate) struct SnapshotFile {
    pub(crate) index: Index,
    pub(crate) path: PathBuf,
    pub(crate) bytes: u64,
}

/// Whom to tell that there is more.
#[derive(Default)]
pub(crate) struct Readers {
    pub(crate) next_key: u64,
    pub(crate) wakes: BTreeMap<u64, Wake>,
}

/// Numbers that only grow.
#[derive(Default)]
pub(crate) struct Counters {
    pub(crate) last: AtomicU64,
    pub(crate) commits: AtomicU64,
    pub(crate) records: AtomicU64,
    pub(crate) bytes: AtomicU64,
    pub(crate) refused: AtomicU64,
    pub(crate) snapshots: AtomicU64,
    pub(crate) broken: AtomicBool,
}

impl Shared {
    pub(crate) fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn readers(&self) -> MutexGuard<'_, Readers> {
        self.readers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn last(&self) -> Index {
        Index(self.counters.last.load(Ordering::Acquire))
    }

    pub(crate) fn set_last(&self, last: Index) {
        self.counters.last.store(last.0, Ordering::Release);
    }

    pub(crate) fn count_refused(&self) {
        self.counters.refused.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn count_commit(&self, records: u64, bytes: u64) {
        self.counters.commits.fetch_add(1, Ordering::Relaxed);
        self.counters.records.fetch_add(records, Ordering::Relaxed);
        self.counters.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Tells every reader that there is more.
    pub(crate) fn wake_readers(&self) {
        self.readers().wakes.values().for_each(|wake| wake());
    }

    pub(crate) fn stats(&self) -> Stats {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Stats {
            last: self.last(),
            commits: read(&self.counters.commits),
            records: read(&self.counters.records),
            bytes: read(&self.counters.bytes),
            refused: read(&self.counters.refused),
            snapshots: read(&self.counters.snapshots),
            queued_bytes: self.queue.bytes(),
            broken: self.counters.broken.load(Ordering::Relaxed),
        }
    }
}
