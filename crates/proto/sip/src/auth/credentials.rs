//! Challenges and credentials: the values of WWW-Authenticate, Authorization and their proxy kin.

use std::borrow::Cow;
use std::fmt;

use directory::Algorithm;
use subtle::ConstantTimeEq as _;

use super::hash::{Proof, prove};
use super::params::params;
use crate::msg::lex::{Class, Cursor, trim_text};

/// Why credentials or a challenge cannot be used: take the request as one without credentials, or answer 400.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadCredentials {
    /// The scheme is not Digest.
    #[error("scheme is not digest")]
    Scheme,
    /// The value breaks the grammar.
    #[error("digest parameters are malformed")]
    Malformed,
    /// A parameter that must be there is not.
    #[error("digest parameter {0} is missing")]
    Missing(&'static str),
    /// A parameter occurs again.
    #[error("digest parameter occurs more than once")]
    Repeated,
    /// The algorithm, the quality of protection or the form of the user name is not supported.
    #[error("digest variant is not supported")]
    Unsupported,
}

/// What a client sent to prove who it is.
#[derive(Clone)]
pub struct Credentials<'a> {
    /// The user name, escapes undone.
    pub username: Cow<'a, str>,
    /// The realm, escapes undone.
    pub realm: Cow<'a, str>,
    /// The nonce of the challenge.
    pub nonce: Cow<'a, str>,
    /// The URI that the client says it asks for.
    pub uri: Cow<'a, str>,
    /// The proof.
    pub response: Cow<'a, str>,
    /// The hash; MD5 if none is named (RFC 7616 3.4).
    pub algorithm: Algorithm,
    /// The quality of protection, `auth`, in the letters it was sent in; `None` in the form of RFC 2069.
    pub qop: Option<Cow<'a, str>>,
    /// The nonce count as sent.
    pub nc: Option<Cow<'a, str>>,
    /// The client's nonce.
    pub cnonce: Option<Cow<'a, str>>,
    /// What the challenge asked to be sent back.
    pub opaque: Option<Cow<'a, str>>,
}

impl<'a> Credentials<'a> {
    /// Takes the value of an Authorization or Proxy-Authorization line apart.
    ///
    /// # Errors
    /// Says why it cannot be used.
    pub fn parse(value: &'a str) -> Result<Self, BadCredentials> {
        let mut raw = Raw::read(value)?;
        let needed = |value: Option<Cow<'a, str>>, name| value.ok_or(BadCredentials::Missing(name));
        let credentials = Self {
            username: needed(raw.take(Key::Username), "username")?,
            realm: needed(raw.take(Key::Realm), "realm")?,
            nonce: needed(raw.take(Key::Nonce), "nonce")?,
            uri: needed(raw.take(Key::Uri), "uri")?,
            response: needed(raw.take(Key::Response), "response")?,
            algorithm: algorithm_of(raw.take(Key::Algorithm).as_deref())?,
            qop: raw.take(Key::Qop),
            nc: raw.take(Key::Nc),
            cnonce: raw.take(Key::Cnonce),
            opaque: raw.take(Key::Opaque),
        };
        let Some(qop) = &credentials.qop else {
            return Ok(credentials);
        };
        if !qop.eq_ignore_ascii_case("auth") {
            return Err(BadCredentials::Unsupported);
        }
        if credentials.cnonce.is_none() {
            return Err(BadCredentials::Missing("cnonce"));
        }
        match credentials.count() {
            Some(_) => Ok(credentials),
            None if credentials.nc.is_none() => Err(BadCredentials::Missing("nc")),
            None => Err(BadCredentials::Malformed),
        }
    }

    /// Returns the nonce count: how often the client has used this nonce.
    #[must_use]
    pub fn count(&self) -> Option<u32> {
        let digits = self
            .nc
            .as_deref()
            .filter(|nc| nc.len() == 8 && nc.bytes().all(|byte| byte.is_ascii_hexdigit()))?;
        u32::from_str_radix(digits, 16).ok()
    }

    /// Tells whether the client knows the secret behind `ha1`; takes the same time however much of it is right.
    #[must_use]
    pub fn verify(&self, method: &str, ha1: &str) -> bool {
        let quality = match (&self.qop, &self.nc, &self.cnonce) {
            (None, ..) => None,
            (Some(qop), Some(nc), Some(cnonce)) => Some((&**nc, &**cnonce, &**qop)),
            (Some(_), ..) => return false,
        };
        let proof = Proof {
            nonce: &self.nonce,
            quality,
            method,
            uri: &self.uri,
        };
        let expected = prove(self.algorithm, ha1, &proof);
        expected.as_bytes().ct_eq(self.response.as_bytes()).into()
    }
}

/// Leaves out the proof: with it, passwords can be tried out.
impl fmt::Debug for Credentials<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Credentials");
        shown
            .field("username", &self.username)
            .field("realm", &self.realm)
            .field("algorithm", &self.algorithm);
        shown.finish_non_exhaustive()
    }
}

