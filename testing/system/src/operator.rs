//! The operator of a deployment: types commands, reads what they say, looks at how the machines are.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde::Deserialize;
use thiserror::Error;

use crate::authority::Identity;
use crate::deployment::{DeploymentError, binary};

/// Why a command could not be carried out.
#[derive(Debug, Error)]
pub enum OperatorError {
    /// There is no binary.
    #[error(transparent)]
    Binary(#[from] DeploymentError),
    /// It could not be run.
    #[error("the command could not be run")]
    Run(#[source] io::Error),
    /// It failed where it should not have.
    #[error("the command failed: {}", .0.err)]
    Failed(Box<Said>),
    /// What it printed is not what this harness reads.
    #[error("the answer is not understood")]
    Answer(#[source] serde_json::Error),
}

/// What a command said and how it ended.
#[derive(Debug, Clone)]
pub struct Said {
    /// The exit code; nothing after a signal.
    pub code: Option<i32>,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

/// How one machine is.
#[derive(Debug, Clone, Deserialize)]
pub struct Machine {
    /// Its name.
    pub machine: String,
    /// Whether it runs.
    pub running: bool,
    /// What it says of itself, if it runs.
    pub status: Option<Report>,
}

/// What a machine says of itself.
#[derive(Debug, Clone, Deserialize)]
pub struct Report {
    /// Where it listens.
    pub listeners: Vec<Listener>,
    /// Its SIP side, if it has one.
    pub sip: Option<Sip>,
    /// The users that it knows, if it does.
    pub directory: Option<Directory>,
    /// Its registrations, if it keeps them.
    pub bindings: Option<Bindings>,
    /// The messages that wait for their users, if it keeps some.
    #[serde(default)]
    pub messages: Option<Messages>,
    /// What was asked of its web sites.
    #[serde(default)]
    pub web: BTreeMap<String, u64>,
    /// How others are, if it asks them.
    #[serde(default)]
    pub health: Vec<Member>,
    /// The pools whose VIPs it holds.
    #[serde(default)]
    pub balanced: Vec<Balanced>,
    /// What came by it from outside, if it is a reverse proxy.
    #[serde(default)]
    pub published: Option<Published>,
}

/// What came by a reverse proxy.
#[derive(Debug, Clone, Deserialize)]
pub struct Published {
    /// What it counts, by name.
    pub counted: BTreeMap<String, u64>,
}

/// A pool whose VIP a balancer holds.
#[derive(Debug, Clone, Deserialize)]
pub struct Balanced {
    /// Its members.
    pub members: Vec<BalancedMember>,
}

/// A member as the balancer sees it.
#[derive(Debug, Clone, Deserialize)]
pub struct BalancedMember {
    /// Its name.
    pub member: String,
    /// `up`, `down`, `draining` and the like.
    pub state: String,
}

/// How another machine is believed to be.
#[derive(Debug, Clone, Deserialize)]
pub struct Member {
    /// Its name.
    pub member: String,
    /// `up`, `down` or `draining`.
    pub standing: String,
    /// What went wrong with the last question.
    pub fault: Option<String>,
    /// Questions that were answered or given up.
    pub questions: u64,
}

/// One listening address.
#[derive(Debug, Clone, Deserialize)]
pub struct Listener {
    /// Where.
    pub address: SocketAddr,
    /// `inside` or `outside`.
    pub face: String,
    /// What is spoken.
    pub protocol: String,
    /// The rows of the flow table that name it.
    pub flows: Vec<u8>,
    /// Whether it is open.
    pub open: bool,
}

/// The counters of a machine's SIP side.
#[derive(Debug, Clone, Deserialize)]
pub struct Sip {
    /// Requests that came.
    pub requests: u64,
    /// Messages that broke a rule.
    pub malformed: u64,
    /// Relays that are under way.
    pub relays: u64,
    /// What the runtime counted.
    pub network: BTreeMap<String, u64>,
}

/// The users that a machine knows.
#[derive(Debug, Clone, Deserialize)]
pub struct Directory {
    /// How many.
    pub users: usize,
}

/// The registrations of a machine.
#[derive(Debug, Clone, Deserialize)]
pub struct Bindings {
    /// How many.
    pub bindings: usize,
}

/// What a machine keeps of messages for users who are away, and what became of them.
#[derive(Debug, Clone, Copy, Deserialize)]
pub struct Messages {
    /// How many wait.
    pub messages: usize,
    /// How many were delivered since the start.
    pub delivered: u64,
    /// How many have expired since the start.
    pub expired: u64,
}

impl Report {
    /// Returns the open address that a row of the flow table names.
    #[must_use]
    pub fn address(&self, flow: u8) -> Option<SocketAddr> {
        let serves = |listener: &&Listener| listener.open && listener.flows.contains(&flow);
        self.listeners
            .iter()
            .find(serves)
            .map(|listener| listener.address)
    }

    /// Returns a counter of the SIP side by its name; zero where there is none.
    #[must_use]
    pub fn count(&self, name: &str) -> u64 {
        let Some(sip) = &self.sip else { return 0 };
        match name {
            "requests" => sip.requests,
            "malformed" => sip.malformed,
            "relays" => sip.relays,
            _ => sip.network.get(name).copied().unwrap_or(0),
        }
    }
}

/// Someone who may write to a state directory.
#[derive(Debug, Clone)]
pub struct Operator {
    state: PathBuf,
}

impl Operator {
    /// Works on a state directory.
    #[must_use]
    pub fn of(state: &Path) -> Self {
        Self {
            state: state.to_path_buf(),
        }
    }

    /// Returns the state directory.
    #[must_use]
    pub fn state(&self) -> &Path {
        &self.state
    }

    /// Returns the file of the authority that everyone here believes.
    #[must_use]
    pub fn root(&self) -> PathBuf {
        self.state.join("ca/ca.pem")
    }

    /// Returns the certificate that a machine shows inside.
    #[must_use]
    pub fn identity(&self, machine: &str) -> Identity {
        let folder = self.state.join("machines").join(machine).join("tls");
        Identity {
            certificate: folder.join("cert.pem"),
            key: folder.join("key.pem"),
        }
    }

    /// Types a command for this state directory, with something on its standard input.
    ///
    /// # Errors
    /// Fails when it could not be run; that it failed is told in what it said.
    pub fn command(&self, words: &[&str], input: &str) -> Result<Said, OperatorError> {
        let mut command = Command::new(binary()?);
        command.args(words).arg("--state").arg(&self.state);
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().map_err(OperatorError::Run)?;
        if let Some(mut stdin) = child.stdin.take() {
            // One that does not read its input has its own reasons.
            let _ = stdin.write_all(input.as_bytes());
        }
        let output = child.wait_with_output().map_err(OperatorError::Run)?;
        Ok(Said {
            code: output.status.code(),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        })
    }

    /// Types a command that must succeed; returns what it printed.
    ///
    /// # Errors
    /// Fails when it does not end with 0.
    pub fn done(&self, words: &[&str], input: &str) -> Result<String, OperatorError> {
        let said = self.command(words, input)?;
        if said.code == Some(0) {
            Ok(said.out)
        } else {
            Err(OperatorError::Failed(Box::new(said)))
        }
    }

    /// Asks all machines how they are.
    ///
    /// # Errors
    /// Fails when the answer is not understood; a machine that does not run is an answer.
    pub fn status(&self) -> Result<Vec<Machine>, OperatorError> {
        let said = self.command(&["status", "--json"], "")?;
        serde_json::from_str(&said.out).map_err(OperatorError::Answer)
    }

    /// Returns what one machine says of itself, if it runs.
    ///
    /// # Errors
    /// Fails when the answer is not understood.
    pub fn report(&self, machine: &str) -> Result<Option<Report>, OperatorError> {
        let said = self.command(&["status", "--json", "--machine", machine], "")?;
        let all: Vec<Machine> = serde_json::from_str(&said.out).map_err(OperatorError::Answer)?;
        Ok(all.into_iter().next().and_then(|one| one.status))
    }
}
