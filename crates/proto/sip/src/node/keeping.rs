//! Messages for users who are away, between the request and the change log: 202 only when one is on the disk.

use super::outgoing::say_length;
use super::{Action, Node};
use crate::msg::{Message, Name, date};
use crate::observe::Grade;
use crate::offline::{Change, Kept, Room, payer};
use crate::role::{Assert, Keeping, Why};
use base::net::{FlowId, Link};
use base::timers::TimerId;
use bytes::Bytes;
use std::sync::Arc;

/// How many expired messages one sweep removes.
const SWEEP_MAX: usize = 1_000;
/// What belongs to the way of a request to us, or proves to us who sent it.
const OF_THE_WAY: [Name; 7] = [
    Name::Via,
    Name::Route,
    Name::RecordRoute,
    Name::MaxForwards,
    Name::MaxBreadth,
    Name::Authorization,
    Name::ProxyAuthorization,
];
/// What says who sent it.
const IDENTITY: [Name; 3] = [
    Name::PAssertedIdentity,
    Name::PPreferredIdentity,
    Name::RemotePartyId,
];

/// A change to what is kept, on its way to the log.
pub(super) struct Storing {
    what: Stored,
    late: TimerId,
}

enum Stored {
    /// A message whose sender waits for the answer.
    Message {
        flow: FlowId,
        link: Arc<Link>,
        request: Message,
        aor: Arc<str>,
        /// Who answers for the room reserved for it, and how much that is.
        payer: Box<str>,
        bytes: usize,
        /// Whether it was tried with phones of the user, or nowhere.
        is_tried: bool,
    },
    /// A message that waits no more; its user is claimed by us.
    Done(Arc<Kept>),
    /// So many that have expired.
    Expired(usize),
}

impl Node {
    /// Begins to keep a message; `is_tried` says whether phones of its user have had their chance. False if there is no
    /// room for it; it is not answered then.
    pub(super) fn keep(
        &mut self,
        flow: FlowId,
        link: &Arc<Link>,
        request: &Message,
        keeping: &Keeping,
        is_tried: bool,
    ) -> bool {
        let Some(offline) = self.config.offline else {
            return false;
        };
        let waits = self.as_it_waits(request, &keeping.assert);
        let bytes = waits.len();
        let is_asserted = matches!(keeping.assert, Assert::User(_));
        let room = Room {
            aor: &keeping.aor,
            payer: payer(&keeping.sender, is_asserted),
            bytes,
        };
        let table = &self.shared.offline;
        let has_room = self.storing.len() < self.config.bounds.commits;
        let reserved = has_room.then(|| table.reserve(room, offline.per_user));
        let Some(Ok(id)) = reserved else {
            self.stats.kept_refused += 1;
            self.say_kept(
                &keeping.aor,
                Grade::Trouble,
                "no-room",
                "as much waits as may",
            );
            return false;
        };
        self.will_answer(flow, link, request);
        let kept = Kept {
            id,
            aor: keeping.aor.to_string(),
            sender: keeping.sender.to_string(),
            is_asserted,
            received_at: self.now.wall.0,
            expires_at: keeping.expires_at.0,
            request: waits.to_vec(),
        };
        let what = Stored::Message {
            flow,
            link: Arc::clone(link),
            request: request.detach(),
            aor: Arc::clone(&keeping.aor),
            payer: room.payer.into(),
            bytes,
            is_tried,
        };
        self.store(what, vec![Change::Keep(kept)]);
        true
    }

    /// The request as it is kept: what it is to its user, with the time at which it came unless its sender said when it
    /// left.
    fn as_it_waits(&self, request: &Message, assert: &Assert) -> Bytes {
        let mut edit = request.edit();
        for name in OF_THE_WAY {
            edit.remove(name);
        }
        if !matches!(assert, Assert::Keep) {
            for name in IDENTITY {
                edit.remove(name);
            }
        }
        if request.get(Name::Date).is_none() {
            edit.append(Name::Date, date(self.now.wall.as_secs()));
        }
        say_length(request, &mut edit);
        edit.write()
    }

    /// A message is delivered, refused or of no use: it is removed before its user gets the next.
    pub(super) fn remove_kept(&mut self, kept: Arc<Kept>) {
        let change = removal(&kept);
        self.store(Stored::Done(kept), vec![change]);
    }

    /// Removes what has expired, a batch at a time; while the change log has not answered nothing more is given to it.
    pub(super) fn sweep_kept(&mut self) {
        let is_at_it = |one: &Storing| matches!(one.what, Stored::Expired(_));
        if self.config.offline.is_none() || self.storing.values().any(is_at_it) {
            return;
        }
        let changes = self.shared.offline.expired(self.now.wall, SWEEP_MAX);
        if !changes.is_empty() {
            self.store(Stored::Expired(changes.len()), changes);
        }
    }

    fn store(&mut self, what: Stored, changes: Vec<Change>) {
        let ticket = self.ticket();
        let late = self.commit_timer(ticket);
        self.storing.insert(ticket, Storing { what, late });
        self.out.push_back(Action::Store { ticket, changes });
    }

    /// The change log has answered, or taken too long.
    pub(super) fn stored(&mut self, ticket: u64, done: bool) {
        let Some(Storing { what, late }) = self.storing.remove(&ticket) else {
            return;
        };
        self.timers.cancel(late);
        match what {
            Stored::Message {
                flow,
                link,
                request,
                aor,
                payer,
                bytes,
                is_tried,
            } => {
                let is_missed = self.shared.offline.settle(Room {
                    aor: &aor,
                    payer: &payer,
                    bytes,
                });
                if !done {
                    return self.fail(flow, &link, &request, Why::Overloaded);
                }
                self.stats.kept += 1;
                self.say_kept(&aor, Grade::Work, "kept", "until its user signs in");
                self.stats.end(Why::Kept);
                self.reply(flow, &link, &request, Why::Kept.reply(&request));
                // Whoever has signed in meanwhile has found nothing.
                if is_missed || !is_tried {
                    self.deliver_kept(&aor);
                }
            }
            Stored::Done(kept) => {
                if !done {
                    // It must not be delivered again by this run, whatever the next one finds on the disk.
                    self.shared.offline.apply(&removal(&kept));
                }
                self.shared.offline.release(&kept.aor);
                self.deliver_kept(&kept.aor);
            }
            Stored::Expired(count) if done => {
                self.stats.kept_expired += u64::try_from(count).unwrap_or(u64::MAX);
            }
            Stored::Expired(_) => {}
        }
    }
}

fn removal(kept: &Kept) -> Change {
    Change::Remove {
        aor: kept.aor.clone(),
        id: kept.id,
    }
}
