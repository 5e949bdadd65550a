//! Where a client is, as the site that it has reached tells.

/// The access location: known from the listener alone, never from what a client says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Location {
    /// On the organisation's network: the internal web site.
    Inside,
    /// Beyond the reverse proxy: the external web site.
    Outside,
}

impl Location {
    /// Returns the word of the autodiscover documents.
    #[must_use]
    pub const fn access(self) -> &'static str {
        match self {
            Self::Inside => "Internal",
            Self::Outside => "External",
        }
    }
}
