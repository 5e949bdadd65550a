//! What comes of each malformed message at each door, as it was seen: `outcomes.tsv`.
//!
//! A line has the family, the name, and a word for each of [`DOORS`]: a status; `closed`, when the connection ends and
//! whatever was said before is not waited for; `none`, when nothing is answered; `taken 400`, when the message swallows the
//! question behind it and both are answered so; `-`, when it is too long to be sent there.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use super::{After, Fate};

/// The doors, in the order of the columns: a Director, an Edge, and twice a Front End.
pub const DOORS: [&str; 4] = ["TLS inside", "TLS outside", "TCP", "UDP"];

const LINES: &str = include_str!("outcomes.tsv");

/// What comes of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It is answered with this, and the next message is served.
    Answered(u16),
    /// The connection ends.
    Closed,
    /// Nothing comes of it, and the next message is served.
    Dropped,
    /// The next message is taken for a part of it, and both are answered with this.
    Taken(u16),
    /// It is too long for a datagram.
    NotSent,
}

impl Outcome {
    /// Tells whether the RFC allows it.
    #[must_use]
    pub const fn is_allowed(self, fate: Fate, is_datagram: bool) -> bool {
        let after = if is_datagram {
            After::Datagram
        } else {
            After::Open
        };
        match self {
            Self::Answered(status) => fate.allows(Some(status), after),
            Self::Closed => !is_datagram && fate.allows(None, After::Ended),
            Self::Dropped => fate.allows(None, after),
            Self::Taken(status) => !is_datagram && matches!(fate, Fate::Survived) && status >= 400,
            Self::NotSent => is_datagram,
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Answered(status) => write!(f, "{status}"),
            Self::Closed => f.write_str("closed"),
            Self::Dropped => f.write_str("none"),
            Self::Taken(status) => write!(f, "taken {status}"),
            Self::NotSent => f.write_str("-"),
        }
    }
}

impl FromStr for Outcome {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        let status = |digits: &str| {
            digits
                .parse()
                .map_err(|_| format!("{word:?} is no outcome"))
        };
        match word {
            "closed" => Ok(Self::Closed),
            "none" => Ok(Self::Dropped),
            "-" => Ok(Self::NotSent),
            _ => match word.strip_prefix("taken ") {
                Some(digits) => status(digits).map(Self::Taken),
                None => status(word).map(Self::Answered),
            },
        }
    }
}

/// Writes a line of the file.
#[must_use]
pub fn line(key: &str, outcomes: &[Outcome]) -> String {
    let words: Vec<String> = outcomes.iter().map(Outcome::to_string).collect();
    format!("{key}\t{}", words.join("\t"))
}

/// Returns the outcomes of all messages at all doors, by the key of the message.
///
/// # Errors
/// Says which line is not understood.
pub fn expected() -> Result<BTreeMap<String, [Outcome; DOORS.len()]>, String> {
    let lines = LINES.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| {
            let broken = || format!("not understood: {line:?}");
            let mut parts = line.split('\t');
            let key = [parts.next(), parts.next()];
            let [Some(family), Some(name)] = key else {
                return Err(broken());
            };
            let outcomes = parts
                .map(Outcome::from_str)
                .collect::<Result<Vec<_>, _>>()?;
            let outcomes = outcomes.try_into().map_err(|_| broken())?;
            Ok((format!("{family}\t{name}"), outcomes))
        })
        .collect()
}
