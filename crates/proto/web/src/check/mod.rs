//! What every element that speaks HTTP checks in a request before anything else reads it.
//!
//! A request is refused where two readers could understand it differently: how long it is, whom it is for, which
//! resource it names. What passes has one meaning for everybody behind, so a reverse proxy may pass it on and a site
//! may compare its path with its own.
//!
//! ```text
//! method -> length -> host -> path -> single headers -> Asked
//!    501    400, 501   400   400, 414   400, 417
//! ```
//!
//! The codec before it has refused what is no HTTP at all: folded headers, NUL and bare CR in headers, spaces before a
//! colon, lengths that differ or are no number, transfer codings that do not end in `chunked` or come with HTTP/1.0,
//! fields of a connection in HTTP/2. Of a request with both a length and a transfer coding the codec keeps the coding,
//! forgets the length and ends the connection after the answer (RFC 9112 6.1), so nothing behind it is read as a
//! request; where both are still seen here, it is refused.
//!
//! Where it leaves the RFCs: a request of HTTP/1.0 without Host is refused too, since every site of ours has a name;
//! segments that are dots, empty segments and percent-encoded separators are refused and not resolved, since nothing of
//! ours is named so and programs behind may resolve them in another way.
//!
//! Sections: RFC 9110 4.2.4, 7.2, 9.1, 10.1.1, 15.5.20; RFC 9112 3.2, 6.1, 6.3; RFC 3986 3.3, 6.2.2.3; RFC 9113 8.3.1.
//!
//! Bounds: 8192 bytes of a target ([`TARGET_MAX`]); heads are bounded by the codec.

mod host;
mod path;
#[cfg(test)]
mod tests;

use http::header::{self, HeaderName};
use http::request::Parts;
use http::{HeaderMap, Method, StatusCode, Version};

pub use host::Host;

/// The longest target, path and query together.
pub const TARGET_MAX: usize = 8192;

/// What a request that passed asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked<'a> {
    /// For whom it is.
    pub host: Host<'a>,
    /// The path, as it was sent; begins with a slash, or is `*` for OPTIONS.
    pub path: &'a str,
    /// What stands behind the question mark.
    pub query: Option<&'a str>,
}

/// Why a request is not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// A method that nothing of ours knows; CONNECT and TRACE are among them.
    #[error("the method is not served here")]
    Method,
    /// A length beside a transfer coding, several of either, or one that is not a number.
    #[error("the length of the body is told in more than one way")]
    Length,
    /// A transfer coding other than `chunked`.
    #[error("only the transfer coding chunked is served here")]
    Coding,
    /// No Host, several, one that is no name, or another one than in the target.
    #[error("the request does not name one host")]
    Host,
    /// A target that is no path, or one with bytes that do not belong there.
    #[error("the target is not the path of a resource")]
    Target,
    /// A path that programs may resolve in different ways.
    #[error("the path can be read in more than one way")]
    Path,
    /// A target that is too long.
    #[error("the target is longer than {TARGET_MAX} bytes")]
    TooLong,
    /// A header that stands once, more than once.
    #[error("a header that may stand once stands more than once")]
    Repeated,
    /// An expectation other than `100-continue`.
    #[error("the expectation cannot be met")]
    Expectation,
    /// The connection is for another name than the request.
    #[error("this connection is not for that host")]
    Misdirected,
}

impl Fault {
    /// Returns the status that the request is answered with.
    #[must_use]
    pub const fn status(self) -> StatusCode {
        match self {
            Self::Method | Self::Coding => StatusCode::NOT_IMPLEMENTED,
            Self::Length | Self::Host | Self::Target | Self::Path | Self::Repeated => {
                StatusCode::BAD_REQUEST
            }
            Self::TooLong => StatusCode::URI_TOO_LONG,
            Self::Expectation => StatusCode::EXPECTATION_FAILED,
            Self::Misdirected => StatusCode::MISDIRECTED_REQUEST,
        }
    }

    /// Tells whether a connection of HTTP/1 is to be ended after the answer, since nobody knows where the next request
    /// would begin.
    #[must_use]
    pub const fn ends_connection(self) -> bool {
        matches!(self, Self::Length | Self::Coding)
    }
}

/// The methods that are served, each by whoever knows it.
const METHODS: [Method; 7] = [
    Method::GET,
    Method::HEAD,
    Method::POST,
    Method::PUT,
    Method::DELETE,
    Method::PATCH,
    Method::OPTIONS,
];

/// Headers that decide something and may stand once.
const SINGLE: [HeaderName; 4] = [
    header::AUTHORIZATION,
    header::CONTENT_TYPE,
    header::EXPECT,
    header::UPGRADE,
];

/// Checks a request and tells what it asks for.
///
/// # Errors
/// The first [`Fault`] that it has.
pub fn request(parts: &Parts) -> Result<Asked<'_>, Fault> {
    if !METHODS.contains(&parts.method) {
        return Err(Fault::Method);
    }
    length(parts)?;
    let host = host::of(parts)?;
    let path = path::of(parts)?;
    headers(&parts.headers)?;
    Ok(Asked {
        host,
        path,
        query: parts.uri.query(),
    })
}

/// Checks that the name which a client called in its TLS hello is that of the request; without one there is nothing to
/// compare.
///
/// # Errors
/// [`Fault::Misdirected`], upon which a client tries again on a connection of its own (RFC 9110 15.5.20).
pub fn same_name(server_name: Option<&str>, host: &Host<'_>) -> Result<(), Fault> {
    match server_name {
        Some(name) if !host.is(name) => Err(Fault::Misdirected),
        _ => Ok(()),
    }
}

fn length(parts: &Parts) -> Result<(), Fault> {
    let mut lengths = parts.headers.get_all(header::CONTENT_LENGTH).iter();
    let mut codings = parts.headers.get_all(header::TRANSFER_ENCODING).iter();
    let (length, coding) = (lengths.next(), codings.next());
    if lengths.next().is_some() || codings.next().is_some() {
        return Err(Fault::Length);
    }
    match (length, coding) {
        (None, None) => Ok(()),
        (Some(length), None) if is_number(length.as_bytes()) => Ok(()),
        // HTTP/2 frames its own bodies, and HTTP/1.0 knows no codings.
        (None, Some(_)) if parts.version != Version::HTTP_11 => Err(Fault::Length),
        (None, Some(coding)) if coding.as_bytes().eq_ignore_ascii_case(b"chunked") => Ok(()),
        (None, Some(_)) => Err(Fault::Coding),
        (Some(_), _) => Err(Fault::Length),
    }
}

/// Digits only, and no more of them than a length can have.
fn is_number(text: &[u8]) -> bool {
    (1..=19).contains(&text.len()) && text.iter().all(u8::is_ascii_digit)
}

fn headers(headers: &HeaderMap) -> Result<(), Fault> {
    let repeated = |name: &HeaderName| headers.get_all(name).iter().nth(1).is_some();
    if SINGLE.iter().any(repeated) {
        return Err(Fault::Repeated);
    }
    match headers.get(header::EXPECT) {
        Some(value) if !value.as_bytes().eq_ignore_ascii_case(b"100-continue") => {
            Err(Fault::Expectation)
        }
        _ => Ok(()),
    }
}
