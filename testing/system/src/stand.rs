//! A listener of a test, with a thread for each connection. It is gone when it is dropped: the next test to have its
//! address would meet it.

use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{JoinHandle, spawn};

/// An open listener. Dropping it closes it; connections end when the other side has enough.
#[derive(Debug)]
pub struct Stand {
    at: SocketAddr,
    closed: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Stand {
    /// Listens at an address and serves each connection on a thread of its own.
    ///
    /// # Errors
    /// Fails when the address is taken.
    pub fn open(
        at: SocketAddr,
        serve: impl Fn(TcpStream) + Send + Sync + 'static,
    ) -> io::Result<Self> {
        let listener = TcpListener::bind(at)?;
        let closed = Arc::<AtomicBool>::default();
        let is_closed = Arc::clone(&closed);
        let serve = Arc::new(serve);
        let thread = spawn(move || {
            for stream in listener.incoming().flatten() {
                if is_closed.load(Ordering::SeqCst) {
                    return;
                }
                let serve = Arc::clone(&serve);
                spawn(move || serve(stream));
            }
        });
        Ok(Self {
            at,
            closed,
            thread: Some(thread),
        })
    }
}

impl Drop for Stand {
    fn drop(&mut self) {
        self.closed.store(true, Ordering::SeqCst);
        // The listener looks up when somebody comes.
        let woken = TcpStream::connect(self.at).is_ok();
        if let Some(thread) = self.thread.take().filter(|_| woken) {
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};

    use super::Stand;
    use crate::block::Block;

    #[test]
    fn a_stand_serves_and_leaves_its_address_free() {
        let block = Block::take();
        let at = (block.address(1), 4000).into();
        for word in ["one", "two"] {
            let stand = Stand::open(at, move |mut stream| {
                stream.write_all(word.as_bytes()).unwrap();
            });
            let _stand = stand.unwrap();
            let mut heard = String::new();
            let mut visitor = std::net::TcpStream::connect(at).unwrap();
            visitor.read_to_string(&mut heard).unwrap();
            assert_eq!(heard, word);
        }
    }
}
