//! Requests of ours to other servers, over connections that are kept for the next request: HTTP/1.1, with TLS or without.
//!
//! ```text
//! send --> one is kept --ready--> sent --> answered --> its body read to the end --> kept again
//!   \--> none: dialled, name proven --^        \--closed before a byte: once more on a new one, if that changes nothing
//! ```
//!
//! - A [`Client`] belongs to one thread: connections stay on the thread that opened them.
//! - A request of which nothing was written comes back with the failure, so that it can be sent elsewhere. One that was
//!   written is sent again only if a kept connection closed under it, if it has no body, and if its method does the same
//!   when it is done twice (RFC 9110 9.2.2).
//! - A server that proves another name than it should is not spoken to ([`crate::tls::stream`]).
//!
//! Not here: which server gets a request.
//!
//! Bounds: [`Bounds`]; time to connect, to answer and between two pieces of a body, connections open and kept.

mod answer;
mod outgoing;
mod stats;

use std::future::poll_fn;
use std::net::IpAddr;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::Poll;
use std::time::Duration;

use base::net::{Hop, Transport};
use hyper::body::{Body as _, Incoming};
use hyper::client::conn::TrySendError;
use hyper::client::conn::http1::{Builder, SendRequest};
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::spawn_local;
use tokio::time::{Instant, sleep, timeout_at};

use self::outgoing::{Fault, Progress, Verdict};
pub use answer::Answer;
pub use outgoing::Outgoing;
pub use stats::Stats;

use crate::proxy_header;
use crate::tls::Store;
use crate::tls::stream::{self, StreamError};

/// Bounds of a client, which is of one thread.
#[derive(Clone, Debug)]
pub struct Bounds {
    /// How long a connection and its handshake may take. Default 4 s.
    pub connect: Duration,
    /// How long a server may take to begin its answer, from the last byte of the request. Default 60 s.
    pub answer: Duration,
    /// How long the other side may be silent within a body, in either direction. Default 30 s.
    pub silence: Duration,
    /// How long a connection is kept without a request: less than our own sites allow. Default 20 s.
    pub idle: Duration,
    /// Connections that are open to one server. Default 4096.
    pub open: usize,
    /// Connections that are kept for one server. Default 256.
    pub kept: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(4),
            answer: Duration::from_secs(60),
            silence: Duration::from_secs(30),
            idle: Duration::from_secs(20),
            open: 4096,
            kept: 256,
        }
    }
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum Reason {
    /// The server cannot be reached, or is somebody else.
    #[error("the server cannot be reached")]
    Unreachable(#[source] StreamError),
    /// As many connections to it are open as may be.
    #[error("too many connections to the server are open")]
    Crowded,
    /// It closed the connection, or answered with something that is no HTTP.
    #[error("the server did not answer the request")]
    Broken(#[source] hyper::Error),
    /// It did not begin to answer in time.
    #[error("the server did not answer in time")]
    Late,
    /// The client did not send the body in time.
    #[error("the body of the request did not arrive in time")]
    SlowClient,
    /// The client sent a larger body than goes through.
    #[error("the body of the request is too large")]
    TooLarge,
    /// The client's connection broke within the body.
    #[error("the body of the request broke off")]
    ClientGone,
}

/// A request without an answer.
#[derive(Debug)]
pub struct Failed {
    /// Why.
    pub reason: Reason,
    /// The request, if nothing of it was sent: it can go elsewhere.
    pub unsent: Option<Request<Outgoing>>,
}

impl From<Reason> for Failed {
    fn from(reason: Reason) -> Self {
        Self {
            reason,
            unsent: None,
        }
    }
}

impl From<Fault> for Reason {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::TooLarge => Self::TooLarge,
            Fault::Broken => Self::ClientGone,
        }
    }
}

/// As whom a client comes.
#[derive(Clone, Debug, Default)]
pub struct Origin {
    /// From which address; `None` leaves it to the system.
    pub from: Option<IpAddr>,
    /// Whether servers know it as their balancer and want to hear first for whom it speaks: for itself, since a
    /// connection carries requests of many clients ([`crate::proxy_header`]).
    pub is_balancer: bool,
}

/// Sends requests to a list of servers.
#[derive(Clone)]
pub struct Client(Arc<Shared>);

/// What bodies, connections and the sweep share; all of them on one thread.
struct Shared {
    servers: Vec<Server>,
    origin: Origin,
    store: Arc<Store>,
    bounds: Bounds,
    sweeping: AtomicBool,
    stats: Arc<Stats>,
}

