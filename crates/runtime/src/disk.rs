//! Files that only their owner may read, and the room that is left for them.
//!
//! Written whole or not at all (a temporary file beside the target, synced, then renamed over it), with mode 0600 from
//! the first byte. Read only if the mode is no wider than 0600 and the file is ours.

use std::fs::{File, Permissions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

/// The widest mode of a private file: its owner may read and write it.
pub const PRIVATE_MODE: u32 = 0o600;

/// Why a private file was not read.
#[derive(Debug, thiserror::Error)]
pub enum PrivateError {
    /// The file cannot be opened or read; see the source.
    #[error("cannot read {path}")]
    Read {
        /// Which file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// Others may read or write it; the operator must narrow it and, if it was readable, replace the secret.
    #[error("{path} has mode {mode:04o}, which lets others at it; run: chmod 600 {path}")]
    TooWide {
        /// Which file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// It belongs to someone else; the operator must give it to the account that runs the program.
    #[error(
        "{path} belongs to user id {owner}, and this process runs as {ours}; run: chown {ours} {path}"
    )]
    NotOurs {
        /// Which file.
        path: PathBuf,
        /// Whose it is.
        owner: u32,
        /// Who we are.
        ours: u32,
    },
}

/// Writes a file that only its owner may read; it appears whole or not at all.
///
/// # Errors
/// When the folder is missing or cannot be written to.
pub fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or_else(|| Path::new("."));
    let mut file = tempfile::Builder::new()
        .prefix(".new-")
        .permissions(Permissions::from_mode(PRIVATE_MODE))
        .tempfile_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|refused| refused.error)?;
    File::open(folder)?.sync_all()
}

/// Reads a file that must be private.
///
/// # Errors
/// See [`PrivateError`].
pub fn read_private(path: &Path) -> Result<Vec<u8>, PrivateError> {
    let failed = |source| PrivateError::Read {
        path: path.to_owned(),
        source,
    };
    let mut file = File::open(path).map_err(failed)?;
    // Asked of the open file, so that what is checked is what is read.
    let facts = file.metadata().map_err(failed)?;
    let mode = facts.mode() & 0o7777;
    if mode & !PRIVATE_MODE != 0 {
        return Err(PrivateError::TooWide {
            path: path.to_owned(),
            mode,
        });
    }
    let ours = rustix::process::geteuid().as_raw();
    if facts.uid() != ours {
        return Err(PrivateError::NotOurs {
            path: path.to_owned(),
            owner: facts.uid(),
            ours,
        });
    }
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).map_err(failed)?;
    Ok(bytes)
}

/// What a file system has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// Bytes that are left for this account.
    pub free: u64,
    /// Bytes in all.
    pub size: u64,
}

/// Tells how much room there is in the file system of a folder.
///
/// # Errors
/// When the folder is missing or the system does not say.
pub fn room(folder: &Path) -> io::Result<Room> {
    let told = rustix::fs::statvfs(folder)?;
    Ok(Room {
        free: told.f_bavail.saturating_mul(told.f_frsize),
        size: told.f_blocks.saturating_mul(told.f_frsize),
    })
}

/// Writes a file into a folder and takes it away again, to find out whether it takes any.
///
/// # Errors
/// Why it does not.
pub fn try_writing(folder: &Path) -> io::Result<()> {
    let mut file = tempfile::Builder::new()
        .prefix(".try-")
        .tempfile_in(folder)?;
    file.write_all(b"?")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_tells_its_room_and_takes_files_and_a_missing_one_does_neither() {
        let folder = tempfile::tempdir().unwrap();
        let told = room(folder.path()).unwrap();
        assert!(told.size > 0 && told.free <= told.size);
        try_writing(folder.path()).unwrap();
        let left = std::fs::read_dir(folder.path()).unwrap().count();
        assert_eq!(left, 0, "nothing stays behind");
        let missing = folder.path().join("missing");
        assert!(room(&missing).is_err() && try_writing(&missing).is_err());
    }
}
