//! Which server gets a request, and what is known of those that got others.

use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use runtime::clock::Clock;
use runtime::http::client::Reason;
use web::balance::{Balancer, MemberId, Persistence, Refused, Tried};

use super::Trouble;

/// Servers that can do the same thing, shared by the threads that send to them.
pub struct Servers {
    balancer: Mutex<Balancer>,
    clock: Clock,
}

/// The servers that one request goes to, one after the other. Dropping this ends the request.
pub struct Choice<'a> {
    servers: &'a Servers,
    source: IpAddr,
    /// The place of the first server in the client's list.
    first: usize,
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
        }
    }

    /// Begins with a request; the servers stand in the client's list from `first` on.
    #[must_use]
    pub fn choice(&self, source: IpAddr, first: usize) -> Choice<'_> {
        Choice {
            servers: self,
            source,
            first,
            tried: Tried::default(),
            at: None,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Balancer> {
        self.balancer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Choice<'_> {
    /// Chooses the next server; `last` is why the one before was not reached.
    pub(super) fn next(&mut self, last: Option<Reason>) -> Result<usize, Trouble> {
        let now = self.servers.clock.now().mono;
        let mut balancer = self.servers.lock();
        let chosen = balancer.choose(now, self.source, Persistence::None, &mut self.tried);
        drop(balancer);
        match chosen {
            Ok(member) => {
                self.at = Some(member);
                Ok(self.first + member.0)
            }
            Err(Refused::NoMember) => Err(Trouble::NoServer(last)),
            Err(Refused::Full) => Err(Trouble::Full),
        }
    }

    /// The server was not reached.
    pub(super) fn failed(&mut self) {
        if let Some(member) = self.at.take() {
            let now = self.servers.clock.now().mono;
            self.servers.lock().failed(now, member);
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
