//! Subscriptions and publications: between messages and the event state ([`crate::event`]).

use super::listing::{self, Unlisted};
use super::note::{Handed, Mail, Note};
use super::{Action, Alarm, Node};
use crate::event::{
    self, Asked, DEFAULT_EXPIRES, Dialog, Do, Facts, Listing, MAX_EXPIRES, MIN_EXPIRES, Origin,
    Package, Publish, Published, Reach, Subscribe, spread,
};
use crate::msg::{Message, Method, Name, Reply};
use crate::observe::{Grade, Topic};
use crate::presence::Fault;
use crate::presence::lists;
use crate::presence::pidf::{self, Document};
use crate::role::route::{self, Ends};
use crate::role::{Eventing, Why, secure, unsupported_tags};
use crate::token::Token;
use base::net::{FlowId, Link, Peer, Role, WorkerId};
use std::sync::Arc;
use std::time::Duration;

/// Why a SUBSCRIBE or PUBLISH is refused in a way of its own.
enum Refusal {
    Why(Why),
    TooBrief,
    NotAcceptable(&'static str),
    MediaType,
    NoMatch,
    TooLarge,
    /// Tags, as they are named in the answer.
    Unsupported(String),
    ExtensionRequired,
    ListType,
}

impl From<Why> for Refusal {
    fn from(why: Why) -> Self {
        Self::Why(why)
    }
}

impl From<Unlisted> for Refusal {
    fn from(unlisted: Unlisted) -> Self {
        match unlisted {
            Unlisted::TooLarge => Self::TooLarge,
            Unlisted::Malformed => Self::Why(Why::Malformed),
            Unlisted::MediaType => Self::ListType,
        }
    }
}

impl Node {
    /// Carries out a request about event state, or hands it to the worker that keeps it.
    pub(super) fn event(
        &mut self,
        id: FlowId,
        link: &Arc<Link>,
        request: &Message,
        about: Eventing,
    ) {
        let worker = self.keeper_of(&about.aor);
        if worker == self.config.worker {
            return self.event_here(id, link, request, &about);
        }
        self.flows.handed(id, worker);
        let mail = Mail {
            flow: id,
            link: Arc::clone(link),
            bytes: request.bytes().clone(),
        };
        let handed = Handed { mail, about };
        self.tell(worker, Note::Request(Box::new(handed)));
    }

    pub(super) fn tell(&mut self, worker: WorkerId, note: Note) {
        self.out.push_back(Action::Tell { worker, note });
    }

    /// Another worker has told us something.
    pub(super) fn told(&mut self, note: Note) {
        match note {
            Note::Request(handed) => {
                let Handed { mail, about } = *handed;
                if let Ok(request) = Message::parse(mail.bytes, &self.server_limits) {
                    self.event_here(mail.flow, &mail.link, &request, &about);
                }
            }
            Note::Notify(mail, number) => {
                if let Ok(request) = Message::parse(mail.bytes, &self.server_limits) {
                    self.backend_told(mail.flow, &mail.link, &request, number);
                }
            }
            Note::BindingsChanged(user) => self.bindings_changed(&user),
            Note::FlowClosed(flow) => self.watcher_gone(flow),
            Note::Watch(interest) => self.watched_by_list(&interest),
            Note::Entry(_, told) => {
                let todo = self.events.entry_told(*told);
                self.event_do(todo);
            }
        }
    }

    /// Another worker had no room for this. A request is answered; who watches hears of the next change, and of a flow
    /// that is gone when something is to be sent on it.
    pub(super) fn untold(&mut self, note: &Note) {
        let mail = match note {
            Note::Request(handed) => Some(&handed.mail),
            Note::Notify(mail, _) => Some(&**mail),
            Note::BindingsChanged(_) | Note::FlowClosed(_) | Note::Watch(_) | Note::Entry(..) => {
                None
            }
        };
        if let Some(mail) = mail
            && let Ok(request) = Message::parse(mail.bytes.clone(), &self.server_limits)
        {
            self.fail(mail.flow, &mail.link, &request, Why::Overloaded);
        }
        self.keep_for_later(note);
    }

    pub(super) fn keeper_of(&self, user: &str) -> WorkerId {
        let workers = u64::from(self.config.workers.max(1));
        WorkerId(u8::try_from(spread(user) % workers).unwrap_or_default())
    }

