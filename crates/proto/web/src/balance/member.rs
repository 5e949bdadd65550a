//! A member of a pool as the balancer sees it.

use base::Mono;
use std::time::Duration;

/// How a member is, as far as is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Health {
    /// It answers.
    Up,
    /// It does not.
    Down,
    /// It answers, and takes nothing new.
    Draining,
    /// Nobody has asked yet: it is tried where no member is known to be up.
    #[default]
    Unknown,
}

/// What a balancer keeps of a member.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) name: String,
    pub(super) health: Health,
    /// By command, whatever its health.
    pub(super) drained: bool,
    /// Since when it is up again; a member that was up from the first has no need to warm up.
    pub(super) up_since: Option<Mono>,
    /// Connections that it has or is being asked for.
    pub(super) open: usize,
    /// Connections that it did not take, one after the other.
    pub(super) failures: u32,
    /// It is left alone until then.
    pub(super) rests_until: Option<Mono>,
}

impl Member {
    pub(super) const fn new(name: String) -> Self {
        Self {
            name,
            health: Health::Unknown,
            drained: false,
            up_since: None,
            open: 0,
            failures: 0,
            rests_until: None,
        }
    }

    /// Takes note of what was found out; it warms up when it had been down.
    pub(super) fn found(&mut self, now: Mono, health: Health) {
        if health == Health::Up {
            match self.health {
                Health::Down => self.up_since = Some(now),
                Health::Up | Health::Draining | Health::Unknown => {}
            }
            if self.health != Health::Up {
                self.failures = 0;
                self.rests_until = None;
            }
        }
        self.health = health;
    }

    /// Whether it takes anything new.
    pub(super) fn takes(&self, now: Mono) -> bool {
        let rests = self.rests_until.is_some_and(|until| now < until);
        matches!(self.health, Health::Up | Health::Unknown) && !self.drained && !rests
    }

    /// Its share in thousandths while it warms up, 1000 afterwards.
    pub(super) fn share(&self, now: Mono, slow_start: Duration) -> u64 {
        let Some(since) = self.up_since.filter(|_| !slow_start.is_zero()) else {
            return 1000;
        };
        let share = now.since(since).as_micros() * 1000 / slow_start.as_micros();
        u64::try_from(share).unwrap_or(1000).min(1000)
    }

    /// It did not take a connection: after several in a row it rests, longer each time.
    pub(super) fn failed(&mut self, now: Mono, rules: &super::Rules) {
        self.failures = self.failures.saturating_add(1);
        if let Some(times) = self.failures.checked_sub(rules.failures) {
            let rest = rules.rest.saturating_mul(1 << times.min(16));
            self.rests_until = Some(now.after(rest.min(rules.rest_max)));
        }
    }

    pub(super) const fn succeeded(&mut self) {
        self.failures = 0;
        self.rests_until = None;
    }
}
