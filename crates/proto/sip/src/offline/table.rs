//! The kept messages in memory.
//!
//! One lock over all, held for a look-up: it is taken once for each registration and message that is kept or delivered,
//! and not at all while nothing is kept.
//!
//! - *Reserved* is the room of a message that is on its way to the change log, so that bounds hold meanwhile.
//! - *Claimed* is a user to whom somebody is delivering: a user's messages go out one after the other, however many phones
//!   sign in at once and on whichever workers.

use super::{Bounds, Change, Kept};
use base::UnixMillis;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Whether somebody is delivering to a user.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Claim {
    #[default]
    Free,
    Taken,
    /// Taken, and asked for again since.
    Wanted,
}

#[derive(Default)]
struct User {
    kept: BTreeMap<u64, Arc<Kept>>,
    reserved: usize,
    /// Somebody has looked for messages while one was on its way to the log.
    missed: bool,
    claim: Claim,
}

impl User {
    fn is_empty(&self) -> bool {
        self.kept.is_empty() && self.reserved == 0 && self.claim == Claim::Free
    }
}

#[derive(Default)]
struct Inner {
    users: BTreeMap<Arc<str>, User>,
    /// What ends when.
    ends: BTreeSet<(u64, u64, Arc<str>)>,
    /// Bytes by who answers for them, with what is reserved, as the two below.
    senders: BTreeMap<Arc<str>, usize>,
    messages: usize,
    bytes: usize,
    latest: u64,
}

/// What is kept now, and what is reserved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Users for whom something is kept.
    pub users: usize,
    /// Messages.
    pub messages: usize,
    /// Bytes of their requests.
    pub bytes: usize,
}

/// The room that a message takes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Room<'a> {
    /// Whom the message is for.
    pub(crate) aor: &'a str,
    /// Who answers for it.
    pub(crate) payer: &'a str,
    /// How long its request is.
    pub(crate) bytes: usize,
}

/// There is no room for a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Full;

/// All messages that are kept, as far as the change log was applied.
#[derive(Default)]
pub struct Table {
    bounds: Bounds,
    inner: Mutex<Inner>,
    /// How many there are, so that nobody takes the lock for nothing.
    messages: AtomicUsize,
}

impl Table {
    /// Makes one that keeps no more than this.
    #[must_use]
    pub fn with(bounds: Bounds) -> Self {
        Self {
            bounds,
            ..Self::default()
        }
    }

    /// Applies a change that was made durable. Nothing is refused here: who has reserved no room is counted all the same.
    pub fn apply(&self, change: &Change) {
        let mut inner = self.lock();
        match change {
            Change::Keep(kept) => inner.keep(kept),
            Change::Remove { aor, id } => inner.remove(aor, *id),
        }
        self.count(&inner);
    }

    /// Calls `each` with a change for every message: a snapshot. No lock is held meanwhile.
    pub fn snapshot(&self, mut each: impl FnMut(Change)) {
        let all: Vec<Arc<Kept>> = {
            let inner = self.lock();
            let users = inner.users.values();
            users.flat_map(|user| user.kept.values().cloned()).collect()
        };
        for kept in all {
            each(Change::Keep(Kept::clone(&kept)));
        }
    }

