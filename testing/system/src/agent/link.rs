//! What carries an agent's messages: TLS, TCP or UDP. Every read has a deadline.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

use bytes::Bytes;
use socket2::{Domain, Socket, Type};

use crate::tls::{PATIENCE, Wire, WireError};

/// The longest datagram there is.
const DATAGRAM: usize = 64 << 10;

/// A way to one server.
#[derive(Debug)]
pub enum Link {
    /// A TLS connection.
    Tls(Box<Wire>),
    /// A connection without TLS.
    Tcp(TcpStream),
    /// A socket that sends to one address and reads what comes from it.
    Udp(UdpSocket),
}

impl Link {
    /// Connects without TLS, from an address that a test may have given a meaning.
    ///
    /// # Errors
    /// Fails when nobody listens or the address is not ours.
    pub fn tcp(from: Ipv4Addr, to: SocketAddr) -> Result<Self, WireError> {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).map_err(WireError::Broken)?;
        let bound = socket.bind(&SocketAddr::from((from, 0)).into());
        bound.map_err(WireError::Broken)?;
        let connected = socket.connect_timeout(&to.into(), PATIENCE);
        connected.map_err(WireError::Broken)?;
        let stream = TcpStream::from(socket);
        stream.set_nodelay(true).map_err(WireError::Broken)?;
        let patience = Some(PATIENCE);
        stream
            .set_write_timeout(patience)
            .map_err(WireError::Broken)?;
        Ok(Self::Tcp(stream))
    }

    /// Opens a datagram socket at an address, with a port of the system's choice, for one server.
    ///
    /// # Errors
    /// Fails when the address is not ours.
    pub fn udp(from: Ipv4Addr, to: SocketAddr) -> Result<Self, WireError> {
        Self::udp_at(SocketAddr::from((from, 0)), to)
    }

    /// The same with a port of its own.
    ///
    /// # Errors
    /// Fails when the address is not ours or the port is taken.
    pub fn udp_at(from: SocketAddr, to: SocketAddr) -> Result<Self, WireError> {
        let socket = UdpSocket::bind(from).map_err(WireError::Broken)?;
        socket.connect(to).map_err(WireError::Broken)?;
        Ok(Self::Udp(socket))
    }

    /// Returns the word for it in a Via, in lower case also in a URI.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Tls(_) => "TLS",
            Self::Tcp(_) => "TCP",
            Self::Udp(_) => "UDP",
        }
    }

    /// Returns the address of this end.
    ///
    /// # Errors
    /// Fails when the connection is gone.
    pub fn local(&self) -> Result<SocketAddr, WireError> {
        match self {
            Self::Tls(wire) => wire.local(),
            Self::Tcp(stream) => stream.local_addr().map_err(WireError::Broken),
            Self::Udp(socket) => socket.local_addr().map_err(WireError::Broken),
        }
    }

    /// Sends bytes; over UDP each call is a datagram.
    ///
    /// # Errors
    /// Fails when the other side has gone or does not read.
    pub fn send(&mut self, bytes: &[u8]) -> Result<(), WireError> {
        match self {
            Self::Tls(wire) => wire.send(bytes),
            Self::Tcp(stream) => stream.write_all(bytes).map_err(WireError::Broken),
            Self::Udp(socket) => socket.send(bytes).map(drop).map_err(WireError::Broken),
        }
    }

    /// Returns what comes next; over UDP a whole datagram.
    ///
    /// # Errors
    /// Says whether the deadline passed or the other side ended it, and how.
    pub fn receive(&mut self, deadline: Instant) -> Result<Bytes, WireError> {
        // A timeout of zero means none to the system.
        let left = deadline.saturating_duration_since(Instant::now());
        let left = Some(left.max(Duration::from_millis(1)));
        let mut piece = vec![0; DATAGRAM];
        let read = match self {
            Self::Tls(wire) => return wire.receive(deadline),
            Self::Tcp(stream) => stream
                .set_read_timeout(left)
                .and_then(|()| stream.read(&mut piece)),
            Self::Udp(socket) => socket
                .set_read_timeout(left)
                .and_then(|()| socket.recv(&mut piece)),
        };
        match read {
            Ok(0) if matches!(self, Self::Tcp(_)) => Err(WireError::Ended),
            Ok(length) => {
                piece.truncate(length);
                Ok(piece.into())
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                Err(WireError::Silent)
            }
            Err(error) => Err(WireError::Broken(error)),
        }
    }
}
