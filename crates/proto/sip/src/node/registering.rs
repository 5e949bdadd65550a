//! Registrations between the request and the change log: nothing is answered 200 that is not durable.

use super::{Action, Alarm, Node};
use crate::location::{Binding, Change};
use crate::msg::{Message, Name, Reply};
use crate::observe::{Grade, Topic};
use crate::registrar::{self, Answer, Outcome, Refusal, Request};
use crate::role::{Registering, Why};
use base::net::{FlowId, Link};
use base::timers::TimerId;
use std::sync::Arc;
use std::time::Duration;

/// How long the change log may take; the client has given up by then (RFC 3261 timer F).
const COMMIT_WAIT: Duration = Duration::from_secs(32);
/// How often ended bindings are looked for.
pub(super) const SWEEP: Duration = Duration::from_secs(5);
/// The same while there are more than one sweep removes.
const SWEEP_MORE: Duration = Duration::from_millis(100);
/// How many users' ended bindings one sweep removes.
const SWEEP_MAX: usize = 1_000;

/// So many contacts of a user are named to who looks on.
const NAMED: usize = 4;

/// A REGISTER that our registrar is to carry out.
pub(super) struct Register<'r> {
    pub(super) flow: FlowId,
    pub(super) link: Arc<Link>,
    pub(super) request: &'r Message,
    pub(super) registering: Registering,
}

/// A REGISTER whose change is on its way to the log.
pub(super) struct Waiting {
    flow: FlowId,
    link: Arc<Link>,
    request: Message,
    aor: Arc<str>,
    /// What it does, in one word.
    word: &'static str,
    late: TimerId,
}

impl Node {
    pub(super) fn register(&mut self, register: Register<'_>) {
        let Register {
            flow,
            link,
            request,
            registering,
        } = register;
        let bound = self.shared.locations.find(&registering.aor, self.now.wall);
        let asked = Request {
            message: request,
            aor: &registering.aor,
            route: registering.route,
            remote: registering.remote,
            outbound: registering.outbound,
        };
        let outcome =
            registrar::register(&self.config.registrations, self.now.wall, &bound, &asked);
        match outcome {
            Err(refusal) => self.refuse(flow, &link, request, &refusal),
            Ok(Outcome::Fetch) => self.registered(flow, &link, request, &registering.aor),
            Ok(Outcome::Change(_)) if self.commits.len() >= self.config.bounds.commits => {
                self.fail(flow, &link, request, Why::Overloaded);
            }
            Ok(Outcome::Change(change)) => {
                let word = word_of(&change, &bound);
                let ticket = self.ticket();
                self.will_answer(flow, &link, request);
                self.out.push_back(Action::Commit {
                    ticket,
                    changes: vec![change],
                });
                let waiting = Waiting {
                    flow,
                    link,
                    request: request.detach(),
                    aor: registering.aor,
                    word,
                    late: self.commit_timer(ticket),
                };
                self.commits.insert(ticket, waiting);
            }
        }
    }

    fn refuse(&mut self, flow: FlowId, link: &Link, request: &Message, refusal: &Refusal) {
        let mut reply = Reply::to(request, refusal.status());
        if *refusal == Refusal::TooBrief {
            reply = reply.header(
                Name::MinExpires,
                self.config.registrations.min.as_secs().to_string(),
            );
        } else {
            reply = reply.header(
                Name::Warning,
                format!("399 {} \"{refusal}\"", self.config.server.name),
            );
        }
        self.say(
            Topic::Registrar,
            Grade::Trouble,
            "refused",
            |node, remark| {
                remark
                    .about(request)
                    .at(node.end_at(flow, link))
                    .because(refusal.to_string())
                    .with_status(refusal.status())
            },
        );
        self.stats.end(Why::Malformed);
        self.reply(flow, link, request, reply);
    }

    pub(super) fn commit_timer(&mut self, ticket: u64) -> TimerId {
        let late = Alarm::CommitLate(ticket);
        self.timers.set(self.now.mono, COMMIT_WAIT, late)
    }

