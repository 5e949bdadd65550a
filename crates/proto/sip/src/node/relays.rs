//! The table of requests that were sent on: a place for each, found again by slot and generation or by the transaction
//! that it came in. What is done with them is in [`super::relay`].

use super::flows::LegId;
use super::groups::breadth;
use crate::msg::{Message, Method};
use crate::offline::Kept;
use crate::role::{Plan, Target, Towards, Why};
use crate::txn::{ClientTransaction, Kind, ServerTransaction};
use base::net::{FlowId, Hop, Link};
use base::numbered::NumberMap;
use base::timers::TimerId;
use bytes::Bytes;
use smallvec::SmallVec;
use std::collections::VecDeque;
use std::sync::Arc;

/// More targets of one request are not tried (RFC 5393 5: bounded amplification).
pub(super) const MAX_LEGS: usize = 64;

/// Whether a leg is being cancelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cancel {
    No,
    /// As soon as a provisional response allows it (RFC 3261 9.1).
    Wanted,
    Sent,
    /// The CANCEL itself was answered; the INVITE is not yet.
    Heard,
}

/// One place that a request was sent to.
pub(super) struct Leg {
    pub(super) target: usize,
    /// Which way to the target: 0 is its own, then its alternatives in order.
    pub(super) way: usize,
    /// Whether the flow that this way names was tried.
    pub(super) is_way_used: bool,
    /// What the request may fork into from here on (RFC 5393 5.3.3).
    pub(super) breadth: u32,
    /// The server that is being tried.
    pub(super) hop: Option<Hop>,
    pub(super) hops: VecDeque<Hop>,
    /// The hop that was sent to over a flow that was there before: such a flow may have ended unnoticed, so that one more
    /// try over a new one is worth it.
    pub(super) reused: Option<Hop>,
    pub(super) has_tried_again: bool,
    /// The servers of a partner are known, and in `hops`.
    pub(super) located: bool,
    pub(super) tries: u8,
    pub(super) flow: Option<FlowId>,
    pub(super) sent: Bytes,
    pub(super) client: ClientTransaction,
    pub(super) give_up: Option<TimerId>,
    pub(super) ringing: Option<TimerId>,
    pub(super) cancel: Cancel,
    /// Something beyond 100 has come.
    pub(super) heard: bool,
    /// It is not waited for: another way or the next group is tried instead. Only a 2xx of it still counts.
    pub(super) left: bool,
    /// It rang too long and was cancelled by us.
    pub(super) expired: bool,
    /// A final answer is there, ours or theirs.
    pub(super) answered: bool,
    /// The transaction is over.
    pub(super) ended: bool,
}

impl Leg {
    /// A leg that nothing was sent on yet.
    pub(super) fn new(target: usize, way: usize, towards: &Towards, breadth: u32) -> Self {
        Self {
            target,
            way,
            is_way_used: false,
            breadth,
            hop: None,
            hops: hops_of(towards),
            reused: None,
            has_tried_again: false,
            located: false,
            tries: 0,
            flow: None,
            sent: Bytes::new(),
            client: ClientTransaction::new(Kind::Other, true),
            give_up: None,
            ringing: None,
            cancel: Cancel::No,
            heard: false,
            left: false,
            expired: false,
            answered: false,
            ended: false,
        }
    }

    /// Tells whether another server could be tried.
    pub(super) fn has_more_hops(&self) -> bool {
        !self.hops.is_empty()
    }

    /// Tells whether the best response need not wait for it.
    pub(super) const fn is_settled(&self) -> bool {
        self.answered || self.left
    }
}

pub(super) fn hops_of(towards: &Towards) -> VecDeque<Hop> {
    match towards {
        Towards::Servers(hops) => hops.iter().cloned().collect(),
        Towards::Flow(_) | Towards::Partner(_) => VecDeque::new(),
    }
}

/// The best final response so far.
pub(super) struct Best {
    pub(super) leg: usize,
    pub(super) status: u16,
    pub(super) bytes: Bytes,
}

/// One request that was sent on.
pub(super) struct Relay {
    pub(super) request: Message,
    pub(super) came_on: FlowId,
    pub(super) link: Arc<Link>,
    pub(super) plan: Box<Plan>,
    pub(super) key: Option<u64>,
    pub(super) server: ServerTransaction,
    pub(super) server_ended: bool,
    pub(super) latest: Option<Bytes>,
    pub(super) legs: SmallVec<[Leg; 1]>,
    /// The first target that is not tried yet.
    pub(super) next: usize,
    /// Whether no further group is tried: it was cancelled, accepted, or refused for good.
    pub(super) stopped: bool,
    /// The sum of what the legs of one group may fork into.
    pub(super) breadth: u32,
    /// Why it is being cancelled, for whom it rings at (RFC 3326).
    pub(super) reason: Option<String>,
    pub(super) best: Option<Best>,
    /// Whether somebody has answered otherwise than that they are not there, or has not answered.
    pub(super) may_have_arrived: bool,
    /// The kept message that this delivers; its answer is for us.
    pub(super) kept: Option<Arc<Kept>>,
    /// Refusals that ask for credentials, by leg (RFC 3261 16.7 step 7).
    pub(super) challenges: Vec<(usize, Bytes)>,
}

impl Relay {
    /// A request that goes nowhere yet.
    pub(super) fn of(request: Message, came_on: FlowId, link: Arc<Link>, plan: Box<Plan>) -> Self {
        let kind = if request.method() == Method::Invite {
            Kind::Invite
        } else {
            Kind::Other
        };
        Self {
            breadth: breadth(&request),
            request,
            came_on,
            server: ServerTransaction::new(kind, link.transport.is_reliable()),
            link,
            plan,
            key: None,
            server_ended: false,
            latest: None,
            legs: SmallVec::new(),
            next: 0,
            stopped: false,
            reason: None,
            best: None,
            may_have_arrived: false,
            kept: None,
            challenges: Vec::new(),
        }
    }

