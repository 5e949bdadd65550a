//! What is kept of one source: points that fade, and buckets that fill.

use super::{Allowance, BURST_SECS};
use base::{Mono, Source};
use std::time::Duration;

/// In this time half of the points fade.
const HALF_LIFE: Duration = Duration::from_secs(300);
/// Points below this are none.
const NOTHING: f64 = 0.01;

/// A number that halves every five minutes.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Decaying {
    points: f64,
    at: Mono,
}

impl Decaying {
    /// Returns what is left of it.
    pub(super) fn at(&self, now: Mono) -> f64 {
        if self.points < NOTHING {
            return 0.0;
        }
        let lives = now.since(self.at).as_secs_f64() / HALF_LIFE.as_secs_f64();
        let left = self.points * (-lives).exp2();
        if left < NOTHING { 0.0 } else { left }
    }

    pub(super) fn add(&mut self, now: Mono, more: f64, most: f64) {
        self.points = (self.at(now) + more).min(most);
        self.at = now;
    }

    pub(super) fn take(&mut self, now: Mono, less: f64) {
        self.points = (self.at(now) - less).max(0.0);
        self.at = now;
    }
}

/// A bucket that fills at a rate and from which each request takes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bucket {
    level: f64,
    at: Mono,
}

impl Bucket {
    const fn full(level: f64, at: Mono) -> Self {
        Self { level, at }
    }

    /// Takes `cost` out; false, and nothing is taken, if there is not enough.
    pub(super) fn take(&mut self, now: Mono, rate: f64, most: f64, cost: f64) -> bool {
        let filled = now.since(self.at).as_secs_f64() * rate;
        self.level = (self.level + filled).min(most);
        self.at = now;
        let enough = self.level >= cost;
        if enough {
            self.level -= cost;
        }
        enough
    }
}

/// One source.
#[derive(Clone, Debug)]
pub(super) struct Record {
    pub(super) source: Source,
    pub(super) points: Decaying,
    pub(super) challenges: Decaying,
    pub(super) requests: Bucket,
    pub(super) handshakes: Bucket,
    pub(super) offences: u64,
}

impl Record {
    pub(super) fn new(source: Source, now: Mono, allowance: &Allowance) -> Self {
        Self {
            source,
            points: Decaying::default(),
            challenges: Decaying::default(),
            requests: Bucket::full(allowance.requests * BURST_SECS, now),
            handshakes: Bucket::full(allowance.handshakes * BURST_SECS, now),
            offences: 0,
        }
    }
}

/// What it costs to forget an entry of the table.
pub(super) trait Weight {
    /// The more, the longer it is kept.
    fn weight(&self, now: Mono) -> f64;
}

impl Weight for Decaying {
    fn weight(&self, now: Mono) -> f64 {
        self.at(now)
    }
}

impl Weight for Record {
    fn weight(&self, now: Mono) -> f64 {
        self.points.at(now) + self.challenges.at(now)
    }
}
