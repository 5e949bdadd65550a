//! The rules of [`super`] for code that wants ordinary asynchronous streams, such as HTTP between machines.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use base::net::{Face, Hop, Peer};
use logs::{Direction, Level};
use rustls::{ClientConfig, CommonState};
use rustls_pki_types::{CertificateDer, ServerName};
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;
use tokio_rustls::{TlsAcceptor, TlsConnector, client, server};

use super::credentials::{system_visitor, visitor};
use super::shown;
use super::told::{Broken, Done, Handshake, Notes, level_of};
use super::{
    Auth, Credentials, CredentialsError, Identify, NamesError, Proven, Store, Stranger, proven,
    proven_names, settle,
};
use crate::socket;

/// Why no secured stream came about.
#[derive(Debug, thiserror::Error)]
pub enum StreamError {
    /// The other side cannot be reached; another address may be tried.
    #[error("cannot connect to {addr}")]
    Connect {
        /// Where to.
        addr: SocketAddr,
        /// What the operating system said.
        source: io::Error,
    },
    /// The handshake failed; the connection is closed.
    #[error("the TLS handshake failed")]
    Handshake(#[source] io::Error),
    /// It took longer than allowed.
    #[error("connecting took longer than allowed")]
    Timeout,
    /// The certificate verified but cannot be used.
    #[error("the peer's certificate is not usable")]
    Names(#[source] NamesError),
    /// The certificate verified but names nobody we know.
    #[error("the peer is not of the topology")]
    Stranger(#[source] Stranger),
    /// The certificate verified but does not prove the wanted name, or that name is not a host name.
    #[error("the peer does not prove the name {wanted}")]
    WrongName {
        /// The name that should have been proven.
        wanted: String,
    },
}

/// The accepting end of a connection.
pub type ServerStream = server::TlsStream<TcpStream>;

/// Takes a connection that was accepted through its handshake and says who is there.
///
/// # Errors
/// See [`StreamError`].
pub async fn accept(
    stream: TcpStream,
    store: &Store,
    auth: Auth,
    face: Face,
    identify: &dyn Identify,
    limit: Duration,
) -> Result<(ServerStream, Peer), StreamError> {
    let credentials = store.current();
    let judge = |state: &CommonState| {
        let names = leaf_names(state)?;
        settle(identify, &names, face, auth).map_err(StreamError::Stranger)
    };
    let known = |peer: &Peer| (level_of(peer), Some(peer.clone()));
    shake(stream, store, &credentials, auth, limit, judge, known).await
}

fn late_or_broken(error: io::Error) -> StreamError {
    if error.kind() == io::ErrorKind::TimedOut {
        StreamError::Timeout
    } else {
        StreamError::Handshake(error)
    }
}

fn leaf(state: &CommonState) -> Option<CertificateDer<'static>> {
    state.peer_certificates()?.first().cloned()
}

fn told(error: &StreamError, shown: Option<CertificateDer<'static>>) -> Broken {
    let mut reason = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        reason = format!("{reason}: {cause}");
        source = cause.source();
    }
    let just_gone = matches!(error, StreamError::Handshake(error) if is_gone(error));
    Broken {
        reason,
        is_fault: !just_gone,
        is_slow: matches!(error, StreamError::Timeout),
        shown,
        kept_back: 0,
    }
}

/// Tells whether the other side just went away, as a probe does.
pub(crate) fn is_gone(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe
    )
}

/// Takes a connection through a handshake of mutual TLS and returns what the other side's certificate proves. Whose names
/// these are is for the caller to say, who knows more kinds than [`Identify`]: an operator is no peer. The credentials are
/// those under which it was judged; once others are in use it might not be let in.
///
/// # Errors
/// See [`StreamError`]; whoever has no certificate, or one that does not verify, does not come in.
pub async fn accept_proven(
    stream: TcpStream,
    store: &Store,
    limit: Duration,
) -> Result<(ServerStream, Proven, Arc<Credentials>), StreamError> {
    let credentials = store.current();
    let judge = |state: &CommonState| {
        let leaf = state.peer_certificates().and_then(<[_]>::first);
        let proven = leaf.map(proven).transpose().map_err(StreamError::Names)?;
        proven.ok_or(StreamError::Stranger(Stranger))
    };
    let known = |_: &Proven| (Level::Verbose, None);
    let shaken = shake(
        stream,
        store,
        &credentials,
        Auth::Required,
        limit,
        judge,
        known,
    )
    .await;
    let (stream, proven) = shaken?;
    Ok((stream, proven, credentials))
}

