//! CANCEL and ACK: what ends a call that is not yet answered, and what ends its transaction.

use super::flows::LegId;
use super::relays::{Cancel, Leg, Relay, leg_id};
use super::{Alarm, Node};
use crate::msg::{Compose, Limits, Message, Method, Name, Reply};
use crate::txn::{T1, T2, TIMEOUT};
use base::net::{FlowId, Link};
use bytes::Bytes;
use std::time::Duration;

impl Node {
    /// Answers a CANCEL that matches a relay and passes it down. False if it matches none.
    pub(super) fn cancel(&mut self, key: u64, id: FlowId, link: &Link, request: &Message) -> bool {
        let Some((slot, generation)) = self.relays.by_key(key) else {
            return false;
        };
        self.reply(id, link, request, Reply::to(request, 200));
        if let Some(relay) = self.relays.get(slot, generation) {
            relay.reason = reason(request);
        }
        self.cancel_relay(slot, generation);
        true
    }

    /// Takes in an ACK that matches a relay: it ends there. False if it matches none or acknowledges a 2xx, which is
    /// the other end's business.
    pub(super) fn ack(&mut self, key: u64) -> bool {
        let Some((slot, generation)) = self.relays.by_key(key) else {
            return self.answer_acknowledged(key);
        };
        let mut absorbed = true;
        self.with_relay(slot, generation, |node, relay| {
            let steps = relay.server.ack();
            absorbed = !steps.contains(&crate::txn::Do::Deliver);
            node.server_steps(relay, (slot, generation), &steps);
        });
        absorbed
    }

    /// Takes in a request that came again. False if it is new.
    pub(super) fn request_again(&mut self, key: u64, request: &Message) -> bool {
        let Some((slot, generation)) = self.relays.by_key(key) else {
            return false;
        };
        let same = self
            .relays
            .get(slot, generation)
            .is_some_and(|r| r.request.method() == request.method());
        if same {
            self.with_relay(slot, generation, |node, relay| {
                let steps = relay.server.request_again();
                node.server_steps(relay, (slot, generation), &steps);
            });
        }
        same
    }

    pub(super) fn cancel_relay(&mut self, slot: u32, generation: u32) {
        self.with_relay(slot, generation, |node, relay| {
            node.cancel_legs(relay, (slot, generation));
            node.conclude(relay, (slot, generation));
        });
    }

    /// Cancels every INVITE leg that has not answered (RFC 3261 16.10, 16.7 step 10), and tries no more targets.
    pub(super) fn cancel_legs(&mut self, relay: &mut Relay, id: (u32, u32)) {
        relay.stopped = true;
        if relay.is_invite() {
            self.cancel_all(relay, id);
        }
    }

    /// Cancels every leg that has not answered.
    pub(super) fn cancel_all(&mut self, relay: &mut Relay, id: (u32, u32)) {
        for at in 0..relay.legs.len() {
            let Some(leg) = relay.legs.get_mut(at) else {
                return;
            };
            if leg.answered || leg.cancel != Cancel::No {
                continue;
            }
            leg.cancel = Cancel::Wanted;
            if leg.client.is_proceeding() {
                self.send_cancel(relay, id, at);
            }
        }
    }

    /// Sends the CANCEL of a leg, and waits for its final response no longer than a transaction lasts.
    pub(super) fn send_cancel(
        &mut self,
        relay: &mut Relay,
        (slot, generation): (u32, u32),
        at: usize,
    ) {
        let Some(leg) = relay.legs.get_mut(at) else {
            return;
        };
        let Some(flow) = leg.flow else { return };
        leg.cancel = Cancel::Sent;
        if let Some(timer) = leg.ringing.take() {
            self.timers.cancel(timer);
        }
        let over = Alarm::RingingTooLong(leg_id(slot, generation, at, leg.tries));
        leg.ringing = Some(self.timers.set(self.now.mono, TIMEOUT, over));
        let name = leg_id(slot, generation, at, leg.tries);
        let reason = relay.reason.as_deref();
        let cancel = cancel_of(&leg.sent, reason, &self.server_limits);
        self.say_cancel(relay, at);
        if let Some(bytes) = cancel {
            self.send(flow, bytes);
            if !flow.transport().is_reliable() {
                self.timers
                    .set(self.now.mono, T1, Alarm::CancelAgain(name, T1));
            }
        }
    }

