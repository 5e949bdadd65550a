//! The web sites of a Director or Front End.
//!
//! Wiring only: what a request gets is decided in `web::site`, bytes are moved by `runtime::http`.
//!
//! - [`open`] opens what the flow table names; [`Opened::start`] answers from then on.
//! - On which site a request came is known from the door by which it came, and whether there was TLS as well.
//! - A reverse proxy of the topology says whose request it passes on (`X-Forwarded-For`), on the external site; a balancer
//!   that ends TLS for the pool says it on both. From anybody else that header is not read.
//!
//! [`ask`] is the other side: what a client asks first.
//!
//! Bounds: [`BODY_MAX`] bytes of a body in [`BODY_PATIENCE`]; those of `runtime::http::Limits`.

pub mod ask;
mod backing;
mod config;
mod counters;

use std::collections::BTreeSet;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use base::Source;
use base::net::Role;
use bytes::Bytes;
use directory::{Aor, Directory};
use hyper::body::{Body as _, Incoming};
use hyper::header::{CONNECTION, HeaderMap, HeaderValue, RETRY_AFTER};
use hyper::http::request::Parts;
use hyper::{Request, Response, StatusCode};
use logs::Component;
use runtime::clock::Clock;
use runtime::http::{self, Body, BodyError, Caller, Door, Limits, Secured, Serving, Setup};
use runtime::tls::Store;
use runtime::worker::Bound;
use sip::guard::Guard;
use topology::{Listener, Port, View, VipMode};
use traces::Recorder;
use web::Location;
use web::publish::forwarded_for;
use web::site::{Ask, Config, Enrolled, Resource, Site};
use web::ticket::Keys;

use crate::requests::{Asked, Came, Clerk, Outcome};
pub use backing::Witness;
use backing::{Machine, Proving};
pub use counters::Counters;

/// The largest body that is read.
const BODY_MAX: usize = 16 << 10;
/// How long it may take.
const BODY_PATIENCE: Duration = Duration::from_secs(10);
/// After how long a source that is slowed may ask again.
const PATIENCE: HeaderValue = HeaderValue::from_static("60");

/// The ports of the sites, and whether there is TLS.
const SITES: [(Port, Location, bool); 4] = [
    (Port::WebHttp, Location::Inside, false),
    (Port::WebHttps, Location::Inside, true),
    (Port::WebExternalHttp, Location::Outside, false),
    (Port::WebExternalHttps, Location::Outside, true),
];

/// A listener of a site could not be opened.
#[derive(Debug, thiserror::Error)]
#[error("cannot open {address} of a web site")]
pub struct OpenError {
    /// Where.
    pub address: SocketAddr,
    /// What the system says.
    pub source: io::Error,
}

/// The listeners of the sites, open.
pub struct Opened {
    config: Config,
    doors: Vec<Door>,
    places: Vec<(Location, bool)>,
    proxies: BTreeSet<IpAddr>,
    /// Balancers that end TLS for this pool.
    balancers: BTreeSet<IpAddr>,
    name: String,
    workers: u8,
    /// Where.
    pub addresses: Vec<SocketAddr>,
}

/// What the sites answer from.
pub struct Ground {
    /// The secret of all Directors and Front Ends, from which the keys of tickets come.
    pub secret: [u8; 32],
    /// Who exists.
    pub users: Directory,
    /// Who behaves badly, over SIP or here.
    pub guard: Arc<Guard>,
    /// How the machine is.
    pub witness: Witness,
    /// Whether it is about to end.
    pub draining: Arc<AtomicBool>,
    /// Makes certificates of users.
    pub enrol: Enrol,
    /// The clock of the process.
    pub clock: Clock,
    /// Takes note of connections and requests.
    pub recorder: Recorder,
}

/// Signs a user's request, given as PEM, and has the certificate published.
pub type Enrol =
    Arc<dyn Fn(Aor, String) -> Pin<Box<dyn Future<Output = Enrolled> + Send>> + Send + Sync>;

