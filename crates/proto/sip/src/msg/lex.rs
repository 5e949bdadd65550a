//! The small parts of the grammar that all values share (RFC 3261 25.1): white space, tokens, numbers, quoted strings,
//! lists and parameters.
//!
//! A folded value keeps its line break: CR and LF count as white space here, because the line scanner has made sure
//! that they occur in folds only.

mod class;
mod cursor;
mod find;

use memchr::{memchr, memchr2, memchr3};

pub(crate) use class::Class;
pub(crate) use cursor::Cursor;
pub(crate) use find::{find_near, low_byte};

/// Tells whether a byte is white space.
pub(crate) fn is_lws(byte: u8) -> bool {
    Class::LWS.has(byte)
}

/// Returns the bytes without white space at the beginning.
pub(crate) fn trim_start(mut bytes: &[u8]) -> &[u8] {
    while let [first, rest @ ..] = bytes
        && is_lws(*first)
    {
        bytes = rest;
    }
    bytes
}

/// Returns the bytes without white space at the end.
pub(crate) fn trim_end(mut bytes: &[u8]) -> &[u8] {
    while let [rest @ .., last] = bytes
        && is_lws(*last)
    {
        bytes = rest;
    }
    bytes
}

/// Returns the bytes without white space at either end.
pub(crate) fn trim(bytes: &[u8]) -> &[u8] {
    trim_end(trim_start(bytes))
}

/// The same for text.
pub(crate) fn trim_text(text: &str) -> &str {
    let bytes = text.as_bytes();
    let inside = trim(bytes);
    if inside.len() == bytes.len() {
        return text;
    }
    let start = Class::LWS.span(bytes);
    text.get(start..start + inside.len()).unwrap_or_default()
}

/// Splits at the first of these bytes, which is ASCII, and leaves it out. For short texts: it looks at byte after byte.
pub(crate) fn cut(text: &str, at: u8) -> (&str, Option<&str>) {
    match text.bytes().position(|byte| byte == at) {
        Some(place) => (text.get(..place).unwrap_or_default(), text.get(place + 1..)),
        None => (text, None),
    }
}

/// Tells whether the bytes are a token.
pub(crate) fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && Class::TOKEN.has_all(bytes)
}

/// Reads a whole decimal number without sign; what does not fit is the greatest number.
pub(crate) fn number(bytes: &[u8]) -> Option<u64> {
    if bytes.is_empty() {
        return None;
    }
    bytes.iter().try_fold(0_u64, |sum, byte| {
        byte.is_ascii_digit().then(|| {
            sum.saturating_mul(10)
                .saturating_add(u64::from(byte - b'0'))
        })
    })
}

/// Returns the length of the quoted string at the beginning, both quotes included; `None` if it does not end.
pub(crate) fn quoted_len(bytes: &[u8]) -> Option<usize> {
    let mut at = 1;
    loop {
        let hit = at + memchr2(b'"', b'\\', bytes.get(at..)?)?;
        if bytes.get(hit) == Some(&b'"') {
            return Some(hit + 1);
        }
        at = hit + 2;
    }
}

/// Returns where the first element of a comma-separated list ends: the place of the comma, or the length.
///
/// Commas in quoted strings and between angle brackets belong to the element.
pub(crate) fn element_len(bytes: &[u8]) -> usize {
    let mut at = 0;
    while let Some(rest) = bytes.get(at..) {
        let Some(hit) = memchr3(b',', b'"', b'<', rest) else {
            break;
        };
        let Some(tail) = rest.get(hit..) else { break };
        let skip = match tail.first() {
            Some(b',') => return at + hit,
            Some(b'"') => quoted_len(tail),
            _ => memchr(b'>', tail).map(|end| end + 1),
        };
        let Some(skip) = skip else { break };
        at += hit + skip;
    }
    bytes.len()
}

/// Semicolon-separated parameters, of a header value or of a URI.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Params<'m>(&'m str);

impl<'m> Params<'m> {
    /// Takes what follows the first semicolon.
    #[must_use]
    pub const fn new(text: &'m str) -> Self {
        Self(text)
    }

    /// Returns the text, without the semicolon before it.
    #[must_use]
    pub const fn as_str(&self) -> &'m str {
        self.0
    }

    /// Returns each parameter's name and its value as written, quotes included.
    pub fn iter(&self) -> impl Iterator<Item = (&'m str, Option<&'m str>)> + use<'m> {
        let mut rest = self.0;
        std::iter::from_fn(move || {
            loop {
                if rest.is_empty() {
                    return None;
                }
                let (name_len, len) = param_lens(rest.as_bytes());
                let name = trim_text(rest.get(..name_len).unwrap_or_default());
                let value = rest.get(name_len + 1..len).map(trim_text);
                rest = rest.get(len + 1..).unwrap_or_default();
                if !name.is_empty() {
                    return Some((name, value));
                }
            }
        })
    }

    /// Returns the value as written, quotes included: `Some(None)` for a parameter without value.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<Option<&'m str>> {
        self.iter()
            .find(|(own, _)| own.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }

    /// Tells whether the parameter is there, with or without value.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// Returns the value without the quotes around it; escapes inside are left as they are.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<&'m str> {
        let value = self.get(name)??;
        Some(
            value
                .strip_prefix('"')
                .and_then(|rest| rest.strip_suffix('"'))
                .unwrap_or(value),
        )
    }
}