struct Server {
    hop: Hop,
    open: Arc<AtomicUsize>,
    kept: Mutex<Vec<Kept>>,
}

/// A connection without a request.
struct Kept {
    sender: SendRequest<Outgoing>,
    /// Since when.
    since: Instant,
}

/// Where a connection goes when its answer is read to the end.
struct Home {
    shared: Arc<Shared>,
    server: usize,
    sender: SendRequest<Outgoing>,
}

impl Origin {
    fn first_words(&self) -> Vec<u8> {
        let own = self.is_balancer.then(proxy_header::own);
        own.unwrap_or_default()
    }
}

impl Client {
    /// Makes a client for these servers, which are named by their places from then on.
    #[must_use]
    pub fn new(
        servers: Vec<Hop>,
        origin: Origin,
        store: Arc<Store>,
        bounds: Bounds,
        stats: Arc<Stats>,
    ) -> Self {
        let server = |hop| Server {
            hop,
            open: Arc::default(),
            kept: Mutex::default(),
        };
        Self(Arc::new(Shared {
            servers: servers.into_iter().map(server).collect(),
            origin,
            store,
            bounds,
            sweeping: AtomicBool::new(false),
            stats,
        }))
    }

    /// Returns a server by its place.
    #[must_use]
    pub fn server(&self, place: usize) -> Option<&Hop> {
        self.0.servers.get(place).map(|server| &server.hop)
    }

    /// Sends a request and returns its answer; must run within a `LocalSet`.
    ///
    /// # Errors
    /// See [`Reason`].
    pub async fn send(
        &self,
        server: usize,
        mut request: Request<Outgoing>,
    ) -> Result<Response<Answer>, Failed> {
        let mut again = None;
        while let Some(sender) = self.0.take(server).await {
            again = again.or_else(|| copy(&request));
            let failed = match self.ask(server, sender, request).await {
                Ok(answer) => return Ok(answer),
                Err(failed) => failed,
            };
            let closed = matches!(failed.reason, Reason::Broken(_));
            request = match (failed.unsent, again.take()) {
                (Some(unsent), _) => unsent,
                (None, Some(again)) if closed => again,
                (None, _) => return Err(failed.reason.into()),
            };
            self.0.stats.repeated.add(1);
        }
        let (sender, request) = self.dial(server, request).await?;
        self.ask(server, sender, request).await
    }

    async fn dial(
        &self,
        server: usize,
        request: Request<Outgoing>,
    ) -> Result<(SendRequest<Outgoing>, Request<Outgoing>), Failed> {
        match self.0.connect(server).await {
            Ok(sender) => Ok((sender, request)),
            Err(reason) => Err(Failed {
                reason,
                unsent: Some(request),
            }),
        }
    }

    async fn ask(
        &self,
        server: usize,
        mut sender: SendRequest<Outgoing>,
        request: Request<Outgoing>,
    ) -> Result<Response<Answer>, Failed> {
        self.0.stats.requests.add(1);
        let progress = request.body().progress();
        let sending = pin!(sender.try_send_request(request));
        match self.0.wait(sending, progress.as_deref()).await {
            Ok(response) => {
                let home = Home {
                    shared: Arc::clone(&self.0),
                    server,
                    sender,
                };
                // What becomes something else does not come back.
                let home = (response.status() != StatusCode::SWITCHING_PROTOCOLS).then_some(home);
                let silence = self.0.bounds.silence;
                Ok(response.map(|body| Answer::new(body, home, silence)))
            }
            Err(failed) => {
                self.0.stats.failed.add(1);
                Err(failed)
            }
        }
    }
}

type Tried = Result<Response<Incoming>, TrySendError<Request<Outgoing>>>;

impl Shared {
    /// Waits for the beginning of an answer; while a body is under way, for as long as it moves.
    async fn wait(
        &self,
        mut sending: Pin<&mut impl Future<Output = Tried>>,
        progress: Option<&Progress>,
    ) -> Result<Response<Incoming>, Failed> {
        let mut deadline = Instant::now() + self.bounds.answer;
        loop {
            match timeout_at(deadline, sending.as_mut()).await {
                Ok(Ok(response)) => return Ok(response),
                Ok(Err(mut error)) => {
                    let unsent = error.take_message();
                    let fault = progress.and_then(Progress::fault);
                    let broken = || Reason::Broken(error.into_error());
                    let reason = fault.map_or_else(broken, Reason::from);
                    return Err(Failed { reason, unsent });
                }
                Err(_elapsed) => match progress.map(|progress| progress.verdict(&self.bounds)) {
                    Some(Verdict::Wait(until)) => deadline = until,
                    Some(Verdict::SlowClient) => return Err(Reason::SlowClient.into()),
                    Some(Verdict::Late) | None => return Err(Reason::Late.into()),
                },
            }
        }
    }

