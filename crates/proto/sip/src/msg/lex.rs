//! The small parts of the grammar that all values share (RFC 3261 25.1): white space, tokens, numbers, quoted strings,
//! lists and parameters.
//!
//! A folded value keeps its line break: CR and LF count as white space here, because the line scanner has made sure
//! that they occur in folds only.

use memchr::{memchr, memchr2, memchr3};

/// A set of bytes; one bit of [`CLASSES`].
#[derive(Clone, Copy)]
pub(crate) struct Class(u8);

impl Class {
    /// White space; CR and LF only as part of a fold.
    pub(crate) const LWS: Self = Self(1);
    /// What a token is made of.
    pub(crate) const TOKEN: Self = Self(1 << 1);
    /// What a host name or an IPv4 address is made of.
    pub(crate) const HOST: Self = Self(1 << 2);
    /// What stands unescaped in the user or password of a URI.
    pub(crate) const USER: Self = Self(1 << 3);
    /// What stands unescaped in the parameters of a URI.
    pub(crate) const PARAM: Self = Self(1 << 4);
    /// What stands unescaped in the headers of a URI.
    pub(crate) const HEADER: Self = Self(1 << 5);
    /// What may stand in a parameter without meaning anything to it: not `;`, `=` and `"`.
    const INSIDE: Self = Self(1 << 6);
    /// What may stand in a URI between angle brackets: not white space and `>`.
    pub(crate) const BRACKETED: Self = Self(1 << 7);

    /// Tells whether the byte belongs to this set.
    pub(crate) fn has(self, byte: u8) -> bool {
        CLASSES
            .get(usize::from(byte))
            .is_some_and(|classes| classes & self.0 != 0)
    }

    /// Tells whether every byte belongs to this set.
    pub(crate) fn has_all(self, bytes: &[u8]) -> bool {
        bytes.iter().all(|byte| self.has(*byte))
    }

    /// Returns how many bytes from the beginning belong to this set.
    pub(crate) fn span(self, bytes: &[u8]) -> usize {
        bytes
            .iter()
            .position(|byte| !self.has(*byte))
            .unwrap_or(bytes.len())
    }

    /// The same, where `%` with two hexadecimal digits belongs to every set.
    pub(crate) fn escaped_span(self, bytes: &[u8]) -> usize {
        let mut at = 0;
        loop {
            at += self.span(bytes.get(at..).unwrap_or_default());
            match bytes.get(at..) {
                Some([b'%', high, low, ..])
                    if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() =>
                {
                    at += 3;
                }
                _ => return at,
            }
        }
    }
}

/// The classes of each byte. One look here replaces a chain of comparisons in the loops that see every byte.
static CLASSES: [u8; 256] = classes();

#[expect(
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "evaluated by the compiler only"
)]
const fn classes() -> [u8; 256] {
    let mut all = [0; 256];
    let mut index = 0;
    while index < all.len() {
        all[index] = classes_of(index as u8);
        index += 1;
    }
    all
}

const fn classes_of(byte: u8) -> u8 {
    let is_word = byte.is_ascii_alphanumeric();
    let is_lws = matches!(byte, b' ' | b'\t' | b'\r' | b'\n');
    let is_unreserved = is_word
        || matches!(
            byte,
            b'-' | b'_' | b'.' | b'!' | b'~' | b'*' | b'\'' | b'(' | b')'
        );
    let is_param = is_unreserved
        || matches!(
            byte,
            b'[' | b']' | b'/' | b':' | b'&' | b'+' | b'$' | b'=' | b';'
        );
    let members = [
        (Class::LWS, is_lws),
        (
            Class::TOKEN,
            is_word
                || matches!(
                    byte,
                    b'-' | b'.' | b'!' | b'%' | b'*' | b'_' | b'+' | b'`' | b'\'' | b'~'
                ),
        ),
        (Class::HOST, is_word || matches!(byte, b'-' | b'.' | b'_')),
        (
            Class::USER,
            is_unreserved || matches!(byte, b'&' | b'=' | b'+' | b'$' | b',' | b';' | b'?' | b'/'),
        ),
        (Class::PARAM, is_param),
        (Class::HEADER, is_param || matches!(byte, b'?' | b',')),
        (Class::INSIDE, !matches!(byte, b';' | b'=' | b'"')),
        (Class::BRACKETED, !is_lws && byte != b'>'),
    ];
    let mut bits = 0;
    let mut rest = members.as_slice();
    while let [(class, is_member), others @ ..] = rest {
        if *is_member {
            bits |= class.0;
        }
        rest = others;
    }
    bits
}

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

