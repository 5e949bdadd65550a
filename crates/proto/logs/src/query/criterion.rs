//! One thing that is looked for in a record.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{LONGEST_CRITERION, Pattern, QueryError};
use crate::{Correlation, Record};

/// One thing that is looked for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Criterion {
    /// A URI in From, To or the request line: `alice@example.com`, with or without scheme; port, parameters and headers
    /// do not count, nor does case.
    Uri(String),
    /// A Call-ID, exactly.
    CallId(String),
    /// An address at either end of the connection.
    Ip(IpAddr),
    /// A telephone number that a URI names.
    Phone(Phone),
    /// The request that it belongs to.
    Correlation(Correlation),
    /// A method, in any case.
    Method(String),
    /// A status, or a class of them.
    Status(Status),
    /// Words in a line of the text form, exactly.
    Text(String),
    /// A regular expression that a line of the text form matches.
    Pattern(Pattern),
}

impl Criterion {
    /// Tells kinds apart: values of one kind are alternatives.
    pub(crate) const fn kind(&self) -> u8 {
        match self {
            Self::Uri(_) => 0,
            Self::CallId(_) => 1,
            Self::Ip(_) => 2,
            Self::Phone(_) => 3,
            Self::Correlation(_) => 4,
            Self::Method(_) => 5,
            Self::Status(_) => 6,
            Self::Text(_) => 7,
            Self::Pattern(_) => 8,
        }
    }

    pub(super) fn check(&self) -> Result<(), QueryError> {
        let (kind, value) = match self {
            Self::Uri(uri) => ("URI", uri),
            Self::CallId(id) => ("Call-ID", id),
            Self::Method(method) => ("method", method),
            Self::Text(text) => ("text", text),
            Self::Ip(_)
            | Self::Phone(_)
            | Self::Correlation(_)
            | Self::Status(_)
            | Self::Pattern(_) => return Ok(()),
        };
        if value.is_empty() {
            return Err(QueryError::Empty(kind));
        }
        if value.len() > LONGEST_CRITERION {
            return Err(QueryError::TooLong(kind));
        }
        if value.contains(['\n', '\r']) {
            return Err(QueryError::Form {
                kind,
                value: value.clone(),
                form: "it has to stand on one line",
            });
        }
        if matches!(self, Self::Uri(_)) && bare(value) == ("", "") {
            return Err(QueryError::Empty(kind));
        }
        Ok(())
    }

    /// Returns words that stand, in any case, in the text form of every record that has what is looked for, as far as an
    /// exact value gives some: a quick look before a record is read.
    #[must_use]
    pub fn words(&self) -> Option<String> {
        let words = match self {
            Self::CallId(id) => id.clone(),
            Self::Uri(uri) => match bare(uri) {
                ("", host) => host.to_owned(),
                (user, host) => format!("{user}@{host}"),
            },
            Self::Correlation(id) => id.to_string(),
            Self::Ip(_)
            | Self::Phone(_)
            | Self::Method(_)
            | Self::Status(_)
            | Self::Text(_)
            | Self::Pattern(_) => return None,
        };
        // These are written with a backslash before them.
        Some(words).filter(|words| !words.is_empty() && !words.contains(['"', '\\']))
    }

    /// Tells whether a record, and its text form, has what is looked for.
    pub(super) fn holds(&self, record: &Record, text: &str) -> bool {
        match self {
            Self::Uri(wanted) => record.uris().any(|uri| is_same(uri, wanted)),
            Self::CallId(id) => record.call_id.as_deref() == Some(id),
            Self::Ip(ip) => {
                let ends = [record.peer, record.local];
                ends.iter().flatten().any(|end| end.ip() == *ip)
            }
            Self::Phone(phone) => record.uris().any(|uri| phone.is_in(uri)),
            Self::Correlation(id) => record.correlation == Some(*id),
            Self::Method(method) => {
                let has = record.method.as_deref();
                has.is_some_and(|has| has.eq_ignore_ascii_case(method))
            }
            Self::Status(status) => record.status.is_some_and(|has| status.includes(has)),
            Self::Text(words) => text.lines().any(|line| line.contains(words.as_str())),
            Self::Pattern(pattern) => text.lines().any(|line| pattern.is_in(line)),
        }
    }
}

/// Reduces a URI to what is compared, in any case: its user part, which may be empty, and its host.
pub(super) fn bare(uri: &str) -> (&str, &str) {
    let uri = uri.trim_matches(['<', '>', ' ']);
    let scheme = uri.split_once(':').filter(|(scheme, _)| {
        let known = ["sip", "sips", "tel", "https", "http"];
        known.iter().any(|known| known.eq_ignore_ascii_case(scheme))
    });
    let rest = scheme.map_or(uri, |(_, rest)| rest).trim_start_matches('/');
    // A user part may hold `;` and `?`, so it is set aside first (RFC 3261 19.1.1).
    let (user, host) = rest.split_once('@').unwrap_or(("", rest));
    let end = host.find([';', '?', '/', '>']).unwrap_or(host.len());
    let host = host.get(..end).unwrap_or_default();
    let end = if host.starts_with('[') {
        host.find(']').map_or(host.len(), |end| end + 1)
    } else {
        host.rfind(':').unwrap_or(host.len())
    };
    (user, host.get(..end).unwrap_or_default())
}

