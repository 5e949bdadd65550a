//! What waits for the writer thread, up to a bound.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use bytes::Bytes;

use crate::log::LogError;
use crate::{Index, LogId};

/// What a batch costs beside its records, so that empty ones are bounded too.
const BATCH_COST: usize = 64;

/// How an answer reaches whoever asked.
pub(crate) type Done = Box<dyn FnOnce(Result<Index, LogError>) + Send>;

/// A batch that waits.
pub(crate) struct Append {
    pub(crate) records: Vec<Bytes>,
    pub(crate) done: Done,
}

/// What the writer thread can be asked.
pub(crate) enum Request {
    /// Make these records durable.
    Append(Append),
    /// Write a snapshot.
    Compact(Done),
    /// Put this content in the place of the present one.
    Reset {
        id: LogId,
        index: Index,
        records: Vec<Bytes>,
        done: Done,
    },
}

/// A bounded queue to the one writer thread.
pub(crate) struct Queue {
    state: Mutex<State>,
    filled: Condvar,
    limit: usize,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Request>,
    bytes: usize,
    closed: bool,
}

impl Queue {
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            state: Mutex::default(),
            filled: Condvar::new(),
            limit,
        }
    }

    /// Puts a batch in, or gives it back with the reason.
    pub(crate) fn append(&self, append: Append) -> Result<(), (Append, LogError)> {
        let bytes = append
            .records
            .iter()
            .map(|record| record.len() + size_of::<Bytes>())
            .sum::<usize>()
            + BATCH_COST;
        if bytes > self.limit {
            return Err((append, LogError::TooLarge { bytes }));
        }
        let mut state = self.lock();
        if state.closed {
            return Err((append, LogError::Closed));
        }
        if state.bytes + bytes > self.limit {
            return Err((append, LogError::Full));
        }
        state.bytes += bytes;
        self.put(state, Request::Append(append));
        Ok(())
    }

    /// Puts another request in; if the log is closed, it is dropped with its `done`.
    pub(crate) fn ask(&self, request: Request) {
        let state = self.lock();
        if !state.closed {
            self.put(state, request);
        }
    }

    /// Takes everything that waits, after waiting for the first and until `not_before`; `None` when the queue is closed
    /// and empty.
    pub(crate) fn take(&self, not_before: Instant) -> Option<VecDeque<Request>> {
        let mut state = self.lock();
        while state.waiting.is_empty() {
            if state.closed {
                return None;
            }
            state = self
                .filled
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
        while !state.closed {
            let left = not_before.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            let waited = self.filled.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        state.bytes = 0;
        Some(std::mem::take(&mut state.waiting))
    }

    /// Accepts nothing more; what waits is still carried out.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.filled.notify_all();
    }

    /// Returns how many bytes wait.
    pub(crate) fn bytes(&self) -> usize {
        self.lock().bytes
    }

    fn put(&self, mut state: MutexGuard<'_, State>, request: Request) {
        let was_empty = state.waiting.is_empty();
        state.waiting.push_back(request);
        drop(state);
        if was_empty {
            self.filled.notify_one();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
