//! The product under test: its binary, a state directory and loopback addresses of its own.
//!
//! [`Deployment::up`] runs a whole topology in one process, [`Deployment::run`] one machine of it. Both take the place
//! of an operator: they know the command line and what it prints, nothing else. The state outlives the process, so a
//! test can kill it with [`Deployment::kill`] and start it again with [`Deployment::restart`].

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde::Deserialize;
use thiserror::Error;

use crate::block::Block;
use crate::names::Names;
use crate::phones::Account;
use crate::process::{Mark, Process, ProcessError};

/// How long a start may take: it makes keys for every machine, in a debug build, beside other tests.
const START: Duration = Duration::from_secs(60);

/// Why the product does not run.
#[derive(Debug, Error)]
pub enum DeploymentError {
    /// There is no binary beside the tests: build it first.
    #[error("{} is missing; `cargo build --package vestibule` makes it", .0.display())]
    NotBuilt(PathBuf),
    /// A folder for state or logs could not be made.
    #[error("the folder for state and logs could not be made")]
    Folder(#[source] io::Error),
    /// It did not start.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// What it printed when it was ready is not what this harness reads.
    #[error("the line that says it is ready is not understood")]
    Facts(#[source] serde_json::Error),
}

/// What `up --json` prints in one line when it is ready.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Facts {
    /// Every name a client may look up, with its addresses.
    pub names: BTreeMap<String, Vec<Ipv4Addr>>,
    /// The users made for the trial.
    pub users: Vec<User>,
    /// Where a phone inside signs in.
    pub inside: Entrance,
    /// Where a phone outside signs in; empty where there is no Edge.
    #[serde(deserialize_with = "or_default")]
    pub outside: Entrance,
    /// Who answers for names.
    pub name_servers: NameServers,
}

/// The name services of a deployment.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(default)]
pub struct NameServers {
    /// For those inside.
    pub inside: Option<SocketAddrV4>,
    /// For those outside.
    pub outside: Option<SocketAddrV4>,
}

/// Reads `null` as nothing.
fn or_default<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Entrance, D::Error> {
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}

/// A user made for a trial.
#[derive(Debug, Clone, Deserialize)]
pub struct User {
    /// The address of record, with its scheme.
    pub uri: String,
    /// The password as typed.
    pub password: String,
}

/// The server a phone connects to.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Entrance {
    /// Its name.
    pub host: String,
    /// Its TLS port.
    pub port: u16,
}

/// A running product.
#[derive(Debug)]
pub struct Deployment {
    folder: PathBuf,
    words: Vec<OsString>,
    name: String,
    process: Process,
    facts: Facts,
}

impl Deployment {
    /// Runs a topology, or the built-in reference when there is none, on the addresses of a block; returns when it is
    /// ready. The state goes to `folder/state`.
    ///
    /// # Errors
    /// Fails when the binary is not built or does not become ready.
    pub fn up(
        topology: Option<&Path>,
        block: &Block,
        folder: &Path,
    ) -> Result<Self, DeploymentError> {
        let mut words: Vec<OsString> = vec!["up".into()];
        words.extend(topology.map(OsString::from));
        words.extend([
            "--loopback".into(),
            block.network().to_string().into(),
            "--json".into(),
        ]);
        Self::start("up", words, folder)
    }

    /// Runs one machine of a topology on the addresses of a block; returns when it is ready. Its state goes to
    /// `folder/state`, which other machines may share.
    ///
    /// # Errors
    /// Fails when the binary is not built or does not become ready.
    pub fn run(
        topology: &Path,
        machine: &str,
        block: &Block,
        folder: &Path,
    ) -> Result<Self, DeploymentError> {
        let words = vec![
            "run".into(),
            topology.into(),
            "--machine".into(),
            machine.into(),
            "--loopback".into(),
            block.network().to_string().into(),
            "--json".into(),
        ];
        Self::start(machine, words, folder)
    }

