//! Sets of bytes that the grammar names, in one table.
//!
//! One look into the table replaces a chain of comparisons in the loops that see every byte. Eight sets fit: one bit
//! each.

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
    pub(super) const INSIDE: Self = Self(1 << 6);
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

/// The classes of each byte.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_classes_hold_what_the_grammar_names() {
        for (class, others) in [
            (Class::TOKEN, "-.!%*_+`'~"),
            (Class::HOST, "-._"),
            (Class::USER, "-_.!~*'()&=+$,;?/"),
            (Class::PARAM, "-_.!~*'()[]/:&+$=;"),
            (Class::HEADER, "-_.!~*'()[]/?:&+$=;,"),
        ] {
            for byte in 0..=255_u8 {
                let is_member = byte.is_ascii_alphanumeric() || others.as_bytes().contains(&byte);
                assert_eq!(class.has(byte), is_member, "{:?}", char::from(byte));
            }
        }
    }

    #[test]
    fn only_whole_escapes_belong_to_every_class() {
        for (text, len) in [
            ("", 0),
            ("a%41b", 5),
            ("%4", 0),
            ("a%zz", 1),
            ("%41%", 3),
            ("a b", 1),
        ] {
            assert_eq!(Class::USER.escaped_span(text.as_bytes()), len, "{text}");
        }
    }
}
