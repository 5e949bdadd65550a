//! Beginnings of connections, sent as a program of the place would send them, and left alone.

use std::io;
use std::net::{SocketAddr, UdpSocket};

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
            let mut open = Vec::with_capacity(beginnings.len());
            for beginning in beginnings {
                let from = SocketAddr::new(beginning.source, 0);
                let to = SocketAddr::new(beginning.destination, beginning.port);
                if beginning.carrier == Carrier::Tcp {
                    let socket = Socket::new(Domain::for_address(to), Type::STREAM, None)?;
                    socket.bind(&from.into())?;
                    socket.set_nonblocking(true)?;
                    // It is under way, or refused at once.
                    let _ = socket.connect(&to.into());
                    open.push(socket);
                } else {
                    let socket = UdpSocket::bind(from)?;
                    let _ = socket.send_to(NONSENSE, to);
                    open.push(socket.into());
                }
            }
            Ok(())
        })
    }
}
