//! Back-end subscriptions: between messages, lists and their state ([`crate::event::Backends`]).
//!
//! A SUBSCRIBE of ours asserts the watcher (RFC 3325), so that the other pool declines whom its user hides from. Its Contact
//! has a token; a NOTIFY that brings it back finds the worker and the subscription. Where no server of the home answers
//! and this pool stands in for it, we speak of the user ourselves until the home is back.

use super::note::{Mail, Note};
use super::own::{Errand, Outcome, Outline};
use super::{Alarm, Node};
use crate::event::{
    Answer, Interest, News, Package, Remote, Request, Said, Source, State, Step, Told, Wish,
};
use crate::msg::{Message, Name, Reply, Substate, Uri};
use crate::role::{Why, front_end, route};
use crate::token::Subscriber;
use base::net::{FlowId, Hop, Link};
use bytes::Bytes;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

impl Node {
    /// Tells whether an address-of-record is of a domain that we serve.
    pub(super) fn is_ours(&self, aor: &str) -> bool {
        Uri::parse(aor).is_ok_and(|uri| self.config.is_our_domain(uri.host))
    }

    /// Tells whether another pool is the home of a user of ours.
    pub(super) fn is_elsewhere(&self, aor: &str) -> bool {
        let pool = &self.config.server.pool;
        let user = self.shared.users.find(aor);
        user.is_some_and(|user| !user.home.as_str().eq_ignore_ascii_case(pool))
    }

    /// A list has an entry of another pool.
    pub(super) fn watch_elsewhere(&mut self, interest: &Interest) {
        let wish = Wish {
            watcher: Arc::clone(&interest.watcher),
            resource: Arc::clone(&interest.resource),
            list: interest.list,
            entry: interest.entry,
            until: self.now.mono.after(interest.lasts),
        };
        let steps = self.backends.want(self.now.mono, &mut self.random, wish);
        self.backend_do(steps);
    }

    /// A list has it no longer.
    pub(super) fn leave_elsewhere(&mut self, interest: &Interest) {
        let entry = (interest.list, interest.entry);
        let steps = self
            .backends
            .leave(&interest.watcher, &interest.resource, entry);
        self.backend_do(steps);
    }

    fn backend_do(&mut self, steps: Vec<Step>) {
        let mut steps = VecDeque::from(steps);
        while let Some(step) = steps.pop_front() {
            match step {
                Step::Send(request) => steps.extend(self.subscribe_elsewhere(*request)),
                Step::Set(number, wait) => {
                    let alarm = Alarm::Backend(number);
                    let timer = self.timers.set(self.now.mono, wait, alarm);
                    if let Some(before) = self.backends.timed(number, timer) {
                        self.timers.cancel(before);
                    }
                }
                Step::Cancel(timer) => drop(self.timers.cancel(timer)),
                Step::Tell(wishes, said) => self.lists_told(wishes, &said),
            }
        }
    }

    /// Sends a SUBSCRIBE of ours; what follows if it cannot be sent.
    fn subscribe_elsewhere(&mut self, request: Request) -> Vec<Step> {
        let hops = self.servers_of(&request);
        let (number, turn) = (request.number, request.turn);
        let outline = self.outline_of(request);
        let errand = turn.map_or(Errand::Unsubscribe, |turn| Errand::Subscribe(number, turn));
        let is_sent = self.send_own(errand, outline, hops);
        let lost = turn.filter(|_| !is_sent);
        lost.map_or_else(Vec::new, |turn| {
            let name = (number, turn);
            self.backends
                .answered(self.now.mono, &mut self.random, name, Answer::Lost)
        })
    }

    /// Inside a dialog the servers that its route names, else those of the user's home.
    fn servers_of(&mut self, request: &Request) -> Vec<Hop> {
        let home = self.shared.users.find(&request.resource);
        let home = home.map(|user| user.home.as_str().to_owned());
        self.with_context(|context| {
            let Some(remote) = &request.remote else {
                return home.map_or_else(Vec::new, |home| route::home_servers(context, &home));
            };
            if let Some(first) = remote.route.first() {
                return route::servers_for(context, first).unwrap_or_default();
            }
            let host = Uri::parse(&remote.target).map(|uri| uri.host.to_ascii_lowercase());
            host.ok()
                .and_then(|host| route::servers_named(context, &host))
                .unwrap_or_default()
        })
    }

