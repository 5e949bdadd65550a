//! Our own answers over UDP: kept so that a request that comes again gets the same one, and a refused INVITE is answered
//! until its ACK comes (RFC 3261 17.2).
//!
//! Over a reliable transport nothing comes again, and answers are given without state. When the table is full they are
//! over UDP too: the request is then worked out anew each time it comes.
//!
//! A client that has not proven who it is may have written another's address as its own. It gets one answer for each
//! request, never again by itself (RFC 3261 26.3.2.4), and none longer than [`AMPLIFIED`] times the request.

use super::{Alarm, Node};
use crate::msg::{Message, Method};
use crate::txn::{Do, Kind, ServerTransaction, Steps, TIMEOUT, Timer};
use base::net::{FlowId, Link, Peer};
use base::numbered::NumberMap;
use bytes::Bytes;

/// How much longer than a request its answer may be over UDP, towards a source that has proven nothing.
const AMPLIFIED: usize = 3;

struct Answer {
    flow: FlowId,
    server: ServerTransaction,
    /// `None` while it is being worked out.
    bytes: Option<Bytes>,
}

/// Answers of one node, by the key of their transaction.
#[derive(Default)]
pub(super) struct Answers(NumberMap<u64, Answer>);

impl Answers {
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

impl Node {
    /// Takes note that a request over UDP will be answered later; until then it is absorbed when it comes again.
    pub(super) fn will_answer(&mut self, id: FlowId, link: &Link, request: &Message) {
        if link.transport.is_reliable() {
            return;
        }
        let key = self.transaction_key(id, link, request);
        if self.answer_at(key, id, request).is_some() {
            let forgotten = Alarm::Answer(key, Timer::GiveUp);
            self.timers.set(self.now.mono, TIMEOUT, forgotten);
        }
    }

    /// Sends an answer and keeps it.
    pub(super) fn send_kept(
        &mut self,
        id: FlowId,
        link: &Link,
        request: &Message,
        status: u16,
        bytes: Bytes,
    ) {
        // A CANCEL has the key of its INVITE, and answering it anew comes to the same.
        if request.method() == Method::Cancel {
            return self.send(id, bytes);
        }
        if self.is_unproven(id, link) {
            return self.send_once(id, request.bytes().len(), bytes);
        }
        let key = self.transaction_key(id, link, request);
        let Some(answer) = self.answer_at(key, id, request) else {
            return self.send(id, bytes);
        };
        answer.bytes = Some(bytes);
        let steps = answer.server.respond(status);
        self.answer_steps(key, &steps);
    }

    /// Tells whether a datagram may come from somebody else than its address says.
    fn is_unproven(&self, id: FlowId, link: &Link) -> bool {
        let is_known = self.flows.get(id).is_some_and(|flow| flow.user.is_some());
        link.peer == Peer::Client && !is_known
    }

    /// Sends an answer that is not kept, unless it is much longer than the request.
    pub(super) fn send_once(&mut self, id: FlowId, request: usize, bytes: Bytes) {
        if bytes.len() > AMPLIFIED * request {
            self.stats.withheld += 1;
            return;
        }
        self.send(id, bytes);
    }

    /// Takes in a request that was answered before, or is being worked out. False if it is new.
    pub(super) fn answer_again(&mut self, key: u64, link: &Link) -> bool {
        if link.transport.is_reliable() {
            return false;
        }
        let Some(answer) = self.answers.0.get(&key) else {
            return false;
        };
        let steps = answer.server.request_again();
        self.answer_steps(key, &steps);
        true
    }

    /// Takes in an ACK for a refusal of ours. False if there is none.
    pub(super) fn answer_acknowledged(&mut self, key: u64) -> bool {
        let Some(answer) = self.answers.0.get_mut(&key) else {
            return false;
        };
        let steps = answer.server.ack();
        self.answer_steps(key, &steps);
        true
    }

    pub(super) fn answer_timer(&mut self, key: u64, timer: Timer) {
        let Some(answer) = self.answers.0.get_mut(&key) else {
            return;
        };
        if !answer.server.is_answered() && timer == Timer::GiveUp {
            self.answers.0.remove(&key);
            return;
        }
        let steps = answer.server.timer(timer);
        self.answer_steps(key, &steps);
    }

    /// Returns the entry of a transaction, a new one if need be; `None` if the table is full.
    fn answer_at(&mut self, key: u64, flow: FlowId, request: &Message) -> Option<&mut Answer> {
        let is_full = self.answers.len() >= self.config.bounds.answers;
        if is_full && !self.answers.0.contains_key(&key) {
            return None;
        }
        let kind = if request.method() == Method::Invite {
            Kind::Invite
        } else {
            Kind::Other
        };
        Some(self.answers.0.entry(key).or_insert_with(|| Answer {
            flow,
            server: ServerTransaction::new(kind, false),
            bytes: None,
        }))
    }

    fn answer_steps(&mut self, key: u64, steps: &Steps) {
        for step in steps {
            match step {
                Do::Send => {
                    let answer = self.answers.0.get(&key);
                    let ready =
                        answer.and_then(|answer| Some((answer.flow, answer.bytes.clone()?)));
                    if let Some((flow, bytes)) = ready {
                        self.send(flow, bytes);
                    }
                }
                Do::Set(timer, wait) => {
                    self.timers
                        .set(self.now.mono, *wait, Alarm::Answer(key, *timer));
                }
                Do::End => {
                    self.answers.0.remove(&key);
                }
                Do::Ack | Do::Deliver | Do::TimedOut => {}
            }
        }
    }
}
