//! Bodies of answers, and reading those of requests within bounds.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Empty, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use tokio::time::timeout;

/// Whatever goes wrong with a body while it is sent.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// The body of an answer.
pub type Body = UnsyncBoxBody<Bytes, BoxError>;

/// Why the body of a request was not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// It is longer than is taken (413).
    #[error("the body is larger than {0} bytes")]
    TooLarge(usize),
    /// It did not arrive in time (408).
    #[error("the body did not arrive in time")]
    TooSlow,
    /// The connection failed, or the body is malformed (400).
    #[error("the body cannot be read")]
    Broken,
}

/// A body with these bytes.
#[must_use]
pub fn full(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into())
        .map_err(|never| match never {})
        .boxed_unsync()
}

/// A body without any.
#[must_use]
pub fn empty() -> Body {
    Empty::new().map_err(|never| match never {}).boxed_unsync()
}

/// Reads a whole body of at most `most` bytes within `limit`.
///
/// # Errors
/// See [`BodyError`]; what is unread stays unread, and the connection is closed after the answer.
pub async fn collect(body: Incoming, most: usize, limit: Duration) -> Result<Bytes, BodyError> {
    let whole = timeout(limit, Limited::new(body, most).collect());
    match whole.await {
        Ok(Ok(read)) => Ok(read.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(BodyError::TooLarge(most)),
        Ok(Err(_)) => Err(BodyError::Broken),
        Err(_late) => Err(BodyError::TooSlow),
    }
}
