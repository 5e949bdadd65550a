//! The bindings in memory.
//!
//! Sharded by user, so that a writer holds a small part for a short time; readers of other users never wait. What
//! ends when is kept per shard in order of time; an entry of that order may be stale (the binding was refreshed) and
//! is dropped when its time comes.

use super::{Binding, Change, Locations};
use base::UnixMillis;
use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Arc, RwLock};

const SHARDS: usize = 64;

#[derive(Default)]
struct Shard {
    users: BTreeMap<Arc<str>, Vec<Arc<Binding>>>,
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
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let shard = &mut *shard;
        let (aor, mut bindings) = match shard.users.remove_entry(change.aor.as_str()) {
            Some(entry) => entry,
            None => (Arc::from(change.aor.as_str()), Vec::new()),
        };
        shard.bindings -= bindings.len();
        bindings.retain(|old| {
            !change
                .remove
                .iter()
                .chain(&change.put)
                .any(|new| new.is_same(old))
        });
        for new in &change.put {
            shard.ends.insert((new.expires_at, Arc::clone(&aor)));
            bindings.push(Arc::new(new.clone()));
        }
        bindings.sort_by_key(|binding| std::cmp::Reverse(binding.q));
        shard.bindings += bindings.len();
        if !bindings.is_empty() {
            bindings.shrink_to_fit();
            shard.users.insert(aor, bindings);
        }
    }

    /// Calls `each` with one change per user that makes the table what it is: a snapshot.
    pub fn snapshot(&self, mut each: impl FnMut(Change)) {
        for shard in &self.shards {
            let shard = shard
                .read()
                .unwrap_or_else(std::sync::PoisonError::into_inner);
            for (aor, bindings) in &shard.users {
                let put = bindings
                    .iter()
                    .map(|binding| Binding::clone(binding))
                    .collect();
                each(Change {
                    aor: aor.to_string(),
                    remove: Vec::new(),
                    put,
                });
            }
        }
    }

    /// Returns how many users have bindings, and how many bindings there are.
    #[must_use]
    pub fn counts(&self) -> (usize, usize) {
        self.shards.iter().fold((0, 0), |(users, bindings), shard| {
            let shard = shard
                .read()
                .unwrap_or_else(std::sync::PoisonError::into_inner);
            (users + shard.users.len(), bindings + shard.bindings)
        })
    }

    fn shard(&self, aor: &str) -> &RwLock<Shard> {
        let at = usize::try_from(self.hasher.hash_one(aor) % SHARDS as u64).unwrap_or(0);
        &self.shards[at]
    }
}

impl Locations for Table {
    fn find(&self, aor: &str, now: UnixMillis) -> Vec<Arc<Binding>> {
        let shard = self
            .shard(aor)
            .read()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let alive = |binding: &&Arc<Binding>| binding.is_alive(now);
        shard
            .users
            .get(aor)
            .map(|all| all.iter().filter(alive).cloned().collect())
            .unwrap_or_default()
    }

    fn expired(&self, now: UnixMillis, max: usize) -> Vec<Change> {
        let mut changes = Vec::new();
        for shard in &self.shards {
            let mut shard = shard
                .write()
                .unwrap_or_else(std::sync::PoisonError::into_inner);
            let shard = &mut *shard;
            while changes.len() < max {
                let Some((_, aor)) = first_ended(&mut shard.ends, now) else {
                    break;
                };
                let ended = |all: &Vec<Arc<Binding>>| {
                    let gone = all.iter().filter(|binding| !binding.is_alive(now));
                    gone.map(|binding| Binding::clone(binding))
                        .collect::<Vec<_>>()
                };
                let remove = shard.users.get(&aor).map(ended).unwrap_or_default();
                if !remove.is_empty() {
                    changes.push(Change {
                        aor: aor.to_string(),
                        remove,
                        put: Vec::new(),
                    });
                }
            }
        }
        changes
    }
}

/// Takes the earliest entry if its time has come.
fn first_ended(ends: &mut BTreeSet<(u64, Arc<str>)>, now: UnixMillis) -> Option<(u64, Arc<str>)> {
    let due = ends.first().is_some_and(|(at, _)| *at <= now.0);
    if due { ends.pop_first() } else { None }
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
        ended.iter().for_each(|change| table.apply(change));
        assert_eq!(table.counts().0, 0);
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