/// Tells whether a parameter keeps the grammar of a header's parameters.
pub(crate) fn is_param(name: &str, value: Option<&str>) -> bool {
    is_token(name.as_bytes()) && value.is_none_or(is_param_value)
}

fn is_param_value(value: &str) -> bool {
    let bytes = value.as_bytes();
    match bytes.first() {
        None => false,
        Some(b'"') => quoted_len(bytes) == Some(bytes.len()),
        // Hosts, IPv6 references and the loose values that phones send stand here beside tokens.
        Some(_) => {
            Class::TOKEN.has_all(bytes)
                || !bytes
                    .iter()
                    .any(|byte| is_lws(*byte) || matches!(byte, b'"' | b'<' | b'>' | b','))
        }
    }
}

/// Returns where the name of the first parameter ends, and where the whole parameter does.
fn param_lens(bytes: &[u8]) -> (usize, usize) {
    let mut name_len = None;
    let mut at = 0;
    while let Some(rest) = bytes.get(at..) {
        at += Class::INSIDE.span(rest);
        match bytes.get(at..) {
            Some([b'=', ..]) => {
                name_len = name_len.or(Some(at));
                at += 1;
            }
            Some(tail @ [b'"', ..]) => {
                let quoted = tail
                    .get(..quoted_len(tail).unwrap_or(tail.len()))
                    .unwrap_or(tail);
                // Quotes in a name hide no `=` from it.
                name_len = name_len.or_else(|| memchr(b'=', quoted).map(|equals| at + equals));
                at += quoted.len();
            }
            _ => return (name_len.unwrap_or(at), at),
        }
    }
    (name_len.unwrap_or(bytes.len()), bytes.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_digits_only_and_saturate() {
        assert_eq!(number(b"0070"), Some(70));
        assert_eq!(number(b"99999999999999999999999"), Some(u64::MAX));
        for bad in [&b""[..], b"-1", b"+1", b"1 ", b"0x10"] {
            assert_eq!(number(bad), None);
        }
    }

    #[test]
    fn a_list_is_cut_at_commas_outside_quotes_and_brackets() {
        for (list, first) in [
            ("a,b", "a"),
            ("\"x, y\" <sip:a@b>,c", "\"x, y\" <sip:a@b>"),
            ("<sip:a,b@c>;q=1,d", "<sip:a,b@c>;q=1"),
            ("\"a\\\",b\" <x>,c", "\"a\\\",b\" <x>"),
            ("\"open, for ever", "\"open, for ever"),
            ("<open, for ever", "<open, for ever"),
            ("\"ends in a backslash\\", "\"ends in a backslash\\"),
            ("", ""),
        ] {
            assert_eq!(&list[..element_len(list.as_bytes())], first, "{list}");
        }
    }

    #[test]
    fn parameters_are_found_by_name_in_any_case() {
        let params = Params::new("lr; Expires = 60 ;+sip.instance=\"<urn:uuid:1;2>\";;x=");
        assert!(params.has("LR"));
        assert_eq!(params.get("lr"), Some(None));
        assert_eq!(params.value("expires"), Some("60"));
        assert_eq!(params.value("+sip.instance"), Some("<urn:uuid:1;2>"));
        assert_eq!(
            params.get("+sip.instance"),
            Some(Some("\"<urn:uuid:1;2>\""))
        );
        assert_eq!(params.value("x"), Some(""));
        assert_eq!(params.get("y"), None);
        assert_eq!(params.iter().count(), 4);
    }

    #[test]
    fn quotes_hide_semicolons_and_only_in_values_equals_signs() {
        for (text, first, count) in [
            ("a=\"x;y=z\";b", ("a", Some("\"x;y=z\"")), 2),
            ("a=x=y;b=\"=\"", ("a", Some("x=y")), 2),
            ("a\"x=y;z\"=1;b", ("a\"x", Some("y;z\"=1")), 2),
            ("a=\"open;b=1", ("a", Some("\"open;b=1")), 1),
            ("\"a;b\" ; c", ("\"a;b\"", None), 2),
        ] {
            let params = Params::new(text);
            assert_eq!(params.iter().next(), Some(first), "{text}");
            assert_eq!(params.iter().count(), count, "{text}");
        }
    }
}
