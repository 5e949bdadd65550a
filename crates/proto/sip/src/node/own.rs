//! Requests of our own, as client transactions (RFC 3261 17.1.2).
//!
//! A request goes to a flow or to servers: then the next one is tried when the flow to one fails or it answers 503, as for
//! relays. Via and Contact depend on the flow and are written for each try. What becomes of a request is told once to
//! whoever it is for ([`Errand`]).

use super::outgoing::transport_name;
use super::{Alarm, Node};
use crate::event::{Notice, Reach};
use crate::msg::{Compose, Message, Name};
use crate::role::{route, secure};
use crate::token::Branch;
use crate::txn::{ClientTransaction, Do, Kind, Steps, Timer};
use base::net::{FlowId, Hop, Transport};
use base::timers::TimerId;
use bytes::Bytes;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// What a request of ours is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Errand {
    /// To tell the watcher of this subscription.
    Notify(u64),
    /// This back-end subscription, in this turn.
    Subscribe(u64, u64),
    /// To end a subscription of ours; whether that is heard changes nothing.
    Unsubscribe,
}

/// What became of a request of ours.
#[derive(Clone, Copy, Debug)]
pub(super) enum Outcome<'m> {
    /// This is the final response, to what left on this flow.
    Answered(&'m Message, FlowId),
    /// No server can be reached, or none answers.
    Lost,
}

/// A request of ours, but for what depends on the flow that it leaves on: Via and our Contact.
#[derive(Clone, Debug)]
pub(super) struct Outline {
    pub(super) method: &'static str,
    pub(super) uri: String,
    pub(super) route: Vec<String>,
    pub(super) from: String,
    pub(super) to: String,
    pub(super) call_id: String,
    pub(super) cseq: u32,
    /// The user part of our Contact, which may be empty; a request that begins no dialog and is in none has no Contact.
    pub(super) contact: Option<String>,
    /// Further header lines.
    pub(super) lines: Vec<(Name, String)>,
    /// The media type and the body.
    pub(super) body: Option<(String, Bytes)>,
}

impl From<Notice> for Outline {
    fn from(notice: Notice) -> Self {
        let dialog = notice.dialog;
        let requires = notice.requires.map(|tag| (Name::Require, tag.to_owned()));
        let mut lines = vec![
            (Name::Event, notice.event),
            (Name::SubscriptionState, notice.state),
        ];
        lines.extend(requires);
        Self {
            method: "NOTIFY",
            uri: dialog.target,
            route: dialog.route,
            from: dialog.local,
            to: dialog.remote,
            call_id: dialog.call_id,
            cseq: dialog.sent,
            contact: Some(String::new()),
            lines,
            body: Some((notice.media_type, notice.body)),
        }
    }
}

struct Own {
    errand: Errand,
    outline: Outline,
    hops: VecDeque<Hop>,
    /// The server of a flow that was there before: it may have ended unnoticed, so that one more try is worth it.
    again: Option<Hop>,
    flow: FlowId,
    sent: Bytes,
    client: ClientTransaction,
    give_up: Option<TimerId>,
}

/// Requests of our own that are not over.
#[derive(Default)]
pub(super) struct OwnRequests {
    all: BTreeMap<u64, Own>,
    by_flow: BTreeSet<(FlowId, u64)>,
    latest: u64,
}

impl OwnRequests {
    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    fn take(&mut self, number: u64) -> Option<Own> {
        let own = self.all.remove(&number)?;
        self.by_flow.remove(&(own.flow, number));
        Some(own)
    }

    fn put(&mut self, number: u64, own: Own) {
        self.by_flow.insert((own.flow, number));
        self.all.insert(number, own);
    }
}

impl Node {
    /// Sends a notification. False if there is no way or no room.
    pub(super) fn notify(&mut self, subscription: u64, notice: Notice) -> bool {
        let errand = Errand::Notify(subscription);
        self.stats.notifies += 1;
        match notice.dialog.reach {
            Reach::Flow(flow) => self.send_own_on(errand, notice.into(), flow),
            Reach::Route => {
                let hops = self.hops_of(&notice);
                self.send_own(errand, notice.into(), hops)
            }
            Reach::List { .. } => false,
        }
    }

