//! The torture messages of the `sip` crate and their manifest, for a running server: each message with what is expected
//! to be seen of it on the wire.
//!
//! The parser's own tests read the same manifest; its head says what the words mean.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use thiserror::Error;

/// Why the messages cannot be had.
#[derive(Debug, Error)]
pub enum TortureError {
    /// A file is missing.
    #[error("{} cannot be read", .0.display())]
    Missing(PathBuf, #[source] std::io::Error),
    /// The manifest is not as its head says.
    #[error("the manifest is not understood")]
    Manifest(#[from] toml::de::Error),
    /// An outcome is written in a word that there is not.
    #[error("{file}: {word:?} is no outcome")]
    Outcome {
        /// Whose.
        file: String,
        /// The word.
        word: String,
    },
}

/// What is seen of one message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It reaches who it is for, as it was sent but for what a proxy must change.
    Forwarded,
    /// The same of a response: it comes back to who asked.
    Returned,
    /// It is answered with this status and goes nowhere.
    Answered(u16),
    /// Nothing comes of it; the next message is served.
    Dropped,
    /// The server waits for the rest of it.
    Awaited,
    /// The connection ends.
    Closed,
}

/// What carries a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Carrier {
    /// TLS, to a Director.
    Tls,
    /// TCP, to a Front End.
    Tcp,
    /// UDP, to a Front End.
    Udp,
}

/// A message and what is expected of it.
#[derive(Debug, Clone)]
pub struct Case {
    /// The RFC whose rule it exercises.
    pub rfc: u16,
    /// The section there.
    pub section: String,
    /// The rule, in words of our own.
    pub rule: String,
    /// Whether the sender signs in with it: a challenge is answered.
    pub proves: bool,
    /// What the answer must say somewhere.
    pub says: String,
    template: Vec<u8>,
    on_a_stream: Vec<Outcome>,
    as_a_datagram: Vec<Outcome>,
}

/// What is put into the places that a message leaves open.
#[derive(Debug, Clone, Copy)]
pub struct Filling<'a> {
    /// The user who sends a request, or gets the response.
    pub caller: &'a str,
    /// The user whom it is for.
    pub callee: &'a str,
    /// The Via of the request that a response answers.
    pub via: &'a str,
    /// What tells one attempt from the next.
    pub n: &'a str,
}

#[derive(Deserialize)]
struct Manifest {
    case: Vec<Row>,
}

#[derive(Deserialize)]
struct Row {
    file: String,
    rfc: u16,
    section: String,
    rule: String,
    director: String,
    datagram: Option<String>,
    #[serde(default)]
    proves: bool,
    #[serde(default)]
    says: String,
}

/// Reads all messages of one RFC, in the order of the manifest.
///
/// # Errors
/// Fails when a file is missing or the manifest is not understood.
pub fn cases(rfc: u16) -> Result<Vec<Case>, TortureError> {
    let folder =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../crates/proto/sip/testdata/torture");
    let read = |name: &str| {
        let path = folder.join(name);
        std::fs::read(&path).map_err(|error| TortureError::Missing(path, error))
    };
    let manifest: Manifest = toml::from_slice(&read("manifest.toml")?)?;
    let rows = manifest.case.into_iter().filter(|row| row.rfc == rfc);
    rows.map(|row| {
        Ok(Case {
            rfc,
            on_a_stream: outcomes(&row.file, &row.director)?,
            as_a_datagram: outcomes(&row.file, row.datagram.as_ref().unwrap_or(&row.director))?,
            template: read(&row.file)?,
            section: row.section,
            rule: row.rule,
            proves: row.proves,
            says: row.says,
        })
    })
    .collect()
}

fn outcomes(file: &str, words: &str) -> Result<Vec<Outcome>, TortureError> {
    let outcome = |word: &str| match word {
        "forwarded" => Ok(Outcome::Forwarded),
        "returned" => Ok(Outcome::Returned),
        "dropped" => Ok(Outcome::Dropped),
        "awaited" => Ok(Outcome::Awaited),
        "closed" => Ok(Outcome::Closed),
        word => word
            .parse()
            .map(Outcome::Answered)
            .map_err(|_| TortureError::Outcome {
                file: file.to_owned(),
                word: word.to_owned(),
            }),
    };
    words.split(", ").map(outcome).collect()
}

impl Case {
    /// Returns what is seen of it, in this order.
    #[must_use]
    pub fn outcomes(&self, carrier: Carrier) -> &[Outcome] {
        match carrier {
            Carrier::Tls | Carrier::Tcp => &self.on_a_stream,
            Carrier::Udp => &self.as_a_datagram,
        }
    }

    /// Tells whether it is a response.
    #[must_use]
    pub fn is_response(&self) -> bool {
        self.template.starts_with(b"SIP/")
    }

    /// Writes the message.
    #[must_use]
    pub fn bytes(&self, filling: &Filling<'_>) -> Vec<u8> {
        let escaped = escaped(filling.callee);
        let marks = [
            ("{{caller}}", filling.caller),
            ("{{callee}}", filling.callee),
            ("{{callee%}}", &escaped),
            ("{{via}}", filling.via),
            ("{{n}}", filling.n),
        ];
        let mut filled = Vec::with_capacity(self.template.len());
        let mut rest = &*self.template;
        while let Some((first, behind)) = rest.split_first() {
            let mark = marks
                .iter()
                .find(|(mark, _)| rest.starts_with(mark.as_bytes()));
            if let Some((mark, value)) = mark {
                filled.extend_from_slice(value.as_bytes());
                rest = rest.get(mark.len()..).unwrap_or_default();
            } else {
                filled.push(*first);
                rest = behind;
            }
        }
        filled
    }
}

/// The same user with the first letter escaped.
fn escaped(user: &str) -> String {
    let (first, rest) = user.split_at_checked(1).unwrap_or((user, ""));
    let letter = first.bytes().next().unwrap_or_default();
    format!("%{letter:02x}{rest}")
}

#[cfg(test)]
mod tests {
    use super::{Carrier, Case, Filling, Outcome, cases, outcomes};

    #[test]
    fn every_case_of_both_rfcs_has_an_outcome() {
        for (rfc, count) in [(4475, 49), (5118, 12)] {
            let cases = cases(rfc).unwrap();
            assert_eq!(cases.len(), count);
            for carrier in [Carrier::Tls, Carrier::Udp] {
                let has = |case: &Case| !case.outcomes(carrier).is_empty();
                assert!(cases.iter().all(has));
            }
            // A datagram ends where it ends: nothing is waited for, and there is no connection that could be closed.
            let of_streams = [Outcome::Awaited, Outcome::Closed];
            let is_free = |case: &Case| {
                let outcomes = case.outcomes(Carrier::Udp);
                !outcomes.iter().any(|one| of_streams.contains(one))
            };
            assert!(cases.iter().all(is_free));
        }
        assert!(outcomes("x.dat", "accepted").is_err());
    }

    #[test]
    fn no_place_is_left_open() {
        let filling = Filling {
            caller: "ann",
            callee: "ben",
            via: "SIP/2.0/TLS a;branch=b",
            n: "1",
        };
        for case in [cases(4475).unwrap(), cases(5118).unwrap()].concat() {
            let bytes = case.bytes(&filling);
            assert!(!bytes.windows(2).any(|two| two == b"{{"), "{}", case.rule);
        }
    }
}