/// Opens the sites of a machine; `None` if it has none.
///
/// # Errors
/// The first listener that cannot be opened.
pub fn open(view: &View, store: &Arc<Store>, workers: u8) -> Result<Option<Opened>, OpenError> {
    let Some(config) = config::config(view) else {
        return Ok(None);
    };
    let proxies = view.pools_of(Role::ReverseProxy);
    let proxies = proxies.flat_map(|pool| &pool.members);
    let mut opened = Opened {
        doors: Vec::new(),
        places: Vec::new(),
        proxies: proxies.map(|member| member.address).collect(),
        balancers: balancers(view),
        name: view.machine.fqdn.as_str().to_owned(),
        workers,
        addresses: Vec::new(),
        config,
    };
    for listener in &view.listeners {
        let Some((location, secure)) = place(listener) else {
            continue;
        };
        let address = listener.address;
        let bound = Bound::bind(address, workers);
        let bound = bound.map_err(|source| OpenError { address, source })?;
        let names = config::names(&opened.config, location);
        let tls = secure.then(|| Secured {
            store: Arc::clone(store),
            names: Some(names),
        });
        opened.addresses.push(bound.addr());
        opened.places.push((location, secure));
        opened.doors.push(Door {
            bound,
            tls,
            balancers: listener.balancers.clone(),
            per_source: match location {
                Location::Inside => view.limits.connections_per_source,
                // Everybody outside comes from the few addresses of the reverse proxies.
                Location::Outside => Limits::default().connections,
            },
        });
    }
    Ok(Some(opened))
}

/// The balancers that pass requests on to here and not connections.
fn balancers(view: &View) -> BTreeSet<IpAddr> {
    let own = view
        .web_pool()
        .filter(|own| own.pool.vip_mode == VipMode::Http);
    let holder = own.and_then(|own| view.pool(own.pool.balancer.as_ref()?.as_str()));
    let members = holder.into_iter().flat_map(|holder| &holder.members);
    members.map(|member| member.address).collect()
}

/// Which site a listener is of, and whether it has TLS; `None` if it is of none, as at a VIP.
fn place(listener: &Listener) -> Option<(Location, bool)> {
    let mut sites = SITES
        .into_iter()
        .filter(|(port, ..)| *port == listener.port);
    let (_, location, secure) = sites.next().filter(|_| listener.vip_of.is_none())?;
    Some((location, secure))
}

/// The sites as they run.
pub struct Running {
    /// The threads.
    pub serving: Serving,
    /// What was asked.
    pub counters: Arc<Counters>,
}

impl Opened {
    /// Starts to answer.
    ///
    /// # Errors
    /// When the system has no thread or event loop left.
    pub fn start(self, ground: Ground) -> io::Result<Running> {
        let counters = Arc::new(Counters::default());
        let recorder = ground.recorder;
        let desk = Arc::new(Desk {
            enrol: ground.enrol,
            site: Site::new(self.config, Keys::new(&ground.secret)),
            users: ground.users,
            machine: Machine {
                guard: ground.guard,
                witness: ground.witness,
                clock: ground.clock,
            },
            places: self.places,
            proxies: self.proxies,
            balancers: self.balancers,
            draining: ground.draining,
            counters: Arc::clone(&counters),
        });
        let seat = |_| {
            let clerk = Clerk::new(recorder.clone(), Component::Web)?;
            let desk = Arc::clone(&desk);
            Ok(Seat { desk, clerk })
        };
        let seats: io::Result<Vec<Seat>> = (0..self.workers).map(seat).collect();
        let name = self.name.split('.').next().unwrap_or("web");
        let serving = http::start(Setup {
            name: format!("{name}-web"),
            doors: self.doors,
            sites: seats?,
            limits: Limits::default(),
            recorder,
            component: Component::Web,
        })?;
        Ok(Running { serving, counters })
    }
}

/// Answers requests on one thread.
struct Seat {
    desk: Arc<Desk>,
    clerk: Clerk,
}

/// Knows what requests are answered with.
struct Desk {
    enrol: Enrol,
    site: Site,
    users: Directory,
    machine: Machine,
    /// The site of each door, and whether it has TLS.
    places: Vec<(Location, bool)>,
    proxies: BTreeSet<IpAddr>,
    balancers: BTreeSet<IpAddr>,
    draining: Arc<AtomicBool>,
    counters: Arc<Counters>,
}

