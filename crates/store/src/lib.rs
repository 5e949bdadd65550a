//! The change log: records that are durable before anyone is told, in one order, with an index each.
//!
//! A record is bytes. This crate knows nothing of users, bindings or presence; a [`View`] gives the bytes a meaning.
//! It is not a database either: it answers no query, the view does.
//!
//! The seam is three calls, so that a log shared between machines can take the place of this embedded one:
//! [`Log::append`] puts a batch in and tells its index, [`Log::subscribe`] reads from an index on, [`Log::snapshot`]
//! gives the whole state for whoever is too far behind.
//!
//! ```text
//! append --> queue --> writer thread: one write, one fdatasync, View::apply in order, the callers' done, wake readers
//!                         |                                        ^
//!                         +--> segment files --> Subscription      |
//!                         +--> snapshot thread <-- View::dump -----+
//! ```
//!
//! Invariants
//! - `done` gets an index only after the batch is on the disk and in the view. A batch is there as a whole or not at all.
//! - Indexes have no gaps. After a crash the log holds a prefix of what was appended, and all that was acknowledged.
//! - After an error of the disk nothing is acknowledged any more until the log is opened again: a failed fdatasync may
//!   have lost pages that a second one reports as written. What failed may still be there after the next opening; the
//!   caller was told "failed", which means "unknown".
//! - One process uses a directory at a time.
//!
//! Bounds: queue ([`Options::queue_bytes`]), record and batch ([`RECORD_MAX`], [`Options::queue_bytes`]), segment and
//! log size ([`Options::segment_bytes`], [`Options::compact_factor`]).

mod files;
mod format;
mod log;
mod queue;
mod recovery;
mod shared;
mod snapshot;
mod subscription;
mod writer;

use std::io;

use bytes::Bytes;

pub use files::OpenError;
pub use format::{Fault, RECORD_MAX};
pub use log::{Log, LogError, Options, Recovery, Snapshot, Stats};
pub use subscription::{Entry, SubscribeError, Subscription};

/// The number of a record; the first is 1, and [`Index::ZERO`] stands before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Index(pub u64);

impl Index {
    /// The place before the first record.
    pub const ZERO: Self = Self(0);

    /// Returns the index after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl std::fmt::Display for Index {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// Names one history of records. Two logs with the same name agree on every index that both have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LogId(pub u64);

/// What the records mean: the state in memory that follows from them.
///
/// A record must say how things are afterwards ("alice is at home in pool one"), so that applying a run of records a
/// second time ends in the same state: a snapshot is written while later records are already coming in, and they are
/// applied again on top of it.
pub trait View: Send + Sync + 'static {
    /// Puts the state of a snapshot in the place of whatever there was.
    ///
    /// # Errors
    ///
    /// A record that this version cannot read.
    fn restore(
        &self,
        index: Index,
        records: &mut dyn Iterator<Item = Bytes>,
    ) -> Result<(), Unreadable>;

    /// Takes in a durable record. Called in order, by one thread at a time, and should be quick: appends wait for it.
    ///
    /// # Errors
    ///
    /// A record that this version cannot read. The log takes no more records then.
    fn apply(&self, index: Index, record: &[u8]) -> Result<(), Unreadable>;

    /// Gives out records from which [`restore`](Self::restore) makes the present state. Runs beside `apply`, so it
    /// should hold locks briefly.
    ///
    /// # Errors
    ///
    /// The first error of `out`, passed on.
    fn dump(&self, out: &mut dyn FnMut(&[u8]) -> io::Result<()>) -> io::Result<()>;
}

/// A record that the view cannot read: a newer version wrote it, or something else than this program did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a record has a form that this version cannot read")]
pub struct Unreadable;