    /// Timer E: a CANCEL over UDP is sent again until it or the INVITE is answered; the wait for the latter ends both.
    pub(super) fn cancel_again(&mut self, name: LegId, waited: Duration) {
        let Some(relay) = self.relays.get(name.slot, name.generation) else {
            return;
        };
        let leg = relay.legs.get(usize::from(name.leg));
        let waits =
            |leg: &&Leg| leg.tries == name.tries && !leg.answered && leg.cancel == Cancel::Sent;
        let Some((flow, sent)) = leg
            .filter(waits)
            .and_then(|leg| Some((leg.flow?, leg.sent.clone())))
        else {
            return;
        };
        let reason = relay.reason.clone();
        if let Some(bytes) = cancel_of(&sent, reason.as_deref(), &self.server_limits) {
            self.send(flow, bytes);
        }
        let wait = (waited * 2).min(T2);
        self.timers
            .set(self.now.mono, wait, Alarm::CancelAgain(name, wait));
    }

    /// Acknowledges a refusal hop by hop (RFC 3261 17.1.1.3).
    pub(super) fn acknowledge(&mut self, relay: &Relay, at: usize, response: &Message) {
        let Some(leg) = relay.legs.get(at) else {
            return;
        };
        let Some(flow) = leg.flow else { return };
        if let Some(bytes) = ack_of(&leg.sent, response, &self.server_limits) {
            self.send(flow, bytes);
        }
    }

    /// Timer C: a call has rung too long and is cancelled; or a CANCEL did not bring the final response, which is
    /// then taken as given (RFC 3261 16.8, 9.1).
    pub(super) fn ringing_too_long(&mut self, name: LegId) {
        self.with_relay(name.slot, name.generation, |node, relay| {
            let id = (name.slot, name.generation);
            let at = usize::from(name.leg);
            let Some(leg) = relay.legs.get_mut(at) else {
                return;
            };
            if leg.tries != name.tries || leg.answered {
                return;
            }
            if leg.cancel == Cancel::No {
                leg.expired = true;
                node.say_of_leg(relay, at, "rang-too-long", "timer C has run out");
                node.send_cancel(relay, id, at);
            } else {
                let status = if leg.expired { 408 } else { 487 };
                node.answer_leg(relay, id, at, status);
                node.conclude(relay, id);
            }
        });
    }
}

/// Writes the CANCEL of an INVITE as it was sent, with the reason that it has (RFC 3326).
fn cancel_of(sent: &Bytes, reason: Option<&str>, limits: &Limits) -> Option<Bytes> {
    let invite = Message::parse(sent.clone(), limits).ok()?;
    let cancel = of_invite(&invite, Method::Cancel, invite.text(Name::To)?)?;
    let with = |reason| cancel.clone().header(Name::Reason, reason);
    Some(reason.map_or_else(|| cancel.clone(), with).write())
}

/// Writes the ACK for a refusal of an INVITE as it was sent.
fn ack_of(sent: &Bytes, response: &Message, limits: &Limits) -> Option<Bytes> {
    let invite = Message::parse(sent.clone(), limits).ok()?;
    Some(of_invite(&invite, Method::Ack, response.text(Name::To)?)?.write())
}

/// What a request says about why it is sent, all lines as one; `None` if nothing that could be passed on.
fn reason(request: &Message) -> Option<String> {
    let lines: Option<Vec<_>> = request.all(Name::Reason).map(|line| line.text()).collect();
    lines
        .filter(|lines| !lines.is_empty())
        .map(|lines| lines.join(", "))
}

/// Begins the CANCEL or ACK that belongs to an INVITE: the same Request-URI, top Via, Route, From and Call-ID.
fn of_invite(invite: &Message, method: Method, to: &str) -> Option<Compose> {
    let number = invite.cseq().ok()?.number;
    let mut compose = Compose::request(method.as_str(), invite.uri());
    compose = compose.header(Name::Via, invite.elements(Name::Via).next()?.text()?);
    for route in invite.all(Name::Route) {
        compose = compose.header(Name::Route, std::str::from_utf8(route.value).ok()?);
    }
    compose = compose.header(Name::MaxForwards, "70");
    compose = compose
        .header(Name::From, invite.text(Name::From)?)
        .header(Name::To, to);
    compose = compose.header(Name::CallId, invite.call_id().ok()?);
    Some(compose.header(Name::CSeq, format!("{number} {}", method.as_str())))
}
