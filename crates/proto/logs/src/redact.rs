//! What may not be kept of a message: credentials, and bodies unless they are asked for.
//!
//! What stays is what finds faults: which scheme, which user and realm, which algorithm. What goes is replaced by `*`:
//!
//! - everything of `Authorization`, `Proxy-Authorization`, challenges and `Authentication-Info` but the words in
//!   [`HARMLESS`]; of schemes other than Digest all but the scheme;
//! - cookies, and whatever a header that is named for a token, a ticket or a password says;
//! - URI parameters that carry tickets, tokens and passwords ([`PARAMETERS`]), and what an Edge has sealed;
//! - the user parts in routes and paths: what our servers sign there says that whoever shows it is part of a dialog, or
//!   leads to a flow. A branch in Via stays, since it tells transactions apart and is worth nothing after them;
//! - bodies, of which a line with their length stays.
//!
//! A header that is folded over several lines loses them all. Names count in any case and with spaces before the colon, since
//! servers read them so. This runs over every message: one pass, by lines.

mod target;

use std::fmt::Write as _;

use crate::value::push_line;
use crate::{Text, Value};

pub use target::target;

/// Whether bodies are kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Bodies {
    /// They are left out: people's words are their own.
    #[default]
    Drop,
    /// They are kept, since somebody has switched that on.
    Keep,
}

/// The parameters of credentials and challenges that prove nothing.
pub const HARMLESS: [&str; 7] = [
    "username",
    "realm",
    "algorithm",
    "qop",
    "nc",
    "stale",
    "userhash",
];
/// The parameters of URIs and headers whose values are secrets.
pub const PARAMETERS: [&str; 5] = ["ticket", "token", "access_token", "password", "hid"];
/// The user parts that an Edge has sealed begin so.
const SEALED: [&str; 2] = [":hr.", ":hc."];

/// Makes the text of a record from a message of SIP or HTTP.
#[must_use]
pub fn message(message: &str, bodies: Bodies) -> Text {
    let mut out = String::with_capacity(message.len() + 64);
    let mut rest = message;
    let mut secret = Secret::No;
    while !rest.is_empty() {
        let (line, after) = rest.split_once('\n').unwrap_or((rest, ""));
        let line = line.strip_suffix('\r').unwrap_or(line);
        rest = after;
        if line.is_empty() {
            body(rest, bodies, &mut out);
            break;
        }
        if line.starts_with([' ', '\t']) && secret != Secret::No {
            continue;
        }
        secret = header(line, &mut out);
    }
    Text::of_clean(out).cut_to_measure(0)
}

/// Makes a word of a record, a URI say, without the secrets of its parameters.
#[must_use]
pub fn value(text: &str) -> Value {
    parameters(text).map_or_else(|| Value::new(text), |clean| Value::new(&clean))
}

/// What of a header is a secret.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Secret {
    No,
    /// All but the harmless parameters.
    Credentials,
    /// The user parts of its URIs.
    Users,
    /// All of it.
    Whole,
}

fn body(body: &str, bodies: Bodies, out: &mut String) {
    if body.is_empty() {
        return;
    }
    match bodies {
        // Writing to a String cannot fail.
        Bodies::Drop => drop(write!(out, "\n[body: {} bytes]\n", body.len())),
        Bodies::Keep => {
            out.push('\n');
            for line in body.lines() {
                match key_of_media(line) {
                    Some(kept) => push_line(out, &format!("{kept}*")),
                    None => push_line(out, &parameters(line).unwrap_or_else(|| line.to_owned())),
                }
            }
        }
    }
}

/// What may be kept of a line of SDP that carries a key: RFC 4568 (SDES), RFC 8839 (ICE), RFC 4566 (`k=`).
fn key_of_media(line: &str) -> Option<&str> {
    let names = ["a=crypto:", "a=ice-pwd:", "k="];
    names.into_iter().find(|name| {
        let start = line.get(..name.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(name))
    })
}

