//! What one notification says.

use super::subscriptions::Subscription;
use super::{Dialog, Events, Package};
use crate::location::Binding;
use crate::presence::{pidf, reginfo, winfo};
use crate::role::gruu;
use crate::token::Key;
use base::{Now, UnixMillis};
use bytes::Bytes;
use std::sync::Arc;

/// Why a subscription has ended (RFC 6665 4.1.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    /// Its time is over, or the watcher ended it.
    Timeout,
    /// Who is watched hides from the watcher (RFC 3856 6.6.2).
    Rejected,
    /// Who is watched has no account any more.
    NoResource,
    /// There is no room for it at the moment.
    Probation,
}

impl Reason {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Timeout => "timeout",
            Self::Rejected => "rejected",
            Self::NoResource => "noresource",
            Self::Probation => "probation",
        }
    }
}

/// What a document is made from and the event state does not hold.
pub(crate) struct Facts<'a> {
    /// Where the user is registered.
    pub(crate) bindings: &'a [Arc<Binding>],
    /// For ids that stay the same.
    pub(crate) key: &'a Key,
    /// Whether the watcher is outside, where the addresses of phones inside are not told.
    pub(crate) is_outside: bool,
}

impl Facts<'_> {
    /// What is said of where a phone is: its Contact; to those outside its public GRUU, or else the address of its user.
    fn place_of(&self, user: &str, binding: &Binding) -> String {
        if !self.is_outside {
            return binding.contact.clone();
        }
        let instance = binding.instance.as_deref();
        instance.map_or_else(|| user.to_owned(), |instance| gruu::public(user, instance))
    }
}

/// A NOTIFY, but for Via and Contact.
#[derive(Clone, Debug)]
pub(crate) struct Notice {
    pub(crate) dialog: Dialog,
    pub(crate) event: String,
    pub(crate) state: String,
    pub(crate) media_type: String,
    /// An option tag that the watcher must know.
    pub(crate) requires: Option<&'static str>,
    /// Why the subscription has ended.
    pub(crate) ended: Option<Reason>,
    pub(crate) body: Bytes,
}

impl Events {
    /// Returns the user whom a subscription is about.
    pub(crate) fn resource_of(&self, id: u64) -> Option<Arc<str>> {
        let subscription = self.subscriptions.get(&id)?;
        Some(Arc::clone(&subscription.resource))
    }

    /// Returns the route to the watcher of a subscription.
    pub(crate) fn route_of(&self, id: u64) -> Vec<String> {
        let subscription = self.subscriptions.get(&id);
        subscription.map_or_else(Vec::new, |subscription| subscription.dialog.route.clone())
    }

    /// Makes the next notification of a subscription; the last one ends it.
    pub(crate) fn notice(&mut self, now: Now, id: u64, facts: &Facts<'_>) -> Option<Notice> {
        let (media_type, body) = self.content(id, now.wall, facts)?;
        let subscription = self.subscriptions.get_mut(&id)?;
        subscription.version += 1;
        subscription.dialog.sent += 1;
        let state = match subscription.ended {
            Some(reason) => format!("terminated;reason={}", reason.as_str()),
            None => {
                let left = subscription.ends.since(now.mono).as_secs();
                format!("active;expires={left}")
            }
        };
        let notice = Notice {
            dialog: subscription.dialog.clone(),
            event: subscription.event(),
            state,
            media_type,
            requires: (subscription.package == Package::List).then_some("eventlist"),
            ended: subscription.ended,
            body,
        };
        if subscription.ended.is_some() {
            self.remove(id);
        }
        Some(notice)
    }

    /// What a notification brings, and its type.
    fn content(&mut self, id: u64, wall: UnixMillis, facts: &Facts<'_>) -> Option<(String, Bytes)> {
        let subscription = self.subscriptions.get_mut(&id)?;
        let version = subscription.version;
        if subscription.package != Package::List {
            let media_type = subscription.package.media_type().to_owned();
            return Some((media_type, self.document(id, version, wall, facts)?));
        }
        // A user's document must not be able to close a part.
        let parts = [
            b"list".as_slice(),
            subscription.dialog.call_id.as_bytes(),
            &version.to_be_bytes(),
        ];
        let boundary = format!("{:016x}", facts.key.checksum(&parts));
        let list = self.lists.get_mut(&id)?;
        let written = list.write(version, subscription.ended.is_some(), &boundary);
        if list.has_more() {
            // It is being sent, so this is remembered for the next.
            let _ = subscription.changed();
        }
        Some(written)
    }

    fn document(
        &self,
        id: u64,
        version: u32,
        wall: UnixMillis,
        facts: &Facts<'_>,
    ) -> Option<Bytes> {
        let subscription = self.subscriptions.get(&id)?;
        let resource = self.resources.get(&subscription.resource)?;
        let user = &subscription.resource;
        Some(match subscription.package {
            // Whoever may not see it any more is not told a last time.
            Package::Presence if matches!(subscription.ended, Some(Reason::Rejected)) => {
                pidf::compose(user, &[], false)
            }
            Package::Presence => {
                let registered = !facts.bindings.is_empty();
                pidf::compose(user, &resource.documents(), registered)
            }
            Package::Winfo => {
                let watcher = |id: &u64| {
                    let watcher = self.subscriptions.get(id)?;
                    is_watcher(watcher).then(|| winfo::Watcher {
                        id: *id,
                        uri: watcher.watcher.to_string(),
                    })
                };
                let watchers: Vec<_> = resource.subscriptions.iter().filter_map(watcher).collect();
                winfo::write(user, &watchers, version)
            }
            Package::List => return None,
            Package::Reg => {
                let place = |binding: &Binding| facts.place_of(user, binding);
                reginfo::write(user, facts.bindings, place, version, wall, facts.key)
            }
        })
    }
}

fn is_watcher(subscription: &Subscription) -> bool {
    subscription.package == Package::Presence && subscription.ended.is_none()
}
