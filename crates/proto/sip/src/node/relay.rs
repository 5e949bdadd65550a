//! Requests sent on with state: one relay is one request that came, and a leg for each place it went to
//! (RFC 3261 16.2 "response context").
//!
//! ```text
//! request --> relay --leg 0--> hop, on failure the next hop of the same target, then its next alternative
//!                   \-leg 1--> ...                 the next group of targets, when all legs have failed
//! responses: 1xx and 2xx go up at once; of the others the best, when no group is left (16.7)
//! ```
//!
//! A leg moves to the next server of its target when the flow to the first fails or it answers 503, as long as nothing
//! but 100 has come from it; a call that rings is not placed a second time. A server whose flow was there before gets one
//! more try, after all others, over a new flow: it may have been restarted. One that says nothing is left behind
//! ([`super::groups`], which also has the order of targets).

use super::flows::LegId;
use super::groups::{HUNG, LATE};
use super::outgoing::Passage;
use super::overload::is_favoured;
use super::relays::{Cancel, Leg, Relay, leg_id};
use super::{Alarm, Node};
use crate::msg::{Message, Method, Reply};
use crate::observe::Grade;
use crate::role::{Plan, Towards, Why};
use crate::token::Branch;
use crate::txn::{ClientTransaction, Do, Kind, Steps, Timer};
use base::net::{FlowId, Hop, Link};
use std::sync::Arc;

impl Node {
    /// Begins to send a request on.
    pub(super) fn start_relay(
        &mut self,
        key: u64,
        id: FlowId,
        link: &Arc<Link>,
        request: &Message,
        mut plan: Box<Plan>,
    ) {
        if self.is_full_for(request) {
            return self.fail(id, link, request, Why::Overloaded);
        }
        let invite = request.method() == Method::Invite;
        plan.targets.sort_by_key(|target| target.order);
        let relay = Relay {
            key: Some(key),
            ..Relay::of(request.detach(), id, Arc::clone(link), plan)
        };
        let (slot, generation) = self.relays.insert(relay);
        if invite {
            self.flows.calls(id, (slot, generation));
            let trying = Reply::to(request, 100).received(link.remote).write();
            self.with_relay(slot, generation, |node, relay| {
                node.respond(relay, (slot, generation), 100, trying)
            });
        } else {
            let late = Alarm::Trying(slot, generation);
            self.timers.set(self.now.mono, LATE, late);
        }
        self.with_relay(slot, generation, |node, relay| {
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
            self.say_of(&relay, Grade::Step, "over", |_, remark| remark);
            self.relays.remove(slot, &relay);
        } else {
            self.relays.put(slot, relay);
        }
    }

    /// Sends a leg's request to its next hop; answers for the leg if there is none left.
    pub(super) fn try_next(&mut self, relay: &mut Relay, id: (u32, u32), at: usize) {
        loop {
            let towards = relay.legs.get(at).and_then(|leg| relay.way(leg));
            let unreached = match towards.map(|way| &way.towards) {
                Some(Towards::Flow(flow)) => {
                    let flow = *flow;
                    if self.take_flow(relay, at, flow) {
                        return self.send_leg(relay, id, at, flow);
                    }
                    Why::FlowGone
                }
                Some(Towards::Partner(_)) if self.must_find(relay, at) => {
                    return self.try_partner(relay, id, at);
                }
                Some(Towards::Servers(_) | Towards::Partner(_)) => {
                    if let Some(flow) = self.take_hop(relay, at) {
                        return self.send_leg(relay, id, at, flow);
                    }
                    relay.plan.unreached
                }
                None => return,
            };
            if !relay.take_next_way(at) {
                self.say_unreached(relay, at, unreached);
                return self.answer_leg(relay, id, at, unreached.status());
            }
        }
    }

    /// Tells whether the leg may go by a client's flow: once, while it is there.
    fn take_flow(&self, relay: &mut Relay, at: usize, flow: FlowId) -> bool {
        let Some(leg) = relay.legs.get_mut(at) else {
            return false;
        };
        leg.hop = None;
        !std::mem::replace(&mut leg.is_way_used, true) && self.flows.may_carry(flow)
    }

    /// Returns the flow to the next server that a leg may try.
    fn take_hop(&mut self, relay: &mut Relay, at: usize) -> Option<FlowId> {
        let favoured = is_favoured(&relay.request);
        let leg = relay.legs.get_mut(at)?;
        self.flows.order(leg.hops.make_contiguous(), self.now.mono);
        let hop = loop {
            let hop = leg.hops.pop_front()?;
            let (now, random) = (self.now.mono, &mut self.random);
            if favoured || !self.throttles.holds_back(&hop.name, now, random) {
                break hop;
            }
            self.stats.held_back += 1;
        };
        let flow = self.flow_to(&hop);
        let was_open = self.flows.get(flow).is_some_and(|f| f.link.is_some());
        leg.reused = (was_open && !leg.has_tried_again).then(|| hop.clone());
        leg.hop = Some(hop);
        Some(flow)
    }

    pub(super) fn send_leg(
        &mut self,
        relay: &mut Relay,
        (slot, generation): (u32, u32),
        at: usize,
        flow: FlowId,
    ) {
        let Some(leg) = relay.legs.get_mut(at) else {
            return;
        };
        if leg.tries > 0 {
            self.stats.failovers += 1;
        }
        leg.tries = leg.tries.saturating_add(1);
        let name = leg_id(slot, generation, at, leg.tries);
        let breadth = leg.breadth;
        let branch = Branch::Kept {
            worker: self.config.worker,
            slot,
            generation,
            leg: u16::from(name.leg) << 8 | u16::from(name.tries),
        };
        let Some(target) = relay.legs.get(at).and_then(|leg| relay.way(leg)) else {
            return;
        };
        let passage = Passage {
            request: &relay.request,
            came_on: relay.came_on,
            leaves_on: flow,
            link: &relay.link,
            plan: &relay.plan,
            target,
            breadth,
        };
        let sent = self.write_request(&passage, branch);
        let may_leave = self.may_leave(relay, at);
        let Some(leg) = relay.legs.get_mut(at) else {
            return;
        };
        leg.sent = sent;
        leg.flow = Some(flow);
        let kind = if relay.request.method() == Method::Invite {
            Kind::Invite
        } else {
            Kind::Other
        };
        leg.client = ClientTransaction::new(kind, flow.transport().is_reliable());
        self.flows.await_on(flow, name);
        if may_leave {
            self.timers.set(self.now.mono, HUNG, Alarm::Hung(name));
        }
        self.stats.forwarded += 1;
        let steps = leg.client.start();
        self.say_sent(relay, at, flow);
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
                    self.say_of_leg(relay, at, "timed-out", "no answer came in time");
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
        if let Some(flow) = leg.flow {
            self.flows.await_no_more(flow, name);
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
            node.say_of_leg(
                relay,
                at,
                "lost",
                "the connection ended or could not be made",
            );
            let Some(leg) = relay.legs.get_mut(at) else {
                return;
            };
            if leg.cancel != Cancel::No {
                node.answer_leg(relay, id, at, 487);
            } else if leg.heard {
                let why = relay.lost(at);
                node.answer_leg(relay, id, at, why.status());
            } else {
                if let Some(hop) = leg.reused.take() {
                    leg.has_tried_again = true;
                    leg.hops.push_back(hop);
                }
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
        use base::net::Effect;
        let (flow, new) = self.flows.to(hop);
        if new {
            let hop = hop.clone();
            let open = Effect::Open { flow, hop };
            self.out.push_back(super::Action::Net(open));
        }
        flow
    }
}
