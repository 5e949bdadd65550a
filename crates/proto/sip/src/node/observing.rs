//! What the node lets others see ([`crate::observe`]). Each of these costs a branch while nobody looks.

mod legs;
mod users;

use super::relays::Relay;
use super::{Action, Node};
use crate::msg::{Message, Method};
use crate::observe::{End, Grade, Remark, Sight, Topic, Way, is_probe};
use crate::role::{Decision, Plan, Target, Towards, Why};
use base::net::{FlowId, Link, Peer, Role};
use bytes::Bytes;
use std::sync::Arc;

/// So many targets are named; a request has at most 64.
const NAMED: usize = 8;

impl Node {
    /// A whole message has come.
    pub(super) fn see_in(&mut self, id: FlowId, link: &Link, bytes: &Bytes) {
        if self.shared.observing.messages() {
            let (way, end) = (Way::In, self.end_at(id, link));
            self.see(way, end, bytes);
        }
    }

    /// A message leaves.
    pub(super) fn see_out(&mut self, id: FlowId, bytes: &Bytes) {
        if self.shared.observing.messages() {
            let (way, end) = (Way::Out, self.end_of(id));
            self.see(way, end, bytes);
        }
    }

    fn see(&mut self, way: Way, end: End, bytes: &Bytes) {
        let bytes = bytes.clone();
        self.out
            .push_back(Action::Observe(Sight::Message { way, end, bytes }));
    }

    /// Says something about our own work, if somebody listens.
    pub(super) fn say(
        &mut self,
        topic: Topic,
        grade: Grade,
        word: &'static str,
        more: impl FnOnce(&Self, Remark) -> Remark,
    ) {
        if self.shared.observing.remarks(grade) {
            let remark = more(self, Remark::new(topic, grade, word));
            self.out
                .push_back(Action::Observe(Sight::Remark(Box::new(remark))));
        }
    }

    /// Says something about a request that was sent on.
    pub(super) fn say_of(
        &mut self,
        relay: &Relay,
        grade: Grade,
        word: &'static str,
        more: impl FnOnce(&Self, Remark) -> Remark,
    ) {
        let topic = self.topic_at(&relay.link.peer);
        self.say(topic, grade, word, |node, remark| {
            let end = node.end_at(relay.came_on, &relay.link);
            more(node, remark.about(&relay.request).at(end))
        });
    }

    /// Says what becomes of a request that was not decided upon by a role.
    pub(super) fn settled(
        &mut self,
        id: FlowId,
        link: &Link,
        request: &Message,
        grade: Grade,
        word: &'static str,
        reason: impl FnOnce() -> String,
    ) {
        self.say(Topic::Stack, grade, word, |node, remark| {
            let end = node.end_at(id, link);
            remark.about(request).at(end).because(reason()).decides()
        });
    }

    /// Says what a role has decided.
    pub(super) fn decided(
        &mut self,
        id: FlowId,
        link: &Link,
        request: &Message,
        decision: &Decision<'_>,
    ) {
        // Even trouble is not wanted: nothing is.
        if !self.shared.observing.remarks(Grade::Trouble) {
            return;
        }
        let (topic, word, why) = self.summary(link, decision);
        let end = self.end_at(id, link);
        // Who answers without state has no transaction that the ACK of a refusal belongs to (RFC 3261 8.2.7).
        let is_late_ack =
            request.method() == Method::Ack && matches!(why, Some(Why::Stray | Why::NoDialog));
        let grade = match (why.map(grade_of), is_probe(&end, request)) {
            (Some(_), _) if is_late_ack => Grade::Step,
            (Some(Grade::Work) | None, true) => Grade::Step,
            (grade, _) => grade.unwrap_or(Grade::Work),
        };
        self.say(topic, grade, word, |node, remark| {
            let remark = remark.about(request).at(end).decides();
            node.explain(remark, decision, why)
        });
    }

    /// Says that a request is answered or dropped for a reason.
    pub(super) fn say_why(
        &mut self,
        id: FlowId,
        link: &Link,
        request: &Message,
        why: Why,
        decides: bool,
    ) {
        let topic = self.topic_of(&link.peer, why);
        self.say(topic, grade_of(why), word_of(why), |node, mut remark| {
            remark.decides = decides;
            remark
                .about(request)
                .at(node.end_at(id, link))
                .because(why.name())
                .with_status(why.status())
        });
    }

    fn explain(&self, remark: Remark, decision: &Decision<'_>, why: Option<Why>) -> Remark {
        let name = why.filter(|why| why.name() != word_of(*why));
        let mut reason = name.map_or_else(String::new, |why| why.name().to_owned());
        let mut add = |text: &str| {
            if !(text.is_empty() || reason.is_empty()) {
                reason.push_str(": ");
            }
            reason.push_str(text);
        };
        let mut remark = remark;
        match decision {
            Decision::Reply(reply, _) => remark.status = Some(reply.status()),
            Decision::Welcome(reply, user) => {
                remark.status = Some(reply.status());
                add(user);
            }
            Decision::Register(registering) => {
                add(&format!("{} for {}", registering.by, registering.aor));
            }
            Decision::Event(eventing) => {
                let asker = eventing.asker.as_deref().unwrap_or("its watcher");
                add(&format!("{asker} asks about {}", eventing.aor));
            }
            Decision::Keep(keeping) => add(&format!("for {} until they sign in", keeping.aor)),
            Decision::Forward(plan) => {
                remark.next = self.next_of(plan);
                add(&self.ways(&plan.targets));
            }
            Decision::Drop(_) | Decision::Told(_) => {}
        }
        add(&self.notes.take());
        remark.because(reason)
    }

