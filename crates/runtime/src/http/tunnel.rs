//! A connection that has become something else (RFC 9110 7.8): bytes go both ways until either side has had enough.

use std::io;
use std::time::Duration;

use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::time::{Instant, timeout_at};

/// Bytes that are under way in each direction.
const BUFFER: usize = 16 << 10;

/// Joins a client and a server once both connections have been upgraded. Returns when both sides have ended, when
/// nothing has come from either for `idle`, or when one does not take a piece within `stall`.
///
/// # Errors
/// When a connection fails, or a bound is reached.
pub async fn tunnel(
    client: OnUpgrade,
    server: OnUpgrade,
    idle: Duration,
    stall: Duration,
) -> io::Result<()> {
    let (client, server) = tokio::try_join!(client, server).map_err(io::Error::other)?;
    let (mut client_in, mut client_out) = tokio::io::split(TokioIo::new(client));
    let (mut server_in, mut server_out) = tokio::io::split(TokioIo::new(server));
    let heard = std::cell::Cell::new(Instant::now());
    let there = one_way(&mut client_in, &mut server_out, &heard, idle, stall);
    let back = one_way(&mut server_in, &mut client_out, &heard, idle, stall);
    tokio::try_join!(there, back).map(|_| ())
}

async fn one_way(
    from: &mut (impl AsyncRead + Unpin),
    to: &mut (impl AsyncWrite + Unpin),
    heard: &std::cell::Cell<Instant>,
    idle: Duration,
    stall: Duration,
) -> io::Result<()> {
    let mut buffer = vec![0; BUFFER];
    loop {
        let until = heard.get() + idle;
        let read = match timeout_at(until, from.read(&mut buffer)).await {
            Ok(read) => read?,
            // The other direction may have been heard in the meantime.
            Err(_elapsed) if heard.get() + idle > until => continue,
            Err(_elapsed) => return Err(io::ErrorKind::TimedOut.into()),
        };
        if read == 0 {
            return to.shutdown().await;
        }
        heard.set(Instant::now());
        let piece = buffer.get(..read).unwrap_or_default();
        let written = async {
            to.write_all(piece).await?;
            to.flush().await
        };
        timeout_at(Instant::now() + stall, written).await??;
    }
}
