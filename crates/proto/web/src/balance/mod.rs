//! Which member of a pool gets a connection.
//!
//! ```text
//! choose ---> a member is asked ---taken---> it carries the connection ---ended--->
//!    |               \--failed--> the next one, each at most once
//!    \--> refused: none takes anything, or all are full
//! ```
//!
//! - **Persistence**: by the client's address inside, so that a client stays with its member ([`share`]); none for what
//!   comes by the reverse proxy, where the member with the fewest connections is next, or by the cookie that a client brings
//!   ([`crate::affinity`]).
//! - **Health** comes from outside ([`Balancer::found`]); on top of it, members that fail to take connections rest.
//! - **Slow start**: a member that was down gets its part of the sources bit by bit, each of them once.
//! - When none is known to be up, those of which nothing is known are tried: better a try than a refusal.
//!
//! Invariants: a member that is drained, down or at rest is given nothing new; the loss of a member moves no source of
//! another one; a connection asks each member at most once.
//!
//! Bounds: connections of a member and in all ([`Rules`]); a pool has at most 64 members.

mod member;
mod share;
#[cfg(test)]
mod tests;

use base::Mono;
use base::random::Random;
pub use member::Health;
use member::Member;
use std::net::IpAddr;
use std::time::Duration;

/// How many members a pool may have: as many as [`Tried`] has bits.
pub const MEMBERS_MAX: usize = 64;

/// How a pool is balanced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// Connections of one member.
    pub per_member: usize,
    /// Connections of the whole pool.
    pub in_all: usize,
    /// How long a member that was down takes to get its full part.
    pub slow_start: Duration,
    /// After how many failures in a row a member rests.
    pub failures: u32,
    /// How long it rests at first; twice as long each time.
    pub rest: Duration,
    /// The longest rest.
    pub rest_max: Duration,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            per_member: 50_000,
            in_all: 100_000,
            slow_start: Duration::from_secs(10),
            failures: 3,
            rest: Duration::from_secs(1),
            rest_max: Duration::from_secs(60),
        }
    }
}

/// Whether clients stay with their member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Persistence {
    /// By their address.
    Source,
    /// By what they bring: with this member while it takes anything, else as without.
    Member(MemberId),
    /// Not at all.
    None,
}

/// One member, by its place in the pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MemberId(pub usize);

/// The members that a connection has asked already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tried(u64);

impl Tried {
    const fn has(self, member: usize) -> bool {
        self.0 & (1 << member) != 0
    }

    const fn add(&mut self, member: usize) {
        self.0 |= 1 << member;
    }
}

/// Why nobody gets a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// No member takes anything new, or all were asked.
    #[error("no member of the pool is there for it")]
    NoMember,
    /// Members that would take it are full, or the pool is.
    #[error("the pool is full")]
    Full,
}

/// How a member is, for people and counters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberState {
    /// Its name.
    pub name: String,
    /// What was found out about it.
    pub health: Health,
    /// Whether it is drained by command.
    pub drained: bool,
    /// Whether it rests after failures.
    pub rests: bool,
    /// Its share in thousandths while it warms up, else 1000.
    pub share: u64,
    /// Connections that it carries.
    pub open: usize,
}

/// Chooses among the members of one pool.
#[derive(Debug)]
pub struct Balancer {
    rules: Rules,
    members: Vec<Member>,
    open: usize,
    random: Random,
}

impl Balancer {
    /// Begins with the members of a pool, of whom nothing is known yet; those beyond [`MEMBERS_MAX`] are left out.
    #[must_use]
    pub fn new(members: impl IntoIterator<Item = String>, rules: Rules, seed: [u8; 32]) -> Self {
        let members = members.into_iter().take(MEMBERS_MAX);
        Self {
            rules,
            members: members.map(Member::new).collect(),
            open: 0,
            random: Random::new(seed),
        }
    }

    /// Chooses a member for a connection and counts it there. `tried` remembers whom it has asked.
    ///
    /// # Errors
    /// [`Refused`] when there is nobody to ask, or nobody left.
    pub fn choose(
        &mut self,
        now: Mono,
        source: IpAddr,
        persistence: Persistence,
        tried: &mut Tried,
    ) -> Result<MemberId, Refused> {
        if self.open >= self.rules.in_all {
            return Err(Refused::Full);
        }
        let open = self.candidates(now, *tried);
        let fit: Vec<usize> = open
            .iter()
            .copied()
            .filter(|&at| self.has_room(at))
            .collect();
        let named = match persistence {
            // Who was there before is not part of what it warms up with.
            Persistence::Member(member) => fit.iter().copied().find(|&at| at == member.0),
            Persistence::Source | Persistence::None => None,
        };
        let mut warm = fit.clone();
        warm.retain(|&at| self.is_warm_for(now, at, source));
        // Where everybody warms up, as after a start, nobody need hold back.
        let among = if warm.is_empty() { fit } else { warm };
        let chosen = match persistence {
            Persistence::Source => self.by_lot(&among, source),
            Persistence::Member(_) | Persistence::None => named.or_else(|| self.least_busy(&among)),
        };
        let Some(at) = chosen else {
            return Err(if open.is_empty() {
                Refused::NoMember
            } else {
                Refused::Full
            });
        };
        tried.add(at);
        self.open += 1;
        if let Some(member) = self.members.get_mut(at) {
            member.open += 1;
        }
        Ok(MemberId(at))
    }

