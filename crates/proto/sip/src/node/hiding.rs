//! Who may see whose presence: users of ours may, unless they are on the block list of the one they watch.
//!
//! A new subscription of somebody blocked is declined; one that is there already ends within a few seconds of the change
//! to the directory (`docs/decisions/0032-blocked-watchers-are-declined.md`).

use super::Node;
use crate::event::Reason;

impl Node {
    /// Tells whether a user hides from a watcher.
    pub(super) fn hides(&self, user: &str, watcher: &str) -> bool {
        user != watcher
            && self
                .shared
                .users
                .find(user)
                .is_some_and(|user| user.blocks(watcher))
    }

    /// Ends what the directory allows no longer, if it has changed since the last time.
    pub(super) fn review_watchers(&mut self) {
        let revision = self.shared.users.revision();
        if std::mem::replace(&mut self.reviewed, revision) == revision {
            return;
        }
        let users = self.shared.users.clone();
        let todo = self.events.review(|resource, watcher| {
            let Some(user) = users.find(resource) else {
                return Some(Reason::NoResource);
            };
            let is_hidden = |watcher: &str| watcher != resource && user.blocks(watcher);
            watcher.is_some_and(is_hidden).then_some(Reason::Rejected)
        });
        self.event_do(todo);
        self.review_lists();
    }
}
