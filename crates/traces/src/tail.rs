//! Records as they are captured, for whoever watches. A watcher that does not read fast enough misses some and is told
//! how many; nobody waits for it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use logs::{Query, Record, matches_whenever};

/// So many watch at a time.
pub const TAILS: usize = 8;
/// So many records wait for a watcher.
pub const TAIL_RECORDS: usize = 4096;

/// Why nobody more can watch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TailError {
    /// As many watch as may.
    #[error("{TAILS} watch already")]
    Full,
}

/// One watcher's end.
#[derive(Debug)]
pub struct Tail {
    records: Receiver<String>,
    missed: Arc<AtomicU64>,
}

impl Tail {
    /// Waits for the next record's text form; `None` if none comes within the time.
    ///
    /// # Errors
    /// The writer has ended.
    pub fn next(&self, most: Duration) -> Result<Option<String>, std::sync::mpsc::RecvError> {
        match self.records.recv_timeout(most) {
            Ok(text) => Ok(Some(text)),
            Err(RecvTimeoutError::Timeout) => Ok(None),
            Err(RecvTimeoutError::Disconnected) => Err(std::sync::mpsc::RecvError),
        }
    }

    /// Returns how many records were missed since this was last asked.
    #[must_use]
    pub fn missed(&self) -> u64 {
        self.missed.swap(0, Ordering::Relaxed)
    }
}

struct Watcher {
    query: Query,
    records: SyncSender<String>,
    missed: Arc<AtomicU64>,
}

/// All watchers.
#[derive(Default)]
pub(crate) struct Tails(Mutex<Vec<Watcher>>);

impl Tails {
    /// Adds a watcher for what a query looks for; its time does not count.
    pub(crate) fn watch(&self, query: Query) -> Result<Tail, TailError> {
        let mut watchers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Whoever has gone is noticed when something is sent; a silent log must not keep their places.
        watchers.retain(|watcher| Arc::strong_count(&watcher.missed) > 1);
        if watchers.len() >= TAILS {
            return Err(TailError::Full);
        }
        let (records, receiver) = sync_channel(TAIL_RECORDS);
        let missed = Arc::new(AtomicU64::new(0));
        watchers.push(Watcher {
            query,
            records,
            missed: Arc::clone(&missed),
        });
        Ok(Tail {
            records: receiver,
            missed,
        })
    }

    /// Shows a record to whoever watches for it.
    pub(crate) fn show(&self, record: &Record, text: &str) {
        let mut watchers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        watchers.retain(|watcher| {
            if !matches_whenever(&watcher.query, record, text) {
                return true;
            }
            match watcher.records.try_send(text.to_owned()) {
                Ok(()) => true,
                Err(TrySendError::Full(_)) => {
                    watcher.missed.fetch_add(1, Ordering::Relaxed);
                    true
                }
                Err(TrySendError::Disconnected(_)) => false,
            }
        });
    }

    /// Tells all watchers that nothing more comes.
    pub(crate) fn end(&self) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .is_empty()
    }
}
