//! Credentials in headers: a password (Basic, RFC 7617) and a ticket.
//!
//! Nothing here says whether they are right. What cannot be read is taken for none, so that its bearer is asked for
//! credentials like everybody else.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use directory::Aor;
use http::HeaderMap;
use http::header::AUTHORIZATION;

/// The header in which clients of the original send a ticket.
const TICKET: &str = "x-ms-webticket";
/// The longest header that is looked at: a password has no use for more.
const LONGEST: usize = 2048;

/// A user and a password, as sent.
pub(super) struct Password {
    pub(super) aor: Aor,
    pub(super) password: String,
}

/// Reads a password; who gives a user without a domain is taken for one of the default domain.
pub(super) fn password(headers: &HeaderMap, domain: &str) -> Option<Password> {
    let encoded = of_scheme(headers, "Basic")?;
    let text = String::from_utf8(STANDARD.decode(encoded).ok()?).ok()?;
    // A password may hold colons, an address only that of its scheme.
    let skip = if text.to_ascii_lowercase().starts_with("sip:") {
        "sip:".len()
    } else {
        0
    };
    let (user, password) = text.get(skip..)?.split_once(':')?;
    let aor = if user.contains('@') {
        Aor::parse(user)
    } else {
        Aor::parse(&format!("{user}@{domain}"))
    };
    Some(Password {
        aor: aor.ok()?,
        password: password.to_owned(),
    })
}

/// Reads a ticket: `X-MS-WebTicket: opaque=...` or a bearer token (RFC 6750 2.1).
pub(super) fn ticket(headers: &HeaderMap) -> Option<&str> {
    let own = single(headers, TICKET).and_then(|value| {
        let (name, value) = value.split_once('=')?;
        let value = value.trim().trim_matches('"');
        name.trim().eq_ignore_ascii_case("opaque").then_some(value)
    });
    own.or_else(|| of_scheme(headers, "Bearer"))
}

/// What follows a scheme in Authorization.
fn of_scheme<'a>(headers: &'a HeaderMap, scheme: &str) -> Option<&'a str> {
    let (found, rest) = single(headers, AUTHORIZATION.as_str())?.split_once(' ')?;
    found.eq_ignore_ascii_case(scheme).then(|| rest.trim())
}

/// The value of a header that may occur once.
fn single<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let mut lines = headers.get_all(name).into_iter();
    let line = lines.next().filter(|line| line.len() <= LONGEST)?;
    lines.next().is_none().then(|| line.to_str().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: &'static str, value: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(name, value.parse().unwrap());
        headers
    }

    fn basic(text: &str) -> Option<(String, String)> {
        let value = format!("basic {}", STANDARD.encode(text));
        let found = password(&headers("authorization", &value), "contoso.com")?;
        Some((found.aor.as_str().to_owned(), found.password))
    }

    #[test]
    fn a_user_is_named_in_any_of_three_ways() {
        let found =
            |password: &str| Some(("sip:alice@contoso.com".to_owned(), password.to_owned()));
        assert_eq!(basic("alice@contoso.com:secret"), found("secret"));
        assert_eq!(basic("alice:secret"), found("secret"));
        assert_eq!(basic("sip:alice@Contoso.com:a:b"), found("a:b"));
        assert_eq!(basic("alice:"), found(""));
        assert_eq!(basic("alice:pass wörd"), found("pass wörd"));
    }

    #[test]
    fn what_is_no_password_is_none() {
        for text in ["", "alice", "@contoso.com:x", "alice@:x", "al ice:x"] {
            assert_eq!(basic(text), None, "{text}");
        }
        for value in ["Basic !!!", "Basic", "Digest x", "Basic gA=="] {
            assert!(password(&headers("authorization", value), "contoso.com").is_none());
        }
        let long = STANDARD.encode("a".repeat(LONGEST));
        let value = format!("Basic {long}");
        assert!(password(&headers("authorization", &value), "contoso.com").is_none());
    }

    #[test]
    fn a_ticket_comes_in_either_header_once() {
        for (name, value, expected) in [
            ("x-ms-webticket", "opaque=abc", Some("abc")),
            ("x-ms-webticket", "Opaque = \"abc\"", Some("abc")),
            ("x-ms-webticket", "abc", None),
            ("authorization", "Bearer abc", Some("abc")),
            ("authorization", "bearer abc", Some("abc")),
            ("authorization", "Basic abc", None),
        ] {
            assert_eq!(ticket(&headers(name, value)), expected, "{name}: {value}");
        }
        let mut twice = headers("authorization", "Bearer abc");
        twice.append(AUTHORIZATION, "Bearer def".parse().unwrap());
        assert_eq!(ticket(&twice), None);
    }
}