    fn hops_of(&mut self, notice: &Notice) -> Vec<Hop> {
        let first = notice.dialog.route.first().cloned();
        first
            .and_then(|entry| self.with_context(|context| route::servers_for(context, &entry).ok()))
            .unwrap_or_default()
    }

    /// Sends a request of ours to the first of these servers that can be reached. False if there is none, or no room; then
    /// nothing follows, else one outcome.
    pub(super) fn send_own(
        &mut self,
        errand: Errand,
        outline: Outline,
        mut hops: Vec<Hop>,
    ) -> bool {
        self.flows.order(&mut hops, self.now.mono);
        self.has_room() && self.try_own(errand, outline, None, hops.into(), true)
    }

    /// The same on this flow and no other.
    pub(super) fn send_own_on(&mut self, errand: Errand, outline: Outline, flow: FlowId) -> bool {
        self.has_room() && self.try_own(errand, outline, Some(flow), VecDeque::new(), true)
    }

    fn has_room(&self) -> bool {
        self.own.len() < self.config.bounds.own
    }

    fn try_own(
        &mut self,
        errand: Errand,
        outline: Outline,
        flow: Option<FlowId>,
        mut hops: VecDeque<Hop>,
        may_come_again: bool,
    ) -> bool {
        let (flow, again) = match flow {
            Some(flow) => (flow, None),
            None => {
                let Some(hop) = hops.pop_front() else {
                    return false;
                };
                let flow = self.flow_to(&hop);
                let was_open = self.flows.get(flow).is_some_and(|f| f.link.is_some());
                (flow, (was_open && may_come_again).then_some(hop))
            }
        };
        if !self.flows.may_carry(flow) {
            return false;
        }
        self.own.latest += 1;
        let number = self.own.latest;
        let reliable = flow.transport().is_reliable();
        let own = Own {
            errand,
            sent: self.write_own(&outline, flow, number),
            outline,
            hops,
            again,
            flow,
            client: ClientTransaction::new(Kind::Other, reliable),
            give_up: None,
        };
        let steps = own.client.start();
        self.own.put(number, own);
        self.own_steps(number, &steps);
        true
    }

    fn write_own(&self, outline: &Outline, flow: FlowId, number: u64) -> Bytes {
        let branch = Branch::Own {
            worker: self.config.worker,
            number,
        };
        let transport = flow.transport();
        let us = match (&self.config.plain, transport) {
            (Some(plain), Transport::Tcp | Transport::Udp) => plain,
            _ => &self.config.inside,
        };
        let via = format!(
            "SIP/2.0/{} {}:{};branch={}",
            transport_name(transport),
            us.host,
            us.port,
            branch.mint(&self.config.keys.branch)
        );
        let mut request = Compose::request(outline.method, &outline.uri)
            .header(Name::Via, via)
            .header(Name::MaxForwards, 70);
        for entry in &outline.route {
            request = request.header(Name::Route, entry);
        }
        request = request
            .header(Name::From, &outline.from)
            .header(Name::To, &outline.to)
            .header(Name::CallId, &outline.call_id)
            .header(Name::CSeq, format!("{} {}", outline.cseq, outline.method));
        if let Some(user) = &outline.contact {
            let contact = self.contact_of(user, secure::is_sips(&outline.uri), flow);
            request = request.header(Name::Contact, contact);
        }
        for (name, value) in &outline.lines {
            request = request.header(*name, value);
        }
        if let Some((media_type, body)) = &outline.body {
            request = request.body(media_type, body.clone());
        }
        request.write()
    }

    /// Our Contact, as the end of a flow reaches it; `sips` in a dialog of `sips` (RFC 3261 12.1.1).
    pub(super) fn own_contact(&self, is_sips: bool, flow: FlowId) -> String {
        self.contact_of("", is_sips, flow)
    }