    /// The bindings of a user have changed: tells whoever keeps the user's event state, if there is any.
    pub(super) fn bindings_changed(&mut self, user: &str) {
        if !self.events.watched().may_be(user) {
            return;
        }
        let worker = self.keeper_of(user);
        if worker == self.config.worker {
            let bindings = self.shared.locations.find(user, self.now.wall);
            let todo = self.events.bindings_changed(user, &bindings);
            self.event_do(todo);
        } else {
            self.tell(worker, Note::BindingsChanged(Arc::from(user)));
        }
    }

    fn event_here(&mut self, id: FlowId, link: &Arc<Link>, request: &Message, about: &Eventing) {
        let done = if request.method() == Method::Publish {
            self.publish(id, link, request, about)
        } else {
            self.subscribe(id, link, request, about)
        };
        if let Err(refusal) = done {
            self.refuse_event(id, link, request, &refusal);
        }
    }

    fn subscribe(
        &mut self,
        id: FlowId,
        link: &Arc<Link>,
        request: &Message,
        about: &Eventing,
    ) -> Result<(), Refusal> {
        let (package, event_id) = event_of(request).ok_or(Why::BadEvent)?;
        let known = about.list.as_ref().map_or(&[][..], |_| &listing::TAGS[..]);
        must_support(request, known)?;
        if !accepts(request, package.media_type()) {
            return Err(Refusal::NotAcceptable(package.media_type()));
        }
        let package = if about.list.is_some() {
            knows_lists(request)?;
            Package::List
        } else {
            package
        };
        let expires = expires_of(request)?;
        let asker = about.asker.as_ref();
        let is_own = asker.is_none_or(|asker| *asker == about.aor);
        if package.is_private() && !is_own {
            return Err(Why::Forbidden.into());
        }
        if package == Package::Presence && asker.is_some_and(|asker| self.hides(&about.aor, asker))
        {
            return Err(Why::Blocked.into());
        }
        let dialog = self.dialog_of(id, link, request)?;
        let asked = Subscribe {
            resource: Arc::clone(&about.aor),
            watcher: Arc::clone(asker.unwrap_or(&about.aor)),
            package,
            id: event_id,
            expires,
            is_inside: about.asker.is_none(),
            dialog,
        };
        let todo = match &about.list {
            None => self.events.subscribe(self.now.mono, asked)?,
            Some(uri) => {
                // Inside a dialog a list means nothing (RFC 5367 5.1).
                let listing = if asked.is_inside {
                    Listing::default()
                } else {
                    self.listing(request, &about.aor)?
                };
                let now = self.now.mono;
                self.events.subscribe_list(now, asked, uri, listing)?
            }
        };
        let mut reply = Reply::to(request, 200)
            .header(Name::Expires, expires.as_secs())
            .header(
                Name::Contact,
                self.own_contact(secure::is_sips(request.uri()), id),
            )
            .header(Name::AllowEvents, Package::ALL);
        if about.list.is_some() {
            reply = reply.header(Name::Require, listing::TAGS[0]);
        }
        if matches!(link.peer, Peer::Server(_)) && about.asker.is_some() {
            // We are a proxy too: our own entry brings what comes in this dialog from wherever to this machine.
            reply = reply.header(Name::RecordRoute, self.own_entry(request));
        }
        for element in request.elements(Name::RecordRoute) {
            if let Some(entry) = element.text() {
                reply = reply.header(Name::RecordRoute, entry);
            }
        }
        self.say_watch(id, link, request, about, expires);
        self.stats.end(Why::Answered);
        self.reply(id, link, request, reply);
        self.event_do(todo);
        Ok(())
    }

    fn own_entry(&self, request: &Message) -> String {
        let ends = Ends::of(request);
        let [dialog, _] = ends.dialogs();
        let token = Token::record_route(None, dialog, &self.config.keys.token);
        let us = &self.config.inside;
        let scheme = secure::scheme_of(request);
        format!("<{scheme}{token}@{}:{};transport=tls;lr>", us.host, us.port)
    }

    fn dialog_of(&self, id: FlowId, link: &Link, request: &Message) -> Result<Dialog, Why> {
        let malformed = |_| Why::Malformed;
        let from = request.from().map_err(malformed)?;
        let to = request.to().map_err(malformed)?;
        let contact = request.elements(Name::Contact).next();
        let contact = contact.and_then(|contact| contact.address().ok().map(|a| a.uri.to_owned()));
        let local = match to.tag() {
            Some(tag) => format!("<{}>;tag={tag}", to.uri),
            None => format!("<{}>;tag={}", to.uri, self.local_tag(request)),
        };
        let tag = from.tag().ok_or(Why::Malformed)?;
        let route = request.elements(Name::RecordRoute);
        let route: Vec<String> = route
            .filter_map(|hop| hop.text().map(str::to_owned))
            .collect();
        let is_server = matches!(link.peer, Peer::Server(_));
        Ok(Dialog {
            call_id: request.call_id().map_err(malformed)?.to_owned(),
            local,
            remote: format!("<{}>;tag={tag}", from.uri),
            remote_tag: tag.to_owned(),
            target: contact.ok_or(Why::Malformed)?,
            reach: if is_server && !route.is_empty() {
                Reach::Route
            } else {
                Reach::Flow(id)
            },
            route: if is_server { route } else { Vec::new() },
            heard: request.cseq().map_err(malformed)?.number,
            sent: 0,
        })
    }