/// Adds one line of the head, without its secrets.
fn header(line: &str, out: &mut String) -> Secret {
    let secret = line
        .split_once(':')
        .map_or(Secret::No, |(name, _)| secret_of(name.trim_end()));
    match (secret, line.split_once(':')) {
        (Secret::Credentials, Some((name, value))) => {
            push_line(out, &format!("{name}: {}", credentials(value.trim())));
        }
        (Secret::Users, Some((name, value))) => {
            let value = parameters(value).unwrap_or_else(|| value.to_owned());
            push_line(out, &format!("{name}:{}", without_users(&value)));
        }
        (Secret::Whole, Some((name, _))) => push_line(out, &format!("{name}: *")),
        _ => match parameters(line) {
            Some(clean) => push_line(out, &clean),
            None => push_line(out, line),
        },
    }
    secret
}

fn secret_of(name: &str) -> Secret {
    // The first letter decides for almost every header.
    let is = |known: &str| name.eq_ignore_ascii_case(known);
    let secret = match name.as_bytes().first().map(u8::to_ascii_lowercase) {
        Some(b'a') if is("Authorization") || is("Authentication-Info") => Secret::Credentials,
        Some(b'p')
            if is("Proxy-Authorization")
                || is("Proxy-Authenticate")
                || is("Proxy-Authentication-Info") =>
        {
            Secret::Credentials
        }
        Some(b'w') if is("WWW-Authenticate") => Secret::Credentials,
        Some(b'c') if is("Cookie") => Secret::Whole,
        Some(b's') if is("Set-Cookie") => Secret::Whole,
        Some(b's') if is("Service-Route") => Secret::Users,
        Some(b'r') if is("Route") || is("Record-Route") => Secret::Users,
        Some(b'p') if is("Path") => Secret::Users,
        _ => Secret::No,
    };
    if secret == Secret::No && is_named_for_a_secret(name) {
        return Secret::Whole;
    }
    secret
}

fn is_named_for_a_secret(name: &str) -> bool {
    // The last letter decides for almost every header.
    let words: &[&str] = match name.as_bytes().last().map(u8::to_ascii_lowercase) {
        Some(b't') => &["ticket", "secret"],
        Some(b'n') => &["token"],
        Some(b'd') => &["password"],
        Some(b'y') => &["api-key"],
        _ => &[],
    };
    words.iter().any(|word| {
        let start = name.len().checked_sub(word.len());
        let end = start.and_then(|start| name.get(start..));
        end.is_some_and(|end| end.eq_ignore_ascii_case(word))
    })
}

/// Keeps the scheme, and of Digest the harmless parameters.
fn credentials(value: &str) -> String {
    let (scheme, rest) = value.split_once(' ').unwrap_or((value, ""));
    // Authentication-Info has no scheme: its first word is a parameter.
    let (scheme, rest) = if scheme.contains('=') {
        ("", value)
    } else {
        (scheme, rest)
    };
    if !(scheme.is_empty() || scheme.eq_ignore_ascii_case("Digest")) {
        let scheme = if scheme.len() <= 32 { scheme } else { "*" };
        return format!("{scheme} *");
    }
    let mut out = scheme.to_owned();
    for (place, parameter) in split_quoted(rest).enumerate() {
        out.push_str(match (place, out.is_empty()) {
            (0, true) => "",
            (0, false) => " ",
            _ => ", ",
        });
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        let name = name.trim();
        let harmless = HARMLESS.iter().any(|one| one.eq_ignore_ascii_case(name));
        // What has no sign could be anything, a secret without its name too.
        let name = if value.is_empty() && !harmless {
            "*"
        } else {
            name
        };
        let value = if harmless { value.trim() } else { "*" };
        let _ = write!(out, "{name}={value}");
    }
    out
}

