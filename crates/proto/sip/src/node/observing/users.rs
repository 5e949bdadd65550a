//! What concerns a user rather than the way of a request: whom they watch, what waits for them.

use super::super::Node;
use crate::msg::Message;
use crate::observe::{Grade, Topic};
use crate::role::Eventing;
use base::net::{FlowId, Link};
use std::time::Duration;

impl Node {
    /// A subscription has begun, goes on, or ends.
    pub(in super::super) fn say_watch(
        &mut self,
        id: FlowId,
        link: &Link,
        request: &Message,
        about: &Eventing,
        expires: Duration,
    ) {
        let word = match (expires.is_zero(), about.asker.is_some()) {
            (true, _) => "unsubscribed",
            (false, true) => "subscribed",
            (false, false) => "refreshed",
        };
        self.say_event(id, link, request, word, || {
            let list = about.list.as_deref().map(|list| format!(" for {list}"));
            let list = list.unwrap_or_default();
            format!("of {}{list}, for {} s", about.aor, expires.as_secs())
        });
    }

    /// Event state has changed.
    pub(in super::super) fn say_event(
        &mut self,
        id: FlowId,
        link: &Link,
        request: &Message,
        word: &'static str,
        reason: impl FnOnce() -> String,
    ) {
        self.say(Topic::Presence, Grade::Work, word, |node, remark| {
            let end = node.end_at(id, link);
            remark.about(request).at(end).because(reason())
        });
    }

    /// Something has happened to a message that was kept for a user.
    pub(in super::super) fn say_kept(
        &mut self,
        aor: &str,
        grade: Grade,
        word: &'static str,
        reason: &'static str,
    ) {
        self.say(Topic::Messaging, grade, word, |_, remark| {
            remark.of_user(aor).because(reason)
        });
    }
}
