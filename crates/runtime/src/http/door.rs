//! One thread: its doors, and how a connection comes in.

use std::cell::RefCell;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;

use base::Source;
use base::net::Peer;
use logs::{Direction, Level};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, timeout, timeout_at};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::serve::{Conversation, converse};
use super::tls::Ready;
use super::told::Told;
use super::{Caller, Limits, Secured, Site, Stats};
use crate::crew::{self, Asked, Ended};
use crate::doorway::Doorway;
use crate::places::{Place, Places};
use crate::proxy_header::{self, Header};
use crate::socket;
use crate::tls::HTTP2;
use crate::tls::stream::is_gone;
use crate::tls::told::{Broken, Done, Handshake};

/// A listening socket of one thread.
pub(super) struct Socket {
    pub(super) place: usize,
    pub(super) listener: std::net::TcpListener,
    pub(super) tls: Option<Arc<Secured>>,
    pub(super) balancers: Vec<IpAddr>,
    pub(super) per_source: usize,
}

/// What one thread is given.
pub(super) struct Hall {
    pub(super) sockets: Vec<Socket>,
    pub(super) stats: Arc<Stats>,
    pub(super) places: Arc<Places>,
    pub(super) limits: Limits,
    pub(super) told: Arc<Told>,
    pub(super) asked: Asked,
}

/// Serves until it is asked to end.
pub(super) async fn work<S: Site>(hall: Hall, site: S) -> Ended {
    let Hall {
        sockets,
        stats,
        places,
        limits,
        told,
        asked,
    } = hall;
    let (ending, ended) = watch::channel(false);
    let porter = Rc::new(Porter {
        site: Rc::new(site),
        stats: Arc::clone(&stats),
        limits,
        told: Arc::clone(&told),
        ended,
    });
    let (arrivals, arrived) = mpsc::channel(1);
    let doorways: Vec<(std::net::TcpListener, Threshold)> = sockets
        .into_iter()
        .map(|socket| {
            let threshold = Threshold {
                door: Rc::new(Door {
                    place: socket.place,
                    tls: socket.tls,
                    balancers: socket.balancers,
                    per_source: socket.per_source,
                    ready: RefCell::default(),
                }),
                places: Arc::clone(&places),
                stats: Arc::clone(&stats),
                told: Arc::clone(&told),
                arrivals: arrivals.clone(),
            };
            (socket.listener, threshold)
        })
        .collect();
    drop(arrivals);
    let host = |guest| Rc::clone(&porter).host(guest);
    let end = || {
        ending.send_replace(true);
    };
    crew::hold(doorways, arrived, asked, host, end).await
}

/// What holds for connections by one socket.
struct Door {
    place: usize,
    tls: Option<Arc<Secured>>,
    balancers: Vec<IpAddr>,
    per_source: usize,
    ready: RefCell<Ready>,
}

struct Threshold {
    door: Rc<Door>,
    places: Arc<Places>,
    stats: Arc<Stats>,
    told: Arc<Told>,
    arrivals: mpsc::Sender<Guest>,
}

/// A connection that came in.
struct Guest {
    stream: TcpStream,
    source: SocketAddr,
    door: Rc<Door>,
    place: Place,
}

impl Doorway for Threshold {
    fn has_room(&self) -> bool {
        true
    }

    async fn take(&self, stream: TcpStream, source: SocketAddr) -> bool {
        self.stats.accepted.add(1);
        let Some(place) = self.places.take() else {
            // Closed at once: a client that is told goes elsewhere, one that waits does not.
            self.stats.crowded.add(1);
            self.told.crowded(source, "too many connections in all");
            return true;
        };
        let guest = Guest {
            stream,
            source,
            door: Rc::clone(&self.door),
            place,
        };
        self.arrivals.send(guest).await.is_ok()
    }

    fn failed(&self) {
        self.stats.accept_errors.add(1);
    }
}

/// Takes connections from the door to the site.
struct Porter<S> {
    site: Rc<S>,
    stats: Arc<Stats>,
    limits: Limits,
    told: Arc<Told>,
    ended: watch::Receiver<bool>,
}

