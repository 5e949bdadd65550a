//! What `vestibule verify --json` says, as a monitoring system reads it.

use std::collections::BTreeSet;
use std::net::IpAddr;

use serde::Deserialize;

use crate::operator::{Operator, OperatorError};

/// The outcome of a run, or of several that were joined.
#[derive(Debug, Clone, Deserialize)]
pub struct Verified {
    /// The version of the form.
    pub version: u32,
    /// The worst of all.
    pub verdict: String,
    /// The port summary, line by line.
    pub rows: Vec<Row>,
    /// Every try.
    pub tries: Vec<Tried>,
}

/// A line of the port summary.
#[derive(Debug, Clone, Deserialize)]
pub struct Row {
    /// The number in the flow table.
    pub flow: u8,
    /// The worst of its tries, if there were any.
    pub verdict: Option<String>,
    /// How many tries it has.
    pub tried: usize,
    /// How many of them went wrong.
    pub failed: usize,
    /// Why, in words.
    pub why: Vec<String>,
}

/// One try.
#[derive(Debug, Clone, Deserialize)]
pub struct Tried {
    /// From where.
    pub from: String,
    /// To whom.
    pub to: String,
    /// At which address.
    pub address: IpAddr,
    /// At which port.
    pub port: u16,
    /// Whether a flow wants it.
    pub wanted: bool,
    /// The numbers of the flows that do.
    pub flows: Vec<u8>,
    /// What was found.
    pub found: String,
    /// Who said so, where a router or packet filter did.
    pub by: Option<IpAddr>,
    /// What the other side said, where it matters.
    pub said: Option<String>,
    /// Whether that is right.
    pub verdict: String,
    /// Why not, in words.
    pub why: Option<String>,
}

impl Verified {
    /// Returns the tries that went wrong.
    pub fn wrong(&self) -> impl Iterator<Item = &Tried> + Clone {
        self.tries.iter().filter(|one| one.verdict != "pass")
    }

    /// Returns what went wrong, each as (from, to, port, what was found).
    #[must_use]
    pub fn faults(&self) -> BTreeSet<(&str, &str, u16, &str)> {
        let wrong = self.wrong();
        let faults = wrong.map(|one| {
            let (from, to) = (one.from.as_str(), one.to.as_str());
            (from, to, one.port, one.found.as_str())
        });
        faults.collect()
    }

    /// Returns the numbers of the flows with a row that fails.
    #[must_use]
    pub fn failing(&self) -> BTreeSet<u8> {
        let failed = self.rows.iter().filter(|row| row.failed > 0);
        failed.map(|row| row.flow).collect()
    }
}

impl Operator {
    /// Has the flows tried; returns how the command ended, and what it found.
    ///
    /// # Errors
    /// Fails when the command cannot be run or its answer not be read.
    pub fn verify(&self, words: &[&str]) -> Result<(Option<i32>, Verified), OperatorError> {
        let words = [&["verify", "--json"], words].concat();
        let said = self.command(&words, "")?;
        match serde_json::from_str(&said.out) {
            Ok(verified) => Ok((said.code, verified)),
            Err(_) if said.out.is_empty() => Err(OperatorError::Failed(Box::new(said))),
            Err(error) => Err(OperatorError::Answer(error)),
        }
    }
}
