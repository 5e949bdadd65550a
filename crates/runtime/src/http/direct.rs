//! One connection of HTTP/1.1 to one server, for whoever has a question or two and keeps no pool ([`super::client`]).
//!
//! Whoever asks brings the time limit: dropping the connection ends it.

use hyper::body::{Body, Incoming};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::JoinSet;

use super::BoxError;

/// An open connection; requests have bodies of one kind.
pub struct Direct<B> {
    sender: SendRequest<B>,
    /// Moves the bytes; dropped with the connection.
    _driver: JoinSet<hyper::Result<()>>,
}

impl<B> Direct<B>
where
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<BoxError>,
{
    /// Begins to speak HTTP on a connection that stands.
    ///
    /// # Errors
    /// When it breaks.
    pub async fn begin<S>(stream: S) -> hyper::Result<Self>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (sender, connection) = handshake(TokioIo::new(stream)).await?;
        let mut driver = JoinSet::new();
        driver.spawn(connection);
        Ok(Self {
            sender,
            _driver: driver,
        })
    }

    /// Sends a request, one at a time, and returns the head of the answer; the body comes while the connection is kept.
    ///
    /// # Errors
    /// When the connection breaks, or what comes is no answer.
    pub async fn ask(&mut self, request: Request<B>) -> hyper::Result<Response<Incoming>> {
        self.sender.ready().await?;
        self.sender.send_request(request).await
    }
}