    fn publish(
        &mut self,
        id: FlowId,
        link: &Arc<Link>,
        request: &Message,
        about: &Eventing,
    ) -> Result<(), Refusal> {
        if about.asker.as_ref() != Some(&about.aor) {
            return Err(Why::Forbidden.into());
        }
        must_support(request, &[])?;
        let document = document_of(request)?;
        let expires = expires_of(request)?;
        let bindings = self.shared.locations.find(&about.aor, self.now.wall);
        let asked = Publish {
            user: Arc::clone(&about.aor),
            tag: request
                .text(Name::SipIfMatch)
                .map(|tag| tag.trim().to_owned()),
            expires,
            document,
            origin: Origin::of(request, &bindings),
            asked: Asked::of(request),
            boot: self.config.boot,
        };
        let (tag, todo) = match self.events.publish(self.now.mono, asked) {
            Published::Kept { tag, todo } => (tag, todo),
            Published::NoMatch => return Err(Refusal::NoMatch),
            Published::Empty => return Err(Why::Malformed.into()),
            Published::Full => return Err(Why::Overloaded.into()),
        };
        self.stats.publishes += 1;
        self.say_event(id, link, request, "published", || {
            format!("of {}, for {} s", about.aor, expires.as_secs())
        });
        let reply = Reply::to(request, 200)
            .header(Name::SipEtag, tag)
            .header(Name::Expires, expires.as_secs());
        self.stats.end(Why::Answered);
        self.reply(id, link, request, reply);
        self.event_do(todo);
        Ok(())
    }

    fn refuse_event(&mut self, id: FlowId, link: &Link, request: &Message, refusal: &Refusal) {
        let (why, reply) = match refusal {
            Refusal::Why(why) => return self.fail(id, link, request, *why),
            Refusal::TooBrief => {
                let min = MIN_EXPIRES.as_secs();
                let reply = Reply::to(request, 423).header(Name::MinExpires, min);
                (Why::Malformed, reply)
            }
            Refusal::NotAcceptable(ours) => {
                let reply = Reply::to(request, 406).header(Name::Accept, ours);
                (Why::Unsupported, reply)
            }
            Refusal::MediaType => {
                let reply = Reply::to(request, 415).header(Name::Accept, pidf::TYPE);
                (Why::Unsupported, reply)
            }
            Refusal::ExtensionRequired => {
                let reply = Reply::to(request, 421).header(Name::Require, listing::TAGS[0]);
                (Why::Unsupported, reply)
            }
            Refusal::ListType => {
                let reply = Reply::to(request, 415)
                    .header(Name::Accept, lists::TYPE)
                    .header(Name::AcceptEncoding, lists::ENCODING);
                (Why::Unsupported, reply)
            }
            Refusal::NoMatch => (Why::NoDialog, Reply::to(request, 412)),
            Refusal::TooLarge => (Why::Malformed, Reply::to(request, 413)),
            Refusal::Unsupported(tags) => {
                let reply = Reply::to(request, 420).header(Name::Unsupported, tags);
                (Why::Unsupported, reply)
            }
        };
        let status = reply.status();
        self.say(
            Topic::Presence,
            Grade::Trouble,
            "refused",
            |node, remark| {
                remark
                    .about(request)
                    .at(node.end_at(id, link))
                    .because(why.name())
                    .with_status(status)
            },
        );
        self.stats.end(why);
        self.reply(id, link, request, reply);
    }

    /// Carries out what the event state wants.
    pub(super) fn event_do(&mut self, todo: Vec<Do>) {
        let mut todo = std::collections::VecDeque::from(todo);
        while let Some(step) = todo.pop_front() {
            match step {
                Do::Set(wait, alarm) => {
                    self.timers.set(self.now.mono, wait, Alarm::Event(alarm));
                }
                Do::Watch(interest) => self.watch(interest),
                Do::Notify(subscription) => {
                    if !self.send_notice(subscription) {
                        self.stats.notifies_failed += 1;
                        todo.extend(self.events.told(subscription, false));
                    }
                }
            }
        }
    }

