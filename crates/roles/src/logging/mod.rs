//! The logging agent of a machine: keeps what its roles record, and answers operators (`docs/logging-protocol.md`).
//!
//! ```text
//! roles --Recorder--> traces (own thread) <-- searches, collections, tails (threads of the agent)
//!                                                   |
//! operator --50001|50002|50003, mutual TLS--> Serving (own thread) --> Agent: rules, traces, status
//! ```
//!
//! Trouble with logging costs logs, never calls: a machine whose traces cannot be opened, or whose ports are taken, runs on,
//! says so wherever it is asked how it is, and tries again every few seconds ([`RETRY`]).
//!
//! Invariants
//! - What runs is kept in a file before a command is answered; a command that cannot be kept is not followed.
//! - Whoever may not command learns nothing but that. Each command, followed or not, is recorded with who gave it.
//! - A scenario ends at its time, also when the clock was set back meanwhile.
//!
//! Bounds: connections in all and per source, handshakes, searches and tails at a time, the time of a handshake, of a
//! silence, of an answer and of each frame of it ([`serving`], [`converse`]).

mod agent;
mod asker;
mod audit;
mod converse;
mod kept;
mod reply;
mod requests;
mod serving;

use std::time::Duration;

pub use agent::{Agent, Settings};
pub use asker::Operators;
pub use serving::{Door, Serving};

/// How often the agent tries again what it could not do: open its traces, take its ports.
pub const RETRY: Duration = Duration::from_secs(5);
