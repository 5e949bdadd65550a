//! What becomes of a request on its way: where each branch of it went, and why it was left for another.

use super::super::Node;
use super::super::relays::{Leg, Relay};
use crate::observe::{Grade, Remark, Topic};
use crate::role::Why;
use base::net::FlowId;
use std::net::SocketAddr;
use std::sync::Arc;

impl Node {
    /// A branch has been sent.
    pub(in super::super) fn say_sent(&mut self, relay: &Relay, at: usize, flow: FlowId) {
        let tries = relay.legs.get(at).map_or(0, |leg| leg.tries);
        let (grade, word) = if tries > 1 {
            (Grade::Work, "tried-again")
        } else {
            (Grade::Step, "sent")
        };
        self.say_of(relay, grade, word, |node, remark| {
            let branch = at + 1;
            let remark = remark.because(format!("branch {branch}, try {tries}, on {flow:?}"));
            Remark {
                next: node.next_of_leg(relay, at),
                ..remark
            }
        });
    }

    /// Something went wrong with a branch.
    pub(in super::super) fn say_of_leg(
        &mut self,
        relay: &Relay,
        at: usize,
        word: &'static str,
        reason: &'static str,
    ) {
        self.say_of(relay, Grade::Trouble, word, |node, remark| Remark {
            next: node.next_of_leg(relay, at),
            ..remark.because(reason)
        });
    }

    /// No way is left for a branch.
    pub(in super::super) fn say_unreached(&mut self, relay: &Relay, at: usize, why: Why) {
        self.say_of(relay, Grade::Trouble, "unreached", |node, remark| {
            let target = relay.legs.get(at).and_then(|leg| relay.way(leg));
            let way = target.map_or_else(String::new, |target| node.way(&target.towards));
            let tries = relay.legs.get(at).map_or(0, |leg| leg.tries);
            remark
                .because(format!("{}: {way}, after {tries} tries", why.name()))
                .with_status(why.status())
        });
    }

    /// A branch is cancelled.
    pub(in super::super) fn say_cancel(&mut self, relay: &Relay, at: usize) {
        self.say_of(relay, Grade::Work, "cancelling", |node, remark| {
            let next = node.next_of_leg(relay, at);
            let reason = relay.reason.clone().unwrap_or_default();
            Remark {
                next,
                ..remark.because(reason)
            }
        });
    }

    /// The servers of a partner are found, or not.
    pub(in super::super) fn say_found(&mut self, relay: &Relay, addresses: &[SocketAddr]) {
        let (grade, word) = if addresses.is_empty() {
            (Grade::Trouble, "not-found")
        } else {
            (Grade::Work, "found")
        };
        self.say(Topic::Federation, grade, word, |node, remark| {
            let end = node.end_at(relay.came_on, &relay.link);
            let reason = format!("the servers of the partner: {addresses:?}");
            remark.about(&relay.request).at(end).because(reason)
        });
    }

    /// All branches are over, and the best answer goes back, if there is one.
    pub(in super::super) fn say_best(&mut self, relay: &Relay) {
        let best = relay.best.as_ref();
        let status = best.map_or(500, |best| best.status);
        let grade = match status {
            400..=407 | 410..=487 | 600..=699 => Grade::Work,
            _ => Grade::Trouble,
        };
        self.say_of(relay, grade, "failed", |node, remark| {
            let next = best.and_then(|best| node.next_of_leg(relay, best.leg));
            let branches = relay.legs.len();
            let reason = if branches == 1 {
                format!("{status} is the answer")
            } else {
                format!("{status} is the best answer of {branches} branches")
            };
            Remark {
                next,
                ..remark.because(reason).with_status(status)
            }
        });
    }

    fn next_of_leg(&self, relay: &Relay, at: usize) -> Option<Arc<str>> {
        let leg: &Leg = relay.legs.get(at)?;
        let hop = leg.hop.as_ref().map(|hop| Arc::clone(&hop.name));
        hop.or_else(|| self.end_of(leg.flow?).name)
    }
}
