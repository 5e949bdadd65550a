//! What a user's endpoints have published (RFC 3903 6), and for how long it counts.
//!
//! A publication ends with its own time, and sooner with what made it: when its endpoint is registered no longer, or when
//! the same endpoint publishes one of its tuples anew without naming it (`docs/decisions/0031-whose-presence-counts.md`).

use super::{Alarm, Do, Events, Package};
use crate::location::Binding;
use crate::msg::{Message, Name, Uri, Via};
use crate::presence::pidf::Document;
use base::Mono;
use std::sync::Arc;
use std::time::Duration;

/// What a PUBLISH asks.
pub(crate) struct Publish {
    pub(crate) user: Arc<str>,
    /// SIP-If-Match.
    pub(crate) tag: Option<String>,
    /// Zero removes it.
    pub(crate) expires: Duration,
    pub(crate) document: Option<Document>,
    pub(crate) origin: Origin,
    pub(crate) asked: Asked,
    /// Differs in each run of the process, so that a tag of an earlier one fits nothing.
    pub(crate) boot: u32,
}

/// Which request it was, to know it when it comes again: whoever did not get the answer asks once more, over another
/// connection perhaps, and must not be told that their entity tag fits nothing because it was they who used it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Asked {
    call_id: String,
    cseq: u32,
}

impl Asked {
    pub(crate) fn of(request: &Message) -> Self {
        Self {
            call_id: request.call_id().unwrap_or_default().to_owned(),
            cseq: request.cseq().map_or(0, |cseq| cseq.number),
        }
    }

    #[cfg(test)]
    pub(super) fn numbered(call_id: &str, cseq: u32) -> Self {
        Self {
            call_id: call_id.to_owned(),
            cseq,
        }
    }
}

/// Where a publication comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Origin {
    /// Whether the user has been registered since.
    pub(crate) is_registered: bool,
    /// The Contact of the binding that published, if it can be told.
    pub(crate) endpoint: Option<String>,
}

impl Origin {
    /// Finds the binding from which a request comes: the one with its Contact, or with the address in its first Via, since
    /// there are phones that send no Contact with a PUBLISH.
    pub(crate) fn of(request: &Message, bindings: &[Arc<Binding>]) -> Self {
        let contact = request.elements(Name::Contact).next();
        let contact = contact.and_then(|contact| contact.address().ok().map(|one| one.uri));
        let via = request.elements(Name::Via).last();
        let via = via.and_then(|via| via.text().and_then(|via| Via::parse(via).ok()));
        let made_it = |binding: &&Arc<Binding>| match (Uri::parse(&binding.contact), contact) {
            (Ok(bound), Some(contact)) => Uri::parse(contact).is_ok_and(|uri| uri.matches(&bound)),
            (Ok(bound), None) => via.as_ref().is_some_and(|via| {
                via.host.eq_ignore_ascii_case(bound.host) && via.port == bound.port
            }),
            (Err(_), _) => false,
        };
        Self {
            is_registered: !bindings.is_empty(),
            endpoint: bindings.iter().find(made_it).map(|one| one.contact.clone()),
        }
    }

    /// Tells whether both may be one endpoint.
    fn may_be(&self, other: &Self) -> bool {
        match (&self.endpoint, &other.endpoint) {
            (Some(one), Some(other)) => one == other,
            _ => true,
        }
    }

    /// Tells whether what came from here has lost its endpoint.
    fn is_gone(&self, bindings: &[Arc<Binding>]) -> bool {
        match &self.endpoint {
            Some(endpoint) => !bindings.iter().any(|one| one.contact == *endpoint),
            None => self.is_registered && bindings.is_empty(),
        }
    }
}

/// What came of a PUBLISH.
#[derive(Debug)]
pub(crate) enum Published {
    /// It is kept under this entity tag.
    Kept { tag: String, todo: Vec<Do> },
    /// There is no publication with that entity tag: 412.
    NoMatch,
    /// Neither a tag nor a document: 400.
    Empty,
    /// There are too many: 503.
    Full,
}

pub(super) struct Publication {
    number: u64,
    tag: String,
    pub(super) document: Document,
    origin: Origin,
    /// The request that made it what it is.
    asked: Asked,
    ends: Mono,
}

