//! For whom a request is: the one name that Host and target agree on.

use std::fmt;

use http::header;
use http::request::Parts;

use super::Fault;

/// The longest name of a host, as DNS has them, with a dot at the end.
const NAME_MAX: usize = 254;

/// A name or an address, with the port if the client wrote one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Host<'a> {
    /// As it was written, without a dot at the end; an IPv6 address keeps its brackets.
    pub name: &'a str,
    /// The port.
    pub port: Option<u16>,
}

impl<'a> Host<'a> {
    /// Reads `name` or `name:port`.
    ///
    /// # Errors
    /// [`Fault::Host`] for whatever else: nothing, user information, percent signs, a port that is none.
    pub fn parse(text: &'a str) -> Result<Self, Fault> {
        let end = if text.starts_with('[') {
            text.find(']').ok_or(Fault::Host)? + 1
        } else {
            text.find(':').unwrap_or(text.len())
        };
        let (name, rest) = text.split_at_checked(end).ok_or(Fault::Host)?;
        let port = match rest.strip_prefix(':') {
            Some(port) => Some(port_of(port)?),
            None if rest.is_empty() => None,
            None => return Err(Fault::Host),
        };
        if !is_name(name) && !is_literal(name) {
            return Err(Fault::Host);
        }
        let name = name.strip_suffix('.').unwrap_or(name);
        Ok(Self { name, port })
    }

    /// Tells whether this is that host, whatever the port and the case of letters.
    #[must_use]
    pub const fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name)
    }
}

impl fmt::Display for Host<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.port {
            Some(port) => write!(f, "{}:{port}", self.name),
            None => f.write_str(self.name),
        }
    }
}

/// Host and the target's authority, of which HTTP/1 needs the first and HTTP/2 one of them; where both stand they agree.
pub(super) fn of(parts: &Parts) -> Result<Host<'_>, Fault> {
    let mut values = parts.headers.get_all(header::HOST).iter();
    let written = values.next();
    if values.next().is_some() {
        return Err(Fault::Host);
    }
    let written = match written {
        Some(value) => Some(Host::parse(value.to_str().map_err(|_| Fault::Host)?)?),
        None => None,
    };
    let target = match parts.uri.authority() {
        Some(authority) => Some(Host::parse(authority.as_str())?),
        None => None,
    };
    if parts.version < http::Version::HTTP_2 && written.is_none() {
        return Err(Fault::Host);
    }
    match (written, target) {
        (Some(written), Some(target)) if !agree(&written, &target) => Err(Fault::Host),
        (Some(host), _) | (None, Some(host)) => Ok(host),
        (None, None) => Err(Fault::Host),
    }
}

/// A port may stand in one and be left out in the other.
fn agree(one: &Host<'_>, other: &Host<'_>) -> bool {
    let same_port = one.port.is_none() || other.port.is_none() || one.port == other.port;
    one.is(other.name) && same_port
}

fn port_of(text: &str) -> Result<u16, Fault> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let port = text.parse().ok().filter(|port| digits && *port != 0);
    port.ok_or(Fault::Host)
}

/// Labels of letters, digits, hyphens and underscores; an IPv4 address looks the same.
fn is_name(text: &str) -> bool {
    let text = text.strip_suffix('.').unwrap_or(text);
    let label = |label: &str| {
        let known = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        (1..=63).contains(&label.len()) && label.bytes().all(known)
    };
    text.len() < NAME_MAX && text.split('.').all(label)
}

fn is_literal(text: &str) -> bool {
    let inner = text.strip_prefix('[').and_then(|t| t.strip_suffix(']'));
    inner.is_some_and(|inner| inner.parse::<std::net::Ipv6Addr>().is_ok())
}
