//! Subscriptions: begun, refreshed, ended, and how often they hear something (RFC 6665 4.2).

use super::notice::Reason;
use super::{Alarm, Dialog, Do, Events, Package, REST, Reach};
use crate::role::Why;
use base::Mono;
use base::net::FlowId;
use std::sync::Arc;
use std::time::Duration;

/// What a SUBSCRIBE asks.
pub(crate) struct Subscribe {
    pub(crate) resource: Arc<str>,
    pub(crate) watcher: Arc<str>,
    pub(crate) package: Package,
    /// The `id` of Event.
    pub(crate) id: Option<String>,
    /// Zero ends it.
    pub(crate) expires: Duration,
    /// Whether To had a tag.
    pub(crate) is_inside: bool,
    pub(crate) dialog: Dialog,
}

/// Where a subscription is between two notifications.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pace {
    Ready,
    Queued,
    Sending { again: bool },
    Resting { again: bool },
}

/// One watcher's interest in one user.
pub(super) struct Subscription {
    pub(super) resource: Arc<str>,
    pub(super) watcher: Arc<str>,
    pub(super) package: Package,
    id: Option<String>,
    pub(super) ends: Mono,
    pub(super) ended: Option<Reason>,
    pub(super) version: u32,
    pub(super) dialog: Dialog,
    pub(super) pace: Pace,
}

impl Subscription {
    /// Returns the Event header.
    pub(super) fn event(&self) -> String {
        match &self.id {
            Some(id) => format!("{};id={id}", self.package.as_str()),
            None => self.package.as_str().to_owned(),
        }
    }

    /// There is something new. True if it is to be queued; else it is told later.
    pub(super) const fn changed(&mut self) -> bool {
        match &mut self.pace {
            Pace::Ready => {
                self.pace = Pace::Queued;
                true
            }
            Pace::Queued => false,
            Pace::Sending { again } | Pace::Resting { again } => {
                *again = true;
                false
            }
        }
    }

    /// Its turn in the queue has come. False if it was told in the meantime.
    pub(super) const fn leaves_queue(&mut self) -> bool {
        let queued = matches!(self.pace, Pace::Queued);
        if queued {
            self.pace = Pace::Sending { again: false };
        }
        queued
    }

    fn key(&self) -> String {
        key(&self.dialog, self.package, self.id.as_deref())
    }
}

/// One dialog may carry several subscriptions (RFC 6665 4.5.2 deprecates, but does not forbid it).
fn key(dialog: &Dialog, package: Package, id: Option<&str>) -> String {
    let id = id.unwrap_or_default();
    let package = package.as_str();
    [&dialog.call_id, &dialog.remote_tag, package, id].join("\n")
}

impl Events {
    /// Begins, refreshes or ends a subscription; a notification follows in any case.
    pub(crate) fn subscribe(&mut self, now: Mono, asked: Subscribe) -> Result<Vec<Do>, Why> {
        let key = key(&asked.dialog, asked.package, asked.id.as_deref());
        let known = self.by_dialog.get(&key).copied();
        let (id, mut todo) = match known {
            Some(id) => {
                self.refresh(id, &asked)?;
                (id, Vec::new())
            }
            None if asked.is_inside => return Err(Why::NoDialog),
            None => self.begin(key, &asked)?,
        };
        let Some(subscription) = self.subscriptions.get_mut(&id) else {
            return Err(Why::NoDialog);
        };
        subscription.pace = Pace::Sending { again: false };
        todo.insert(0, Do::Notify(id));
        if asked.expires.is_zero() {
            subscription.ended = Some(Reason::Timeout);
            let user = Arc::clone(&subscription.resource);
            todo.extend(self.watchers_changed(&user, asked.package));
        } else {
            subscription.ends = now.after(asked.expires);
            todo.push(Do::Set(asked.expires, Alarm::SubscriptionEnds(id)));
        }
        Ok(todo)
    }

    fn begin(&mut self, key: String, asked: &Subscribe) -> Result<(u64, Vec<Do>), Why> {
        let (resource, watcher) = (Arc::clone(&asked.resource), Arc::clone(&asked.watcher));
        let of_one = self.of_watcher.get(&watcher).copied().unwrap_or_default();
        let to_one = self.resources.get(&resource);
        let to_one = to_one.map_or(0, |resource| resource.subscriptions.len());
        let bounds = self.bounds;
        if self.subscriptions.len() >= bounds.subscriptions
            || of_one >= bounds.of_one
            || to_one >= bounds.to_one
        {
            return Err(Why::Overloaded);
        }
        let number = self.number();
        if let Reach::Flow(flow) = asked.dialog.reach {
            self.by_flow.insert((flow, number));
        }
        self.by_dialog.insert(key, number);
        self.watched.begins(&resource);
        self.of_watcher.insert(Arc::clone(&watcher), of_one + 1);
        let of_resource = self.resources.entry(Arc::clone(&resource)).or_default();
        of_resource.subscriptions.insert(number);
        let subscription = Subscription {
            resource: Arc::clone(&resource),
            watcher,
            package: asked.package,
            id: asked.id.clone(),
            ends: Mono::ZERO,
            ended: None,
            version: 0,
            dialog: asked.dialog.clone(),
            pace: Pace::Ready,
        };
        self.subscriptions.insert(number, subscription);
        let mut todo = self.watchers_changed(&resource, asked.package);
        todo.extend(self.start_reviews());
        Ok((number, todo))
    }

