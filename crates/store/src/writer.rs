//! The one thread that writes.
//!
//! It takes everything that waits as one group: one frame, one write, one fdatasync. What is queued meanwhile is the
//! next group, so the groups grow with the load and the disk sets the pace. Under load groups also keep a small distance
//! ([`Options::gather`]), which trades two milliseconds of an answer for several times fewer writes; a record that comes
//! alone waits for nobody. Then, in this order: the view, the index
//! that readers see, the callers, the readers.
//!
//! The first error makes the log *broken*: what waits and what comes is answered with that error. A snapshot that
//! fails does not: the log is longer than wanted, and the next one is tried when it has grown as much again.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use bytes::Bytes;

use crate::files::{self, Lock, Named};
use crate::format::{FrameBuilder, HEADER_LEN};
use crate::log::{LogError, Options};
use crate::queue::{Append, Done, Queue, Request};
use crate::recovery::Opened;
use crate::shared::{Counters, Readers, Shared};
use crate::snapshot::{self, Place};
use crate::{Index, LogId, View};

/// The state of the writing thread.
pub(crate) struct Writer {
    shared: Arc<Shared>,
    active: File,
    /// Length of the active segment.
    len: u64,
    /// Bytes of segments since the last snapshot was begun.
    log_bytes: u64,
    frame: FrameBuilder,
    broken: Option<LogError>,
    /// When the next group may be written.
    rested: Instant,
    snapshot: Option<JoinHandle<()>>,
    /// Locked as long as this thread works.
    _lock: Lock,
}

/// Closes the queue when the thread ends, even by a panic in the view, so that nobody waits for it in vain.
struct CloseAtEnd(Arc<Shared>);

impl Drop for CloseAtEnd {
    fn drop(&mut self) {
        self.0.queue.close();
        drop(self.0.queue.take(Instant::now()));
    }
}

impl Writer {
    /// Puts together what the thread needs.
    pub(crate) fn start(
        dir: &Path,
        options: Options,
        view: Arc<dyn View>,
        opened: Opened,
    ) -> (Arc<Shared>, Self) {
        let len = opened.ledger.end;
        let shared = Arc::new(Shared {
            dir: dir.into(),
            options,
            view,
            queue: Queue::new(options.queue_bytes),
            ledger: Mutex::new(opened.ledger),
            readers: Mutex::new(Readers::default()),
            counters: Counters::default(),
        });
        shared.set_last(opened.last);
        let writer = Self {
            shared: shared.clone(),
            active: opened.active,
            len,
            log_bytes: opened.log_bytes,
            frame: FrameBuilder::default(),
            broken: None,
            rested: Instant::now(),
            snapshot: None,
            _lock: opened.lock,
        };
        (shared, writer)
    }

    /// Works until the queue is closed and empty.
    pub(crate) fn run(mut self) {
        let _close = CloseAtEnd(self.shared.clone());
        while let Some(requests) = self.shared.queue.take(self.rested) {
            let mut group = Vec::new();
            for request in requests {
                match request {
                    Request::Append(append) => group.push(append),
                    Request::Compact(done) => {
                        self.commit(std::mem::take(&mut group));
                        self.wait_for_snapshot();
                        self.begin_snapshot(Some(done));
                    }
                    Request::Reset {
                        id,
                        index,
                        records,
                        done,
                    } => {
                        self.commit(std::mem::take(&mut group));
                        let result = self.reset(id, index, &records);
                        done(result);
                        self.shared.wake_readers();
                    }
                }
            }
            self.commit(group);
            self.tend();
            self.rested = Instant::now() + self.shared.options.gather;
        }
        self.wait_for_snapshot();
    }

    /// Makes a group durable and visible, and answers.
    fn commit(&mut self, group: Vec<Append>) {
        if group.is_empty() {
            return;
        }
        if let Err(error) = self.check().and_then(|()| self.write(&group)) {
            self.shared.counters.broken.store(true, Ordering::Relaxed);
            group
                .into_iter()
                .for_each(|append| (append.done)(Err(error.clone())));
            self.broken = Some(error);
            return;
        }
        let mut last = self.shared.last();
        let applied = self.apply(&group, last);
        let records = group
            .iter()
            .map(|append| append.records.len() as u64)
            .sum::<u64>();
        if records > 0 {
            self.shared.ledger().end = self.len;
            self.shared.set_last(Index(last.0 + records));
            self.shared.count_commit(records, self.frame.len() as u64);
        }
        for append in group {
            last.0 += append.records.len() as u64;
            (append.done)(applied.clone().map(|()| last));
        }
        if let Err(error) = applied {
            tracing::error!(%error, "the log takes no more records");
            self.shared.counters.broken.store(true, Ordering::Relaxed);
            self.broken = Some(error);
        }
        self.shared.wake_readers();
    }

    fn check(&self) -> Result<(), LogError> {
        self.broken.clone().map_or(Ok(()), Err)
    }

    /// One write and one fdatasync.
    fn write(&mut self, group: &[Append]) -> Result<(), LogError> {
        self.frame.start(self.shared.last().next().0);
        let records = group.iter().flat_map(|append| &append.records);
        records.for_each(|record| self.frame.record(record));
        if self.frame.count() == 0 {
            return Ok(());
        }
        let id = self.shared.ledger().id;
        let bytes = self.frame.finish(id);
        let written = self
            .active
            .write_all(bytes)
            .and_then(|()| self.active.sync_data());
        written.map_err(|error| disk("write", error))?;
        self.len += self.frame.len() as u64;
        self.log_bytes += self.frame.len() as u64;
        Ok(())
    }

