//! What the machines of a deployment have recorded, read from their files by Debian's `zstd` while they are written.
//!
//! The product's own search stands elsewhere; this is how somebody without it reads traces (`docs/trace-format.md`).

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use logs::Record;

use crate::wait;

/// How long a record may take to be on the disk: the writer gathers for a second at most.
const SOON: Duration = Duration::from_secs(30);

/// The traces below a state directory.
#[derive(Clone, Debug)]
pub struct Trails(PathBuf);

impl Trails {
    /// Those of the machines whose state is in `state`.
    #[must_use]
    pub fn of(state: &Path) -> Self {
        Self(state.to_owned())
    }

    /// Returns all that a machine has recorded so far, oldest first, as text.
    #[must_use]
    pub fn text(&self, machine: &str) -> String {
        let folder = self.0.join("machines").join(machine).join("traces");
        let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
            .into_iter()
            .flatten()
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| path.to_string_lossy().ends_with(".trace.zst"))
            .collect();
        files.sort();
        let mut text = String::new();
        for file in files {
            // The last frame of a file that is being written has no end, which it complains about after what there is.
            let read = Command::new("zstdcat").arg(file).output();
            text.push_str(&String::from_utf8_lossy(
                &read.map(|read| read.stdout).unwrap_or_default(),
            ));
        }
        text
    }

    /// Returns all that a machine has recorded so far, oldest first.
    #[must_use]
    pub fn records(&self, machine: &str) -> Vec<Record> {
        let text = self.text(machine);
        let records = logs::line::split(&text).map(logs::line::read);
        records.filter_map(Result::ok).collect()
    }

    /// Waits for a record of a machine, and returns the first that fits.
    ///
    /// # Errors
    /// All that there was when the time was up, as text.
    pub fn wait_for(
        &self,
        machine: &str,
        fits: impl Fn(&Record) -> bool,
    ) -> Result<Record, String> {
        let found = wait::until(SOON, || self.records(machine).into_iter().find(&fits));
        found.ok_or_else(|| self.text(machine))
    }
}
