//! Files on their way to the disk, on a thread of its own.
//!
//! What is written survives the end of the process at once, and that of the machine when the disk has it. A disk that is
//! busy takes seconds for that, in which records would wait in memory if the writer waited.
//!
//! Bounds: [`MOST`] files wait; whoever brings another waits too.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

/// So many files wait for a disk.
const MOST: usize = 16;

/// Brings files to the disk, one after the other.
#[derive(Debug)]
pub(crate) struct Syncer {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    waiting: VecDeque<Arc<File>>,
    /// One is being brought to the disk.
    busy: bool,
    closed: bool,
    /// What went wrong since somebody asked.
    failed: Option<io::Error>,
}

impl Syncer {
    /// Starts the thread.
    pub(crate) fn start() -> io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let own = Arc::clone(&shared);
        let thread = std::thread::Builder::new().name("traces-sync".to_owned());
        Ok(Self {
            shared,
            thread: Some(thread.spawn(move || own.run())?),
        })
    }

    /// Has a file brought to the disk some time; one that waits already is not queued again.
    pub(crate) fn later(&self, file: Arc<File>) {
        let is_full = |state: &mut State| state.waiting.len() >= MOST;
        let mut state = self.shared.wait(self.shared.lock(), is_full);
        if !state.waiting.iter().any(|one| Arc::ptr_eq(one, &file)) {
            state.waiting.push_back(file);
        }
        drop(state);
        self.shared.changed.notify_all();
    }

    /// Waits until the disk has everything, and says what went wrong since this was asked last.
    pub(crate) fn all(&self) -> io::Result<()> {
        let is_under_way = |state: &mut State| state.busy || !state.waiting.is_empty();
        let mut state = self.shared.wait(self.shared.lock(), is_under_way);
        state.failed.take().map_or(Ok(()), Err)
    }
}

impl Drop for Syncer {
    fn drop(&mut self) {
        self.shared.lock().closed = true;
        self.shared.changed.notify_all();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the thread that brings traces to the disk has failed");
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(
        &self,
        state: MutexGuard<'a, State>,
        while_so: impl FnMut(&mut State) -> bool,
    ) -> MutexGuard<'a, State> {
        let waited = self.changed.wait_while(state, while_so);
        waited.unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self) {
        loop {
            let idle = |state: &mut State| state.waiting.is_empty() && !state.closed;
            let mut state = self.wait(self.lock(), idle);
            let Some(file) = state.waiting.pop_front() else {
                return;
            };
            state.busy = true;
            drop(state);
            let result = file.sync_data();
            let mut state = self.lock();
            state.busy = false;
            if let Err(error) = result {
                tracing::warn!(%error, "traces cannot be brought to the disk");
                state.failed = Some(error);
            }
            drop(state);
            self.changed.notify_all();
        }
    }
}