/// Tells whether two URIs are the same in what is compared.
fn is_same(one: &str, other: &str) -> bool {
    let ((one, one_host), (other, other_host)) = (bare(one), bare(other));
    one.eq_ignore_ascii_case(other) && one_host.eq_ignore_ascii_case(other_host)
}

/// A telephone number as E.164 writes it: `+` and two to fifteen digits.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Phone(String);

impl Phone {
    /// Returns the number that a URI names, if it names one: that of `tel:`, or a user part that begins with `+`, without
    /// parameters and visual separators.
    #[must_use]
    pub fn of_uri(uri: &str) -> Option<Self> {
        let uri = uri.trim_start_matches('<');
        let rest = uri.split_once(':').map_or(uri, |(_, rest)| rest);
        let user = rest.split(['@', ';', '?', '>']).next()?;
        user.starts_with('+').then(|| user.parse().ok()).flatten()
    }

    fn is_in(&self, uri: &str) -> bool {
        Self::of_uri(uri).as_ref() == Some(self)
    }
}

impl FromStr for Phone {
    type Err = QueryError;

    fn from_str(text: &str) -> Result<Self, QueryError> {
        let plain: String = text.chars().filter(|c| !"-. ()".contains(*c)).collect();
        let digits = plain.strip_prefix('+').unwrap_or_default();
        let good = (2..=15).contains(&digits.len()) && digits.bytes().all(|d| d.is_ascii_digit());
        if good {
            Ok(Self(plain))
        } else {
            Err(QueryError::Form {
                kind: "telephone number",
                value: text.chars().take(40).collect(),
                form: "write + and two to fifteen digits, as in +14255550123",
            })
        }
    }
}

impl TryFrom<String> for Phone {
    type Error = QueryError;

    fn try_from(text: String) -> Result<Self, QueryError> {
        text.parse()
    }
}

impl From<Phone> for String {
    fn from(phone: Phone) -> Self {
        phone.0
    }
}

impl fmt::Display for Phone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A status or a class of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Status {
    /// One: `403`.
    Exactly(u16),
    /// All that begin with this digit: `4xx`.
    Class(u8),
}

impl Status {
    /// Tells whether a response's status is one of these.
    #[must_use]
    pub const fn includes(self, status: u16) -> bool {
        match self {
            Self::Exactly(one) => one == status,
            Self::Class(class) => status / 100 == class as u16,
        }
    }
}

impl FromStr for Status {
    type Err = QueryError;

    fn from_str(text: &str) -> Result<Self, QueryError> {
        let class = text.strip_suffix("xx").or_else(|| text.strip_suffix("XX"));
        let status = match class {
            Some(digit) => digit.parse().ok().map(Self::Class),
            None => text.parse().ok().map(Self::Exactly),
        };
        let is_one = |status: &Self| match status {
            Self::Exactly(one) => (100..=699).contains(one),
            Self::Class(class) => (1..=6).contains(class),
        };
        status.filter(is_one).ok_or_else(|| QueryError::Form {
            kind: "status",
            value: text.chars().take(40).collect(),
            form: "write a number from 100 to 699, or a class as in 4xx",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{Phone, Status, bare, is_same};

    #[test]
    fn uris_are_compared_by_user_and_host() {
        for uri in [
            "alice@example.com",
            "sip:Alice@Example.com",
            "<sips:alice@example.com:5061;transport=tls?Subject=a@b>",
            "<sip:alice@example.com>;tag=1",
        ] {
            assert!(is_same(uri, "alice@example.com"), "{uri}: {:?}", bare(uri));
        }
        assert_eq!(bare("sip:[2001:db8::1]:5061;lr"), ("", "[2001:db8::1]"));
        assert_eq!(bare("tel:+14255550123;ext=1"), ("", "+14255550123"));
        assert_eq!(
            bare("https://web.example.com/join?x"),
            ("", "web.example.com")
        );
    }

    #[test]
    fn a_number_is_found_however_it_is_spelt() {
        let phone: Phone = "+1 (425) 555-0123".parse().unwrap();
        for uri in [
            "tel:+1-425-555-0123;phone-context=x",
            "sip:+14255550123@gw.example.com;user=phone",
            "<sip:+14255550123;ext=7@gw.example.com>",
        ] {
            assert_eq!(Phone::of_uri(uri).as_ref(), Some(&phone), "{uri}");
        }
        assert_eq!(Phone::of_uri("sip:14255550123@x"), None);
        for bad in ["", "+", "14255550123", "+1425x", "+1234567890123456"] {
            assert!(bad.parse::<Phone>().is_err(), "{bad}");
        }
    }

    #[test]
    fn statuses_are_single_or_a_class() {
        assert!("4xx".parse::<Status>().unwrap().includes(403));
        assert!(!"4xx".parse::<Status>().unwrap().includes(503));
        assert!("503".parse::<Status>().unwrap().includes(503));
        for bad in ["7xx", "x", "99", "700", "", "-1"] {
            assert!(bad.parse::<Status>().is_err(), "{bad}");
        }
    }
}
