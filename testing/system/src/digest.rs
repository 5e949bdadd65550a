//! The client's half of Digest: which challenge it takes up, and what it says to be believed.
//!
//! A nonce is used again, with a count that rises, as long as the server takes it: phones do the same.

use directory::Algorithm;
use sip::auth::{Challenge, Proof, ha1, response};
use sip::msg::{Message, Name, Uri};

use crate::deployment::User;

const CNONCE: &str = "0a4f113b";

/// A challenge that is answered again and again.
#[derive(Debug, Clone)]
pub struct Known {
    realm: String,
    nonce: String,
    algorithm: Algorithm,
    count: u32,
}

impl Known {
    /// Takes the first challenge of a 401 or 407 that can be answered: servers offer the strongest first.
    #[must_use]
    pub fn of(refusal: &Message) -> Option<Self> {
        let lines = refusal
            .all(Name::WwwAuthenticate)
            .chain(refusal.all(Name::ProxyAuthenticate));
        lines
            .filter_map(|line| Challenge::parse(line.text()?).ok())
            .find(|one| one.has_auth)
            .map(|one| Self {
                realm: one.realm.into_owned(),
                nonce: one.nonce.into_owned(),
                algorithm: one.algorithm,
                count: 0,
            })
    }

    /// Writes the value of (Proxy-)Authorization for a request; nothing when the user's address is none.
    pub fn prove(&mut self, user: &User, method: &str, uri: &str) -> Option<String> {
        self.count += 1;
        let Self {
            realm,
            nonce,
            algorithm,
            count,
        } = self;
        let name = Uri::parse(&user.uri).ok()?.user?;
        let count = format!("{count:08x}");
        let secret = ha1(*algorithm, name, realm, &user.password);
        let proof = Proof {
            nonce,
            quality: Some((&count, CNONCE, "auth")),
            method,
            uri,
        };
        let proven = response(*algorithm, &secret, &proof);
        let hash = algorithm_name(*algorithm);
        Some(format!(
            "Digest username=\"{name}\", realm=\"{realm}\", nonce=\"{nonce}\", uri=\"{uri}\", algorithm={hash}, \
             qop=auth, nc={count}, cnonce=\"{CNONCE}\", response=\"{proven}\""
        ))
    }
}

/// Returns the header that carries the credentials of a method.
#[must_use]
pub fn header(method: &str) -> Name {
    if method == "REGISTER" {
        Name::Authorization
    } else {
        Name::ProxyAuthorization
    }
}

const fn algorithm_name(algorithm: Algorithm) -> &'static str {
    match algorithm {
        Algorithm::Sha256 => "SHA-256",
        Algorithm::Sha512_256 => "SHA-512-256",
        Algorithm::Md5 => "MD5",
    }
}
