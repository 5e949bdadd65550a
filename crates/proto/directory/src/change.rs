//! One record of the directory's change log, and its bytes.
//!
//! The first byte is the version of the format; postcard follows. The structures on disk are private and separate
//! from [`User`], so that the model may change while old logs stay readable. Decoding checks every name again: a log
//! may come over the network from the machine that masters the directory.
//!
//! Every record says how things are afterwards, not what to do to them. Applying a run of records a second time ends
//! in the same state, which is what the log's snapshots rely on.

use base::UnixMillis;
use base::net::Fingerprint;
use serde::{Deserialize, Serialize};

use crate::{Algorithm, Aor, Blocked, Certificate, PoolName, User, Verifier};

const VERSION: u8 = 1;

/// What happened to one account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// The account is as written here, whether it was there before or not.
    Put(User),
    /// The account is gone, if it was there.
    Remove {
        /// Whose.
        aor: Aor,
    },
}

/// Why bytes are not a change: they were written by a newer version, or they are damaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The format is one that this version does not know; update the program.
    #[error("directory record of unknown version {found}")]
    Version {
        /// The version byte.
        found: u8,
    },
    /// The bytes end too early, go on too long or hold a name that is none.
    #[error("malformed directory record")]
    Malformed,
}

#[derive(Serialize, Deserialize)]
enum Stored {
    Put(StoredUser),
    Remove(Aor),
    /// An account with a block list; one without is written as it was before there were any.
    PutBlocking(StoredUser, Vec<Blocked>),
    /// An account with certificates or a contact list; the same holds for one without.
    PutHolding(StoredUser, Extras),
}

/// What not every account has.
#[derive(Default, Serialize, Deserialize)]
struct Extras {
    blocked: Vec<Blocked>,
    certificates: Vec<StoredCertificate>,
    contacts: Vec<Aor>,
}

/// Fingerprint, when it was issued, until when it is good.
type StoredCertificate = (Fingerprint, u64, u64);

#[derive(Serialize, Deserialize)]
struct StoredUser {
    aor: Aor,
    display_name: String,
    home: PoolName,
    enabled: bool,
    verifiers: Vec<(Algorithm, String)>,
    created: u64,
    changed: u64,
}

impl Change {
    /// Returns the address of the account.
    #[must_use]
    pub const fn aor(&self) -> &Aor {
        match self {
            Self::Put(user) => &user.aor,
            Self::Remove { aor } => aor,
        }
    }

    /// Returns the bytes for the change log.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        match self {
            Self::Put(user) => user.encode_put(),
            Self::Remove { aor } => write(&Stored::Remove(aor.clone())),
        }
    }

    /// Reads the bytes of the change log.
    ///
    /// # Errors
    ///
    /// Refuses bytes of another version and bytes that are not exactly one change.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let (version, rest) = bytes.split_first().ok_or(DecodeError::Malformed)?;
        if *version != VERSION {
            return Err(DecodeError::Version { found: *version });
        }
        let (stored, rest) = postcard::take_from_bytes(rest).map_err(|_| DecodeError::Malformed)?;
        if !rest.is_empty() {
            return Err(DecodeError::Malformed);
        }
        match stored {
            Stored::Put(user) => user.checked(Extras::default()).map(Self::Put),
            Stored::PutBlocking(user, blocked) => {
                let extras = Extras {
                    blocked,
                    ..Extras::default()
                };
                user.checked(extras).map(Self::Put)
            }
            Stored::PutHolding(user, extras) => user.checked(extras).map(Self::Put),
            Stored::Remove(aor) => Ok(Self::Remove { aor }),
        }
    }
}

impl User {
    /// Returns the bytes of the change that puts this account.
    #[must_use]
    pub fn encode_put(&self) -> Vec<u8> {
        let stored = StoredUser::from(self);
        let has_more = !self.certificates.is_empty() || !self.contacts.is_empty();
        write(&match (&*self.blocked, has_more) {
            ([], false) => Stored::Put(stored),
            (blocked, false) => Stored::PutBlocking(stored, blocked.to_vec()),
            (blocked, true) => Stored::PutHolding(
                stored,
                Extras {
                    blocked: blocked.to_vec(),
                    certificates: self
                        .certificates
                        .iter()
                        .map(|one| (one.fingerprint, one.issued.0, one.expires.0))
                        .collect(),
                    contacts: self.contacts.clone(),
                },
            ),
        })
    }
}

#[expect(
    clippy::expect_used,
    reason = "these structures hold nothing that postcard cannot write to a vector"
)]
fn write(stored: &Stored) -> Vec<u8> {
    postcard::to_extend(stored, vec![VERSION]).expect("a growing buffer takes every record")
}

impl From<&User> for StoredUser {
    fn from(user: &User) -> Self {
        let hash = |verifier: &Verifier| (verifier.algorithm(), verifier.ha1().to_owned());
        Self {
            aor: user.aor.clone(),
            display_name: user.display_name.clone(),
            home: user.home.clone(),
            enabled: user.enabled,
            verifiers: user.verifiers.iter().map(hash).collect(),
            created: user.created.0,
            changed: user.changed.0,
        }
    }
}

