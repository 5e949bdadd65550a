//! The sockets and threads of the VIPs.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use base::net::Role;
use logs::Component;
use runtime::http::client::{self, Bounds, Client, Origin};
use runtime::http::{self, Limits, Secured, Serving};
use runtime::passing::{Door, Passing, Setup, Times};
use runtime::tls::Store;
use runtime::worker::Bound;
use topology::View;

use super::Pools;
use super::plan::{is_read, vips};
use super::requests::{Site, Stats};
use crate::requests::Clerk;

/// Connections of a door at a time.
const DOOR_MOST: usize = 50_000;
/// How long a member has to take a connection; several can be tried while a client waits.
const CONNECT: Duration = Duration::from_secs(3);

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
    sites: Vec<http::Door>,
    proxies: BTreeSet<IpAddr>,
    idle: Duration,
    workers: u8,
    /// Where.
    pub addresses: Vec<SocketAddr>,
}

/// The VIPs as they work.
pub struct Balancing {
    /// Connections that are passed through, if any are.
    pub passing: Option<Passing>,
    /// Requests that are read, if any are.
    pub serving: Option<(Serving, Counted)>,
    /// The members.
    pub pools: Arc<Pools>,
}

impl Balancing {
    /// Returns the threads: of connections that are passed through, and of requests that are read.
    #[must_use]
    pub fn threads(self) -> (Option<Passing>, Option<Serving>) {
        (self.passing, self.serving.map(|(serving, _)| serving))
    }
}

/// What is counted where requests are read.
#[derive(Clone)]
pub struct Counted {
    /// Requests.
    pub requests: Arc<Stats>,
    /// Connections of clients.
    pub clients: Arc<http::Stats>,
    /// Connections to members.
    pub members: Arc<client::Stats>,
}

/// Opens the VIPs of a machine, which shows what is in the store where TLS ends there; `None` if it holds none.
///
/// # Errors
/// The first that cannot be opened.
pub fn open(
    view: &View,
    pools: Arc<Pools>,
    store: &Arc<Store>,
    workers: u8,
) -> Result<Option<Opened>, OpenError> {
    let proxies = view.pools_of(Role::ReverseProxy);
    let proxies = proxies.flat_map(|pool| &pool.members);
    let mut opened = Opened {
        doors: Vec::new(),
        sites: Vec::new(),
        proxies: proxies.map(|member| member.address).collect(),
        idle: view.limits.idle,
        workers,
        addresses: Vec::new(),
        pools,
    };
    for (listener, found) in vips(view) {
        let address = listener.address;
        let bound = Bound::bind(address, workers);
        let bound = bound.map_err(|source| OpenError { address, source })?;
        opened.addresses.push(bound.addr());
        if is_read(listener, found) {
            opened.add_site(view, bound, store);
        } else {
            let most = DOOR_MOST;
            opened.doors.push(Door { bound, most });
        }
    }
    Ok(Some(opened).filter(|opened| !opened.addresses.is_empty()))
}

impl Opened {
    /// Sites are opened in the order in which they were planned.
    fn add_site(&mut self, view: &View, bound: Bound, store: &Arc<Store>) {
        let Some(site) = self.pools.sites.get(self.sites.len()) else {
            return;
        };
        let names = || site.names.names().map(str::to_owned).collect();
        self.sites.push(http::Door {
            bound,
            tls: site.secured.then(|| Secured {
                store: Arc::clone(store),
                names: Some(names()),
            }),
            balancers: Vec::new(),
            per_source: if site.outside {
                // Everybody outside comes from the few addresses of the reverse proxies.
                Limits::default().connections
            } else {
                view.limits.connections_per_source
            },
        });
    }

    /// Passes on what comes from now on.
    ///
    /// # Errors
    /// When the system has no thread left.
    pub fn start(mut self, store: &Arc<Store>) -> std::io::Result<Balancing> {
        let serving = self.serve(store)?;
        let doors = self.doors;
        let passing = (!doors.is_empty()).then(|| {
            runtime::passing::start(Setup {
                name: "vip".to_owned(),
                workers: self.workers,
                doors,
                switch: Arc::clone(&self.pools),
                times: Times {
                    connect: CONNECT,
                    idle: self.idle,
                },
            })
        });
        Ok(Balancing {
            passing: passing.transpose()?,
            serving,
            pools: self.pools,
        })
    }

    fn serve(&mut self, store: &Arc<Store>) -> std::io::Result<Option<(Serving, Counted)>> {
        let doors = std::mem::take(&mut self.sites);
        if doors.is_empty() {
            return Ok(None);
        }
        let (requests, members) = (Arc::<Stats>::default(), Arc::<client::Stats>::default());
        let origin = Origin {
            from: Some(self.pools.own),
            is_balancer: true,
        };
        let bounds = Bounds {
            connect: CONNECT,
            ..Bounds::default()
        };
        let proxies = Arc::new(std::mem::take(&mut self.proxies));
        let recorder = &self.pools.recorder;
        let site = |_| {
            Ok(Site {
                clerk: Clerk::new(recorder.clone(), Component::Balancer)?,
                client: Client::new(
                    self.pools.hops.clone(),
                    origin.clone(),
                    Arc::clone(store),
                    bounds.clone(),
                    Arc::clone(&members),
                ),
                pools: Arc::clone(&self.pools),
                proxies: Arc::clone(&proxies),
                stats: Arc::clone(&requests),
                idle: self.idle,
            })
        };
        let sites: std::io::Result<Vec<Site>> = (0..self.workers).map(site).collect();
        let serving = http::start(http::Setup {
            name: "vip-http".to_owned(),
            doors,
            sites: sites?,
            limits: Limits::default(),
            recorder: self.pools.recorder.clone(),
            component: Component::Balancer,
        })?;
        let counted = Counted {
            requests,
            clients: serving.stats(),
            members,
        };
        Ok(Some((serving, counted)))
    }
}
