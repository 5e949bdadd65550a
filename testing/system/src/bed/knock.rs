//! Beginnings of connections, sent as a program of the place would send them, and left alone.

use std::io;
use std::net::SocketAddr;

use socket2::{Domain, Socket, Type};
use topology::flows::Carrier;

use super::{Beginning, Namespace};

/// What is sent over UDP; no service of ours takes it for anything.
const NONSENSE: &[u8] = b"\0";

impl Namespace {
    /// Sends the first packet of each of these; whoever stands in the way may refuse it.
    ///
    /// # Errors
    /// Fails when a source is not an address of the place, or the system has no more sockets.
    pub fn knock(&self, beginnings: &[Beginning]) -> io::Result<()> {
        self.enter(|| {
            // They stay open until all are sent: closing one would take back a packet that waits for a neighbour.
            let sent = beginnings.iter().map(|beginning| send(beginning, 0));
            sent.collect::<io::Result<Vec<Socket>>>().map(drop)
        })
    }

    /// Sends the first packet of one from a port of one's own choice.
    ///
    /// # Errors
    /// Fails when the source is not an address of the place, or the port is taken.
    pub fn knock_from(&self, beginning: &Beginning, port: u16) -> io::Result<Socket> {
        self.enter(|| send(beginning, port))
    }
}

fn send(beginning: &Beginning, port: u16) -> io::Result<Socket> {
    let from = SocketAddr::new(beginning.source, port);
    let to = SocketAddr::new(beginning.destination, beginning.port);
    let kind = match beginning.carrier {
        Carrier::Tcp => Type::STREAM,
        Carrier::Udp => Type::DGRAM,
    };
    let socket = Socket::new(Domain::for_address(to), kind, None)?;
    socket.set_reuse_address(true)?;
    socket.bind(&from.into())?;
    socket.set_nonblocking(true)?;
    // It is under way, or refused at once; whether it arrives is to be seen elsewhere.
    let _ = match beginning.carrier {
        Carrier::Tcp => socket.connect(&to.into()),
        Carrier::Udp => socket.send_to(NONSENSE, &to.into()).map(drop),
    };
    Ok(socket)
}
