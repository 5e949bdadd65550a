//! The load balancer: it holds the VIPs of pools and passes what comes there on to their members.
//!
//! Wiring only: who gets a connection or request is decided in `web::balance`, bytes are moved by `runtime::passing`,
//! requests by `runtime::http` and the ground of [`crate::relay`].
//!
//! - [`open`] opens what the flow table names at the VIPs; [`Opened::start`] passes on what comes from then on.
//! - [`Pools`] is what the threads, the health of the members and the operator's commands share.
//! - Where connections are passed through (`switch`), members hear whose each is (`runtime::proxy_header`); where TLS ends
//!   here (`requests`), each request says it.
//!
//! Web sites for clients inside keep a client with its member; everything else goes where the least is going on.

mod open;
mod plan;
mod requests;
mod switch;
#[cfg(test)]
mod tests;

use std::net::IpAddr;
use std::sync::Arc;

use base::net::Hop;
use logs::{Component, Flags, Level};
use runtime::clock::Clock;
use topology::{PoolView, View};
use traces::Recorder;
use web::balance::{Balancer, Health, MemberState, Rules};

pub use open::{Balancing, Counted, OpenError, Opened, open};
pub use requests::Stats;

use crate::relay::Servers;
use plan::{DoorPlan, SitePlan, is_read, vips};

/// The pools whose VIPs this machine holds.
pub struct Pools {
    pools: Vec<Pool>,
    doors: Vec<DoorPlan>,
    sites: Vec<SitePlan>,
    /// Every member of every site.
    hops: Vec<Hop>,
    own: IpAddr,
    recorder: Recorder,
}

/// Hears of the address of a member that did not take a connection.
pub type Told = Arc<dyn Fn(IpAddr) + Send + Sync>;

struct Pool {
    name: String,
    members: Vec<(String, IpAddr)>,
    servers: Servers,
}

impl Pools {
    /// The pools behind the VIPs of a machine; `seed` decides among members that are equally busy, and makes
    /// cookies.
    #[must_use]
    pub fn of(view: &View, seed: [u8; 32], clock: Clock, recorder: Recorder) -> Self {
        let mut pools = Self {
            pools: Vec::new(),
            doors: Vec::new(),
            sites: Vec::new(),
            hops: Vec::new(),
            own: view.machine.address,
            recorder,
        };
        for (listener, found) in vips(view) {
            let pool = pools.place(found, seed, clock);
            if is_read(listener, found) {
                let site = SitePlan::of(view, listener, found, (pool, &seed), &mut pools.hops);
                pools.sites.extend(site);
            } else {
                pools.doors.push(DoorPlan {
                    pool,
                    port: listener.address.port(),
                    persistence: plan::persistence(listener.port),
                });
            }
        }
        pools
    }

    /// The place of a pool, which is added if it is not there yet.
    fn place(&mut self, found: &PoolView, seed: [u8; 32], clock: Clock) -> usize {
        let name = found.pool.fqdn.as_str();
        if let Some(place) = self.pools.iter().position(|pool| pool.name == name) {
            return place;
        }
        let members = found.members.iter();
        let members: Vec<_> = members
            .map(|member| (member.fqdn.as_str().to_owned(), member.address))
            .collect();
        let names = members.iter().map(|(name, _)| name.clone());
        let balancer = Balancer::new(names, Rules::default(), seed);
        self.pools.push(Pool {
            name: name.to_owned(),
            servers: Servers::new(balancer, clock),
            members,
        });
        self.pools.len() - 1
    }

    /// Has somebody hear of members that do not take connections, besides what follows from it here; the first holds.
    pub fn tell_failures(&self, told: &Told) {
        for pool in &self.pools {
            let addresses: Vec<IpAddr> = pool.members.iter().map(|(_, it)| *it).collect();
            let told = Arc::clone(told);
            pool.servers.tell_failures(Box::new(move |member| {
                if let Some(address) = addresses.get(member.0) {
                    told(*address);
                }
            }));
        }
    }

    /// Takes note of how a member of any of the pools is.
    pub fn found(&self, member: &str, health: Health) {
        for pool in &self.pools {
            pool.servers.found(member, health);
        }
    }

    /// Drains a member, or lets it take connections again; tells whether it is in any of the pools.
    #[must_use]
    pub fn drain(&self, member: &str, drained: bool) -> bool {
        let drain = |pool: &Pool| pool.servers.lock().drain(member, drained);
        let known: Vec<bool> = self.pools.iter().map(drain).collect();
        let is_known = known.contains(&true);
        if is_known {
            self.recorder
                .record(Component::Health, Level::Info, Flags::DIAG, |record| {
                    record.peer_name = Some(member.into());
                    record.decision = Some(if drained { "drained" } else { "undrained" }.into());
                    record.reason = Some("by an operator at the balancer".into());
                });
        }
        is_known
    }

    /// Returns how the members of each pool are.
    #[must_use]
    pub fn states(&self) -> Vec<(String, Vec<MemberState>)> {
        let state = |pool: &Pool| (pool.name.clone(), pool.servers.states());
        self.pools.iter().map(state).collect()
    }
}
