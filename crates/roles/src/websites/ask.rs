//! What a client asks first of a web site that it has found by a name of discovery.
//!
//! Without TLS, as clients of the original do: the answer has one link, to TLS. Bounds: [`ANSWER_MAX`] bytes of an answer,
//! and the time that the caller gives.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::header::{ACCEPT, HOST};
use hyper::{Request, StatusCode};
use runtime::http::Direct;
use tokio::net::TcpStream;
use tokio::time::timeout;

/// The longest answer that is read.
const ANSWER_MAX: usize = 64 << 10;

/// Why a site does not say where to go on.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// Nobody listens there.
    #[error("cannot connect")]
    Connect(#[source] io::Error),
    /// It does not speak HTTP.
    #[error("it does not speak HTTP as expected")]
    Http(#[source] hyper::Error),
    /// It was silent for too long.
    #[error("it does not answer in time")]
    Silent,
    /// It answered that it does not know.
    #[error("it answers {0}")]
    Status(StatusCode),
    /// The user is none that can stand in an address.
    #[error("the user cannot be asked for")]
    User,
    /// Its answer is too long, broke off, or has no link.
    #[error("its answer has no link")]
    NoLink,
}

/// Asks a site, by the name that led to it, where a user's server is; returns the link on which to go on.
///
/// # Errors
/// Why there is none.
pub async fn root(
    at: SocketAddr,
    name: &str,
    user: &str,
    patience: Duration,
) -> Result<String, AskError> {
    let asked = timeout(patience, ask(at, name, user)).await;
    asked.unwrap_or(Err(AskError::Silent))
}

async fn ask(at: SocketAddr, name: &str, user: &str) -> Result<String, AskError> {
    let stream = TcpStream::connect(at).await.map_err(AskError::Connect)?;
    let mut connection = Direct::begin(stream).await.map_err(AskError::Http)?;
    let request = Request::get(format!("/?sipuri={user}"))
        .header(HOST, name)
        .header(ACCEPT, "application/json")
        .body(Empty::<Bytes>::new());
    let request = request.map_err(|_| AskError::User)?;
    let response = connection.ask(request).await.map_err(AskError::Http)?;
    if response.status() != StatusCode::OK {
        return Err(AskError::Status(response.status()));
    }
    let body = Limited::new(response.into_body(), ANSWER_MAX).collect();
    let body = body.await.map_err(|_| AskError::NoLink)?;
    link(&body.to_bytes()).ok_or(AskError::NoLink)
}

/// The first link that a client follows.
fn link(document: &[u8]) -> Option<String> {
    let document: serde_json::Value = serde_json::from_slice(document).ok()?;
    let links = document["Root"]["Links"].as_array()?;
    let known = |link: &&serde_json::Value| {
        let token = link["token"].as_str();
        token.is_some_and(|token| matches!(token, "Redirect" | "User"))
    };
    let href = links.iter().find(known)?["href"].as_str()?;
    Some(href.to_owned())
}

#[cfg(test)]
mod tests {
    use super::link;

    #[test]
    fn the_first_link_that_a_client_knows_counts() {
        let links = r#"{"Root":{"Links":[{"token":"Domain","href":"a"},{"token":"User","href":"b"},{"token":"Redirect","href":"c"}]}}"#;
        assert_eq!(link(links.as_bytes()).as_deref(), Some("b"));
        for nothing in [
            "",
            "{}",
            r#"{"Root":{"Links":[]}}"#,
            r#"{"Root":{"Links":[{"token":"User"}]}}"#,
        ] {
            assert_eq!(link(nothing.as_bytes()), None, "{nothing}");
        }
    }
}
