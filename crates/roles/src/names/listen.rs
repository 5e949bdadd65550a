//! Opening the sockets that the flow table names for DNS.

use std::io;
use std::net::{SocketAddr, TcpListener, UdpSocket};

use base::net::{Face, Transport};
use topology::View;
use topology::flows::Protocol;

/// A socket could not be opened; the address says which line of the topology to look at.
#[derive(Debug, thiserror::Error)]
#[error("cannot open {address} for DNS")]
pub struct BindError {
    /// Where.
    pub address: SocketAddr,
    /// What the system says.
    pub source: io::Error,
}

/// An open socket and whom it serves.
#[derive(Debug)]
pub struct Listening {
    /// The socket.
    pub socket: Socket,
    /// The face on which it stands; it chooses what is seen.
    pub face: Face,
}

/// An open socket.
#[derive(Debug)]
pub enum Socket {
    /// For datagrams.
    Udp(UdpSocket),
    /// For connections.
    Tcp(TcpListener),
}

impl Socket {
    /// Returns where it is open.
    ///
    /// # Errors
    /// When the system does not say.
    pub fn address(&self) -> io::Result<SocketAddr> {
        match self {
            Self::Udp(socket) => socket.local_addr(),
            Self::Tcp(listener) => listener.local_addr(),
        }
    }
}

/// Opens every DNS listener of a machine; none if it has no such role.
///
/// # Errors
/// The first that cannot be opened.
pub fn bind(view: &View) -> Result<Vec<Listening>, BindError> {
    let wanted = view
        .listeners
        .iter()
        .filter(|listener| listener.protocol == Protocol::Dns);
    wanted
        .map(|listener| {
            let address = listener.address;
            let socket = open(address, listener.transport);
            let socket = socket.map_err(|source| BindError { address, source })?;
            Ok(Listening {
                socket,
                face: listener.face,
            })
        })
        .collect()
}

fn open(address: SocketAddr, transport: Transport) -> io::Result<Socket> {
    match transport {
        Transport::Udp => UdpSocket::bind(address).map(Socket::Udp),
        Transport::Tcp | Transport::Tls => TcpListener::bind(address).map(Socket::Tcp),
    }
}
