//! Programs of somebody else in the place of a machine.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};

use system::stand::Stand;

const SICK: &[u8] =
    b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";

/// What one does with a connection.
#[derive(Clone, Copy)]
pub(super) enum Manner {
    /// Sends back what comes.
    Echoes,
    /// Reads and says nothing.
    Mute,
    /// Is a web server that is not well.
    Sick,
}

impl Manner {
    /// Listens, until the value is dropped.
    pub(super) fn listen(self, at: SocketAddr) -> Stand {
        Stand::open(at, move |stream| self.serve(stream)).unwrap()
    }

    /// Serves until the other side has enough.
    fn serve(self, mut stream: TcpStream) {
        let mut part = [0; 4096];
        while let Ok(count @ 1..) = stream.read(&mut part) {
            let said = match self {
                Self::Echoes => stream.write_all(&part[..count]),
                Self::Mute => Ok(()),
                Self::Sick => return drop(stream.write_all(SICK)),
            };
            if said.is_err() {
                return;
            }
        }
    }
}
