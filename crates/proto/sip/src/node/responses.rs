//! Responses on their way back (RFC 3261 16.7).

use super::flows::LegId;
use super::outgoing::upwards;
use super::rank::rank;
use super::relays::{Best, Cancel, Relay, leg_id};
use super::{Action, Alarm, Node};
use crate::msg::{Message, Reply};
use crate::role::Why;
use crate::token::Branch;
use crate::txn::{Do, Steps, Timer};
use base::net::{Effect, FlowId, Link, Peer};
use bytes::Bytes;
use std::sync::Arc;

impl Node {
    /// Finds what a response belongs to by the branch of our Via.
    pub(super) fn response(&mut self, id: FlowId, link: &Arc<Link>, response: &Message) {
        let branch = response
            .via()
            .ok()
            .and_then(|via| Branch::read(via.branch()?, &self.config.keys.branch));
        match branch {
            None => self.stats.stray_responses += 1,
            Some(Branch::Stateless { flow, .. }) => {
                let bytes = upwards(link, response);
                self.send(flow, bytes);
            }
            Some(Branch::Kept { worker, .. }) if worker != self.config.worker => {
                let bytes = response.bytes().clone();
                let pass = Effect::Pass {
                    worker,
                    flow: id,
                    link: Arc::clone(link),
                    bytes,
                };
                self.out.push_back(Action::Net(pass));
            }
            Some(Branch::Kept {
                slot,
                generation,
                leg,
                ..
            }) => {
                let [leg, tries] = leg.to_be_bytes();
                let name = LegId {
                    slot,
                    generation,
                    leg,
                    tries,
                };
                self.leg_response(name, link, response);
            }
        }
    }

    fn leg_response(&mut self, name: LegId, link: &Link, response: &Message) {
        if self.relays.get(name.slot, name.generation).is_none() {
            self.stats.stray_responses += 1;
            return;
        }
        self.with_relay(name.slot, name.generation, |node, relay| {
            let at = usize::from(name.leg);
            let method = relay.request.method();
            let Some(leg) = relay.legs.get_mut(at) else {
                return;
            };
            if leg.tries != name.tries {
                return;
            }
            if response.method() != method {
                // The only other request with this branch is a CANCEL.
                if leg.cancel == Cancel::Sent {
                    leg.cancel = Cancel::Heard;
                }
                return;
            }
            let id = (name.slot, name.generation);
            for step in leg.client.response(response.status()) {
                match step {
                    Do::Deliver if !node.deliver(relay, id, at, link, response) => break,
                    Do::Deliver => {}
                    Do::Ack => node.acknowledge(relay, at, response),
                    Do::Send | Do::TimedOut | Do::Set(..) | Do::End => {
                        let one = Steps::from_slice(&[step]);
                        node.leg_steps(relay, id, at, &one);
                    }
                }
            }
            node.conclude(relay, id);
        });
    }

    /// Takes in a response. False if the leg has moved to another server, so that what else followed from the response
    /// concerns it no more.
    fn deliver(
        &mut self,
        relay: &mut Relay,
        id: (u32, u32),
        at: usize,
        link: &Link,
        response: &Message,
    ) -> bool {
        match response.status() {
            100 => self.progressing(relay, id, at),
            101..=199 => {
                if let Some(leg) = relay.legs.get_mut(at) {
                    leg.heard = true;
                }
                self.progressing(relay, id, at);
                self.respond(relay, id, response.status(), upwards(link, response));
            }
            status @ 200..=299 => self.accepted(relay, id, at, status, upwards(link, response)),
            503 if self.may_fail_over(relay, at) => {
                if let Some(leg) = relay.legs.get_mut(at) {
                    self.quiet_leg(leg, leg_id(id.0, id.1, at, leg.tries));
                }
                self.try_next(relay, id, at);
                return false;
            }
            // RFC 3261 16.7 step 6: that a phone is overloaded says nothing about us.
            503 if link.peer == Peer::Client => {
                let (status, bytes) = self.own_final(relay, 500);
                self.refused(relay, id, at, status, bytes);
            }
            status => self.refused(relay, id, at, status, upwards(link, response)),
        }
        true
    }

    /// A provisional came: the other side is alive, timer B has done its work and timer C begins (16.7 step 2).
    fn progressing(&mut self, relay: &mut Relay, id: (u32, u32), at: usize) {
        let invite = relay.is_invite();
        let Some(leg) = relay.legs.get_mut(at) else {
            return;
        };
        if !invite {
            return;
        }
        let name = leg_id(id.0, id.1, at, leg.tries);
        if let Some(timer) = leg.give_up.take() {
            self.timers.cancel(timer);
        }
        match leg.cancel {
            Cancel::No => {
                let ring = Alarm::RingingTooLong(name);
                let timer = self.timers.set(self.now.mono, self.config.timer_c, ring);
                if let Some(before) = leg.ringing.replace(timer) {
                    self.timers.cancel(before);
                }
            }
            Cancel::Wanted => self.send_cancel(relay, id, at),
            // The end was set when the CANCEL left; ringing on does not put it off.
            Cancel::Sent | Cancel::Heard => {}
        }
    }

