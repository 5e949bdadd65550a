//! The bindings in memory.
//!
//! Sharded by user, so that a writer holds a small part for a short time; readers of other users never wait. What
//! ends when is kept per shard in order of time: an entry for each binding and none besides. A binding is kept packed
//! ([`Packed`]), so that a million of them leave room for other things.

use super::packed::Packed;
use super::{Binding, Change, Locations};
use base::UnixMillis;
use smallvec::SmallVec;
use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

const SHARDS: usize = 256;

/// The bindings of one user, most preferred first; nearly all users have one.
type Kept = SmallVec<[Packed; 1]>;

#[derive(Default)]
struct Shard {
    users: BTreeMap<Arc<str>, Kept>,
    ends: BTreeSet<(u64, Arc<str>)>,
    bindings: usize,
}

/// All bindings of a pool, as far as the change log was applied.
pub struct Table {
    shards: Vec<RwLock<Shard>>,
    hasher: RandomState,
}

impl Default for Table {
    fn default() -> Self {
        let shards = (0..SHARDS).map(|_| RwLock::default()).collect();
        Self {
            shards,
            hasher: RandomState::new(),
        }
    }
}

impl Table {
    /// Applies a change that was made durable.
    pub fn apply(&self, change: &Change) {
        let mut shard = self
            .shard(&change.aor)
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        let shard = &mut *shard;
        let (aor, mut kept) = match shard.users.remove_entry(change.aor.as_str()) {
            Some(entry) => entry,
            None => (Arc::from(change.aor.as_str()), Kept::new()),
        };
        shard.bindings -= kept.len();
        for old in &kept {
            shard.ends.remove(&(old.expires_at, Arc::clone(&aor)));
        }
        kept.retain(|old| old.unpack().is_some_and(|old| stays(&old, change)));
        // Of two that are the same the later counts.
        let puts = change.put.iter().enumerate();
        let last = |at: usize, new: &Binding| {
            let later = change.put.get(at + 1..).unwrap_or_default();
            !later.iter().any(|later| later.is_same(new))
        };
        kept.extend(
            puts.filter(|(at, new)| last(*at, new))
                .filter_map(|(_, new)| Packed::new(new)),
        );
        for binding in &kept {
            shard.ends.insert((binding.expires_at, Arc::clone(&aor)));
        }
        kept.sort_by_key(|binding| std::cmp::Reverse(binding.q));
        shard.bindings += kept.len();
        if !kept.is_empty() {
            kept.shrink_to_fit();
            shard.users.insert(aor, kept);
        }
    }

    /// Calls `each` with one change per user that makes the table what it is: a snapshot. No lock is held meanwhile.
    pub fn snapshot(&self, mut each: impl FnMut(Change)) {
        for shard in &self.shards {
            let changes: Vec<Change> = {
                let shard = read(shard);
                let users = shard.users.iter();
                users
                    .map(|(aor, kept)| Change {
                        aor: aor.to_string(),
                        remove: Vec::new(),
                        put: kept.iter().filter_map(Packed::unpack).collect(),
                    })
                    .collect()
            };
            changes.into_iter().for_each(&mut each);
        }
    }

    /// Returns how many users have bindings, and how many bindings there are.
    #[must_use]
    pub fn counts(&self) -> (usize, usize) {
        self.shards.iter().fold((0, 0), |(users, bindings), shard| {
            let shard = read(shard);
            (users + shard.users.len(), bindings + shard.bindings)
        })
    }

    fn shard(&self, aor: &str) -> &RwLock<Shard> {
        let at = usize::try_from(self.hasher.hash_one(aor) % SHARDS as u64).unwrap_or(0);
        &self.shards[at]
    }
}

fn read(shard: &RwLock<Shard>) -> RwLockReadGuard<'_, Shard> {
    shard.read().unwrap_or_else(PoisonError::into_inner)
}

/// Tells whether a binding outlives a change to its user.
fn stays(old: &Binding, change: &Change) -> bool {
    !change.remove.iter().any(|removed| removed.removes(old))
        && !change.put.iter().any(|new| new.is_same(old))
}

impl Locations for Table {
    fn find(&self, aor: &str, now: UnixMillis) -> Vec<Arc<Binding>> {
        let shard = read(self.shard(aor));
        let kept = shard.users.get(aor).into_iter().flatten();
        kept.filter(|binding| binding.is_alive(now))
            .filter_map(Packed::shared)
            .collect()
    }

    fn expired(&self, now: UnixMillis, max: usize) -> Vec<Change> {
        let mut changes = Vec::new();
        for shard in &self.shards {
            let shard = read(shard);
            let due = shard.ends.iter().take_while(|(at, _)| *at <= now.0);
            let users: BTreeSet<&Arc<str>> = due
                .map(|(_, aor)| aor)
                .take(max.saturating_sub(changes.len()))
                .collect();
            changes.extend(users.into_iter().filter_map(|aor| ended(&shard, aor, now)));
        }
        changes
    }
}