/// Puts a sign for each user part of a SIP URI.
fn without_users(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    let mut rest = value;
    while let Some(at) = memchr::memchr(b':', rest.as_bytes()) {
        let (before, after) = rest.split_at(at + 1);
        out.push_str(before);
        rest = after;
        let is_scheme = |scheme: &str| {
            let start = at.checked_sub(scheme.len());
            let name = start.and_then(|start| before.get(start..at));
            name.is_some_and(|name| name.eq_ignore_ascii_case(scheme))
        };
        if !(is_scheme("sip") || is_scheme("sips")) {
            continue;
        }
        // A user part may have any sign but these.
        let end = after.find(['@', '>', ',', ' ', '"']);
        if let Some(end) = end.filter(|end| after.as_bytes().get(*end) == Some(&b'@')) {
            // That an Edge has hidden something is worth to know.
            let is_sealed = after.starts_with("hr.") || after.starts_with("hc.");
            out.push_str(after.get(..3).filter(|_| is_sealed).unwrap_or_default());
            out.push('*');
            rest = after.get(end..).unwrap_or_default();
        }
    }
    out + rest
}

/// Splits at commas outside of quotes.
fn split_quoted(text: &str) -> impl Iterator<Item = &str> {
    let (mut quoted, mut escaped) = (false, false);
    text.split(move |character| {
        let was_escaped = std::mem::replace(&mut escaped, false);
        match character {
            '\\' if quoted && !was_escaped => escaped = true,
            '"' if !was_escaped => quoted = !quoted,
            ',' => return !quoted,
            _ => {}
        }
        false
    })
    .filter(|part| !part.trim().is_empty())
}

/// Takes the values of secret parameters and sealed user parts out; `None` if there are none.
fn parameters(line: &str) -> Option<String> {
    let mut out = String::new();
    let mut kept = 0;
    for at in memchr::memchr2_iter(b'=', b':', line.as_bytes()) {
        let Some(secret) = secret_at(line, at).filter(|secret| secret.start >= kept) else {
            continue;
        };
        out.push_str(line.get(kept..secret.start).unwrap_or_default());
        out.push('*');
        kept = secret.end;
    }
    (kept > 0).then(|| out + line.get(kept..).unwrap_or_default())
}

