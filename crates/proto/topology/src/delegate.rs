//! Delegates: users who register others.

use crate::Topology;

/// A user who may register for others (RFC 3261 10.2: a third party).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Delegate {
    /// Who: `user@domain`, the domain in lower case.
    pub user: String,
    /// For whom: patterns of such addresses, in which `*` stands for any characters before the `@`.
    pub may_register: Vec<String>,
}

impl Topology {
    /// Returns the delegates in the order of the file, each once.
    #[must_use]
    pub fn delegates(&self) -> &[Delegate] {
        &self.delegates
    }
}
