//! The client half of SIP Digest (RFC 3261 22, RFC 7616, RFC 8760): reads a challenge, answers it with `qop=auth`.
//!
//! HA1 and the hash over method and URI are computed once per challenge, as a phone that stays signed in can; an
//! answer then costs one hash. SHA-256 is taken when it is offered, else MD5.

use std::fmt::Write as _;

use md5::Md5;
use sha2::{Digest as _, Sha256};

/// A hash of the family that Digest names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Algorithm {
    Sha256,
    Md5,
}

impl Algorithm {
    fn named(name: &str) -> Option<Self> {
        if name.eq_ignore_ascii_case("SHA-256") {
            Some(Self::Sha256)
        } else if name.eq_ignore_ascii_case("MD5") {
            Some(Self::Md5)
        } else {
            None
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Sha256 => "SHA-256",
            Self::Md5 => "MD5",
        }
    }

    fn hex(self, text: &str) -> String {
        match self {
            Self::Sha256 => hex(&Sha256::digest(text)),
            Self::Md5 => hex(&Md5::digest(text)),
        }
    }
}

/// Whose credentials, and for which request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Account<'a> {
    /// The user name.
    pub(crate) user: &'a str,
    /// The password.
    pub(crate) password: &'a str,
    /// The method.
    pub(crate) method: &'a str,
    /// The Request-URI.
    pub(crate) uri: &'a str,
}

/// A challenge, made ready for any number of answers.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    algorithm: Algorithm,
    ha1: String,
    ha2: String,
    nonce: String,
    head: String,
    count: u32,
}

impl Session {
    /// Reads the challenges of a response; `None` if none can be answered.
    pub(crate) fn new<'v>(
        values: impl Iterator<Item = &'v str>,
        account: Account<'_>,
    ) -> Option<Self> {
        let (algorithm, value) = values
            .filter_map(|value| {
                let named = parameter(value, "algorithm").unwrap_or("MD5");
                Algorithm::named(named).map(|algorithm| (algorithm, value))
            })
            .min_by_key(|(algorithm, _)| *algorithm == Algorithm::Md5)?;
        let (realm, nonce) = (parameter(value, "realm")?, parameter(value, "nonce")?);
        let Account {
            user,
            password,
            method,
            uri,
        } = account;
        let mut head = format!(
            "Digest username=\"{user}\", realm=\"{realm}\", nonce=\"{nonce}\", uri=\"{uri}\", algorithm={}",
            algorithm.name(),
        );
        if let Some(opaque) = parameter(value, "opaque") {
            let _ = write!(head, ", opaque=\"{opaque}\"");
        }
        Some(Self {
            algorithm,
            ha1: algorithm.hex(&format!("{user}:{realm}:{password}")),
            ha2: algorithm.hex(&format!("{method}:{uri}")),
            nonce: nonce.to_owned(),
            head,
            count: 0,
        })
    }

    /// Writes the next answer: the nonce count rises by one.
    pub(crate) fn answer(&mut self, into: &mut String) {
        const CNONCE: &str = "5f1c0a9e";
        self.count += 1;
        let Self {
            algorithm,
            ha1,
            ha2,
            nonce,
            head,
            count,
        } = self;
        let response = algorithm.hex(&format!("{ha1}:{nonce}:{count:08x}:{CNONCE}:auth:{ha2}"));
        let _ = write!(
            into,
            "{head}, qop=auth, nc={count:08x}, cnonce=\"{CNONCE}\", response=\"{response}\"",
        );
    }
}

/// Returns a parameter's value without quotes. Challenges of the servers measured hold no quoted pairs.
fn parameter<'v>(value: &'v str, name: &str) -> Option<&'v str> {
    let mut rest = value.trim_start().get("Digest".len()..)?;
    while let Some((found, after)) = rest.split_once('=') {
        let (text, next) = match after.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"')?,
            None => after.split_at(after.find(',').unwrap_or(after.len())),
        };
        if found
            .trim_matches([' ', ',', '\t'])
            .eq_ignore_ascii_case(name)
        {
            return Some(text.trim());
        }
        rest = next;
    }
    None
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |nibble: u8| char::from(DIGITS[usize::from(nibble & 15)]);
    bytes
        .iter()
        .flat_map(|byte| [digit(byte >> 4), digit(*byte)])
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{Account, Algorithm, Session, parameter};

    const ACCOUNT: Account<'static> = Account {
        user: "bob",
        password: "zanzibar",
        method: "REGISTER",
        uri: "sip:biloxi.com",
    };

    #[test]
    fn the_hashes_are_those_of_the_standards_examples() {
        // RFC 7616 3.9.1: HA1 of Mufasa for both algorithms.
        let a1 = "Mufasa:http-auth@example.org:Circle of Life";
        assert_eq!(Algorithm::Md5.hex(a1), "3d78807defe7de2157e2b0b6573a855f");
        assert_eq!(
            Algorithm::Sha256.hex(a1),
            "7987c64c30e25f1b74be53f966b49b90f2808aa92faf9a00262392d7b4794232",
        );
    }

    #[test]
    fn parameters_are_found_quoted_and_bare() {
        let value = r#"Digest realm="a, b=c", nonce="n", algorithm=SHA-256, qop="auth,auth-int""#;
        assert_eq!(parameter(value, "realm"), Some("a, b=c"));
        assert_eq!(parameter(value, "algorithm"), Some("SHA-256"));
        assert_eq!(parameter(value, "QOP"), Some("auth,auth-int"));
        assert_eq!(parameter(value, "opaque"), None);
    }

    #[test]
    fn the_stronger_offer_is_taken_and_the_count_rises() {
        let offers = [
            r#"Digest realm="r", nonce="weak", algorithm=MD5, qop="auth""#,
            r#"Digest realm="r", nonce="strong", algorithm=SHA-256, qop="auth", opaque="o""#,
        ];
        let mut session = Session::new(offers.into_iter(), ACCOUNT).expect("an offer fits");
        let (mut first, mut second) = (String::new(), String::new());
        session.answer(&mut first);
        session.answer(&mut second);
        assert!(
            first.contains("nonce=\"strong\"") && first.contains("opaque=\"o\""),
            "{first}"
        );
        assert!(first.contains("nc=00000001") && second.contains("nc=00000002"));
    }

    #[test]
    fn an_unknown_algorithm_cannot_be_answered() {
        let offers = [r#"Digest realm="r", nonce="n", algorithm=SHA3-256"#];
        assert!(Session::new(offers.into_iter(), ACCOUNT).is_none());
    }
}
