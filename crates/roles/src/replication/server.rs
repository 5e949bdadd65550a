//! The side of the machine that masters the directory.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use base::net::{Face, Peer, Role};
use bytes::{Bytes, BytesMut};
use hyper::body::{Body, Frame, Incoming};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use logs::{Component, Direction, Flags, Level, Value};
use runtime::proxy_header;
use runtime::tls::stream::{ServerStream, StreamError, accept};
use runtime::tls::{Auth, Identify, Store};
use store::{Index, Log, LogId, SubscribeError, Subscription};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use traces::Recorder;

use super::wire::Message;
use super::writing::{self, Writer};
use super::{CERTIFICATES, CHANGES, INDEX_HEADER, LOG_HEADER, Pace, SNAPSHOT};
use crate::handshakes::Handshakes;

/// How many connections are served at a time; a deployment has fewer Directors and Front Ends.
pub const FOLLOWERS_MAX: usize = 64;
/// How many connections may be in their handshake at a time.
const HANDSHAKES_MAX: usize = 64;

/// About how many bytes go into one piece of a body.
const PIECE: usize = 64 << 10;
/// How many pieces wait for a slow follower before we wait for it.
const PIECES: usize = 4;

/// Answers followers out of the log of the directory; clones share it.
#[derive(Clone)]
pub struct Source {
    log: Arc<Log>,
    pace: Pace,
    balancers: Arc<[IpAddr]>,
    writer: Option<Writer>,
    recorder: Recorder,
}

/// The body of an answer: pieces as they come, or nothing.
pub struct Feed {
    pieces: mpsc::Receiver<Bytes>,
}

/// Why a follower gets no changes.
enum Refused {
    /// The request makes no sense.
    Malformed,
    /// It must begin with a snapshot.
    Behind,
    /// Our log cannot be read.
    Broken,
}

/// Serves followers on a listener for ever; dropping the future closes every connection.
///
/// A connection is secured as the deployment's mutual-TLS listeners are: without a certificate of the topology the
/// handshake fails. Handshakes are counted apart from followers, and the oldest gives way when there are too many, so
/// that strangers who begin and never finish keep no follower out.
pub async fn serve(
    listener: TcpListener,
    tls: Arc<Store>,
    identify: Arc<dyn Identify>,
    source: Source,
) {
    let mut handshakes = Handshakes::new(HANDSHAKES_MAX);
    let mut followers = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, from)) => {
                    let door = Door {
                        tls: Arc::clone(&tls),
                        identify: Arc::clone(&identify),
                        patience: source.pace.patience,
                        passed_on: source.balancers.contains(&from.ip()),
                    };
                    handshakes.begin(shake(stream, from, door));
                }
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection of a follower");
                    sleep(source.pace.retry_first).await;
                }
            },
            Some(settled) = handshakes.next() => {
                let room = followers.len() < FOLLOWERS_MAX;
                if let Some(known) = settled.filter(|_| room) {
                    followers.spawn(converse(known, source.clone()));
                }
            }
            Some(_ended) = followers.join_next() => {}
        }
    }
}

/// A connection whose other side is proven.
struct Known {
    stream: ServerStream,
    from: SocketAddr,
    peer: Peer,
}

/// What holds for a connection until its other side is proven.
struct Door {
    tls: Arc<Store>,
    identify: Arc<dyn Identify>,
    patience: Duration,
    /// Whether it comes from a balancer, which says first whose it is.
    passed_on: bool,
}

async fn shake(mut stream: TcpStream, from: SocketAddr, door: Door) -> Option<Known> {
    if door.passed_on {
        let header = timeout(door.patience, proxy_header::receive(&mut stream)).await;
        if !matches!(header, Ok(Ok(_))) {
            tracing::warn!(%from, "a balancer does not say whose connection it passes on");
            return None;
        }
    }
    let shaken = accept(
        stream,
        &door.tls,
        Auth::Required,
        Face::Inside,
        door.identify.as_ref(),
        door.patience,
    )
    .await;
    match shaken {
        Ok((stream, peer)) => Some(Known { stream, from, peer }),
        Err(error) => {
            report_stranger(from, &error);
            None
        }
    }
}

