//! The reverse proxy: the published names of the deployment, as the outside reaches them (port summary row 16).
//!
//! Wiring only: what is published and which headers go on is decided in `web::publish`, requests are moved by
//! `runtime::http` and the ground of [`crate::relay`].
//!
//! - [`Publishing`] says which name leads to which pool, and where that pool's external web site is: at its VIP, or at
//!   its members (rows 1, 2 and 11). The name that a site must prove is the pool's external web name.
//! - [`open`] opens what the flow table names; [`Opened::start`] serves from then on, one site per thread.
//!
//! Bounds: those of `runtime::http` on either side; `web::publish::BODY_MAX`.

mod plan;
mod site;
mod stats;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use logs::Component;
use runtime::http::client::{self, Bounds, Client, Origin};
use runtime::http::{Door, Limits, Secured, Serving, Setup};
use runtime::tls::Store;
use runtime::worker::Bound;
use topology::{Listener, Port, View};
use traces::Recorder;

pub use plan::Publishing;
pub use stats::Stats;

use crate::requests::Clerk;
use site::Proxy;

/// A listener of the reverse proxy could not be opened.
#[derive(Debug, thiserror::Error)]
#[error("cannot open {address} of the reverse proxy")]
pub struct OpenError {
    /// Where.
    pub address: SocketAddr,
    /// What the system says.
    pub source: std::io::Error,
}

/// What is shown to the outside, and what is believed of the inside.
#[derive(Clone)]
pub struct Stores {
    /// Its certificate names what is published.
    pub outside: Arc<Store>,
    /// Its authority is that of the deployment.
    pub inside: Arc<Store>,
}

/// The reverse proxy, open.
pub struct Opened {
    doors: Vec<Door>,
    secured: Vec<bool>,
    /// Where.
    pub addresses: Vec<SocketAddr>,
}

/// What is counted.
#[derive(Clone)]
pub struct Counted {
    /// By the sites.
    pub proxy: Arc<Stats>,
    /// Of connections from outside.
    pub outside: Arc<runtime::http::Stats>,
    /// Of connections to the inside.
    pub inside: Arc<client::Stats>,
}

/// Opens the listeners of the reverse proxy; `None` if this machine has none.
///
/// # Errors
/// The first that cannot be opened.
pub fn open(
    view: &View,
    publishing: &Publishing,
    stores: &Stores,
    workers: u8,
) -> Result<Option<Opened>, OpenError> {
    let is_published =
        |one: &&Listener| matches!(one.port, Port::PublishedHttp | Port::PublishedHttps);
    let mut opened = Opened {
        doors: Vec::new(),
        secured: Vec::new(),
        addresses: Vec::new(),
    };
    for listener in view.listeners.iter().filter(is_published) {
        let address = listener.address;
        let bound = Bound::bind(address, workers);
        let bound = bound.map_err(|source| OpenError { address, source })?;
        let secured = listener.port == Port::PublishedHttps;
        opened.addresses.push(bound.addr());
        opened.secured.push(secured);
        opened.doors.push(Door {
            bound,
            tls: secured.then(|| Secured {
                store: Arc::clone(&stores.outside),
                names: Some(publishing.names()),
            }),
            balancers: listener.balancers.clone(),
            per_source: view.limits.connections_per_source,
        });
    }
    Ok(Some(opened).filter(|opened| !opened.doors.is_empty()))
}

impl Opened {
    /// Serves from now on; `idle` is how long a WebSocket may be silent.
    ///
    /// # Errors
    /// When the system has no thread left.
    pub fn start(
        self,
        publishing: Publishing,
        stores: &Stores,
        workers: u8,
        idle: Duration,
        recorder: Recorder,
    ) -> std::io::Result<(Serving, Counted)> {
        let (proxy, inside) = (Arc::<Stats>::default(), Arc::<client::Stats>::default());
        let publishing = Arc::new(publishing);
        let site = |_| {
            Ok(Proxy {
                clerk: Clerk::new(recorder.clone(), Component::ReverseProxy)?,
                publishing: Arc::clone(&publishing),
                secured: self.secured.clone(),
                client: Client::new(
                    publishing.hops().to_vec(),
                    Origin {
                        from: Some(publishing.own()),
                        is_balancer: false,
                    },
                    Arc::clone(&stores.inside),
                    Bounds::default(),
                    Arc::clone(&inside),
                ),
                stats: Arc::clone(&proxy),
                idle,
            })
        };
        let sites: std::io::Result<Vec<Proxy>> = (0..workers).map(site).collect();
        let serving = runtime::http::start(Setup {
            name: "published".to_owned(),
            doors: self.doors,
            sites: sites?,
            limits: Limits::default(),
            recorder,
            component: Component::ReverseProxy,
        })?;
        let outside = serving.stats();
        let counted = Counted {
            proxy,
            outside,
            inside,
        };
        Ok((serving, counted))
    }
}
