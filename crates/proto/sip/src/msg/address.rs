//! Addresses in header values: `name-addr` and `addr-spec` with parameters (RFC 3261 20.10, 25.1).
//!
//! A display name may hold any bytes between its quotes; one that is not UTF-8 is not shown but does no harm. Without
//! angle brackets every parameter belongs to the header, and a comma or question mark in the URI is refused.

use memchr::memchr;

use super::Invalid;
use super::lex::{Class, Params, cut, is_lws, quoted_len, trim, trim_text};

/// One address: From, To, an element of Contact, Route, Record-Route, Path and the like.
#[derive(Clone, Copy, Debug)]
pub struct Address<'m> {
    /// The display name without its quotes, escapes as they are; `None` if there is none or it is not UTF-8.
    pub display: Option<&'m str>,
    /// The URI as written; `*` for the Contact that stands for all.
    pub uri: &'m str,
    /// The parameters behind it.
    pub params: Params<'m>,
}

impl<'m> Address<'m> {
    /// Takes an address apart.
    ///
    /// # Errors
    /// [`Invalid::Address`] if it breaks the grammar.
    pub fn parse(text: &'m str) -> Result<Self, Invalid> {
        Self::read(text.as_bytes()).ok_or(Invalid::Address)
    }

    /// Tells whether this is the `*` of a Contact.
    #[must_use]
    pub fn is_star(&self) -> bool {
        self.uri == "*"
    }

    /// Returns the tag parameter.
    #[must_use]
    pub fn tag(&self) -> Option<&'m str> {
        self.params.value("tag")
    }

    /// Returns the value of a header parameter without the quotes around it.
    #[must_use]
    pub fn param(&self, name: &str) -> Option<&'m str> {
        self.params.value(name)
    }

    pub(super) fn read(value: &'m [u8]) -> Option<Self> {
        let value = trim(value);
        if value.first() == Some(&b'"') {
            let len = quoted_len(value)?;
            let display = value.get(1..len.checked_sub(1)?)?;
            let rest = trim(value.get(len..)?);
            return Self::bracketed(std::str::from_utf8(display).ok(), rest);
        }
        let Some(open) = memchr(b'<', value) else {
            return Self::bare(value);
        };
        let display = trim(value.get(..open)?);
        if display
            .iter()
            .any(|byte| matches!(byte, b'"' | b',' | b';' | b':' | b'@' | b'>'))
        {
            return None;
        }
        let display = std::str::from_utf8(display)
            .ok()
            .filter(|display| !display.is_empty());
        Self::bracketed(display, value.get(open..)?)
    }

    fn bracketed(display: Option<&'m str>, rest: &'m [u8]) -> Option<Self> {
        let rest = std::str::from_utf8(rest).ok()?.strip_prefix('<')?;
        let len = Class::BRACKETED.span(rest.as_bytes());
        let uri = rest.get(..len)?;
        let rest = trim_text(rest.get(len..)?.strip_prefix('>')?);
        let params = match rest.strip_prefix(';') {
            Some(params) => params,
            None if rest.is_empty() => "",
            None => return None,
        };
        if uri.is_empty() {
            return None;
        }
        Some(Self {
            display,
            uri,
            params: Params::new(params),
        })
    }

    fn bare(value: &'m [u8]) -> Option<Self> {
        let value = std::str::from_utf8(value).ok()?;
        let (uri, params) = cut(value, b';');
        let uri = trim_text(uri);
        if uri.is_empty()
            || uri
                .bytes()
                .any(|byte| is_lws(byte) || matches!(byte, b',' | b'?' | b'>' | b'"'))
        {
            return None;
        }
        Some(Self {
            display: None,
            uri,
            params: Params::new(params.unwrap_or_default()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_is_taken_apart() {
        for (text, display, uri, tag) in [
            ("sip:a@b", None, "sip:a@b", None),
            ("sip:a@b ; tag = x", None, "sip:a@b", Some("x")),
            ("<sip:a@b;lr>;tag=x", None, "sip:a@b;lr", Some("x")),
            ("Alice B. <sip:a@b>", Some("Alice B."), "sip:a@b", None),
            (
                "\"A \\\" < ; , B\"\r\n <sip:a@b>\t;x;tag=y",
                Some("A \\\" < ; , B"),
                "sip:a@b",
                Some("y"),
            ),
            ("\"\" <sip:a@b>;tag=x", Some(""), "sip:a@b", Some("x")),
            ("  <sip:a@b?x=y,z>  ", None, "sip:a@b?x=y,z", None),
        ] {
            let address = Address::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(
                (address.display, address.uri, address.tag()),
                (display, uri, tag),
                "{text}"
            );
        }
        assert!(Address::parse("*").is_ok_and(|address| address.is_star()));
    }

    #[test]
    fn a_display_name_that_is_not_utf8_hides_nothing_else() {
        let address = Address::read(b"\"Andr\xe9\" <sip:a@b>;tag=x");
        assert!(
            address
                .is_some_and(|a| a.display.is_none() && a.uri == "sip:a@b" && a.tag() == Some("x"))
        );
    }

    #[test]
    fn what_breaks_the_grammar_is_refused() {
        for bad in [
            "",
            " ",
            "<>",
            "<sip:a@b",
            "sip:a@b>",
            "\"open <sip:a@b>",
            "\"Mr\" X <sip:a@b>",
            "Bell, Alexander <sip:a@b>",
            "<sip:a@b> x",
            "< sip:a@b>",
            "sip:a@b?x=y",
            "sip:a@b c",
            "\"x\" sip:a@b",
            "\"",
        ] {
            assert_eq!(Address::parse(bad).err(), Some(Invalid::Address), "{bad}");
        }
    }
}
