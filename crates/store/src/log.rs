//! The log as its users see it.

use std::io;
use std::path::Path;
use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use bytes::Bytes;

use crate::format::RECORD_MAX;
use crate::queue::{Append, Done, Request};
use crate::recovery;
use crate::shared::Shared;
use crate::writer::Writer;
use crate::{Index, LogId, OpenError, SubscribeError, Subscription, View};

/// One frame must stay below the 4 GiB of its length field.
const QUEUE_BYTES_MAX: usize = 1 << 30;

/// The bounds of a log.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// How many bytes may wait for the writer; a batch that would pass this is refused.
    pub queue_bytes: usize,
    /// At this size a segment is closed and the next one begun.
    pub segment_bytes: u64,
    /// A snapshot is written when the log since the last one is this many times as large as that one.
    pub compact_factor: u64,
    /// But not before it has this size.
    pub compact_min_bytes: u64,
    /// The shortest time from one write to the next; what comes meanwhile shares the next one.
    pub gather: Duration,
}

impl Default for Options {
    /// 16 MiB of queue are 50,000 registrations; 64 MiB of log replay in well under a second.
    fn default() -> Self {
        Self {
            queue_bytes: 16 << 20,
            segment_bytes: 64 << 20,
            compact_factor: 2,
            compact_min_bytes: 64 << 20,
            gather: Duration::from_millis(2),
        }
    }
}

/// What opening the log found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Recovery {
    /// Records taken from the snapshot.
    pub from_snapshot: u64,
    /// Records taken from the segments after it.
    pub replayed: u64,
    /// Bytes at the end that an interrupted write had left; they were never acknowledged and are cut off.
    pub torn_bytes: u64,
    /// Snapshots that could not be read; an older one took their place.
    pub bad_snapshots: u64,
}

/// What the log has done since it was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// The index of the last record that is durable and in the view.
    pub last: Index,
    /// Writes with one fdatasync each.
    pub commits: u64,
    /// Records in them.
    pub records: u64,
    /// Bytes in them.
    pub bytes: u64,
    /// Batches refused because the queue was full.
    pub refused: u64,
    /// Snapshots written.
    pub snapshots: u64,
    /// Bytes that wait now.
    pub queued_bytes: usize,
    /// Whether an error of the disk or of the view has stopped the log until it is opened again.
    pub broken: bool,
}

/// Why a batch was not taken, or not acknowledged.
#[derive(Clone, Debug, thiserror::Error)]
pub enum LogError {
    /// The disk does not keep up; answer "busy" and let the peer try later.
    #[error("the queue of the log is full")]
    Full,
    /// A single batch or record that could never be taken; a bug of the caller.
    #[error("a batch or record of {bytes} bytes is too large")]
    TooLarge {
        /// Its size.
        bytes: usize,
    },
    /// The disk failed. Whether the batch survives is unknown; nothing more is taken until the log is opened again.
    #[error("the disk of the log failed")]
    Disk(#[source] Arc<io::Error>),
    /// The view did not understand a record that we wrote; a bug of the caller.
    #[error("the view cannot read record {index}")]
    Record {
        /// Its index.
        index: Index,
        /// What the view said.
        source: crate::Unreadable,
    },
    /// The log is being closed.
    #[error("the log is closed")]
    Closed,
}

/// A log in a directory; share it in an [`Arc`]. Dropping the last one carries out what waits and then closes it.
pub struct Log {
    shared: Arc<Shared>,
    writer: Option<JoinHandle<()>>,
}

/// The whole state at some index, for whoever begins or is too far behind to read changes.
pub struct Snapshot {
    /// The history it belongs to.
    pub id: LogId,
    /// Continue with the record after this one. Some later records may already be in the state.
    pub index: Index,
    view: Arc<dyn View>,
}

impl Log {
    /// Opens the log in a directory, or begins one, and brings a view that is empty up to its last record.
    ///
    /// # Errors
    ///
    /// Refuses a directory in use, damage that is no torn tail, and records that the view cannot read.
    pub fn open(
        dir: &Path,
        options: Options,
        view: Arc<dyn View>,
    ) -> Result<(Self, Recovery), OpenError> {
        let options = Options {
            queue_bytes: options.queue_bytes.min(QUEUE_BYTES_MAX),
            ..options
        };
        let opened = recovery::open(dir, view.as_ref())?;
        let report = opened.report;
        let (shared, writer) = Writer::start(dir, options, view, opened);
        let thread = thread::Builder::new().name("log".into());
        let writer = thread
            .spawn(move || writer.run())
            .map_err(OpenError::Thread)?;
        Ok((
            Self {
                shared,
                writer: Some(writer),
            },
            report,
        ))
    }

