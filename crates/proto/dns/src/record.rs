//! What a zone is made of, as plain data, and which addresses are up.

use std::net::IpAddr;

use base::net::Face;

/// A domain for which the deployment answers on one face.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// Who sees it.
    pub face: Face,
    /// Its name, as `contoso.com`.
    pub name: String,
    /// The names of the servers that answer for it, the first of them first; may be empty where nobody is told.
    pub servers: Vec<String>,
    /// For how many seconds others may remember that a name does not exist (RFC 2308 section 5).
    pub negative_ttl: u32,
}

/// One record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Who sees it.
    pub face: Face,
    /// The owner's name, without a dot at the end.
    pub name: String,
    /// For how many seconds others may remember it; the least of a set counts for all of it (RFC 2181 section 5.2).
    pub ttl: u32,
    /// What the name leads to.
    pub data: Data,
}

/// What a name leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Data {
    /// An address: A or AAAA.
    Address(IpAddr),
    /// A service: SRV (RFC 2782).
    Service {
        /// Lower goes first.
        priority: u16,
        /// Share among equals.
        weight: u16,
        /// The port.
        port: u16,
        /// The host.
        target: String,
    },
    /// Another name for everything: CNAME. Nothing else may stand beside it (RFC 2181 section 10.1).
    Alias(String),
    /// Text: TXT, in pieces of at most 255 bytes.
    Text(Vec<String>),
}

/// Knows which addresses are worth giving out.
pub trait Health {
    /// Tells whether what has this name, in lower case, can be reached at this address.
    fn is_up(&self, name: &str, address: IpAddr) -> bool;
}

/// Takes every address for reachable.
#[derive(Clone, Copy, Debug, Default)]
pub struct AllUp;

impl Health for AllUp {
    fn is_up(&self, _name: &str, _address: IpAddr) -> bool {
        true
    }
}