impl StoredUser {
    fn checked(self, extras: Extras) -> Result<User, DecodeError> {
        let certificate = |(fingerprint, issued, expires): StoredCertificate| Certificate {
            fingerprint,
            issued: UnixMillis(issued),
            expires: UnixMillis(expires),
        };
        let hash = |(algorithm, ha1): (Algorithm, String)| Verifier::new(algorithm, &ha1);
        let verifiers = self
            .verifiers
            .into_iter()
            .map(hash)
            .collect::<Result<_, _>>();
        Ok(User {
            aor: self.aor,
            display_name: self.display_name,
            home: self.home,
            enabled: self.enabled,
            verifiers: verifiers.map_err(|_| DecodeError::Malformed)?,
            blocked: extras.blocked,
            certificates: extras.certificates.into_iter().map(certificate).collect(),
            contacts: extras.contacts,
            created: UnixMillis(self.created),
            changed: UnixMillis(self.changed),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alice() -> User {
        User {
            aor: Aor::parse("alice@contoso.com").unwrap(),
            display_name: "Alice Ähre".into(),
            home: PoolName::parse("fepool01.contoso.net").unwrap(),
            enabled: true,
            verifiers: vec![
                Verifier::new(Algorithm::Sha256, &"0a".repeat(32)).unwrap(),
                Verifier::new(Algorithm::Md5, &"0b".repeat(16)).unwrap(),
            ],
            blocked: Vec::new(),
            certificates: Vec::new(),
            contacts: Vec::new(),
            created: UnixMillis(1_700_000_000_000),
            changed: UnixMillis(1_700_000_000_001),
        }
    }

    #[test]
    fn a_change_survives_its_bytes() {
        let changes = [Change::Put(alice()), Change::Remove { aor: alice().aor }];
        for change in changes {
            assert_eq!(Change::decode(&change.encode()), Ok(change));
        }
        assert_eq!(alice().encode_put(), Change::Put(alice()).encode());
    }

    #[test]
    fn a_block_list_survives_its_bytes_and_an_account_without_one_is_written_as_before_there_were_any()
     {
        let blocked = ["bob@contoso.com", "fabrikam.com"].map(|one| Blocked::parse(one).unwrap());
        let hiding = User {
            blocked: blocked.to_vec(),
            ..alice()
        };
        let change = Change::Put(hiding.clone());
        assert_eq!(Change::decode(&change.encode()), Ok(change));
        assert!(hiding.blocks("sip:bob@contoso.com") && !hiding.blocks("sip:carol@contoso.com"));
        let first_bytes = [VERSION, 0, 21];
        assert!(
            alice().encode_put().starts_with(&first_bytes),
            "a Put of an address of 21 bytes"
        );
    }

    #[test]
    fn certificates_survive_their_bytes_with_and_without_a_block_list() {
        let certificate = Certificate {
            fingerprint: [7; 32],
            issued: UnixMillis(1),
            expires: UnixMillis(2),
        };
        for blocked in [Vec::new(), vec![Blocked::parse("fabrikam.com").unwrap()]] {
            let change = Change::Put(User {
                certificates: vec![certificate.clone()],
                blocked,
                ..alice()
            });
            assert_eq!(Change::decode(&change.encode()), Ok(change));
        }
    }

    #[test]
    fn a_contact_list_survives_its_bytes_with_a_block_list_and_without() {
        let contacts = ["bob@contoso.com", "carol@contoso.com"].map(|one| Aor::parse(one).unwrap());
        for blocked in [vec![], vec![Blocked::parse("fabrikam.com").unwrap()]] {
            let change = Change::Put(User {
                blocked,
                contacts: contacts.to_vec(),
                ..alice()
            });
            assert_eq!(Change::decode(&change.encode()), Ok(change));
        }
    }

    #[test]
    fn another_version_is_named() {
        let mut bytes = Change::Put(alice()).encode();
        bytes[0] = 9;
        assert_eq!(
            Change::decode(&bytes),
            Err(DecodeError::Version { found: 9 })
        );
    }

    #[test]
    fn damaged_bytes_never_pass_for_a_change() {
        let whole = Change::Put(alice()).encode();
        for cut in 0..whole.len() {
            assert_eq!(
                Change::decode(&whole[..cut]),
                Err(DecodeError::Malformed),
                "cut at {cut}"
            );
        }
        let mut longer = whole;
        longer.push(0);
        assert_eq!(Change::decode(&longer), Err(DecodeError::Malformed));
    }

    #[test]
    fn a_name_on_disk_is_checked_again() {
        let mut bytes = Change::Remove { aor: alice().aor }.encode();
        let at = bytes.iter().position(|b| *b == b'@').unwrap();
        bytes[at] = b' ';
        assert_eq!(Change::decode(&bytes), Err(DecodeError::Malformed));
    }
}
