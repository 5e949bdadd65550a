//! Flows whose clients promised signs of life (RFC 5626 4.4.1, 5.4).
//!
//! A 200 to a REGISTER that carries Flow-Timer makes the promise, whether we wrote it or passed it on: the flow ends with
//! us either way. A flow that is silent for longer is dead, whatever TCP believes; it is closed, and requests for the
//! phone take its other flows. Flows that were promised nothing are left to the idle limit.

use super::{Alarm, Node};
use crate::msg::{Message, Method, Name};
use crate::observe::{Grade, Topic};
use crate::registrar::FLOW_TIMER;
use base::net::FlowId;
use std::time::Duration;

/// How long a flow may be silent: the time that the client was told, and as long as a keep-alive may be under way.
const SILENCE: Duration = FLOW_TIMER.saturating_add(Duration::from_secs(30));

impl Node {
    /// Notes that the answer to a client's REGISTER asks it for signs of life.
    pub(super) fn note_flow_timer(&mut self, flow: FlowId, request: &Message, answer: &Message) {
        if request.method() == Method::Register && answer.get(Name::FlowTimer).is_some() {
            self.expect_life(flow);
        }
    }

    /// Signs of life are expected on this flow from now on.
    pub(super) fn expect_life(&mut self, id: FlowId) {
        let Some(flow) = self.flows.get_mut(id) else {
            return;
        };
        if flow.is_server() || flow.closing || flow.must_live || !id.transport().is_reliable() {
            return;
        }
        flow.must_live = true;
        self.timers.set(self.now.mono, SILENCE, Alarm::Lifeless(id));
    }

    pub(super) fn flow_silent(&mut self, id: FlowId) {
        let Some(flow) = self.flows.get_mut(id).filter(|flow| !flow.closing) else {
            return;
        };
        let silent = self.now.mono.since(flow.heard);
        if silent < SILENCE {
            let left = SILENCE.saturating_sub(silent);
            self.timers.set(self.now.mono, left, Alarm::Lifeless(id));
            return;
        }
        flow.closing = true;
        self.stats.silent += 1;
        self.say(Topic::Stack, Grade::Work, "lifeless", |node, remark| {
            let reason = "it promised signs of life and gave none";
            remark.at(node.end_of(id)).because(reason)
        });
        self.close(id);
    }
}
