//! What an operator does to the directory of users, on the machine that masters it.
//!
//! The same code serves a running machine's control socket and a command that opens the log of a stopped one. Requests
//! carry verifiers, never passwords: whoever asks has computed them.
//!
//! Each operation checks against the view and then appends; a lock around both keeps two operators apart. An answer is
//! given when the change is durable.
//!
//! Bounds: [`USERS_MAX`] accounts, [`LIST_MAX`] of them in one answer, [`NAME_MAX`] bytes of display name. The number of
//! accounts in one import is bounded by the line of the control socket.

mod told;
mod words;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use base::UnixMillis;
use base::net::Role;
use directory::{
    Algorithm, Aor, BLOCKED_MAX, Blocked, CERTIFICATES_MAX, CONTACTS_MAX, CertificateId, Change,
    Directory, PoolName, User, Verifier, VerifierError,
};
use store::LogError;
use topology::{Machine, Topology};
use traces::Recorder;

use crate::directory_log::DirectoryLog;

pub use words::{
    ListedCertificate, ListedUser, NewUser, NewVerifier, Refusal, UserReply, UserRequest,
};

/// How many accounts a deployment may have.
pub const USERS_MAX: usize = 1_000_000;
/// How many accounts one answer lists; at their longest they still fit the line of the control socket.
pub const LIST_MAX: usize = 500;
/// The longest display name, in bytes.
pub const NAME_MAX: usize = 256;

/// What the topology says about accounts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// The SIP domains.
    pub domains: Vec<String>,
    /// The Front End pools.
    pub pools: Vec<String>,
}

/// The one who changes the directory.
pub struct Admin {
    own: DirectoryLog,
    rules: Rules,
    gate: Mutex<()>,
    recorder: Recorder,
}

impl From<&Topology> for Rules {
    fn from(topology: &Topology) -> Self {
        let text = |name: &topology::Fqdn| name.as_str().to_owned();
        Self {
            domains: topology.domains().iter().map(text).collect(),
            pools: topology
                .pools_of(Role::FrontEnd)
                .map(|pool| text(&pool.fqdn))
                .collect(),
        }
    }
}

impl Rules {
    /// Checks that the domain of an address is one of ours.
    ///
    /// # Errors
    ///
    /// [`Refusal::Domain`], with the domains that are.
    pub fn check_domain(&self, aor: &Aor) -> Result<(), Refusal> {
        if self.domains.iter().any(|known| known == aor.domain()) {
            return Ok(());
        }
        Err(Refusal::Domain {
            domain: aor.domain().into(),
            known: self.domains.clone(),
        })
    }

    /// Checks that a pool can be a home.
    ///
    /// # Errors
    ///
    /// [`Refusal::Pool`], with the pools that can.
    pub fn check_pool(&self, pool: &PoolName) -> Result<(), Refusal> {
        if self.pools.iter().any(|known| known == pool.as_str()) {
            return Ok(());
        }
        Err(Refusal::Pool {
            pool: pool.clone(),
            known: self.pools.clone(),
        })
    }
}

/// Returns the machine that masters the directory: the first member of the pool that does. Its log is the one history
/// that all others follow, the other members of its pool included.
#[must_use]
pub fn master(topology: &Topology) -> Option<&Machine> {
    topology.members(topology.directory_master()?).next()
}

impl Admin {
    /// Takes charge of a directory; there must be no other in this process.
    #[must_use]
    pub fn new(own: DirectoryLog, rules: Rules) -> Self {
        Self {
            own,
            rules,
            gate: Mutex::new(()),
            recorder: Recorder::default(),
        }
    }

    /// Has changes recorded.
    #[must_use]
    pub fn recorded_by(self, recorder: Recorder) -> Self {
        Self { recorder, ..self }
    }

    /// Returns the users as they are now.
    #[must_use]
    pub const fn users(&self) -> &Directory {
        self.own.directory()
    }

    /// Carries out one request and waits until it is durable; call it where waiting for the disk is allowed.
    pub fn handle(&self, now: UnixMillis, request: UserRequest) -> UserReply {
        let noted = told::note(&request);
        let outcome = match request {
            UserRequest::List { after, limit } => return self.list(after.as_ref(), limit),
            UserRequest::Show { aor } => return self.show(&aor),
            UserRequest::Import { users, dry_run } => return self.import(now, users, dry_run),
            UserRequest::Add(user) => self.add(now, user),
            UserRequest::Move { aor, home } => self.move_home(now, &aor, home),
            UserRequest::Remove { aor } => self.remove(aor),
            UserRequest::Passwd { aor, verifiers } => self.passwd(now, &aor, &verifiers),
            UserRequest::Block { aor, blocked } => self.block(now, &aor, blocked),
            UserRequest::Unblock { aor, blocked } => self.unblock(now, &aor, &blocked),
            UserRequest::Publish { aor, certificate } => self.publish(now, &aor, certificate),
            UserRequest::Revoke { aor, certificate } => self.revoke(now, &aor, certificate),
            UserRequest::Contacts { aor } => {
                let found = self.find(&aor);
                return found.map_or_else(UserReply::Refused, |user| {
                    UserReply::Contacts(user.contacts.clone())
                });
            }
            UserRequest::AddContacts { aor, contacts } => self.add_contacts(now, &aor, contacts),
            UserRequest::RemoveContacts { aor, contacts } => {
                self.remove_contacts(now, &aor, &contacts)
            }
        };
        if let Some(noted) = noted {
            noted.tell(&self.recorder, outcome.as_ref().err());
        }
        outcome.map_or_else(UserReply::Refused, |()| UserReply::Done)
    }

