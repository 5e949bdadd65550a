//! The folder of a trial: what waits there, the way back, and who may write there.

use std::fmt;
use std::fs::DirBuilder;
use std::io::{self, ErrorKind};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use runtime::control::{ControlError, Server};
use runtime::disk;
use runtime::nft;
use serde::{Deserialize, Serialize};

use super::{TABLE, TrialError};

/// How often the right to a folder is tried for while another process has it, and the pause between.
const TRIES: u32 = 40;
const PAUSE: Duration = Duration::from_millis(50);

/// A trial that is not over, as it is written down.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pending {
    /// For which place the rules are, in words.
    pub place: String,
    /// When it goes back by itself, in seconds of Unix time.
    pub until_s: u64,
    /// The process that waits.
    pub watchdog: u32,
    /// Why the way back failed, if it did.
    #[serde(default)]
    pub stuck: Option<String>,
}

/// Where a trial keeps what it needs: a folder that a restart of the machine empties, as it does the rules.
#[derive(Clone, Debug)]
pub struct Folder(PathBuf);

/// The right to begin or end a trial; one process has it at a time, and loses it when it ends in whatever way.
#[derive(Debug)]
pub struct Claim {
    folder: Folder,
    pub(super) server: Server,
}

impl Folder {
    /// Names a folder.
    #[must_use]
    pub const fn new(path: PathBuf) -> Self {
        Self(path)
    }

    /// Returns where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }

    pub(super) fn socket(&self) -> PathBuf {
        self.0.join("trial.sock")
    }

    fn pending_file(&self) -> PathBuf {
        self.0.join("pending.json")
    }

    /// The rules before the trial.
    fn before(&self) -> PathBuf {
        self.0.join("before.nft")
    }

    /// Returns the trial that is not over, if there is one.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn pending(&self) -> Result<Option<Pending>, TrialError> {
        let path = self.pending_file();
        match std::fs::read(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(source) => Err(TrialError::Folder { path, source }),
            Ok(bytes) => {
                let read = serde_json::from_slice(&bytes);
                read.map(Some)
                    .map_err(|source| TrialError::Format { path, source })
            }
        }
    }

    /// Takes the right to change what is loaded; must be called within a tokio runtime. A process that is about to end
    /// is waited for.
    ///
    /// # Errors
    /// When another process has it: [`TrialError::Waiting`] if that one waits for a confirmation.
    pub async fn claim(&self) -> Result<Claim, TrialError> {
        let mut tries = 0;
        loop {
            match self.claim_once() {
                Err(TrialError::Busy) if tries < TRIES => tokio::time::sleep(PAUSE).await,
                other => return other,
            }
            tries += 1;
        }
    }

    fn claim_once(&self) -> Result<Claim, TrialError> {
        let failed = |source| TrialError::Folder {
            path: self.0.clone(),
            source,
        };
        let mut builder = DirBuilder::new();
        builder.recursive(true).mode(0o700);
        builder.create(&self.0).map_err(failed)?;
        match Server::bind(&self.socket()) {
            Ok(server) => Ok(Claim {
                folder: self.clone(),
                server,
            }),
            Err(ControlError::Taken { .. }) => {
                Err(self.pending()?.map_or(TrialError::Busy, |pending| {
                    TrialError::Waiting(Box::new(pending))
                }))
            }
            Err(other) => Err(other.into()),
        }
    }
}

impl Claim {
    /// Tells whether a trial was left unfinished by a process that is gone.
    ///
    /// # Errors
    /// When one was, or the folder cannot be read.
    pub fn nothing_waits(&self) -> Result<(), TrialError> {
        match self.folder.pending()? {
            None => Ok(()),
            Some(pending) => Err(TrialError::Waiting(Box::new(pending))),
        }
    }

    /// Keeps what is loaded, so that [`Self::go_back`] finds it, and writes down that a trial waits.
    pub(super) fn keep(&self, pending: &Pending) -> Result<(), TrialError> {
        let loaded = nft::text(TABLE).map_err(TrialError::Keep)?;
        let clean = format!(
            "add table {0} {1}\ndelete table {0} {1}\n",
            TABLE.family, TABLE.name
        );
        let before = match loaded {
            None => clean,
            Some(text) => {
                let before = format!("{clean}{text}");
                nft::rehearse(&before, TABLE).map_err(TrialError::Keep)?;
                before
            }
        };
        self.write(&self.folder.before(), before.as_bytes())?;
        self.note(pending)
    }

    /// Writes down how a trial stands.
    pub(super) fn note(&self, pending: &Pending) -> Result<(), TrialError> {
        let path = self.folder.pending_file();
        let text = serde_json::to_vec(pending);
        let text = text.map_err(|source| TrialError::Format {
            path: path.clone(),
            source,
        })?;
        self.write(&path, &text)
    }

    /// Loads the rules again that were loaded before the trial, and ends it.
    ///
    /// # Errors
    /// When they cannot be loaded: the trial goes on waiting.
    pub fn go_back(&self) -> Result<(), TrialError> {
        let path = self.folder.before();
        let before = std::fs::read_to_string(&path);
        let before = before.map_err(|source| TrialError::Folder { path, source })?;
        nft::load(&before).map_err(TrialError::Back)?;
        self.end()
    }

    /// Ends the trial: what is loaded stays.
    ///
    /// # Errors
    /// When the folder cannot be written to.
    pub fn end(&self) -> Result<(), TrialError> {
        // The trial is over once this one is gone; without it the other means nothing.
        for path in [self.folder.pending_file(), self.folder.before()] {
            match std::fs::remove_file(&path) {
                Err(source) if source.kind() != ErrorKind::NotFound => {
                    return Err(TrialError::Folder { path, source });
                }
                Ok(()) | Err(_) => {}
            }
        }
        Ok(())
    }

    fn write(&self, path: &Path, bytes: &[u8]) -> Result<(), TrialError> {
        let failed = |source: io::Error| TrialError::Folder {
            path: path.to_owned(),
            source,
        };
        disk::write_private(path, bytes).map_err(failed)
    }
}

impl Pending {
    pub(super) fn new(place: &str, within: Duration) -> Self {
        Self {
            place: place.to_owned(),
            until_s: unix_now().saturating_add(within.as_secs()),
            watchdog: std::process::id(),
            stuck: None,
        }
    }

    /// Returns how many seconds are left until it goes back by itself.
    #[must_use]
    pub fn left_s(&self) -> u64 {
        self.until_s.saturating_sub(unix_now())
    }
}

impl fmt::Display for Pending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = &self.place;
        match (&self.stuck, self.left_s()) {
            (Some(reason), _) => write!(
                f,
                "the rules of {place} were not confirmed and could not be taken back: {reason}"
            ),
            (None, 0) => write!(
                f,
                "the rules of {place} were not confirmed in time and are still loaded"
            ),
            (None, left) => write!(
                f,
                "the rules of {place} wait to be confirmed, for {left} s more"
            ),
        }
    }
}

fn unix_now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs())
}
