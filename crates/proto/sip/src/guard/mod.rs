//! Who behaves badly, and what they still get: limits and penalties per source, for those who are not of ours.
//!
//! ```text
//! points of a source:  0 ---- L: slowed (503) ---- 2L: ignored (no answer, closed) ---- 4L: refused at accept
//! ```
//!
//! Every [`Offence`] costs points, which halve every five minutes; L is `[limits] failures_per_source`. Besides, each
//! source has a bucket of requests and one of handshakes. Failed credentials also count for the pair of source and user:
//! a pair that failed too often is slowed before the hash is computed, and nobody else is. Nothing is ever held against
//! a user alone, or anybody could lock them out (`docs/decisions/0029-penalties-per-source.md`).
//!
//! A flow on which somebody has signed in goes on while its source is penalised, until it offends itself: that is what
//! others behind the same address are left with.
//!
//! One [`Guard`] is shared by the workers of a process and by whoever accepts. It is a table of fixed size ([`table`]):
//! those with the fewest points are forgotten first. Servers of the topology and gateways are exempt.

mod record;
mod scanner;
mod table;

#[cfg(test)]
mod tests;

pub(crate) use scanner::is_scanner;

use crate::auth::Uses;
use crate::token::Key;
use base::{Mono, Source};
use record::{Decaying, Record};
use std::collections::BTreeSet;
use std::net::IpAddr;
use table::Table;

/// A source may spend this many seconds' worth of its rate at once: a site whose power comes back.
const BURST_SECS: f64 = 10.0;
/// What a request costs a source that is slowed.
const SLOWED_COST: f64 = 20.0;
/// Challenges that nobody answered may be this many times the failures: each phone begins with one.
const CHALLENGES: f64 = 5.0;
/// Points end here, so that a source that stops is slowed no more after a quarter of an hour.
const CEILING: f64 = 8.0;

/// What the operator allows; see `[limits]` of the topology.
#[derive(Clone, Debug)]
pub struct Allowance {
    /// Requests a second of one source, over ten seconds.
    pub requests: f64,
    /// Handshakes a second of one source, over ten seconds.
    pub handshakes: f64,
    /// Points at which a source is slowed: about so many wrong passwords in five minutes.
    pub failures: f64,
    /// Wrong passwords of one user from one source in about five minutes.
    pub failures_of_user: f64,
    /// Whether what scanners are known to send is dropped.
    pub scanners: bool,
    /// Addresses to which no limit applies: machines of the topology, gateways.
    pub exempt: BTreeSet<IpAddr>,
}

impl Default for Allowance {
    fn default() -> Self {
        Self {
            requests: 1000.0,
            handshakes: 100.0,
            failures: 100.0,
            failures_of_user: 10.0,
            scanners: true,
            exempt: BTreeSet::new(),
        }
    }
}

/// What a source did that it should not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offence {
    /// Credentials that do not fit.
    Credentials,
    /// A request that a scanner sends.
    Scanner,
    /// A message that breaks a rule, or bytes that are none.
    Malformed,
    /// A request that is not for us, or not theirs to make.
    Forbidden,
    /// A user who does not exist.
    UnknownUser,
    /// A message or a handshake that was not finished in time.
    Slow,
    /// A handshake that failed.
    Handshake,
    /// A request or handshake beyond the rate.
    Rate,
}

impl Offence {
    /// Returns the word that logs use.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Credentials => "wrong-credentials",
            Self::Scanner => "scanner",
            Self::Malformed => "malformed",
            Self::Forbidden => "forbidden",
            Self::UnknownUser => "unknown-user",
            Self::Slow => "slow",
            Self::Handshake => "failed-handshake",
            Self::Rate => "too-often",
        }
    }

    const fn points(self) -> f64 {
        match self {
            Self::Scanner => 10.0,
            Self::Credentials | Self::Slow => 1.0,
            Self::Malformed | Self::Forbidden => 0.5,
            Self::UnknownUser | Self::Handshake => 0.2,
            Self::Rate => 0.02,
        }
    }
}

