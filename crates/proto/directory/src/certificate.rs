//! The certificates by which a user may sign in instead of a password.
//!
//! A certificate is told by its fingerprint. That it is listed here is what makes it good: who signed it, and which names
//! it bears, is nobody's question. Taking it off the list revokes it, at the next request and everywhere.

use std::fmt;

use base::UnixMillis;
use base::net::Fingerprint;
use serde::{Deserialize, Serialize};

/// How many certificates a user may have; the oldest gives way to a new one.
pub const CERTIFICATES_MAX: usize = 8;

/// One certificate of a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// SHA-256 of it.
    pub fingerprint: Fingerprint,
    /// When it was issued.
    pub issued: UnixMillis,
    /// Until when it is good.
    pub expires: UnixMillis,
}

impl Certificate {
    /// Tells whether this is the certificate of a fingerprint, and good at this time.
    #[must_use]
    pub fn is_good(&self, fingerprint: &Fingerprint, now: UnixMillis) -> bool {
        self.fingerprint == *fingerprint && now < self.expires
    }

    /// Returns the name under which people speak of it.
    #[must_use]
    pub fn id(&self) -> CertificateId {
        CertificateId(self.fingerprint)
    }
}

/// The fingerprint in hexadecimal, as programs for certificates show it.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CertificateId(pub Fingerprint);

/// A text is not the fingerprint of a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a fingerprint has 64 hexadecimal digits, with or without colons")]
pub struct NoFingerprint;

impl CertificateId {
    /// Reads 64 hexadecimal digits; colons between them do not matter.
    ///
    /// # Errors
    ///
    /// When there are others, or more or fewer.
    pub fn parse(text: &str) -> Result<Self, NoFingerprint> {
        let digits: Vec<u8> = text.bytes().filter(|byte| *byte != b':').collect();
        let mut fingerprint = [0; 32];
        let (pairs, rest) = digits.as_chunks::<2>();
        if pairs.len() != fingerprint.len() || !rest.is_empty() {
            return Err(NoFingerprint);
        }
        let digit = |byte: u8| char::from(byte).to_digit(16).ok_or(NoFingerprint);
        for (byte, [high, low]) in fingerprint.iter_mut().zip(pairs) {
            *byte = u8::try_from(digit(*high)? << 4 | digit(*low)?).unwrap_or(0);
        }
        Ok(Self(fingerprint))
    }
}

impl fmt::Display for CertificateId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for CertificateId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl TryFrom<String> for CertificateId {
    type Error = NoFingerprint;

    fn try_from(text: String) -> Result<Self, NoFingerprint> {
        Self::parse(&text)
    }
}

impl From<CertificateId> for String {
    fn from(id: CertificateId) -> Self {
        id.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_is_read_as_programs_show_it() {
        let id = CertificateId([0xab; 32]);
        assert_eq!(CertificateId::parse(&id.to_string()), Ok(id));
        assert_eq!(CertificateId::parse(&["AB"; 32].join(":")), Ok(id));
        for text in ["", "ab", &"ab".repeat(33), &"xy".repeat(32)] {
            assert_eq!(CertificateId::parse(text), Err(NoFingerprint), "{text}");
        }
    }

    #[test]
    fn a_certificate_is_good_until_it_expires() {
        let one = Certificate {
            fingerprint: [1; 32],
            issued: UnixMillis(1000),
            expires: UnixMillis(2000),
        };
        assert!(one.is_good(&[1; 32], UnixMillis(1999)));
        assert!(!one.is_good(&[1; 32], UnixMillis(2000)));
        assert!(!one.is_good(&[2; 32], UnixMillis(1500)));
    }
}
