//! A blocking TLS connection to the product, or from it ([`Door`]): whom this end believes, what it shows, and how its
//! peer ends it.
//!
//! Every read has a deadline. Under TLS 1.3 a server judges the client's certificate after the client's handshake is
//! done, so a refusal shows at the first read, not at [`Wire::connect`].

use std::io::{self, ErrorKind, Read, Write};
use std::net::{IpAddr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::WebPkiClientVerifier;
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection, StreamOwned,
};
use socket2::{Domain, Socket, Type};
use thiserror::Error;

use crate::authority::Identity;

/// How long a connection may take, and an answer.
pub const PATIENCE: Duration = Duration::from_secs(20);
/// The word in the hello (ALPN) with which a machine asks to be taken for one where phones come in too.
pub const SERVER_PROTOCOL: &str = "x-vestibule-server";
const PIECE: usize = 16 << 10;

/// Why a connection is of no use, or none any more.
#[derive(Debug, Error)]
pub enum WireError {
    /// A certificate or key cannot be read.
    #[error("{} cannot be used", path.display())]
    Pem {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        source: pem::Error,
    },
    /// The certificates do not make a TLS configuration, or the name is none.
    #[error("TLS cannot be set up")]
    Setup(#[source] rustls::Error),
    /// Nobody listens, or the connection broke.
    #[error("the connection broke")]
    Broken(#[source] io::Error),
    /// One side refused the other.
    #[error("the handshake or the session was refused")]
    Refused(#[source] rustls::Error),
    /// Nothing came in time.
    #[error("nothing came in time")]
    Silent,
    /// The other side closed the connection.
    #[error("the other side closed the connection")]
    Ended,
}

impl WireError {
    /// Tells whether the other side ended it, in whatever way.
    #[must_use]
    pub const fn is_end(&self) -> bool {
        match self {
            Self::Broken(_) | Self::Refused(_) | Self::Ended => true,
            Self::Pem { .. } | Self::Setup(_) | Self::Silent => false,
        }
    }
}

/// Whom a client believes and what it shows of itself.
#[derive(Debug, Clone)]
pub struct Manner(Arc<ClientConfig>);

impl Manner {
    /// A client without a certificate that believes an authority.
    ///
    /// # Errors
    /// Fails when the file holds no certificate.
    pub fn of_a_phone(root: &Path) -> Result<Self, WireError> {
        let config = builder(root)?.with_no_client_auth();
        Ok(Self(Arc::new(config)))
    }

    /// A client without a certificate that says which protocols it speaks (ALPN).
    ///
    /// # Errors
    /// Fails when the file holds no certificate.
    pub fn of_a_browser(root: &Path, protocols: &[&str]) -> Result<Self, WireError> {
        let mut config = builder(root)?.with_no_client_auth();
        config.alpn_protocols = protocols.iter().map(|name| (*name).into()).collect();
        Ok(Self(Arc::new(config)))
    }

    /// A client that says that it is a machine and shows a certificate.
    ///
    /// # Errors
    /// Fails when a file cannot be read or key and certificate do not fit.
    pub fn showing(root: &Path, identity: &Identity) -> Result<Self, WireError> {
        let key = PrivateKeyDer::from_pem_file(&identity.key);
        let key = key.map_err(|source| bad_pem(&identity.key, source))?;
        let chain = certificates(&identity.certificate)?;
        let config = builder(root)?.with_client_auth_cert(chain, key);
        let mut config = config.map_err(WireError::Setup)?;
        config.alpn_protocols = vec![SERVER_PROTOCOL.into()];
        Ok(Self(Arc::new(config)))
    }
}

/// Reads the certificates of a PEM file.
///
/// # Errors
/// Fails when it cannot be read or holds none.
pub fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, WireError> {
    let all: Result<Vec<_>, pem::Error> =
        CertificateDer::pem_file_iter(path).and_then(Iterator::collect);
    match all {
        Ok(all) if all.is_empty() => Err(bad_pem(path, pem::Error::NoItemsFound)),
        Ok(all) => Ok(all),
        Err(source) => Err(bad_pem(path, source)),
    }
}

fn dial(to: SocketAddr, from: Option<IpAddr>) -> io::Result<TcpStream> {
    let Some(from) = from else {
        return TcpStream::connect_timeout(&to, PATIENCE);
    };
    let socket = Socket::new(Domain::for_address(to), Type::STREAM, None)?;
    socket.bind(&SocketAddr::new(from, 0).into())?;
    socket.connect_timeout(&to.into(), PATIENCE)?;
    Ok(socket.into())
}

/// One connection.
#[derive(Debug)]
pub struct Wire {
    end: End,
}

/// Which end of it this is.
#[derive(Debug)]
enum End {
    /// We connected.
    Client(StreamOwned<ClientConnection, TcpStream>),
    /// The product connected.
    Server(StreamOwned<ServerConnection, TcpStream>),
}

impl Wire {
    /// Connects and does the client's part of the handshake.
    ///
    /// # Errors
    /// Fails when nobody listens, when the server's certificate does not prove `name`, or when the server refuses.
    pub fn connect(manner: &Manner, to: SocketAddr, name: &str) -> Result<Self, WireError> {
        Self::connect_from(manner, to, name, None)
    }

    /// The same from an address of one's own choice.
    ///
    /// # Errors
    /// As [`Wire::connect`], and when the address is not ours.
    pub fn connect_from(
        manner: &Manner,
        to: SocketAddr,
        name: &str,
        from: Option<IpAddr>,
    ) -> Result<Self, WireError> {
        let name = ServerName::try_from(name.to_owned())
            .map_err(|error| WireError::Setup(rustls::Error::General(error.to_string())))?;
        let session = ClientConnection::new(Arc::clone(&manner.0), name);
        let session = session.map_err(WireError::Setup)?;
        let tcp = dial(to, from).map_err(WireError::Broken)?;
        tcp.set_nodelay(true).map_err(WireError::Broken)?;
        tcp.set_read_timeout(Some(PATIENCE))
            .map_err(WireError::Broken)?;
        tcp.set_write_timeout(Some(PATIENCE))
            .map_err(WireError::Broken)?;
        let mut stream = StreamOwned::new(session, tcp);
        while stream.conn.is_handshaking() {
            stream.conn.complete_io(&mut stream.sock).map_err(sort)?;
        }
        Ok(Self {
            end: End::Client(stream),
        })
    }

    /// Returns the address of this end.
    ///
    /// # Errors
    /// Fails when the connection is gone.
    pub fn local(&self) -> Result<SocketAddr, WireError> {
        self.sock().local_addr().map_err(WireError::Broken)
    }

    /// Returns the certificate that the other side showed.
    #[must_use]
    pub fn shown(&self) -> Option<CertificateDer<'static>> {
        let chain = match &self.end {
            End::Client(stream) => stream.conn.peer_certificates(),
            End::Server(stream) => stream.conn.peer_certificates(),
        };
        let chain = chain?;
        chain.first().map(|first| first.clone().into_owned())
    }

    /// Sends bytes; each call is a record of its own.
    ///
    /// # Errors
    /// Fails when the other side has gone or does not read.
    pub fn send(&mut self, bytes: &[u8]) -> Result<(), WireError> {
        let sent = match &mut self.end {
            End::Client(stream) => stream.write_all(bytes).and_then(|()| stream.flush()),
            End::Server(stream) => stream.write_all(bytes).and_then(|()| stream.flush()),
        };
        sent.map_err(sort)
    }

    /// Says that nothing more will be sent, and goes on reading.
    ///
    /// # Errors
    /// Fails when the other side has gone.
    pub fn finish(&mut self) -> Result<(), WireError> {
        let said = match &mut self.end {
            End::Client(stream) => {
                stream.conn.send_close_notify();
                stream.flush()
            }
            End::Server(stream) => {
                stream.conn.send_close_notify();
                stream.flush()
            }
        };
        said.map_err(sort)?;
        self.sock()
            .shutdown(Shutdown::Write)
            .map_err(WireError::Broken)
    }

    /// Returns what comes next.
    ///
    /// # Errors
    /// Says whether the deadline passed or the other side ended it, and how.
    pub fn receive(&mut self, deadline: Instant) -> Result<Bytes, WireError> {
        let left = deadline.saturating_duration_since(Instant::now());
        // A timeout of zero means none to the system.
        let left = left.max(Duration::from_millis(1));
        self.sock()
            .set_read_timeout(Some(left))
            .map_err(WireError::Broken)?;
        let mut piece = vec![0; PIECE];
        let read = match &mut self.end {
            End::Client(stream) => stream.read(&mut piece),
            End::Server(stream) => stream.read(&mut piece),
        };
        let length = read.map_err(sort)?;
        if length == 0 {
            return Err(WireError::Ended);
        }
        piece.truncate(length);
        Ok(piece.into())
    }

    /// Returns everything up to the end of the connection, and how it ended.
    ///
    /// # Errors
    /// Fails when it has not ended by the deadline.
    pub fn drain(&mut self, deadline: Instant) -> Result<(Vec<u8>, WireError), WireError> {
        let mut all = Vec::new();
        loop {
            match self.receive(deadline) {
                Ok(piece) => all.extend_from_slice(&piece),
                Err(error) if error.is_end() => return Ok((all, error)),
                Err(error) => return Err(error),
            }
        }
    }

    const fn sock(&self) -> &TcpStream {
        match &self.end {
            End::Client(stream) => &stream.sock,
            End::Server(stream) => &stream.sock,
        }
    }
}

/// Where the product connects to: a server that shows a certificate and asks for one.
#[derive(Debug)]
pub struct Door {
    listener: TcpListener,
    config: Arc<ServerConfig>,
    at: SocketAddr,
}

impl Door {
    /// Listens at an address; port 0 is one of the system's choice.
    ///
    /// # Errors
    /// Fails when the address is taken, a file cannot be read, or key and certificate do not fit.
    pub fn open(at: SocketAddr, root: &Path, identity: &Identity) -> Result<Self, WireError> {
        let listener = TcpListener::bind(at).map_err(WireError::Broken)?;
        listener.set_nonblocking(true).map_err(WireError::Broken)?;
        let at = listener.local_addr().map_err(WireError::Broken)?;
        let key = PrivateKeyDer::from_pem_file(&identity.key);
        let key = key.map_err(|source| bad_pem(&identity.key, source))?;
        let chain = certificates(&identity.certificate)?;
        let provider = Arc::new(aws_lc_rs::default_provider());
        let roots = Arc::new(roots(root)?);
        let verifier = WebPkiClientVerifier::builder_with_provider(roots, Arc::clone(&provider))
            .build()
            .map_err(|error| WireError::Setup(rustls::Error::General(error.to_string())))?;
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(WireError::Setup)?
            .with_client_cert_verifier(verifier)
            .with_single_cert(chain, key)
            .map_err(WireError::Setup)?;
        Ok(Self {
            listener,
            config: Arc::new(config),
            at,
        })
    }

    /// Returns where it listens.
    #[must_use]
    pub const fn at(&self) -> SocketAddr {
        self.at
    }

    /// Takes the next connection and does the server's part of the handshake.
    ///
    /// # Errors
    /// Says that nobody came in time, or how the other side ended it.
    pub fn accept(&self, within: Duration) -> Result<Wire, WireError> {
        let tcp = crate::wait::until(within, || match self.listener.accept() {
            Err(error) if error.kind() == ErrorKind::WouldBlock => None,
            other => Some(other),
        });
        let (tcp, _) = tcp.ok_or(WireError::Silent)?.map_err(WireError::Broken)?;
        tcp.set_nonblocking(false)
            .and_then(|()| tcp.set_nodelay(true))
            .and_then(|()| tcp.set_read_timeout(Some(PATIENCE)))
            .and_then(|()| tcp.set_write_timeout(Some(PATIENCE)))
            .map_err(WireError::Broken)?;
        let session = ServerConnection::new(Arc::clone(&self.config)).map_err(WireError::Setup)?;
        let mut stream = StreamOwned::new(session, tcp);
        while stream.conn.is_handshaking() {
            stream.conn.complete_io(&mut stream.sock).map_err(sort)?;
        }
        Ok(Wire {
            end: End::Server(stream),
        })
    }
}

type Builder = rustls::ConfigBuilder<ClientConfig, rustls::client::WantsClientCert>;

fn roots(file: &Path) -> Result<RootCertStore, WireError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(file)? {
        roots.add(certificate).map_err(WireError::Setup)?;
    }
    Ok(roots)
}

fn builder(root: &Path) -> Result<Builder, WireError> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    Ok(builder
        .map_err(WireError::Setup)?
        .with_root_certificates(roots(root)?))
}

fn bad_pem(path: &Path, source: pem::Error) -> WireError {
    WireError::Pem {
        path: path.to_path_buf(),
        source,
    }
}

/// Tells the ways apart in which a read or a write fails.
fn sort(error: io::Error) -> WireError {
    let refused = error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<rustls::Error>());
    if let Some(refused) = refused {
        return WireError::Refused(refused.clone());
    }
    let kind = error.kind();
    if matches!(kind, ErrorKind::WouldBlock | ErrorKind::TimedOut) {
        WireError::Silent
    } else if kind == ErrorKind::UnexpectedEof {
        WireError::Ended
    } else {
        WireError::Broken(error)
    }
}