/// What a request gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is dealt with.
    Pass,
    /// It is dealt with if its user has not failed too often from here: [`Guard::is_slowed`].
    Watch,
    /// 503, before any work.
    Slow,
    /// No answer, and the connection is closed.
    Ignore,
}

/// Why a connection is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unwelcome {
    /// The source has too many points.
    Penalised,
    /// The source connects too often.
    TooOften,
}

/// How a source stands, for people.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Standing {
    /// Who.
    pub source: Source,
    /// Points now.
    pub points: f64,
    /// Offences since it is known, those for which points are counted.
    pub offences: u64,
    /// What its requests get now.
    pub verdict: Verdict,
    /// Whether its connections are refused.
    pub refused: bool,
}

/// The sources that are known, and how they stand.
pub struct Guard {
    allowance: Allowance,
    key: Key,
    sources: Table<Record>,
    /// Failures of one user from one source.
    pairs: Table<Decaying>,
    uses: Uses,
}

/// Guards nothing in particular: for nodes that stand alone.
impl Default for Guard {
    fn default() -> Self {
        Self::new(Allowance::default(), Key::derive(&[0; 32], "guard"))
    }
}

impl Guard {
    /// Makes a guard that knows nobody. The key keeps others from choosing who shares a place in the table.
    #[must_use]
    pub fn new(allowance: Allowance, key: Key) -> Self {
        Self {
            allowance,
            key,
            sources: Table::new(),
            pairs: Table::new(),
            uses: Uses::default(),
        }
    }

    /// Says whether a connection may begin its handshake.
    ///
    /// # Errors
    /// Why not.
    pub fn welcome(&self, now: Mono, from: Source) -> Result<(), Unwelcome> {
        self.with(now, from, |record| {
            if record.points.at(now) >= 4.0 * self.allowance.failures {
                return Err(Unwelcome::Penalised);
            }
            let rate = self.allowance.handshakes;
            if record.handshakes.take(now, rate, rate * BURST_SECS, 1.0) {
                return Ok(());
            }
            self.punish(record, now, Offence::Rate);
            Err(Unwelcome::TooOften)
        })
        .unwrap_or(Ok(()))
    }

    /// Says what a request gets, and counts it. `trusted` is a flow on which somebody signed in and none offended.
    pub fn ask(&self, now: Mono, from: Source, trusted: bool) -> Verdict {
        self.with(now, from, |record| {
            let verdict = self.verdict(record, now);
            let bad = matches!(verdict, Verdict::Slow | Verdict::Ignore) && !trusted;
            let cost = if bad { SLOWED_COST } else { 1.0 };
            let rate = self.allowance.requests;
            if !record.requests.take(now, rate, rate * BURST_SECS, cost) {
                self.punish(record, now, Offence::Rate);
                return if bad { verdict } else { Verdict::Slow };
            }
            let is_bad = matches!(verdict, Verdict::Slow | Verdict::Ignore);
            if is_bad && trusted {
                Verdict::Watch
            } else {
                verdict
            }
        })
        .unwrap_or(Verdict::Pass)
    }

    /// Counts an offence.
    pub fn offend(&self, now: Mono, from: Source, offence: Offence) {
        self.with(now, from, |record| self.punish(record, now, offence));
    }

    /// Counts an offence that came with credentials for the pair of source and user; [`Guard::offend`] counts it for
    /// the source.
    pub fn failed(&self, now: Mono, from: Source, user: &str, offence: Offence) {
        if self.is_exempt(from) {
            return;
        }
        let most = self.allowance.failures_of_user * 2.0;
        self.pairs
            .with(self.pair(from, user), now, Decaying::default, |pair| {
                pair.add(now, offence.points(), most);
            });
    }

