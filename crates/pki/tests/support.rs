//! A state directory that vanishes, a fixed point in time, and `openssl`.

use std::path::{Path, PathBuf};
use std::process::Command;

use base::net::Face;
use pki::{Need, State};
use time::{Duration, OffsetDateTime};

/// A state directory that is removed at the end.
pub(crate) struct Bench {
    _dir: tempfile::TempDir,
    pub(crate) state: State,
    pub(crate) now: OffsetDateTime,
}

impl Bench {
    /// Makes an empty one. The clock is the real one, since `openssl` has no other.
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let state = State::new(dir.path().join("state"));
        Self {
            _dir: dir,
            state,
            now: OffsetDateTime::now_utc(),
        }
    }

    /// Writes a file beside the state and returns where.
    pub(crate) fn file(&self, name: &str, content: &str) -> PathBuf {
        let path = self._dir.path().join(name);
        std::fs::write(&path, content).unwrap();
        path
    }

    /// Returns the time that many days from the start.
    pub(crate) fn day(&self, days: i64) -> OffsetDateTime {
        self.now + Duration::days(days)
    }
}

/// What a Director needs in the reference topology.
pub(crate) fn director() -> Need {
    need(
        "dir01.contoso.net",
        &[
            "dirpool01.contoso.net",
            "dir01.contoso.net",
            "meet.contoso.com",
        ],
    )
}

pub(crate) fn need(machine: &str, names: &[&str]) -> Need {
    Need {
        machine: machine.to_owned(),
        face: Face::Inside,
        names: strings(names),
        wildcard: Vec::new(),
    }
}

pub(crate) fn strings(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// Runs `openssl`; returns whether it succeeded and everything it said.
pub(crate) fn openssl(arguments: &[&str]) -> (bool, String) {
    let output = Command::new("openssl")
        .args(arguments)
        .output()
        .expect("openssl is installed");
    let said = [output.stdout, output.stderr].concat();
    (
        output.status.success(),
        String::from_utf8_lossy(&said).into_owned(),
    )
}

pub(crate) fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

pub(crate) fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::metadata(path).unwrap().permissions().mode() & 0o7777
}