/// What a server asks for, as a client reads it.
#[derive(Clone, Debug)]
pub struct Challenge<'a> {
    /// The realm, escapes undone.
    pub realm: Cow<'a, str>,
    /// The nonce.
    pub nonce: Cow<'a, str>,
    /// The hash; MD5 if none is named.
    pub algorithm: Algorithm,
    /// Whether the server takes `qop=auth`.
    pub has_auth: bool,
    /// Whether only the nonce was wrong the last time.
    pub stale: bool,
    /// To be sent back.
    pub opaque: Option<Cow<'a, str>>,
}

impl<'a> Challenge<'a> {
    /// Takes the value of a WWW-Authenticate or Proxy-Authenticate line apart.
    ///
    /// # Errors
    /// Says why it cannot be used.
    pub fn parse(value: &'a str) -> Result<Self, BadCredentials> {
        let mut raw = Raw::read(value)?;
        let qop = raw.take(Key::Qop);
        let is_auth = |offer: &str| trim_text(offer).eq_ignore_ascii_case("auth");
        Ok(Self {
            realm: raw
                .take(Key::Realm)
                .ok_or(BadCredentials::Missing("realm"))?,
            nonce: raw
                .take(Key::Nonce)
                .ok_or(BadCredentials::Missing("nonce"))?,
            algorithm: algorithm_of(raw.take(Key::Algorithm).as_deref())?,
            has_auth: qop.is_some_and(|offers| offers.split(',').any(is_auth)),
            stale: raw
                .take(Key::Stale)
                .is_some_and(|stale| stale.eq_ignore_ascii_case("true")),
            opaque: raw.take(Key::Opaque),
        })
    }
}

/// Writes the value of a WWW-Authenticate or Proxy-Authenticate line, with `qop="auth"`.
#[must_use]
pub fn challenge(realm: &str, nonce: &str, algorithm: Algorithm, stale: bool) -> String {
    let realm = realm.replace('\\', "\\\\").replace('"', "\\\"");
    let token = token_of(algorithm);
    let stale = if stale { ", stale=true" } else { "" };
    format!("Digest realm=\"{realm}\", nonce=\"{nonce}\", algorithm={token}, qop=\"auth\"{stale}")
}

const fn token_of(algorithm: Algorithm) -> &'static str {
    match algorithm {
        Algorithm::Sha256 => "SHA-256",
        Algorithm::Sha512_256 => "SHA-512-256",
        Algorithm::Md5 => "MD5",
    }
}

fn algorithm_of(token: Option<&str>) -> Result<Algorithm, BadCredentials> {
    let Some(token) = token else {
        return Ok(Algorithm::Md5);
    };
    [Algorithm::Sha256, Algorithm::Sha512_256, Algorithm::Md5]
        .into_iter()
        .find(|algorithm| token.eq_ignore_ascii_case(token_of(*algorithm)))
        .ok_or(BadCredentials::Unsupported)
}

#[derive(Clone, Copy)]
enum Key {
    Username,
    Realm,
    Nonce,
    Uri,
    Response,
    Algorithm,
    Qop,
    Nc,
    Cnonce,
    Opaque,
    Stale,
}

/// Parameters by key; each occurs once, and unknown ones are passed over.
#[derive(Default)]
struct Raw<'a>([Option<Cow<'a, str>>; 11]);

impl<'a> Raw<'a> {
    fn read(value: &'a str) -> Result<Self, BadCredentials> {
        let mut cursor = Cursor::new(trim_text(value));
        let scheme = cursor.take_all(Class::TOKEN);
        let space = cursor.take_all(Class::LWS);
        if !scheme.eq_ignore_ascii_case("Digest") || space.is_empty() {
            return Err(BadCredentials::Scheme);
        }
        let mut raw = Self::default();
        for param in params(cursor.rest()) {
            let (name, value) = param.ok_or(BadCredentials::Malformed)?;
            if is_refused(name, &value) {
                return Err(BadCredentials::Unsupported);
            }
            let Some(slot) = key_of(name).and_then(|key| raw.0.get_mut(key as usize)) else {
                continue;
            };
            if slot.replace(value).is_some() {
                return Err(BadCredentials::Repeated);
            }
        }
        Ok(raw)
    }

    fn take(&mut self, key: Key) -> Option<Cow<'a, str>> {
        self.0.get_mut(key as usize)?.take()
    }
}

/// The realm that Digest credentials are for, whatever else they say; `None` if they are no Digest or have none.
pub(crate) fn realm(value: &str) -> Option<Cow<'_, str>> {
    Raw::read(value).ok()?.take(Key::Realm)
}

/// `username*` and a hashed user name would need a search over all users.
fn is_refused(name: &str, value: &str) -> bool {
    name.eq_ignore_ascii_case("username*")
        || (name.eq_ignore_ascii_case("userhash") && value.eq_ignore_ascii_case("true"))
}

fn key_of(name: &str) -> Option<Key> {
    const KEYS: [(&str, Key); 11] = [
        ("username", Key::Username),
        ("realm", Key::Realm),
        ("nonce", Key::Nonce),
        ("uri", Key::Uri),
        ("response", Key::Response),
        ("algorithm", Key::Algorithm),
        ("qop", Key::Qop),
        ("nc", Key::Nc),
        ("cnonce", Key::Cnonce),
        ("opaque", Key::Opaque),
        ("stale", Key::Stale),
    ];
    KEYS.iter()
        .find(|(own, _)| name.eq_ignore_ascii_case(own))
        .map(|(_, key)| *key)
}
