//! Names of machines, pools, web sites and domains.

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

use serde::Serialize;

/// RFC 1035 2.3.4: a whole name is at most 253 characters as text, a label at most 63.
const NAME_MAX: usize = 253;
const LABEL_MAX: usize = 63;

/// A fully qualified domain name: lower case, letters, digits and hyphens only, at least two labels.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Fqdn(Arc<str>);

/// Why a text is not a name of the topology.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotAName {
    /// It has a single label, so it is not fully qualified.
    OneLabel,
    /// The whole or one label is too long.
    TooLong,
    /// A label is empty or begins or ends with a hyphen.
    Label,
    /// It has a character that is not a letter, digit, hyphen or dot.
    Character,
    /// It is an IP address.
    Address,
}

impl fmt::Display for NotAName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::OneLabel => "a fully qualified name has at least two labels",
            Self::TooLong => "a name has at most 253 characters and a label at most 63",
            Self::Label => "a label is neither empty nor does it begin or end with a hyphen",
            Self::Character => "a name has only letters, digits, hyphens and dots",
            Self::Address => "an address stands where a name belongs",
        })
    }
}

impl Fqdn {
    /// Takes a name, in any case.
    ///
    /// # Errors
    /// What is wrong with the text; wildcards are refused, since identity is never a wildcard.
    pub fn new(text: &str) -> Result<Self, NotAName> {
        if text.parse::<std::net::IpAddr>().is_ok() {
            return Err(NotAName::Address);
        }
        if text.len() > NAME_MAX || text.split('.').any(|label| label.len() > LABEL_MAX) {
            return Err(NotAName::TooLong);
        }
        let fits = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.';
        if !text.chars().all(fits) {
            return Err(NotAName::Character);
        }
        let is_label = |l: &str| !l.is_empty() && !l.starts_with('-') && !l.ends_with('-');
        if !text.split('.').all(is_label) {
            return Err(NotAName::Label);
        }
        if !text.contains('.') {
            return Err(NotAName::OneLabel);
        }
        Ok(Self(text.to_ascii_lowercase().into()))
    }

    /// Returns the name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the name as the cores carry it.
    #[must_use]
    pub fn to_arc(&self) -> Arc<str> {
        Arc::clone(&self.0)
    }

    /// Returns the first label.
    #[must_use]
    pub fn label(&self) -> &str {
        self.0.split_once('.').map_or(&*self.0, |(label, _)| label)
    }

    /// Returns what follows the first label.
    #[must_use]
    pub fn parent(&self) -> &str {
        self.0.split_once('.').map_or("", |(_, parent)| parent)
    }

    /// Returns this name below another label, as `sip` below `contoso.com`; the name itself if that grows too long.
    #[must_use]
    pub(crate) fn below(label: &str, parent: &str) -> Self {
        let text = format!("{label}.{parent}");
        Self::new(&text).unwrap_or_else(|_| Self(text.into()))
    }
}

impl fmt::Display for Fqdn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl AsRef<str> for Fqdn {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for Fqdn {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl PartialEq<str> for Fqdn {
    fn eq(&self, other: &str) -> bool {
        &*self.0 == other
    }
}

impl PartialEq<&str> for Fqdn {
    fn eq(&self, other: &&str) -> bool {
        &*self.0 == *other
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_lower_case_and_falls_into_label_and_parent() {
        let name = Fqdn::new("Dir01.Contoso.NET").unwrap();
        assert_eq!(name, "dir01.contoso.net");
        assert_eq!((name.label(), name.parent()), ("dir01", "contoso.net"));
    }

    #[test]
    fn what_is_not_a_name_is_refused_with_its_reason() {
        let cases = [
            ("dir01", NotAName::OneLabel),
            ("dir_01.contoso.net", NotAName::Character),
            ("*.contoso.net", NotAName::Character),
            ("-dir.contoso.net", NotAName::Label),
            ("dir01..net", NotAName::Label),
            ("dir01.contoso.net.", NotAName::Label),
            ("10.0.0.1", NotAName::Address),
            ("", NotAName::Label),
        ];
        for (text, why) in cases {
            assert_eq!(Fqdn::new(text), Err(why), "{text}");
        }
        assert_eq!(
            Fqdn::new(&format!("{}.net", "a".repeat(64))),
            Err(NotAName::TooLong)
        );
        assert_eq!(Fqdn::new(&"a.".repeat(130)), Err(NotAName::TooLong));
    }
}
