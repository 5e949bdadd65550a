//! Values of the headers that an element of ours reads, taken apart when someone asks.
//!
//! Each reader gives `Ok(None)` for a header that is not there and [`Invalid`] for one that breaks its grammar or,
//! where only one can be meant, stands twice. Whoever asks decides what the fault means: a proxy that only passes the
//! header on never asks, so it refuses nothing that it need not understand (RFC 3261 16.3).

mod date;
mod dialog;
mod event;
mod hint;
mod media;
mod privacy;
mod time;

#[cfg(test)]
mod tests;

pub use date::{date, unix_seconds};
pub use dialog::{DialogId, RAck};
pub use event::{Event, SubscriptionState, Substate};
pub use hint::{Reason, Warning};
pub use media::{MediaRange, MediaType};
pub use privacy::Privacy;
pub use time::{Refresher, RetryAfter, SessionExpires, Timestamp};

use super::lex::{Class, Cursor, cut, is_token, number, quoted_len, trim_text};
use super::{Address, Invalid, Message, Name, Params};

impl Message {
    /// Returns the value of a header that may stand once.
    ///
    /// # Errors
    /// [`Invalid::Repeated`], or [`Invalid::Malformed`] if it is not UTF-8.
    pub fn only(&self, name: Name) -> Result<Option<&str>, Invalid> {
        let mut lines = self.all(name);
        let Some(first) = lines.next() else {
            return Ok(None);
        };
        if lines.next().is_some() {
            return Err(Invalid::Repeated(name));
        }
        first.text().ok_or(Invalid::Malformed(name)).map(Some)
    }

    /// Returns each element of a list of tokens as written, over all lines of that name: Supported, Require, Allow,
    /// Allow-Events and the like. What is not a token is left out.
    pub fn tokens(&self, name: Name) -> impl Iterator<Item = &str> {
        self.elements(name)
            .filter_map(|element| element.text().filter(|text| is_token(text.as_bytes())))
    }

    /// Returns the entity tag that SIP-ETag gives (RFC 3903 11.3.1).
    ///
    /// # Errors
    /// [`Invalid::Malformed`] or [`Invalid::Repeated`].
    pub fn etag(&self) -> Result<Option<&str>, Invalid> {
        self.one_token(Name::SipEtag)
    }

    /// Returns the entity tag that SIP-If-Match asks for (RFC 3903 11.3.2).
    ///
    /// # Errors
    /// [`Invalid::Malformed`] or [`Invalid::Repeated`].
    pub fn if_match(&self) -> Result<Option<&str>, Invalid> {
        self.one_token(Name::SipIfMatch)
    }

    /// Returns the entity tag of Suppress-If-Match, which may be `*` (RFC 5839 7.2).
    ///
    /// # Errors
    /// [`Invalid::Malformed`] or [`Invalid::Repeated`].
    pub fn suppress_if_match(&self) -> Result<Option<&str>, Invalid> {
        self.one_token(Name::SuppressIfMatch)
    }

    /// Returns Refer-To (RFC 3515 2.1).
    ///
    /// # Errors
    /// [`Invalid::Malformed`] or [`Invalid::Repeated`].
    pub fn refer_to(&self) -> Result<Option<Address<'_>>, Invalid> {
        self.one_address(Name::ReferTo)
    }

    /// Returns Referred-By (RFC 3892 2.1).
    ///
    /// # Errors
    /// [`Invalid::Malformed`] or [`Invalid::Repeated`].
    pub fn referred_by(&self) -> Result<Option<Address<'_>>, Invalid> {
        self.one_address(Name::ReferredBy)
    }

    fn one_token(&self, name: Name) -> Result<Option<&str>, Invalid> {
        match self.only(name)? {
            Some(token) if !is_token(token.as_bytes()) => Err(Invalid::Malformed(name)),
            token => Ok(token),
        }
    }

    fn one_address(&self, name: Name) -> Result<Option<Address<'_>>, Invalid> {
        self.only(name)?
            .map(|value| Address::parse(value).map_err(|_| Invalid::Malformed(name)))
            .transpose()
    }
}

/// Reads `token *( ; param )`: the token and what follows the first semicolon.
fn token_and_params(text: &str) -> Option<(&str, Params<'_>)> {
    let (token, params) = cut(text, b';');
    let token = trim_text(token);
    is_token(token.as_bytes()).then(|| (token, Params::new(params.unwrap_or_default())))
}

/// Reads a decimal fraction between 0 and 1 with up to three digits, in thousandths (RFC 3261 25.1, `qvalue`).
pub(crate) fn quality(text: &str) -> Option<u16> {
    let (whole, fraction) = cut(text, b'.');
    let digits = fraction.unwrap_or_default();
    if !matches!(whole, "0" | "1")
        || digits.len() > 3
        || !digits.bytes().all(|byte| byte.is_ascii_digit())
    {
        return None;
    }
    let scale = [1000_u16, 100, 10, 1];
    let value: u16 = if digits.is_empty() {
        0
    } else {
        digits.parse().ok()?
    };
    let thousandths = value * scale.get(digits.len())? + if whole == "1" { 1000 } else { 0 };
    (thousandths <= 1000).then_some(thousandths)
}

/// Takes `( ... )` with comments nested in it and escapes, if it is next; returns what stands between the outer ones.
fn comment<'m>(cursor: &mut Cursor<'m>) -> Option<&'m str> {
    let bytes = cursor.rest().as_bytes();
    let mut depth = 0_usize;
    let mut is_escaped = false;
    for (at, byte) in bytes.iter().enumerate() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = true,
            b'(' => depth += 1,
            b')' => depth = depth.checked_sub(1)?,
            _ => {}
        }
        if depth == 0 {
            let whole = cursor.take(at + 1);
            return whole.strip_prefix('(')?.strip_suffix(')');
        }
    }
    None
}

/// Takes a quoted string, if it is next; returns what stands between the quotes, escapes as they are.
fn quoted<'m>(cursor: &mut Cursor<'m>) -> Option<&'m str> {
    if !cursor.rest().starts_with('"') {
        return None;
    }
    let len = quoted_len(cursor.rest().as_bytes())?;
    cursor.take(len).strip_prefix('"')?.strip_suffix('"')
}

/// Takes a whole number; what does not fit is the greatest.
fn digits(cursor: &mut Cursor<'_>) -> Option<u32> {
    let len = cursor.rest().bytes().take_while(u8::is_ascii_digit).count();
    let number = number(cursor.take(len).as_bytes())?;
    Some(u32::try_from(number).unwrap_or(u32::MAX))
}

/// Takes one token.
fn token<'m>(cursor: &mut Cursor<'m>) -> Option<&'m str> {
    Some(cursor.take_all(Class::TOKEN)).filter(|token| !token.is_empty())
}
