//! What an agent answers.

use serde::{Deserialize, Serialize};

use super::{LONGEST_ANSWER, Message};
use crate::{Running, Time};

/// An answer, or a part of one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Answer {
    /// Which scenarios run.
    Running(Vec<Running>),
    /// How the agent is.
    Status(Box<AgentStatus>),
    /// Records in their text form ([`crate::line`]), whole ones, oldest first.
    Records(String),
    /// So many records of a tail were left out, since they came faster than they were taken.
    Missed(u64),
    /// A file begins; its bytes follow.
    File {
        /// Its name, without a folder.
        name: String,
        /// How many bytes follow.
        size: u64,
    },
    /// Bytes of the file that was begun last.
    Bytes(Vec<u8>),
    /// That was all.
    Done(Done),
    /// The request is not followed.
    Refused(Refused),
}

/// The end of an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Done {
    /// The agent's clock, by which the controller sees how far it is off.
    pub now: Time,
    /// Records, or files, that were given.
    pub given: u64,
    /// Whether there are more than the limit let through.
    pub limited: bool,
    /// Blocks that could not be read, and so may hide records.
    pub damaged: u64,
}

/// Why a request is not followed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Refused {
    /// Whoever asks may not; the reason is for people.
    NotAllowed(String),
    /// The request is for another port.
    WrongPort,
    /// The agent answers as many as it can; later.
    Busy,
    /// It cannot be followed; the reason is for people.
    Failed(String),
}

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NotAllowed(why) | Self::Failed(why) => f.write_str(why),
            Self::WrongPort => f.write_str("that is asked at another port"),
            Self::Busy => f.write_str("the agent answers others; ask again later"),
        }
    }
}

/// How an agent is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentStatus {
    /// The product's version.
    pub version: String,
    /// Its clock.
    pub now: Time,
    /// Records kept since the start.
    pub kept: u64,
    /// Records dropped since the start: the queue was full, a component was silenced, or the disk took no more.
    pub dropped: u64,
    /// What is wrong with the disk, if anything is.
    pub trouble: Option<String>,
    /// Trace files.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// How many bytes they may take.
    pub bytes_max: u64,
    /// Bytes free on their file system.
    pub free: u64,
    /// The time of the oldest record.
    pub oldest: Option<Time>,
    /// Which scenarios run.
    pub running: Vec<Running>,
    /// Components that are silenced, since they talk too much.
    pub silenced: Vec<crate::Component>,
}

impl Message for Answer {
    const KIND: u8 = 2;
    const LONGEST: usize = LONGEST_ANSWER;
}
