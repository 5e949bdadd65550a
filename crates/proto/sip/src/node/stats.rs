//! What a node counts.

use crate::role::Why;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What one partner sent and took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PartnerStats {
    /// Requests from it.
    pub received: u64,
    /// Requests to it.
    pub sent: u64,
    /// Requests and connections beyond its limits.
    pub refused: u64,
    /// Connections now.
    pub flows: usize,
}

/// Counters and gauges of one node.
#[derive(Clone, Debug, Default)]
pub struct Stats {
    /// Messages that came, requests.
    pub requests: u64,
    /// Messages that came, responses.
    pub responses: u64,
    /// Requests sent on.
    pub forwarded: u64,
    /// Requests sent on without state.
    pub relayed_stateless: u64,
    /// Messages that broke a rule.
    pub malformed: u64,
    /// Connections closed because of what came on them.
    pub closed_for_cause: u64,
    /// Flows closed since nothing came for longer than their clients promised.
    pub silent: u64,
    /// Responses that belong to nothing of ours.
    pub stray_responses: u64,
    /// Answers not given since they would have been much longer than what a source without proof had sent.
    pub withheld: u64,
    /// Legs that moved to another server after a failure.
    pub failovers: u64,
    /// Requests not sent to a server that asked for relief (RFC 7339).
    pub held_back: u64,
    /// Registrations made, refreshed or removed.
    pub registrations: u64,
    /// Messages kept for users who were away.
    pub kept: u64,
    /// Kept messages that a phone has taken.
    pub kept_delivered: u64,
    /// Kept messages that the phones of their user have refused for good.
    pub kept_declined: u64,
    /// Kept messages that have expired.
    pub kept_expired: u64,
    /// Messages that were not kept for want of room.
    pub kept_refused: u64,
    /// Notifications sent.
    pub notifies: u64,
    /// Changes that were told later, since the watcher had just been told something.
    pub notifies_throttled: u64,
    /// Notifications that nobody took; their subscriptions ended.
    pub notifies_failed: u64,
    /// Publications made, refreshed or removed.
    pub publishes: u64,
    /// Requests that ended here, by reason.
    pub ended: BTreeMap<&'static str, u64>,
    /// By partner; at most a few hundred are told apart.
    pub partners: BTreeMap<Arc<str>, PartnerStats>,
    /// Flows now.
    pub flows: usize,
    /// Relays now.
    pub relays: usize,
    /// Subscriptions now.
    pub subscriptions: usize,
    /// Subscriptions of ours at other pools now.
    pub backends: usize,
    /// Publications now.
    pub publications: usize,
}

impl Stats {
    /// Adds another node's counters to these.
    pub fn add(&mut self, other: &Self) {
        self.requests += other.requests;
        self.responses += other.responses;
        self.forwarded += other.forwarded;
        self.relayed_stateless += other.relayed_stateless;
        self.malformed += other.malformed;
        self.closed_for_cause += other.closed_for_cause;
        self.silent += other.silent;
        self.stray_responses += other.stray_responses;
        self.withheld += other.withheld;
        self.failovers += other.failovers;
        self.held_back += other.held_back;
        self.registrations += other.registrations;
        self.kept += other.kept;
        self.kept_delivered += other.kept_delivered;
        self.kept_declined += other.kept_declined;
        self.kept_expired += other.kept_expired;
        self.kept_refused += other.kept_refused;
        self.flows += other.flows;
        self.relays += other.relays;
        self.notifies += other.notifies;
        self.notifies_throttled += other.notifies_throttled;
        self.notifies_failed += other.notifies_failed;
        self.publishes += other.publishes;
        self.subscriptions += other.subscriptions;
        self.backends += other.backends;
        self.publications += other.publications;
        for (name, theirs) in &other.partners {
            let sum = self.partners.entry(Arc::clone(name)).or_default();
            sum.received += theirs.received;
            sum.sent += theirs.sent;
            sum.refused += theirs.refused;
            sum.flows += theirs.flows;
        }
        for (why, count) in &other.ended {
            *self.ended.entry(why).or_default() += count;
        }
    }

    pub(crate) fn end(&mut self, why: Why) {
        *self.ended.entry(why.name()).or_default() += 1;
    }
}
