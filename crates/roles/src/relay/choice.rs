//! Which server gets a request or a connection, and what is known of those that got others.

use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use runtime::clock::Clock;
use runtime::http::client::Reason;
use web::balance::{Balancer, Health, MemberId, MemberState, Persistence, Refused, Tried};

use super::Trouble;

/// Servers that can do the same thing, shared by the threads that send to them.
pub struct Servers {
    balancer: Mutex<Balancer>,
    clock: Clock,
    /// Who hears of servers that were not reached.
    failures: OnceLock<Told>,
}

/// Hears of a server that was not reached.
type Told = Box<dyn Fn(MemberId) + Send + Sync>;

/// For whom servers are chosen.
#[derive(Clone, Copy, Debug)]
pub struct Wanted {
    /// The client.
    pub source: IpAddr,
    /// Whether it stays with its server.
    pub persistence: Persistence,
}

/// The servers that one request or connection goes to, one after the other. Dropping this ends it there.
pub struct Choice<'a> {
    servers: &'a Servers,
    wanted: Wanted,
    tried: Tried,
    at: Option<MemberId>,
}

impl Servers {
    /// Chooses as the balancer does.
    #[must_use]
    pub const fn new(balancer: Balancer, clock: Clock) -> Self {
        Self {
            balancer: Mutex::new(balancer),
            clock,
            failures: OnceLock::new(),
        }
    }

    /// Begins with a request.
    #[must_use]
    pub fn choice(&self, wanted: Wanted) -> Choice<'_> {
        Choice {
            servers: self,
            wanted,
            tried: Tried::default(),
            at: None,
        }
    }

    /// Has somebody hear of servers that are not reached, besides what follows from it here; the first holds.
    pub fn tell_failures(&self, told: Told) {
        let _already = self.failures.set(told);
    }

    /// Chooses the next server for a connection, and counts it there.
    ///
    /// # Errors
    /// When there is nobody to ask, or nobody left.
    pub fn choose(&self, wanted: Wanted, tried: &mut Tried) -> Result<MemberId, Refused> {
        let now = self.clock.now().mono;
        let mut balancer = self.lock();
        balancer.choose(now, wanted.source, wanted.persistence, tried)
    }

    /// A server was not reached.
    pub fn failed(&self, member: MemberId) {
        let now = self.clock.now().mono;
        self.lock().failed(now, member);
        if let Some(told) = self.failures.get() {
            told(member);
        }
    }

    /// Takes note of how a server is.
    pub fn found(&self, name: &str, health: Health) {
        let now = self.clock.now().mono;
        self.lock().found(now, name, health);
    }

    /// Returns how the servers are.
    #[must_use]
    pub fn states(&self) -> Vec<MemberState> {
        let now = self.clock.now().mono;
        self.lock().members(now)
    }

    /// Says in words why whoever gets this gets it: how it was chosen, and who was left out.
    #[must_use]
    pub fn why(&self, wanted: Wanted) -> String {
        let mut why = String::from(match wanted.persistence {
            Persistence::Source => "by its source",
            Persistence::Member(_) => "by what it brings",
            Persistence::None => "by the least load",
        });
        let now = self.clock.now().mono;
        for (place, (name, reason)) in self.lock().left_out(now).enumerate() {
            why.push_str(if place == 0 { "; left out: " } else { ", " });
            why.push_str(&format!("{name} {reason}"));
        }
        why
    }

    /// What is known of the servers, for as long as this is held.
    pub fn lock(&self) -> MutexGuard<'_, Balancer> {
        self.balancer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Choice<'_> {
    /// Chooses the next server; `last` is why the one before was not reached.
    pub(super) fn next(&mut self, last: Option<Reason>) -> Result<MemberId, Trouble> {
        let chosen = self.servers.choose(self.wanted, &mut self.tried);
        match chosen {
            Ok(member) => {
                self.at = Some(member);
                Ok(member)
            }
            Err(Refused::NoMember) => Err(Trouble::NoServer(last)),
            Err(Refused::Full) => Err(Trouble::Full),
        }
    }

    /// Says in words why it was chosen.
    #[must_use]
    pub fn why(&self) -> String {
        self.servers.why(self.wanted)
    }

    /// Returns the server that was chosen last and not lost.
    #[must_use]
    pub const fn member(&self) -> Option<MemberId> {
        self.at
    }

    /// The server was not reached.
    pub(super) fn failed(&mut self) {
        if let Some(member) = self.at.take() {
            self.servers.failed(member);
        }
    }

    /// The server has answered.
    pub(super) fn taken(&mut self) {
        if let Some(member) = self.at {
            self.servers.lock().taken(member);
        }
    }
}

impl Drop for Choice<'_> {
    fn drop(&mut self) {
        if let Some(member) = self.at.take() {
            self.servers.lock().ended(member);
        }
    }
}
