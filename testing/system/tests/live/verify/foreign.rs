//! Programs of somebody else in the place of a machine; they are gone when the test is, or the next one to have these
//! addresses would meet them.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{JoinHandle, spawn};

const SICK: &[u8] =
    b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";

/// What it does with a connection.
#[derive(Clone, Copy)]
pub(super) enum Manner {
    /// Sends back what comes.
    Echoes,
    /// Reads and says nothing.
    Mute,
    /// Is a web server that is not well.
    Sick,
}

/// A program that listens; dropping it closes the door.
pub(super) struct Foreign {
    at: SocketAddr,
    closed: Arc<AtomicBool>,
    door: Option<JoinHandle<()>>,
}

impl Foreign {
    pub(super) fn listen(at: SocketAddr, manner: Manner) -> Self {
        let listener = TcpListener::bind(at).unwrap();
        let closed = Arc::<AtomicBool>::default();
        let is_closed = Arc::clone(&closed);
        let door = spawn(move || {
            for stream in listener.incoming().flatten() {
                if is_closed.load(Ordering::SeqCst) {
                    return;
                }
                spawn(move || manner.serve(stream));
            }
        });
        Self {
            at,
            closed,
            door: Some(door),
        }
    }
}

impl Drop for Foreign {
    fn drop(&mut self) {
        self.closed.store(true, Ordering::SeqCst);
        // The door looks up when somebody comes.
        let woken = TcpStream::connect(self.at).is_ok();
        if let Some(door) = self.door.take().filter(|_| woken) {
            let _ = door.join();
        }
    }
}

impl Manner {
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