    /// Adds a batch, as a whole or not at all. `done` gets the index of its last record when the batch is durable and
    /// in the view; the first has index `last - batch.len() + 1`. An empty batch waits for those before it.
    ///
    /// `done` runs on the log's thread and must be quick and must not wait for the log. If the batch is refused at once
    /// (queue full, too large, closed), it runs on the calling thread before this returns.
    pub fn append(
        &self,
        batch: Vec<Bytes>,
        done: impl FnOnce(Result<Index, LogError>) + Send + 'static,
    ) {
        if let Some(large) = batch.iter().find(|record| record.len() > RECORD_MAX) {
            return done(Err(LogError::TooLarge { bytes: large.len() }));
        }
        let refused = self.shared.queue.append(Append {
            records: batch,
            done: Box::new(done),
        });
        if let Err((append, error)) = refused {
            if matches!(error, LogError::Full) {
                self.shared.count_refused();
            }
            (append.done)(Err(error));
        }
    }

    /// Adds a batch and waits until it is durable; not for a thread that must not wait.
    ///
    /// # Errors
    ///
    /// As [`append`](Self::append) reports them.
    pub fn append_and_wait(&self, batch: Vec<Bytes>) -> Result<Index, LogError> {
        wait_for(|done| self.append(batch, done))
    }

    /// Begins to read after the record with index `after`. `wake` is called, on the log's thread, whenever there is more;
    /// it must only pass the word on.
    ///
    /// # Errors
    ///
    /// [`SubscribeError::Gone`] if these records are not kept any more: begin with a [`snapshot`](Self::snapshot).
    pub fn subscribe(
        &self,
        after: Index,
        wake: impl Fn() + Send + Sync + 'static,
    ) -> Result<Subscription, SubscribeError> {
        Subscription::begin(self.shared.clone(), after, Box::new(wake))
    }

    /// Returns the whole state as records.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        // The index is read before the state: the state may be ahead of the index, never behind it.
        Snapshot {
            id: self.id(),
            index: self.last(),
            view: self.shared.view.clone(),
        }
    }

    /// Writes a snapshot to the disk, removes the segments before it, and waits for that.
    ///
    /// # Errors
    ///
    /// [`LogError::Disk`] if it could not be written; the log itself goes on.
    pub fn compact(&self) -> Result<Index, LogError> {
        wait_for(|done| self.shared.queue.ask(Request::Compact(Box::new(done))))
    }

    /// Puts the state of another log, up to and including `index`, in the place of all there is, and waits for that.
    /// For replicas: afterwards records of that log follow under the same indexes.
    ///
    /// # Errors
    ///
    /// [`LogError::Disk`] if it could not be made durable, and [`LogError::Record`] if the view cannot read it: read the
    /// records before you call. After an error the log takes no more records until it is opened again.
    pub fn reset(&self, id: LogId, index: Index, records: Vec<Bytes>) -> Result<Index, LogError> {
        wait_for(|done| {
            self.shared.queue.ask(Request::Reset {
                id,
                index,
                records,
                done: Box::new(done),
            })
        })
    }

    /// Returns the name of this history.
    #[must_use]
    pub fn id(&self) -> LogId {
        self.shared.ledger().id
    }

    /// Returns the index of the last record that is durable and in the view.
    #[must_use]
    pub fn last(&self) -> Index {
        self.shared.last()
    }

    /// Returns what the log has done since it was opened.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.shared.stats()
    }
}

impl Snapshot {
    /// Gives out the records; for [`Log::reset`] elsewhere.
    ///
    /// # Errors
    ///
    /// The first error of `out`, passed on.
    pub fn write(&self, out: &mut dyn FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
        self.view.dump(out)
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        self.shared.queue.close();
        // The last owner may be a `done` that runs on the log's own thread, which cannot wait for itself.
        let Some(writer) = self
            .writer
            .take()
            .filter(|writer| writer.thread().id() != thread::current().id())
        else {
            return;
        };
        if writer.join().is_err() {
            tracing::error!("the thread of the log has panicked");
        }
    }
}

/// Turns a call with `done` into one that waits. If `done` is dropped without a call, the log is closing.
fn wait_for(call: impl FnOnce(Done)) -> Result<Index, LogError> {
    let (tell, told) = mpsc::sync_channel(1);
    call(Box::new(move |result| {
        // Nobody can have stopped waiting.
        let _ = tell.send(result);
    }));
    told.recv().unwrap_or(Err(LogError::Closed))
}
