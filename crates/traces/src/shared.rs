//! What the writer, searches and whoever asks for the state share.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use logs::{Component, Time};

use crate::options::Room;
use crate::recovery::Loose;
use crate::sealed::Sealed;
use crate::segment::Segment;
use crate::tail::Tails;

/// How the traces are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Records taken to be kept.
    pub kept: u64,
    /// Records dropped because the queue was full: the writer could not follow.
    pub dropped_full: u64,
    /// Records dropped because their component talks too much.
    pub dropped_throttled: u64,
    /// Records dropped because the disk takes no more.
    pub dropped_disk: u64,
    /// Components that are silenced.
    pub silenced: Vec<Component>,
    /// What is wrong with the disk, if anything is.
    pub trouble: Option<String>,
    /// Files.
    pub files: usize,
    /// Bytes that they take.
    pub bytes: u64,
    /// Bytes that they may take.
    pub bytes_max: u64,
    /// The room of the file system.
    pub room: Room,
    /// The time of the oldest record.
    pub oldest: Option<Time>,
    /// Files removed since the start, for their age or for want of room.
    pub removed: u64,
}

/// The files, in the order of their numbers.
pub(crate) struct Files {
    pub(crate) sealed: Vec<Arc<Sealed>>,
    pub(crate) loose: Vec<Arc<Loose>>,
    pub(crate) writing: Option<Segment>,
    pub(crate) kept: u64,
    pub(crate) dropped_disk: u64,
    pub(crate) removed: u64,
    pub(crate) trouble: Option<String>,
    pub(crate) room: Room,
    pub(crate) bytes_max: u64,
    /// What they may take however much room there is; `bytes_max` is no more.
    pub(crate) share: u64,
}

impl Files {
    /// No file yet, and no bound: as long as nobody knows how much room there is, nothing is removed for want of it.
    pub(crate) fn none() -> Self {
        Self {
            sealed: Vec::new(),
            loose: Vec::new(),
            writing: None,
            kept: 0,
            dropped_disk: 0,
            removed: 0,
            trouble: None,
            room: Room::default(),
            bytes_max: u64::MAX,
            share: u64::MAX,
        }
    }

    /// Bytes of all files.
    pub(crate) fn bytes(&self) -> u64 {
        let sealed: u64 = self.sealed.iter().map(|file| file.size).sum();
        let loose: u64 = self.loose.iter().map(|file| file.size).sum();
        sealed + loose + self.writing.as_ref().map_or(0, Segment::size)
    }
}

pub(crate) struct Shared {
    files: Mutex<Files>,
    /// Up to which request everything is on the disk, or why not.
    synced: Mutex<(u64, Option<String>, bool)>,
    done: Condvar,
    pub(crate) tails: Tails,
}

impl Shared {
    pub(crate) fn new(files: Files) -> Self {
        Self {
            files: Mutex::new(files),
            synced: Mutex::new((0, None, false)),
            done: Condvar::new(),
            tails: Tails::default(),
        }
    }

    pub(crate) fn files(&self) -> MutexGuard<'_, Files> {
        // A writer that panicked ends its own work; what is there is still good to read.
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says up to which request everything is on the disk.
    pub(crate) fn answer(&self, number: u64, trouble: Option<String>, ended: bool) {
        let mut synced = self.synced.lock().unwrap_or_else(PoisonError::into_inner);
        *synced = (number, trouble, ended);
        drop(synced);
        self.done.notify_all();
    }

    /// Waits for such an answer. `Err` says what is wrong with the disk, or that the writer has ended.
    pub(crate) fn wait(
        &self,
        number: u64,
        most: std::time::Duration,
    ) -> Result<(), Option<String>> {
        let synced = self.synced.lock().unwrap_or_else(PoisonError::into_inner);
        let waits = |synced: &mut (u64, Option<String>, bool)| synced.0 < number && !synced.2;
        let waited = self.done.wait_timeout_while(synced, most, waits);
        let (synced, _) = waited.unwrap_or_else(PoisonError::into_inner);
        match &*synced {
            (answered, None, _) if *answered >= number => Ok(()),
            (_, trouble, _) => Err(trouble.clone()),
        }
    }
}
