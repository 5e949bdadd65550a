//! Clients that are slow on purpose: who sends a byte now and then, or connects and says nothing.
//!
//! A message must be whole 20 s after its first byte, which is 3 KiB a second for the largest that is allowed; the first
//! message of a client must have come 60 s after it connected. Keep-alives are no messages. Flows of servers are theirs
//! to keep, and datagrams come whole.

use super::{Alarm, Fault, Node};
use crate::guard::Offence;
use base::net::{FlowId, Link, Peer};
use std::time::Duration;

/// How long a message may take to come.
const WHOLE: Duration = Duration::from_secs(20);
/// How long a client may take to say something.
const FIRST: Duration = Duration::from_secs(60);

impl Node {
    /// Expects a client to say something soon.
    pub(super) fn expect_words(&mut self, id: FlowId, link: &Link) {
        if link.peer == Peer::Client && link.transport.is_reliable() {
            self.timers.set(self.now.mono, FIRST, Alarm::Silent(id));
        }
    }

    /// A flow was read: `framed` if at least one whole frame came.
    pub(super) fn progressed(&mut self, id: FlowId, framed: bool) {
        let now = self.now.mono;
        let Some(flow) = self.flows.get_mut(id).filter(|flow| !flow.is_server()) else {
            return;
        };
        if flow.held == 0 {
            flow.unfinished = None;
            return;
        }
        if framed || flow.unfinished.is_none() {
            flow.unfinished = Some(now);
        }
        if !std::mem::replace(&mut flow.is_timed, true) {
            self.timers.set(now, WHOLE, Alarm::Unfinished(id));
        }
    }

    /// Looks whether the message that a flow has begun takes too long.
    pub(super) fn unfinished_alarm(&mut self, id: FlowId) {
        let now = self.now.mono;
        let Some(flow) = self.flows.get_mut(id).filter(|flow| !flow.closing) else {
            return;
        };
        flow.is_timed = false;
        let (Some(since), Some(link)) = (flow.unfinished, flow.link.clone()) else {
            return;
        };
        let Some(left) = WHOLE
            .checked_sub(now.since(since))
            .filter(|left| !left.is_zero())
        else {
            self.misbehaved(id, &link, Offence::Slow);
            return self.close_for_cause(id, &link, Fault::Slow);
        };
        flow.is_timed = true;
        self.timers.set(now, left, Alarm::Unfinished(id));
    }

    /// Looks whether a client has said nothing since it came.
    pub(super) fn silent_alarm(&mut self, id: FlowId) {
        let Some(flow) = self.flows.get_mut(id).filter(|flow| !flow.closing) else {
            return;
        };
        if let Some(link) = flow.link.clone().filter(|_| !flow.has_spoken) {
            self.close_for_cause(id, &link, Fault::Silent);
        }
    }
}
