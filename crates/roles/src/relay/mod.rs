//! A request on its way to one of several servers, and the answer on its way back; the ground on which the reverse proxy
//! and a balancer that ends TLS stand.
//!
//! ```text
//! Choice::next --> sent --> answered ---> the client, as a stream, or a tunnel if both agreed on one
//!      ^----not reached, nothing sent         \--no answer: 502, 503, 504, 408, 413
//! ```
//!
//! Who is next is decided in `web::balance`; connections are `runtime::http::client`'s.
//!
//! Bounds: those of the client; each server is tried once for a request.

mod choice;
mod own;

use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper::upgrade::OnUpgrade;
use hyper::{Request, Response, StatusCode, Version, header};
use runtime::http::client::{Answer, Client, Failed, Outgoing, Reason};
use runtime::http::{Body, empty, tunnel};
use std::time::Duration;
use web::publish::{Arrival, BODY_MAX, outward};
use web::trace::TRACEPARENT;

use crate::requests::{Asked, Clerk};

pub use choice::{Choice, Servers, Wanted};
pub use own::{redirect, refuse};

/// How long one end of a tunnel may leave a piece unread.
const STALL: Duration = Duration::from_secs(30);

/// Why the client gets no answer of a server.
#[derive(Debug, thiserror::Error)]
pub enum Trouble {
    /// All servers were tried, or none takes anything.
    #[error("no server is there for the request")]
    NoServer(#[source] Option<Reason>),
    /// As many requests are under way as may be.
    #[error("too many requests are under way")]
    Full,
    /// The one that took it did not answer.
    #[error("the server did not answer")]
    Server(#[source] Reason),
    /// It became something that was not asked for.
    #[error("the server switched protocols unasked")]
    Switched,
}

impl Trouble {
    /// Returns the status that the client gets.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        match self {
            Self::NoServer(None) | Self::Full => StatusCode::SERVICE_UNAVAILABLE,
            Self::NoServer(Some(reason)) | Self::Server(reason) => match reason {
                Reason::Crowded => StatusCode::SERVICE_UNAVAILABLE,
                Reason::Late => StatusCode::GATEWAY_TIMEOUT,
                Reason::SlowClient => StatusCode::REQUEST_TIMEOUT,
                Reason::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
                Reason::ClientGone => StatusCode::BAD_REQUEST,
                Reason::Unreachable(_) | Reason::Broken(_) => StatusCode::BAD_GATEWAY,
            },
            Self::Switched => StatusCode::BAD_GATEWAY,
        }
    }
}

/// One request, judged and ready to go on.
pub struct Errand<'a> {
    /// How it came in.
    pub arrival: Arrival<'a>,
    /// Whether a WebSocket is asked for.
    pub websocket: bool,
    /// The place of the first server in the client's list.
    pub first: usize,
    /// How long a WebSocket may be silent.
    pub idle: Duration,
    /// Who takes note of it, and as which request.
    pub noted: (&'a Clerk, &'a Asked),
}

/// Sends a request to the first server that takes it and returns its answer, as it goes to the client.
///
/// # Errors
/// See [`Trouble`].
pub async fn pass(
    client: &Client,
    choice: &mut Choice<'_>,
    errand: Errand<'_>,
    request: Request<Incoming>,
) -> Result<Response<Body>, Trouble> {
    let (mut parts, body) = request.into_parts();
    let upgrade = parts.extensions.remove::<OnUpgrade>();
    let upgrade = upgrade.filter(|_| errand.websocket);
    outward(&mut parts, errand.arrival, errand.websocket);
    let (clerk, asked) = errand.noted;
    parts.headers.insert(TRACEPARENT, clerk.onward(asked));
    let request = Request::from_parts(parts, Outgoing::of(body, BODY_MAX));
    let response = send(client, choice, &errand, request).await?;
    answer(response, upgrade, errand.idle)
}

async fn send(
    client: &Client,
    choice: &mut Choice<'_>,
    errand: &Errand<'_>,
    mut request: Request<Outgoing>,
) -> Result<Response<Answer>, Trouble> {
    let mut last = None;
    loop {
        let server = choice.next(last)?;
        let place = errand.first + server.0;
        match client.send(place, request).await {
            Ok(response) => {
                choice.taken();
                return Ok(response);
            }
            Err(Failed {
                reason: reason @ (Reason::Unreachable(_) | Reason::Crowded),
                unsent: Some(unsent),
            }) => {
                tracing::debug!(error = %reason, "a web server was not reached");
                let (clerk, asked) = errand.noted;
                clerk.unreached(asked, client.server(place), &reason);
                choice.failed();
                request = unsent;
                last = Some(reason);
            }
            Err(Failed { reason, .. }) => return Err(Trouble::Server(reason)),
        }
    }
}

/// Makes of a server's answer that of ours; `client` is set if a WebSocket was asked for, and is joined with the server
/// if it agreed.
fn answer(
    response: Response<Answer>,
    client: Option<OnUpgrade>,
    idle: Duration,
) -> Result<Response<Body>, Trouble> {
    let (mut parts, body) = response.into_parts();
    let mut switched = false;
    let body = if parts.status == StatusCode::SWITCHING_PROTOCOLS {
        let to = parts.headers.get(header::UPGRADE);
        let agreed = to.is_some_and(|to| to.as_bytes().eq_ignore_ascii_case(b"websocket"));
        let server = parts.extensions.remove::<OnUpgrade>();
        let (Some(client), Some(server), true) = (client, server, agreed) else {
            return Err(Trouble::Switched);
        };
        tokio::task::spawn_local(async move {
            if let Err(error) = tunnel(client, server, idle, STALL).await {
                tracing::debug!(%error, "a WebSocket ended with an error");
            }
        });
        switched = true;
        empty()
    } else {
        body.boxed_unsync()
    };
    web::publish::inward(&mut parts, switched);
    parts.version = Version::HTTP_11;
    Ok(Response::from_parts(parts, body))
}
