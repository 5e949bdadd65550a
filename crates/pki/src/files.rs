//! Reading and replacing files whole, and the rule for private ones.
//!
//! A private file has mode 0600 and lies in a directory of mode 0700. Both are made so; an existing one that others
//! may open is refused with the command that mends it, since a key that others could read may have been read. The
//! mode is taken from the open file, not from its path, so it cannot be exchanged in between.
//!
//! A write goes to a temporary file beside the target, is made durable and takes the target's place by rename.

use std::fs::{self, DirBuilder, File, Permissions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

/// No file that belongs here comes near this size.
const MAX_SIZE: u64 = 1024 * 1024;

/// Why a file could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// It cannot be read: see the source.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It cannot be written: see the source.
    #[error("cannot write {}", path.display())]
    Write {
        /// The file or directory.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Others may open it. Replace the secret if they may have read it, or narrow the mode as the text says.
    #[error("{} is open to others (mode {mode:04o}); narrow it with `chmod {safe:o} {}`", path.display(), path.display())]
    Wide {
        /// The file or directory.
        path: PathBuf,
        /// Its mode.
        mode: u32,
        /// The mode it should have.
        safe: u32,
    },
    /// It is larger than anything that belongs there.
    #[error("{} is larger than {MAX_SIZE} bytes", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
    },
    /// It is not the key of a pool.
    #[error("{} does not hold 64 hexadecimal digits", path.display())]
    NotKey {
        /// The file.
        path: PathBuf,
    },
    /// It is not text.
    #[error("{} is not text", path.display())]
    NotText {
        /// The file.
        path: PathBuf,
    },
}

/// Reads a file that nobody else may open.
pub(crate) fn read_private(path: &Path) -> Result<Zeroizing<String>, FileError> {
    let file = open(path)?;
    refuse_wide(path, &file, 0o600)?;
    read_open(path, file).map(Zeroizing::new)
}

/// Reads a file that may be seen by anyone.
pub(crate) fn read_public(path: &Path) -> Result<String, FileError> {
    read_open(path, open(path)?)
}

/// Turns the absence of a file into `None`.
pub(crate) fn if_there<T>(read: Result<T, FileError>) -> Result<Option<T>, FileError> {
    match read {
        Ok(content) => Ok(Some(content)),
        Err(FileError::Read { source, .. }) if source.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Replaces a file that nobody else may open.
pub(crate) fn write_private(path: &Path, content: &str) -> Result<(), FileError> {
    replace(path, content, 0o600)
}

/// Replaces a file that may be seen by anyone.
pub(crate) fn write_public(path: &Path, content: &str) -> Result<(), FileError> {
    replace(path, content, 0o644)
}

/// Removes a file if it is there.
pub(crate) fn remove(path: &Path) -> Result<(), FileError> {
    match fs::remove_file(path) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => Err(FileError::Write {
            path: path.to_owned(),
            source,
        }),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Lists what lies in a directory, in order; nothing if there is no such directory.
pub(crate) fn list(path: &Path) -> Result<Vec<PathBuf>, FileError> {
    let failed = |source| FileError::Read {
        path: path.to_owned(),
        source,
    };
    let entries = match fs::read_dir(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        read => read.map_err(failed)?,
    };
    let mut found = Vec::new();
    for entry in entries {
        found.push(entry.map_err(failed)?.path());
    }
    found.sort();
    Ok(found)
}

/// Makes a directory for private files, with those above it; refuses an existing one that others may open.
pub(crate) fn private_dir(path: &Path) -> Result<(), FileError> {
    let failed = |source| FileError::Write {
        path: path.to_owned(),
        source,
    };
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(failed)?;
    let directory = open(path)?;
    refuse_wide(path, &directory, 0o700)
}

fn open(path: &Path) -> Result<File, FileError> {
    File::open(path).map_err(|source| FileError::Read {
        path: path.to_owned(),
        source,
    })
}

fn refuse_wide(path: &Path, file: &File, safe: u32) -> Result<(), FileError> {
    let metadata = file.metadata().map_err(|source| FileError::Read {
        path: path.to_owned(),
        source,
    })?;
    let mode = metadata.permissions().mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(FileError::Wide {
            path: path.to_owned(),
            mode,
            safe,
        });
    }
    Ok(())
}

fn read_open(path: &Path, file: File) -> Result<String, FileError> {
    let mut content = Vec::new();
    file.take(MAX_SIZE + 1)
        .read_to_end(&mut content)
        .map_err(|source| FileError::Read {
            path: path.to_owned(),
            source,
        })?;
    if content.len() as u64 > MAX_SIZE {
        return Err(FileError::TooLarge {
            path: path.to_owned(),
        });
    }
    String::from_utf8(content).map_err(|_| FileError::NotText {
        path: path.to_owned(),
    })
}

fn replace(path: &Path, content: &str, mode: u32) -> Result<(), FileError> {
    let failed = |source| FileError::Write {
        path: path.to_owned(),
        source,
    };
    let parent = path.parent().unwrap_or_else(|| Path::new("."));
    let mut fresh = tempfile::Builder::new()
        .permissions(Permissions::from_mode(mode))
        .tempfile_in(parent)
        .map_err(failed)?;
    fresh.write_all(content.as_bytes()).map_err(failed)?;
    // The process's umask may have narrowed the mode that the file was made with.
    fresh
        .as_file()
        .set_permissions(Permissions::from_mode(mode))
        .map_err(failed)?;
    fresh.as_file().sync_all().map_err(failed)?;
    fresh.persist(path).map_err(|error| failed(error.error))?;
    File::open(parent)
        .and_then(|directory| directory.sync_all())
        .map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode_of(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o7777
    }

    #[test]
    fn a_private_file_is_written_with_mode_0600_even_over_a_wider_one() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        fs::write(&path, "old").unwrap();
        write_private(&path, "new").unwrap();
        assert_eq!(mode_of(&path), 0o600);
        assert_eq!(read_private(&path).unwrap().as_str(), "new");
    }

    #[test]
    fn a_private_file_that_others_may_read_is_refused_with_the_remedy() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        write_private(&path, "secret").unwrap();
        for mode in [0o640, 0o604, 0o620] {
            fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            let text = read_private(&path).unwrap_err().to_string();
            assert!(
                text.contains(&format!("chmod 600 {}", path.display())),
                "{text}"
            );
        }
    }

    #[test]
    fn a_directory_for_private_files_is_made_narrow_and_refused_when_wide() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a/b");
        private_dir(&path).unwrap();
        assert_eq!(mode_of(&path), 0o700);
        fs::set_permissions(&path, Permissions::from_mode(0o755)).unwrap();
        assert!(matches!(
            private_dir(&path),
            Err(FileError::Wide { safe: 0o700, .. })
        ));
    }

    #[test]
    fn what_is_too_large_or_not_text_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("cert.pem");
        fs::write(&path, vec![b'a'; 1024 * 1024 + 1]).unwrap();
        assert!(matches!(
            read_public(&path),
            Err(FileError::TooLarge { .. })
        ));
        fs::write(&path, [0xff, 0xfe]).unwrap();
        assert!(matches!(read_public(&path), Err(FileError::NotText { .. })));
    }

    #[test]
    fn absence_is_not_an_error_where_it_is_asked_for() {
        let dir = tempfile::tempdir().unwrap();
        let nothing = dir.path().join("nothing");
        assert!(if_there(read_public(&nothing)).unwrap().is_none());
        remove(&nothing).unwrap();
    }
}