    fn outline_of(&self, request: Request) -> Outline {
        let ours = Subscriber {
            worker: self.config.worker,
            number: request.number,
        };
        let key = &self.config.keys.branch;
        let contact = ours.mint(&request.call_id, &request.tag, key);
        let Request {
            watcher, resource, ..
        } = request;
        let to = request.remote.as_ref().map_or_else(
            || format!("<{resource}>"),
            |remote| format!("<{resource}>;tag={}", remote.tag),
        );
        let (uri, route) = request.remote.map_or_else(
            || (resource.to_string(), Vec::new()),
            |remote| (remote.target, remote.route),
        );
        Outline {
            method: "SUBSCRIBE",
            uri,
            route,
            from: format!("<{watcher}>;tag={}", request.tag),
            to,
            call_id: request.call_id,
            cseq: request.cseq,
            contact: Some(contact),
            lines: vec![
                (Name::PAssertedIdentity, format!("<{watcher}>")),
                (Name::Event, Package::Presence.as_str().to_owned()),
                (Name::Accept, Package::Presence.media_type().to_owned()),
                (Name::Expires, request.expires.as_secs().to_string()),
            ],
            body: None,
        }
    }

    pub(super) fn backend_answered(&mut self, number: u64, turn: u64, outcome: Outcome<'_>) {
        let answer = match outcome {
            Outcome::Lost => Answer::Lost,
            Outcome::Answered(response, flow) => self.answer_of(response, flow),
        };
        let name = (number, turn);
        let steps = self
            .backends
            .answered(self.now.mono, &mut self.random, name, answer);
        self.backend_do(steps);
    }

    fn answer_of(&self, response: &Message, flow: FlowId) -> Answer {
        let retry_after = response.retry_after().ok().flatten();
        let retry_after = retry_after.map(|after| Duration::from_secs(after.seconds.into()));
        let refused = |status| Answer::Refused {
            status,
            retry_after,
        };
        if response.status() >= 300 {
            return refused(response.status());
        }
        let to = response.to().ok();
        let tag = to.as_ref().and_then(|to| to.tag());
        let expires = response.expires().ok().flatten();
        let (Some(mut remote), Some(expires)) = (self.remote_of(response, tag), expires) else {
            return refused(500);
        };
        remote.route.reverse();
        Answer::Accepted {
            remote,
            expires: Duration::from_secs(expires.into()),
            flow,
        }
    }

    /// The other end of a dialog, its route in the order of the message.
    fn remote_of(&self, message: &Message, tag: Option<&str>) -> Option<Remote> {
        let contact = message.elements(Name::Contact).next()?;
        let target = contact.address().ok()?.uri.to_owned();
        let host = Uri::parse(&target).ok()?.host;
        let route = message.elements(Name::RecordRoute);
        let pool = self.config.pools.iter().find(|pool| {
            let mut names = pool.members.iter().map(|hop| &hop.name);
            names.any(|name| name.eq_ignore_ascii_case(host))
        });
        let about = if message.is_request() {
            message.from()
        } else {
            message.to()
        };
        let aor = Uri::parse(about.ok()?.uri).ok()?.aor()?;
        let home = self.shared.users.find(&aor);
        let is_home = pool
            .zip(home)
            .is_some_and(|(pool, user)| user.home.as_str().eq_ignore_ascii_case(&pool.name));
        Some(Remote {
            tag: tag?.to_owned(),
            route: route
                .filter_map(|entry| entry.text().map(str::to_owned))
                .collect(),
            is_home,
            target,
        })
    }

    /// A NOTIFY has brought back a token of ours: takes it in, or hands it to the worker that keeps the subscription.
    pub(super) fn backend_mail(
        &mut self,
        id: FlowId,
        link: &Arc<Link>,
        request: &Message,
        ours: Subscriber,
    ) {
        if ours.worker == self.config.worker {
            return self.backend_told(id, link, request, ours.number);
        }
        let mail = Mail {
            flow: id,
            link: Arc::clone(link),
            bytes: request.bytes().clone(),
        };
        self.tell(ours.worker, Note::Notify(Box::new(mail), ours.number));
    }

