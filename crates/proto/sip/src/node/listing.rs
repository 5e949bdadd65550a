//! Lists of users: between messages, the workers of this machine and the event state ([`crate::event`]).

use super::note::Note;
use super::{Alarm, Node};
use crate::event::{Interest, Listed, Listing, Notice, Reach, Reason, Said, Source, Told};
use crate::msg::{Message, Name, Uri};
use crate::presence::{Fault, lists, rlmi};
use base::net::WorkerId;
use std::sync::Arc;
use std::time::Duration;

/// The option tags of RFC 4662 and RFC 5367.
pub(super) const TAGS: [&str; 2] = ["eventlist", "recipient-list-subscribe"];

/// How long it is until letters that found no room are tried again, and how many wait for it.
const AGAIN: Duration = Duration::from_millis(100);
const MAX_WAITING: usize = 10_000;

/// Why a list is refused.
pub(super) enum Unlisted {
    MediaType,
    TooLarge,
    Malformed,
}

impl Node {
    /// Returns the list that a request brings; if it has none and does not say that it has, that of the watcher.
    pub(super) fn listing(&self, request: &Message, watcher: &str) -> Result<Listing, Unlisted> {
        let mut required = request.elements(Name::Require);
        let says = |tag: &str| tag.eq_ignore_ascii_case(TAGS[1]);
        let is_stored =
            request.body().is_empty() && !required.any(|tag| tag.text().is_some_and(says));
        let listed = if is_stored {
            self.contacts_of(watcher)
        } else {
            self.listed(request)?
        };
        Ok(Listing { listed, is_stored })
    }

    fn contacts_of(&self, watcher: &str) -> Vec<Listed> {
        let user = self.shared.users.find(watcher);
        let contacts = user.iter().flat_map(|user| &user.contacts);
        contacts
            .filter_map(|contact| self.listed_one(contact.as_str().to_owned()).ok())
            .collect()
    }

    /// The directory has changed: lists that are kept there may have.
    pub(super) fn review_lists(&mut self) {
        for (id, watcher) in self.events.stored_lists() {
            let listed = self.contacts_of(&watcher);
            let todo = self.events.relist(self.now.mono, id, listed);
            self.event_do(todo);
        }
    }

    /// Reads the list of a request.
    fn listed(&self, request: &Message) -> Result<Vec<Listed>, Unlisted> {
        let media_type = request.text(Name::ContentType).unwrap_or_default();
        let media_type = media_type.split(';').next().unwrap_or_default().trim();
        if request.body().is_empty() {
            return Err(Unlisted::Malformed);
        }
        let encoding = request.get(Name::ContentEncoding);
        let is_known = encoding.is_none_or(|field| is_deflate(field.value));
        if !media_type.eq_ignore_ascii_case(lists::TYPE) || !is_known {
            return Err(Unlisted::MediaType);
        }
        let uris = match encoding {
            Some(_) => lists::inflate(request.body()).and_then(|body| lists::read(&body)),
            None => lists::read(request.body()),
        };
        let uris = uris.map_err(|fault| match fault {
            Fault::TooLarge => Unlisted::TooLarge,
            Fault::Syntax | Fault::Forbidden | Fault::Kind => Unlisted::Malformed,
        })?;
        uris.into_iter().map(|uri| self.listed_one(uri)).collect()
    }

    fn listed_one(&self, uri: String) -> Result<Listed, Unlisted> {
        let parsed = Uri::parse(&uri).map_err(|_| Unlisted::Malformed)?;
        let aor = parsed.aor().ok_or(Unlisted::Malformed)?;
        let is_elsewhere = self.is_elsewhere(&aor);
        let aor = Arc::from(aor);
        Ok(Listed {
            uri,
            aor,
            is_elsewhere,
        })
    }

