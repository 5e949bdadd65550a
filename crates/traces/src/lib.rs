//! The storage of a logging agent: records go to files of compressed text that can be searched while they grow.
//!
//! Tracing must not slow the servers, so [`Traces::offer`] never waits: what does not fit into the queue is counted and
//! dropped. One thread writes, another brings what is written to the disk; searches run in the threads of whoever asks and read the files beside it. Nothing here
//! knows connections or who may ask (`logs::authority`, `roles`).
//!
//! ```text
//! Recorder, offer --> queue --> writer thread: text, filters, zstd --> NNNNNNNNNN.trace.zst --sealed with an index--> retention
//!                                  |                                          ^
//!                                  +--> tails                                 +-- search, collect
//! ```
//!
//! A file is a sequence of zstd frames that `zstdcat` reads (`docs/trace-format.md`). A *group* is one frame of about
//! 64 KiB of text with filters over what its records have: values of fields exactly, runs of four bytes of their
//! text. A search asks the filters which groups can hold a match, and reads only those.
//!
//! Invariants
//! - A search finds what `logs::matches` says, no more and no less, of all records that were kept and are not too old.
//! - What was written a second ago survives the end of the process, and a second later that of the machine.
//! - Files that we did not name are never touched; of ours the oldest go first, and only by age or for want of room.
//! - Trouble with the disk costs records, which are counted, and nothing else.
//!
//! Bounds: queue ([`Options::queue_bytes`]), files ([`Options::segment_bytes`], [`Options::segment_age`]), disk
//! ([`Retention`]), a search ([`SEARCH_MEMORY`], the query's limit), tails ([`TAILS`], [`TAIL_RECORDS`]).

mod encoder;
mod files;
mod filter;
mod format;
mod group;
mod matrix;
mod notebook;
mod open;
mod options;
mod pace;
mod pending;
mod queue;
mod recorder;
mod recovery;
mod retention;
mod scan;
mod sealed;
mod search;
mod segment;
mod shared;
mod sync;
mod tail;
mod traces;
mod writer;

pub use files::TraceFile;
pub use notebook::Notebook;
pub use open::{OpenError, Recovery};
pub use options::{Disk, Options, Retention, Room, Space};
pub use recorder::Recorder;
pub use search::{Hit, Outcome, SEARCH_MEMORY};
pub use shared::Stats;
pub use tail::{TAIL_RECORDS, TAILS, Tail, TailError};
pub use traces::{SyncError, Traces};