/// Returns where the secret lies that begins after this sign, if one does.
fn secret_at(line: &str, at: usize) -> Option<std::ops::Range<usize>> {
    // The letters beside the sign decide for almost every one: this runs over every message.
    let bytes = line.as_bytes();
    let last = bytes.get(at.checked_sub(1)?)?.to_ascii_lowercase();
    let may_be = match bytes.get(at) {
        Some(b':') => bytes.get(at + 1) == Some(&b'h'),
        _ => matches!(last, b't' | b'n' | b'd' | b' ' | b'\t'),
    };
    if !may_be {
        return None;
    }
    let (before, after) = (line.get(..at)?, line.get(at..)?);
    if let Some(mark) = SEALED.iter().find(|mark| after.starts_with(**mark)) {
        let start = at + mark.len();
        return after.find('@').map(|end| start..at + end);
    }
    let is_name = |character: char| character.is_ascii_alphanumeric() || "_-".contains(character);
    let name = before.trim_end();
    let name = name.get(name.trim_end_matches(is_name).len()..)?;
    let secret = PARAMETERS
        .iter()
        .any(|known| known.eq_ignore_ascii_case(name));
    let value = after.strip_prefix('=').filter(|_| secret)?;
    let start = at + 1;
    let quoted = value
        .strip_prefix('"')
        .map(|inside| inside.find('"').map_or(value.len(), |end| end + 2));
    let plain = || value.find([';', '&', '>', ',', '?', '"', ' ', '\t', '@']);
    let end = quoted.or_else(plain).unwrap_or(value.len());
    Some(start..start + end).filter(|range| !range.is_empty())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Bodies, message};

    fn kept(line: &str) -> String {
        message(
            &format!("OPTIONS sip:a SIP/2.0\r\n{line}\r\n\r\n"),
            Bodies::Drop,
        )
        .strip_prefix("OPTIONS sip:a SIP/2.0\n")
        .unwrap()
        .to_owned()
    }

    #[test]
    fn of_digest_the_harmless_words_stay() {
        for name in ["Authorization", "proxy-authorization ", "AUTHORIZATION\t"] {
            let line = format!(
                "{name}: Digest username=\"al,ice\", realm=\"r\", nonce=\"N0NCE\", uri=\"sip:x\", \
                 response=\"5ECRET\",cnonce=\"5ECRET\", opaque=\"5ECRET\", qop=auth, nc=00000001"
            );
            assert_eq!(
                kept(&line),
                format!(
                    "{name}: Digest username=\"al,ice\", realm=\"r\", nonce=*, uri=*, response=*, cnonce=*, \
                     opaque=*, qop=auth, nc=00000001\n"
                )
            );
        }
        assert_eq!(
            kept("WWW-Authenticate: Digest realm=\"r\", nonce=\"5ECRET\", algorithm=MD5"),
            "WWW-Authenticate: Digest realm=\"r\", nonce=*, algorithm=MD5\n"
        );
        assert_eq!(
            kept("Authentication-Info: nextnonce=\"5ECRET\", qop=auth, rspauth=\"5ECRET\""),
            "Authentication-Info: nextnonce=*, qop=auth, rspauth=*\n"
        );
    }

    #[test]
    fn of_other_schemes_only_the_scheme_stays() {
        assert_eq!(
            kept("Authorization: Basic YWxpY2U6c2VjcmV0"),
            "Authorization: Basic *\n"
        );
        assert_eq!(
            kept("authorization: Bearer a.b.c, d"),
            "authorization: Bearer *\n"
        );
        assert_eq!(kept("Authorization:"), "Authorization: \n");
        assert_eq!(
            kept("Authorization: Digest 5ECRET"),
            "Authorization: Digest *=*\n"
        );
    }

    #[test]
    fn cookies_and_headers_named_for_secrets_go() {
        for name in [
            "Cookie",
            "Set-Cookie",
            "X-Web-Ticket",
            "X-Token",
            "Api-Key",
            "X-Password",
        ] {
            assert_eq!(
                kept(&format!("{name}: 5ECRET; a=b")),
                format!("{name}: *\n")
            );
        }
    }

    #[test]
    fn tickets_in_uris_go_and_what_an_edge_has_sealed() {
        for (line, clean) in [
            (
                "Contact: <sip:a@b;ticket=5ECRET>;q=0.7",
                "Contact: <sip:a@b;ticket=*>;q=0.7",
            ),
            (
                "Refer-To: <sip:a@b?Ticket=5ECRET&x=1>",
                "Refer-To: <sip:a@b?Ticket=*&x=1>",
            ),
            ("X: token=\"5E,CRET\", y", "X: token=*, y"),
            (
                "Via: SIP/2.0/TLS e;branch=z9;hid=5ECRET;alias",
                "Via: SIP/2.0/TLS e;branch=z9;hid=*;alias",
            ),
            (
                "Route: <sip:hr.5ECRET@edge;lr>,<sip:hc.5ECRET@edge>",
                "Route: <sip:hr.*@edge;lr>,<sip:hc.*@edge>",
            ),
            ("Via: x;ticketed=1;t=2", "Via: x;ticketed=1;t=2"),
        ] {
            assert_eq!(kept(line), format!("{clean}\n"));
        }
        let first = message("GET /x?access_token=5ECRET HTTP/1.1\r\n\r\n", Bodies::Drop);
        assert_eq!(&*first, "GET /x?access_token=* HTTP/1.1\n");
    }

    #[test]
    fn a_folded_secret_goes_with_all_its_lines() {
        assert_eq!(
            kept(
                "Authorization: Digest realm=\"r\",\r\n response=\"5ECRET\"\r\n\tx\r\nTo: a\r\n b"
            ),
            "Authorization: Digest realm=\"r\"\nTo: a\n b\n"
        );
    }

    #[test]
    fn bodies_stay_only_where_they_are_allowed() {
        let text = "MESSAGE sip:a SIP/2.0\r\n\r\nhello\r\nticket=5ECRET";
        assert_eq!(
            &*message(text, Bodies::Drop),
            "MESSAGE sip:a SIP/2.0\n\n[body: 20 bytes]\n"
        );
        assert_eq!(
            &*message(text, Bodies::Keep),
            "MESSAGE sip:a SIP/2.0\n\nhello\nticket=*\n"
        );
        let text = "INVITE sip:a SIP/2.0\r\n\r\nv=0\r\nk=clear:5ECRET\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:5ECRET\r\nA=ICE-pwd:5ECRET\r\na=sendrecv\r\n";
        assert_eq!(
            &*message(text, Bodies::Keep),
            "INVITE sip:a SIP/2.0\n\nv=0\nk=*\na=crypto:*\na=ice-pwd:*\na=sendrecv\n"
        );
    }

    proptest! {
        #[test]
        fn a_secret_never_stays(
            before in "[a-z,;=\" ]{0,20}",
            name in "(Authorization|authorization|PROXY-AUTHORIZATION|WWW-authenticate|cooKie)",
            spaces in "[ \t]{0,2}",
            scheme in "(Digest|DIGEST|basic|Bearer|)",
        ) {
            let text = format!("OPTIONS sip:a SIP/2.0\r\n{name}{spaces}:{scheme} {before}, response=5ECRET\r\n 5ECRET\r\n\r\n");
            prop_assert!(!message(&text, Bodies::Drop).contains("5ECRET"), "{}", text);
        }

        #[test]
        fn any_text_is_cleaned_without_a_fault(text in "(\\PC|[:=;\"\\r\\n\\t\\x00]){0,80}") {
            let clean = message(&text, Bodies::Keep);
            prop_assert!(clean.is_empty() || clean.ends_with('\n'));
        }
    }

    #[test]
    fn what_is_signed_into_routes_goes_and_where_they_lead_stays() {
        for (line, expected) in [
            (
                "Record-Route: <sip:QWxh@fe01.a.example:5061;transport=tls;lr>, <sips:B;c@[::1]:5061;lr>",
                "Record-Route: <sip:*@fe01.a.example:5061;transport=tls;lr>, <sips:*@[::1]:5061;lr>\n",
            ),
            (
                "ROUTE : <SIP:QWxh:x@fe01>,<sip:fe02;lr>",
                "ROUTE : <SIP:*@fe01>,<sip:fe02;lr>\n",
            ),
            (
                "Path:<sip:hr.S3CR3T@edge;ticket=S3CR3T;ob>",
                "Path:<sip:hr.*@edge;ticket=*;ob>\n",
            ),
            (
                "Service-Route: <sip:S3CR3T@dir01>",
                "Service-Route: <sip:*@dir01>\n",
            ),
            ("Path: <sip:S3CR3T", "Path: <sip:S3CR3T\n"),
            (
                "Contact: <sip:alice@10.0.0.1>",
                "Contact: <sip:alice@10.0.0.1>\n",
            ),
            (
                "Via: SIP/2.0/TLS a:5061;branch=z9hG4bKabc",
                "Via: SIP/2.0/TLS a:5061;branch=z9hG4bKabc\n",
            ),
        ] {
            assert_eq!(kept(line), expected);
        }
        assert_eq!(
            kept("Path: <sip:a@b>,\r\n <sip:S3CR3T@c>"),
            "Path: <sip:*@b>,\n"
        );
    }

    #[test]
    fn a_word_loses_its_secrets_too() {
        let uri = "sip:fepool01.a.example:5061;transport=tls;ticket=S3CR3T";
        assert_eq!(
            &*super::value(uri),
            "sip:fepool01.a.example:5061;transport=tls;ticket=*"
        );
        assert_eq!(&*super::value("sip:alice@a.example"), "sip:alice@a.example");
    }
}