    /// Returns what is kept.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let inner = self.lock();
        let users = inner.users.values();
        Counts {
            users: users.filter(|user| !user.kept.is_empty()).count(),
            messages: inner.messages,
            bytes: inner.bytes,
        }
    }

    /// Takes room for a message to a user who may have `per_user`, and returns the message's number.
    pub(crate) fn reserve(&self, room: Room<'_>, per_user: usize) -> Result<u64, Full> {
        let Room { aor, payer, bytes } = room;
        let mut inner = self.lock();
        let sent = inner.senders.get(payer).copied().unwrap_or(0);
        let known = inner.users.get(aor);
        let held = known.map_or(0, |user| user.kept.len() + user.reserved);
        let is_full = held >= per_user
            || inner.messages >= self.bounds.messages
            || inner.bytes.saturating_add(bytes) > self.bounds.bytes
            || sent.saturating_add(bytes) > self.bounds.of_sender;
        if is_full {
            return Err(Full);
        }
        inner.user(aor).1.reserved += 1;
        inner.take(payer, bytes);
        inner.latest += 1;
        self.count(&inner);
        Ok(inner.latest)
    }

    /// Gives reserved room back: the message is in the table, or will not be. True if somebody has looked for messages of
    /// the user meanwhile.
    pub(crate) fn settle(&self, room: Room<'_>) -> bool {
        let Room { aor, payer, bytes } = room;
        let mut inner = self.lock();
        let (_, user) = inner.user(aor);
        user.reserved = user.reserved.saturating_sub(1);
        let is_missed = std::mem::take(&mut user.missed);
        inner.give_back(payer, bytes);
        inner.forget_empty(aor);
        self.count(&inner);
        is_missed
    }

    /// Takes a user's oldest message to deliver it. `None` if there is none that is of use, or if somebody is at it: they
    /// then hear of it from [`release`](Self::release).
    pub(crate) fn claim(&self, aor: &str, now: UnixMillis) -> Option<Arc<Kept>> {
        if self.messages.load(Ordering::Acquire) == 0 {
            return None;
        }
        let mut inner = self.lock();
        let user = inner.users.get_mut(aor)?;
        user.missed = user.reserved > 0;
        if user.claim != Claim::Free {
            user.claim = Claim::Wanted;
            return None;
        }
        let mut kept = user.kept.values();
        let oldest = kept.find(|kept| kept.expires_at > now.0)?;
        user.claim = Claim::Taken;
        Some(Arc::clone(oldest))
    }

    /// Gives a user's claim back. True if somebody has wanted it meanwhile.
    pub(crate) fn release(&self, aor: &str) -> bool {
        let mut inner = self.lock();
        let claim = inner.users.get_mut(aor).map(|user| &mut user.claim);
        let was = claim.map(std::mem::take);
        inner.forget_empty(aor);
        was == Some(Claim::Wanted)
    }

    /// Returns the removal of what has expired, at most so many; the same again until these have been applied.
    pub(crate) fn expired(&self, now: UnixMillis, max: usize) -> Vec<Change> {
        if self.messages.load(Ordering::Acquire) == 0 {
            return Vec::new();
        }
        let inner = self.lock();
        let due = inner.ends.iter().take_while(|(at, ..)| *at <= now.0);
        let removal = |(_, id, aor): &(u64, u64, Arc<str>)| Change::Remove {
            aor: aor.to_string(),
            id: *id,
        };
        due.take(max).map(removal).collect()
    }

    fn count(&self, inner: &Inner) {
        self.messages.store(inner.messages, Ordering::Release);
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn user(&mut self, aor: &str) -> (Arc<str>, &mut User) {
        let name = match self.users.get_key_value(aor) {
            Some((name, _)) => Arc::clone(name),
            None => Arc::from(aor),
        };
        let user = self.users.entry(Arc::clone(&name)).or_default();
        (name, user)
    }

    fn keep(&mut self, kept: &Kept) {
        self.remove(&kept.aor, kept.id);
        let (name, user) = self.user(&kept.aor);
        user.kept.insert(kept.id, Arc::new(kept.clone()));
        self.ends.insert((kept.expires_at, kept.id, name));
        self.take(kept.payer(), kept.request.len());
    }

    fn remove(&mut self, aor: &str, id: u64) {
        self.latest = self.latest.max(id);
        let user = self.users.get_mut(aor);
        if let Some(gone) = user.and_then(|user| user.kept.remove(&id)) {
            self.ends.remove(&(gone.expires_at, id, Arc::from(aor)));
            self.give_back(gone.payer(), gone.request.len());
        }
        self.forget_empty(aor);
    }

    fn take(&mut self, payer: &str, bytes: usize) {
        self.messages += 1;
        self.bytes += bytes;
        match self.senders.get_mut(payer) {
            Some(sent) => *sent += bytes,
            None => drop(self.senders.insert(Arc::from(payer), bytes)),
        }
    }

    fn give_back(&mut self, payer: &str, bytes: usize) {
        self.messages = self.messages.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub(bytes);
        if let Some(sent) = self.senders.get_mut(payer) {
            *sent = sent.saturating_sub(bytes);
            if *sent == 0 {
                self.senders.remove(payer);
            }
        }
    }

    fn forget_empty(&mut self, aor: &str) {
        if self.users.get(aor).is_some_and(User::is_empty) {
            self.users.remove(aor);
        }
    }
}
