//! `load well`: the SIP side of a member that is always well, for balancers that ask before they send anybody.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::tls::{self, Files};

/// Answers whatever is asked on each connection once, until the process is ended.
///
/// # Errors
/// The certificate cannot be used, or the address is taken.
pub(crate) async fn run(at: SocketAddr, files: Files) -> anyhow::Result<()> {
    let acceptor = TlsAcceptor::from(tls::server(&files)?);
    let listener = TcpListener::bind(at).await?;
    loop {
        let (stream, _) = listener.accept().await?;
        let acceptor = acceptor.clone();
        tokio::spawn(async move {
            let mut stream = acceptor.accept(stream).await?;
            let _asked = stream.read(&mut [0; 2048]).await?;
            let answer = b"SIP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n";
            stream.write_all(answer).await?;
            stream.shutdown().await
        });
    }
}
