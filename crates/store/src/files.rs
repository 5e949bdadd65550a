//! The files of a log in their directory: names, creation, removal, the lock.
//!
//! ```text
//! lock                                             held by the process that uses the directory
//! 0000000000-00000000000000000001.segment          records from index 1 on
//! 0000000000-00000000000000004711.snapshot         the state after record 4711
//! ```
//!
//! The first number is the epoch. It counts how often the whole content was replaced ([`crate::Log::reset`]); files of
//! an older epoch mean nothing as soon as a newer one has its snapshot. A snapshot gets its name when it is durable.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use crate::format::{Fault, Header, Kind, ReadError};
use crate::{Index, LogId, Unreadable};

const SEGMENT: &str = "segment";
const SNAPSHOT: &str = "snapshot";
const UNFINISHED: &str = "tmp";

/// Why a log cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The operating system refused; check the directory's owner, mode and file system.
    #[error("cannot use {}", path.display())]
    Disk {
        /// The file or directory.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// Another process has the log open; stop it or ask it.
    #[error("{} is in use by another process", path.display())]
    Locked {
        /// The directory.
        path: PathBuf,
    },
    /// A file is damaged where a crash cannot damage it; restore it from a copy.
    #[error("{} is damaged at offset {offset}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Where the first damaged frame begins.
        offset: u64,
        /// What is wrong there.
        #[source]
        fault: Fault,
    },
    /// The view does not understand a record; a newer version wrote it.
    #[error("{} holds a record of another version after index {index}", path.display())]
    Record {
        /// The file.
        path: PathBuf,
        /// The last index that was taken in.
        index: Index,
        /// What the view said.
        source: Unreadable,
    },
    /// The operating system gave no random number to name the log with.
    #[error("no random number for the name of the log")]
    Random(#[source] getrandom::Error),
    /// The thread that writes could not be started; the machine is short of memory or threads.
    #[error("cannot start the thread of the log")]
    Thread(#[source] io::Error),
}

impl OpenError {
    /// Adds the file to an error of the operating system.
    pub(crate) fn disk(path: &Path) -> impl Fn(io::Error) -> Self {
        move |source| Self::Disk {
            path: path.into(),
            source,
        }
    }

    /// Adds the file to an error of reading frames.
    pub(crate) fn read(path: &Path) -> impl Fn(ReadError) -> Self {
        move |error| match error {
            ReadError::Disk(source) => Self::Disk {
                path: path.into(),
                source,
            },
            ReadError::Fault { offset, fault } => Self::Damaged {
                path: path.into(),
                offset,
                fault,
            },
        }
    }
}

/// A file of the log, named by epoch and index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Named {
    pub(crate) epoch: u64,
    pub(crate) index: Index,
    pub(crate) path: PathBuf,
}

/// What lies in the directory, each kind in the order of its names.
#[derive(Default)]
pub(crate) struct Listing {
    pub(crate) segments: Vec<Named>,
    pub(crate) snapshots: Vec<Named>,
}

/// Holds a directory for one process.
///
/// It unlocks by name when it goes: a child that another thread is just starting holds a copy of the descriptor for a
/// moment, and closing ours would leave the lock with it.
pub(crate) struct Lock(File);

impl Drop for Lock {
    fn drop(&mut self) {
        if let Err(error) = self.0.unlock() {
            tracing::warn!(%error, "cannot unlock the directory of a log");
        }
    }
}

/// Makes the directory if it is not there and takes the lock.
pub(crate) fn lock(dir: &Path) -> Result<Lock, OpenError> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(dir)
        .map_err(OpenError::disk(dir))?;
    if let Some(parent) = dir.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        sync_dir(parent).map_err(OpenError::disk(parent))?;
    }
    let path = dir.join("lock");
    let mut options = OpenOptions::new();
    options.create(true).truncate(false).write(true).mode(0o600);
    let file = options.open(&path).map_err(OpenError::disk(&path))?;
    match file.try_lock() {
        Ok(()) => Ok(Lock(file)),
        Err(TryLockError::WouldBlock) => Err(OpenError::Locked { path: dir.into() }),
        Err(TryLockError::Error(source)) => Err(OpenError::Disk { path, source }),
    }
}

/// Lists the files of the log and removes what an interrupted snapshot left.
pub(crate) fn list(dir: &Path) -> Result<Listing, OpenError> {
    let mut listing = Listing::default();
    for entry in fs::read_dir(dir).map_err(OpenError::disk(dir))? {
        let path = entry.map_err(OpenError::disk(dir))?.path();
        match path.extension().and_then(|extension| extension.to_str()) {
            Some(UNFINISHED) => fs::remove_file(&path).map_err(OpenError::disk(&path))?,
            Some(SEGMENT) => listing.segments.extend(named(path)),
            Some(SNAPSHOT) => listing.snapshots.extend(named(path)),
            _ => {}
        }
    }
    listing
        .segments
        .sort_unstable_by_key(|file| (file.epoch, file.index));
    listing
        .snapshots
        .sort_unstable_by_key(|file| (file.epoch, file.index));
    Ok(listing)
}

/// Makes a segment with its header and makes both durable.
pub(crate) fn create_segment(
    dir: &Path,
    epoch: u64,
    id: LogId,
    first: Index,
) -> io::Result<(File, PathBuf)> {
    let path = path_of(dir, epoch, first, SEGMENT);
    let mut file = OpenOptions::new()
        .create_new(true)
        .append(true)
        .mode(0o600)
        .open(&path)?;
    file.write_all(
        &Header {
            kind: Kind::Segment,
            id,
            index: first,
        }
        .encode(),
    )?;
    file.sync_all()?;
    sync_dir(dir)?;
    Ok((file, path))
}

/// Makes a file for a snapshot that is not complete yet.
pub(crate) fn create_unfinished(
    dir: &Path,
    epoch: u64,
    index: Index,
) -> io::Result<(File, PathBuf)> {
    let path = path_of(dir, epoch, index, UNFINISHED);
    let file = OpenOptions::new()
        .create(true)
        .truncate(true)
        .write(true)
        .mode(0o600)
        .open(&path)?;
    Ok((file, path))
}

/// Gives a complete and durable snapshot its name.
pub(crate) fn finish_snapshot(
    dir: &Path,
    epoch: u64,
    index: Index,
    unfinished: &Path,
) -> io::Result<PathBuf> {
    let path = path_of(dir, epoch, index, SNAPSHOT);
    fs::rename(unfinished, &path)?;
    sync_dir(dir)?;
    Ok(path)
}

/// Removes files that are of no more use. A failure costs room only, so it is reported and passed over.
pub(crate) fn remove<'a>(paths: impl IntoIterator<Item = &'a PathBuf>) {
    for path in paths {
        if let Err(error) = fs::remove_file(path) {
            tracing::warn!(path = %path.display(), %error, "cannot remove an old file of the log");
        }
    }
}

/// Makes the names in a directory durable.
pub(crate) fn sync_dir(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

fn path_of(dir: &Path, epoch: u64, index: Index, extension: &str) -> PathBuf {
    dir.join(format!("{epoch:010}-{:020}.{extension}", index.0))
}

/// Reads a name; a file that we did not name is left alone.
fn named(path: PathBuf) -> Option<Named> {
    let (epoch, index) = path.file_stem()?.to_str()?.split_once('-')?;
    let (epoch, index) = (epoch.parse().ok()?, Index(index.parse().ok()?));
    Some(Named { epoch, index, path })
}