    fn accepted(
        &mut self,
        relay: &mut Relay,
        id: (u32, u32),
        at: usize,
        status: u16,
        bytes: Bytes,
    ) {
        if let Some(leg) = relay.legs.get_mut(at) {
            leg.answered = true;
            self.quiet_leg(leg, leg_id(id.0, id.1, at, leg.tries));
        }
        let first = !relay.server.is_answered();
        if first || relay.is_invite() {
            self.respond(relay, id, status, bytes);
        }
        if first {
            self.cancel_legs(relay, id);
        }
    }

    fn refused(&mut self, relay: &mut Relay, id: (u32, u32), at: usize, status: u16, bytes: Bytes) {
        if let Some(leg) = relay.legs.get_mut(at) {
            leg.answered = true;
            self.quiet_leg(leg, leg_id(id.0, id.1, at, leg.tries));
        }
        let better = relay
            .best
            .as_ref()
            .is_none_or(|best| rank(status) < rank(best.status));
        if better {
            relay.best = Some(Best { status, bytes });
        }
        if status >= 600 {
            self.cancel_legs(relay, id);
        }
    }

    fn may_fail_over(&self, relay: &Relay, at: usize) -> bool {
        relay
            .legs
            .get(at)
            .is_some_and(|leg| leg.has_more_hops() && !leg.heard && leg.cancel == Cancel::No)
    }

    /// We answer for a leg that nobody answers.
    pub(super) fn answer_leg(&mut self, relay: &mut Relay, id: (u32, u32), at: usize, status: u16) {
        if let Some(leg) = relay.legs.get_mut(at) {
            leg.ended = true;
        }
        let (status, bytes) = self.own_final(relay, status);
        self.refused(relay, id, at, status, bytes);
    }

    /// Sends the best response up once every leg has answered (16.7 step 5).
    pub(super) fn conclude(&mut self, relay: &mut Relay, id: (u32, u32)) {
        if relay.server.is_answered() || !relay.legs.iter().all(|leg| leg.answered) {
            return;
        }
        let best = relay.best.take();
        let (status, bytes) = match best {
            Some(best) if best.status == Why::FlowGone.status() => {
                self.own_final(relay, Why::Unreachable.status())
            }
            Some(best) => (best.status, best.bytes),
            None => self.own_final(relay, 500),
        };
        self.respond(relay, id, status, bytes);
    }

    fn own_final(&self, relay: &Relay, status: u16) -> (u16, Bytes) {
        let tag = self.local_tag(&relay.request);
        let reply = Reply::to(&relay.request, status).to_tag(&tag);
        (status, reply.received(relay.link.remote).write())
    }

    /// Sends a response up, as the server transaction allows.
    pub(super) fn respond(&mut self, relay: &mut Relay, id: (u32, u32), status: u16, bytes: Bytes) {
        let steps = relay.server.respond(status);
        if steps.contains(&Do::Send) {
            relay.latest = Some(bytes);
        }
        if status >= 200
            && let Some(flow) = self.flows.get_mut(relay.came_on)
        {
            flow.calling.remove(&id);
        }
        self.server_steps(relay, id, &steps);
    }

    pub(super) fn server_steps(
        &mut self,
        relay: &mut Relay,
        (slot, generation): (u32, u32),
        steps: &Steps,
    ) {
        for step in steps {
            match step {
                Do::Send => self.send_up(relay),
                Do::Set(timer, wait) => {
                    self.timers.set(
                        self.now.mono,
                        *wait,
                        Alarm::Server(slot, generation, *timer),
                    );
                }
                Do::End => relay.server_ended = true,
                Do::Ack | Do::Deliver | Do::TimedOut => {}
            }
        }
        if relay.link.transport.is_reliable() && relay.server.is_answered() {
            relay.latest = None;
        }
    }

    /// To the flow that the request came on; if that is gone and it was a server's, to another of the same server
    /// (RFC 3261 18.2.2).
    fn send_up(&mut self, relay: &Relay) {
        let Some(bytes) = relay.latest.clone() else {
            return;
        };
        if self.flows.may_carry(relay.came_on) {
            return self.send(relay.came_on, bytes);
        }
        let Peer::Server(server) = &relay.link.peer else {
            return;
        };
        let members = self.config.pools.iter().flat_map(|pool| &pool.members);
        let hop = members.clone().find(|hop| hop.name == server.name).cloned();
        if let Some(hop) = hop {
            let flow = self.flow_to(&hop);
            self.send(flow, bytes);
        }
    }

    pub(super) fn server_timer(&mut self, slot: u32, generation: u32, timer: Timer) {
        self.with_relay(slot, generation, |node, relay| {
            let steps = relay.server.timer(timer);
            node.server_steps(relay, (slot, generation), &steps);
        });
    }
}
