//! Who wants to hear of what, and what there is to tell: subscriptions (RFC 6665) and publications (RFC 3903).
//!
//! [`Events`] holds the event state of the users whose home is with this worker. It sends nothing: each method answers
//! with [`Do`]s that its owner carries out, as transactions do. What a notification says is asked for when it leaves
//! ([`Events::notice`]), so it is always the latest.
//!
//! ```text
//! pace of a subscription:  Ready --change--> Queued --its batch--> Sending --2xx--> Resting --a second--> Ready
//!                                            a change while Sending or Resting is remembered and queued after
//! ```
//!
//! A change with many watchers goes out in batches. State is in memory on purpose: after a restart a refresh is answered
//! 481 or 412 and the phone begins anew (`docs/decisions/0023-event-state-in-memory.md`). Bounds: [`Bounds`].

mod backend;
mod dialog;
mod lists;
mod notice;
mod package;
mod publications;
mod removals;
mod review;
mod subscriptions;
#[cfg(test)]
mod tests;
mod watched;

pub(crate) use backend::{Answer, Backends, News, Remote, Request, Said, State, Step, Wish};
pub(crate) use dialog::{Dialog, Reach};
pub use lists::{Interest, Told};
pub(crate) use lists::{Listed, Listing, Source};
pub(crate) use notice::{Facts, Notice, Reason};
pub(crate) use package::Package;
pub(crate) use publications::{Asked, Origin, Publish, Published};
pub(crate) use subscriptions::Subscribe;
pub use watched::Watched;
pub(crate) use watched::spread;

use crate::location::Binding;
use crate::presence::pidf::Document;
use base::Mono;
use base::net::FlowId;
use publications::Publication;
use removals::Removals;
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;
use subscriptions::Subscription;

/// How long a subscription or publication lasts when its request does not say (RFC 3856 6.4).
pub(crate) const DEFAULT_EXPIRES: Duration = Duration::from_secs(3_600);
/// What is longer is shortened to this.
pub(crate) const MAX_EXPIRES: Duration = Duration::from_secs(3_600);
/// What is shorter is answered 423.
pub(crate) const MIN_EXPIRES: Duration = Duration::from_secs(60);
/// RFC 3856 6.10 asks for at most one notification in five seconds; people are glad to see it sooner.
const REST: Duration = Duration::from_secs(1);
/// How often subscriptions are held against a directory that has changed.
const REVIEW: Duration = Duration::from_secs(2);
/// How many notifications leave at once, and how long it is until the next so many.
const BATCH: usize = 100;
const BATCH_WAIT: Duration = Duration::from_millis(10);

/// How much one worker keeps. What is beyond is answered 503.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Subscriptions of the worker.
    pub subscriptions: usize,
    /// Subscriptions to one user.
    pub to_one: usize,
    /// Subscriptions of one watcher.
    pub of_one: usize,
    /// Users on all lists of the worker.
    pub listed: usize,
    /// Subscriptions of ours at other pools, for users on these lists.
    pub elsewhere: usize,
    /// Publications of the worker.
    pub publications: usize,
    /// Publications of one user.
    pub endpoints: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            subscriptions: 100_000,
            to_one: 10_000,
            of_one: 1_000,
            listed: 100_000,
            elsewhere: 50_000,
            publications: 100_000,
            endpoints: 8,
        }
    }
}

/// What the owner is to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Do {
    /// Send what [`Events::notice`] gives for this subscription.
    Notify(u64),
    /// Come back with this alarm.
    Set(Duration, Alarm),
    /// Tell the worker that keeps the user that a list has them, or has them no longer.
    Watch(Interest),
}

/// What is to happen later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Alarm {
    /// The subscription may have ended.
    SubscriptionEnds(u64),
    /// The publication may have ended.
    PublicationEnds(u64),
    /// The subscription has rested.
    Rested(u64),
    /// The next batch may go.
    Batch,
    /// Subscriptions are to be held against the directory of users again.
    Review,
}

/// What belongs to one user.
#[derive(Default)]
struct Resource {
    subscriptions: BTreeSet<u64>,
    publications: Vec<Publication>,
}

impl Resource {
    fn documents(&self) -> Vec<&Document> {
        self.publications.iter().map(|one| &one.document).collect()
    }

    fn is_empty(&self) -> bool {
        self.subscriptions.is_empty() && self.publications.is_empty()
    }
}

