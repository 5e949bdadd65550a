//! A tail of several agents: what they capture, as they capture it.
//!
//! Records come in the order of their time as far as that can be had: each waits [`HOLD`] for older ones of other machines,
//! so that a message is seen to leave one machine before it comes to the next. Clocks that are further apart show.
//!
//! Bounds: [`HELD`] records wait; when there are more, the oldest no longer waits.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::sync::Arc;
use std::time::Duration;

use logs::wire::Request;
use logs::{Query, SourceStatus, Time};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use super::source::{Event, Found};
use super::{Controller, Report, Target};

/// How long a record waits for older ones.
const HOLD: Duration = Duration::from_millis(250);
/// So many wait at most.
const HELD: usize = 4096;

/// What a tail tells; agents are named by their place among those that were asked.
#[derive(Debug)]
pub enum Heard {
    /// A record.
    Record(Box<Found>),
    /// An agent takes part from now on.
    Listening(usize),
    /// An agent has captured so many records more than could be sent.
    Missed(usize, u64),
    /// An agent takes no part any more, or never did; [`Following::report`] says why.
    Ended(usize),
}

/// A tail that is under way. When it goes, its connections are closed.
pub struct Following {
    held: Held,
    reports: Vec<Report>,
    events: mpsc::Receiver<Event>,
    _asking: JoinSet<()>,
    began: Instant,
}

impl Controller {
    /// Follows what all of these agents capture.
    #[must_use]
    pub fn follow(self: &Arc<Self>, targets: &[Target], query: &Query) -> Following {
        let (asking, events) = self.begin(targets, &Request::Tail(query.clone()));
        let reports = targets.iter().map(|one| Report::of(one.machine.clone()));
        Following {
            held: Held::default(),
            reports: reports.collect(),
            events,
            _asking: asking,
            began: Instant::now(),
        }
    }
}

impl Following {
    /// Returns what is told next; `None` when no agent takes part any more. Nothing is lost if this is dropped before its
    /// end.
    pub async fn next(&mut self) -> Option<Heard> {
        loop {
            if let Some(found) = self.held.take(Instant::now()) {
                return Some(Heard::Record(Box::new(found)));
            }
            let due = self.held.next_due();
            let event = tokio::select! {
                event = self.events.recv() => event,
                () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => continue,
            };
            let Some(event) = event else {
                // Nothing older can come.
                let last = self.held.first()?;
                return Some(Heard::Record(Box::new(last)));
            };
            if let Some(heard) = self.take_in(event) {
                return Some(heard);
            }
        }
    }

    /// Returns how an agent stands.
    #[must_use]
    pub fn report(&self, agent: usize) -> Option<&Report> {
        self.reports.get(agent)
    }

    /// Ends the tail and says how each agent stood.
    #[must_use]
    pub fn finish(mut self) -> Vec<Report> {
        let took = self.began.elapsed();
        for report in &mut self.reports {
            if report.status == SourceStatus::Answering {
                report.status = SourceStatus::Stopped;
                report.took = took;
            }
        }
        self.reports
    }

    fn take_in(&mut self, event: Event) -> Option<Heard> {
        match event {
            Event::Records(agent, records, left_out) => {
                if let Some(report) = self.reports.get_mut(agent) {
                    report.given += records.len() as u64;
                    report.left_out += left_out;
                }
                let due = Instant::now() + HOLD;
                records.into_iter().for_each(|one| self.held.put(one, due));
                None
            }
            Event::Listening(agent) => Some(Heard::Listening(agent)),
            Event::Missed(agent, records) => {
                if let Some(report) = self.reports.get_mut(agent) {
                    report.missed += records;
                }
                Some(Heard::Missed(agent, records))
            }
            Event::End(agent, mut ended) => {
                // A tail has no end of its own: an agent that ends one is going.
                if ended.status.is_whole() {
                    ended.status = SourceStatus::CutOff("it ended the tail".to_owned());
                }
                if let Some(report) = self.reports.get_mut(agent) {
                    report.end(ended);
                }
                Some(Heard::Ended(agent))
            }
        }
    }
}

/// Records that wait for older ones.
#[derive(Default)]
struct Held {
    waiting: BinaryHeap<Reverse<Waiting>>,
    number: u64,
}

struct Waiting {
    key: (Time, u64),
    due: Instant,
    found: Found,
}

impl Held {
    fn put(&mut self, found: Found, due: Instant) {
        let key = (found.record.time, self.number);
        self.number += 1;
        self.waiting.push(Reverse(Waiting { key, due, found }));
    }

    /// Takes the oldest if it has waited long enough, or if too many wait.
    fn take(&mut self, now: Instant) -> Option<Found> {
        let Reverse(oldest) = self.waiting.peek()?;
        if oldest.due > now && self.waiting.len() <= HELD {
            return None;
        }
        self.first()
    }

    fn first(&mut self) -> Option<Found> {
        self.waiting
            .pop()
            .map(|Reverse(waiting)| waiting.found.taken())
    }

    fn next_due(&self) -> Option<Instant> {
        self.waiting.peek().map(|Reverse(oldest)| oldest.due)
    }
}

impl PartialEq for Waiting {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key
    }
}

impl Eq for Waiting {}

impl PartialOrd for Waiting {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Waiting {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key.cmp(&other.key)
    }
}
