//! Accepting connections from one listening socket, for ever.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::time::sleep;

/// How long to leave accepting alone when it fails, or when there is no room.
const PAUSE: Duration = Duration::from_millis(50);

/// What stands behind a listening socket.
pub(crate) trait Doorway {
    /// Tells whether another connection may come in; while not, they wait in the kernel's queue.
    fn has_room(&self) -> bool;

    /// Takes a connection; tells whether to go on.
    async fn take(&self, stream: TcpStream, source: SocketAddr) -> bool;

    /// Accepting failed, mostly for want of file descriptors.
    fn failed(&self);
}

/// Accepts until the doorway says that it is over.
pub(crate) async fn accept(listener: std::net::TcpListener, doorway: impl Doorway) {
    let listener = match TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => return tracing::error!(%error, "a listener cannot be used"),
    };
    loop {
        if !doorway.has_room() {
            sleep(PAUSE).await;
            continue;
        }
        match listener.accept().await {
            Ok((stream, source)) => {
                if !doorway.take(stream, source).await {
                    return;
                }
            }
            Err(error) => {
                doorway.failed();
                tracing::warn!(%error, "accepting failed");
                sleep(PAUSE).await;
            }
        }
    }
}
