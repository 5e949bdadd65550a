//! What traces say of answers: who asked what, what was said, and which addresses were left out of it.
//!
//! Queries cost whoever sends them nothing, so there is a bound on records a second, another one on those of refusals, and
//! the next record says how many stand behind it. What a message says is read by the thread that writes.

use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};

use base::Mono;
use base::net::Face;
use dns::{Outcome, Query, Reply, Verdict};
use logs::{Component, Direction, Flags, Level, Record, Sieve, Value};
use traces::Recorder;

/// Records of answers a second.
const ANSWERS: u32 = 1000;
/// Records of refusals a second.
const REFUSALS: u32 = 20;

/// Takes note of answers.
pub(super) struct Told {
    recorder: Recorder,
    answers: Mutex<Sieve>,
    refusals: Mutex<Sieve>,
}

impl Default for Told {
    fn default() -> Self {
        Self::by(Recorder::default())
    }
}

impl Told {
    pub(super) const fn by(recorder: Recorder) -> Self {
        Self {
            recorder,
            answers: Mutex::new(Sieve::new(ANSWERS)),
            refusals: Mutex::new(Sieve::new(REFUSALS)),
        }
    }

    /// A query was answered, or an answer kept back.
    pub(super) fn answered(
        &self,
        query: &Query<'_>,
        (from, now): (SocketAddr, Mono),
        reply: &Reply,
        verdict: Verdict,
    ) {
        let (level, kinds, sieve) = match (verdict, reply.outcome) {
            (Verdict::Send, Outcome::Answered | Outcome::NoData | Outcome::NoSuchName) => {
                (Level::Info, Flags::PROTOCOL, &self.answers)
            }
            (_, _) => (
                Level::Warning,
                Flags::PROTOCOL.with(Flags::SECURITY),
                &self.refusals,
            ),
        };
        if !self.recorder.wants(Component::Names, level, kinds) {
            return;
        }
        let passed = sieve
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pass(now);
        let Some(kept_back) = passed else {
            return;
        };
        let decision = match verdict {
            Verdict::Send => word(reply.outcome),
            Verdict::Slip => "slipped",
            Verdict::Drop => "limited",
        };
        let (asked, said) = (query.bytes.to_vec(), reply.bytes.clone());
        let (transport, face, left_out) = (query.transport, query.face, reply.left_out.clone());
        let bytes = asked.len() + said.len();
        let fill = move |record: &mut Record| {
            record.direction = Some(Direction::In);
            record.transport = Some(transport);
            record.peer = Some(from);
            record.decision = Some(decision.into());
            let mut reason = String::from(match face {
                Face::Inside => "inside",
                Face::Outside => "outside",
            });
            if let Some(asked) = dns::told(&asked) {
                record.method = Some(Value::new(&asked.kind));
                record.request = Some(Value::new(&asked.name));
            }
            if let Some(said) = dns::told(&said) {
                reason.push_str(&format!(", {}", said.code));
                if !said.answers.is_empty() {
                    reason.push_str(&format!(": {}", said.answers.join(", ")));
                }
            }
            if !left_out.is_empty() {
                let left_out: Vec<String> = left_out.iter().map(ToString::to_string).collect();
                reason.push_str(&format!("; left out, as not up: {}", left_out.join(", ")));
            }
            if kept_back > 0 {
                reason.push_str(&format!(" ({kept_back} others before it are not told)"));
            }
            record.reason = Some(Value::new(&reason));
        };
        self.recorder
            .later(Component::Names, level, kinds, bytes, fill);
    }
}

const fn word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Answered => "answered",
        Outcome::NoData => "no_data",
        Outcome::NoSuchName => "no_such_name",
        Outcome::NotOurs | Outcome::NotOffered => "refused",
        Outcome::Malformed => "malformed",
        Outcome::NotImplemented | Outcome::EdnsVersion => "not_implemented",
        Outcome::Failed => "failed",
    }
}