impl http::Site for Seat {
    async fn answer(
        self: Rc<Self>,
        caller: Rc<Caller>,
        request: Request<Incoming>,
    ) -> Response<Body> {
        let (mut head, body) = request.into_parts();
        let place = self.desk.places.get(caller.door).copied();
        let came = self.desk.came(&caller, place, &head.headers);
        let asked = self.clerk.begin(&mut head, came);
        let (mut response, outcome) = match place {
            Some(place) => {
                let desk = &self.desk;
                desk.respond((came, place), (&self.clerk, &asked), &head, body)
                    .await
            }
            None => (refusal(StatusCode::NOT_FOUND), Outcome::of("none")),
        };
        if self.desk.draining.load(Ordering::Relaxed) {
            // Whoever goes on asking has another connection, with another member, before this one is closed.
            let headers = response.headers_mut();
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        self.clerk.end(asked, outcome, &response);
        response
    }
}

impl Desk {
    async fn respond(
        &self,
        (came, (location, secure)): (Came<'_>, (Location, bool)),
        (clerk, asked): (&Clerk, &Asked),
        head: &Parts,
        body: Incoming,
    ) -> (Response<Body>, Outcome) {
        let source = Source::of(came.passed_on.unwrap_or_else(|| came.caller.source.ip()));
        if !self.machine.admits(source) {
            self.counters.slowed.add(1);
            let mut slowed = refusal(StatusCode::SERVICE_UNAVAILABLE);
            slowed.headers_mut().insert(RETRY_AFTER, PATIENCE);
            return (slowed, Outcome::refused("this source is slowed"));
        }
        let body = match read(body).await {
            Ok(body) => body,
            Err(error) => {
                self.counters.bodies_refused.add(1);
                let refused = refusal(match error {
                    BodyError::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
                    BodyError::TooSlow => StatusCode::REQUEST_TIMEOUT,
                    BodyError::Broken => StatusCode::BAD_REQUEST,
                });
                return (refused, Outcome::refused(error));
            }
        };
        let ask = Ask {
            location,
            secure,
            source,
            now: self.machine.clock.wall(),
            head,
        };
        let proving = Proving {
            machine: &self.machine,
            recorder: clerk.recorder(),
            asked,
        };
        let mut answer = self.site.answer(&ask, &self.users, &proving);
        if let Some(aor) = answer.enrol.take() {
            let csr = String::from_utf8_lossy(&body).into_owned();
            let outcome = (self.enrol)(aor.clone(), csr).await;
            proving.enrolled(&aor, &outcome);
            answer = self.site.enrolled(&ask, outcome);
        }
        self.counters.take(&answer);
        if answer.response.status() == StatusCode::BAD_REQUEST {
            self.machine.malformed(source);
        }
        let found = answer.resource.map_or("none", Resource::name);
        (answer.response.map(http::full), Outcome::of(found))
    }

    /// Whose request it is: the client's, also behind a reverse proxy or balancer of ours.
    fn came<'a>(
        &self,
        caller: &'a Caller,
        place: Option<(Location, bool)>,
        headers: &HeaderMap,
    ) -> Came<'a> {
        let direct = caller.source.ip();
        let outside = place.is_some_and(|(location, _)| location == Location::Outside);
        let from_ours =
            (outside && self.proxies.contains(&direct)) || self.balancers.contains(&direct);
        Came {
            caller,
            secured: place.is_some_and(|(_, secured)| secured),
            passed_on: from_ours.then(|| forwarded_for(headers)).flatten(),
            from_ours,
        }
    }
}

async fn read(body: Incoming) -> Result<Bytes, BodyError> {
    if body.is_end_stream() {
        return Ok(Bytes::new());
    }
    http::collect(body, BODY_MAX, BODY_PATIENCE).await
}

/// An answer without content, after which the connection ends.
fn refusal(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(http::empty());
    *response.status_mut() = status;
    let close = HeaderValue::from_static("close");
    response.headers_mut().insert(CONNECTION, close);
    response
}
