//! The packet filter of this machine's kernel, by the program `nft`.
//!
//! Everything here concerns one table; nobody else's is read or written. A text is loaded by one transaction: wholly or
//! not at all. [`rehearse`] loads it into a network namespace of its own first, so that the kernel itself says whether it
//! takes the text and what it makes of it, while nothing is filtered yet.
//!
//! Needs root. Bounds: 30 s a call, 64 MiB of answer; `nft` is killed when it takes longer.

use std::ffi::OsString;
use std::io::{self, Read as _, Write as _};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(30);
const MAX_ANSWER: u64 = 64 << 20;

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
    #[error("{program} did not end within {} s", PATIENCE.as_secs())]
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
    let child = Command::new(name)
        .args(words)
        .env("PATH", search_path())
        .env("LC_ALL", "C")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(failed)?;
    let Some((status, out, err)) = finish(child, input).map_err(failed)? else {
        return Err(NftError::TimedOut { program: name });
    };
    if status.success() {
        return Ok(out);
    }
    let said = err.trim();
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

/// Gives a program its input and returns how it ended and what it said; `None` if it had to be killed.
fn finish(mut child: Child, input: &str) -> io::Result<Option<(ExitStatus, String, String)>> {
    let pipes = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let (Some(mut stdin), Some(stdout), Some(stderr)) = pipes else {
        return Err(io::ErrorKind::BrokenPipe.into());
    };
    let input = input.to_owned();
    // A program that reads no further says why, or is killed.
    thread::spawn(move || stdin.write_all(input.as_bytes()));
    let out = collect(stdout);
    let err = collect(stderr);
    let ended = out.recv_timeout(PATIENCE).and_then(|out| {
        let err = err.recv_timeout(PATIENCE)?;
        Ok((out, err))
    });
    let Ok((out, err)) = ended else {
        child.kill()?;
        child.wait()?;
        return Ok(None);
    };
    Ok(Some((child.wait()?, out?, err?)))
}

/// Reads a pipe to its end on a thread of its own.
fn collect(pipe: impl io::Read + Send + 'static) -> mpsc::Receiver<io::Result<String>> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut text = String::new();
        let read = pipe.take(MAX_ANSWER).read_to_string(&mut text);
        // Nobody waits any longer for a program that was killed.
        let _ = sender.send(read.map(|_| text));
    });
    receiver
}
