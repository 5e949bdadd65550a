//! Sockets for datagrams: bound once per worker, read for ever, written without waiting.
//!
//! With several workers the kernel keeps each pair of addresses on one socket of the port (SO_REUSEPORT hashes both
//! ends), so a pair belongs to one worker. A datagram that the system does not take at once is lost and counted: waiting
//! for room would only reorder what the transactions above repeat anyway.
//!
//! A socket that talks to many is not connected, so the kernel tells it nothing of ports that nobody listens on; errors
//! of receiving are counted and end nothing.

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::rc::Rc;
use std::time::Duration;

use base::net::Face;
use bytes::Bytes;
use socket2::{Domain, Protocol, SockRef, Socket, Type};
use tokio::io::Interest;

use super::Plug;
use super::hub::Hub;

/// No datagram is larger.
const DATAGRAM_MAX: usize = 64 << 10;
/// Datagrams taken from one socket before others have their turn.
const DATAGRAMS_A_TURN: usize = 32;
/// What the kernel keeps for us while we are busy: half a second of 2,000 requests in each second.
const BUFFER: usize = 2 << 20;
/// How long to leave receiving alone when it fails.
const PAUSE: Duration = Duration::from_millis(50);

/// One address where datagrams are received.
#[derive(Debug)]
pub struct UdpListener {
    /// The sockets.
    pub bound: BoundUdp,
    /// On which face it lies.
    pub face: Face,
    /// How long a pair of addresses may be silent before it is forgotten.
    pub idle: Duration,
}

/// Bound sockets of one address, one per worker.
#[derive(Debug)]
pub struct BoundUdp {
    sockets: Vec<UdpSocket>,
    addr: SocketAddr,
}

impl BoundUdp {
    /// Binds an address for this many workers; port 0 lets the system choose one.
    ///
    /// # Errors
    /// When the address is in use, not ours, or the port not allowed to us.
    pub fn bind(addr: SocketAddr, workers: u8) -> io::Result<Self> {
        // As with connections: a port that somebody else has must not be shared unnoticed.
        let alone = bound(addr, false)?;
        if workers <= 1 {
            let addr = alone.local_addr()?;
            return Ok(Self {
                sockets: vec![alone],
                addr,
            });
        }
        drop(alone);
        let first = bound(addr, true)?;
        let addr = first.local_addr()?;
        let others = (1..workers).map(|_| bound(addr, true));
        let sockets = std::iter::once(Ok(first))
            .chain(others)
            .collect::<io::Result<_>>()?;
        Ok(Self { sockets, addr })
    }

    /// Returns the address, with the port that the system chose.
    #[must_use]
    pub const fn addr(&self) -> SocketAddr {
        self.addr
    }
}

impl UdpListener {
    /// Takes one worker's socket out.
    pub(crate) fn take(&mut self) -> Option<Port> {
        let socket = self.bound.sockets.pop()?;
        Some(Port {
            socket,
            local: self.bound.addr,
            face: self.face,
            idle: self.idle,
        })
    }
}

fn bound(addr: SocketAddr, shared: bool) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(addr), Type::DGRAM, Some(Protocol::UDP))?;
    if addr.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_reuse_port(shared)?;
    // The system may grant less; what it grants will do.
    let _less = socket.set_recv_buffer_size(BUFFER);
    socket.bind(&addr.into())?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

/// One worker's socket before its event loop has it.
pub(crate) struct Port {
    socket: UdpSocket,
    local: SocketAddr,
    face: Face,
    idle: Duration,
}

impl Port {
    /// Gives the socket to the event loop of this thread.
    pub(crate) fn open(self) -> io::Result<DatagramSocket> {
        Ok(DatagramSocket {
            socket: tokio::net::UdpSocket::from_std(self.socket)?,
            local: self.local,
            face: self.face,
            idle: self.idle,
        })
    }
}

/// One worker's socket.
pub(crate) struct DatagramSocket {
    socket: tokio::net::UdpSocket,
    pub(crate) local: SocketAddr,
    pub(crate) face: Face,
    pub(crate) idle: Duration,
}

impl DatagramSocket {
    /// Sends one datagram; false if the system did not take it.
    pub(crate) fn send(&self, bytes: &[u8], to: SocketAddr) -> bool {
        // The socket is asked and not the event loop's memory of it: that knows nothing before its first round.
        SockRef::from(&self.socket)
            .send_to(bytes, &to.into())
            .is_ok()
    }

    fn take(&self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.socket.try_recv_from(buffer)
    }
}

/// Takes datagrams as they come.
pub(crate) async fn receive_for_ever<P: Plug>(hub: Rc<Hub<P>>, socket: Rc<DatagramSocket>) {
    let mut buffer = vec![0; DATAGRAM_MAX];
    loop {
        if socket.socket.ready(Interest::READABLE).await.is_err() {
            tokio::time::sleep(PAUSE).await;
            continue;
        }
        for _ in 0..DATAGRAMS_A_TURN {
            match socket.take(&mut buffer) {
                Ok((length, from)) => {
                    let bytes = Bytes::copy_from_slice(buffer.get(..length).unwrap_or_default());
                    hub.take_datagram(&socket, from, bytes);
                }
                Err(empty) if empty.kind() == io::ErrorKind::WouldBlock => break,
                Err(_) => hub.net.stats().datagram_errors.add(1),
            }
        }
        tokio::task::yield_now().await;
    }
}