/// The event state of one worker.
pub(crate) struct Events {
    bounds: Bounds,
    watched: Arc<Watched>,
    subscriptions: BTreeMap<u64, Subscription>,
    lists: HashMap<u64, lists::List>,
    listed: usize,
    by_dialog: HashMap<String, u64>,
    by_flow: BTreeSet<(FlowId, u64)>,
    of_watcher: HashMap<Arc<str>, usize>,
    resources: BTreeMap<Arc<str>, Resource>,
    publications: BTreeMap<u64, Arc<str>>,
    removals: Removals,
    due: VecDeque<u64>,
    is_batching: bool,
    is_reviewing: bool,
    latest: u64,
    /// Changes that were not told at once because the watcher had just been told something.
    pub(crate) throttled: u64,
}

impl Events {
    pub(crate) fn new(bounds: Bounds, watched: Arc<Watched>) -> Self {
        Self {
            bounds,
            watched,
            subscriptions: BTreeMap::new(),
            lists: HashMap::new(),
            listed: 0,
            by_dialog: HashMap::new(),
            by_flow: BTreeSet::new(),
            of_watcher: HashMap::new(),
            resources: BTreeMap::new(),
            publications: BTreeMap::new(),
            removals: Removals::default(),
            due: VecDeque::new(),
            is_batching: false,
            is_reviewing: false,
            latest: 0,
            throttled: 0,
        }
    }

    /// Returns who may be watched, by all workers.
    pub(crate) fn watched(&self) -> &Watched {
        &self.watched
    }

    /// Returns how many subscriptions and publications there are.
    pub(crate) fn counts(&self) -> (usize, usize) {
        (self.subscriptions.len(), self.publications.len())
    }

    /// The bindings of a user have changed to these.
    pub(crate) fn bindings_changed(&mut self, user: &str, bindings: &[Arc<Binding>]) -> Vec<Do> {
        self.endpoints_changed(user, bindings);
        let todo = self.changed(user, |package| {
            !matches!(package, Package::Winfo | Package::List)
        });
        self.tidy(user);
        todo
    }

    /// An alarm is due.
    pub(crate) fn alarm(&mut self, now: Mono, alarm: Alarm) -> Vec<Do> {
        match alarm {
            Alarm::SubscriptionEnds(id) => self.subscription_ends(now, id),
            Alarm::PublicationEnds(number) => self.publication_ends(now, number),
            Alarm::Rested(id) => self.rested(id),
            Alarm::Batch => self.batch(),
            Alarm::Review => self.next_review(),
        }
    }

    /// A number that rises.
    pub(crate) fn number(&mut self) -> u64 {
        self.latest += 1;
        self.latest
    }

    /// Queues notifications for those who watch this user.
    fn changed(&mut self, user: &str, concerns: impl Fn(Package) -> bool) -> Vec<Do> {
        let Some(resource) = self.resources.get(user) else {
            return Vec::new();
        };
        for id in &resource.subscriptions {
            let Some(subscription) = self.subscriptions.get_mut(id) else {
                continue;
            };
            if concerns(subscription.package) {
                if subscription.changed() {
                    self.due.push_back(*id);
                } else {
                    self.throttled += 1;
                }
            }
        }
        self.start_batch()
    }

    /// Queues a notification for one subscription.
    fn queue(&mut self, id: u64) -> Vec<Do> {
        if let Some(subscription) = self.subscriptions.get_mut(&id) {
            if subscription.changed() {
                self.due.push_back(id);
            } else {
                self.throttled += 1;
            }
        }
        self.start_batch()
    }

    fn start_batch(&mut self) -> Vec<Do> {
        if self.is_batching || self.due.is_empty() {
            return Vec::new();
        }
        self.is_batching = true;
        vec![Do::Set(Duration::ZERO, Alarm::Batch)]
    }

    fn batch(&mut self) -> Vec<Do> {
        self.is_batching = false;
        let mut all = Vec::new();
        while all.len() < BATCH
            && let Some(id) = self.due.pop_front()
        {
            let queued = self.subscriptions.get_mut(&id);
            if queued.is_some_and(Subscription::leaves_queue) {
                all.push(Do::Notify(id));
            }
        }
        if !self.due.is_empty() {
            self.is_batching = true;
            all.push(Do::Set(BATCH_WAIT, Alarm::Batch));
        }
        all
    }

    /// Forgets a user of whom there is nothing any more.
    fn tidy(&mut self, user: &str) {
        if self.resources.get(user).is_some_and(Resource::is_empty) {
            self.resources.remove(user);
        }
    }
}