/// The change that removes what has ended of one user's bindings.
fn ended(shard: &Shard, aor: &Arc<str>, now: UnixMillis) -> Option<Change> {
    let all = shard.users.get(aor)?.iter();
    let gone = all.filter(|binding| !binding.is_alive(now));
    Some(Change {
        aor: aor.to_string(),
        remove: gone.filter_map(Packed::unpack).collect(),
        put: Vec::new(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn binding(contact: &str, expires_at: u64) -> Binding {
        Binding {
            contact: contact.to_owned(),
            params: String::new(),
            instance: None,
            reg_id: 0,
            q: 1000,
            expires_at,
            call_id: "c".to_owned(),
            cseq: 1,
            route: Vec::new(),
            user_agent: String::new(),
            remote: false,
        }
    }

    fn put(aor: &str, binding: Binding) -> Change {
        Change {
            aor: aor.to_owned(),
            remove: Vec::new(),
            put: vec![binding],
        }
    }

    #[test]
    fn a_change_reads_back_and_a_damaged_one_is_refused() {
        let change = put("sip:alice@contoso.com", binding("sip:alice@192.0.2.1", 5));
        let bytes = change.encode();
        assert_eq!(Change::decode(&bytes).unwrap(), change);
        assert!(Change::decode(&bytes[..bytes.len() - 1]).is_err());
        assert!(Change::decode(&[9, 1, 2]).is_err());
        assert!(Change::decode(&[]).is_err());
    }

    #[test]
    fn a_refresh_replaces_and_the_old_deadline_removes_nothing() {
        let table = Table::default();
        table.apply(&put("sip:a@x", binding("sip:a@1", 100)));
        table.apply(&put("sip:a@x", binding("sip:a@1", 200)));
        assert!(table.expired(UnixMillis(150), 10).is_empty());
        assert_eq!(table.find("sip:a@x", UnixMillis(150)).len(), 1);
        assert!(
            table.find("sip:a@x", UnixMillis(200)).is_empty(),
            "ended, though not yet removed"
        );
        let ended = table.expired(UnixMillis(200), 10);
        assert_eq!(ended.len(), 1);
        assert_eq!(table.expired(UnixMillis(200), 10), ended, "not yet applied");
        ended.iter().for_each(|change| table.apply(change));
        assert_eq!(table.counts().0, 0);
    }

    #[test]
    fn the_end_of_a_binding_does_not_remove_its_refresh() {
        let table = Table::default();
        table.apply(&put("sip:a@x", binding("sip:a@1", 100)));
        let ended = table.expired(UnixMillis(100), 10);
        let refresh = Binding {
            cseq: 2,
            ..binding("sip:a@1", 300)
        };
        table.apply(&put("sip:a@x", refresh));
        ended.iter().for_each(|change| table.apply(change));
        assert_eq!(table.find("sip:a@x", UnixMillis(200)).len(), 1);
    }

    #[test]
    fn refreshing_again_and_again_takes_no_memory() {
        let table = Table::default();
        for n in 0..1_000 {
            table.apply(&put("sip:a@x", binding("sip:a@1", 100 + n)));
        }
        let ends = |shard: &RwLock<Shard>| shard.read().unwrap().ends.len();
        assert_eq!(table.shards.iter().map(ends).sum::<usize>(), 1);
    }

    #[test]
    fn at_most_so_many_users_end_at_once() {
        let table = Table::default();
        for n in 0..50 {
            table.apply(&put(&format!("sip:{n}@x"), binding("sip:c@1", 5)));
        }
        let mut left = 50;
        while left > 0 {
            let ended = table.expired(UnixMillis(5), 20);
            assert_eq!(ended.len(), left.min(20));
            ended.iter().for_each(|change| table.apply(change));
            left -= ended.len();
        }
        assert_eq!(table.counts(), (0, 0));
    }

    #[test]
    fn the_most_preferred_comes_first() {
        let table = Table::default();
        table.apply(&put(
            "sip:a@x",
            Binding {
                q: 300,
                ..binding("sip:low@1", 9)
            },
        ));
        table.apply(&put(
            "sip:a@x",
            Binding {
                q: 900,
                ..binding("sip:high@1", 9)
            },
        ));
        let found = table.find("sip:a@x", UnixMillis(0));
        assert_eq!(found.iter().map(|b| b.q).collect::<Vec<_>>(), [900, 300]);
    }

    #[test]
    fn a_snapshot_applied_elsewhere_gives_the_same_answers() {
        let table = Table::default();
        for n in 0..500 {
            table.apply(&put(
                &format!("sip:{}@x", n % 200),
                binding(&format!("sip:c{n}@1"), 1000 + n),
            ));
        }
        let copy = Table::default();
        table.snapshot(|change| copy.apply(&change));
        for n in 0..200 {
            let aor = format!("sip:{n}@x");
            assert_eq!(
                table.find(&aor, UnixMillis(0)),
                copy.find(&aor, UnixMillis(0))
            );
        }
    }
}
