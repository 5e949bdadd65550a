//! SIP, SIPS and tel URIs (RFC 3261 19.1, RFC 3966).
//!
//! A URI is taken apart into slices of the text and checked character by character; nothing is decoded until two are
//! compared ([`Uri::matches`]) or a user's canonical address is asked for ([`Uri::aor`]). Other schemes are kept as
//! they are. Leaves the RFC in one point: an underscore in a host name is accepted, since networks have such names.

mod equality;
#[cfg(test)]
mod tests;

use std::net::Ipv6Addr;

use memchr::memchr;

use super::Invalid;
use super::lex::{Class, Cursor, Params, cut};

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
        let (scheme, rest) = cut(text, b':');
        let (scheme, rest) = (scheme_of(scheme)?, rest?);
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

    /// Reads from left to right. An `@` anywhere, be it behind a `;` or `?`, makes a user of what is before it.
    fn with_sip(mut self, rest: &'m str) -> Option<Self> {
        let mut cursor = Cursor::new(rest);
        if let Some(userinfo_len) = memchr(b'@', rest.as_bytes()) {
            let userinfo = cursor.take(userinfo_len);
            cursor.eat(b'@');
            (self.user, self.password) = user_and_password(userinfo)?;
        }
        (self.host, self.port) = host_port(&mut cursor)?;
        if cursor.eat(b';') {
            let len = Class::PARAM.escaped_span(cursor.rest().as_bytes());
            self.params = Params::new(cursor.take(len));
        }
        if cursor.eat(b'?') {
            let len = Class::HEADER.escaped_span(cursor.rest().as_bytes());
            self.headers = Some(cursor.take(len)).filter(|headers| !headers.is_empty());
            self.headers?;
        }
        cursor.rest().is_empty().then_some(self)
    }

    fn with_number(mut self, rest: &'m str) -> Option<Self> {
        let (number, params) = cut(rest, b';');
        let params = params.unwrap_or_default();
        let digits = number.strip_prefix('+').unwrap_or(number);
        let is_number = digits.bytes().all(|byte| {
            byte.is_ascii_hexdigit() || matches!(byte, b'-' | b'.' | b'(' | b')' | b'*' | b'#')
        });
        if digits.is_empty() || !is_number || !is_escaped(params, Class::PARAM) {
            return None;
        }
        self.user = Some(number);
        self.params = Params::new(params);
        Some(self)
    }
}

fn user_and_password(userinfo: &str) -> Option<(Option<&str>, Option<&str>)> {
    let (user, password) = cut(userinfo, b':');
    let is_sound = !user.is_empty()
        && is_escaped(user, Class::USER)
        && password.is_none_or(|password| is_escaped(password, Class::USER));
    is_sound.then_some((Some(user), password))
}

/// Reads `host[:port]`.
fn host_port<'m>(cursor: &mut Cursor<'m>) -> Option<(&'m str, Option<u16>)> {
    let host = host(cursor)?;
    let port = if cursor.eat(b':') {
        Some(cursor.port()?)
    } else {
        None
    };
    Some((host, port))
}

/// Reads a host name, an IPv4 address, or an IPv6 address in its brackets.
pub(super) fn host<'m>(cursor: &mut Cursor<'m>) -> Option<&'m str> {
    let rest = cursor.rest().as_bytes();
    match rest.first()? {
        b'[' => {
            let end = memchr(b']', rest)?;
            let host = cursor.take(end + 1);
            let address = host.get(1..end)?;
            address.parse::<Ipv6Addr>().is_ok().then_some(host)
        }
        b'-' | b'.' => None,
        _ => Some(cursor.take_all(Class::HOST)).filter(|host| !host.is_empty()),
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

const fn is_plain(byte: u8) -> bool {
    byte > b' ' && byte < 0x7f && !matches!(byte, b'<' | b'>')
}

/// Tells whether every byte is of this class or part of a whole escape.
fn is_escaped(text: &str, class: Class) -> bool {
    class.escaped_span(text.as_bytes()) == text.len()
}
