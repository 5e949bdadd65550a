//! Numbers of seconds and what stands beside them: Session-Expires and Min-SE (RFC 4028), Min-Expires, Retry-After and
//! Timestamp (RFC 3261 20.23, 20.33, 20.38), Flow-Timer (RFC 5626), Max-Breadth (RFC 5393).

use super::{comment, digits};
use crate::msg::lex::{Cursor, trim_text};
use crate::msg::{Invalid, Message, Name, Params};

/// Who sends the refreshes of a session timer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refresher {
    /// The caller.
    Uac,
    /// The callee.
    Uas,
}

/// The Session-Expires header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionExpires {
    /// The interval in seconds.
    pub seconds: u32,
    /// Who refreshes, if it is said.
    pub refresher: Option<Refresher>,
}

/// The Retry-After header.
#[derive(Clone, Copy, Debug)]
pub struct RetryAfter<'m> {
    /// The seconds to wait.
    pub seconds: u32,
    /// What is said about it between parentheses.
    pub comment: Option<&'m str>,
    /// The parameters; `duration` says how long the sender can be reached then.
    pub params: Params<'m>,
}

/// The Timestamp header: numbers as the sender wrote them, since only it knows their meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timestamp<'m> {
    /// When the request was sent.
    pub sent: &'m str,
    /// How long the answer took, in seconds.
    pub delay: Option<&'m str>,
}

impl Message {
    /// Returns Session-Expires.
    ///
    /// # Errors
    /// [`Invalid::Malformed`] or [`Invalid::Repeated`].
    pub fn session_expires(&self) -> Result<Option<SessionExpires>, Invalid> {
        let read = |params: Params<'_>, seconds| {
            let refresher = match params.value("refresher") {
                None => None,
                Some(side) if side.eq_ignore_ascii_case("uac") => Some(Refresher::Uac),
                Some(side) if side.eq_ignore_ascii_case("uas") => Some(Refresher::Uas),
                Some(_) => return None,
            };
            Some(SessionExpires { seconds, refresher })
        };
        let read_all = |value| {
            let (seconds, _, params) = delta(value)?;
            read(params, seconds)
        };
        self.whole(Name::SessionExpires, read_all)
    }

    /// Returns Min-SE in seconds.
    ///
    /// # Errors
    /// [`Invalid::Malformed`] or [`Invalid::Repeated`].
    pub fn min_se(&self) -> Result<Option<u32>, Invalid> {
        self.whole(Name::MinSe, |value| Some(delta(value)?.0))
    }

    /// Returns Min-Expires in seconds.
    ///
    /// # Errors
    /// [`Invalid::Malformed`] or [`Invalid::Repeated`].
    pub fn min_expires(&self) -> Result<Option<u32>, Invalid> {
        self.plain_number(Name::MinExpires)
    }

    /// Returns Flow-Timer in seconds (RFC 5626 4.4, 11.1).
    ///
    /// # Errors
    /// [`Invalid::Malformed`] or [`Invalid::Repeated`].
    pub fn flow_timer(&self) -> Result<Option<u32>, Invalid> {
        self.plain_number(Name::FlowTimer)
    }

    /// Returns Max-Breadth: into how many branches the request may split (RFC 5393 5.3.3).
    ///
    /// # Errors
    /// [`Invalid::Malformed`] or [`Invalid::Repeated`].
    pub fn max_breadth(&self) -> Result<Option<u32>, Invalid> {
        self.plain_number(Name::MaxBreadth)
    }

    /// Returns Retry-After.
    ///
    /// # Errors
    /// [`Invalid::Malformed`] or [`Invalid::Repeated`].
    pub fn retry_after(&self) -> Result<Option<RetryAfter<'_>>, Invalid> {
        self.whole(Name::RetryAfter, |value| {
            let (seconds, comment, params) = delta(value)?;
            Some(RetryAfter {
                seconds,
                comment,
                params,
            })
        })
    }

    /// Returns Timestamp.
    ///
    /// # Errors
    /// [`Invalid::Malformed`] or [`Invalid::Repeated`].
    pub fn timestamp(&self) -> Result<Option<Timestamp<'_>>, Invalid> {
        self.whole(Name::Timestamp, |value| {
            let mut parts = value
                .split([' ', '\t', '\r', '\n'])
                .filter(|part| !part.is_empty());
            let (sent, delay) = (parts.next()?, parts.next());
            let is_sound =
                parts.next().is_none() && is_decimal(sent) && delay.is_none_or(is_decimal);
            is_sound.then_some(Timestamp { sent, delay })
        })
    }

    fn plain_number(&self, name: Name) -> Result<Option<u32>, Invalid> {
        self.whole(name, |value| {
            let mut cursor = Cursor::new(value);
            let number = digits(&mut cursor)?;
            cursor.rest().is_empty().then_some(number)
        })
    }

    pub(super) fn whole<'m, T>(
        &'m self,
        name: Name,
        read: impl FnOnce(&'m str) -> Option<T>,
    ) -> Result<Option<T>, Invalid> {
        self.only(name)?
            .map(|value| read(value).ok_or(Invalid::Malformed(name)))
            .transpose()
    }
}

/// Reads `seconds [ comment ] *( ; param )`.
fn delta(value: &str) -> Option<(u32, Option<&str>, Params<'_>)> {
    let mut cursor = Cursor::new(value);
    let seconds = digits(&mut cursor)?;
    cursor.skip_space();
    let comment = match cursor.rest().starts_with('(') {
        true => Some(comment(&mut cursor)?),
        false => None,
    };
    cursor.skip_space();
    if !cursor.eat(b';') && !cursor.rest().is_empty() {
        return None;
    }
    Some((seconds, comment, Params::new(trim_text(cursor.rest()))))
}

/// `1*DIGIT [ "." *DIGIT ]`, where a delay may leave out the digits before the point.
fn is_decimal(text: &str) -> bool {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let mut all = whole.bytes().chain(fraction.bytes()).peekable();
    all.peek().is_some() && all.all(|byte| byte.is_ascii_digit())
}
