//! Requests of our own: NOTIFY, as client transactions (RFC 3261 17.1.2).
//!
//! A request goes to the watcher's flow, or along its route: then the next server is tried when the flow to one fails or
//! it answers 503, as for relays. What becomes of it is told to the event state once.

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

struct Own {
    /// The subscription that it is for.
    subscription: u64,
    notice: Notice,
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
        if self.own.len() >= self.config.bounds.own {
            return false;
        }
        let (flow, hops) = match notice.dialog.reach {
            Reach::Flow(flow) => (Some(flow), VecDeque::new()),
            Reach::Route => (None, self.hops_of(&notice).into()),
            Reach::List { .. } => return false,
        };
        self.stats.notifies += 1;
        self.try_own(subscription, notice, flow, hops, true)
    }

    fn hops_of(&mut self, notice: &Notice) -> Vec<Hop> {
        let first = notice.dialog.route.first().cloned();
        let mut hops = first
            .and_then(|entry| self.with_context(|context| route::servers_for(context, &entry).ok()))
            .unwrap_or_default();
        self.flows.order(&mut hops, self.now.mono);
        hops
    }

    fn try_own(
        &mut self,
        subscription: u64,
        notice: Notice,
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
            subscription,
            sent: self.write_notice(&notice, flow, number),
            notice,
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

    fn write_notice(&self, notice: &Notice, flow: FlowId, number: u64) -> Bytes {
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
        let dialog = &notice.dialog;
        let mut request = Compose::request("NOTIFY", &dialog.target)
            .header(Name::Via, via)
            .header(Name::MaxForwards, 70);
        for entry in &dialog.route {
            request = request.header(Name::Route, entry);
        }
        if let Some(tag) = notice.requires {
            request = request.header(Name::Require, tag);
        }
        request
            .header(Name::From, &dialog.local)
            .header(Name::To, &dialog.remote)
            .header(Name::CallId, &dialog.call_id)
            .header(Name::CSeq, format!("{} NOTIFY", dialog.sent))
            .header(
                Name::Contact,
                self.own_contact(secure::is_sips(&dialog.target), flow),
            )
            .header(Name::Event, &notice.event)
            .header(Name::SubscriptionState, &notice.state)
            .body(&notice.media_type, notice.body.clone())
            .write()
    }

    /// Our Contact, as the end of a flow reaches it; `sips` in a dialog of `sips` (RFC 3261 12.1.1).
    pub(super) fn own_contact(&self, is_sips: bool, flow: FlowId) -> String {
        let scheme = if is_sips { "sips" } else { "sip" };
        let (us, transport) = match (&self.config.plain, flow.transport()) {
            (Some(plain), Transport::Tcp) => (plain, "tcp"),
            (Some(plain), Transport::Udp) => (plain, "udp"),
            _ => (&self.config.inside, "tls"),
        };
        format!("<{scheme}:{}:{};transport={transport}>", us.host, us.port)
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
                Do::TimedOut => self.own_over(number, false),
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
        let status = response.status();
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
            let accepted = status < 300 || response.get(Name::RetryAfter).is_some();
            self.own_over(number, accepted);
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
        let subscription = own.subscription;
        let mut hops = own.hops;
        let may_come_again = own.again.is_none();
        hops.extend(own.again);
        if !self.try_own(subscription, own.notice, None, hops, may_come_again) {
            self.notified(subscription, false);
        }
    }

    fn own_over(&mut self, number: u64, accepted: bool) {
        if let Some(own) = self.own.all.get(&number) {
            let subscription = own.subscription;
            self.notified(subscription, accepted);
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