impl<S: Site> Porter<S> {
    async fn host(self: Rc<Self>, guest: Guest) {
        let _open = Open::of(&self.stats);
        let Guest {
            mut stream,
            source,
            door,
            mut place,
        } = guest;
        let begun = Instant::now();
        let limit = self.limits.handshake;
        let told = timeout(limit, ends(&mut stream, source, &door)).await;
        let Ok(Ok((ends, for_itself))) = told else {
            self.told
                .failed(source, "a balancer did not say whose connection it is");
            return self.stats.strangers.add(1);
        };
        // A balancer that speaks for itself brings requests of many clients: its connections are bounded with all others.
        let most = if for_itself {
            self.limits.connections
        } else {
            door.per_source
        };
        if !place.of(Source::of(ends.source.ip()), most) {
            let source = ends.source;
            self.told
                .crowded(source, "too many connections of this source");
            return self.stats.crowded.add(1);
        }
        let mut caller = Caller {
            door: door.place,
            source: ends.source,
            destination: ends.destination,
            server_name: None,
        };
        let mut ended = self.ended.clone();
        let conversation = Conversation {
            site: &self.site,
            stats: &self.stats,
            limits: &self.limits,
            told: &self.told,
            ended: &mut ended,
        };
        let (client, local) = (caller.source, caller.destination);
        let over = match &door.tls {
            None => {
                self.told.opened(client, local, false);
                converse(conversation, stream, caller, false).await
            }
            Some(secured) => {
                let config = door.ready.borrow_mut().config(secured);
                let shaken = timeout_at(begun + limit, TlsAcceptor::from(config).accept(stream));
                let shaken = shaken.await.unwrap_or_else(|late| Err(late.into()));
                let Some(stream) = self.shaken(shaken, &mut caller, for_itself) else {
                    return;
                };
                self.told.opened(client, local, true);
                let binary = stream.get_ref().1.alpn_protocol() == Some(HTTP2);
                converse(conversation, stream, caller, binary).await
            }
        };
        self.ended(client, over, begun);
    }

    /// Takes note of how a handshake went.
    fn shaken(
        &self,
        shaken: io::Result<TlsStream<TcpStream>>,
        caller: &mut Caller,
        for_itself: bool,
    ) -> Option<TlsStream<TcpStream>> {
        let handshake = Handshake {
            flow: None,
            direction: Direction::In,
            peer: caller.source,
            local: Some(caller.destination),
        };
        let error = match shaken {
            Ok(stream) => {
                let session = stream.get_ref().1;
                caller.server_name = session.server_name().map(str::to_ascii_lowercase);
                let done = Done {
                    peer: Some(&Peer::Client),
                    called: caller.server_name.as_deref(),
                    state: Some(session),
                    held: None,
                };
                handshake.done(self.told.notes.recorder(), Level::Info, done);
                return Some(stream);
            }
            // A balancer that only wants to know whether the door opens goes again.
            Err(_) if for_itself => return None,
            Err(error) => error,
        };
        self.stats.handshakes_failed.add(1);
        let is_slow = error.kind() == io::ErrorKind::TimedOut;
        let broken = Broken {
            reason: if is_slow {
                "the handshake took longer than allowed".to_owned()
            } else {
                error.to_string()
            },
            is_fault: !is_gone(&error),
            is_slow,
            shown: None,
            kept_back: 0,
        };
        self.told.notes.broken(handshake, broken);
        None
    }

    fn ended(&self, client: SocketAddr, over: hyper::Result<()>, begun: Instant) {
        let why = match over {
            Ok(()) => "it has ended".to_owned(),
            Err(error) if is_late(&error) => {
                self.stats.late.add(1);
                "silent for too long, or what was sent was not read".to_owned()
            }
            Err(error) => {
                self.stats.broken.add(1);
                tracing::debug!(%error, "an HTTP connection ended with an error");
                error.to_string()
            }
        };
        self.told.closed(client, &why, begun.elapsed());
    }
}

/// Between whom a connection is, and whether a balancer speaks for itself: it asks whether somebody is there, or brings
/// requests of which it says one by one whose they are.
async fn ends(
    stream: &mut TcpStream,
    from: SocketAddr,
    door: &Door,
) -> io::Result<(proxy_header::Ends, bool)> {
    socket::prepare(stream)?;
    let own = proxy_header::Ends {
        source: from,
        destination: stream.local_addr()?,
    };
    if !door.balancers.contains(&from.ip()) {
        return Ok((own, false));
    }
    match proxy_header::receive(stream).await? {
        Header::Passed(ends) => Ok((ends, false)),
        Header::Own => Ok((own, true)),
    }
}

/// Whether it ended by a time limit: the library's for heads, or ours for silence (`guarded`).
fn is_late(error: &hyper::Error) -> bool {
    let source = std::error::Error::source(error);
    let ours = source.and_then(|source| source.downcast_ref::<io::Error>());
    error.is_timeout() || ours.is_some_and(|error| error.kind() == io::ErrorKind::TimedOut)
}

/// Counts a connection for as long as it lives.
struct Open(Arc<Stats>);

impl Open {
    fn of(stats: &Arc<Stats>) -> Self {
        stats.open.add(1);
        Self(Arc::clone(stats))
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.open.sub(1);
    }
}