    fn add(&self, now: UnixMillis, user: NewUser) -> Result<(), Refusal> {
        let _alone = self.gate.lock().unwrap_or_else(PoisonError::into_inner);
        let user = self.admit(now, user, 0)?;
        self.write(&[Change::Put(user)])
    }

    fn import(&self, now: UnixMillis, users: Vec<NewUser>, dry_run: bool) -> UserReply {
        let _alone = self.gate.lock().unwrap_or_else(PoisonError::into_inner);
        let mut made = BTreeSet::new();
        let mut changes = Vec::new();
        let mut outcomes = Vec::with_capacity(users.len());
        for user in users {
            let aor = user.aor.clone();
            let admitted = match self.admit(now, user, made.len()) {
                Ok(_) if !made.insert(aor.clone()) => Err(Refusal::Exists { aor }),
                admitted => admitted,
            };
            outcomes.push(match admitted {
                Ok(user) => {
                    changes.push(Change::Put(user));
                    None
                }
                Err(refusal) => Some(refusal),
            });
        }
        if dry_run {
            return UserReply::Imported(outcomes);
        }
        let written = self.write(&changes);
        told::imported(
            &self.recorder,
            changes.len(),
            &outcomes,
            written.as_ref().err(),
        );
        written.map_or_else(UserReply::Refused, |()| UserReply::Imported(outcomes))
    }

    fn list(&self, after: Option<&Aor>, limit: usize) -> UserReply {
        let limit = limit.min(LIST_MAX);
        let mut users = self.own.directory().list(after, limit + 1);
        let more = users.len() > limit;
        users.truncate(limit);
        UserReply::Users {
            users: users
                .iter()
                .map(|user| ListedUser::from(user.as_ref()))
                .collect(),
            more,
        }
    }

    fn show(&self, aor: &Aor) -> UserReply {
        match self.find(aor) {
            Ok(user) => UserReply::Users {
                users: vec![ListedUser::from(user.as_ref())],
                more: false,
            },
            Err(refusal) => UserReply::Refused(refusal),
        }
    }

    fn move_home(&self, now: UnixMillis, aor: &Aor, home: PoolName) -> Result<(), Refusal> {
        self.rules.check_pool(&home)?;
        self.change(now, aor, |user| {
            user.home = home;
            Ok(())
        })
    }

    fn passwd(&self, now: UnixMillis, aor: &Aor, verifiers: &[NewVerifier]) -> Result<(), Refusal> {
        let verifiers = read_verifiers(verifiers)?;
        self.change(now, aor, |user| {
            user.verifiers = verifiers;
            Ok(())
        })
    }

    fn block(&self, now: UnixMillis, aor: &Aor, blocked: Blocked) -> Result<(), Refusal> {
        self.change(now, aor, |user| {
            if let Err(place) = user.blocked.binary_search(&blocked) {
                if user.blocked.len() >= BLOCKED_MAX {
                    return Err(Refusal::BlockedFull);
                }
                user.blocked.insert(place, blocked);
            }
            Ok(())
        })
    }

    fn unblock(&self, now: UnixMillis, aor: &Aor, blocked: &Blocked) -> Result<(), Refusal> {
        self.change(now, aor, |user| match user.blocked.binary_search(blocked) {
            Ok(place) => {
                user.blocked.remove(place);
                Ok(())
            }
            Err(_) => Err(Refusal::NotBlocked {
                aor: aor.clone(),
                blocked: blocked.clone(),
            }),
        })
    }

    /// Those that have expired go; if there are still too many, the oldest does.
    fn publish(
        &self,
        now: UnixMillis,
        aor: &Aor,
        certificate: ListedCertificate,
    ) -> Result<(), Refusal> {
        self.change(now, aor, |user| {
            let all = &mut user.certificates;
            all.retain(|one| now < one.expires && one.id() != certificate.fingerprint);
            if all.len() >= CERTIFICATES_MAX {
                all.remove(0);
            }
            all.push(certificate.into());
            Ok(())
        })
    }

