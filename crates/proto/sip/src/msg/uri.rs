//! SIP, SIPS and tel URIs (RFC 3261 19.1, RFC 3966).
//!
//! A URI is taken apart into slices of the text and checked character by character; nothing is decoded until two are
//! compared ([`Uri::matches`]) or a user's canonical address is asked for ([`Uri::aor`]). Other schemes are kept as
//! they are. Leaves the RFC in one point: an underscore in a host name is accepted, since networks have such names.

mod equality;
#[cfg(test)]
mod tests;

use std::net::Ipv6Addr;

use super::Invalid;
use super::lex::{Params, number};

/// The scheme of a URI.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// `sip`
    Sip,
    /// `sips`
    Sips,
    /// `tel`
    Tel,
    /// Any other.
    Other,
}

/// A URI, taken apart.
#[derive(Clone, Copy, Debug)]
pub struct Uri<'m> {
    /// The scheme.
    pub scheme: Scheme,
    /// The user as written, without a password; of a `tel` URI the number.
    pub user: Option<&'m str>,
    /// What follows the user and a colon, before the `@`.
    pub password: Option<&'m str>,
    /// The host as written, an IPv6 address in its brackets; empty unless the scheme is `sip` or `sips`.
    pub host: &'m str,
    /// The port.
    pub port: Option<u16>,
    /// The parameters.
    pub params: Params<'m>,
    /// What follows the question mark.
    pub headers: Option<&'m str>,
    text: &'m str,
}

impl<'m> Uri<'m> {
    /// Takes a URI apart.
    ///
    /// # Errors
    /// [`Invalid::Uri`] if it breaks the grammar.
    pub fn parse(text: &'m str) -> Result<Self, Invalid> {
        Self::read(text).ok_or(Invalid::Uri)
    }

    /// Returns the URI as written.
    #[must_use]
    pub const fn as_str(&self) -> &'m str {
        self.text
    }

    fn read(text: &'m str) -> Option<Self> {
        let (scheme, rest) = text.split_once(':')?;
        let scheme = scheme_of(scheme)?;
        let bare = Self {
            scheme,
            user: None,
            password: None,
            host: "",
            port: None,
            params: Params::default(),
            headers: None,
            text,
        };
        match scheme {
            Scheme::Sip | Scheme::Sips => bare.with_sip(rest),
            Scheme::Tel => bare.with_number(rest),
            Scheme::Other => (!rest.is_empty()
                && rest.bytes().all(|byte| is_plain(byte) && byte != b'"'))
            .then_some(bare),
        }
    }

    fn with_sip(mut self, rest: &'m str) -> Option<Self> {
        let hostpart = match rest.split_once('@') {
            Some((userinfo, hostpart)) => {
                let (user, password) = match userinfo.split_once(':') {
                    Some((user, password)) => (user, Some(password)),
                    None => (userinfo, None),
                };
                if user.is_empty() || !is_escaped_text(user, is_user_byte) {
                    return None;
                }
                if !password.is_none_or(|password| is_escaped_text(password, is_user_byte)) {
                    return None;
                }
                self.user = Some(user);
                self.password = password;
                hostpart
            }
            None => rest,
        };
        let (hostpart, headers) = cut(hostpart, '?');
        let (hostport, params) = cut(hostpart, ';');
        let (host, port) = host_port(hostport)?;
        let params = params.unwrap_or_default();
        if !is_escaped_text(params, is_param_byte) {
            return None;
        }
        if !headers
            .is_none_or(|headers| !headers.is_empty() && is_escaped_text(headers, is_header_byte))
        {
            return None;
        }
        self.host = host;
        self.port = port;
        self.params = Params::new(params);
        self.headers = headers;
        Some(self)
    }

    fn with_number(mut self, rest: &'m str) -> Option<Self> {
        let (number, params) = cut(rest, ';');
        let params = params.unwrap_or_default();
        let digits = number.strip_prefix('+').unwrap_or(number);
        let is_number = digits.bytes().all(|byte| {
            byte.is_ascii_hexdigit() || matches!(byte, b'-' | b'.' | b'(' | b')' | b'*' | b'#')
        });
        if digits.is_empty() || !is_number || !is_escaped_text(params, is_param_byte) {
            return None;
        }
        self.user = Some(number);
        self.params = Params::new(params);
        Some(self)
    }
}

/// Splits `host[:port]`, where white space may surround the colon as it may in a Via (RFC 3261 25.1).
pub(super) fn host_port(text: &str) -> Option<(&str, Option<u16>)> {
    let host_len = if text.starts_with('[') {
        text.find(']')? + 1
    } else {
        text.find(':').unwrap_or(text.len())
    };
    let host = text.get(..host_len)?;
    let rest = text.get(host_len..)?;
    if !is_host(host) {
        return None;
    }
    let Some(port) = rest.strip_prefix(':') else {
        return rest.is_empty().then_some((host, None));
    };
    match number(port.as_bytes()).and_then(|port| u16::try_from(port).ok()) {
        Some(0) | None => None,
        port => Some((host, port)),
    }
}

fn is_host(host: &str) -> bool {
    match host
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
    {
        Some(address) => address.parse::<Ipv6Addr>().is_ok(),
        None => {
            host.starts_with(|first: char| first.is_ascii_alphanumeric() || first == '_')
                && host
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_'))
        }
    }
}

fn scheme_of(text: &str) -> Option<Scheme> {
    if text.eq_ignore_ascii_case("sip") {
        return Some(Scheme::Sip);
    }
    if text.eq_ignore_ascii_case("sips") {
        return Some(Scheme::Sips);
    }
    if text.eq_ignore_ascii_case("tel") {
        return Some(Scheme::Tel);
    }
    let rest = text.strip_prefix(|first: char| first.is_ascii_alphabetic())?;
    rest.bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'))
        .then_some(Scheme::Other)
}

fn cut(text: &str, at: char) -> (&str, Option<&str>) {
    match text.split_once(at) {
        Some((before, after)) => (before, Some(after)),
        None => (text, None),
    }
}

const fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'-' | b'_' | b'.' | b'!' | b'~' | b'*' | b'\'' | b'(' | b')'
        )
}

const fn is_user_byte(byte: u8) -> bool {
    is_unreserved(byte) || matches!(byte, b'&' | b'=' | b'+' | b'$' | b',' | b';' | b'?' | b'/')
}

const fn is_param_byte(byte: u8) -> bool {
    is_unreserved(byte)
        || matches!(
            byte,
            b'[' | b']' | b'/' | b':' | b'&' | b'+' | b'$' | b'=' | b';'
        )
}

const fn is_header_byte(byte: u8) -> bool {
    is_unreserved(byte)
        || matches!(
            byte,
            b'[' | b']' | b'/' | b'?' | b':' | b'&' | b'+' | b'$' | b'=' | b';' | b','
        )
}

const fn is_plain(byte: u8) -> bool {
    byte > b' ' && byte < 0x7f && !matches!(byte, b'<' | b'>')
}

/// Tells whether every byte is allowed or part of a whole escape.
fn is_escaped_text(text: &str, is_allowed: fn(u8) -> bool) -> bool {
    let mut bytes = text.as_bytes();
    loop {
        bytes = match bytes {
            [] => return true,
            [b'%', high, low, rest @ ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                rest
            }
            [byte, rest @ ..] if is_allowed(*byte) => rest,
            _ => return false,
        };
    }
}