async fn converse(known: Known, source: Source) {
    let Known { stream, from, peer } = known;
    let kept = (source.recorder.clone(), peer.clone());
    let service = service_fn(|request: Request<Incoming>| {
        let (source, peer) = (source.clone(), peer.clone());
        async move {
            let brings = request.method() == Method::POST && request.uri().path() == CERTIFICATES;
            if brings && may_follow(&peer) {
                return Ok::<_, Infallible>(source.take(request.into_body()).await);
            }
            Ok(source.answer(&peer, &request))
        }
    });
    let mut http = hyper::server::conn::http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(source.pace.patience);
    if let Err(error) = http.serve_connection(TokioIo::new(stream), service).await {
        tracing::debug!(%from, %error, "the connection of a follower ended");
    }
    let (recorder, peer) = kept;
    tell(&recorder, &peer, (Level::Info, "left"), &|| {
        format!("the connection from {from} has ended")
    });
}

/// Takes note of a follower.
fn tell(
    recorder: &Recorder,
    peer: &Peer,
    (level, decision): (Level, &str),
    why: &dyn Fn() -> String,
) {
    recorder.record(Component::Directory, level, Flags::CONNECTION, |record| {
        record.direction = Some(Direction::In);
        if let Peer::Server(server) = peer {
            record.peer_name = Some(Value::shared(&server.name));
        }
        record.decision = Some(decision.into());
        record.reason = Some(Value::new(&why()));
    });
}

fn report_stranger(from: SocketAddr, error: &StreamError) {
    tracing::debug!(%from, %error, "a follower was not let in");
}

impl Source {
    /// Offers a log to followers.
    #[must_use]
    pub fn new(log: Arc<Log>, pace: Pace) -> Self {
        Self {
            log,
            pace,
            balancers: Arc::default(),
            writer: None,
            recorder: Recorder::default(),
        }
    }

    /// Has it recorded who follows.
    #[must_use]
    pub fn recorded_by(self, recorder: Recorder) -> Self {
        Self { recorder, ..self }
    }

    /// Writes what others bring, on the machine that masters the directory.
    #[must_use]
    pub fn writing(self, writer: Writer) -> Self {
        Self {
            writer: Some(writer),
            ..self
        }
    }

    /// Believes these balancers about whose connections they pass on.
    #[must_use]
    pub fn behind(self, balancers: &[IpAddr]) -> Self {
        Self {
            balancers: balancers.into(),
            ..self
        }
    }

    /// Answers one request of a peer whose identity is proven; for a web server that serves more than this.
    ///
    /// Must run within a tokio runtime: the body is filled by a task, which ends when the body is dropped.
    pub fn answer<B>(&self, peer: &Peer, request: &Request<B>) -> Response<Feed> {
        if !may_follow(peer) {
            tracing::warn!(
                ?peer,
                "the directory was asked for by someone who may not have it"
            );
            tell(&self.recorder, peer, (Level::Warning, "refused"), &|| {
                "only Directors and Front Ends may have the directory".to_owned()
            });
            return empty(StatusCode::FORBIDDEN);
        }
        if request.method() != Method::GET {
            return empty(StatusCode::METHOD_NOT_ALLOWED);
        }
        match request.uri().path() {
            CHANGES => match self.changes(request.uri().query().unwrap_or_default()) {
                Ok(response) => {
                    tell(&self.recorder, peer, (Level::Info, "follows"), &|| {
                        let query = request.uri().query().unwrap_or_default();
                        format!("asks for changes, {query}")
                    });
                    response
                }
                Err(Refused::Malformed) => empty(StatusCode::BAD_REQUEST),
                Err(Refused::Behind) => empty(StatusCode::GONE),
                Err(Refused::Broken) => empty(StatusCode::SERVICE_UNAVAILABLE),
            },
            SNAPSHOT => {
                tell(&self.recorder, peer, (Level::Info, "snapshot"), &|| {
                    "takes the whole directory over".to_owned()
                });
                self.snapshot()
            }
            _ => empty(StatusCode::NOT_FOUND),
        }
    }

    async fn take(&self, body: Incoming) -> Response<Feed> {
        let (status, said) = match writing::read(body, self.pace.patience).await {
            Ok(publication) => writing::write(self.writer.clone(), publication).await,
            Err(status) => (status, Bytes::new()),
        };
        let (sender, pieces) = mpsc::channel(1);
        if !said.is_empty() && sender.try_send(said).is_err() {
            return empty(StatusCode::SERVICE_UNAVAILABLE);
        }
        let mut response = Response::new(Feed { pieces });
        *response.status_mut() = status;
        response
    }

