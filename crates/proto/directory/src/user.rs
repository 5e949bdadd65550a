//! One account.

use std::fmt;

use base::UnixMillis;
use base::net::Fingerprint;

use crate::{Aor, Blocked, Certificate, PoolName};

/// How many users a contact list may have: as many as one subscription may name.
pub const CONTACTS_MAX: usize = 100;

/// A Digest hash (RFC 8760), strongest last in the name, chosen by the topology.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
pub enum Algorithm {
    /// `SHA-256`.
    Sha256,
    /// `SHA-512-256`.
    Sha512_256,
    /// `MD5`, only where the topology allows it.
    Md5,
}

impl Algorithm {
    /// Returns how many hexadecimal digits a hash has.
    #[must_use]
    pub const fn hex_len(self) -> usize {
        match self {
            Self::Sha256 | Self::Sha512_256 => 64,
            Self::Md5 => 32,
        }
    }
}

/// One account: who it is, where it is at home and how its password is checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// The address of record; unique.
    pub aor: Aor,
    /// What people read; may be empty.
    pub display_name: String,
    /// The Front End pool that keeps the user's registrations.
    pub home: PoolName,
    /// Whether the user may sign in.
    pub enabled: bool,
    /// At most one per algorithm. The realm is the domain of the address, the user name its user part.
    pub verifiers: Vec<Verifier>,
    /// Who may not see their presence, in order; at most [`crate::BLOCKED_MAX`].
    pub blocked: Vec<Blocked>,
    /// What they may sign in with instead of a password, oldest first; at most [`crate::CERTIFICATES_MAX`].
    pub certificates: Vec<Certificate>,
    /// Whom they watch by their own contact list, in order; at most [`CONTACTS_MAX`].
    pub contacts: Vec<Aor>,
    /// When the account was made.
    pub created: UnixMillis,
    /// When it was last changed.
    pub changed: UnixMillis,
}

impl User {
    /// Tells whether somebody, by their address of record, may not see this user's presence.
    #[must_use]
    pub fn blocks(&self, watcher: &str) -> bool {
        self.blocked.iter().any(|one| one.means(watcher))
    }

    /// Tells whether a certificate is theirs and good.
    #[must_use]
    pub fn holds(&self, certificate: &Fingerprint, now: UnixMillis) -> bool {
        let mut all = self.certificates.iter();
        all.any(|one| one.is_good(certificate, now))
    }

    /// Returns the verifier for an algorithm, if the user has one.
    #[must_use]
    pub fn verifier(&self, algorithm: Algorithm) -> Option<&Verifier> {
        self.verifiers
            .iter()
            .find(|verifier| verifier.algorithm == algorithm)
    }
}

/// What a password is checked against: H(user:realm:password) of Digest (RFC 7616 section 3.4.2), in hexadecimal.
///
/// It is as good as the password for Digest, so `Debug` leaves it out.
#[derive(Clone, PartialEq, Eq)]
pub struct Verifier {
    algorithm: Algorithm,
    ha1: Box<str>,
}

impl Verifier {
    /// Takes a hash in hexadecimal.
    ///
    /// # Errors
    ///
    /// Refuses what is not the hash of that algorithm in lower-case hexadecimal.
    pub fn new(algorithm: Algorithm, ha1: &str) -> Result<Self, VerifierError> {
        if ha1.len() != algorithm.hex_len() {
            return Err(VerifierError::Length {
                algorithm,
                found: ha1.len(),
            });
        }
        if !ha1.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
            return Err(VerifierError::Digit { algorithm });
        }
        Ok(Self {
            algorithm,
            ha1: ha1.into(),
        })
    }

    /// Returns the hash that made it.
    #[must_use]
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Returns the hash in lower-case hexadecimal.
    #[must_use]
    pub fn ha1(&self) -> &str {
        &self.ha1
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Verifier({:?})", self.algorithm)
    }
}

/// Why a text is not a verifier: whoever computed it used another algorithm or another notation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VerifierError {
    /// The number of digits belongs to another algorithm.
    #[error("a verifier for {algorithm:?} has {} digits, not {found}", algorithm.hex_len())]
    Length {
        /// The algorithm that was named.
        algorithm: Algorithm,
        /// How many digits there were.
        found: usize,
    },
    /// Something other than `0`-`9` and `a`-`f`.
    #[error("a verifier for {algorithm:?} must be lower-case hexadecimal")]
    Digit {
        /// The algorithm that was named.
        algorithm: Algorithm,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verifier_has_the_form_of_its_algorithm() {
        let hash = "ab".repeat(32);
        assert_eq!(Verifier::new(Algorithm::Sha256, &hash).unwrap().ha1(), hash);
        let found = 64;
        assert_eq!(
            Verifier::new(Algorithm::Md5, &hash),
            Err(VerifierError::Length {
                algorithm: Algorithm::Md5,
                found
            })
        );
        assert_eq!(
            Verifier::new(Algorithm::Md5, &"AB".repeat(16)),
            Err(VerifierError::Digit {
                algorithm: Algorithm::Md5
            })
        );
    }

    #[test]
    fn a_verifier_does_not_show_its_hash() {
        let verifier = Verifier::new(Algorithm::Md5, &"ab".repeat(16)).unwrap();
        assert_eq!(format!("{verifier:?}"), "Verifier(Md5)");
    }
}