    pub(super) fn backend_told(&mut self, id: FlowId, link: &Link, request: &Message, number: u64) {
        let news = self.news_of(request);
        let done = news.and_then(|news| self.backends.told(&mut self.random, number, news));
        match done {
            Ok(steps) => {
                self.stats.end(Why::Answered);
                self.reply(id, link, request, Reply::to(request, 200));
                self.backend_do(steps);
            }
            Err(why) => self.fail(id, link, request, why),
        }
    }

    fn news_of(&self, request: &Message) -> Result<News, Why> {
        let malformed = |_| Why::Malformed;
        let from = request.from().map_err(malformed)?;
        let to = request.to().map_err(malformed)?;
        let event = request.event().map_err(malformed)?.ok_or(Why::BadEvent)?;
        if !event.is(Package::Presence.as_str()) {
            return Err(Why::BadEvent);
        }
        let state = request.subscription_state().map_err(malformed)?;
        let state = state.ok_or(Why::Malformed)?;
        let after = state.retry_after();
        let media_type = request.text(Name::ContentType).unwrap_or_default();
        let media_type = media_type.split(';').next().unwrap_or_default().trim();
        let is_document = media_type.eq_ignore_ascii_case(Package::Presence.media_type());
        Ok(News {
            call_id: request.call_id().map_err(malformed)?.to_owned(),
            tag: to.tag().unwrap_or_default().to_owned(),
            remote: self.remote_of(request, from.tag()).ok_or(Why::Malformed)?,
            cseq: request.cseq().map_err(malformed)?.number,
            state: match state.state {
                Substate::Active if is_document => State::Active,
                Substate::Terminated => State::Terminated {
                    reason: state.reason().map(str::to_owned),
                    retry_after: after.map(|secs| Duration::from_secs(secs.into())),
                },
                Substate::Active | Substate::Pending | Substate::Other(_) => State::Pending,
            },
            body: Bytes::copy_from_slice(request.body()),
        })
    }

    /// Tells lists of a user who is at home elsewhere.
    fn lists_told(&mut self, wishes: Vec<Wish>, said: &Said) {
        let stands_in = *said == Said::Away
            && wishes
                .first()
                .is_some_and(|wish| self.is_stand_in(&wish.resource));
        for wish in wishes {
            let lasts = wish.until.since(self.now.mono);
            if stands_in {
                self.events.hears_from(wish.list, wish.entry, Source::Here);
                self.watch_here(self.interest_of(wish, lasts));
            } else {
                let (list, entry) = (wish.list, wish.entry);
                if self.events.hears_from(list, entry, Source::Elsewhere) == Some(Source::Here) {
                    self.watch_here(self.interest_of(wish, Duration::ZERO));
                }
                self.entry_says(list, entry, said.clone());
            }
        }
    }

    fn is_stand_in(&mut self, aor: &str) -> bool {
        let user = self.shared.users.find(aor);
        self.with_context(|context| user.is_some_and(|user| front_end::serves(context, &user)))
    }

    fn interest_of(&self, wish: Wish, lasts: Duration) -> Interest {
        Interest {
            worker: self.config.worker,
            list: wish.list,
            entry: wish.entry,
            resource: wish.resource,
            watcher: wish.watcher,
            lasts,
            source: Source::Here,
        }
    }

    /// Tells a list of this worker how an entry is that no worker of this machine speaks of.
    pub(super) fn entry_says(&mut self, list: u64, entry: usize, said: Said) {
        let (ended, body) = match said {
            Said::Pending => (None, None),
            Said::Document(body) => (None, Some(body)),
            Said::Ended(reason) => (Some(reason), None),
            Said::Away => (Some(crate::event::Reason::Probation), None),
        };
        self.events.hears_from(list, entry, Source::Elsewhere);
        let told = Told {
            list,
            entry,
            source: Source::Elsewhere,
            number: self.events.number(),
            ended,
            body,
        };
        let todo = self.events.entry_told(told);
        self.event_do(todo);
    }

    pub(super) fn backend_due(&mut self, number: u64) {
        let steps = self.backends.due(self.now.mono, &mut self.random, number);
        self.backend_do(steps);
    }

    pub(super) fn backends_lost(&mut self, flow: FlowId) {
        let steps = self.backends.flow_closed(&mut self.random, flow);
        self.backend_do(steps);
    }
}
