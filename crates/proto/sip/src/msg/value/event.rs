//! Event and Subscription-State (RFC 6665 8.2).

use super::token_and_params;
use crate::msg::lex::number;
use crate::msg::{Invalid, Message, Name, Params};

/// The Event header: which package, and which of several subscriptions.
#[derive(Clone, Copy, Debug)]
pub struct Event<'m> {
    /// The package with its templates, as written: `presence`, `presence.winfo`.
    pub package: &'m str,
    /// The parameters.
    pub params: Params<'m>,
}

impl<'m> Event<'m> {
    /// Returns the `id`, which tells subscriptions of one dialog apart.
    #[must_use]
    pub fn id(&self) -> Option<&'m str> {
        self.params.value("id")
    }

    /// Tells whether this is the package of that name. Packages are compared byte by byte (RFC 6665 8.2.1).
    #[must_use]
    pub fn is(&self, package: &str) -> bool {
        self.package == package
    }

    /// Tells whether both mean the same subscription: package and `id` are the same, byte by byte (RFC 6665 8.2.1).
    #[must_use]
    pub fn matches(&self, other: &Event<'_>) -> bool {
        self.package == other.package && self.id() == other.id()
    }
}

/// The state that Subscription-State names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Substate<'m> {
    /// Accepted.
    Active,
    /// Not decided yet.
    Pending,
    /// Over.
    Terminated,
    /// One that an extension defines, as written.
    Other(&'m str),
}

/// The Subscription-State header.
#[derive(Clone, Copy, Debug)]
pub struct SubscriptionState<'m> {
    /// The state.
    pub state: Substate<'m>,
    /// The parameters.
    pub params: Params<'m>,
}

impl<'m> SubscriptionState<'m> {
    /// Returns how many seconds are left.
    #[must_use]
    pub fn expires(&self) -> Option<u32> {
        self.seconds("expires")
    }

    /// Returns after how many seconds a terminated subscription may be tried again.
    #[must_use]
    pub fn retry_after(&self) -> Option<u32> {
        self.seconds("retry-after")
    }

    /// Returns why it is over or waits: `deactivated`, `probation`, `rejected`, `timeout`, `giveup`, `noresource`.
    #[must_use]
    pub fn reason(&self) -> Option<&'m str> {
        self.params.value("reason")
    }

    fn seconds(&self, name: &str) -> Option<u32> {
        let seconds = number(self.params.value(name)?.as_bytes())?;
        Some(u32::try_from(seconds).unwrap_or(u32::MAX))
    }
}

impl Message {
    /// Returns Event.
    ///
    /// # Errors
    /// [`Invalid::Malformed`] or [`Invalid::Repeated`].
    pub fn event(&self) -> Result<Option<Event<'_>>, Invalid> {
        let Some(value) = self.only(Name::Event)? else {
            return Ok(None);
        };
        let (package, params) = token_and_params(value).ok_or(Invalid::Malformed(Name::Event))?;
        Ok(Some(Event { package, params }))
    }

    /// Returns Subscription-State.
    ///
    /// # Errors
    /// [`Invalid::Malformed`] or [`Invalid::Repeated`].
    pub fn subscription_state(&self) -> Result<Option<SubscriptionState<'_>>, Invalid> {
        let Some(value) = self.only(Name::SubscriptionState)? else {
            return Ok(None);
        };
        let (word, params) =
            token_and_params(value).ok_or(Invalid::Malformed(Name::SubscriptionState))?;
        let known = [
            ("active", Substate::Active),
            ("pending", Substate::Pending),
            ("terminated", Substate::Terminated),
        ];
        let state = known
            .into_iter()
            .find(|(name, _)| word.eq_ignore_ascii_case(name))
            .map_or(Substate::Other(word), |(_, state)| state);
        Ok(Some(SubscriptionState { state, params }))
    }
}
