//! Where users can be reached: the bindings that a registrar keeps (RFC 3261 10) and the changes made to them.
//!
//! Values only. [`Table`] is the view that every worker reads; a [`Change`] is the record that the change log keeps.
//! The registrar's rules are in [`crate::registrar`].

mod packed;
mod table;

pub use table::Table;

use crate::msg::Uri;
use crate::record::{self, Unreadable};
use base::UnixMillis;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// One way to reach a user: a Contact, and the route that leads to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Binding {
    /// The Contact URI exactly as it was registered.
    pub contact: String,
    /// The Contact's other parameters as they were sent, without `expires` and `q`, each with its semicolon.
    pub params: String,
    /// `+sip.instance` (RFC 5626), without the quotes.
    pub instance: Option<String>,
    /// `reg-id` (RFC 5626); 0 if there is none.
    pub reg_id: u32,
    /// Preference in thousandths.
    pub q: u16,
    /// When it ends, in milliseconds since 1970.
    pub expires_at: u64,
    /// The Call-ID of the REGISTER that made it.
    pub call_id: String,
    /// Its CSeq number.
    pub cseq: u32,
    /// The URIs of the Path, first hop first; the first may be our own with a token that names the client's flow.
    pub route: Vec<String>,
    /// The User-Agent, for people.
    pub user_agent: String,
    /// Whether it was registered from outside, through an Edge.
    pub remote: bool,
}

impl Binding {
    /// Tells whether the binding still counts.
    #[must_use]
    pub const fn is_alive(&self, now: UnixMillis) -> bool {
        self.expires_at > now.0
    }

    /// Tells whether the two are the same binding at different times: the same flow of the same instance
    /// (RFC 5626 6), else the same Contact (RFC 3261 19.1.4).
    ///
    /// Without `reg-id` an instance counts as one flow, which the RFC leaves open: phones that learn their public
    /// address register a second Contact with the same instance and would ring twice.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        match (&self.instance, &other.instance) {
            (Some(mine), Some(theirs)) => mine == theirs && self.reg_id == other.reg_id,
            _ => self.contact == other.contact || same_uri(&self.contact, &other.contact),
        }
    }

    /// Tells whether this removal concerns `bound`: the same binding, unless its client has renewed it since.
    ///
    /// What has ended is removed by one member while another may be taking in the refresh.
    pub(crate) fn removes(&self, bound: &Self) -> bool {
        let is_renewed = bound.call_id == self.call_id && bound.cseq > self.cseq;
        self.is_same(bound) && !is_renewed
    }
}

fn same_uri(one: &str, other: &str) -> bool {
    match (Uri::parse(one), Uri::parse(other)) {
        (Ok(one), Ok(other)) => one.matches(&other),
        _ => false,
    }
}

/// A change to the bindings of one user: first `remove`, then `put`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// Whose, as `sip:user@host`.
    pub aor: String,
    /// Bindings that go, found by [`Binding::is_same`], unless renewed since by the same client.
    pub remove: Vec<Binding>,
    /// Bindings that come or replace the same one.
    pub put: Vec<Binding>,
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

/// The read side of the bindings, shared by all workers of a process.
pub trait Locations: Send + Sync {
    /// Returns the user's live bindings, most preferred first; empty if there are none.
    fn find(&self, aor: &str, now: UnixMillis) -> Vec<Arc<Binding>>;

    /// Returns a change for each user with bindings that have ended, for at most `max` users. Until these changes have
    /// been applied it answers the same again.
    fn expired(&self, now: UnixMillis, max: usize) -> Vec<Change>;
}
