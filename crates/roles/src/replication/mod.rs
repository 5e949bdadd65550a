//! The directory of users on its way from the machine that masters it to those that hold a copy (port summary row 3).
//!
//! Over HTTP/1.1 in mutual TLS. A follower asks for the changes after the last one it has and keeps the answer open;
//! changes come as they are made, and a sign of life in between, so a follower knows how old its copy may be.
//!
//! ```text
//! follower: connect --> GET /directory/changes?log=ID&from=INDEX
//!              ^          | 200: changes for ever --> append to the own log, visible after that
//!              |          | 410: too far behind, or of another history
//!              |          v
//!              |        GET /directory/snapshot --> put in the place of the own log --> ask for changes again
//!              +--- any error, or silence: wait (doubling, with a random part), next address
//! ```
//!
//! It is not for changing the directory: that is [`crate::directory_admin`], on the machine that masters it. One thing is
//! brought there from other machines, the certificates of users ([`writing`]).
//!
//! Invariants: a follower's log has the master's records under the master's indexes, without a gap, or it is replaced
//! as a whole. A follower whose master is away serves what it has. Only Directors and Front Ends of the topology are
//! answered; everyone else gets 403, whatever they ask.
//!
//! Bounds: [`server::FOLLOWERS_MAX`] connections, a few buffers each; [`client::SNAPSHOT_MAX`] bytes of snapshot.

pub mod client;
pub mod server;
mod wire;
pub mod writing;

use std::time::Duration;

pub use client::{Follower, Status, StatusHandle};
pub use server::{Source, serve};
pub use wire::WireError;

const CHANGES: &str = "/directory/changes";
const SNAPSHOT: &str = "/directory/snapshot";
const CERTIFICATES: &str = "/directory/certificates";
/// A question that changes nothing and takes nothing: no log has this name, so whoever may follow hears 410.
pub const PROBE: &str = "/directory/changes?log=0&from=0";
/// The name of the history, in hexadecimal.
const LOG_HEADER: &str = "vestibule-log";
/// The index after which changes are to be asked for.
const INDEX_HEADER: &str = "vestibule-index";

/// How often and how long.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// How often the master gives a sign of life.
    pub heartbeat: Duration,
    /// After how long of silence a follower gives a connection up.
    pub silence: Duration,
    /// How long connecting may take, and a snapshot between two pieces.
    pub patience: Duration,
    /// The first pause before a follower tries again; it doubles.
    pub retry_first: Duration,
    /// The longest pause.
    pub retry_last: Duration,
}

impl Default for Pace {
    /// A follower notices a dead master within five heartbeats, and a returned one within two seconds.
    fn default() -> Self {
        Self {
            heartbeat: Duration::from_secs(1),
            silence: Duration::from_secs(5),
            patience: Duration::from_secs(5),
            retry_first: Duration::from_millis(100),
            retry_last: Duration::from_secs(2),
        }
    }
}

#[cfg(test)]
mod tests;