    /// Tells whether this user failed too often from here.
    pub fn is_slowed(&self, now: Mono, from: Source, user: &str) -> bool {
        let points = self.pairs.peek(self.pair(from, user), |pair| pair.at(now));
        !self.is_exempt(from)
            && points.is_some_and(|points| points >= self.allowance.failures_of_user)
    }

    /// Counts a challenge that was sent. Who sweeps through names gets many and answers none.
    pub fn challenged(&self, now: Mono, from: Source) {
        self.with(now, from, |record| {
            let most = self.allowance.failures * CHALLENGES * 2.0;
            record.challenges.add(now, 1.0, most);
        });
    }

    /// Somebody proved who they are: a challenge was answered, and the user's failures from here are forgotten.
    pub fn proved(&self, now: Mono, from: Source, user: &str) {
        let failed = self.with(now, from, |record| {
            record.challenges.take(now, 1.0);
            record.points.at(now) > 0.0
        });
        if failed == Some(true) {
            self.pairs.remove(self.pair(from, user));
        }
    }

    /// Forgets what was held against an address. False if nothing was.
    pub fn forgive(&self, addr: IpAddr) -> bool {
        let sources = [Source::of(addr), Source::of_datagrams(addr)];
        let known = sources.map(|source| self.sources.remove(self.key_of(source)));
        known.contains(&true)
    }

    /// Returns the sources with the most points, worst first, at most so many.
    #[must_use]
    pub fn worst(&self, now: Mono, most: usize) -> Vec<Standing> {
        let mut all = Vec::new();
        self.sources.each(|record| {
            let points = record.points.at(now);
            if points >= 0.1 {
                all.push(Standing {
                    source: record.source,
                    points,
                    offences: record.offences,
                    verdict: self.verdict(record, now),
                    refused: points >= 4.0 * self.allowance.failures,
                });
            }
        });
        all.sort_by(|a, b| b.points.total_cmp(&a.points).then(a.source.cmp(&b.source)));
        all.truncate(most);
        all
    }

    /// Returns the nonces that were used.
    #[must_use]
    pub const fn uses(&self) -> &Uses {
        &self.uses
    }

    /// Returns how many sources are known.
    #[must_use]
    pub fn known(&self) -> usize {
        self.sources.len()
    }

    /// Tells whether this is what a scanner sends, and scanners are to be dropped.
    pub(crate) fn is_scan(&self, request: &crate::msg::Message) -> bool {
        self.allowance.scanners && is_scanner(request)
    }

    fn verdict(&self, record: &Record, now: Mono) -> Verdict {
        let (points, allowed) = (record.points.at(now), self.allowance.failures);
        if points >= 2.0 * allowed {
            Verdict::Ignore
        } else if points >= allowed || record.challenges.at(now) >= CHALLENGES * allowed {
            Verdict::Slow
        } else if points >= 1.0 {
            Verdict::Watch
        } else {
            Verdict::Pass
        }
    }

    fn punish(&self, record: &mut Record, now: Mono, offence: Offence) {
        record.offences += 1;
        record
            .points
            .add(now, offence.points(), CEILING * self.allowance.failures);
    }

    /// Changes the record of a source; nothing for one that is exempt.
    fn with<R>(&self, now: Mono, from: Source, change: impl FnOnce(&mut Record) -> R) -> Option<R> {
        if self.is_exempt(from) {
            return None;
        }
        let fresh = || Record::new(from, now, &self.allowance);
        Some(self.sources.with(self.key_of(from), now, fresh, change))
    }

    fn is_exempt(&self, from: Source) -> bool {
        self.allowance.exempt.contains(&from.addr())
    }

    fn key_of(&self, source: Source) -> u64 {
        self.key.checksum(&[&source.to_bytes()])
    }

    fn pair(&self, from: Source, user: &str) -> u64 {
        self.key.checksum(&[&from.to_bytes(), user.as_bytes()])
    }
}
