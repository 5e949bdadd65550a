//! Subscriptions to a whole list of users (RFC 4662): the list is in the request (RFC 5367), or the watcher's own of the
//! directory, whose changes reach the subscription.
//!
//! The list is a subscription of its watcher like any other; it lives with the worker that keeps the watcher. Each of its
//! entries is a subscription as well, with the worker that keeps the one watched, whose notifications come back here as
//! letters. So what holds of single subscriptions (who hides, who is watched by whom, the pace) holds of entries. For who is
//! at home in another pool there is a back-end subscription there ([`super::backend`]).

use super::notice::Reason;
use super::subscriptions::{Pace, Subscription};
use super::{Alarm, Dialog, Do, Events, Package, Reach, Subscribe};
use crate::presence::rlmi::{self, Row};
use crate::role::Why;
use base::Mono;
use base::net::WorkerId;
use bytes::Bytes;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// How long the first notification waits for what other workers have to say, or other pools.
const HOLD: Duration = Duration::from_millis(50);
const HOLD_ELSEWHERE: Duration = Duration::from_millis(300);
/// How much longer an entry lasts than its list, which ends it.
const MARGIN: Duration = Duration::from_secs(60);
/// The documents of one notification; the others follow in the next, so that servers on the way take it.
const MAX_DOCUMENTS: usize = 32 << 10;

/// Who speaks of an entry. What anybody else says of it comes too late.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// Nobody was asked yet.
    Nobody,
    /// A worker of this machine.
    Here,
    /// The home of the user, in another pool.
    Elsewhere,
}

/// That a list has an entry, or (`lasts` is zero) has it no longer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interest {
    /// The worker that keeps the list.
    pub(crate) worker: WorkerId,
    pub(crate) list: u64,
    pub(crate) entry: usize,
    pub(crate) resource: Arc<str>,
    pub(crate) watcher: Arc<str>,
    pub(crate) lasts: Duration,
    /// Who spoke of it when the list said this.
    pub(crate) source: Source,
}

/// What an entry's worker has to say.
#[derive(Clone, Debug)]
pub struct Told {
    pub(crate) list: u64,
    pub(crate) entry: usize,
    pub(crate) source: Source,
    /// Rises; what is older than something heard is left out.
    pub(crate) number: u64,
    pub(crate) ended: Option<Reason>,
    /// `None` while nothing is known.
    pub(crate) body: Option<Bytes>,
}

/// A user of a list: as the list says it, and the address-of-record.
#[derive(Clone, Debug)]
pub(crate) struct Listed {
    pub(crate) uri: String,
    pub(crate) aor: Arc<str>,
    /// Whether another pool has to be asked.
    pub(crate) is_elsewhere: bool,
}

/// What a subscription is to.
#[derive(Clone, Debug, Default)]
pub(crate) struct Listing {
    pub(crate) listed: Vec<Listed>,
    /// Whether it is the watcher's own list of the directory.
    pub(crate) is_stored: bool,
}

struct Entry {
    listed: Listed,
    source: Source,
    heard: u64,
    ended: Option<Reason>,
    body: Option<Bytes>,
    is_new: bool,
}

impl Entry {
    fn row(&self, number: usize, has_room: bool) -> Row<'_> {
        let state = match (self.ended, &self.body) {
            (Some(_), _) => "terminated",
            (None, Some(_)) => "active",
            (None, None) => "pending",
        };
        Row {
            number,
            uri: &self.listed.uri,
            state,
            reason: self.ended.map(Reason::as_str),
            body: self.body.as_ref().filter(|_| has_room),
        }
    }
}

/// The list of one subscription.
pub(super) struct List {
    uri: String,
    /// By a number that is the entry's own for as long as the list lasts.
    entries: BTreeMap<usize, Entry>,
    latest: usize,
    is_stored: bool,
    /// Whether the next notification says everything.
    is_full: bool,
}

