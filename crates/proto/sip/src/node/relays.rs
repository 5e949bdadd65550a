//! The table of requests that were sent on: a place for each, found again by slot and generation or by the transaction
//! that it came in. What is done with them is in [`super::relay`].

use super::flows::LegId;
use crate::msg::{Message, Method};
use crate::role::{Plan, Towards, Why};
use crate::txn::{ClientTransaction, Kind, ServerTransaction};
use base::net::{FlowId, Hop, Link};
use base::timers::TimerId;
use bytes::Bytes;
use smallvec::SmallVec;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

/// More targets of one request are not tried (RFC 5393 5: bounded amplification).
const MAX_LEGS: usize = 64;

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
    pub(super) hops: VecDeque<Hop>,
    /// The hop that was sent to over a flow that was there before: such a flow may have ended unnoticed, so that one more
    /// try over a new one is worth it.
    pub(super) reused: Option<Hop>,
    pub(super) has_tried_again: bool,
    pub(super) tries: u8,
    pub(super) flow: Option<FlowId>,
    pub(super) sent: Bytes,
    pub(super) client: ClientTransaction,
    pub(super) give_up: Option<TimerId>,
    pub(super) ringing: Option<TimerId>,
    pub(super) cancel: Cancel,
    /// Something beyond 100 has come.
    pub(super) heard: bool,
    /// A final answer is there, ours or theirs.
    pub(super) answered: bool,
    /// The transaction is over.
    pub(super) ended: bool,
}

impl Leg {
    /// Tells whether another server could be tried.
    pub(super) fn has_more_hops(&self) -> bool {
        !self.hops.is_empty()
    }
}

/// The best final response so far.
pub(super) struct Best {
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
    pub(super) best: Option<Best>,
}

impl Relay {
    pub(super) fn is_invite(&self) -> bool {
        self.request.method() == Method::Invite
    }

    /// What it means that the flow of a leg is gone.
    pub(super) fn lost(&self, at: usize) -> Why {
        let target = self.legs.get(at).map(|leg| leg.target);
        match target.and_then(|target| self.plan.targets.get(target)) {
            Some(target) if matches!(target.towards, Towards::Flow(_)) => Why::FlowGone,
            Some(_) | None => Why::NoServer,
        }
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
    by_key: HashMap<u64, (u32, u32)>,
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

pub(super) fn legs_for(plan: &Plan, kind: Kind) -> SmallVec<[Leg; 1]> {
    let leg = |(target, towards): (usize, &Towards)| Leg {
        target,
        reused: None,
        has_tried_again: false,
        hops: match towards {
            Towards::Servers(hops) => hops.iter().cloned().collect(),
            Towards::Flow(_) => VecDeque::new(),
        },
        tries: 0,
        flow: None,
        sent: Bytes::new(),
        client: ClientTransaction::new(kind, true),
        give_up: None,
        ringing: None,
        cancel: Cancel::No,
        heard: false,
        answered: false,
        ended: false,
    };
    plan.targets
        .iter()
        .map(|target| &target.towards)
        .enumerate()
        .take(MAX_LEGS)
        .map(leg)
        .collect()
}