    fn apply(&self, group: &[Append], last: Index) -> Result<(), LogError> {
        let records = group.iter().flat_map(|append| &append.records);
        for (index, record) in (last.next().0..).map(Index).zip(records) {
            let applied = self.shared.view.apply(index, record);
            applied.map_err(|source| LogError::Record { index, source })?;
        }
        Ok(())
    }

    /// Begins a new segment or a snapshot if it is time.
    fn tend(&mut self) {
        if self.broken.is_some() {
            return;
        }
        let Options {
            segment_bytes,
            compact_factor,
            compact_min_bytes,
            ..
        } = self.shared.options;
        let base = self
            .shared
            .ledger()
            .snapshot
            .as_ref()
            .map_or(0, |snapshot| snapshot.bytes);
        let is_long = self.log_bytes >= compact_min_bytes.max(base.saturating_mul(compact_factor));
        let is_free = self.snapshot.as_ref().is_none_or(JoinHandle::is_finished);
        if is_long && is_free {
            self.wait_for_snapshot();
            self.begin_snapshot(None);
        } else if self.len >= segment_bytes
            && let Err(error) = self.roll()
        {
            self.fail(error);
        }
    }

    /// Begins the next segment. The one before it is durable, since every group is.
    fn roll(&mut self) -> Result<(), LogError> {
        let (id, epoch) = self.history();
        let index = self.shared.last().next();
        self.take_segment(epoch, id, index)
    }

    /// Makes a new segment the active one.
    fn take_segment(&mut self, epoch: u64, id: LogId, index: Index) -> Result<(), LogError> {
        let created = files::create_segment(&self.shared.dir, epoch, id, index);
        let (file, path) = created.map_err(|error| disk("begin a segment", error))?;
        self.active = file;
        self.len = HEADER_LEN as u64;
        let mut ledger = self.shared.ledger();
        ledger.segments.push(Named { epoch, index, path });
        ledger.end = self.len;
        Ok(())
    }

    /// Writes a snapshot on a thread of its own. The new segment lets all older ones go when it is done.
    fn begin_snapshot(&mut self, done: Option<Done>) {
        let began = self.check().and_then(|()| {
            if self.len > HEADER_LEN as u64 {
                self.roll()
            } else {
                Ok(())
            }
        });
        if let Err(error) = began {
            if let Some(done) = done {
                done(Err(error.clone()));
            }
            return self.fail(error);
        }
        self.log_bytes = 0;
        let (id, epoch) = self.history();
        let index = self.shared.last();
        let shared = self.shared.clone();
        let work = move || {
            let written = snapshot::compact(&shared, Place { id, epoch, index });
            if written.is_ok() {
                shared.counters.snapshots.fetch_add(1, Ordering::Relaxed);
            }
            let result = written
                .map(|()| index)
                .map_err(|error| disk("write a snapshot", error));
            if let Some(done) = done {
                done(result);
            }
        };
        match thread::Builder::new()
            .name("log-snapshot".into())
            .spawn(work)
        {
            Ok(handle) => self.snapshot = Some(handle),
            Err(error) => tracing::error!(%error, "cannot start the thread for a snapshot"),
        }
    }

    fn wait_for_snapshot(&mut self) {
        if self
            .snapshot
            .take()
            .is_some_and(|handle| handle.join().is_err())
        {
            tracing::error!("the thread of a snapshot has panicked");
        }
    }

    /// Replaces everything. The snapshot of the new epoch, once it has its name, is what makes it so.
    fn reset(&mut self, id: LogId, index: Index, records: &[Bytes]) -> Result<Index, LogError> {
        self.check()?;
        self.wait_for_snapshot();
        let epoch = self.history().1 + 1;
        let dump = |out: &mut dyn FnMut(&[u8]) -> io::Result<()>| {
            records.iter().try_for_each(|record| out(record))
        };
        let snapshot = snapshot::write(&self.shared.dir, Place { id, epoch, index }, dump)
            .map_err(|error| disk("write a snapshot", error))?;
        let useless = {
            let mut ledger = self.shared.ledger();
            let old = std::mem::take(&mut ledger.segments)
                .into_iter()
                .map(|segment| segment.path);
            let useless: Vec<_> = old
                .chain(ledger.snapshot.replace(snapshot).map(|old| old.path))
                .collect();
            (ledger.id, ledger.epoch) = (id, epoch);
            useless
        };
        let restored = self
            .shared
            .view
            .restore(index, &mut records.iter().cloned());
        self.shared.set_last(index);
        self.log_bytes = 0;
        let ready = self
            .take_segment(epoch, id, index.next())
            .and_then(|()| restored.map_err(|source| LogError::Record { index, source }));
        if let Err(error) = ready {
            self.fail(error.clone());
            return Err(error);
        }
        files::remove(&useless);
        Ok(index)
    }

    fn history(&self) -> (LogId, u64) {
        let ledger = self.shared.ledger();
        (ledger.id, ledger.epoch)
    }

    fn fail(&mut self, error: LogError) {
        self.shared.counters.broken.store(true, Ordering::Relaxed);
        self.broken = Some(error);
    }
}

fn disk(action: &'static str, error: io::Error) -> LogError {
    tracing::error!(action, %error, "the disk of the log failed");
    LogError::Disk(Arc::new(error))
}
