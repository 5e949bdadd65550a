//! Which headers go on and which stay, in both directions.
//!
//! - Off: those of the connection (RFC 9110 7.6.1), those that `Connection` names, and every word of the client about
//!   whom it comes for.
//! - On: `X-Forwarded-For`, `-Proto`, `-Host` and `Forwarded` (RFC 7239) with what is known of the client, `Via` with a
//!   pseudonym (RFC 9110 7.6.3), so that no name of a machine leaves.
//! - Joined: cookies that HTTP/2 brings in pieces (RFC 9113 8.2.3).
//! - Kept as it came: Host, and everything else.
//!
//! Trailers are left out, as intermediaries may (RFC 9110 6.5.1). Answers lose `Alt-Svc` too, since it would lead
//! clients past the proxy. `traceparent` goes both ways; who sends the request on says it anew ([`crate::trace`]).

use std::net::IpAddr;

use http::header::{self, HeaderName, HeaderValue};
use http::request::Parts;
use http::uri::PathAndQuery;
use http::{HeaderMap, Uri, Version, response};

use super::Arrival;

const WEBSOCKET: HeaderValue = HeaderValue::from_static("websocket");
const UPGRADE: HeaderValue = HeaderValue::from_static("upgrade");

/// Prepares a request for its target.
pub fn outward(parts: &mut Parts, arrival: Arrival<'_>, websocket: bool) {
    let host = host_of(parts);
    let via = via(parts.version);
    let headers = &mut parts.headers;
    strip(headers, is_said_by_client);
    crate::trace::strip(headers);
    join_cookies(headers);
    if let Some(host) = host {
        tell(headers, arrival, &host);
        headers.insert(header::HOST, host);
    }
    headers.append(header::VIA, via);
    if websocket {
        headers.insert(header::CONNECTION, UPGRADE);
        headers.insert(header::UPGRADE, WEBSOCKET);
    }
    // The target is a server and no proxy: it is given a path (RFC 9112 3.2.1).
    let root = || PathAndQuery::from_static("/");
    let path = parts.uri.path_and_query().cloned();
    parts.uri = Uri::from(path.unwrap_or_else(root));
    parts.version = Version::HTTP_11;
}

/// Prepares an answer for the client.
pub fn inward(parts: &mut response::Parts, websocket: bool) {
    strip(&mut parts.headers, |name| *name == header::ALT_SVC);
    crate::trace::strip(&mut parts.headers);
    if websocket {
        parts.headers.insert(header::CONNECTION, UPGRADE);
        parts.headers.insert(header::UPGRADE, WEBSOCKET);
    }
}

/// What `Connection` names.
pub(super) fn connection_options(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    let values = headers.get_all(header::CONNECTION).iter();
    let texts = values.filter_map(|value| value.to_str().ok());
    texts.flat_map(|text| text.split(',').map(str::trim))
}

/// Tells whether a client wants a header taken off that its target may need (RFC 9110 7.6.1 forbids it to name these).
pub(super) fn takes_off_what_stays(headers: &HeaderMap) -> bool {
    const STAYS: [&str; 7] = [
        "host",
        "content-length",
        "content-type",
        "authorization",
        "cookie",
        "cache-control",
        "via",
    ];
    connection_options(headers).any(|option| {
        let is = |name: &&str| option.eq_ignore_ascii_case(name);
        STAYS.iter().any(is) || has_prefix(option, FORWARDED)
    })
}

const FORWARDED: &str = "x-forwarded-";

fn has_prefix(text: &str, prefix: &str) -> bool {
    let head = text.get(..prefix.len());
    head.is_some_and(|head| head.eq_ignore_ascii_case(prefix))
}

/// Host as the client wrote it, or the authority of its target.
fn host_of(parts: &Parts) -> Option<HeaderValue> {
    let written = parts.headers.get(header::HOST).cloned();
    written.or_else(|| HeaderValue::from_str(parts.uri.authority()?.as_str()).ok())
}

/// Takes off what is of the connection, and what `also` says.
fn strip(headers: &mut HeaderMap, also: impl Fn(&HeaderName) -> bool) {
    let named = |name: &HeaderName| {
        connection_options(headers).any(|option| option.eq_ignore_ascii_case(name.as_str()))
    };
    let names_any = headers.contains_key(header::CONNECTION);
    let goes =
        |name: &&HeaderName| is_of_connection(name) || also(name) || (names_any && named(name));
    let gone: Vec<HeaderName> = headers.keys().filter(goes).cloned().collect();
    for name in gone {
        headers.remove(name);
    }
}

fn is_of_connection(name: &HeaderName) -> bool {
    const STANDARD: [HeaderName; 7] = [
        header::CONNECTION,
        header::TE,
        header::TRAILER,
        header::TRANSFER_ENCODING,
        header::UPGRADE,
        header::PROXY_AUTHENTICATE,
        header::PROXY_AUTHORIZATION,
    ];
    STANDARD.contains(name)
        || matches!(
            name.as_str(),
            "keep-alive" | "proxy-connection" | "proxy-authentication-info" | "http2-settings"
        )
}

/// What programs behind a proxy take for the proxy's word.
fn is_said_by_client(name: &HeaderName) -> bool {
    const SAID: [&str; 12] = [
        "x-real-ip",
        "x-client-ip",
        "x-cluster-client-ip",
        "x-original-url",
        "x-original-host",
        "x-rewrite-url",
        "x-host",
        "x-http-host-override",
        "true-client-ip",
        "client-ip",
        "front-end-https",
        "x-url-scheme",
    ];
    let text = name.as_str();
    *name == header::FORWARDED || text.starts_with(FORWARDED) || SAID.contains(&text)
}

fn join_cookies(headers: &mut HeaderMap) {
    let pieces = || headers.get_all(header::COOKIE).iter();
    if pieces().nth(1).is_none() {
        return;
    }
    let pieces: Vec<&[u8]> = pieces().map(HeaderValue::as_bytes).collect();
    if let Ok(whole) = HeaderValue::from_bytes(&pieces.join(&b"; "[..])) {
        headers.insert(header::COOKIE, whole);
    }
}

/// Says for whom the request is.
fn tell(headers: &mut HeaderMap, arrival: Arrival<'_>, host: &HeaderValue) {
    const FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
    const PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
    const HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
    let proto = if arrival.secured { "https" } else { "http" };
    let source = arrival.source.to_canonical();
    // A node with colons, and a host with a port, are quoted (RFC 7239 4, 6).
    let node = match source {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("\"[{address}]\""),
    };
    let host_text = host.to_str().unwrap_or_default();
    let quote = if host_text.contains(':') { "\"" } else { "" };
    let forwarded = format!("for={node};host={quote}{host_text}{quote};proto={proto}");
    let values = [
        (FOR, HeaderValue::try_from(source.to_string())),
        (header::FORWARDED, HeaderValue::try_from(forwarded)),
    ];
    for (name, value) in values {
        if let Ok(value) = value {
            headers.insert(name, value);
        }
    }
    headers.insert(PROTO, HeaderValue::from_static(proto));
    headers.insert(HOST, host.clone());
}

/// The name of the product, and of no machine.
fn via(version: Version) -> HeaderValue {
    if version == Version::HTTP_2 {
        HeaderValue::from_static("2.0 vestibule")
    } else if version == Version::HTTP_10 {
        HeaderValue::from_static("1.0 vestibule")
    } else {
        HeaderValue::from_static("1.1 vestibule")
    }
}
