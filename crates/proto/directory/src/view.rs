//! The directory as it is now, shared between threads.
//!
//! Accounts lie in [`SHARDS`] ordered maps, each behind its own lock. A reader holds one of them for a look-up and a
//! copy of a counted pointer; a writer for one insertion. Nobody holds two.
//!
//! Invariants: an account lies in the shard of its address; the revision is set after the change it names is visible,
//! so whoever reads revision `n` finds everything up to `n`.
//!
//! Bounds: none of its own. The number of accounts is bounded by whoever writes the log.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use crate::{Aor, Change, User};

const SHARDS: usize = 64;

/// The number of a change in the directory's log; zero is the empty directory before the first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Revision(pub u64);

/// A shared view of all accounts; clones see the same accounts.
#[derive(Clone, Default)]
pub struct Directory(Arc<Inner>);

type Shard = BTreeMap<Aor, Arc<User>>;

struct Inner {
    shards: [RwLock<Shard>; SHARDS],
    len: AtomicUsize,
    revision: AtomicU64,
}

impl Default for Inner {
    fn default() -> Self {
        Self {
            shards: std::array::from_fn(|_| RwLock::default()),
            len: AtomicUsize::new(0),
            revision: AtomicU64::new(0),
        }
    }
}

impl Directory {
    /// Returns the account of exactly this address (`sip:` in front, domain in lower case).
    #[must_use]
    pub fn find(&self, aor: &str) -> Option<Arc<User>> {
        self.read(shard_of(aor)).get(aor).cloned()
    }

    /// Takes in one change of the log; changes must come in order and from one thread.
    pub fn apply(&self, revision: Revision, change: Change) {
        let mut shard = self.write(shard_of(change.aor().as_str()));
        let before = shard.len();
        match change {
            Change::Put(user) => drop(shard.insert(user.aor.clone(), Arc::new(user))),
            Change::Remove { aor } => drop(shard.remove(&aor)),
        }
        self.count(before, shard.len());
        drop(shard);
        self.0.revision.store(revision.0, Ordering::Release);
    }

    /// Puts other accounts in the place of all there are.
    ///
    /// A reader sees, for each account, the old or the new state meanwhile; one that is in both is never missing.
    pub fn replace(&self, revision: Revision, users: impl IntoIterator<Item = User>) {
        let mut fresh: [Shard; SHARDS] = std::array::from_fn(|_| Shard::new());
        for user in users {
            if let Some(shard) = fresh.get_mut(shard_of(user.aor.as_str())) {
                shard.insert(user.aor.clone(), Arc::new(user));
            }
        }
        for (number, shard) in fresh.into_iter().enumerate() {
            let mut place = self.write(number);
            let old = std::mem::replace(&mut *place, shard);
            self.count(old.len(), place.len());
            drop(place);
        }
        self.0.revision.store(revision.0, Ordering::Release);
    }

    /// Returns up to `limit` accounts in the order of their addresses, beginning after the given one.
    ///
    /// It looks at every account: meant for administration, not for the path of a message.
    #[must_use]
    pub fn list(&self, after: Option<&Aor>, limit: usize) -> Vec<Arc<User>> {
        let from = after.map_or(std::ops::Bound::Unbounded, std::ops::Bound::Excluded);
        let range = (from, std::ops::Bound::Unbounded);
        let mut users: Vec<Arc<User>> = Vec::new();
        for number in 0..SHARDS {
            users.extend(
                self.read(number)
                    .range::<Aor, _>(range)
                    .take(limit)
                    .map(|(_, user)| user.clone()),
            );
        }
        users.sort_unstable_by(|a, b| a.aor.cmp(&b.aor));
        users.truncate(limit);
        users
    }

    /// Gives every account to `each`, in no useful but always the same order; no lock is held during the call.
    ///
    /// # Errors
    ///
    /// Stops at the first error of `each` and returns it.
    pub fn try_for_each<E>(&self, mut each: impl FnMut(&User) -> Result<(), E>) -> Result<(), E> {
        for number in 0..SHARDS {
            let users: Vec<Arc<User>> = self.read(number).values().cloned().collect();
            users.iter().try_for_each(|user| each(user))?;
        }
        Ok(())
    }