    /// Takes over what a refresh may change (RFC 3261 12.2.2): the Contact, and the flow it came on.
    fn refresh(&mut self, id: u64, asked: &Subscribe) -> Result<(), Why> {
        let subscription = self.subscriptions.get_mut(&id).ok_or(Why::NoDialog)?;
        let dialog = &mut subscription.dialog;
        if asked.dialog.heard < dialog.heard || subscription.resource != asked.resource {
            return Err(Why::OutOfOrder);
        }
        dialog.heard = asked.dialog.heard;
        dialog.target.clone_from(&asked.dialog.target);
        if let (Reach::Flow(old), Reach::Flow(new)) = (dialog.reach, asked.dialog.reach) {
            dialog.reach = Reach::Flow(new);
            self.by_flow.remove(&(old, id));
            self.by_flow.insert((new, id));
        }
        Ok(())
    }

    /// A NOTIFY was answered, or will not be (`accepted` is false): then nobody listens (RFC 6665 4.2.2).
    pub(crate) fn told(&mut self, id: u64, accepted: bool) -> Vec<Do> {
        if !accepted {
            return self.drop_one(id);
        }
        let Some(subscription) = self.subscriptions.get_mut(&id) else {
            return Vec::new();
        };
        if let Pace::Sending { again } = subscription.pace {
            subscription.pace = Pace::Resting { again };
            return vec![Do::Set(REST, Alarm::Rested(id))];
        }
        Vec::new()
    }

    /// A flow is gone, and whoever subscribed on it with it.
    pub(crate) fn flow_closed(&mut self, flow: FlowId) -> Vec<Do> {
        let range = (flow, 0)..=(flow, u64::MAX);
        let lost: Vec<u64> = self.by_flow.range(range).map(|(_, id)| *id).collect();
        lost.into_iter().flat_map(|id| self.drop_one(id)).collect()
    }

    pub(super) fn rested(&mut self, id: u64) -> Vec<Do> {
        let Some(subscription) = self.subscriptions.get_mut(&id) else {
            return Vec::new();
        };
        match subscription.pace {
            Pace::Resting { again: true } => {
                subscription.pace = Pace::Queued;
                self.due.push_back(id);
                self.start_batch()
            }
            Pace::Resting { again: false } => {
                subscription.pace = Pace::Ready;
                Vec::new()
            }
            Pace::Ready | Pace::Queued | Pace::Sending { .. } => Vec::new(),
        }
    }

    pub(super) fn subscription_ends(&mut self, now: Mono, id: u64) -> Vec<Do> {
        let Some(subscription) = self.subscriptions.get_mut(&id) else {
            return Vec::new();
        };
        if subscription.ends > now || subscription.ended.is_some() {
            return Vec::new();
        }
        self.end(id, Reason::Timeout)
    }

    /// Ends a subscription with a last notification.
    pub(super) fn end(&mut self, id: u64, reason: Reason) -> Vec<Do> {
        let Some(subscription) = self.subscriptions.get_mut(&id) else {
            return Vec::new();
        };
        subscription.ended = Some(reason);
        let (user, package) = (Arc::clone(&subscription.resource), subscription.package);
        let mut todo = vec![Do::Notify(id)];
        todo.extend(self.forget(id));
        todo.extend(self.watchers_changed(&user, package));
        todo
    }

    fn drop_one(&mut self, id: u64) -> Vec<Do> {
        let mut todo = self.forget(id);
        if let Some(gone) = self.remove(id) {
            todo.extend(self.watchers_changed(&gone.resource, gone.package));
        }
        todo
    }

    /// Forgets the subscription of a dialog without a word.
    pub(super) fn drop_dialog(&mut self, dialog: &Dialog, package: Package) -> Vec<Do> {
        let known = self.by_dialog.get(&key(dialog, package, None)).copied();
        known.map_or_else(Vec::new, |id| self.drop_one(id))
    }

    fn watchers_changed(&mut self, user: &str, package: Package) -> Vec<Do> {
        if package != Package::Presence {
            return Vec::new();
        }
        self.changed(user, |package| package == Package::Winfo)
    }

    pub(super) fn remove(&mut self, id: u64) -> Option<Subscription> {
        let gone = self.subscriptions.remove(&id)?;
        self.by_dialog.remove(&gone.key());
        if let Some(list) = self.lists.remove(&id) {
            self.listed -= list.len();
        }
        self.watched.ends(&gone.resource);
        if let Reach::Flow(flow) = gone.dialog.reach {
            self.by_flow.remove(&(flow, id));
        }
        if let Some(count) = self.of_watcher.get_mut(&gone.watcher) {
            *count -= 1;
            if *count == 0 {
                self.of_watcher.remove(&gone.watcher);
            }
        }
        if let Some(resource) = self.resources.get_mut(&gone.resource) {
            resource.subscriptions.remove(&id);
        }
        self.tidy(&gone.resource);
        Some(gone)
    }
}