    /// Runs the binary with these words over the state in `folder/state`; returns when it is ready.
    ///
    /// # Errors
    /// Fails when the binary is not built or does not become ready.
    pub fn start(
        name: &str,
        mut words: Vec<OsString>,
        folder: &Path,
    ) -> Result<Self, DeploymentError> {
        words.extend(["--state".into(), folder.join("state").into()]);
        let (process, facts) = launch(name, &words, folder)?;
        Ok(Self {
            folder: folder.to_path_buf(),
            words,
            name: name.to_owned(),
            process,
            facts,
        })
    }

    /// Returns what the product said when it became ready.
    #[must_use]
    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// Returns the names a client of this deployment resolves.
    #[must_use]
    pub fn names(&self) -> Names {
        let mut names = Names::default();
        for (name, addresses) in &self.facts.names {
            for address in addresses {
                names.add(name, *address);
            }
        }
        names
    }

    /// Returns the root certificate that clients of this deployment trust.
    #[must_use]
    pub fn root_certificate(&self) -> PathBuf {
        self.state().join("ca/ca.pem")
    }

    /// Returns the state directory.
    #[must_use]
    pub fn state(&self) -> PathBuf {
        self.folder.join("state")
    }

    /// Returns what a phone of the n-th user needs to sign in at an entrance, if there is such a user.
    #[must_use]
    pub fn account(&self, user: usize, entrance: &Entrance) -> Option<Account> {
        let user = self.facts.users.get(user)?;
        let (name, domain) = user.uri.strip_prefix("sip:")?.split_once('@')?;
        Some(Account {
            user: name.to_owned(),
            domain: domain.to_owned(),
            password: user.password.clone(),
            server: entrance.host.clone(),
            port: entrance.port,
        })
    }

    /// Gives access to the process: its output, its id, a signal.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    /// Ends the process as a power cut would.
    ///
    /// # Errors
    /// Fails when the system does not say how it ended.
    pub fn kill(&mut self) -> io::Result<()> {
        self.process.kill().map(drop)
    }

    /// Starts the same command over the same state again; returns when it is ready.
    ///
    /// # Errors
    /// Fails when it does not become ready.
    pub fn restart(&mut self) -> Result<(), DeploymentError> {
        // The old process goes first: it may still hold the ports.
        self.kill().map_err(DeploymentError::Folder)?;
        (self.process, self.facts) = launch(&self.name, &self.words, &self.folder)?;
        Ok(())
    }
}

/// Returns the binary that `cargo build` puts beside the tests.
///
/// # Errors
/// Fails when it is not there.
pub fn binary() -> Result<PathBuf, DeploymentError> {
    let this = std::env::current_exe().map_err(DeploymentError::Folder)?;
    // Tests run from `<profile>/deps`.
    let profile = this
        .parent()
        .and_then(Path::parent)
        .unwrap_or_else(|| Path::new("."));
    let binary = profile.join("vestibule");
    if binary.is_file() {
        Ok(binary)
    } else {
        Err(DeploymentError::NotBuilt(binary))
    }
}

fn launch(
    name: &str,
    words: &[OsString],
    folder: &Path,
) -> Result<(Process, Facts), DeploymentError> {
    std::fs::create_dir_all(folder).map_err(DeploymentError::Folder)?;
    let mut command = Command::new(binary()?);
    command.args(words).current_dir(folder);
    let process = Process::start(name, command, folder)?;
    let (_, line) = process.wait_line(Mark::default(), START, "ready", |line| {
        line.starts_with('{') && line.contains("\"ready\":true")
    })?;
    let facts = serde_json::from_str(&line).map_err(DeploymentError::Facts)?;
    Ok((process, facts))
}

#[cfg(test)]
mod tests {
    use super::Facts;

    #[test]
    fn the_ready_line_has_what_a_phone_needs() {
        let line = r#"{"ready":true,"names":{"dirpool01.example.net":["127.0.0.1"]},
            "users":[{"uri":"sip:ann@example.net","password":"x"}],
            "inside":{"host":"dirpool01.example.net","port":1},"outside":{"host":"sip.example.net","port":2}}"#;
        let facts: Facts = serde_json::from_str(line).unwrap();
        assert_eq!(facts.names.len(), 1);
        assert_eq!(facts.users[0].uri, "sip:ann@example.net");
        assert_eq!((facts.inside.port, facts.outside.port), (1, 2));
    }
}
