//! What a user's endpoints have published (RFC 3903 6).

use super::{Alarm, Do, Events, Package};
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
    /// Differs in each run of the process, so that a tag of an earlier one fits nothing.
    pub(crate) boot: u32,
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
    ends: Mono,
}

impl Events {
    /// Publishes, modifies, refreshes or removes (RFC 3903 6 steps 4 to 7). The entity tag is a new one each time.
    pub(crate) fn publish(&mut self, now: Mono, asked: Publish) -> Published {
        let number = self.number();
        let tag = format!("{:x}.{number:x}", asked.boot);
        let resource = self.resources.entry(Arc::clone(&asked.user)).or_default();
        let all = &mut resource.publications;
        let matching = asked
            .tag
            .as_deref()
            .map(|tag| all.iter().position(|one| one.tag == tag));
        let (before, is_new) = match (matching, asked.document) {
            (Some(None), _) => {
                self.tidy(&asked.user);
                return Published::NoMatch;
            }
            (Some(Some(at)), document) => {
                let before = all.remove(at);
                self.publications.remove(&before.number);
                let is_new = document.is_some();
                (document.unwrap_or(before.document), is_new)
            }
            (None, None) => {
                self.tidy(&asked.user);
                return Published::Empty;
            }
            (None, Some(document)) => {
                let full = all.len() >= self.bounds.endpoints
                    || self.publications.len() >= self.bounds.publications;
                if full {
                    self.tidy(&asked.user);
                    return Published::Full;
                }
                (document, true)
            }
        };
        if asked.expires.is_zero() {
            let todo = self.presence_changed(&asked.user);
            self.tidy(&asked.user);
            return Published::Kept { tag, todo };
        }
        all.push(Publication {
            number,
            tag: tag.clone(),
            document: before,
            ends: now.after(asked.expires),
        });
        self.publications.insert(number, Arc::clone(&asked.user));
        let mut todo = vec![Do::Set(asked.expires, Alarm::PublicationEnds(number))];
        if is_new {
            todo.extend(self.presence_changed(&asked.user));
        }
        Published::Kept { tag, todo }
    }

    pub(super) fn publication_ends(&mut self, now: Mono, number: u64) -> Vec<Do> {
        let Some(user) = self.publications.remove(&number) else {
            return Vec::new();
        };
        if let Some(resource) = self.resources.get_mut(&user) {
            let all = &mut resource.publications;
            all.retain(|one| one.number != number || one.ends > now);
        }
        let todo = self.presence_changed(&user);
        self.tidy(&user);
        todo
    }

    fn presence_changed(&mut self, user: &str) -> Vec<Do> {
        self.changed(user, |package| package == Package::Presence)
    }
}
