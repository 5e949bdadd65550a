//! The floor under every figure: a server that decrypts what arrives and sends the same bytes back, and nothing else.
//!
//! It has the threads of the server beside it (two, each with its own event loop and connections) and the same TLS
//! library with the same defaults. What a SIP server costs above it is what SIP costs.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread;

use anyhow::Context as _;
use rustls::ServerConfig;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::runtime;
use tokio_rustls::TlsAcceptor;

use crate::print::say;

/// The largest piece that is read at once: one TLS record.
const RECORD: usize = 16 * 1024;

/// Serves until the process is ended; prints the address that it listens on.
///
/// # Errors
/// The address cannot be bound, or a thread cannot be started.
pub(crate) fn serve(
    listen: SocketAddr,
    workers: usize,
    config: Arc<ServerConfig>,
) -> anyhow::Result<()> {
    let listener = TcpListener::bind(listen).with_context(|| format!("cannot bind {listen}"))?;
    listener.set_nonblocking(true)?;
    say(&format!("listening {}", listener.local_addr()?))?;
    let workers = (0..workers)
        .map(|_| {
            let listener = listener.try_clone()?;
            let acceptor = TlsAcceptor::from(Arc::clone(&config));
            Ok(thread::spawn(move || work(listener, acceptor)))
        })
        .collect::<anyhow::Result<Vec<_>>>()?;
    for worker in workers {
        worker.join().ok().context("a worker panicked")??;
    }
    Ok(())
}

fn work(listener: TcpListener, acceptor: TlsAcceptor) -> anyhow::Result<()> {
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::from_std(listener)?;
        loop {
            let (stream, _) = listener.accept().await?;
            let acceptor = acceptor.clone();
            // A connection that breaks is the client's affair, who counts it.
            tokio::spawn(async move { echo(stream, acceptor).await.ok() });
        }
    })
}

async fn echo(stream: TcpStream, acceptor: TlsAcceptor) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut stream = acceptor.accept(stream).await?;
    let mut buffer = vec![0; RECORD];
    loop {
        let length = stream.read(&mut buffer).await?;
        if length == 0 {
            return Ok(());
        }
        stream
            .write_all(buffer.get(..length).unwrap_or_default())
            .await?;
        stream.flush().await?;
    }
}