/// Returns where the first byte below 16 is. CR, LF and NUL are such bytes, and of what heads hold besides only tab.
///
/// Whole blocks are compared at once, which the compiler turns into a few vector instructions.
pub(crate) fn low_byte(bytes: &[u8]) -> Option<usize> {
    let is_low = |byte: &u8| *byte < 16;
    let (blocks, rest) = bytes.as_chunks::<16>();
    let has_none = |block: &&[u8; 16]| !block.iter().fold(false, |any, byte| any | is_low(byte));
    let clean = blocks.iter().take_while(has_none).count();
    let place = match blocks.get(clean) {
        Some(block) => first_low(*block),
        None => rest.iter().position(is_low)?,
    };
    Some(16 * clean + place)
}

/// Subtracting 16 from each byte borrows from the top bit of those that are smaller. A borrow may spill over into the
/// bytes behind such a one, but not into one before it.
const fn first_low(block: [u8; 16]) -> usize {
    const EACH: u128 = u128::MAX / 255;
    let block = u128::from_le_bytes(block);
    let low = block.wrapping_sub(16 * EACH) & !block & (0x80 * EACH);
    low.trailing_zeros() as usize / 8
}

/// Splits at the first of these bytes, which is ASCII, and leaves it out. For short texts: it looks at byte after byte.
pub(crate) fn cut(text: &str, at: u8) -> (&str, Option<&str>) {
    match text.bytes().position(|byte| byte == at) {
        Some(place) => (text.get(..place).unwrap_or_default(), text.get(place + 1..)),
        None => (text, None),
    }
}

/// Reads a text from its beginning, part by part.
#[derive(Clone, Copy)]
pub(crate) struct Cursor<'m> {
    text: &'m str,
}

impl<'m> Cursor<'m> {
    pub(crate) const fn new(text: &'m str) -> Self {
        Self { text }
    }

    /// Returns what was not read.
    pub(crate) const fn rest(&self) -> &'m str {
        self.text
    }

    /// Takes that many bytes; nothing if they end within a letter.
    pub(crate) fn take(&mut self, len: usize) -> &'m str {
        let (taken, rest) = self.text.split_at_checked(len).unwrap_or(("", self.text));
        self.text = rest;
        taken
    }

    /// Takes the bytes of this class, of which there may be none.
    pub(crate) fn take_all(&mut self, class: Class) -> &'m str {
        self.take(class.span(self.text.as_bytes()))
    }

    /// Takes this byte, if it is next.
    pub(crate) fn eat(&mut self, byte: u8) -> bool {
        let is_next = self.text.as_bytes().first() == Some(&byte);
        if is_next {
            self.take(1);
        }
        is_next
    }

    /// Takes this byte and white space around it, if it is next.
    pub(crate) fn eat_spaced(&mut self, byte: u8) -> bool {
        self.skip_space();
        let is_next = self.eat(byte);
        self.skip_space();
        is_next
    }

    /// Skips white space, of which there is mostly none.
    pub(crate) fn skip_space(&mut self) {
        if self.text.bytes().next().is_some_and(is_lws) {
            self.take_all(Class::LWS);
        }
    }

    /// Takes a port with one to many digits that is neither zero nor too great.
    pub(crate) fn port(&mut self) -> Option<u16> {
        let digits = self.text.bytes().take_while(u8::is_ascii_digit).count();
        let port = number(self.take(digits).as_bytes())?;
        u16::try_from(port).ok().filter(|port| *port != 0)
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
    fn the_first_byte_below_16_is_found_wherever_it_is() {
        for len in 0..50 {
            assert_eq!(low_byte(&vec![16; len]), None);
            assert_eq!(low_byte(&vec![0xff; len]), None);
            for place in 0..len {
                for (filling, low) in [(16, 15), (b'a', 0), (0xff, b'\r'), (0x80, b'\n')] {
                    let mut bytes = vec![filling; len];
                    bytes[place..].fill(low);
                    assert_eq!(low_byte(&bytes), Some(place), "{bytes:?}");
                    bytes[place + 1..].fill(filling);
                    assert_eq!(low_byte(&bytes), Some(place), "{bytes:?}");
                }
            }
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
