//! Messages for users who are away (RFC 3428 7: a message relay), kept until one of their phones signs in.
//!
//! What is kept is the request itself, without what belonged to its way here, so that a phone gets what it would have got
//! live, only later. A [`Change`] is the record that the change log keeps; [`Table`] is the view that every worker reads
//! and in which deliveries are claimed. Whether a message is kept at all is for `role::keeping` to say, and how it is
//! delivered for the node.
//!
//! Bounds: [`Bounds`] over all, and what the topology allows one user. Who finds no room is told what they would be told
//! without any of this.

mod table;
#[cfg(test)]
mod tests;

pub(crate) use table::Room;
pub use table::{Counts, Table};

use crate::record::{self, Unreadable};
use serde::{Deserialize, Serialize};

/// A message that waits for its user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// Its number; one that came later has a higher.
    pub id: u64,
    /// Whom it is for: an address-of-record.
    pub aor: String,
    /// Who sent it: an address-of-record.
    pub sender: String,
    /// Whether that is a user of ours, whom we assert. The identity of somebody of a partner stands in the request, if
    /// the partner may say who it is.
    pub is_asserted: bool,
    /// When it came, in milliseconds since 1970.
    pub received_at: u64,
    /// From when on it is of no use, in milliseconds since 1970.
    pub expires_at: u64,
    /// The request, without Via, Route and credentials.
    pub request: Vec<u8>,
}

impl Kept {
    /// Who answers for the room that it takes: a user of ours, or all users of a partner together, since how many those
    /// are is the partner's business.
    fn payer(&self) -> &str {
        payer(&self.sender, self.is_asserted)
    }
}

/// Who answers for a message of this sender.
pub(crate) fn payer(sender: &str, is_asserted: bool) -> &str {
    let domain = || sender.rsplit_once('@').map(|(_, domain)| domain);
    if is_asserted {
        sender
    } else {
        domain().unwrap_or(sender)
    }
}

/// A change to what is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Change {
    /// A message waits.
    Keep(Kept),
    /// A message waits no more: it was delivered, refused, or has expired.
    Remove {
        /// Whom it was for.
        aor: String,
        /// Its number.
        id: u64,
    },
}

impl Change {
    /// Writes the change as bytes for the change log.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        record::encode(self)
    }

    /// Reads a change back.
    ///
    /// # Errors
    /// [`Unreadable`] says why the bytes are no change of this version.
    pub fn decode(bytes: &[u8]) -> Result<Self, Unreadable> {
        record::decode(bytes)
    }
}

/// How much is kept for all users together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Messages.
    pub messages: usize,
    /// Bytes of their requests.
    pub bytes: usize,
    /// Bytes of what one sender has sent, or one partner, so that nobody can fill it for all others.
    pub of_sender: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            messages: 100_000,
            bytes: 64 << 20,
            of_sender: 4 << 20,
        }
    }
}