impl List {
    /// Says what is new, or everything.
    pub(super) fn write(&mut self, version: u32, is_last: bool, boundary: &str) -> (String, Bytes) {
        let is_full = std::mem::take(&mut self.is_full) || is_last;
        let mut bytes = 0;
        let (mut rows, mut said) = (Vec::new(), Vec::new());
        for (&number, entry) in &self.entries {
            if !is_full && !entry.is_new {
                continue;
            }
            let size = entry.body.as_ref().map_or(0, Bytes::len);
            let has_room = bytes == 0 || bytes + size <= MAX_DOCUMENTS;
            if has_room {
                bytes += size;
                said.push(number);
            }
            if has_room || is_full {
                rows.push(entry.row(number, has_room));
            }
        }
        let written = rlmi::write(&self.uri, &rows, version, is_full, boundary);
        for (number, entry) in &mut self.entries {
            if said.binary_search(number).is_ok() {
                entry.is_new = false;
            } else if is_full {
                entry.is_new = true;
            }
        }
        written
    }

    /// Whether something is left to say.
    pub(super) fn has_more(&self) -> bool {
        self.entries.values().any(|entry| entry.is_new)
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    fn add(&mut self, listed: Listed) -> usize {
        self.latest += 1;
        let entry = Entry {
            listed,
            source: Source::Nobody,
            heard: 0,
            ended: None,
            body: None,
            is_new: false,
        };
        self.entries.insert(self.latest, entry);
        self.latest
    }
}

impl Events {
    /// Begins, refreshes or ends the subscription to a list. Who only fetches it gets one notification, after the wait.
    pub(crate) fn subscribe_list(
        &mut self,
        now: Mono,
        mut asked: Subscribe,
        uri: &str,
        listing: Listing,
    ) -> Result<Vec<Do>, Why> {
        let Listing { listed, is_stored } = listing;
        if self.listed + listed.len() > self.bounds.listed {
            return Err(Why::Overloaded);
        }
        let is_fetch = !asked.is_inside && asked.expires.is_zero();
        let hold = if listed.iter().any(|one| one.is_elsewhere) {
            HOLD_ELSEWHERE
        } else {
            HOLD
        };
        if is_fetch {
            asked.expires = hold;
        }
        let (lasts, is_inside) = (asked.expires, asked.is_inside);
        let mut todo = self.subscribe(now, asked)?;
        let Some(Do::Notify(id)) = todo.first().cloned() else {
            return Err(Why::NoDialog);
        };
        if !is_inside && !self.lists.contains_key(&id) {
            self.listed += listed.len();
            self.lists.insert(id, list_of(uri, listed, is_stored));
        }
        if lasts.is_zero() {
            todo.extend(self.forget(id));
            return Ok(todo);
        }
        let (Some(list), Some(subscription)) =
            (self.lists.get_mut(&id), self.subscriptions.get_mut(&id))
        else {
            return Err(Why::NoDialog);
        };
        list.is_full = true;
        todo.remove(0);
        subscription.pace = Pace::Resting { again: true };
        if !is_fetch {
            todo.push(Do::Set(hold, Alarm::Rested(id)));
        }
        todo.extend(self.interests(id, lasts.saturating_add(MARGIN)));
        Ok(todo)
    }

    /// What ends the entries of a subscription, if it has any.
    pub(super) fn forget(&self, id: u64) -> Vec<Do> {
        self.interests(id, Duration::ZERO)
    }

    fn interests(&self, id: u64, lasts: Duration) -> Vec<Do> {
        let (Some(list), Some(subscription)) = (self.lists.get(&id), self.subscriptions.get(&id))
        else {
            return Vec::new();
        };
        let watcher = &subscription.watcher;
        let entries = list.entries.iter();
        entries
            .map(|(&entry, one)| interest_in(one, (id, entry), watcher, lasts))
            .collect()
    }

    /// Returns the subscriptions to lists of the directory, with whose list it is.
    pub(crate) fn stored_lists(&self) -> Vec<(u64, Arc<str>)> {
        let stored = |(id, one): (&u64, &Subscription)| {
            let list = self.lists.get(id).filter(|list| list.is_stored)?;
            (one.ended.is_none() && list.is_stored).then(|| (*id, Arc::clone(&one.watcher)))
        };
        self.subscriptions.iter().filter_map(stored).collect()
    }