    pub(super) fn is_invite(&self) -> bool {
        self.request.method() == Method::Invite
    }

    /// Takes note of an answer: one that does not say that nobody is there may mean that somebody has the request.
    pub(super) const fn note_final(&mut self, status: u16) {
        self.may_have_arrived |= status >= 200 && !matches!(status, 430 | 480 | 503);
    }

    /// What it means that the flow of a leg is gone.
    pub(super) fn lost(&self, at: usize) -> Why {
        match self.legs.get(at).and_then(|leg| self.way(leg)) {
            Some(target) if matches!(target.towards, Towards::Flow(_)) => Why::FlowGone,
            Some(_) | None => Why::NoServer,
        }
    }

    /// The way that a leg takes to its target.
    pub(super) fn way(&self, leg: &Leg) -> Option<&Target> {
        way_of(&self.plan, leg.target, leg.way)
    }

    /// Turns a leg to the next way to its target. False if there is none.
    pub(super) fn take_next_way(&mut self, at: usize) -> bool {
        let Some(leg) = self.legs.get_mut(at) else {
            return false;
        };
        let Some(next) = way_of(&self.plan, leg.target, leg.way + 1) else {
            return false;
        };
        leg.way += 1;
        leg.is_way_used = false;
        leg.hops = hops_of(&next.towards);
        leg.reused = None;
        leg.has_tried_again = false;
        true
    }

    /// Tells whether a leg has another way to try.
    pub(super) fn has_more_ways(&self, at: usize) -> bool {
        let next = |leg: &Leg| way_of(&self.plan, leg.target, leg.way + 1).is_some();
        self.legs.get(at).is_some_and(next)
    }

    /// Tells whether a leg has another server or way to try.
    pub(super) fn has_more(&self, at: usize) -> bool {
        self.legs.get(at).is_some_and(Leg::has_more_hops) || self.has_more_ways(at)
    }

    /// Tells whether targets are left that may still be tried.
    pub(super) fn has_more_groups(&self) -> bool {
        !self.stopped && self.next < self.plan.targets.len().min(MAX_LEGS)
    }

    /// Where the group of the next target ends: of an INVITE with the last target of the same order.
    pub(super) fn group_end(&self) -> usize {
        let targets = self.plan.targets.get(self.next..).unwrap_or_default();
        let order = targets.first().map(|target| target.order);
        let together = |target: &&Target| !self.is_invite() || Some(target.order) == order;
        (self.next + targets.iter().take_while(together).count()).min(MAX_LEGS)
    }
}

#[derive(Default)]
struct Slot {
    generation: u32,
    relay: Option<Box<Relay>>,
}

/// All relays of a node.
#[derive(Default)]
pub(super) struct Relays {
    slots: Vec<Slot>,
    free: Vec<u32>,
    by_key: NumberMap<u64, (u32, u32)>,
    live: usize,
}

impl Relays {
    pub(super) const fn len(&self) -> usize {
        self.live
    }

    /// Returns how many are not answered yet.
    pub(super) fn awaiting(&self) -> usize {
        let waits = |slot: &&Slot| slot.relay.as_ref().is_some_and(|r| !r.server.is_answered());
        self.slots.iter().filter(waits).count()
    }

    pub(super) fn get(&mut self, slot: u32, generation: u32) -> Option<&mut Relay> {
        let slot = self.slots.get_mut(slot as usize)?;
        if slot.generation == generation {
            slot.relay.as_deref_mut()
        } else {
            None
        }
    }

    pub(super) fn by_key(&self, key: u64) -> Option<(u32, u32)> {
        self.by_key.get(&key).copied()
    }

    pub(super) fn insert(&mut self, relay: Relay) -> (u32, u32) {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot::default());
            u32::try_from(self.slots.len() - 1).unwrap_or(u32::MAX)
        });
        let key = relay.key;
        let entry = &mut self.slots[slot as usize];
        entry.relay = Some(Box::new(relay));
        let id = (slot, entry.generation);
        if let Some(key) = key {
            self.by_key.insert(key, id);
        }
        self.live += 1;
        id
    }

    /// Takes a relay out to work on it while the node is free; it must be put back or removed.
    pub(super) fn take(&mut self, slot: u32, generation: u32) -> Option<Box<Relay>> {
        let slot = self.slots.get_mut(slot as usize)?;
        if slot.generation == generation {
            slot.relay.take()
        } else {
            None
        }
    }

    pub(super) fn put(&mut self, slot: u32, relay: Box<Relay>) {
        if let Some(slot) = self.slots.get_mut(slot as usize) {
            slot.relay = Some(relay);
        }
    }

    pub(super) fn remove(&mut self, slot: u32, relay: &Relay) {
        if let Some(entry) = self.slots.get_mut(slot as usize) {
            entry.relay = None;
            entry.generation = entry.generation.wrapping_add(1);
            self.free.push(slot);
            self.live -= 1;
        }
        if let Some(key) = relay.key {
            self.by_key.remove(&key);
        }
    }
}

pub(super) fn leg_id(slot: u32, generation: u32, at: usize, tries: u8) -> LegId {
    LegId {
        slot,
        generation,
        leg: u8::try_from(at).unwrap_or(u8::MAX),
        tries,
    }
}

/// A way to a target: its own, or one of its alternatives.
fn way_of(plan: &Plan, target: usize, way: usize) -> Option<&Target> {
    let target = plan.targets.get(target)?;
    match way.checked_sub(1) {
        None => Some(target),
        Some(alternative) => target.alternatives.get(alternative),
    }
}
