//! Responses on their way back (RFC 3261 16.7).

use super::flows::LegId;
use super::rank::rank;
use super::relays::{Best, Cancel, Leg, Relay, leg_id};
use super::{Action, Alarm, Node};
use crate::msg::{Message, Name, Reply};
use crate::observe::{Grade, Topic};
use crate::role::{Ask, Assert, Context, Why, eventing, keeping, loops};
use crate::token::Branch;
use crate::txn::{Do, Steps, Timer};
use base::net::{Effect, FlowId, Link, Peer};
use bytes::Bytes;
use std::sync::Arc;
use std::time::Duration;

/// A server that asks for a longer rest is tried again after this.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(300);
/// Why the other phones of a user stop ringing (RFC 3326 3.1).
const ELSEWHERE: &str = "SIP;cause=200;text=\"Call completed elsewhere\"";

impl Node {
    /// Finds what a response belongs to by the branch of our Via.
    pub(super) fn response(&mut self, id: FlowId, link: &Arc<Link>, response: &Message) {
        let via = response.via().ok();
        let branch = via.as_ref().and_then(|via| {
            Branch::read(
                loops::without_digest(via.branch()?),
                &self.config.keys.branch,
            )
        });
        if let (Some(_), Some(via)) = (&branch, &via) {
            self.learn_overload(link, via);
        }
        match branch {
            None => self.stray(id, link, response),
            Some(Branch::Stateless { flow, .. }) => {
                let asked = self.flows.get(flow).and_then(|flow| flow.link.clone());
                let peer = asked.as_ref().map(|asked| &asked.peer);
                let bytes = self.upwards(link, peer, None, response);
                self.send(flow, bytes);
            }
            Some(Branch::Kept { worker, .. } | Branch::Own { worker, .. })
                if worker != self.config.worker =>
            {
                let bytes = response.bytes().clone();
                let pass = Effect::Pass {
                    worker,
                    flow: id,
                    link: Arc::clone(link),
                    bytes,
                };
                self.out.push_back(Action::Net(pass));
            }
            Some(Branch::Own { number, .. }) => self.own_response(number, response),
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
                if self.relays.get(slot, generation).is_none() {
                    return self.stray(id, link, response);
                }
                self.leg_response(name, link, response);
            }
        }
    }

    /// Nobody waits for a response.
    fn stray(&mut self, id: FlowId, link: &Link, response: &Message) {
        self.stats.stray_responses += 1;
        self.say(Topic::Stack, Grade::Step, "stray", |node, remark| {
            let reason = "nobody waits for this response";
            let end = node.end_at(id, link);
            remark.about(response).at(end).because(reason)
        });
    }

    fn leg_response(&mut self, name: LegId, link: &Link, response: &Message) {
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
        // Of a gateway no open connection says that it is well.
        if let Peer::Gateway(name) = &link.peer {
            if response.status() == 503 {
                self.flows.rest(Arc::clone(name), self.now.mono);
            } else {
                self.flows.answers(name);
            }
        }
        relay.note_final(response.status());
        match response.status() {
            100 => self.progressing(relay, id, at, false),
            // RFC 4320 4.1: no other provisional to a non-INVITE request; RFC 6026: none of what is not waited for.
            101..=199 if !relay.is_invite() => {}
            101..=199 => {
                let Some(leg) = relay.legs.get_mut(at) else {
                    return true;
                };
                leg.heard = true;
                let is_left = leg.left;
                self.progressing(relay, id, at, true);
                if !is_left {
                    let bytes = self.upwards_of(relay, link, response);
                    self.respond(relay, id, response.status(), bytes);
                }
            }
            status @ 200..=299 => {
                self.note_flow_timer(relay.came_on, &relay.request, response);
                let bytes = self.upwards_of(relay, link, response);
                self.accepted(relay, id, at, status, bytes);
            }
            status @ (408 | 430 | 503) if self.may_fail_over(relay, at, status) => {
                self.rest_after(relay, at, response);
                let reason = "it is not there or takes no more, so another is tried";
                self.say_of_leg(relay, at, "failed-over", reason);
                if let Some(leg) = relay.legs.get_mut(at) {
                    self.quiet_leg(leg, leg_id(id.0, id.1, at, leg.tries));
                }
                self.try_next(relay, id, at);
                return false;
            }
            503 => {
                self.rest_after(relay, at, response);
                let (status, bytes) = self.instead_of_503(relay, response);
                self.refused(relay, id, at, status, bytes);
            }
            status => {
                let bytes = self.upwards_of(relay, link, response);
                self.refused(relay, id, at, status, bytes);
            }
        }
        true
    }

    /// The response to a relay as it goes up.
    fn upwards_of(&self, relay: &Relay, link: &Link, response: &Message) -> Bytes {
        self.upwards(link, Some(&relay.link.peer), Some(&relay.request), response)
    }

    /// RFC 3261 16.7 step 6: that the one who was asked is overloaded says nothing about us, so that nobody shall leave
    /// us for it.
    fn instead_of_503(&self, relay: &Relay, response: &Message) -> (u16, Bytes) {
        let tag = self.local_tag(&relay.request);
        let mut reply = Reply::to(&relay.request, 500).to_tag(&tag);
        if let Some(wait) = retry_after(response) {
            reply = reply.header(Name::RetryAfter, wait.as_secs());
        }
        (500, reply.received(relay.link.remote).write())
    }

    /// RFC 3261 21.5.4: a server that says for how long it is out of service is not asked before.
    fn rest_after(&mut self, relay: &Relay, at: usize, response: &Message) {
        let hop = relay.legs.get(at).and_then(|leg| leg.hop.as_ref());
        if let (503, Some(hop), Some(wait)) = (response.status(), hop, retry_after(response)) {
            let until = self.now.mono.after(wait.min(RETRY_AFTER_MAX));
            self.flows.rest_until(hop, until);
        }
    }

    /// A provisional came: the other side is alive, timer B has done its work and timer C begins, anew with each but a
    /// 100 (16.7 step 2).
    fn progressing(&mut self, relay: &mut Relay, id: (u32, u32), at: usize, anew: bool) {
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
            Cancel::No if leg.ringing.is_some() && !anew => {}
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
            relay.reason.get_or_insert_with(|| ELSEWHERE.to_owned());
            self.cancel_legs(relay, id);
        }
    }

    fn refused(&mut self, relay: &mut Relay, id: (u32, u32), at: usize, status: u16, bytes: Bytes) {
        let Some(leg) = relay.legs.get_mut(at) else {
            return;
        };
        leg.answered = true;
        self.quiet_leg(leg, leg_id(id.0, id.1, at, leg.tries));
        if leg.left {
            return;
        }
        if leg.expired && status == 487 {
            // We ended it, the caller did not.
            let (status, bytes) = self.own_final(relay, 408);
            return self.keep_best(relay, at, status, bytes);
        }
        if matches!(status, 401 | 407) {
            relay.challenges.push((at, bytes.clone()));
        }
        self.keep_best(relay, at, status, bytes);
        if status >= 600 {
            self.cancel_legs(relay, id);
        }
    }

    /// Keeps a final response if it is better than those before it.
    pub(super) fn keep_best(&self, relay: &mut Relay, leg: usize, status: u16, bytes: Bytes) {
        let best = relay.best.as_ref();
        if best.is_none_or(|best| rank(status) < rank(best.status)) {
            relay.best = Some(Best { leg, status, bytes });
        }
    }

    /// A 503 is the business of one server; 408 and 430 mean that this way to a phone is dead, and it may have others
    /// (RFC 5626 5.3).
    fn may_fail_over(&self, relay: &Relay, at: usize, status: u16) -> bool {
        let may = |leg: &Leg| !leg.heard && leg.cancel == Cancel::No && !leg.left;
        let more = if status == 503 {
            relay.has_more(at)
        } else {
            relay.has_more_ways(at)
        };
        more && relay.legs.get(at).is_some_and(may)
    }

    /// We answer for a leg that nobody answers.
    pub(super) fn answer_leg(&mut self, relay: &mut Relay, id: (u32, u32), at: usize, status: u16) {
        if let Some(leg) = relay.legs.get_mut(at) {
            leg.ended = true;
        }
        relay.note_final(status);
        let (status, bytes) = self.own_final(relay, status);
        self.refused(relay, id, at, status, bytes);
    }

    /// Once every leg has answered, tries the next group of targets, or sends the best response up (16.7 step 5).
    pub(super) fn conclude(&mut self, relay: &mut Relay, id: (u32, u32)) {
        while !relay.server.is_answered() && relay.legs.iter().all(Leg::is_settled) {
            if !relay.has_more_groups() {
                return self.send_best(relay, id);
            }
            self.begin_group(relay, id);
        }
    }

    fn send_best(&mut self, relay: &mut Relay, id: (u32, u32)) {
        if self.stood_in(relay) || self.kept_instead(relay) {
            return;
        }
        self.say_best(relay);
        let (status, bytes) = match relay.best.take() {
            // RFC 4320 4.2: by now whoever sent a non-INVITE request has given up, and a 408 only makes them think that
            // it is we who are dead.
            Some(best) if best.status == 408 && !relay.is_invite() && relay.kept.is_none() => {
                relay.server.abandon();
                relay.server_ended = true;
                return;
            }
            Some(best) if best.status == Why::FlowGone.status() => {
                self.own_final(relay, Why::Unreachable.status())
            }
            Some(best) => (best.status, self.with_all_challenges(relay, &best)),
            None => self.own_final(relay, 500),
        };
        self.respond(relay, id, status, bytes);
    }

    /// Answers about event state ourselves where the home of the one it is about has turned out not to be there.
    fn stood_in(&mut self, relay: &mut Relay) -> bool {
        let Assert::User(asker) = &relay.plan.assert else {
            return false;
        };
        if relay
            .best
            .as_ref()
            .is_none_or(|best| best.status != Why::NoServer.status())
        {
            return false;
        }
        let about = self.asked_again(relay, |context, ask| {
            eventing::stands_in_after_all(context, ask, asker)
        });
        let Some(about) = about else {
            return false;
        };
        relay.server.abandon();
        relay.server_ended = true;
        let (id, link) = (relay.came_on, Arc::clone(&relay.link));
        self.event(id, &link, &relay.request, about);
        true
    }

    /// Keeps a message that was sent to where its user should have been, and has reached nobody.
    fn kept_instead(&mut self, relay: &mut Relay) -> bool {
        let is_lost = relay.best.as_ref().is_some_and(|best| {
            // A 500 is what became of a 503.
            matches!(best.status, 430 | 480 | 500 | 503)
        });
        if relay.kept.is_some() || relay.may_have_arrived || !is_lost {
            return false;
        }
        let keeping = self.asked_again(relay, |context, ask| {
            keeping::instead(context, ask, &relay.plan.assert)
        });
        let (id, link) = (relay.came_on, Arc::clone(&relay.link));
        let keep = |keeping| self.keep(id, &link, &relay.request, &keeping, true);
        if !keeping.is_some_and(keep) {
            return false;
        }
        relay.server.abandon();
        relay.server_ended = true;
        true
    }

    /// Lets somebody decide once more about the request of a relay.
    fn asked_again<T>(
        &mut self,
        relay: &Relay,
        decide: impl FnOnce(&mut Context<'_>, &Ask<'_>) -> Option<T>,
    ) -> Option<T> {
        // It was sound when it came.
        let parts = relay.request.check().ok()?;
        let ask = Ask {
            request: &relay.request,
            parts: &parts,
            flow: relay.came_on,
            link: &relay.link,
            user: None,
        };
        self.with_context(|context| decide(context, &ask))
    }

    /// RFC 3261 16.7 step 7: who is asked for credentials by several gets all their challenges at once.
    fn with_all_challenges(&self, relay: &Relay, best: &Best) -> Bytes {
        let read = |bytes: &Bytes| Message::parse(bytes.clone(), &self.server_limits).ok();
        let others = relay.challenges.iter().filter(|(leg, _)| *leg != best.leg);
        let others: Vec<Message> = others.filter_map(|(_, bytes)| read(bytes)).collect();
        if others.is_empty() || !matches!(best.status, 401 | 407) {
            return best.bytes.clone();
        }
        let Some(response) = read(&best.bytes) else {
            return best.bytes.clone();
        };
        let mut edit = response.edit();
        for name in [Name::WwwAuthenticate, Name::ProxyAuthenticate] {
            for field in others.iter().flat_map(|other| other.all(name)) {
                edit.append(name, String::from_utf8_lossy(field.value));
            }
        }
        edit.write()
    }

    pub(super) fn own_final(&self, relay: &Relay, status: u16) -> (u16, Bytes) {
        let tag = self.local_tag(&relay.request);
        let reply = Reply::to(&relay.request, status).to_tag(&tag);
        (status, reply.received(relay.link.remote).write())
    }

    /// Sends a response up, as the server transaction allows.
    pub(super) fn respond(&mut self, relay: &mut Relay, id: (u32, u32), status: u16, bytes: Bytes) {
        let steps = relay.server.respond(status);
        if steps.contains(&Do::Send) {
            relay.latest = Some(bytes);
            if let Some(kept) = relay.kept.clone().filter(|_| status >= 200) {
                self.kept_answered(kept, status);
            }
        }
        if status >= 200 {
            self.learn(relay, status);
            self.flows.calls_no_more(relay.came_on, id);
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
        let Some(bytes) = relay.latest.clone().filter(|_| relay.kept.is_none()) else {
            return;
        };
        if self.flows.may_carry(relay.came_on) {
            return self.send_answer(relay.came_on, &relay.link, bytes);
        }
        if let Peer::Partner(domains) = &relay.link.peer {
            let other = domains.iter().find_map(|one| self.flows.to_partner(one));
            if let Some(flow) = other {
                self.send(flow, bytes);
            }
            return;
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

/// How long the sender of a 503 asks to be left alone (RFC 3261 20.33).
fn retry_after(response: &Message) -> Option<Duration> {
    let text = response.text(Name::RetryAfter)?;
    let digits = text.split(|c: char| !c.is_ascii_digit()).next()?;
    digits.parse().ok().map(Duration::from_secs)
}