    /// A list of the directory has become this; the watcher hears all of it if that is something new.
    pub(crate) fn relist(&mut self, now: Mono, id: u64, listed: Vec<Listed>) -> Vec<Do> {
        let (Some(list), Some(subscription)) =
            (self.lists.get_mut(&id), self.subscriptions.get(&id))
        else {
            return Vec::new();
        };
        let watcher = &subscription.watcher;
        let lasts = subscription.ends.since(now).saturating_add(MARGIN);
        let stays = |entry: &Entry| listed.iter().any(|one| one.aor == entry.listed.aor);
        let gone: Vec<usize> = list
            .entries
            .iter()
            .filter_map(|(number, entry)| (!stays(entry)).then_some(*number))
            .collect();
        let is_known = |one: &Listed| {
            let mut known = list.entries.values();
            known.any(|entry| entry.listed.aor == one.aor)
        };
        let mut come: Vec<_> = listed.into_iter().filter(|one| !is_known(one)).collect();
        let mut todo = Vec::new();
        for number in gone {
            if let Some(entry) = list.entries.remove(&number) {
                self.listed -= 1;
                todo.push(interest_in(&entry, (id, number), watcher, Duration::ZERO));
            }
        }
        // What finds no room is not on it.
        come.truncate(self.bounds.listed.saturating_sub(self.listed));
        for one in come {
            self.listed += 1;
            let number = list.add(one);
            if let Some(entry) = list.entries.get(&number) {
                todo.push(interest_in(entry, (id, number), watcher, lasts));
            }
        }
        if todo.is_empty() {
            return todo;
        }
        list.is_full = true;
        todo.extend(self.queue(id));
        todo
    }

    /// A list has or had an entry that is kept here.
    pub(crate) fn interest(&mut self, now: Mono, interest: &Interest) -> Result<Vec<Do>, Why> {
        let Interest {
            worker,
            list,
            entry,
            lasts,
            ..
        } = *interest;
        // No Call-ID of a request has a space.
        let call_id = format!("list {} {list} {entry}", worker.0);
        let dialog = Dialog {
            call_id,
            local: String::new(),
            remote: String::new(),
            remote_tag: String::new(),
            target: String::new(),
            route: Vec::new(),
            reach: Reach::List {
                worker,
                list,
                entry,
            },
            heard: 0,
            sent: 0,
        };
        if lasts.is_zero() {
            return Ok(self.drop_dialog(&dialog, Package::Presence));
        }
        let asked = Subscribe {
            resource: Arc::clone(&interest.resource),
            watcher: Arc::clone(&interest.watcher),
            package: Package::Presence,
            id: None,
            expires: lasts,
            is_inside: false,
            dialog,
        };
        self.subscribe(now, asked)
    }

    /// The worker that keeps an entry says something.
    pub(crate) fn entry_told(&mut self, told: Told) -> Vec<Do> {
        let list = self.lists.get_mut(&told.list);
        let Some(entry) = list.and_then(|list| list.entries.get_mut(&told.entry)) else {
            return Vec::new();
        };
        if told.source != entry.source || told.number <= entry.heard {
            return Vec::new();
        }
        entry.heard = told.number;
        let body = told.body.filter(|_| told.ended.is_none());
        if entry.ended == told.ended && entry.body == body {
            return Vec::new();
        }
        entry.ended = told.ended;
        entry.body = body;
        entry.is_new = true;
        self.queue(told.list)
    }
}

impl Events {
    /// From here on another speaks of an entry; returns who did before, `None` if there is no such list.
    pub(crate) fn hears_from(&mut self, list: u64, entry: usize, source: Source) -> Option<Source> {
        let entry = self.lists.get_mut(&list)?.entries.get_mut(&entry)?;
        let before = std::mem::replace(&mut entry.source, source);
        if before != source {
            entry.heard = 0;
        }
        Some(before)
    }
}

/// That a list has an entry, or has it no longer.
fn interest_in(
    entry: &Entry,
    (list, number): (u64, usize),
    watcher: &Arc<str>,
    lasts: Duration,
) -> Do {
    Do::Watch(Interest {
        worker: WorkerId(0),
        list,
        entry: number,
        resource: Arc::clone(&entry.listed.aor),
        watcher: Arc::clone(watcher),
        lasts,
        source: entry.source,
    })
}

fn list_of(uri: &str, listed: Vec<Listed>, is_stored: bool) -> List {
    let mut list = List {
        uri: uri.to_owned(),
        entries: BTreeMap::new(),
        latest: 0,
        is_stored,
        is_full: true,
    };
    for one in listed {
        list.add(one);
    }
    list
}
