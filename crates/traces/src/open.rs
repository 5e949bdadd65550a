//! What is said when traces are opened.

use std::io;
use std::path::{Path, PathBuf};

/// Why traces cannot be opened.
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
    /// Another agent has the directory.
    #[error("{} is in use by the agent of another process; give each its own directory", path.display())]
    Locked {
        /// The directory.
        path: PathBuf,
    },
    /// The thread that writes could not be started; the machine is short of memory or threads.
    #[error("cannot start the thread that writes traces")]
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
}

/// What was found at the opening.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recovery {
    /// Files that were there.
    pub files: usize,
    /// Of these, such as a crash had left without their index; they have it now.
    pub mended: usize,
    /// Of these, such as could not be given one, for want of room perhaps. They are searched all the same, without it.
    pub unmended: usize,
    /// Bytes at the end of files that held no whole record: what a crash took.
    pub torn_bytes: u64,
    /// Bytes elsewhere that cannot be read: what a disk took.
    pub damaged_bytes: u64,
}
