//! Where things lie in a state directory.
//!
//! ```text
//! STATE/ca/ca.pem            certificate of the private authority
//! STATE/ca/key.pem           its key, 0600
//! STATE/ca/crl.pem           its revocation list
//! STATE/ca/index.json        what it issued, 0600
//! STATE/ca/lock              held while an authority is open
//! STATE/machines/FQDN/tls/           the machine's certificate: cert.pem, key.pem (0600), ca.pem, crl.pem
//! STATE/machines/FQDN/tls-outside/   the same for the outside face of an Edge or reverse proxy
//! STATE/machines/FQDN/secrets/pool.key   the key that the members of a pool share, 0600
//! STATE/machines/FQDN/secrets/ticket.key the key that all Directors and Front Ends share, 0600
//! STATE/operators/NAME/      an operator's certificate: cert.pem, key.pem (0600), ca.pem, crl.pem
//! ```
//!
//! Only `machines/FQDN` belongs on the machine itself; `ca` stays with whoever issues, and `operators/NAME` goes to that operator.

use std::path::{Path, PathBuf};

use base::net::Face;

/// A state directory. Making the value touches no file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State(PathBuf);

impl State {
    /// Speaks of the state directory at `root`.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self(root.into())
    }

    /// Returns the directory itself.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.0
    }

    /// Returns the directory of the private authority.
    #[must_use]
    pub fn ca(&self) -> PathBuf {
        self.0.join("ca")
    }

    /// Returns the directory that holds one directory for each machine.
    #[must_use]
    pub fn machines(&self) -> PathBuf {
        self.0.join("machines")
    }

    /// Returns the directory of a machine. The name must come from a checked topology.
    #[must_use]
    pub fn machine(&self, fqdn: &str) -> PathBuf {
        self.machines().join(fqdn.to_ascii_lowercase())
    }

    /// Returns the directory with the certificate of one face of a machine.
    #[must_use]
    pub fn tls(&self, fqdn: &str, face: Face) -> PathBuf {
        self.machine(fqdn).join(tls_dir(face))
    }

    /// Returns the directory that holds one directory for each operator.
    #[must_use]
    pub fn operators(&self) -> PathBuf {
        self.0.join("operators")
    }

    /// Returns the directory of an operator. The name must be that of an [`crate::Operator`].
    #[must_use]
    pub fn operator(&self, name: &str) -> PathBuf {
        self.operators().join(name)
    }

    /// Returns the file of a key that a machine shares with others.
    #[must_use]
    pub fn secret(&self, fqdn: &str, secret: Secret) -> PathBuf {
        let file = match secret {
            Secret::Pool => "pool.key",
            Secret::Ticket => "ticket.key",
        };
        self.machine(fqdn).join("secrets").join(file)
    }

    /// Returns the file with the key that the members of the machine's pool share.
    #[must_use]
    pub fn pool_key(&self, fqdn: &str) -> PathBuf {
        self.secret(fqdn, Secret::Pool)
    }
}

/// A key that several machines share.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Secret {
    /// Of a pool: its members check each other's nonces and route tokens.
    Pool,
    /// Of all Directors and Front Ends: a Front End admits whom a Director has just seen.
    Ticket,
}

/// Names the directory of a face's certificate within a machine's directory.
pub(crate) const fn tls_dir(face: Face) -> &'static str {
    match face {
        Face::Inside => "tls",
        Face::Outside => "tls-outside",
    }
}
