//! Whom a user hides their presence from: somebody, or everybody of a domain.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::name::check_name;
use crate::{Aor, AorError};

/// How many entries a user's list may have.
pub const BLOCKED_MAX: usize = 100;

/// One entry of a block list.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Blocked {
    /// One user.
    User(Aor),
    /// All users of a domain, in lower case.
    Domain(String),
}

impl Blocked {
    /// Reads `user@domain`, with or without `sip:`, or a domain alone.
    ///
    /// # Errors
    ///
    /// Says which rule of an address or a host name the text breaks.
    pub fn parse(text: &str) -> Result<Self, AorError> {
        if text.contains('@') || text.contains(':') {
            return Aor::parse(text).map(Self::User);
        }
        check_name(text).map_err(AorError::Domain)?;
        Ok(Self::Domain(text.to_ascii_lowercase()))
    }

    /// Tells whether this entry means a user, written as their address of record.
    #[must_use]
    pub fn means(&self, watcher: &str) -> bool {
        match self {
            Self::User(user) => user.as_str() == watcher,
            Self::Domain(domain) => {
                let theirs = watcher.rsplit_once('@').map(|(_, domain)| domain);
                theirs.is_some_and(|theirs| theirs.eq_ignore_ascii_case(domain))
            }
        }
    }
}

impl fmt::Display for Blocked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(user) => user.fmt(f),
            Self::Domain(domain) => f.write_str(domain),
        }
    }
}

impl TryFrom<String> for Blocked {
    type Error = AorError;

    fn try_from(text: String) -> Result<Self, AorError> {
        Self::parse(&text)
    }
}

impl From<Blocked> for String {
    fn from(blocked: Blocked) -> Self {
        blocked.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_means_one_user_or_all_of_a_domain() {
        let user = Blocked::parse("Bob@Contoso.com").unwrap();
        assert!(user.means("sip:Bob@contoso.com"));
        assert!(!user.means("sip:bob@contoso.com") && !user.means("sip:Bob@fabrikam.com"));
        let domain = Blocked::parse("Fabrikam.com").unwrap();
        assert!(domain.means("sip:anybody@fabrikam.com"));
        assert!(!domain.means("sip:bob@contoso.com") && !domain.means("sip:bob@sub.fabrikam.com"));
        for entry in [user, domain] {
            assert_eq!(Blocked::parse(&entry.to_string()), Ok(entry));
        }
    }

    #[test]
    fn what_is_neither_is_refused() {
        for text in ["", "@contoso.com", "bob@", "tel:5", "two words"] {
            assert!(Blocked::parse(text).is_err(), "{text:?}");
        }
    }
}
