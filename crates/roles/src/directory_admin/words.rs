//! Requests about users and their answers, as they travel over the control socket.

use directory::{
    Algorithm, Aor, BLOCKED_MAX, Blocked, CONTACTS_MAX, Certificate, CertificateId, PoolName, User,
    Verifier,
};
use serde::{Deserialize, Serialize};

use super::{NAME_MAX, USERS_MAX};

/// What can be asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UserRequest {
    /// Make an account.
    Add(NewUser),
    /// Make many; each is made or refused by itself.
    Import {
        /// The accounts.
        users: Vec<NewUser>,
        /// Only say what would happen.
        dry_run: bool,
    },
    /// List accounts in the order of their addresses.
    List {
        /// Begin after this one.
        after: Option<Aor>,
        /// At most so many; more than [`super::LIST_MAX`] is cut to that.
        limit: usize,
    },
    /// Show one account.
    Show {
        /// Whose.
        aor: Aor,
    },
    /// Make another pool the home of an account.
    Move {
        /// Whose.
        aor: Aor,
        /// The new home.
        home: PoolName,
    },
    /// Delete an account.
    Remove {
        /// Whose.
        aor: Aor,
    },
    /// Change the password of an account.
    Passwd {
        /// Whose.
        aor: Aor,
        /// What the new password is checked against.
        verifiers: Vec<NewVerifier>,
    },
    /// Hide the presence of an account from somebody.
    Block {
        /// Whose.
        aor: Aor,
        /// From whom.
        blocked: Blocked,
    },
    /// Take an entry off the block list of an account.
    Unblock {
        /// Whose.
        aor: Aor,
        /// Which entry.
        blocked: Blocked,
    },
    /// Let an account sign in by a certificate.
    Publish {
        /// Whose.
        aor: Aor,
        /// Which.
        certificate: ListedCertificate,
    },
    /// Let it no more.
    Revoke {
        /// Whose.
        aor: Aor,
        /// Which; all of them, if none is named.
        certificate: Option<CertificateId>,
    },
    /// Tell the contact list of an account.
    Contacts {
        /// Whose.
        aor: Aor,
    },
    /// Put users on the contact list of an account.
    AddContacts {
        /// Whose.
        aor: Aor,
        /// Whom.
        contacts: Vec<Aor>,
    },
    /// Take users off the contact list of an account.
    RemoveContacts {
        /// Whose.
        aor: Aor,
        /// Whom.
        contacts: Vec<Aor>,
    },
}

/// A certificate of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListedCertificate {
    /// Its fingerprint: SHA-256 of it.
    pub fingerprint: CertificateId,
    /// When it was issued, in milliseconds since 1970.
    pub issued: u64,
    /// Until when it is good, in milliseconds since 1970.
    pub expires: u64,
}

/// An account to be made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewUser {
    /// Its address.
    pub aor: Aor,
    /// What people read; may be empty.
    pub display_name: String,
    /// Its home pool.
    pub home: PoolName,
    /// What its password is checked against.
    pub verifiers: Vec<NewVerifier>,
}

/// A verifier as it is carried to the machine.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewVerifier {
    /// The hash that made it.
    pub algorithm: Algorithm,
    /// The hash in lower-case hexadecimal.
    pub ha1: String,
}

/// What is answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UserReply {
    /// It is done and durable.
    Done,
    /// One outcome for each account of an import, in its order; nothing where the account was made.
    Imported(Vec<Option<Refusal>>),
    /// Some accounts.
    Users {
        /// In the order of their addresses.
        users: Vec<ListedUser>,
        /// Whether there are more after these.
        more: bool,
    },
    /// A contact list, in its order.
    Contacts(Vec<Aor>),
    /// It was not done.
    Refused(Refusal),
}