    /// What a decision is called, what it is about, and its reason if it has one.
    fn summary(&self, link: &Link, decision: &Decision<'_>) -> (Topic, &'static str, Option<Why>) {
        let peer = &link.peer;
        match decision {
            Decision::Reply(_, why) => (self.topic_of(peer, *why), word_of(*why), Some(*why)),
            Decision::Drop(why) => (self.topic_of(peer, *why), "dropped", Some(*why)),
            Decision::Welcome(..) => (Topic::Routing, "redirected", Some(Why::Redirected)),
            Decision::Register(_) => (Topic::Registrar, "accepted", None),
            Decision::Event(_) => (Topic::Presence, "accepted", None),
            Decision::Told(_) => (Topic::Presence, "told", None),
            Decision::Keep(_) => (Topic::Messaging, "keeping", None),
            Decision::Forward(_) => (self.topic_at(peer), "forwarded", None),
        }
    }

    fn topic_of(&self, peer: &Peer, why: Why) -> Topic {
        if matches!(
            why,
            Why::Challenged | Why::BadCredentials | Why::WrongIdentity
        ) {
            Topic::Authentication
        } else if matches!(why, Why::Slowed | Why::Ignored | Why::Scanner) {
            Topic::Guard
        } else if matches!(why, Why::BadEvent | Why::Blocked) {
            Topic::Presence
        } else if matches!(why, Why::Malformed | Why::Merged | Why::Stray) {
            Topic::Stack
        } else if why == Why::Kept {
            Topic::Messaging
        } else if why == Why::PartnerAway {
            Topic::Federation
        } else {
            self.topic_at(peer)
        }
    }

    fn topic_at(&self, peer: &Peer) -> Topic {
        match peer {
            Peer::Partner(_) => Topic::Federation,
            Peer::Server(_) | Peer::Gateway(_) | Peer::Client
                if self.config.server.role == Role::Edge =>
            {
                Topic::Edge
            }
            Peer::Server(_) | Peer::Gateway(_) | Peer::Client => Topic::Routing,
        }
    }

    /// Who gets a request, as far as one name says it.
    fn next_of(&self, plan: &Plan) -> Option<Arc<str>> {
        let target = plan.targets.first()?;
        match &target.towards {
            Towards::Servers(hops) => hops.first().map(|hop| Arc::clone(&hop.name)),
            Towards::Partner((domain, _)) => Some(Arc::clone(domain)),
            Towards::Flow(flow) => self.end_of(*flow).name,
        }
    }

    /// Where targets lead, for people.
    fn ways(&self, targets: &[Target]) -> String {
        let mut text = String::new();
        for target in targets.iter().take(NAMED) {
            text.push_str(if text.is_empty() { "to " } else { ", " });
            text.push_str(&self.way(&target.towards));
            if !target.alternatives.is_empty() {
                text.push_str(&format!(" (or {} more ways)", target.alternatives.len()));
            }
        }
        if targets.len() > NAMED {
            text.push_str(&format!(" and {} more", targets.len() - NAMED));
        }
        text
    }

    /// Where one next hop leads, for people.
    pub(super) fn way(&self, towards: &Towards) -> String {
        match towards {
            Towards::Flow(flow) => {
                let user = self.end_of(*flow).name;
                let who = user.map_or_else(String::new, |user| format!(" of {user}"));
                format!("the flow {flow:?}{who}")
            }
            Towards::Servers(hops) => {
                let names: Vec<&str> = hops.iter().map(|hop| &*hop.name).collect();
                if names.is_empty() {
                    "no server".to_owned()
                } else {
                    names.join(", then ")
                }
            }
            Towards::Partner((domain, _)) => format!("the partner {domain}"),
        }
    }

    pub(super) fn end_at(&self, id: FlowId, link: &Link) -> End {
        let user = self.flows.get(id).and_then(|flow| flow.user.as_ref());
        End::of(id).linked(link, user)
    }

    pub(super) fn end_of(&self, id: FlowId) -> End {
        let Some(flow) = self.flows.get(id) else {
            return End::of(id);
        };
        match (&flow.link, flow.hop()) {
            (Some(link), _) => End::of(id).linked(link, flow.user.as_ref()),
            (None, Some(hop)) => End {
                remote: Some(hop.addr),
                name: Some(Arc::clone(&hop.name)),
                ..End::of(id)
            },
            (None, None) => End::of(id),
        }
    }
}

/// What an answer for this reason is called.
fn word_of(why: Why) -> &'static str {
    if matches!(why, Why::Answered | Why::Draining) {
        "answered"
    } else if why == Why::Kept {
        "kept"
    } else if why == Why::Challenged {
        "challenged"
    } else if why == Why::Redirected {
        "redirected"
    } else if matches!(why, Why::Scanner | Why::Ignored) {
        "dropped"
    } else {
        "refused"
    }
}

fn grade_of(why: Why) -> Grade {
    if word_of(why) == "refused" || word_of(why) == "dropped" {
        Grade::Trouble
    } else {
        Grade::Work
    }
}
