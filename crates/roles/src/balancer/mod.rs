//! The load balancer: it holds the VIPs of pools and passes what comes there on to their members.
//!
//! Wiring only: who gets a connection is decided in `web::balance`, bytes are moved by `runtime::passing`.
//!
//! - [`open`] opens what the flow table names at the VIPs; [`Opened::start`] passes connections through from then on.
//! - [`Pools`] is what the threads, the health of the members and the operator's commands share.
//! - Members are machines of ours, so each hears whose connection it is (`runtime::proxy_header`).
//!
//! Web sites for clients inside keep a client with its member; everything else goes where the least is going on.

mod switch;
#[cfg(test)]
mod tests;

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use runtime::clock::Clock;
use runtime::passing::{Door, Passing, Setup, Times};
use runtime::worker::Bound;
use topology::{Listener, Port, View};
use web::balance::{Balancer, Health, MemberState, Persistence, Rules};

/// Connections of a door at a time.
const DOOR_MOST: usize = 50_000;
/// How long a member has to take a connection; several can be tried while a client waits.
const CONNECT: Duration = Duration::from_secs(3);

/// The pools whose VIPs this machine holds.
pub struct Pools {
    pools: Vec<Pool>,
    doors: Vec<DoorPlan>,
    own: IpAddr,
    clock: Clock,
    /// Who hears of members that did not take a connection.
    failures: OnceLock<Told>,
}

/// Hears of the address of a member that did not take a connection.
pub type Told = Box<dyn Fn(IpAddr) + Send + Sync>;

struct Pool {
    name: String,
    members: Vec<(String, IpAddr)>,
    balancer: Mutex<Balancer>,
}

/// What is passed on at one address and port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct DoorPlan {
    /// Which pool, by its place.
    pool: usize,
    /// The port of the VIP, and of the members.
    port: u16,
    persistence: Persistence,
}

impl Pools {
    /// The pools behind the VIPs of a machine; `seed` decides among members that are equally busy.
    #[must_use]
    pub fn of(view: &View, seed: [u8; 32], clock: Clock) -> Self {
        let mut pools: Vec<Pool> = Vec::new();
        let mut doors = Vec::new();
        for listener in vips(view) {
            let Some(found) = pool_of(view, listener) else {
                continue;
            };
            let name = found.pool.fqdn.as_str();
            let place = pools.iter().position(|pool| pool.name == name);
            let pool = place.unwrap_or_else(|| {
                let members = found.members.iter();
                let members: Vec<_> = members
                    .map(|member| (member.fqdn.as_str().to_owned(), member.address))
                    .collect();
                let names = members.iter().map(|(name, _)| name.clone());
                pools.push(Pool {
                    name: name.to_owned(),
                    balancer: Mutex::new(Balancer::new(names, Rules::default(), seed)),
                    members,
                });
                pools.len() - 1
            });
            doors.push(DoorPlan {
                pool,
                port: listener.address.port(),
                persistence: persistence(listener.port),
            });
        }
        Self {
            pools,
            doors,
            own: view.machine.address,
            clock,
            failures: OnceLock::new(),
        }
    }

    /// Has somebody hear of members that do not take connections, besides what follows from it here; the first holds.
    pub fn tell_failures(&self, told: Told) {
        let _already = self.failures.set(told);
    }

    /// Takes note of how a member of any of the pools is.
    pub fn found(&self, member: &str, health: Health) {
        let now = self.clock.now().mono;
        for pool in &self.pools {
            pool.lock().found(now, member, health);
        }
    }

    /// Drains a member, or lets it take connections again; tells whether it is in any of the pools.
    #[must_use]
    pub fn drain(&self, member: &str, drained: bool) -> bool {
        let drain = |pool: &Pool| pool.lock().drain(member, drained);
        let known: Vec<bool> = self.pools.iter().map(drain).collect();
        known.contains(&true)
    }

    /// Returns how the members of each pool are.
    #[must_use]
    pub fn states(&self) -> Vec<(String, Vec<MemberState>)> {
        let now = self.clock.now().mono;
        let state = |pool: &Pool| (pool.name.clone(), pool.lock().members(now));
        self.pools.iter().map(state).collect()
    }
}

impl Pool {
    fn lock(&self) -> MutexGuard<'_, Balancer> {
        self.balancer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A VIP could not be opened.
#[derive(Debug, thiserror::Error)]
#[error("cannot open {address} of a VIP")]
pub struct OpenError {
    /// Where.
    pub address: SocketAddr,
    /// What the system says.
    pub source: std::io::Error,
}

/// The VIPs of a machine, open.
pub struct Opened {
    pools: Arc<Pools>,
    doors: Vec<Door>,
    idle: Duration,
    workers: u8,
    /// Where.
    pub addresses: Vec<SocketAddr>,
}

/// Opens the VIPs of a machine; `None` if it holds none.
///
/// # Errors
/// The first that cannot be opened.
pub fn open(view: &View, pools: Arc<Pools>, workers: u8) -> Result<Option<Opened>, OpenError> {
    if pools.doors.is_empty() {
        return Ok(None);
    }
    let bind = |listener: &Listener| {
        let address = listener.address;
        let bound = Bound::bind(address, workers);
        bound.map_err(|source| OpenError { address, source })
    };
    let known = vips(view).filter(|listener| pool_of(view, listener).is_some());
    let bound: Vec<Bound> = known.map(bind).collect::<Result<_, _>>()?;
    Ok(Some(Opened {
        pools,
        addresses: bound.iter().map(Bound::addr).collect(),
        doors: bound
            .into_iter()
            .map(|bound| Door {
                bound,
                most: DOOR_MOST,
            })
            .collect(),
        idle: view.limits.idle,
        workers,
    }))
}

impl Opened {
    /// Passes connections through from now on.
    ///
    /// # Errors
    /// When the system has no thread left.
    pub fn start(self) -> std::io::Result<(Passing, Arc<Pools>)> {
        let passing = runtime::passing::start(Setup {
            name: "vip".to_owned(),
            workers: self.workers,
            doors: self.doors,
            switch: Arc::clone(&self.pools),
            times: Times {
                connect: CONNECT,
                idle: self.idle,
            },
        })?;
        Ok((passing, self.pools))
    }
}

fn vips(view: &View) -> impl Iterator<Item = &Listener> {
    let listeners = view.listeners.iter();
    listeners.filter(|listener| listener.vip_of.is_some())
}

fn pool_of<'v>(view: &'v View, listener: &Listener) -> Option<&'v topology::PoolView> {
    view.pool(listener.vip_of.as_ref()?.as_str())
}

/// Clients inside stay with their member; through the reverse proxy all clients look like one.
const fn persistence(port: Port) -> Persistence {
    if matches!(port, Port::WebHttp | Port::WebHttps) {
        Persistence::Source
    } else {
        Persistence::None
    }
}
