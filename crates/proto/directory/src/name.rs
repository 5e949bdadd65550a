//! Names of users and pools, checked and in their canonical form.
//!
//! A user's address of record is `sip:user@domain`. The domain is compared without regard to case and kept in lower
//! case; the user part keeps its case (RFC 3261 section 19.1.4). Where this is narrower than the RFC: no escapes, no
//! parameters, no port, no address literal as host, none of `;`, `?` and `/` in the user part. Such an address can be
//! spelled in several ways, and an account has exactly one spelling.
//!
//! Bounds: [`USER_MAX`] bytes before the `@`, 253 bytes of domain in labels of at most 63 (RFC 1035 section 2.3.4).

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// The longest user part that is accepted.
const USER_MAX: usize = 128;
/// The longest DNS name (RFC 1035 section 2.3.4, as text).
const NAME_MAX: usize = 253;
/// The longest label of a DNS name.
const LABEL_MAX: usize = 63;
const SCHEME: &str = "sip:";

/// A user's address of record, for example `sip:alice@contoso.com`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Aor(Arc<str>);

impl Aor {
    /// Reads an address with or without `sip:` in front.
    ///
    /// # Errors
    ///
    /// Says which rule of the canonical form the text breaks.
    pub fn parse(text: &str) -> Result<Self, AorError> {
        let rest = match text.split_once(':') {
            None => text,
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("sip") => rest,
            Some(_) => return Err(AorError::Scheme),
        };
        let (user, domain) = rest.rsplit_once('@').ok_or(AorError::NoDomain)?;
        if user.is_empty() {
            return Err(AorError::NoUser);
        }
        if user.len() > USER_MAX {
            return Err(AorError::UserTooLong);
        }
        if let Some(found) = user.chars().find(|c| !is_user_char(*c)) {
            return Err(AorError::UserCharacter { found });
        }
        check_name(domain).map_err(AorError::Domain)?;
        Ok(Self(
            format!("{SCHEME}{user}@{}", domain.to_ascii_lowercase()).into(),
        ))
    }

    /// Returns the whole address, `sip:` included.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the part before the `@`: the user name of Digest.
    #[must_use]
    pub fn user(&self) -> &str {
        self.parts().0
    }

    /// Returns the SIP domain: the realm of Digest.
    #[must_use]
    pub fn domain(&self) -> &str {
        self.parts().1
    }

    fn parts(&self) -> (&str, &str) {
        let rest = self.0.strip_prefix(SCHEME).unwrap_or(&self.0);
        rest.rsplit_once('@').unwrap_or((rest, ""))
    }
}

impl fmt::Display for Aor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Aor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for Aor {
    type Error = AorError;

    fn try_from(text: String) -> Result<Self, AorError> {
        Self::parse(&text)
    }
}

impl From<Aor> for String {
    fn from(aor: Aor) -> Self {
        aor.0.as_ref().into()
    }
}

impl std::borrow::Borrow<str> for Aor {
    fn borrow(&self) -> &str {
        &self.0
    }
}

/// The FQDN of a pool, lower case.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PoolName(Arc<str>);

impl PoolName {
    /// Reads a name in any case.
    ///
    /// # Errors
    ///
    /// Says which rule for host names the text breaks.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        check_name(text)?;
        Ok(Self(text.to_ascii_lowercase().into()))
    }

    /// Returns the name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PoolName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for PoolName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for PoolName {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, NameError> {
        Self::parse(&text)
    }
}

impl From<PoolName> for String {
    fn from(name: PoolName) -> Self {
        name.0.as_ref().into()
    }
}

/// Why a text is not an address of record. Whoever wrote the text should correct it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AorError {
    /// Another scheme than `sip:`; leave the scheme out or write `sip:`.
    #[error("the address must begin with \"sip:\" or have no scheme at all")]
    Scheme,
    /// There is no `@`; write `user@domain`.
    #[error("the address has no domain; it must look like user@domain")]
    NoDomain,
    /// Nothing stands before the `@`.
    #[error("the address has no user part before the @")]
    NoUser,
    /// The user part is longer than 128 bytes.
    #[error("the user part is longer than {USER_MAX} bytes")]
    UserTooLong,
    /// A character that an account name may not hold.
    #[error("the user part may not contain {found:?}")]
    UserCharacter {
        /// The first such character.
        found: char,
    },
    /// The domain is not a host name.
    #[error("the domain is not a host name")]
    Domain(#[source] NameError),
}

