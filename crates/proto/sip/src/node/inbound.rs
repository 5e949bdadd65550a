//! What arrives: bytes into messages, requests to the role, decisions into deeds.

use super::registering::Register;
use super::{Action, Complaint, Fault, Node};
use crate::guard::Offence;
use crate::hiding;
use crate::msg::{Frame, Framer, Invalid, Message, Method, Parts, Reply, push_hex};
use crate::observe::{Grade, Topic};
use crate::role::{self, Ask, Context, Decision, Why};
use base::net::{FlowId, Link, Peer, Transport};
use bytes::Bytes;
use std::sync::Arc;

/// RFC 5626 4.4.1: the answer to a keep-alive.
pub(super) const PONG: &[u8] = b"\r\n";

impl Node {
    pub(super) fn received(&mut self, id: FlowId, bytes: Bytes) {
        let Some(flow) = self.flows.get_mut(id) else {
            return;
        };
        let Some(link) = flow.link.clone() else {
            return;
        };
        if flow.closing {
            return;
        }
        if link.transport == Transport::Udp {
            return self.datagram(id, &link, bytes);
        }
        flow.heard = self.now.mono;
        flow.framer.push(bytes);
        let mut framed = false;
        while self.next_frame(id, &link) {
            framed = true;
        }
        let held = self.account(id);
        self.progressed(id, framed);
        if self.unfinished > self.config.bounds.unfinished && held > 0 {
            self.close_for_cause(id, &link, Fault::Unfinished);
        }
    }

    /// Brings the sum of unfinished bytes up to date with one flow; returns what that flow holds.
    fn account(&mut self, id: FlowId) -> usize {
        let Some(flow) = self.flows.get_mut(id) else {
            return 0;
        };
        let held = flow.framer.pending();
        self.unfinished = self.unfinished.saturating_sub(flow.held) + held;
        flow.held = held;
        held
    }

    /// Takes the next frame off a flow. False when there is none, or the flow is closing.
    fn next_frame(&mut self, id: FlowId, link: &Arc<Link>) -> bool {
        let Some(flow) = self.flows.get_mut(id) else {
            return false;
        };
        let limits = if flow.is_server() {
            &self.server_limits
        } else {
            &self.config.limits
        };
        match flow.framer.next(limits) {
            Ok(None) => return false,
            Ok(Some(Frame::Ping)) => self.send_bare(id, Bytes::from_static(PONG)),
            Ok(Some(Frame::Pong)) => {}
            Ok(Some(Frame::Message(message))) => self.message(id, link, &message),
            Ok(Some(Frame::Garbled {
                error,
                reply,
                fatal,
            })) => {
                self.stats.malformed += 1;
                self.misbehaved(id, link, Offence::Malformed);
                if let Some(reply) = reply {
                    self.send(id, reply);
                }
                if fatal {
                    self.close_for_cause(id, link, Fault::Message(error));
                    return false;
                }
                self.complain_of(id, link, Fault::Message(error));
            }
            Err(error) => {
                self.stats.malformed += 1;
                self.misbehaved(id, link, Offence::Malformed);
                self.close_for_cause(id, link, Fault::Frame(error));
                return false;
            }
        }
        true
    }

    pub(super) fn close_for_cause(&mut self, id: FlowId, link: &Link, fault: Fault) {
        self.stats.closed_for_cause += 1;
        self.complain_of(id, link, fault);
        if let Some(flow) = self.flows.get_mut(id) {
            flow.closing = true;
            flow.framer = Framer::new();
        }
        self.account(id);
        self.close(id);
    }

    /// Complains about what is no request that could be named.
    pub(super) fn complain_of(&mut self, id: FlowId, link: &Link, fault: Fault) {
        self.say(Topic::Stack, Grade::Trouble, "malformed", |node, remark| {
            remark.at(node.end_at(id, link)).because(fault.to_string())
        });
        self.complain(link, fault);
    }

    fn complain(&mut self, link: &Link, fault: Fault) {
        let remote = link.remote;
        self.out
            .push_back(Action::Complain(Complaint { remote, fault }));
    }

    /// Another worker hands over a whole message: a response to one of our relays.
    pub(super) fn passed(&mut self, id: FlowId, link: &Arc<Link>, bytes: Bytes) {
        if let Ok(message) = Message::parse(bytes, &self.server_limits) {
            self.clear(id, link, &message);
        }
    }

