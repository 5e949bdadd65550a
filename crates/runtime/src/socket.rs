//! Options that every TCP connection of ours has.
//!
//! A peer that loses its power or its network says nothing. Unacknowledged bytes and unanswered probes end its
//! connection within a minute or two, so that what waits for it can go elsewhere; the kernel does the watching.

use std::io;
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::net::TcpStream;

/// How long sent bytes may stay unacknowledged. Shorter than a SIP transaction (32 s), so that the loss is noticed while
/// another server can still be tried.
const UNACKNOWLEDGED: Duration = Duration::from_secs(20);
/// After how long of silence the other side is probed.
const SILENCE: Duration = Duration::from_secs(60);
/// How long from one probe to the next.
const PROBE: Duration = Duration::from_secs(15);

/// Sets them: small messages leave at once, and a dead peer is noticed.
pub(crate) fn prepare(stream: &TcpStream) -> io::Result<()> {
    let socket = SockRef::from(stream);
    socket.set_tcp_nodelay(true)?;
    socket.set_tcp_user_timeout(Some(UNACKNOWLEDGED))?;
    let probes = TcpKeepalive::new().with_time(SILENCE).with_interval(PROBE);
    socket.set_tcp_keepalive(&probes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_connection_is_prompt_and_watched() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let stream = TcpStream::connect(address).await.unwrap();
        prepare(&stream).unwrap();
        let socket = SockRef::from(&stream);
        assert!(socket.tcp_nodelay().unwrap() && socket.keepalive().unwrap());
        assert_eq!(socket.tcp_user_timeout().unwrap(), Some(UNACKNOWLEDGED));
        assert_eq!(socket.tcp_keepalive_time().unwrap(), SILENCE);
    }
}