    /// A list has an entry, or has it no longer: tells whoever speaks of it.
    pub(super) fn watch(&mut self, mut interest: Interest) {
        interest.worker = self.config.worker;
        let (list, entry) = (interest.list, interest.entry);
        if interest.lasts.is_zero() {
            self.leave_elsewhere(&interest);
            if interest.source == Source::Here {
                self.watch_here(interest);
            }
            return;
        }
        if !self.is_ours(&interest.resource) {
            return self.entry_says(list, entry, Said::Ended(Reason::Rejected));
        }
        if self.is_elsewhere(&interest.resource) {
            return self.watch_elsewhere(&interest);
        }
        self.leave_elsewhere(&interest);
        self.events.hears_from(list, entry, Source::Here);
        self.watch_here(interest);
    }

    /// Tells the worker that keeps an entry that a list has it, or has it no longer.
    pub(super) fn watch_here(&mut self, interest: Interest) {
        let worker = self.keeper_of(&interest.resource);
        self.tell_or_do(worker, Note::Watch(Box::new(interest)));
    }

    /// A list of some worker has an entry that we keep.
    pub(super) fn watched_by_list(&mut self, interest: &Interest) {
        let (user, watcher) = (&interest.resource, &interest.watcher);
        let refused = if interest.lasts.is_zero() {
            None
        } else if self.shared.users.find(user).is_none() {
            Some(Reason::NoResource)
        } else {
            self.hides(user, watcher).then_some(Reason::Rejected)
        };
        let refused = match refused {
            Some(reason) => Some(reason),
            None => match self.events.interest(self.now.mono, interest) {
                Ok(todo) => {
                    self.event_do(todo);
                    None
                }
                // The list asks again when it is refreshed.
                Err(_) => Some(Reason::Probation),
            },
        };
        if let Some(reason) = refused {
            let told = Told {
                list: interest.list,
                entry: interest.entry,
                source: Source::Here,
                number: self.events.number(),
                ended: Some(reason),
                body: None,
            };
            self.tell_list(interest.worker, told);
        }
    }

    /// Sends what an entry has to say to its list. False if it is no entry of a list.
    pub(super) fn notify_list(&mut self, subscription: u64, notice: &Notice) -> bool {
        let Reach::List {
            worker,
            list,
            entry,
        } = notice.dialog.reach
        else {
            return false;
        };
        let told = Told {
            list,
            entry,
            source: Source::Here,
            number: self.events.number(),
            ended: notice.ended,
            body: Some(notice.body.clone()),
        };
        self.tell_list(worker, told);
        let todo = self.events.told(subscription, true);
        self.event_do(todo);
        true
    }

    fn tell_list(&mut self, worker: WorkerId, told: Told) {
        self.tell_or_do(worker, Note::Entry(worker, Box::new(told)));
    }

    fn tell_or_do(&mut self, worker: WorkerId, note: Note) {
        if worker == self.config.worker {
            self.told(note);
        } else {
            self.tell(worker, note);
        }
    }

    /// A letter about a list found no room: it is sent again a little later. What is beyond the bound comes with the next
    /// refresh of the list.
    pub(super) fn keep_for_later(&mut self, note: &Note) {
        let worker = match note {
            Note::Watch(interest) => self.keeper_of(&interest.resource),
            Note::Entry(worker, _) => *worker,
            Note::Request(_)
            | Note::Notify(..)
            | Note::BindingsChanged(_)
            | Note::FlowClosed(_) => return,
        };
        if self.letters.is_empty() {
            self.timers.set(self.now.mono, AGAIN, Alarm::Letters);
        }
        if self.letters.len() < MAX_WAITING {
            self.letters.push((worker, note.clone()));
        }
    }

    pub(super) fn letters_again(&mut self) {
        for (worker, note) in std::mem::take(&mut self.letters) {
            self.tell(worker, note);
        }
    }
}

fn is_deflate(value: &[u8]) -> bool {
    value
        .trim_ascii()
        .eq_ignore_ascii_case(lists::ENCODING.as_bytes())
}

/// Whether somebody who says what they accept takes what is sent of a list.
pub(super) const TYPES: [&str; 2] = [rlmi::WHOLE, rlmi::TYPE];