    /// A member has taken the connection that it was asked for.
    pub fn taken(&mut self, member: MemberId) {
        if let Some(member) = self.members.get_mut(member.0) {
            member.succeeded();
        }
    }

    /// A member has not taken the connection that it was asked for.
    pub fn failed(&mut self, now: Mono, member: MemberId) {
        self.ended(member);
        if let Some(member) = self.members.get_mut(member.0) {
            member.failed(now, &self.rules);
        }
    }

    /// A connection that a member carried has ended.
    pub fn ended(&mut self, member: MemberId) {
        self.open = self.open.saturating_sub(1);
        if let Some(member) = self.members.get_mut(member.0) {
            member.open = member.open.saturating_sub(1);
        }
    }

    /// Takes note of how a member is.
    pub fn found(&mut self, now: Mono, name: &str, health: Health) {
        if let Some(member) = self.named(name) {
            member.found(now, health);
        }
    }

    /// Drains a member by command, or lets it take connections again; returns whether there is such a member.
    pub fn drain(&mut self, name: &str, drained: bool) -> bool {
        let member = self.named(name);
        member.map(|member| member.drained = drained).is_some()
    }

    /// Returns how all members are.
    #[must_use]
    pub fn members(&self, now: Mono) -> Vec<MemberState> {
        let state = |member: &Member| MemberState {
            name: member.name.clone(),
            health: member.health,
            drained: member.drained,
            rests: member.rests_until.is_some_and(|until| now < until),
            share: member.share(now, self.rules.slow_start),
            open: member.open,
        };
        self.members.iter().map(state).collect()
    }

    /// Returns who gets nothing new at this time, or less than its share, and why in a word or two.
    pub fn left_out(&self, now: Mono) -> impl Iterator<Item = (&str, &'static str)> {
        let why = move |member: &Member| {
            if member.drained {
                return Some("drained by command");
            }
            match member.health {
                Health::Down => return Some("down"),
                Health::Draining => return Some("drains"),
                Health::Up | Health::Unknown => {}
            }
            if !member.takes(now) {
                Some("rests after failures")
            } else if member.open >= self.rules.per_member {
                Some("full")
            } else if member.share(now, self.rules.slow_start) < 1000 {
                Some("warms up")
            } else {
                None
            }
        };
        let members = self.members.iter();
        members.filter_map(move |member| Some((member.name.as_str(), why(member)?)))
    }

    fn named(&mut self, name: &str) -> Option<&mut Member> {
        let mut members = self.members.iter_mut();
        members.find(|member| member.name.eq_ignore_ascii_case(name))
    }

    /// Those who take something new and have not been asked; those of whom nothing is known only if there is no other.
    fn candidates(&self, now: Mono, tried: Tried) -> Vec<usize> {
        let all = self.members.iter().enumerate();
        let willing = all.filter(|(at, member)| member.takes(now) && !tried.has(*at));
        let (known, unknown): (Vec<_>, Vec<_>) =
            willing.partition(|(_, member)| member.health == Health::Up);
        let best = if known.is_empty() { unknown } else { known };
        best.into_iter().map(|(at, _)| at).collect()
    }

    fn has_room(&self, at: usize) -> bool {
        let member = self.members.get(at);
        member.is_some_and(|member| member.open < self.rules.per_member)
    }

    fn is_warm_for(&self, now: Mono, at: usize, source: IpAddr) -> bool {
        self.members.get(at).is_some_and(|member| {
            share::turn(&member.name, source) < member.share(now, self.rules.slow_start)
        })
    }

    fn by_lot(&self, among: &[usize], source: IpAddr) -> Option<usize> {
        let lot = |at: usize| {
            let member = self.members.get(at);
            member.map(|member| share::lot(&member.name, source))
        };
        among.iter().copied().max_by_key(|&at| lot(at))
    }

    /// The one with the fewest connections; among equals any.
    fn least_busy(&mut self, among: &[usize]) -> Option<usize> {
        let open = |at: usize| self.members.get(at).map(|member| member.open);
        let least = among.iter().filter_map(|&at| open(at)).min()?;
        let equal = || among.iter().copied().filter(|&at| open(at) == Some(least));
        let which = self.random.below(equal().count());
        equal().nth(which)
    }
}