    fn contact_of(&self, user: &str, is_sips: bool, flow: FlowId) -> String {
        let at = if user.is_empty() { "" } else { "@" };
        let scheme = if is_sips { "sips" } else { "sip" };
        let (us, transport) = match (&self.config.plain, flow.transport()) {
            (Some(plain), Transport::Tcp) => (plain, "tcp"),
            (Some(plain), Transport::Udp) => (plain, "udp"),
            _ => (&self.config.inside, "tls"),
        };
        format!(
            "<{scheme}:{user}{at}{}:{};transport={transport}>",
            us.host, us.port
        )
    }

    fn own_steps(&mut self, number: u64, steps: &Steps) {
        for step in steps {
            match step {
                Do::Send => {
                    if let Some(own) = self.own.all.get(&number) {
                        let (flow, bytes) = (own.flow, own.sent.clone());
                        self.send(flow, bytes);
                    }
                }
                Do::Set(timer, wait) => {
                    let alarm = Alarm::Own(number, *timer);
                    let id = self.timers.set(self.now.mono, *wait, alarm);
                    if *timer == Timer::GiveUp
                        && let Some(own) = self.own.all.get_mut(&number)
                    {
                        own.give_up = Some(id);
                    }
                }
                Do::TimedOut => self.own_over(number, Outcome::Lost),
                Do::End => drop(self.own.take(number)),
                Do::Ack | Do::Deliver => {}
            }
        }
    }

    pub(super) fn own_timer(&mut self, number: u64, timer: Timer) {
        if let Some(own) = self.own.all.get_mut(&number) {
            let steps = own.client.timer(timer);
            self.own_steps(number, &steps);
        }
    }

    /// A response to a request of ours.
    pub(super) fn own_response(&mut self, number: u64, response: &Message) {
        let Some(own) = self.own.all.get_mut(&number) else {
            self.stats.stray_responses += 1;
            return;
        };
        let (status, flow) = (response.status(), own.flow);
        let steps = own.client.response(status);
        let is_final = status >= 200 && steps.contains(&Do::Deliver);
        if is_final {
            if let Some(timer) = own.give_up.take() {
                self.timers.cancel(timer);
            }
            if status == 503 && !own.hops.is_empty() {
                own.again = None;
                return self.own_next(number);
            }
            self.own_over(number, Outcome::Answered(response, flow));
        }
        self.own_steps(number, &steps);
    }

    /// The next server, or the end.
    fn own_next(&mut self, number: u64) {
        let Some(own) = self.own.take(number) else {
            return;
        };
        if let Some(timer) = own.give_up {
            self.timers.cancel(timer);
        }
        let mut hops = own.hops;
        let may_come_again = own.again.is_none();
        hops.extend(own.again);
        if !self.try_own(own.errand, own.outline, None, hops, may_come_again) {
            self.came_of(own.errand, Outcome::Lost);
        }
    }

    fn own_over(&mut self, number: u64, outcome: Outcome<'_>) {
        if let Some(own) = self.own.all.get(&number) {
            let errand = own.errand;
            self.came_of(errand, outcome);
        }
    }

    /// Tells whoever a request of ours was for.
    fn came_of(&mut self, errand: Errand, outcome: Outcome<'_>) {
        match errand {
            Errand::Notify(subscription) => {
                let accepted = match outcome {
                    Outcome::Answered(response, _) => {
                        response.status() < 300 || response.get(Name::RetryAfter).is_some()
                    }
                    Outcome::Lost => false,
                };
                self.notified(subscription, accepted);
            }
            Errand::Subscribe(number, turn) => self.backend_answered(number, turn, outcome),
            Errand::Unsubscribe => {}
        }
    }

    pub(super) fn own_flow_closed(&mut self, flow: FlowId) {
        let range = (flow, 0)..=(flow, u64::MAX);
        let lost: Vec<u64> = self.own.by_flow.range(range).map(|(_, n)| *n).collect();
        for number in lost {
            let is_over = self
                .own
                .all
                .get(&number)
                .is_some_and(|own| own.client.is_answered());
            if is_over {
                self.own.take(number);
            } else {
                self.own_next(number);
            }
        }
    }
}
