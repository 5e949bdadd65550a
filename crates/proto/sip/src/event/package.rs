//! The event packages that we answer for ourselves; others belong to phones and go to them.

use crate::presence::{pidf, reginfo, rlmi, winfo};

/// An event package.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Package {
    /// RFC 3856.
    Presence,
    /// RFC 3857, of presence.
    Winfo,
    /// RFC 3680.
    Reg,
    /// Presence of all on a list (RFC 4662); its name is that of presence.
    List,
}

impl Package {
    /// What Allow-Events says of us.
    pub(crate) const ALL: &'static str = "presence, presence.winfo, reg";

    /// Finds the package that an Event header names.
    pub(crate) fn named(name: &str) -> Option<Self> {
        [Self::Presence, Self::Winfo, Self::Reg]
            .into_iter()
            .find(|package| package.as_str() == name)
    }

    /// Returns the name.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Presence | Self::List => "presence",
            Self::Winfo => "presence.winfo",
            Self::Reg => "reg",
        }
    }

    /// Returns the media type of its documents.
    pub(crate) const fn media_type(self) -> &'static str {
        match self {
            Self::Presence => pidf::TYPE,
            Self::Winfo => winfo::TYPE,
            Self::Reg => reginfo::TYPE,
            Self::List => rlmi::WHOLE,
        }
    }

    /// Tells whether only the user themself may subscribe.
    pub(crate) const fn is_private(self) -> bool {
        match self {
            Self::Presence | Self::List => false,
            Self::Winfo | Self::Reg => true,
        }
    }
}