    fn changes(&self, query: &str) -> Result<Response<Feed>, Refused> {
        let (id, from) = read_query(query).ok_or(Refused::Malformed)?;
        if id != self.log.id() {
            return Err(Refused::Behind);
        }
        let wake = Arc::new(Notify::new());
        let waker = wake.clone();
        let subscribed = self.log.subscribe(from, move || waker.notify_one());
        let subscription = subscribed.map_err(|error| match error {
            SubscribeError::Gone { .. } | SubscribeError::Ahead { .. } => Refused::Behind,
            SubscribeError::Disk { .. } | SubscribeError::Damaged { .. } => {
                tracing::error!(%error, "the log of the directory cannot be read");
                Refused::Broken
            }
        })?;
        let (sender, pieces) = mpsc::channel(PIECES);
        tokio::spawn(feed_changes(self.clone(), subscription, wake, sender));
        Ok(Response::new(Feed { pieces }))
    }

    fn snapshot(&self) -> Response<Feed> {
        let snapshot = self.log.snapshot();
        let (id, index) = (snapshot.id, snapshot.index);
        let (sender, pieces) = mpsc::channel(PIECES);
        tokio::task::spawn_blocking(move || feed_snapshot(&snapshot, &sender));
        let mut response = Response::new(Feed { pieces });
        let headers = response.headers_mut();
        if let Ok(value) = format!("{:016x}", id.0).parse() {
            headers.insert(LOG_HEADER, value);
        }
        headers.insert(INDEX_HEADER, index.0.into());
        response
    }
}

impl Body for Feed {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.pieces
            .poll_recv(context)
            .map(|piece| piece.map(|bytes| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        self.pieces.is_closed() && self.pieces.is_empty()
    }
}

/// Sends changes as they come, and a sign of life at least every heartbeat, until the follower goes away.
async fn feed_changes(
    source: Source,
    mut changes: Subscription,
    wake: Arc<Notify>,
    sender: mpsc::Sender<Bytes>,
) {
    loop {
        let entries = match changes.take(PIECE) {
            Ok(entries) => entries,
            Err(error) => {
                // The body ends here. The follower asks again and is told to begin with a snapshot.
                tracing::info!(%error, "a follower fell behind");
                return;
            }
        };
        let is_quiet = entries.is_empty();
        let mut piece = BytesMut::new();
        for entry in entries {
            Message::Record {
                index: entry.index,
                record: entry.record,
            }
            .write(&mut piece);
        }
        if is_quiet {
            Message::Alive {
                last: source.log.last(),
            }
            .write(&mut piece);
        }
        if sender.send(piece.freeze()).await.is_err() {
            return;
        }
        if is_quiet {
            tokio::select! {
                _ = timeout(source.pace.heartbeat, wake.notified()) => {}
                () = sender.closed() => return,
            }
        }
    }
}

/// Runs where waiting is allowed; ends early when the follower goes away.
fn feed_snapshot(snapshot: &store::Snapshot, sender: &mpsc::Sender<Bytes>) {
    let mut piece = BytesMut::new();
    let mut records = 0;
    let send = |piece: &mut BytesMut| {
        let sent = sender.blocking_send(piece.split().freeze());
        sent.map_err(|_| std::io::ErrorKind::BrokenPipe.into())
    };
    let written = snapshot.write(&mut |record| {
        let record = Bytes::copy_from_slice(record);
        Message::Record {
            index: snapshot.index,
            record,
        }
        .write(&mut piece);
        records += 1;
        if piece.len() < PIECE {
            Ok(())
        } else {
            send(&mut piece)
        }
    });
    let ended = written.and_then(|()| {
        Message::End { records }.write(&mut piece);
        send(&mut piece)
    });
    if let Err(error) = ended {
        tracing::debug!(%error, "a follower left before it had the whole snapshot");
    }
}

fn may_follow(peer: &Peer) -> bool {
    match peer {
        Peer::Server(server) => matches!(server.role, Role::Director | Role::FrontEnd),
        Peer::Partner(_) | Peer::Gateway(_) | Peer::Client => false,
    }
}

/// Reads `log=ID&from=INDEX`.
fn read_query(query: &str) -> Option<(LogId, Index)> {
    let (log, from) = query.split_once('&')?;
    let id = u64::from_str_radix(log.strip_prefix("log=")?, 16).ok()?;
    let from = from.strip_prefix("from=")?.parse().ok()?;
    Some((LogId(id), Index(from)))
}

fn empty(status: StatusCode) -> Response<Feed> {
    let (_, pieces) = mpsc::channel(1);
    let mut response = Response::new(Feed { pieces });
    *response.status_mut() = status;
    response
}