    fn send_notice(&mut self, subscription: u64) -> bool {
        let Some(user) = self.events.resource_of(subscription) else {
            return true;
        };
        let bindings = self.shared.locations.find(&user, self.now.wall);
        let way = self.events.route_of(subscription);
        let is_outside = self.with_context(|context| {
            let mut roles = way.iter().map(|entry| route::role_of(context, entry));
            roles.any(|role| role == Some(Role::Edge))
        });
        let facts = Facts {
            bindings: &bindings,
            key: &self.config.keys.token,
            is_outside,
        };
        match self.events.notice(self.now, subscription, &facts) {
            Some(notice) if self.notify_list(subscription, &notice) => true,
            Some(notice) => self.notify(subscription, notice),
            None => true,
        }
    }

    /// What became of a notification.
    pub(super) fn notified(&mut self, subscription: u64, accepted: bool) {
        if !accepted {
            self.stats.notifies_failed += 1;
            let user = self.events.resource_of(subscription);
            self.say(Topic::Presence, Grade::Trouble, "not-told", |_, remark| {
                let user = user.as_deref().unwrap_or_default();
                remark
                    .of_user(user)
                    .because("a watcher did not take the notification")
            });
        }
        let todo = self.events.told(subscription, accepted);
        self.event_do(todo);
    }

    pub(super) fn watcher_gone(&mut self, flow: FlowId) {
        let todo = self.events.flow_closed(flow);
        self.event_do(todo);
    }

    pub(super) fn event_alarm(&mut self, alarm: event::Alarm) {
        if alarm == event::Alarm::Review {
            self.review_watchers();
        }
        let todo = self.events.alarm(self.now.mono, alarm);
        self.event_do(todo);
    }
}

/// The package and the `id` of an Event header.
fn event_of(request: &Message) -> Option<(Package, Option<String>)> {
    let event = request.event().ok()??;
    let package = Package::named(event.package)?;
    Some((package, event.id().map(str::to_owned)))
}

/// All that a request requires and we do not know is named in the answer (RFC 3261 8.2.2.3).
fn must_support(request: &Message, known: &[&str]) -> Result<(), Refusal> {
    let unknown = unsupported_tags(request, known);
    if unknown.is_empty() {
        return Ok(());
    }
    Err(Refusal::Unsupported(unknown.join(", ")))
}

/// Whoever subscribes to a list must say that they know what comes (RFC 4662 4.1), and take it.
fn knows_lists(request: &Message) -> Result<(), Refusal> {
    let tags = [Name::Supported, Name::Require];
    let mut tags = tags.into_iter().flat_map(|name| request.elements(name));
    let is_known = |text: &str| text.eq_ignore_ascii_case(listing::TAGS[0]);
    if !tags.any(|tag| tag.text().is_some_and(is_known)) {
        return Err(Refusal::ExtensionRequired);
    }
    let missing = listing::TYPES.iter().find(|one| !accepts(request, one));
    missing.map_or(Ok(()), |one| Err(Refusal::NotAcceptable(one)))
}

/// Without an Accept header what a package speaks is accepted (RFC 6665 3.1.3).
fn accepts(request: &Message, media_type: &str) -> bool {
    request.accepts(media_type) != Some(0)
}

fn expires_of(request: &Message) -> Result<Duration, Refusal> {
    let asked = request.expires().map_err(|_| Why::Malformed)?;
    let asked = asked.map_or(DEFAULT_EXPIRES, |secs| Duration::from_secs(secs.into()));
    if !asked.is_zero() && asked < MIN_EXPIRES {
        return Err(Refusal::TooBrief);
    }
    Ok(asked.min(MAX_EXPIRES))
}

fn document_of(request: &Message) -> Result<Option<Document>, Refusal> {
    if request.body().is_empty() {
        return Ok(None);
    }
    let media_type = request.text(Name::ContentType).unwrap_or_default();
    let media_type = media_type.split(';').next().unwrap_or_default().trim();
    if !media_type.eq_ignore_ascii_case(pidf::TYPE) || request.get(Name::ContentEncoding).is_some()
    {
        return Err(Refusal::MediaType);
    }
    match Document::read(request.body()) {
        Ok(document) => Ok(Some(document)),
        Err(Fault::TooLarge) => Err(Refusal::TooLarge),
        Err(Fault::Syntax | Fault::Forbidden | Fault::Kind) => Err(Why::Malformed.into()),
    }
}
