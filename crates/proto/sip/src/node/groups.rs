//! The order in which the targets of one request are tried (RFC 3261 16.6), and when one is left for another.
//!
//! - Targets of one order are tried at once; the next group when all of the one before have failed, or have rung for
//!   [`GROUP_RING`]. A 2xx, a 6xx or a CANCEL ends the search.
//! - A server or phone's flow that says nothing for [`HUNG`] is left where another way to the same target exists
//!   (RFC 3263 4.3 counts silence as failure, but timer B would be longer than people wait). What was left is cancelled
//!   as soon as it stirs; a 2xx from it is still passed on.
//! - The breadth that a request came with is shared by the targets of a group (RFC 5393 5.3.3) and is whole again for
//!   the next group, as the one before has ended.

use super::flows::LegId;
use super::relays::{Cancel, Leg, MAX_LEGS, Relay};
use super::{Alarm, Node};
use crate::msg::{Message, Method, Name, Reply};
use crate::observe::Grade;
use crate::role::Why;
use std::time::Duration;

/// How long one group may ring before the next is tried: some four rings.
const GROUP_RING: Duration = Duration::from_secs(20);
/// How long a server or flow may say nothing while another could be tried. Servers of ours answer an INVITE with 100 at
/// once and a REGISTER within a write to disk.
pub(super) const HUNG: Duration = Duration::from_secs(4);
/// When a non-INVITE request that is not answered yet gets its 100: when timer E of its client reaches T2
/// (RFC 4320 4.1).
pub(super) const LATE: Duration = Duration::from_millis(3_500);
/// RFC 5393 5.3.3: the breadth of a request that names none.
const BREADTH: u32 = 60;

/// Returns into how many branches a request may fork.
pub(super) fn breadth(request: &Message) -> u32 {
    let number = request.text(Name::MaxBreadth);
    number.and_then(|text| text.parse().ok()).unwrap_or(BREADTH)
}

impl Node {
    /// Sends to the next group of targets. More at once than the breadth allows is refused.
    pub(super) fn begin_group(&mut self, relay: &mut Relay, id: (u32, u32)) {
        let (first, end) = (relay.next, relay.group_end());
        relay.next = end;
        let wide = u32::try_from(end - first).unwrap_or(u32::MAX).max(1);
        if wide > relay.breadth {
            relay.stopped = true;
            let (status, bytes) = self.own_final(relay, Why::TooBroad.status());
            return self.keep_best(relay, 0, status, bytes);
        }
        let (share, extra) = (relay.breadth / wide, relay.breadth % wide);
        let from = relay.legs.len();
        for (nth, target) in (0..).zip(first..end) {
            let share = share + u32::from(nth < extra);
            let towards = relay.plan.targets.get(target).map(|target| &target.towards);
            let leg = towards.map(|towards| Leg::new(target, 0, towards, share));
            relay.legs.extend(leg);
        }
        if relay.is_invite() && relay.has_more_groups() {
            let alarm = Alarm::NextGroup(id.0, id.1, end);
            self.timers.set(self.now.mono, GROUP_RING, alarm);
        }
        for at in from..relay.legs.len() {
            self.try_next(relay, id, at);
        }
    }

    /// A group has rung long enough: it is cancelled, and the next one tried without waiting for its answers.
    pub(super) fn next_group(&mut self, slot: u32, generation: u32, end: usize) {
        self.with_relay(slot, generation, |node, relay| {
            let id = (slot, generation);
            if relay.next != end || relay.server.is_answered() || !relay.has_more_groups() {
                return;
            }
            node.say_of(relay, Grade::Step, "next-group", |_, remark| {
                remark.because("these have rung for long enough")
            });
            for leg in relay.legs.iter_mut().filter(|leg| !leg.answered) {
                leg.left = true;
                leg.expired = true;
            }
            let (status, bytes) = node.own_final(relay, 408);
            node.keep_best(relay, 0, status, bytes);
            node.cancel_all(relay, id);
            node.conclude(relay, id);
        });
    }

    /// Whether silence of this try is a reason to leave it: it would have answered by then, and there is another way.
    pub(super) fn may_leave(&self, relay: &Relay, at: usize) -> bool {
        let answers_soon = matches!(relay.request.method(), Method::Invite | Method::Register);
        answers_soon && relay.has_more(at)
    }

    /// Nothing has come from where a leg's request went.
    pub(super) fn hung(&mut self, name: LegId) {
        self.with_relay(name.slot, name.generation, |node, relay| {
            let (id, at) = ((name.slot, name.generation), usize::from(name.leg));
            let has_room = relay.legs.len() < 2 * MAX_LEGS;
            let Some(leg) = relay.legs.get_mut(at).filter(|_| has_room) else {
                return;
            };
            let is_silent = leg.tries == name.tries && !leg.client.is_proceeding();
            if !is_silent || leg.is_settled() || leg.cancel != Cancel::No {
                return;
            }
            leg.left = true;
            leg.cancel = Cancel::Wanted;
            node.say_of_leg(relay, at, "silent", "it says nothing, so another is tried");
            let Some(leg) = relay.legs.get_mut(at) else {
                return;
            };
            let (target, way, breadth) = (leg.target, leg.way, leg.breadth);
            let (hops, located) = (std::mem::take(&mut leg.hops), leg.located);
            if let Some(hop) = &leg.hop {
                node.flows.rest(super::flows::key(hop), node.now.mono);
            }
            let Some(towards) = relay.way(&relay.legs[at]).map(|way| way.towards.clone()) else {
                return;
            };
            let mut next = Leg::new(target, way, &towards, breadth);
            next.hops = hops;
            next.located = located;
            next.is_way_used = true;
            relay.legs.push(next);
            node.stats.failovers += 1;
            let at = relay.legs.len() - 1;
            node.try_next(relay, id, at);
            node.conclude(relay, id);
        });
    }

    /// A non-INVITE request has waited for as long as its client repeats it quickly: it is told to be patient.
    pub(super) fn trying(&mut self, slot: u32, generation: u32) {
        self.with_relay(slot, generation, |node, relay| {
            if !relay.server.is_answered() {
                let reply = Reply::to(&relay.request, 100).received(relay.link.remote);
                node.respond(relay, (slot, generation), 100, reply.write());
            }
        });
    }
}