    fn revoke(
        &self,
        now: UnixMillis,
        aor: &Aor,
        certificate: Option<CertificateId>,
    ) -> Result<(), Refusal> {
        self.change(now, aor, |user| {
            let before = user.certificates.len();
            let all = &mut user.certificates;
            all.retain(|one| certificate.is_some_and(|named| one.id() != named));
            if all.len() == before {
                return Err(Refusal::NoCertificate { aor: aor.clone() });
            }
            Ok(())
        })
    }

    /// All of them or none. Those who are there already stay where they are.
    fn add_contacts(&self, now: UnixMillis, aor: &Aor, contacts: Vec<Aor>) -> Result<(), Refusal> {
        for contact in &contacts {
            self.find(contact)?;
        }
        self.change(now, aor, |user| {
            for contact in contacts {
                if !user.contacts.contains(&contact) {
                    user.contacts.push(contact);
                }
            }
            if user.contacts.len() > CONTACTS_MAX {
                return Err(Refusal::ContactsFull);
            }
            Ok(())
        })
    }

    fn remove_contacts(&self, now: UnixMillis, aor: &Aor, contacts: &[Aor]) -> Result<(), Refusal> {
        self.change(now, aor, |user| {
            for contact in contacts {
                let Some(place) = user.contacts.iter().position(|one| one == contact) else {
                    return Err(Refusal::NotContact {
                        aor: aor.clone(),
                        contact: contact.clone(),
                    });
                };
                user.contacts.remove(place);
            }
            Ok(())
        })
    }

    fn remove(&self, aor: Aor) -> Result<(), Refusal> {
        let _alone = self.gate.lock().unwrap_or_else(PoisonError::into_inner);
        self.find(&aor)?;
        self.write(&[Change::Remove { aor }])
    }

    /// Changes an account that exists.
    fn change(
        &self,
        now: UnixMillis,
        aor: &Aor,
        change: impl FnOnce(&mut User) -> Result<(), Refusal>,
    ) -> Result<(), Refusal> {
        let _alone = self.gate.lock().unwrap_or_else(PoisonError::into_inner);
        let mut user = User::clone(self.find(aor)?.as_ref());
        change(&mut user)?;
        user.changed = now;
        self.write(&[Change::Put(user)])
    }

    fn find(&self, aor: &Aor) -> Result<Arc<User>, Refusal> {
        self.own
            .directory()
            .find(aor.as_str())
            .ok_or_else(|| Refusal::Unknown { aor: aor.clone() })
    }

    /// Checks a new account against the topology and the accounts there are, `waiting` of which are not written yet.
    fn admit(&self, now: UnixMillis, new: NewUser, waiting: usize) -> Result<User, Refusal> {
        self.rules.check_domain(&new.aor)?;
        self.rules.check_pool(&new.home)?;
        if new.display_name.len() > NAME_MAX || new.display_name.chars().any(char::is_control) {
            return Err(Refusal::DisplayName);
        }
        let verifiers = read_verifiers(&new.verifiers)?;
        if self.own.directory().find(new.aor.as_str()).is_some() {
            return Err(Refusal::Exists { aor: new.aor });
        }
        if self.own.directory().len() + waiting >= USERS_MAX {
            return Err(Refusal::Full);
        }
        let NewUser {
            aor,
            display_name,
            home,
            ..
        } = new;
        Ok(User {
            aor,
            display_name,
            home,
            enabled: true,
            verifiers,
            blocked: Vec::new(),
            certificates: Vec::new(),
            contacts: Vec::new(),
            created: now,
            changed: now,
        })
    }

    fn write(&self, changes: &[Change]) -> Result<(), Refusal> {
        let batch = changes
            .iter()
            .map(|change| change.encode().into())
            .collect();
        match self.own.log().append_and_wait(batch) {
            Ok(_) => Ok(()),
            Err(LogError::Full) => Err(Refusal::Busy),
            Err(error) => {
                tracing::error!(%error, "a change to the directory was not written");
                Err(Refusal::Disk)
            }
        }
    }
}

fn read_verifiers(verifiers: &[NewVerifier]) -> Result<Vec<Verifier>, Refusal> {
    let algorithms: BTreeSet<Algorithm> = verifiers
        .iter()
        .map(|verifier| verifier.algorithm)
        .collect();
    if verifiers.is_empty() || algorithms.len() != verifiers.len() {
        return Err(Refusal::Verifiers);
    }
    let read = |new: &NewVerifier| Verifier::new(new.algorithm, &new.ha1);
    verifiers
        .iter()
        .map(read)
        .collect::<Result<_, _>>()
        .map_err(|error| match error {
            VerifierError::Length { algorithm, .. } | VerifierError::Digit { algorithm } => {
                Refusal::Verifier { algorithm }
            }
        })
}

#[cfg(test)]
mod tests;
