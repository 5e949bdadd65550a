//! Reading the log from an index on, as far as it is durable.
//!
//! A reader pulls at its own pace from the segment files, which the operating system has in memory if the reader keeps
//! up; the log keeps nothing for it. A reader that falls behind a snapshot finds its segment gone and must begin with
//! the state ([`crate::Log::snapshot`]).

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, BufReader};
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;

use crate::Index;
use crate::files::Named;
use crate::format::{Fault, Frame, FrameReader, Kind, ReadError};
use crate::shared::{Shared, Wake};

/// A record and its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its place.
    pub index: Index,
    /// The bytes that were appended.
    pub record: Bytes,
}

/// Why records cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum SubscribeError {
    /// A snapshot took the place of these records; begin with the state.
    #[error("records before {oldest} are not kept any more")]
    Gone {
        /// The first one that is.
        oldest: Index,
    },
    /// The reader has seen more than there is: it followed another log.
    #[error("the log ends at {last}")]
    Ahead {
        /// The last record.
        last: Index,
    },
    /// The operating system refused.
    #[error("cannot read {}", path.display())]
    Disk {
        /// The file.
        path: PathBuf,
        /// What it said.
        source: io::Error,
    },
    /// A file is damaged; the log will not open again either.
    #[error("{} is damaged at offset {offset}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Where.
        offset: u64,
        /// What is wrong there.
        #[source]
        fault: Fault,
    },
}

/// A place in the log from which to read on.
pub struct Subscription {
    shared: Arc<Shared>,
    wake: u64,
    epoch: u64,
    next: Index,
    open: Option<Open>,
    left: VecDeque<Entry>,
}

struct Open {
    segment: Named,
    frames: FrameReader<BufReader<File>>,
}

impl Subscription {
    pub(crate) fn begin(
        shared: Arc<Shared>,
        after: Index,
        wake: Wake,
    ) -> Result<Self, SubscribeError> {
        let last = shared.last();
        if after > last {
            return Err(SubscribeError::Ahead { last });
        }
        let epoch = shared.ledger().epoch;
        let wake = {
            let mut readers = shared.readers();
            let key = readers.next_key;
            readers.next_key += 1;
            readers.wakes.insert(key, wake);
            key
        };
        let subscription = Self {
            shared,
            wake,
            epoch,
            next: after.next(),
            open: None,
            left: VecDeque::new(),
        };
        subscription.locate()?;
        Ok(subscription)
    }

    /// Returns the next records, about `max_bytes` of them and at least one if there is one; empty if there is none yet.
    ///
    /// # Errors
    ///
    /// [`SubscribeError::Gone`] if the reader fell too far behind, or the log was replaced by another.
    pub fn take(&mut self, max_bytes: usize) -> Result<Vec<Entry>, SubscribeError> {
        let mut taken = Vec::new();
        let mut bytes = 0;
        while bytes < max_bytes {
            if self.left.is_empty() && !self.read_frame()? {
                break;
            }
            let Some(entry) = self.left.pop_front() else {
                continue;
            };
            bytes += entry.record.len() + size_of::<Entry>();
            taken.push(entry);
        }
        Ok(taken)
    }

    /// Reads the next frame with something new in it; false if there is none yet.
    fn read_frame(&mut self) -> Result<bool, SubscribeError> {
        loop {
            let (segment, durable) = self.locate()?;
            if self.next > self.shared.last() {
                return Ok(false);
            }
            let mut open = match self.open.take().filter(|open| open.segment == segment) {
                Some(open) => open,
                None => Open::new(segment)?,
            };
            let end = match durable {
                Some(end) => end,
                None => open.len()?,
            };
            let Some(frame) = open.next(end)? else {
                self.open = Some(open);
                return Ok(false);
            };
            self.open = Some(open);
            if self.keep(&frame) {
                return Ok(true);
            }
        }
    }

    /// Keeps what is new in a frame.
    fn keep(&mut self, frame: &Frame) -> bool {
        let new = frame.entries().filter(|(index, _)| *index >= self.next);
        self.left
            .extend(new.map(|(index, record)| Entry { index, record }));
        if let Some(entry) = self.left.back() {
            self.next = entry.index.next();
        }
        !self.left.is_empty()
    }

    /// Finds the segment that holds the next record, and how far it is durable if it is the one being written.
    fn locate(&self) -> Result<(Named, Option<u64>), SubscribeError> {
        let ledger = self.shared.ledger();
        let number = ledger
            .segments
            .iter()
            .rposition(|segment| segment.index <= self.next);
        let found = number.and_then(|number| Some((number, ledger.segments.get(number)?)));
        match found.filter(|_| ledger.epoch == self.epoch) {
            Some((number, segment)) => {
                let is_active = number + 1 == ledger.segments.len();
                Ok((segment.clone(), is_active.then_some(ledger.end)))
            }
            None => Err(SubscribeError::Gone {
                oldest: ledger.segments.first().map_or(Index::ZERO, |s| s.index),
            }),
        }
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.shared.readers().wakes.remove(&self.wake);
    }
}

impl Open {
    fn new(segment: Named) -> Result<Self, SubscribeError> {
        let file = File::open(&segment.path).map_err(|source| {
            if source.kind() == io::ErrorKind::NotFound {
                // It was removed between the look into the ledger and this line.
                return SubscribeError::Gone {
                    oldest: segment.index.next(),
                };
            }
            SubscribeError::Disk {
                path: segment.path.clone(),
                source,
            }
        })?;
        let opened = FrameReader::open(BufReader::new(file), Kind::Segment);
        let (frames, _) = opened.map_err(|error| explain(&segment, error))?;
        Ok(Self { segment, frames })
    }

    fn next(&mut self, end: u64) -> Result<Option<Frame>, SubscribeError> {
        self.frames
            .next(end)
            .map_err(|error| explain(&self.segment, error))
    }

    fn len(&self) -> Result<u64, SubscribeError> {
        let metadata = self.frames.source().get_ref().metadata();
        metadata
            .map(|metadata| metadata.len())
            .map_err(|error| explain(&self.segment, ReadError::Disk(error)))
    }
}

fn explain(segment: &Named, error: ReadError) -> SubscribeError {
    let path = segment.path.clone();
    match error {
        ReadError::Disk(source) => SubscribeError::Disk { path, source },
        ReadError::Fault { offset, fault } => SubscribeError::Damaged {
            path,
            offset,
            fault,
        },
    }
}