/// An account as it is shown: without its verifiers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListedUser {
    /// Its address.
    pub aor: Aor,
    /// What people read.
    pub display_name: String,
    /// Its home pool.
    pub home: PoolName,
    /// Whether it may sign in.
    pub enabled: bool,
    /// The hashes that its password can be checked with.
    pub algorithms: Vec<Algorithm>,
    /// Who may not see its presence.
    #[serde(default)]
    pub blocked: Vec<Blocked>,
    /// By which certificates it may sign in.
    #[serde(default)]
    pub certificates: Vec<ListedCertificate>,
    /// When it was made, in milliseconds since 1970.
    pub created: u64,
    /// When it was last changed, in milliseconds since 1970.
    pub changed: u64,
}

/// Why something was not done. All but the last two are for whoever asked to put right.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum Refusal {
    /// There is an account of this address; use another, or change that one.
    #[error("{aor} exists already")]
    Exists {
        /// The address.
        aor: Aor,
    },
    /// There is no account of this address.
    #[error("there is no user {aor}")]
    Unknown {
        /// The address.
        aor: Aor,
    },
    /// The domain is not one of the topology's.
    #[error("{domain} is not a SIP domain of this deployment; there is {}", known.join(", "))]
    Domain {
        /// The domain that was given.
        domain: String,
        /// Those that exist.
        known: Vec<String>,
    },
    /// The pool is not a Front End pool of the topology.
    #[error("{pool} is not a Front End pool of this deployment; there is {}", known.join(", "))]
    Pool {
        /// The pool that was given.
        pool: PoolName,
        /// Those that exist.
        known: Vec<String>,
    },
    /// The display name is too long or holds control characters.
    #[error("a display name has at most {NAME_MAX} bytes and no control characters")]
    DisplayName,
    /// An account needs at least one verifier and at most one per algorithm.
    #[error("an account needs one verifier for each algorithm")]
    Verifiers,
    /// A verifier has not the form of its algorithm.
    #[error("a verifier for {algorithm:?} is malformed")]
    Verifier {
        /// The algorithm that was named.
        algorithm: Algorithm,
    },
    /// The block list is full; block a domain, or take an entry off.
    #[error("a block list has at most {BLOCKED_MAX} entries")]
    BlockedFull,
    /// The entry is not on the list.
    #[error("{aor} does not block {blocked}")]
    NotBlocked {
        /// Whose list.
        aor: Aor,
        /// The entry.
        blocked: Blocked,
    },
    /// There is no such certificate; `vestibule user certs` lists those that there are.
    #[error("{aor} has no such certificate")]
    NoCertificate {
        /// Whose.
        aor: Aor,
    },
    /// The contact list is full; take somebody off.
    #[error("a contact list has at most {CONTACTS_MAX} users")]
    ContactsFull,
    /// The user is not on the list.
    #[error("{contact} is not on the contact list of {aor}")]
    NotContact {
        /// Whose list.
        aor: Aor,
        /// Who is not on it.
        contact: Aor,
    },
    /// There are as many accounts as there may be.
    #[error("there are already {USERS_MAX} users")]
    Full,
    /// The disk does not keep up; try again.
    #[error("the directory is busy, try again")]
    Busy,
    /// The change could not be made durable; the machine's log says why.
    #[error("the directory cannot be written; see the log of the machine")]
    Disk,
}

impl std::fmt::Debug for NewVerifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "NewVerifier({:?})", self.algorithm)
    }
}

impl From<&User> for ListedUser {
    fn from(user: &User) -> Self {
        Self {
            aor: user.aor.clone(),
            display_name: user.display_name.clone(),
            home: user.home.clone(),
            enabled: user.enabled,
            algorithms: user.verifiers.iter().map(Verifier::algorithm).collect(),
            blocked: user.blocked.clone(),
            certificates: user.certificates.iter().map(Into::into).collect(),
            created: user.created.0,
            changed: user.changed.0,
        }
    }
}

impl From<&Certificate> for ListedCertificate {
    fn from(certificate: &Certificate) -> Self {
        Self {
            fingerprint: certificate.id(),
            issued: certificate.issued.0,
            expires: certificate.expires.0,
        }
    }
}

impl From<ListedCertificate> for Certificate {
    fn from(listed: ListedCertificate) -> Self {
        Self {
            fingerprint: listed.fingerprint.0,
            issued: base::UnixMillis(listed.issued),
            expires: base::UnixMillis(listed.expires),
        }
    }
}
