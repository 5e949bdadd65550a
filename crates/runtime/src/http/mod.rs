//! HTTP/1.1 and HTTP/2 on listeners of a machine, with or without TLS.
//!
//! It moves requests and answers and knows nothing of what they mean: a [`Site`] does. There is one site per thread, so
//! it may keep connections and counters of its own without locks. Connections stay on the thread that accepted them.
//!
//! A connection goes through these stages, each with a time limit: the header of a balancer ([`crate::proxy_header`],
//! asked from the addresses that [`Door::balancers`] names and from nobody else), the TLS handshake, then one request
//! after another (`serve`). Over TLS the protocol is chosen by ALPN (RFC 7301); without, it is HTTP/1.1.
//!
//! What is refused before a site hears of it: heads that different readers could understand differently (`heads`), too
//! large or too many headers, and whoever is over a bound of [`Limits`].
//!
//! [`client`] sends requests on to other servers, [`Direct`] is one connection to one of them, [`tunnel()`] joins connections that were upgraded.
//!
//! Not here: which hosts and paths there are, and what a request may carry; that is decided above.

mod body;
pub mod client;
mod direct;
mod door;
mod guarded;
mod heads;
mod limits;

mod serve;
mod stats;
mod tls;
mod told;
mod tunnel;

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::{Request, Response};
use logs::Component;
use traces::Recorder;

pub use body::{Body, BodyError, BoxError, collect, empty, full};
pub use direct::Direct;
pub use limits::Limits;
pub use stats::Stats;
pub use tunnel::tunnel;

use self::told::Told;
use crate::crew::{Crew, Ended};
use crate::places::Places;
use crate::tls::Store;
use crate::worker::Bound;

/// Where connections are accepted.
#[derive(Debug)]
pub struct Door {
    /// The sockets, one for each thread.
    pub bound: Bound,
    /// TLS; without it, everybody on the way can read and change what is said.
    pub tls: Option<Secured>,
    /// Who passes connections on to here and says whose they are; nobody else is believed.
    pub balancers: Vec<IpAddr>,
    /// How many connections one source may have at a time. A door behind a reverse proxy needs many.
    pub per_source: usize,
}

/// TLS of a door.
#[derive(Debug)]
pub struct Secured {
    /// What is shown.
    pub store: Arc<Store>,
    /// If set, a hello that calls none of these names is refused before any certificate is shown.
    pub names: Option<Arc<[String]>>,
}

/// Who sent a request, and where to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The door, by its place in the setup.
    pub door: usize,
    /// The client; as the balancer says, behind one.
    pub source: SocketAddr,
    /// Where the client connected to.
    pub destination: SocketAddr,
    /// The name that it called in its hello, in lower case.
    pub server_name: Option<String>,
}

/// Answers requests; one value for each thread.
pub trait Site: 'static {
    /// Answers one request. The future is dropped when the client goes away.
    fn answer(
        self: Rc<Self>,
        caller: Rc<Caller>,
        request: Request<Incoming>,
    ) -> impl Future<Output = Response<Body>> + 'static;
}

/// What is served.
pub struct Setup<S> {
    /// Names the threads.
    pub name: String,
    /// Where connections come from.
    pub doors: Vec<Door>,
    /// Who answers: one for each thread.
    pub sites: Vec<S>,
    /// The bounds.
    pub limits: Limits,
    /// Takes note of connections: who was refused and why.
    pub recorder: Recorder,
    /// As which part of the product.
    pub component: Component,
}

/// Running threads. Dropping this ends them at once, without waiting.
pub struct Serving {
    stats: Arc<Stats>,
    crew: Crew,
}

impl Serving {
    /// Returns what is counted.
    #[must_use]
    pub fn stats(&self) -> Arc<Stats> {
        Arc::clone(&self.stats)
    }

    /// Accepts no more, lets requests that have begun be answered, then cuts what is left; blocks until that is done.
    #[must_use]
    pub fn drain(self, grace: Duration) -> Ended {
        self.crew.drain(grace)
    }
}

/// Starts the threads.
///
/// # Errors
/// When a thread or an event loop cannot be had.
pub fn start<S: Site + Send>(setup: Setup<S>) -> io::Result<Serving> {
    let Setup {
        name,
        mut doors,
        sites,
        limits,
        recorder,
        component,
    } = setup;
    let told = Arc::new(Told::new(recorder, component));
    let stats = Arc::new(Stats::default());
    let places = Arc::new(Places::new(limits.connections));
    let secured: Vec<_> = doors.iter_mut().map(|door| door.tls.take()).collect();
    let secured: Vec<_> = secured.into_iter().map(|tls| tls.map(Arc::new)).collect();
    let mut crew = Crew::new();
    for (id, site) in sites.into_iter().enumerate() {
        let sockets = doors.iter_mut().zip(&secured).enumerate();
        let sockets = sockets.filter_map(|(place, (door, tls))| {
            Some(door::Socket {
                place,
                listener: door.bound.take()?,
                tls: tls.clone(),
                balancers: door.balancers.clone(),
                per_source: door.per_source,
            })
        });
        let sockets = sockets.collect();
        let (stats, places) = (Arc::clone(&stats), Arc::clone(&places));
        let (limits, told) = (limits.clone(), Arc::clone(&told));
        crew.add(format!("{name}-{id}"), move |asked| {
            let hall = door::Hall {
                sockets,
                stats,
                places,
                limits,
                told,
                asked,
            };
            door::work(hall, site)
        })?;
    }
    Ok(Serving { stats, crew })
}