/// Makes the handshake, judges what was shown in it, and has both recorded; `known` says how grave it is, and who came.
async fn shake<T>(
    stream: TcpStream,
    store: &Store,
    credentials: &Credentials,
    auth: Auth,
    limit: Duration,
    judge: impl FnOnce(&CommonState) -> Result<T, StreamError>,
    known: impl FnOnce(&T) -> (Level, Option<Peer>),
) -> Result<(ServerStream, T), StreamError> {
    let handshake = Handshake::on(&stream, Direction::In);
    let acceptor = TlsAcceptor::from(credentials.server(auth));
    let shaking = shown::watch(timeout(limit, acceptor.accept(stream)));
    let (shaken, mut shown) = Box::pin(shaking).await;
    let accepted = shaken
        .unwrap_or_else(|late| Err(late.into()))
        .map_err(late_or_broken)
        .and_then(|stream| {
            shown = leaf(stream.get_ref().1);
            let judged = judge(stream.get_ref().1)?;
            Ok((stream, judged))
        });
    match (&accepted, handshake) {
        (Ok((stream, judged)), Some(handshake)) => {
            let (state, recorder) = (stream.get_ref().1, store.notes().recorder());
            let (level, peer) = known(judged);
            // The name that was called is ours; where it is not known who came, it must not stand for theirs.
            let done = Done {
                peer: peer.as_ref(),
                called: state.server_name().filter(|_| peer.is_some()),
                state: Some(state),
                held: None,
            };
            handshake.done(recorder, level, done);
        }
        (Err(error), Some(handshake)) => store.notes().broken(handshake, told(error, shown)),
        (_, None) => {}
    }
    accepted
}

/// Somebody without a certificate, as a phone is.
pub struct Visitor(Arc<ClientConfig>);

impl Visitor {
    /// Believes the authorities in a file.
    ///
    /// # Errors
    /// When the file cannot be used.
    pub fn believing(authorities: &Path) -> Result<Self, CredentialsError> {
        visitor(authorities).map(|config| Self(Arc::new(config)))
    }

    /// Believes the authorities that the system believes.
    ///
    /// # Errors
    /// When it believes none.
    pub fn believing_the_system() -> Result<Self, CredentialsError> {
        system_visitor().map(|config| Self(Arc::new(config)))
    }

    /// Connects to a server and makes sure that it proves its name.
    ///
    /// # Errors
    /// See [`StreamError`].
    pub async fn connect(
        &self,
        hop: &Hop,
        limit: Duration,
    ) -> Result<client::TlsStream<TcpStream>, StreamError> {
        let notes = Notes::default();
        connect_within(limit, &[], hop, None, Arc::clone(&self.0), &notes).await
    }
}

/// Connects to a machine, proves who we are, and makes sure that it proves its name.
///
/// # Errors
/// See [`StreamError`].
pub async fn connect(
    hop: &Hop,
    from: Option<IpAddr>,
    store: &Store,
    limit: Duration,
) -> Result<client::TlsStream<TcpStream>, StreamError> {
    connect_saying(&[], hop, from, store, limit).await
}

/// The same with words before the handshake: the PROXY header of a balancer that speaks for itself.
///
/// # Errors
/// See [`StreamError`].
pub async fn connect_saying(
    first: &[u8],
    hop: &Hop,
    from: Option<IpAddr>,
    store: &Store,
    limit: Duration,
) -> Result<client::TlsStream<TcpStream>, StreamError> {
    let config = store.current().client();
    connect_within(limit, first, hop, from, config, store.notes()).await
}