    /// Returns how many accounts there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len.load(Ordering::Relaxed)
    }

    /// Tells whether there is no account.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the number of the last change that is visible.
    #[must_use]
    pub fn revision(&self) -> Revision {
        Revision(self.0.revision.load(Ordering::Acquire))
    }

    fn count(&self, before: usize, after: usize) {
        if after >= before {
            self.0.len.fetch_add(after - before, Ordering::Relaxed);
        } else {
            self.0.len.fetch_sub(before - after, Ordering::Relaxed);
        }
    }

    #[expect(
        clippy::indexing_slicing,
        reason = "every caller's number is below SHARDS"
    )]
    fn read(&self, number: usize) -> RwLockReadGuard<'_, Shard> {
        self.0.shards[number]
            .read()
            .unwrap_or_else(PoisonError::into_inner)
    }

    #[expect(
        clippy::indexing_slicing,
        reason = "every caller's number is below SHARDS"
    )]
    fn write(&self, number: usize) -> RwLockWriteGuard<'_, Shard> {
        self.0.shards[number]
            .write()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Directory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Directory({} accounts at {:?})",
            self.len(),
            self.revision()
        )
    }
}

/// FNV-1a. Accounts are made by operators, so nobody gains by choosing names that meet in one shard.
fn shard_of(aor: &str) -> usize {
    let mix = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    let hash = aor.bytes().fold(0xcbf2_9ce4_8422_2325, mix);
    usize::try_from((hash >> 32) % SHARDS as u64).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use base::UnixMillis;
    use base::random::Random;

    use super::*;
    use crate::PoolName;

    #[test]
    fn a_change_is_visible_at_its_revision_to_every_clone() {
        let directory = Directory::default();
        let reader = directory.clone();
        directory.apply(Revision(1), Change::Put(user(7, "one")));
        assert_eq!(reader.revision(), Revision(1));
        assert_eq!(
            reader.find("sip:user7@contoso.com").unwrap().display_name,
            "one"
        );
        assert!(reader.find("sip:USER7@contoso.com").is_none());
        directory.apply(
            Revision(2),
            Change::Remove {
                aor: user(7, "").aor,
            },
        );
        assert!(reader.find("sip:user7@contoso.com").is_none());
        assert!(reader.is_empty());
    }

    /// Against the obvious: one ordered map.
    #[test]
    fn it_agrees_with_one_map() {
        let mut random = Random::new([5; 32]);
        let directory = Directory::default();
        let mut plain = BTreeMap::new();
        for step in 1..=4_000_u64 {
            let user = user(random.below(300), &step.to_string());
            let change = if random.below(3) == 0 {
                plain.remove(&user.aor);
                Change::Remove { aor: user.aor }
            } else {
                plain.insert(user.aor.clone(), user.clone());
                Change::Put(user)
            };
            directory.apply(Revision(step), change);
            assert_eq!(directory.len(), plain.len());
        }
        let listed: Vec<User> = directory
            .list(None, usize::MAX)
            .iter()
            .map(|u| User::clone(u))
            .collect();
        assert_eq!(listed, plain.values().cloned().collect::<Vec<_>>());
        assert_eq!(paged(&directory, 7), listed);
    }

    #[test]
    fn a_replacement_leaves_nothing_of_the_old() {
        let directory = Directory::default();
        for number in 0..100 {
            directory.apply(
                Revision(number as u64 + 1),
                Change::Put(user(number, "old")),
            );
        }
        directory.replace(Revision(500), (90..120).map(|number| user(number, "new")));
        assert_eq!((directory.len(), directory.revision()), (30, Revision(500)));
        assert!(
            directory
                .list(None, 1000)
                .iter()
                .all(|user| user.display_name == "new")
        );
    }

    fn paged(directory: &Directory, limit: usize) -> Vec<User> {
        let mut all: Vec<User> = Vec::new();
        loop {
            let after = all.last().map(|user| user.aor.clone());
            let page = directory.list(after.as_ref(), limit);
            if page.is_empty() {
                return all;
            }
            all.extend(page.iter().map(|user| User::clone(user)));
        }
    }

    fn user(number: usize, name: &str) -> User {
        User {
            aor: Aor::parse(&format!("user{number}@contoso.com")).unwrap(),
            display_name: name.into(),
            home: PoolName::parse("fepool01.contoso.net").unwrap(),
            enabled: true,
            verifiers: Vec::new(),
            blocked: Vec::new(),
            certificates: Vec::new(),
            contacts: Vec::new(),
            created: UnixMillis(1),
            changed: UnixMillis(2),
        }
    }
}
