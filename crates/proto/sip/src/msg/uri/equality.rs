//! When two URIs are the same (RFC 3261 19.1.4, RFC 3966 4), and the address of record that stands for many.

use super::{Scheme, Uri};
use crate::msg::Params;
use crate::msg::lex::Class;

impl Uri<'_> {
    /// Returns the canonical address of record, `sip:user@host`; `None` without a user or for other schemes.
    ///
    /// Escapes in the user are undone and only what must be escaped is escaped again; the host is in lower case; port,
    /// parameters and headers are left out (RFC 3261 10.3 step 5). `sips` gives the same address as `sip`.
    #[must_use]
    pub fn aor(&self) -> Option<String> {
        let user = self.user?;
        if !matches!(self.scheme, Scheme::Sip | Scheme::Sips) || user.is_empty() {
            return None;
        }
        let mut aor = String::with_capacity("sip:@".len() + user.len() + self.host.len());
        aor.push_str("sip:");
        for (byte, _) in unescaped(user) {
            if Class::USER.has(byte) {
                aor.push(char::from(byte));
            } else {
                aor.push('%');
                aor.push(hex_digit(byte >> 4));
                aor.push(hex_digit(byte & 15));
            }
        }
        aor.push('@');
        let host = aor.len();
        aor.push_str(self.host);
        if let Some(host) = aor.get_mut(host..) {
            host.make_ascii_lowercase();
        }
        Some(aor)
    }

    /// Tells whether both URIs are the same by RFC 3261 19.1.4; other schemes by their text in any case.
    #[must_use]
    pub fn matches(&self, other: &Uri<'_>) -> bool {
        if self.scheme != other.scheme {
            return false;
        }
        match self.scheme {
            Scheme::Sip | Scheme::Sips => {
                same_part(self.user, other.user)
                    && same_part(self.password, other.password)
                    && self.host.eq_ignore_ascii_case(other.host)
                    && self.port == other.port
                    && params_agree(self.params, other.params)
                    && params_agree(other.params, self.params)
                    && same_headers(self.headers, other.headers)
            }
            Scheme::Tel => {
                same_number(self.user, other.user)
                    && number_params_agree(self.params, other.params)
                    && number_params_agree(other.params, self.params)
            }
            Scheme::Other => self.text.eq_ignore_ascii_case(other.text),
        }
    }
}

/// Yields each byte with its escape undone, and whether it was escaped.
fn unescaped(text: &str) -> impl Iterator<Item = (u8, bool)> {
    let mut bytes = text.as_bytes();
    std::iter::from_fn(move || {
        let (byte, rest) = match bytes {
            [] => return None,
            [b'%', high, low, rest @ ..] => match (hex_value(*high), hex_value(*low)) {
                (Some(high), Some(low)) => ((high << 4 | low, true), rest),
                _ => ((b'%', false), bytes.get(1..).unwrap_or_default()),
            },
            [byte, rest @ ..] => ((*byte, false), rest),
        };
        bytes = rest;
        Some(byte)
    })
}

const fn hex_value(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

const fn hex_digit(value: u8) -> char {
    (if value < 10 {
        b'0' + value
    } else {
        b'A' + value - 10
    }) as char
}

/// An escaped reserved character differs from the same character unescaped; any other escape does not matter.
fn same_part(one: Option<&str>, other: Option<&str>) -> bool {
    let reserved = |byte| {
        matches!(
            byte,
            b';' | b'/' | b'?' | b':' | b'@' | b'&' | b'=' | b'+' | b'$' | b',' | b'%'
        )
    };
    let units =
        |text| unescaped(text).map(move |(byte, escaped)| (byte, escaped && reserved(byte)));
    match (one, other) {
        (None, None) => true,
        (Some(one), Some(other)) => units(one).eq(units(other)),
        _ => false,
    }
}

/// A parameter in both must agree; these five must be in both or in neither, the rest may be in one only. One that
/// stands twice, which RFC 3261 19.1.1 forbids, agrees with any of its name, so that a URI is always its own equal.
fn params_agree(one: Params<'_>, other: Params<'_>) -> bool {
    const IN_BOTH: [&str; 5] = ["user", "ttl", "method", "maddr", "transport"];
    one.iter().all(|(name, value)| {
        let mut theirs = other
            .iter()
            .filter(|(own, _)| own.eq_ignore_ascii_case(name))
            .peekable();
        if theirs.peek().is_none() {
            return !IN_BOTH.iter().any(|both| name.eq_ignore_ascii_case(both));
        }
        theirs.any(|(_, theirs)| match (value, theirs) {
            (None, None) => true,
            (Some(value), Some(theirs)) => value.eq_ignore_ascii_case(theirs),
            _ => false,
        })
    })
}

/// Every parameter of a number counts, in any order (RFC 3966 4); separators do not.
fn number_params_agree(one: Params<'_>, other: Params<'_>) -> bool {
    one.iter().all(|(name, value)| {
        let mut theirs = other.iter();
        theirs.any(|(own, theirs)| own.eq_ignore_ascii_case(name) && same_number(value, theirs))
    })
}

/// Headers are never ignored; their order does not matter.
fn same_headers(one: Option<&str>, other: Option<&str>) -> bool {
    let (Some(one), Some(other)) = (one, other) else {
        return one.is_none() && other.is_none();
    };
    let has = |all: &str, header: &str| all.split('&').any(|own| own.eq_ignore_ascii_case(header));
    one.split('&').count() == other.split('&').count()
        && one.split('&').all(|header| has(other, header))
        && other.split('&').all(|header| has(one, header))
}

/// Visual separators in a number do not matter (RFC 3966 5.1.1).
fn same_number(one: Option<&str>, other: Option<&str>) -> bool {
    let digits = |text: Option<&str>| {
        let bytes = text
            .unwrap_or_default()
            .bytes()
            .filter(|byte| !matches!(byte, b'-' | b'.' | b'(' | b')'));
        bytes
            .map(|byte| byte.to_ascii_lowercase())
            .collect::<Vec<_>>()
    };
    digits(one) == digits(other)
}
