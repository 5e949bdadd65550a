//! Callers that never tire: pairs of agents that call each other again and again at a steady rate, and remember what
//! became of each call.
//!
//! One thread plays both ends of a pair. A pair whose call failed signs both ends in anew, as phones do, until that
//! succeeds, and goes on calling. Every wait has a bound ([`PATIENCE`]), so a pair ends soon after it is told to.
//! [`Callers::stop`] returns every call, with the moment it began, how long it took and whether it succeeded.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::agent::{Agent, AgentError, Call, Doors};
use crate::deployment::User;

/// How long an end waits for the other before it gives a call up.
pub const PATIENCE: Duration = Duration::from_secs(3);
/// Between two attempts to sign in.
const PAUSE: Duration = Duration::from_millis(50);

/// Where a phone is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Inside: it signs in at its Front End.
    Inside,
    /// Outside: everything goes through the Edge.
    Outside,
}

/// Two users, and where their phones are.
#[derive(Debug, Clone)]
pub struct Pair {
    /// Who calls.
    pub caller: (User, Place),
    /// Who is called.
    pub callee: (User, Place),
}

impl Pair {
    /// Signs both in.
    ///
    /// # Errors
    /// Fails when either cannot sign in.
    pub fn sign_in(&self, doors: &Doors) -> Result<(Agent, Agent), AgentError> {
        let end = |(user, place): &(User, Place)| {
            let agent = match place {
                Place::Inside => doors.sign_in_inside(user),
                Place::Outside => doors.sign_in_outside(user),
            };
            agent.map(|agent| agent.with_patience(PATIENCE))
        };
        Ok((end(&self.caller)?, end(&self.callee)?))
    }

    /// Signs both in and has one call the other.
    ///
    /// # Errors
    /// Fails when anything of that fails.
    pub fn call(&self, doors: &Doors) -> Result<Call, AgentError> {
        let (caller, callee) = self.sign_in(doors)?;
        Call::between(caller, callee)
    }
}

/// What became of a call.
#[derive(Debug)]
pub struct Attempt {
    /// When it began.
    pub began: Instant,
    /// How long it took, from INVITE to the answer to BYE.
    pub took: Duration,
    /// Why it failed, if it did.
    pub fault: Option<AgentError>,
}

/// Threads that call.
#[derive(Debug)]
pub struct Callers {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<Vec<Attempt>>>,
}

impl Callers {
    /// Signs all pairs in, then starts to call: each pair once in every `interval`.
    ///
    /// # Errors
    /// Fails when a pair cannot sign in.
    pub fn start(doors: &Doors, pairs: &[Pair], interval: Duration) -> Result<Self, AgentError> {
        let stop = Arc::new(AtomicBool::new(false));
        let ready: Result<Vec<_>, AgentError> =
            pairs.iter().map(|pair| pair.sign_in(doors)).collect();
        let threads = pairs.iter().zip(ready?).map(|(pair, ends)| {
            let line = Line {
                doors: doors.clone(),
                pair: pair.clone(),
                stop: Arc::clone(&stop),
            };
            thread::spawn(move || line.call_on(ends, interval))
        });
        Ok(Self {
            threads: threads.collect(),
            stop,
        })
    }

    /// Tells all to end after the call they are in, and returns the calls of each pair.
    ///
    /// # Panics
    /// Panics when a thread did.
    #[must_use]
    pub fn stop(self) -> Vec<Vec<Attempt>> {
        self.stop.store(true, Ordering::Relaxed);
        let ends = self.threads.into_iter().map(JoinHandle::join);
        ends.map(|end| end.expect("a caller goes on")).collect()
    }
}

/// What a thread knows.
struct Line {
    doors: Doors,
    pair: Pair,
    stop: Arc<AtomicBool>,
}

impl Line {
    fn call_on(&self, ends: (Agent, Agent), interval: Duration) -> Vec<Attempt> {
        let mut attempts = Vec::new();
        let mut ends = Some(ends);
        let mut next = Instant::now();
        while !self.stop.load(Ordering::Relaxed) {
            next = wait_for(next) + interval;
            let began = Instant::now();
            let ready = ends
                .take()
                .map_or_else(|| self.pair.sign_in(&self.doors), Ok);
            let ended = ready.and_then(|(caller, callee)| {
                let mut call = Call::between(caller, callee)?;
                call.caller_asks("BYE", 200)?;
                Ok((call.caller, call.callee))
            });
            let fault = match ended {
                Ok(again) => {
                    ends = Some(again);
                    None
                }
                Err(fault) => {
                    next = next.max(Instant::now() + PAUSE);
                    Some(fault)
                }
            };
            attempts.push(Attempt {
                began,
                took: began.elapsed(),
                fault,
            });
        }
        attempts
    }
}

/// Waits for a moment; a caller who is late does not make up for it in a rush.
fn wait_for(moment: Instant) -> Instant {
    loop {
        let now = Instant::now();
        let left = moment.saturating_duration_since(now);
        if left.is_zero() {
            return now;
        }
        thread::park_timeout(left);
    }
}