impl Events {
    /// Publishes, modifies, refreshes or removes (RFC 3903 6 steps 4 to 7). The entity tag is a new one each time.
    pub(crate) fn publish(&mut self, now: Mono, asked: Publish) -> Published {
        if let Some(tag) = self.answered(now, &asked) {
            return Published::Kept {
                tag,
                todo: Vec::new(),
            };
        }
        let number = self.number();
        let tag = format!("{:x}.{number:x}", asked.boot);
        let is_new = asked.document.is_some();
        let document = match self.published(asked.tag.as_deref(), &asked.user, asked.document) {
            Ok(document) => document,
            Err(refused) => return refused,
        };
        if asked.expires.is_zero() {
            self.removals.note(now, &asked.user, asked.asked, &tag);
            let todo = self.presence_changed(&asked.user);
            self.tidy(&asked.user);
            return Published::Kept { tag, todo };
        }
        let replaced = |one: &Publication| {
            asked.tag.is_none()
                && one.origin.may_be(&asked.origin)
                && one.document.shares(&document)
        };
        self.unpublish(&asked.user, replaced);
        if self.is_full_of(&asked.user) {
            self.tidy(&asked.user);
            return Published::Full;
        }
        let resource = self.resources.entry(Arc::clone(&asked.user)).or_default();
        resource.publications.push(Publication {
            number,
            tag: tag.clone(),
            document,
            origin: asked.origin,
            asked: asked.asked,
            ends: now.after(asked.expires),
        });
        self.watched.begins(&asked.user);
        self.publications.insert(number, Arc::clone(&asked.user));
        let mut todo = vec![Do::Set(asked.expires, Alarm::PublicationEnds(number))];
        if is_new {
            todo.extend(self.presence_changed(&asked.user));
        }
        Published::Kept { tag, todo }
    }

    /// Returns the entity tag of a request that was carried out before, if nothing has come after it.
    fn answered(&self, now: Mono, asked: &Publish) -> Option<String> {
        if asked.expires.is_zero() {
            return self.removals.answered(now, &asked.user, &asked.asked);
        }
        let all = &self.resources.get(&asked.user)?.publications;
        let same = all.iter().find(|one| one.asked == asked.asked)?;
        Some(same.tag.clone())
    }

    /// Takes the publication out that an entity tag names and returns what is to be in its place.
    fn published(
        &mut self,
        tag: Option<&str>,
        user: &str,
        new: Option<Document>,
    ) -> Result<Document, Published> {
        let Some(tag) = tag else {
            return new.ok_or(Published::Empty);
        };
        let before = self.unpublish(user, |one| one.tag == tag);
        let before = before.into_iter().next().ok_or(Published::NoMatch)?;
        Ok(new.unwrap_or(before.document))
    }

    fn is_full_of(&self, user: &str) -> bool {
        let of_user = self.resources.get(user);
        of_user.is_some_and(|resource| resource.publications.len() >= self.bounds.endpoints)
            || self.publications.len() >= self.bounds.publications
    }

    /// Takes publications of a user out.
    fn unpublish(&mut self, user: &str, gone: impl Fn(&Publication) -> bool) -> Vec<Publication> {
        let Some(resource) = self.resources.get_mut(user) else {
            return Vec::new();
        };
        let all = &mut resource.publications;
        let out: Vec<_> = all.extract_if(.., |one| gone(one)).collect();
        for one in &out {
            self.publications.remove(&one.number);
            self.watched.ends(user);
        }
        out
    }

    pub(super) fn publication_ends(&mut self, now: Mono, number: u64) -> Vec<Do> {
        let Some(user) = self.publications.get(&number).cloned() else {
            return Vec::new();
        };
        self.unpublish(&user, |one| one.number == number && one.ends <= now);
        let todo = self.presence_changed(&user);
        self.tidy(&user);
        todo
    }

    /// Ends what endpoints published that are registered no longer.
    pub(super) fn endpoints_changed(&mut self, user: &str, bindings: &[Arc<Binding>]) {
        if let Some(resource) = self.resources.get_mut(user) {
            for one in &mut resource.publications {
                one.origin.is_registered |= !bindings.is_empty();
            }
        }
        self.unpublish(user, |one| one.origin.is_gone(bindings));
    }

    fn presence_changed(&mut self, user: &str) -> Vec<Do> {
        self.changed(user, |package| package == Package::Presence)
    }
}
