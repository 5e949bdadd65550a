//! The small parts of the grammar that all values share (RFC 3261 25.1): white space, tokens, numbers, quoted strings,
//! lists and parameters.
//!
//! A folded value keeps its line break: CR and LF count as white space here, because the line scanner has made sure
//! that they occur in folds only.

use memchr::{memchr, memchr2, memchr3};

/// What may stand between the parts of a value; CR and LF only as part of a fold.
pub(crate) const LWS: [char; 4] = [' ', '\t', '\r', '\n'];

/// Tells whether a byte is white space.
pub(crate) const fn is_lws(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

/// Returns the bytes without white space at either end.
pub(crate) fn trim(mut bytes: &[u8]) -> &[u8] {
    while let [first, rest @ ..] = bytes
        && is_lws(*first)
    {
        bytes = rest;
    }
    while let [rest @ .., last] = bytes
        && is_lws(*last)
    {
        bytes = rest;
    }
    bytes
}

/// Tells whether a byte may be part of a token.
pub(crate) const fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'-' | b'.' | b'!' | b'%' | b'*' | b'_' | b'+' | b'`' | b'\'' | b'~'
        )
}

/// Tells whether the bytes are a token.
pub(crate) fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().copied().all(is_token_byte)
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
                let end = param_len(rest.as_bytes());
                let one = rest.get(..end).unwrap_or_default();
                rest = rest.get(end + 1..).unwrap_or_default();
                let (name, value) = match one.split_once('=') {
                    Some((name, value)) => (name, Some(value.trim_matches(LWS))),
                    None => (one, None),
                };
                let name = name.trim_matches(LWS);
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

    /// Tells whether every parameter keeps the grammar of a header's parameters.
    pub(crate) fn is_well_formed(&self) -> bool {
        self.iter()
            .all(|(name, value)| is_token(name.as_bytes()) && value.is_none_or(is_param_value))
    }
}

fn is_param_value(value: &str) -> bool {
    let bytes = value.as_bytes();
    match bytes.first() {
        None => false,
        Some(b'"') => quoted_len(bytes) == Some(bytes.len()),
        // Hosts, IPv6 references and the loose values that phones send stand here beside tokens.
        Some(_) => !bytes
            .iter()
            .any(|byte| is_lws(*byte) || matches!(byte, b'"' | b'<' | b'>' | b',')),
    }
}

fn param_len(bytes: &[u8]) -> usize {
    let mut at = 0;
    while let Some(rest) = bytes.get(at..) {
        let Some(hit) = memchr2(b';', b'"', rest) else {
            break;
        };
        if rest.get(hit) == Some(&b';') {
            return at + hit;
        }
        let Some(skip) = rest.get(hit..).and_then(quoted_len) else {
            break;
        };
        at += hit + skip;
    }
    bytes.len()
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
}
