//! What a reverse proxy decides: which names are published, where a request goes on, and what it carries there.
//!
//! ```text
//! request --check::request--> one meaning --name--> published? --no--> 421
//!                                                      | plain, and not for discovery --> redirect to HTTPS
//!                                                      \--> Pass: target, headers of ours (headers), tunnel or not
//! ```
//!
//! - The name that was called in the hello and the host of the request are one, since certificates and routes hang on it.
//! - An unknown name is answered like a wrong pair of names, so that an answer never tells which names there are.
//! - Host goes on unchanged; what a client says about whom it comes for is taken off and said anew ([`headers`]).
//! - Only WebSocket is an upgrade; any other wish to upgrade is passed over, as RFC 9110 7.8 allows.
//!
//! This is not the place that knows addresses or ports of the inside: a target is a number, and its owner knows the rest.
//!
//! Sections: RFC 9110 7.4, 7.6, 7.8, 15.4.2, 15.4.9; RFC 6455 4.1; RFC 7239.
//!
//! Bounds: [`BODY_MAX`] bytes of a request's body whose length is told; who counts the others is told the same number.

mod forwarded;
mod headers;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::net::IpAddr;

use http::header::{self, HeaderValue};
use http::request::Parts;
use http::{Method, StatusCode, Version};

pub use forwarded::forwarded_for;
pub use headers::{inward, outward};

use crate::check::{self, Fault, Host};

/// The largest body of a request that goes through.
pub const BODY_MAX: u64 = 16 << 20;

/// The port of HTTPS, which no address need name.
const HTTPS: u16 = 443;

/// A published name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Published {
    /// Where its requests go on, by its place in the owner's list.
    pub target: usize,
    /// Whether it is served without TLS too, as names of discovery are; other names are sent to HTTPS.
    pub plain: bool,
}

/// The published names.
#[derive(Clone, Debug, Default)]
pub struct Publication {
    names: BTreeMap<String, Published>,
    /// Where the names are published, for redirects.
    port: u16,
}

/// How a request came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrival<'a> {
    /// The client.
    pub source: IpAddr,
    /// Whether it came over TLS.
    pub secured: bool,
    /// The name that was called in the hello.
    pub server_name: Option<&'a str>,
}

/// Where a request goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Way {
    /// On to a target.
    Pass {
        /// Which, by its place in the owner's list.
        target: usize,
        /// Whether the client asks for a WebSocket.
        websocket: bool,
    },
    /// To the same resource over TLS.
    Redirect {
        /// Where it is.
        location: HeaderValue,
        /// How that is said: GET stays GET with any of them, other methods stay what they are with this one.
        status: StatusCode,
    },
}

/// Why a request goes nowhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It can be read in more than one way, or is not for us.
    #[error(transparent)]
    Fault(#[from] Fault),
    /// Its body is too large.
    #[error("the body is larger than {BODY_MAX} bytes")]
    TooLarge,
    /// It asks that a header be taken off which is for everybody.
    #[error("Connection names a header that is not of the connection")]
    Connection,
}

impl Refusal {
    /// Returns the status that the request is answered with.
    #[must_use]
    pub const fn status(self) -> StatusCode {
        match self {
            Self::Fault(fault) => fault.status(),
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Connection => StatusCode::BAD_REQUEST,
        }
    }

    /// Tells whether a connection of HTTP/1 is to be ended after the answer.
    #[must_use]
    pub const fn ends_connection(self) -> bool {
        match self {
            Self::Fault(fault) => fault.ends_connection(),
            Self::TooLarge => true,
            Self::Connection => false,
        }
    }
}

impl Publication {
    /// Publishes nothing yet; `port` is where TLS is served.
    #[must_use]
    pub const fn at(port: u16) -> Self {
        Self {
            names: BTreeMap::new(),
            port,
        }
    }

    /// Publishes a name; what was said of it first holds.
    pub fn publish(&mut self, name: &str, published: Published) {
        let name = name.to_ascii_lowercase();
        self.names.entry(name).or_insert(published);
    }

    /// Returns the published names, in lower case.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.names.keys().map(String::as_str)
    }

    /// Decides about a request.
    ///
    /// # Errors
    /// The [`Refusal`] with which it is answered.
    pub fn decide(&self, parts: &Parts, arrival: Arrival<'_>) -> Result<Way, Refusal> {
        let asked = check::request(parts)?;
        if arrival.secured {
            check::same_name(arrival.server_name, &asked.host)?;
        }
        let published = self.find(&asked.host).ok_or(Fault::Misdirected)?;
        if !arrival.secured && !published.plain {
            return self.redirect(parts, &asked.host);
        }
        if length(parts).is_some_and(|length| length > BODY_MAX) {
            return Err(Refusal::TooLarge);
        }
        if headers::takes_off_what_stays(&parts.headers) {
            return Err(Refusal::Connection);
        }
        Ok(Way::Pass {
            target: published.target,
            websocket: is_websocket(parts),
        })
    }

    fn find(&self, host: &Host<'_>) -> Option<Published> {
        let is_lower = !host.name.bytes().any(|byte| byte.is_ascii_uppercase());
        let name = if is_lower {
            Cow::Borrowed(host.name)
        } else {
            Cow::Owned(host.name.to_ascii_lowercase())
        };
        self.names.get(name.as_ref()).copied()
    }

    fn redirect(&self, parts: &Parts, host: &Host<'_>) -> Result<Way, Refusal> {
        let target = parts.uri.path_and_query().map_or("/", |t| t.as_str());
        let target = if target == "*" { "/" } else { target };
        let name = host.name;
        let location = match self.port {
            HTTPS => format!("https://{name}{target}"),
            port => format!("https://{name}:{port}{target}"),
        };
        let location = HeaderValue::try_from(location).map_err(|_| Fault::Target)?;
        let keeps = matches!(parts.method, Method::GET | Method::HEAD);
        let status = if keeps {
            StatusCode::MOVED_PERMANENTLY
        } else {
            StatusCode::PERMANENT_REDIRECT
        };
        Ok(Way::Redirect { location, status })
    }
}

/// The length that the request tells of its body; it has been found to be a number.
fn length(parts: &Parts) -> Option<u64> {
    let text = parts.headers.get(header::CONTENT_LENGTH)?.to_str().ok()?;
    text.parse().ok()
}

/// The opening of RFC 6455 4.1; HTTP/2 opens WebSockets in a way of its own, which is not offered.
fn is_websocket(parts: &Parts) -> bool {
    let is = |name, word: &[u8]| {
        let value: Option<&HeaderValue> = parts.headers.get(name);
        value.is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(word))
    };
    let bodiless = length(parts).is_none_or(|length| length == 0)
        && !parts.headers.contains_key(header::TRANSFER_ENCODING);
    parts.method == Method::GET
        && parts.version == Version::HTTP_11
        && bodiless
        && is(header::UPGRADE, b"websocket")
        && headers::connection_options(&parts.headers).any(|it| it.eq_ignore_ascii_case("upgrade"))
}
