//! The files of traces in their directory: names, the lock, creation.
//!
//! ```text
//! lock                    held by the process that uses the directory
//! 0000000042.trace.zst    the 42nd file
//! 0000000042.trace.tmp    one that is being mended after a crash
//! ```

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use crate::OpenError;

const ENDING: &str = ".trace.zst";
const UNFINISHED: &str = ".trace.tmp";
const DIGITS: usize = 10;

/// A file that can be copied away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceFile {
    /// Its name, without a folder.
    pub name: String,
    /// Where it is. It may be removed at any time, when it is too old.
    pub path: PathBuf,
    /// Its bytes.
    pub size: u64,
}

/// Holds the directory for one process; the lock goes with the file.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

/// Makes the directory if need be, and takes it for this process.
pub(crate) fn take(dir: &Path) -> Result<Lock, OpenError> {
    let mut builder = DirBuilder::new();
    builder.recursive(true).mode(0o700);
    builder.create(dir).map_err(OpenError::disk(dir))?;
    let path = dir.join("lock");
    let file = open(&path, true).map_err(OpenError::disk(&path))?;
    file.try_lock().map_err(|error| match error {
        TryLockError::WouldBlock => OpenError::Locked { path: dir.into() },
        TryLockError::Error(source) => OpenError::disk(&path)(source),
    })?;
    Ok(Lock { _file: file })
}

/// Lists our files by number, and removes those that were left unfinished.
pub(crate) fn list(dir: &Path) -> io::Result<Vec<(u64, PathBuf)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let name = entry.file_name();
        let Some(name) = name.to_str() else { continue };
        if let Some(number) = number(name, ENDING) {
            found.push((number, entry.path()));
        } else if number(name, UNFINISHED).is_some() {
            fs::remove_file(entry.path())?;
        }
    }
    found.sort_unstable();
    Ok(found)
}

fn number(name: &str, ending: &str) -> Option<u64> {
    let digits = name.strip_suffix(ending)?;
    let ours = digits.len() == DIGITS && digits.bytes().all(|digit| digit.is_ascii_digit());
    ours.then(|| digits.parse().ok()).flatten()
}

/// Returns the path of a file by its number.
pub(crate) fn path_of(dir: &Path, number: u64) -> PathBuf {
    dir.join(format!("{number:010}{ENDING}"))
}

/// Returns where a file is mended.
pub(crate) fn unfinished(dir: &Path, number: u64) -> PathBuf {
    dir.join(format!("{number:010}{UNFINISHED}"))
}

/// Makes a file that was not there.
pub(crate) fn create(path: &Path) -> io::Result<File> {
    open(path, false)
}

fn open(path: &Path, existing: bool) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).mode(0o600);
    if existing {
        options.create(true).truncate(false);
    } else {
        options.create_new(true);
    }
    options.open(path)
}

/// Makes the names in a directory durable.
pub(crate) fn sync_dir(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

/// Returns a file's name for people.
pub(crate) fn name_of(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}
