//! Listening sockets: bound once, shared by the workers.
//!
//! They are bound before any thread starts, so that a port that cannot be had is the caller's to report, and ports below
//! 1024 can be bound before privileges are given up.

use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use base::net::{Face, Transport};
use socket2::{Domain, Protocol, Socket, Type};

use crate::tls::{Auth, ClientNames, Store};

/// Connections that the kernel keeps for us while we are busy.
const BACKLOG: i32 = 1024;

/// How a listener secures its connections.
#[derive(Clone, Debug)]
pub enum Security {
    /// TLS with these credentials.
    Tls {
        /// What we prove and whom we believe.
        store: Arc<Store>,
        /// What is asked of the other side.
        auth: Auth,
        /// Where a certificate is optional: who calls one of these names is not even asked.
        client_names: ClientNames,
        /// Where a certificate is optional: who calls one of these names is a client that may prove itself by any
        /// certificate it holds ([`base::net::Link::certificate`]).
        holder_names: ClientNames,
    },
    /// Plain TCP; who it is follows from the address ([`crate::tls::Identify::plain`]).
    Plain,
}

impl Security {
    /// Returns how bytes travel on such a connection.
    pub(crate) const fn transport(&self) -> Transport {
        match self {
            Self::Tls { .. } => Transport::Tls,
            Self::Plain => Transport::Tcp,
        }
    }
}

/// One listening address.
#[derive(Debug)]
pub struct Listener {
    /// The sockets.
    pub bound: Bound,
    /// On which face it lies.
    pub face: Face,
    /// How it is secured.
    pub security: Security,
    /// How long a connection may be silent.
    pub idle: Duration,
    /// Whose connections begin with a PROXY header and are their clients' from then on: balancers. Nobody else's do.
    pub balancers: Vec<IpAddr>,
}

/// Bound sockets of one address, one per worker.
#[derive(Debug)]
pub struct Bound {
    sockets: Vec<TcpListener>,
    addr: SocketAddr,
}

impl Bound {
    /// Binds an address for this many workers; port 0 lets the system choose one.
    ///
    /// With several workers the kernel spreads connections over their sockets (SO_REUSEPORT). That option would also
    /// let another process of the same user share the port unnoticed, so an ordinary bind is tried first.
    ///
    /// # Errors
    /// When the address is in use, not ours, or the port not allowed to us.
    pub fn bind(addr: SocketAddr, workers: u8) -> io::Result<Self> {
        if workers <= 1 {
            return Self::from_listener(listening(addr, false)?, 1);
        }
        drop(bound(addr, false)?);
        let first = listening(addr, true)?;
        let addr = first.local_addr()?;
        let others = (1..workers).map(|_| listening(addr, true));
        let sockets = std::iter::once(Ok(first))
            .chain(others)
            .collect::<io::Result<_>>()?;
        Ok(Self { sockets, addr })
    }

    /// Takes a socket that listens already; several workers then accept from the same one.
    ///
    /// # Errors
    /// When the socket cannot be shared or asked for its address.
    pub fn from_listener(listener: TcpListener, workers: u8) -> io::Result<Self> {
        let addr = listener.local_addr()?;
        listener.set_nonblocking(true)?;
        let mut sockets = (1..workers)
            .map(|_| listener.try_clone())
            .collect::<io::Result<Vec<_>>>()?;
        sockets.push(listener);
        Ok(Self { sockets, addr })
    }

    /// Returns the address, with the port that the system chose.
    #[must_use]
    pub const fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Takes one worker's socket out.
    pub(crate) fn take(&mut self) -> Option<TcpListener> {
        self.sockets.pop()
    }
}

fn listening(addr: SocketAddr, shared: bool) -> io::Result<TcpListener> {
    let socket = bound(addr, shared)?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

fn bound(addr: SocketAddr, shared: bool) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(addr), Type::STREAM, Some(Protocol::TCP))?;
    if addr.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    // A restart must not wait for connections of the last run to leave TIME_WAIT.
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(shared)?;
    socket.bind(&addr.into())?;
    Ok(socket)
}
