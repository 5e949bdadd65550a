//! The packet filter of this machine's kernel, by the program `nft`.
//!
//! Everything here concerns one table; nobody else's is read or written. A text is loaded by one transaction: wholly or
//! not at all. [`rehearse`] loads it into a network namespace of its own first, so that the kernel itself says whether it
//! takes the text and what it makes of it, while nothing is filtered yet.
//!
//! Needs root. Bounds: 30 s a call, 64 MiB of answer; `nft` is killed when it takes longer.

use std::ffi::OsString;
use std::io;
use std::process::Command;
use std::time::Duration;

use crate::program::{self, Bounds};

const BOUNDS: Bounds = Bounds {
    time: Duration::from_secs(30),
    answer: 64 << 20,
};

/// Why the packet filter could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum NftError {
    /// The account may not; the operator must be root.
    #[error("packet filters of the kernel are root's; run this as root")]
    NotRoot,
    /// A program is missing; the operator must install it.
    #[error("{program} is not installed; its package is {package}")]
    Missing {
        /// Which.
        program: &'static str,
        /// What brings it.
        package: &'static str,
    },
    /// It could not be run.
    #[error("{program} cannot be run")]
    Run {
        /// Which.
        program: &'static str,
        /// What the operating system said.
        source: io::Error,
    },
    /// It was run and refused.
    #[error("{program} refused: {said}")]
    Refused {
        /// Which.
        program: &'static str,
        /// Its own words.
        said: String,
    },
    /// It did not end in time and was killed.
    #[error("{program} did not end within {} s", BOUNDS.time.as_secs())]
    TimedOut {
        /// Which.
        program: &'static str,
    },
    /// What it printed is not what this program reads.
    #[error("the answer of nft is not understood")]
    Answer(#[source] serde_json::Error),
}

/// A table by family and name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TableName {
    /// Its family, such as `inet`.
    pub family: &'static str,
    /// Its name.
    pub name: &'static str,
}

/// Returns a table as text that [`load`] takes, counters included; nothing if it is not loaded.
///
/// # Errors
/// See [`NftError`].
pub fn text(table: TableName) -> Result<Option<String>, NftError> {
    if !is_loaded(table)? {
        return Ok(None);
    }
    nft(&["list", "table", table.family, table.name], "").map(Some)
}

/// Returns a table as JSON; nothing if it is not loaded.
///
/// # Errors
/// See [`NftError`].
pub fn listing(table: TableName) -> Result<Option<String>, NftError> {
    if !is_loaded(table)? {
        return Ok(None);
    }
    nft(&["--json", "list", "table", table.family, table.name], "").map(Some)
}

/// Loads a text by one transaction.
///
/// # Errors
/// See [`NftError`]; then nothing has changed.
pub fn load(text: &str) -> Result<(), NftError> {
    nft(&["--file", "-"], text).map(drop)
}

/// Loads a text where it filters nothing, and returns the table as JSON as the kernel then has it.
///
/// # Errors
/// See [`NftError`].
pub fn rehearse(text: &str, table: TableName) -> Result<String, NftError> {
    let TableName { family, name } = table;
    let script = format!("nft --file - && nft --json list table {family} {name}");
    let program = Program {
        name: "unshare",
        package: "util-linux",
    };
    run(program, &["--net", "sh", "-c", &script], text)
}

fn is_loaded(table: TableName) -> Result<bool, NftError> {
    #[derive(serde::Deserialize)]
    struct Listing {
        nftables: Vec<serde_json::Value>,
    }
    let told = nft(&["--json", "list", "tables"], "")?;
    let told: Listing = serde_json::from_str(&told).map_err(NftError::Answer)?;
    Ok(told.nftables.iter().any(|one| {
        let is = |key: &str, wanted: &str| one["table"][key].as_str() == Some(wanted);
        is("family", table.family) && is("name", table.name)
    }))
}

#[derive(Clone, Copy)]
struct Program {
    name: &'static str,
    package: &'static str,
}

fn nft(words: &[&str], input: &str) -> Result<String, NftError> {
    let program = Program {
        name: "nft",
        package: "nftables",
    };
    run(program, words, input)
}

fn run(program: Program, words: &[&str], input: &str) -> Result<String, NftError> {
    let Program { name, package } = program;
    if !rustix::process::geteuid().is_root() {
        return Err(NftError::NotRoot);
    }
    let failed = |source: io::Error| {
        let program = name;
        if source.kind() == io::ErrorKind::NotFound {
            NftError::Missing { program, package }
        } else {
            NftError::Run { program, source }
        }
    };
    let mut command = Command::new(name);
    command
        .args(words)
        .env("PATH", search_path())
        .env("LC_ALL", "C");
    let ended = program::run(&mut command, input, BOUNDS).map_err(failed)?;
    let Some(ended) = ended else {
        return Err(NftError::TimedOut { program: name });
    };
    if ended.status.success() {
        return Ok(ended.out);
    }
    let said = ended.err.trim();
    if said.ends_with("nft: not found") {
        return Err(NftError::Missing {
            program: "nft",
            package: "nftables",
        });
    }
    Err(NftError::Refused {
        program: name,
        said: said.to_owned(),
    })
}

/// An ordinary search path often leaves out where the programs of administrators are.
fn search_path() -> OsString {
    let mut path = std::env::var_os("PATH").unwrap_or_default();
    path.push(":/usr/sbin:/sbin:/usr/bin:/bin");
    path
}
