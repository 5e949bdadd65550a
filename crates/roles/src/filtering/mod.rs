//! Packet filter rules on trial: loaded now, and taken back by themselves unless somebody confirms them in time.
//!
//! Whoever loads rules over a connection that these rules may cut must not be the one who has to take them back. A trial
//! is therefore kept by a process of its own, the watchdog ([`keep`]), in a session of its own: it saves what is loaded,
//! loads the new rules, and waits. It is confirmed, or told to go back at once, over a socket in its folder
//! ([`ask`]), from whatever session. The rules of an earlier state stay in that folder until the trial is over, so that
//! even the loss of the watchdog leaves a way back ([`Folder::claim`]).
//!
//! Apart from trials, [`Lookout`] records from time to time whether what is loaded is what is planned.
//!
//! Bounds: one trial at a time for a folder; a trial lasts an hour at most.

mod folder;
mod keep;
mod lookout;

use std::time::Duration;

use runtime::nft::{NftError, TableName};
use serde::{Deserialize, Serialize};

pub use folder::{Claim, Folder, Pending};
pub use keep::{ask, keep};
pub use lookout::Lookout;

/// The table of ours; nothing else is ever touched.
pub const TABLE: TableName = TableName {
    family: "inet",
    name: "vestibule",
};

/// How long a trial may last.
pub const MAX_TRIAL: Duration = Duration::from_secs(3600);

/// What a watchdog is given on its standard input.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// For which place the rules are, in words.
    pub place: String,
    /// The rules, as [`runtime::nft::load`] takes them.
    pub rules: String,
    /// How long it waits for a confirmation, in seconds.
    pub within_s: u64,
}

/// What a watchdog says on its standard output, each a line of JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// The new rules are loaded and wait to be confirmed.
    Loaded,
    /// The trial is over.
    Over(Outcome),
    /// Nothing was loaded.
    Refused {
        /// Why, with its causes.
        reason: String,
    },
}

/// How a trial ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Somebody confirmed the new rules: they stay.
    Confirmed,
    /// The old rules are loaded again.
    RolledBack {
        /// Whether nobody said anything in time.
        is_late: bool,
    },
    /// The old rules could not be loaded; the new ones are still there.
    Stuck {
        /// Why, with its causes.
        reason: String,
    },
}

/// What a watchdog is asked over its socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ask {
    /// Keep the new rules.
    Confirm,
    /// Load the old ones again, at once.
    Rollback,
}

/// Why a trial could not begin or end.
#[derive(Debug, thiserror::Error)]
pub enum TrialError {
    /// The folder cannot be used; see the source.
    #[error("cannot use {path}")]
    Folder {
        /// Which file or folder.
        path: std::path::PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// What a trial left in its folder is not understood.
    #[error("{path} is not understood")]
    Format {
        /// Which file.
        path: std::path::PathBuf,
        /// Where it goes wrong.
        source: serde_json::Error,
    },
    /// Another trial waits for its confirmation; it has to end first.
    #[error("{0}")]
    Waiting(Box<Pending>),
    /// Another process is about to load rules; wait for it.
    #[error("another process is loading rules")]
    Busy,
    /// What is loaded could not be kept in a form that loads again, so nothing was changed.
    #[error("the rules that are loaded cannot be kept for the way back")]
    Keep(#[source] NftError),
    /// The new rules could not be loaded.
    #[error("the rules were not loaded")]
    Load(#[source] NftError),
    /// The old rules could not be loaded.
    #[error("the old rules were not loaded again")]
    Back(#[source] NftError),
    /// A thread of this process failed.
    #[error("the loading of rules was interrupted")]
    Interrupted,
    /// The watchdog cannot be reached; see the source.
    #[error("the watchdog of the trial cannot be reached")]
    Control(#[from] runtime::control::ControlError),
}