/// Why a text is not a host name. Whoever wrote the text should correct it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Nothing is there, or nothing between two dots.
    #[error("a part of the name is empty")]
    Empty,
    /// The whole is longer than 253 bytes or a part longer than 63.
    #[error("the name or a part of it is too long")]
    TooLong,
    /// Something other than letters, digits and inner hyphens.
    #[error("the name may not contain {found:?} there")]
    Character {
        /// The first such character.
        found: char,
    },
    /// The last part is a number, so this is an address, not a name.
    #[error("an address stands where a name is wanted")]
    Address,
}

/// RFC 3261 section 25.1 `user`, without escapes and without `;`, `?` and `/`.
const fn is_user_char(c: char) -> bool {
    c.is_ascii_alphanumeric()
        || matches!(
            c,
            '-' | '_' | '.' | '!' | '~' | '*' | '\'' | '(' | ')' | '&' | '=' | '+' | '$' | ','
        )
}

pub(crate) fn check_name(text: &str) -> Result<(), NameError> {
    if text.len() > NAME_MAX {
        return Err(NameError::TooLong);
    }
    for label in text.split('.') {
        if label.is_empty() {
            return Err(NameError::Empty);
        }
        if label.len() > LABEL_MAX {
            return Err(NameError::TooLong);
        }
        if let Some(found) = label
            .chars()
            .find(|c| !c.is_ascii_alphanumeric() && *c != '-')
        {
            return Err(NameError::Character { found });
        }
        if label.starts_with('-') || label.ends_with('-') {
            return Err(NameError::Character { found: '-' });
        }
    }
    if text
        .rsplit('.')
        .next()
        .is_some_and(|last| last.bytes().all(|b| b.is_ascii_digit()))
    {
        return Err(NameError::Address);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_brought_into_one_spelling() {
        let aor = Aor::parse("SIP:Alice.Smith+1@Contoso.COM").unwrap();
        assert_eq!(aor.as_str(), "sip:Alice.Smith+1@contoso.com");
        assert_eq!((aor.user(), aor.domain()), ("Alice.Smith+1", "contoso.com"));
        assert_eq!(
            Aor::parse("bob@contoso.com").unwrap().as_str(),
            "sip:bob@contoso.com"
        );
    }

    #[test]
    fn what_is_no_address_is_refused_with_its_reason() {
        let long = format!("{}@contoso.com", "a".repeat(129));
        let cases = [
            ("alice", AorError::NoDomain),
            ("", AorError::NoDomain),
            ("@contoso.com", AorError::NoUser),
            ("sips:alice@contoso.com", AorError::Scheme),
            ("alice:5060@contoso.com", AorError::Scheme),
            ("al ice@contoso.com", AorError::UserCharacter { found: ' ' }),
            ("a@b@contoso.com", AorError::UserCharacter { found: '@' }),
            (
                "al%69ce@contoso.com",
                AorError::UserCharacter { found: '%' },
            ),
            ("alice@", AorError::Domain(NameError::Empty)),
            ("alice@contoso..com", AorError::Domain(NameError::Empty)),
            (
                "alice@-contoso.com",
                AorError::Domain(NameError::Character { found: '-' }),
            ),
            (
                "alice@contoso.com;x",
                AorError::Domain(NameError::Character { found: ';' }),
            ),
            ("alice@192.0.2.1", AorError::Domain(NameError::Address)),
            (&long, AorError::UserTooLong),
        ];
        for (text, reason) in cases {
            assert_eq!(Aor::parse(text), Err(reason), "{text}");
        }
    }

    #[test]
    fn a_name_ends_at_its_bounds() {
        let label = "a".repeat(63);
        assert!(PoolName::parse(&label).is_ok());
        assert_eq!(
            PoolName::parse(&format!("{label}a")),
            Err(NameError::TooLong)
        );
        let whole = [label.as_str(); 4].join(".");
        assert_eq!(PoolName::parse(&whole), Err(NameError::TooLong));
        assert_eq!(
            PoolName::parse("FEPool01.Contoso.Net").unwrap().as_str(),
            "fepool01.contoso.net"
        );
    }
}
