//! Requests sent on with state: one relay is one request that came, and a leg for each place it went to
//! (RFC 3261 16.2 "response context").
//!
//! ```text
//! request --> relay --leg 0--> hop, on failure the next hop of the same target
//!                   \-leg 1--> ...
//! responses: 1xx and 2xx go up at once; of the others the best, when all legs have ended (16.7)
//! ```
//!
//! A leg moves to the next server of its target when the flow to the first fails or it answers 503, as long as nothing
//! but 100 has come from it; a call that rings is not placed a second time.

use super::flows::LegId;
use super::outgoing::Passage;
use super::{Alarm, Node};
use crate::msg::{Message, Method, Reply};
use crate::role::{Plan, Towards, Why};
use crate::token::Branch;
use crate::txn::{ClientTransaction, Do, Kind, ServerTransaction, Steps, Timer};
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
}

/// One place that a request was sent to.
pub(super) struct Leg {
    target: usize,
    hops: VecDeque<Hop>,
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
    key: Option<u64>,
    pub(super) server: ServerTransaction,
    pub(super) server_ended: bool,
    pub(super) latest: Option<Bytes>,
    pub(super) legs: SmallVec<[Leg; 1]>,
    pub(super) best: Option<Best>,
    pub(super) cancelled: bool,
}