    /// Removes bindings that have ended: one batch, one record each. What the change log does not take is found again
    /// the next time, and while it has not answered nothing more is given to it. Many that end together go batch after
    /// batch, so that nobody waits behind them.
    pub(super) fn sweep(&mut self) {
        self.sweep_kept();
        let mut wait = SWEEP_MORE;
        if self.sweeping.is_none() {
            let changes = self.shared.locations.expired(self.now.wall, SWEEP_MAX);
            if changes.len() < SWEEP_MAX {
                wait = SWEEP;
            }
            for change in &changes {
                self.say(Topic::Registrar, Grade::Work, "expired", |_, remark| {
                    let reason =
                        format!("contacts that were not refreshed: {}", change.remove.len());
                    remark.of_user(&change.aor).because(reason)
                });
            }
            if !changes.is_empty() {
                let ticket = self.ticket();
                let watched = self.events.watched();
                let users = changes.iter().map(|change| &change.aor);
                self.swept = users.filter(|user| watched.may_be(user)).cloned().collect();
                self.sweeping = Some((ticket, self.commit_timer(ticket)));
                self.out.push_back(Action::Commit { ticket, changes });
            }
        }
        self.timers.set(self.now.mono, wait, Alarm::Sweep);
    }

    /// The change log has answered, or taken too long.
    pub(super) fn committed(&mut self, ticket: u64, done: bool) {
        if let Some((_, late)) = self.sweeping.take_if(|(own, _)| *own == ticket) {
            self.timers.cancel(late);
            for user in std::mem::take(&mut self.swept) {
                self.bindings_changed(&user);
            }
            return;
        }
        let Some(Waiting {
            flow,
            link,
            request,
            aor,
            word,
            late,
        }) = self.commits.remove(&ticket)
        else {
            return self.stored(ticket, done);
        };
        self.timers.cancel(late);
        if done {
            self.stats.registrations += 1;
            self.say_bound(flow, &link, &request, &aor, word);
            self.registered(flow, &link, &request, &aor);
            self.bindings_changed(&aor);
            self.deliver_kept(&aor);
        } else {
            self.say(
                Topic::Registrar,
                Grade::Trouble,
                "not-kept",
                |node, remark| {
                    let reason = "the change log did not take it, or not in time";
                    let end = node.end_at(flow, &link);
                    remark.about(&request).at(end).because(reason)
                },
            );
            self.fail(flow, &link, &request, Why::Overloaded);
        }
    }

    /// The bindings of a user have changed.
    fn say_bound(
        &mut self,
        flow: FlowId,
        link: &Link,
        request: &Message,
        aor: &str,
        word: &'static str,
    ) {
        self.say(Topic::Registrar, Grade::Work, word, |node, remark| {
            let bindings = node.shared.locations.find(aor, node.now.wall);
            let mut reason = format!("contacts of {aor}: {}", bindings.len());
            for binding in bindings.iter().take(NAMED) {
                let left = binding.expires_at.saturating_sub(node.now.wall.0);
                let left = left.div_ceil(1_000);
                let from = if binding.remote { " from outside" } else { "" };
                reason.push_str(&format!("; {} for {left} s{from}", binding.contact));
            }
            let end = node.end_at(flow, link);
            remark.about(request).at(end).because(reason)
        });
    }

    /// `200` with all bindings of the user (RFC 3261 10.3 step 8).
    fn registered(&mut self, flow: FlowId, link: &Link, request: &Message, aor: &str) {
        let bindings = self.shared.locations.find(aor, self.now.wall);
        let answer = Answer {
            aor,
            bindings: &bindings,
            now: self.now.wall,
            key: &self.config.keys.ticket,
        };
        let reply = answer.write(request, &mut self.random);
        if registrar::binds_flow(request) {
            self.expect_life(flow);
        }
        self.stats.end(Why::Answered);
        self.reply(flow, link, request, reply);
    }
}

/// What a change does to the bindings that are there, in one word.
fn word_of(change: &Change, bound: &[Arc<Binding>]) -> &'static str {
    let is_bound = |put: &Binding| bound.iter().any(|one| one.is_same(put));
    match (change.put.is_empty(), change.put.iter().all(is_bound)) {
        (true, _) => "removed",
        (false, true) => "refreshed",
        (false, false) => "bound",
    }
}