    pub(super) fn message(&mut self, id: FlowId, link: &Arc<Link>, message: &Message) {
        if let Some(flow) = self.flows.get_mut(id) {
            flow.has_spoken = true;
        }
        self.see_in(id, link, message.bytes());
        if !hiding::is_outside(&self.config, &link.peer) {
            return self.clear(id, link, message);
        }
        let limits = &self.server_limits;
        if message.is_request() {
            let revealed = hiding::reveal_request(&self.config, message, limits);
            return self.clear(id, link, revealed.as_ref().unwrap_or(message));
        }
        match hiding::reveal_response(&self.config, message, limits) {
            Some(revealed) => self.clear(id, link, &revealed),
            None => {
                self.stats.responses += 1;
                self.stats.stray_responses += 1;
            }
        }
    }

    /// Takes in a message in which nothing is hidden.
    fn clear(&mut self, id: FlowId, link: &Arc<Link>, message: &Message) {
        if message.is_request() {
            self.stats.requests += 1;
            self.request(id, link, message);
        } else {
            self.stats.responses += 1;
            self.response(id, link, message);
        }
    }

    fn request(&mut self, id: FlowId, link: &Arc<Link>, request: &Message) {
        if let Some((why, reply)) = self.stopped(id, link, request) {
            self.say_why(id, link, request, why, true);
            return self.turn_down(id, link, request, why, reply);
        }
        let parts = match request.check() {
            Ok(parts) => parts,
            Err(invalid) => return self.malformed(id, link, request, invalid),
        };
        if let Peer::Partner(domains) = &link.peer
            && !self.admits_partner(id, link, request, domains)
        {
            return;
        }
        let key = self.key_of(id, link, request, &parts.via);
        let method = request.method();
        let handled = if method == Method::Cancel {
            self.cancel(key, id, link, request)
        } else if method == Method::Ack {
            self.ack(key)
        } else {
            self.request_again(key, request) || self.answer_again(key, link)
        };
        if handled {
            return self.say_handled(id, link, request);
        }
        let decision = self.decide(id, link, request, &parts);
        if self.is_merged(request, &decision) {
            return self.fail_at_once(id, link, request, Why::Merged);
        }
        self.decided(id, link, request, &decision);
        self.carry_out(key, id, link, request, decision);
    }

    /// Says what became of a request that belongs to one that came before.
    fn say_handled(&mut self, id: FlowId, link: &Link, request: &Message) {
        let method = request.method();
        let (grade, word) = if method == Method::Cancel {
            (Grade::Work, "cancelled")
        } else if method == Method::Ack {
            (Grade::Step, "acknowledged")
        } else {
            (Grade::Step, "again")
        };
        self.settled(id, link, request, grade, word, String::new);
    }

    fn malformed(&mut self, id: FlowId, link: &Link, request: &Message, invalid: Invalid) {
        let status = invalid.status();
        self.stats.malformed += 1;
        let reason = || invalid.to_string();
        self.settled(id, link, request, Grade::Trouble, "malformed", reason);
        self.misbehaved(id, link, Offence::Malformed);
        self.complain(link, Fault::Message(invalid));
        if request.method() != Method::Ack {
            self.reply(id, link, request, Reply::to(request, status));
        }
    }

    /// Ends a request with an answer, or without a word.
    fn turn_down(
        &mut self,
        id: FlowId,
        link: &Link,
        request: &Message,
        why: Why,
        reply: Option<Reply<'_>>,
    ) {
        self.ended(id, link, request, why);
        match reply {
            Some(reply) => self.reply(id, link, request, reply),
            None => self.shut_out(id, why),
        }
    }

    /// Measures a request of a partner. False if it is one too many and was answered.
    fn admits_partner(
        &mut self,
        id: FlowId,
        link: &Link,
        request: &Message,
        domains: &[Arc<str>],
    ) -> bool {
        if request.via().is_ok_and(|via| via.params.has("alias")) {
            self.flows.lend(id, domains);
        }
        let method = request.method();
        let name = domains.first().map(|one| &**one).unwrap_or_default();
        // What ends something is let through: refusing it would only keep the rest alive.
        let begins = !matches!(method, Method::Ack | Method::Cancel | Method::Bye);
        if !begins || self.partners.admits(&self.config, name, self.now.mono) {
            return true;
        }
        self.fail_at_once(id, link, request, Why::Overloaded);
        false
    }