/// Does what [`connect_saying`] does and says in the hello that HTTP/1.1 will be spoken, as web sites want it (RFC 7301).
///
/// # Errors
/// See [`StreamError`].
pub async fn connect_web(
    first: &[u8],
    hop: &Hop,
    from: Option<IpAddr>,
    store: &Store,
    limit: Duration,
) -> Result<client::TlsStream<TcpStream>, StreamError> {
    let config = store.current().web_client();
    connect_within(limit, first, hop, from, config, store.notes()).await
}

/// Connects without TLS, where nobody proves anything, and says `first`.
///
/// # Errors
/// See [`StreamError`].
pub async fn connect_plainly(
    first: &[u8],
    hop: &Hop,
    from: Option<IpAddr>,
    limit: Duration,
) -> Result<TcpStream, StreamError> {
    let dialled = async {
        let mut tcp = dial(hop.addr, from).await?;
        tcp.write_all(first).await?;
        Ok(tcp)
    };
    let dialled = timeout(limit, dialled).await;
    let dialled = dialled.map_err(|_| StreamError::Timeout)?;
    dialled.map_err(|source| StreamError::Connect {
        addr: hop.addr,
        source,
    })
}

async fn connect_within(
    limit: Duration,
    first: &[u8],
    hop: &Hop,
    from: Option<IpAddr>,
    config: Arc<ClientConfig>,
    notes: &Notes,
) -> Result<client::TlsStream<TcpStream>, StreamError> {
    timeout(limit, connect_patiently(first, hop, from, config, notes))
        .await
        .map_err(|_| StreamError::Timeout)?
}

async fn connect_patiently(
    first: &[u8],
    hop: &Hop,
    from: Option<IpAddr>,
    config: Arc<ClientConfig>,
    notes: &Notes,
) -> Result<client::TlsStream<TcpStream>, StreamError> {
    let wrong = || StreamError::WrongName {
        wanted: hop.name.to_string(),
    };
    let name = ServerName::try_from(hop.name.to_string()).map_err(|_| wrong())?;
    let broken = |source| StreamError::Connect {
        addr: hop.addr,
        source,
    };
    let mut tcp = dial(hop.addr, from).await.map_err(broken)?;
    tcp.write_all(first).await.map_err(broken)?;
    let handshake = Handshake::on(&tcp, Direction::Out);
    let connector = TlsConnector::from(config);
    let (shaken, mut shown) = Box::pin(shown::watch(connector.connect(name, tcp))).await;
    let connected = shaken.map_err(StreamError::Handshake).and_then(|stream| {
        shown = leaf(stream.get_ref().1);
        let names = leaf_names(stream.get_ref().1)?;
        if names.iter().any(|name| **name == *hop.name) {
            Ok(stream)
        } else {
            Err(wrong())
        }
    });
    match (&connected, handshake) {
        (Ok(stream), Some(handshake)) => {
            // Questions after health and requests of many clients: they come all the time.
            let (state, recorder) = (stream.get_ref().1, notes.recorder());
            let done = Done {
                peer: None,
                called: Some(&hop.name),
                state: Some(state),
                held: None,
            };
            handshake.done(recorder, Level::Verbose, done);
        }
        (Err(error), Some(handshake)) => {
            let broken = Broken {
                is_fault: true,
                ..told(error, shown)
            };
            notes.broken(handshake, broken);
        }
        (_, None) => {}
    }
    connected
}

/// Connects from a chosen address of ours, or from any.
pub(crate) async fn dial(to: SocketAddr, from: Option<IpAddr>) -> io::Result<TcpStream> {
    let socket = if to.is_ipv4() {
        TcpSocket::new_v4()?
    } else {
        TcpSocket::new_v6()?
    };
    if let Some(from) = from.filter(|from| from.is_ipv4() == to.is_ipv4()) {
        socket.bind(SocketAddr::new(from, 0))?;
    }
    let stream = socket.connect(to).await?;
    socket::prepare(&stream)?;
    Ok(stream)
}

pub(super) fn leaf_names(state: &CommonState) -> Result<Vec<String>, StreamError> {
    let leaf = state.peer_certificates().and_then(<[_]>::first);
    leaf.map_or_else(|| Ok(Vec::new()), proven_names)
        .map_err(StreamError::Names)
}
