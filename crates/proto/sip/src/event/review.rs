//! Subscriptions that a change to the directory of users ends: somebody hides, or has no account any more.
//!
//! While anybody subscribes, an alarm comes every few seconds; its owner looks whether the directory has changed since
//! and only then asks for each subscription again. Nothing is remembered of the directory here.

use super::notice::Reason;
use super::subscriptions::Subscription;
use super::{Alarm, Do, Events, Package, REVIEW};

impl Events {
    /// Ends the subscriptions for which there is a reason, given who is watched and who watches their presence.
    pub(crate) fn review(
        &mut self,
        reason: impl Fn(&str, Option<&str>) -> Option<Reason>,
    ) -> Vec<Do> {
        let of = |one: &Subscription| {
            let watcher = (one.package == Package::Presence).then_some(&*one.watcher);
            reason(&one.resource, watcher)
        };
        let alive = self
            .subscriptions
            .iter()
            .filter(|(_, one)| one.ended.is_none());
        let ends: Vec<_> = alive
            .filter_map(|(id, one)| Some((*id, of(one)?)))
            .collect();
        ends.into_iter()
            .flat_map(|(id, reason)| self.end(id, reason))
            .collect()
    }

    pub(super) fn start_reviews(&mut self) -> Option<Do> {
        let starts = !self.is_reviewing && !self.subscriptions.is_empty();
        self.is_reviewing |= starts;
        starts.then_some(Do::Set(REVIEW, Alarm::Review))
    }

    pub(super) fn next_review(&mut self) -> Vec<Do> {
        self.is_reviewing = false;
        self.start_reviews().into_iter().collect()
    }
}