impl Relay {
    pub(super) fn is_invite(&self) -> bool {
        self.request.method() == Method::Invite
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

    fn insert(&mut self, relay: Relay) -> (u32, u32) {
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

    fn remove(&mut self, slot: u32, relay: &Relay) {
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

impl Node {
    /// Begins to send a request on.
    pub(super) fn start_relay(
        &mut self,
        id: FlowId,
        link: &Arc<Link>,
        request: &Message,
        plan: Box<Plan>,
    ) {
        if self.relays.len() >= self.config.bounds.relays {
            return self.fail(id, link, request, Why::Overloaded);
        }
        let invite = request.method() == Method::Invite;
        let reliable = link.transport.is_reliable();
        let kind = if invite { Kind::Invite } else { Kind::Other };
        let relay = Relay {
            request: request.detach(),
            came_on: id,
            link: Arc::clone(link),
            key: (invite || !reliable).then(|| self.transaction_key(request)),
            server: ServerTransaction::new(kind, reliable),
            server_ended: false,
            latest: None,
            legs: legs_for(&plan, kind),
            best: None,
            cancelled: false,
            plan,
        };
        let (slot, generation) = self.relays.insert(relay);
        if invite {
            if let Some(flow) = self.flows.get_mut(id) {
                flow.calling.insert((slot, generation));
            }
            let trying = Reply::to(request, 100).write();
            self.with_relay(slot, generation, |node, relay| {
                node.respond(relay, (slot, generation), 100, trying)
            });
        }
        self.with_relay(slot, generation, |node, relay| {
            for leg in 0..relay.legs.len() {
                node.try_next(relay, (slot, generation), leg);
            }
            node.conclude(relay, (slot, generation));
        });
    }

    /// Works on a relay with the node at hand, and forgets the relay if that ended it.
    pub(super) fn with_relay(
        &mut self,
        slot: u32,
        generation: u32,
        work: impl FnOnce(&mut Self, &mut Relay),
    ) {
        let Some(mut relay) = self.relays.take(slot, generation) else {
            return;
        };
        work(self, &mut relay);
        let over = relay.server_ended && relay.legs.iter().all(|leg| leg.ended);
        if over {
            self.relays.remove(slot, &relay);
        } else {
            self.relays.put(slot, relay);
        }
    }

    /// Sends a leg's request to its next hop; answers for the leg if there is none left.
    pub(super) fn try_next(&mut self, relay: &mut Relay, id: (u32, u32), at: usize) {
        let Some(leg) = relay.legs.get_mut(at) else {
            return;
        };
        let Some(target) = relay.plan.targets.get(leg.target) else {
            return;
        };
        let flow = match &target.towards {
            Towards::Flow(flow) => {
                if leg.tries > 0 || !self.flows.may_carry(*flow) {
                    return self.answer_leg(relay, id, at, Why::FlowGone.status());
                }
                *flow
            }
            Towards::Servers(_) => {
                self.flows.order(leg.hops.make_contiguous(), self.now.mono);
                let Some(hop) = leg.hops.pop_front() else {
                    return self.answer_leg(relay, id, at, Why::NoServer.status());
                };
                self.flow_to(&hop)
            }
        };
        self.send_leg(relay, id, at, flow);
    }

    fn send_leg(
        &mut self,
        relay: &mut Relay,
        (slot, generation): (u32, u32),
        at: usize,
        flow: FlowId,
    ) {
        let Some(leg) = relay.legs.get_mut(at) else {
            return;
        };
        let Some(target) = relay.plan.targets.get(leg.target) else {
            return;
        };
        if leg.tries > 0 {
            self.stats.failovers += 1;
        }
        leg.tries = leg.tries.saturating_add(1);
        let name = leg_id(slot, generation, at, leg.tries);
        let branch = Branch::Kept {
            worker: self.config.worker,
            slot,
            generation,
            leg: u16::from(name.leg) << 8 | u16::from(name.tries),
        };
        let passage = Passage {
            request: &relay.request,
            came_on: relay.came_on,
            link: &relay.link,
            plan: &relay.plan,
            target,
        };
        leg.sent = self.write_request(&passage, branch);
        leg.flow = Some(flow);
        let kind = if relay.request.method() == Method::Invite {
            Kind::Invite
        } else {
            Kind::Other
        };
        leg.client = ClientTransaction::new(kind, true);
        if let Some(flow) = self.flows.get_mut(flow) {
            flow.waiting.insert(name);
        }
        self.stats.forwarded += 1;
        let steps = leg.client.start();
        self.leg_steps(relay, (slot, generation), at, &steps);
    }

    /// Carries out a leg's steps, except those that need the response they came from.
    pub(super) fn leg_steps(
        &mut self,
        relay: &mut Relay,
        (slot, generation): (u32, u32),
        at: usize,
        steps: &Steps,
    ) {
        for step in steps {
            let Some(leg) = relay.legs.get_mut(at) else {
                return;
            };
            let name = leg_id(slot, generation, at, leg.tries);
            match step {
                Do::Send => {
                    if let Some(flow) = leg.flow {
                        let bytes = leg.sent.clone();
                        self.send(flow, bytes);
                    }
                }
                Do::Set(timer, wait) => {
                    let timer_id = self
                        .timers
                        .set(self.now.mono, *wait, Alarm::Leg(name, *timer));
                    if *timer == Timer::GiveUp {
                        leg.give_up = Some(timer_id);
                    }
                }
                Do::TimedOut => {
                    let status = if leg.cancel == Cancel::No { 408 } else { 487 };
                    self.answer_leg(relay, (slot, generation), at, status);
                }
                Do::End => self.end_leg(relay, (slot, generation), at),
                Do::Ack | Do::Deliver => {}
            }
        }
    }

    pub(super) fn end_leg(&mut self, relay: &mut Relay, (slot, generation): (u32, u32), at: usize) {
        let Some(leg) = relay.legs.get_mut(at) else {
            return;
        };
        leg.ended = true;
        self.quiet_leg(leg, leg_id(slot, generation, at, leg.tries));
    }

    /// Nothing is waited for on this try any more.
    pub(super) fn quiet_leg(&mut self, leg: &mut Leg, name: LegId) {
        for timer in [leg.give_up.take(), leg.ringing.take()]
            .into_iter()
            .flatten()
        {
            self.timers.cancel(timer);
        }
        if let Some(flow) = leg.flow.and_then(|id| self.flows.get_mut(id)) {
            flow.waiting.remove(&name);
        }
    }

    /// The flow that a leg's request left on is gone.
    pub(super) fn leg_lost(&mut self, name: LegId) {
        self.with_relay(name.slot, name.generation, |node, relay| {
            let id = (name.slot, name.generation);
            let at = usize::from(name.leg);
            let Some(leg) = relay.legs.get_mut(at) else {
                return;
            };
            if leg.tries != name.tries || leg.answered {
                leg.ended |= leg.tries == name.tries && leg.client.is_answered();
                return;
            }
            leg.client.transport_failed();
            node.quiet_leg(leg, name);
            if leg.cancel != Cancel::No {
                node.answer_leg(relay, id, at, 487);
            } else if leg.heard {
                node.answer_leg(relay, id, at, Why::NoServer.status());
            } else {
                node.try_next(relay, id, at);
            }
            node.conclude(relay, id);
        });
    }

    pub(super) fn leg_timer(&mut self, name: LegId, timer: Timer) {
        self.with_relay(name.slot, name.generation, |node, relay| {
            let at = usize::from(name.leg);
            let Some(leg) = relay.legs.get_mut(at) else {
                return;
            };
            if leg.tries != name.tries {
                return;
            }
            let steps = leg.client.timer(timer);
            node.leg_steps(relay, (name.slot, name.generation), at, &steps);
            node.conclude(relay, (name.slot, name.generation));
        });
    }

    /// Returns a flow to a server, asking for one if there is none.
    pub(super) fn flow_to(&mut self, hop: &Hop) -> FlowId {
        use base::net::{Effect, Face, Transport};
        let (flow, new) = self.flows.to(hop);
        if new {
            let hop = hop.clone();
            let open = Effect::Open {
                flow,
                hop,
                face: Face::Inside,
                transport: Transport::Tls,
            };
            self.out.push_back(super::Action::Net(open));
        }
        flow
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

fn legs_for(plan: &Plan, kind: Kind) -> SmallVec<[Leg; 1]> {
    let leg = |(target, towards): (usize, &Towards)| Leg {
        target,
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
