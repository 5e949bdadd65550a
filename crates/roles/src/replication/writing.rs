//! What other machines have the master write: certificates of users, issued where the user asked for one.
//!
//! `POST /directory/certificates` with a JSON [`Publication`]; 204 when it is durable at the master, 409 with a JSON
//! [`Refusal`] when the master will not have it. The same machines may ask that may follow the directory.
//!
//! Bounds: a body of [`BODY_MAX`] bytes within the time for a connection.

use std::sync::Arc;
use std::time::Duration;

use base::net::Hop;
use bytes::Bytes;
use directory::Aor;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::header::HOST;
use hyper::{Request, StatusCode};
use runtime::http::Direct;
use runtime::tls::Store;
use runtime::tls::stream::{StreamError, connect};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;

use super::CERTIFICATES;

/// The largest publication, and the largest refusal.
pub const BODY_MAX: usize = 4 << 10;

/// A certificate by which a user may sign in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Publication {
    /// Whose.
    pub aor: Aor,
    /// SHA-256 of it, in hexadecimal.
    pub fingerprint: directory::CertificateId,
    /// When it was issued, in milliseconds since 1970.
    pub issued: u64,
    /// Until when it is good, in milliseconds since 1970.
    pub expires: u64,
}

/// Why a master does not write something, for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// The reason.
    pub reason: String,
}

/// Writes on the machine that masters the directory; may wait for the disk.
pub type Writer = Arc<dyn Fn(Publication) -> Result<(), Refusal> + Send + Sync>;

/// Why a publication did not come about.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// The master cannot be reached; try again later.
    #[error("the master of the directory cannot be reached")]
    Connect(#[source] StreamError),
    /// It was reached and did not answer as it should; try again later.
    #[error("the master of the directory did not answer")]
    Answer(#[source] Option<hyper::Error>),
    /// It will not have it.
    #[error("the master of the directory refuses: {0}")]
    Refused(String),
}

/// Reads the body of a request.
pub(super) async fn read(body: Incoming, patience: Duration) -> Result<Publication, StatusCode> {
    let whole = timeout(patience, Limited::new(body, BODY_MAX).collect()).await;
    let read = whole.map_err(|_late| StatusCode::REQUEST_TIMEOUT)?;
    let bytes = read.map_err(|_too_large| StatusCode::PAYLOAD_TOO_LARGE)?;
    serde_json::from_slice(&bytes.to_bytes()).map_err(|_| StatusCode::BAD_REQUEST)
}

/// Writes where waiting is allowed; the status and what is said.
pub(super) async fn write(writer: Option<Writer>, publication: Publication) -> (StatusCode, Bytes) {
    let Some(writer) = writer else {
        return (StatusCode::METHOD_NOT_ALLOWED, Bytes::new());
    };
    match tokio::task::spawn_blocking(move || writer(publication)).await {
        Ok(Ok(())) => (StatusCode::NO_CONTENT, Bytes::new()),
        Ok(Err(refusal)) => {
            let said = serde_json::to_vec(&refusal).unwrap_or_default();
            (StatusCode::CONFLICT, said.into())
        }
        Err(_panicked) => (StatusCode::SERVICE_UNAVAILABLE, Bytes::new()),
    }
}

/// Has the master write a publication; returns when it is durable there.
///
/// # Errors
/// See [`PublishError`].
pub async fn publish(
    master: &Hop,
    tls: &Store,
    publication: &Publication,
    patience: Duration,
) -> Result<(), PublishError> {
    let stream = connect(master, None, tls, patience).await;
    let stream = stream.map_err(PublishError::Connect)?;
    match timeout(patience, ask(stream, master, publication)).await {
        Ok(answered) => answered,
        Err(_late) => Err(PublishError::Answer(None)),
    }
}

async fn ask(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    master: &Hop,
    publication: &Publication,
) -> Result<(), PublishError> {
    let broken = |error| PublishError::Answer(Some(error));
    let mut connection = Direct::begin(stream).await.map_err(broken)?;
    let body = serde_json::to_vec(publication).unwrap_or_default();
    let request = Request::post(CERTIFICATES)
        .header(HOST, &*master.name)
        .body(Full::new(Bytes::from(body)));
    let request = request.map_err(|_| PublishError::Answer(None))?;
    let response = connection.ask(request).await.map_err(broken)?;
    match response.status() {
        StatusCode::NO_CONTENT => Ok(()),
        StatusCode::CONFLICT => {
            let body = Limited::new(response.into_body(), BODY_MAX).collect().await;
            let bytes = body.map_err(|_| PublishError::Answer(None))?.to_bytes();
            let refusal = serde_json::from_slice::<Refusal>(&bytes);
            let refusal = refusal.map_err(|_| PublishError::Answer(None))?;
            Err(PublishError::Refused(refusal.reason))
        }
        status => Err(PublishError::Refused(status.to_string())),
    }
}