    fn decide<'r>(
        &mut self,
        id: FlowId,
        link: &'r Link,
        request: &'r Message,
        parts: &'r Parts<'r>,
    ) -> Decision<'r> {
        let user = self.flows.get(id).and_then(|flow| flow.user.clone());
        let ask = Ask {
            request,
            parts,
            flow: id,
            link,
            user,
        };
        self.notes.begin(self.shared.observing.has_time());
        self.with_context(|context| role::decide(context, &ask))
    }

    /// Lets somebody look at what decisions are made from.
    pub(super) fn with_context<T>(&mut self, look: impl FnOnce(&mut Context<'_>) -> T) -> T {
        let mut context = Context {
            config: &self.config,
            users: &self.shared.users,
            locations: &*self.shared.locations,
            flows: &self.flows,
            nonces: &self.nonces,
            uses: self.shared.guard.uses(),
            random: &mut self.random,
            now: self.now,
            draining: self.draining,
            notes: &self.notes,
        };
        look(&mut context)
    }

    fn carry_out(
        &mut self,
        key: u64,
        id: FlowId,
        link: &Arc<Link>,
        request: &Message,
        decision: Decision<'_>,
    ) {
        match decision {
            Decision::Reply(reply, why) => self.turn_down(id, link, request, why, Some(reply)),
            Decision::Welcome(reply, user) => {
                self.stats.end(Why::Redirected);
                self.signed_in(id, user);
                self.proven(id, link, request);
                self.reply(id, link, request, reply);
            }
            Decision::Drop(why) => self.turn_down(id, link, request, why, None),
            Decision::Register(registering) => {
                self.signed_in(id, Arc::clone(&registering.by));
                self.proven(id, link, request);
                self.register(Register {
                    flow: id,
                    link: Arc::clone(link),
                    request,
                    registering,
                });
            }
            Decision::Event(eventing) => {
                if let Some(asker) = &eventing.asker
                    && link.peer == Peer::Client
                {
                    self.signed_in(id, Arc::clone(asker));
                }
                self.event(id, link, request, eventing);
            }
            Decision::Keep(keeping) => {
                if let Some(user) = &keeping.user {
                    self.signed_in(id, Arc::clone(user));
                    self.proven(id, link, request);
                }
                if !self.keep(id, link, request, &keeping, false) {
                    self.fail(id, link, request, keeping.otherwise);
                }
            }
            Decision::Told(ours) => self.backend_mail(id, link, request, ours),
            Decision::Forward(plan) => {
                if let Some(user) = &plan.user {
                    self.signed_in(id, Arc::clone(user));
                    self.proven(id, link, request);
                }
                if plan.stateless {
                    self.send_stateless(key, id, link, request, &plan);
                } else {
                    self.start_relay(key, id, link, request, plan);
                }
            }
        }
    }

    /// Remembers on a client's flow who they are; a server's flow carries many users.
    fn signed_in(&mut self, id: FlowId, user: Arc<str>) {
        if let Some(flow) = self.flows.get_mut(id)
            && !flow.is_server()
        {
            flow.user = Some(user);
        }
    }

    /// Answers a request; without keeping state (RFC 3261 8.2.7) unless it may come again for want of this answer.
    pub(super) fn reply(&mut self, id: FlowId, link: &Link, request: &Message, reply: Reply<'_>) {
        let tag = self.local_tag(request);
        let reply = reply.to_tag(&tag).received(link.remote);
        let bytes = reply.write();
        if link.transport.is_reliable() {
            self.send_answer(id, link, bytes);
        } else {
            self.send_kept(id, link, request, reply.status(), bytes);
        }
    }

    /// The To tag of our own responses: the same each time for one request, unpredictable for others.
    pub(super) fn local_tag(&self, request: &Message) -> String {
        let call_id = request.call_id().unwrap_or_default();
        let from = request
            .from()
            .ok()
            .and_then(|from| from.tag())
            .unwrap_or_default();
        let key = &self.config.keys.branch;
        let sum = key.checksum(&[b"tag", call_id.as_bytes(), from.as_bytes()]);
        let mut tag = String::with_capacity(16);
        push_hex(&mut tag, sum, 16);
        tag
    }
}
