//! The directory of users on a machine's disk: its change log and the view that answers from memory.
//!
//! The machine that masters the directory writes this log through [`crate::directory_admin`]; every other machine that
//! needs users fills its own copy through [`crate::replication`] and reads it in the same way.

use std::io;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use directory::{Change, Directory, Revision, User};
use store::{Index, Log, OpenError, Options, Recovery, Unreadable, View};

/// Where the log lies within a machine's state directory.
pub const FOLDER: &str = "directory";

/// The change log of the directory together with its view; clones share both.
#[derive(Clone)]
pub struct DirectoryLog {
    log: Arc<Log>,
    directory: Directory,
}

impl DirectoryLog {
    /// Opens the log in a folder, or begins one, and reads all users into memory.
    ///
    /// # Errors
    ///
    /// As [`Log::open`] reports them.
    pub fn open(folder: &Path) -> Result<(Self, Recovery), OpenError> {
        let directory = Directory::default();
        let view = Arc::new(Reader(directory.clone()));
        let (log, recovery) = Log::open(folder, Options::default(), view)?;
        Ok((
            Self {
                log: Arc::new(log),
                directory,
            },
            recovery,
        ))
    }

    /// Returns the view of all users.
    #[must_use]
    pub const fn directory(&self) -> &Directory {
        &self.directory
    }

    /// Returns the log itself.
    #[must_use]
    pub const fn log(&self) -> &Arc<Log> {
        &self.log
    }
}

/// Gives the log's records their meaning.
struct Reader(Directory);

impl View for Reader {
    fn restore(
        &self,
        index: Index,
        records: &mut dyn Iterator<Item = Bytes>,
    ) -> Result<(), Unreadable> {
        let users: Vec<User> = records
            .map(|record| read_user(&record))
            .collect::<Result<_, _>>()?;
        self.0.replace(Revision(index.0), users);
        Ok(())
    }

    fn apply(&self, index: Index, record: &[u8]) -> Result<(), Unreadable> {
        let change = Change::decode(record).map_err(|_| Unreadable)?;
        self.0.apply(Revision(index.0), change);
        Ok(())
    }

    fn dump(&self, out: &mut dyn FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
        self.0.try_for_each(|user| out(&user.encode_put()))
    }
}

/// A snapshot holds accounts only, no removals.
fn read_user(record: &[u8]) -> Result<User, Unreadable> {
    match Change::decode(record) {
        Ok(Change::Put(user)) => Ok(user),
        Ok(Change::Remove { .. }) | Err(_) => Err(Unreadable),
    }
}