    /// Takes the connection that was kept last and is still good.
    async fn take(&self, server: usize) -> Option<SendRequest<Outgoing>> {
        let kept = &self.servers.get(server)?.kept;
        loop {
            let Kept { mut sender, since } = lock(kept).pop()?;
            // One that is not ready at once still sends a body nobody wants any more: it is given up.
            let ready = poll_fn(|cx| Poll::Ready(sender.poll_ready(cx))).await;
            if matches!(ready, Poll::Ready(Ok(()))) && since.elapsed() < self.bounds.idle {
                return Some(sender);
            }
        }
    }

    async fn connect(&self, server: usize) -> Result<SendRequest<Outgoing>, Reason> {
        let Some(server) = self.servers.get(server) else {
            return Err(Reason::Crowded);
        };
        let place = Place::of(&server.open, self.bounds.open).ok_or(Reason::Crowded)?;
        let (hop, limit, from) = (&server.hop, self.bounds.connect, self.origin.from);
        let first = self.origin.first_words();
        let connected = if hop.transport == Transport::Tls {
            let stream = stream::connect_web(&first, hop, from, &self.store, limit).await;
            begin(stream.map_err(Reason::Unreachable)?, place).await
        } else {
            let stream = stream::connect_plainly(&first, hop, from, limit).await;
            begin(stream.map_err(Reason::Unreachable)?, place).await
        };
        if connected.is_ok() {
            self.stats.connections.add(1);
        }
        connected
    }
}

/// Begins to speak HTTP on a new connection, which lives as a task of its own.
async fn begin<S>(stream: S, place: Place) -> Result<SendRequest<Outgoing>, Reason>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let begun = Builder::new().handshake(TokioIo::new(stream)).await;
    let (sender, connection) = begun.map_err(Reason::Broken)?;
    spawn_local(async move {
        if let Err(error) = connection.with_upgrades().await {
            tracing::debug!(%error, "a connection to a web server ended with an error");
        }
        drop(place);
    });
    Ok(sender)
}

/// The place of an open connection.
struct Place(Arc<AtomicUsize>);

impl Place {
    fn of(open: &Arc<AtomicUsize>, most: usize) -> Option<Self> {
        let place = Self(Arc::clone(open));
        (open.fetch_add(1, Ordering::Relaxed) < most).then_some(place)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Home {
    /// The answer was read to its end: the connection waits for the next request.
    fn come(self) {
        let Self {
            shared,
            server,
            sender,
        } = self;
        let Some(kept) = shared.servers.get(server).map(|server| &server.kept) else {
            return;
        };
        let mut kept = lock(kept);
        if kept.len() < shared.bounds.kept {
            let since = Instant::now();
            kept.push(Kept { sender, since });
        }
        drop(kept);
        if !shared.sweeping.swap(true, Ordering::Relaxed) {
            spawn_local(sweep(Arc::downgrade(&shared), shared.bounds.idle / 2));
        }
    }
}

/// Ends connections that were kept for too long; itself when none is left.
async fn sweep(shared: Weak<Shared>, every: Duration) {
    loop {
        sleep(every).await;
        let Some(shared) = shared.upgrade() else {
            return;
        };
        let mut left = 0;
        for server in &shared.servers {
            let mut kept = lock(&server.kept);
            kept.retain(|one| one.since.elapsed() < shared.bounds.idle && !one.sender.is_closed());
            left += kept.len();
        }
        if left == 0 {
            shared.sweeping.store(false, Ordering::Relaxed);
            return;
        }
    }
}

/// The same request once more, if sending it twice does what sending it once does.
fn copy(request: &Request<Outgoing>) -> Option<Request<Outgoing>> {
    if !request.method().is_idempotent() || !request.body().is_end_stream() {
        return None;
    }
    let mut copy = Request::new(Outgoing::empty());
    *copy.method_mut() = request.method().clone();
    *copy.uri_mut() = request.uri().clone();
    copy.headers_mut().clone_from(request.headers());
    Some(copy)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
