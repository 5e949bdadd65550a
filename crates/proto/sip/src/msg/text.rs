//! The text that changes and answers bring along, gathered in one string.

use std::fmt::{self, Write as _};

use super::lex::low_byte;

/// Texts, one behind the other. None of them can end a line: CR, LF and NUL become spaces, so no value that came from
/// elsewhere can bring in a header line.
#[derive(Clone, Debug, Default)]
pub(super) struct Texts(String);

/// A place in [`Texts`].
#[derive(Clone, Copy, Debug)]
pub(super) struct Text {
    start: u32,
    end: u32,
}

/// Room that is made for the first text: that of most answers and changes.
const USUAL: usize = 512;

impl Texts {
    pub(super) fn add(&mut self, value: impl fmt::Display) -> Text {
        self.adding(|all| {
            let _ = write!(Clean(all), "{value}");
        })
    }

    pub(super) fn add_str(&mut self, value: &str) -> Text {
        self.adding(|all| add_clean(all, value))
    }

    fn adding(&mut self, add: impl FnOnce(&mut String)) -> Text {
        if self.0.is_empty() {
            self.0.reserve(USUAL);
        }
        let start = self.0.len();
        add(&mut self.0);
        Text {
            start: narrow(start),
            end: narrow(self.0.len()),
        }
    }

    pub(super) fn get(&self, text: Text) -> &[u8] {
        self.0
            .as_bytes()
            .get(text.start as usize..text.end as usize)
            .unwrap_or_default()
    }

    pub(super) const fn len(&self) -> usize {
        self.0.len()
    }
}

struct Clean<'t>(&'t mut String);

impl fmt::Write for Clean<'_> {
    fn write_str(&mut self, piece: &str) -> fmt::Result {
        add_clean(self.0, piece);
        Ok(())
    }
}

fn add_clean(all: &mut String, piece: &str) {
    if low_byte(piece.as_bytes()).is_none() {
        all.push_str(piece);
        return;
    }
    all.extend(piece.chars().map(|letter| {
        if matches!(letter, '\r' | '\n' | '\0') {
            ' '
        } else {
            letter
        }
    }));
}

/// Offsets are 32 bits wide: what lies beyond, which no message has, reads as empty.
fn narrow(offset: usize) -> u32 {
    u32::try_from(offset).unwrap_or(u32::MAX)
}

/// Gives out the decimal digits of a number from the left, without the detour over a formatter.
pub(super) fn each_digit(number: u64, put: &mut impl FnMut(u8)) {
    if number > 9 {
        each_digit(number / 10, put);
    }
    let [last, ..] = (number % 10).to_le_bytes();
    put(b'0' + last);
}

/// Appends a number in decimal digits.
pub(crate) fn push_number(text: &mut String, number: u64) {
    each_digit(number, &mut |digit| text.push(digit.into()));
}

/// Appends the first so many of a number's sixteen hexadecimal digits.
pub(crate) fn push_hex(text: &mut String, number: u64, digits: u32) {
    for digit in 0..digits.min(16) {
        let [.., low] = (number >> (60 - 4 * digit)).to_be_bytes();
        text.push(match low & 15 {
            value @ 0..10 => char::from(b'0' + value),
            value => char::from(b'a' + value - 10),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_a_formatter_writes_them() {
        for number in [0, 7, 9, 10, 42, 5061, 65_535, 1_826_000, u64::MAX] {
            let mut text = String::new();
            each_digit(number, &mut |digit| text.push(digit.into()));
            assert_eq!(text, number.to_string());
        }
    }

    #[test]
    fn hexadecimal_digits_are_those_of_a_formatter_from_the_left() {
        for number in [0, 0xf, 0x0123_4567_89ab_cdef, u64::MAX] {
            let mut text = String::new();
            push_hex(&mut text, number, 16);
            assert_eq!(text, format!("{number:016x}"));
            let mut short = String::new();
            push_hex(&mut short, number, 8);
            assert_eq!(Some(short.as_str()), text.get(..8));
        }
    }

    #[test]
    fn no_text_brings_in_a_line_or_loses_a_tab() {
        let mut texts = Texts::default();
        let (shown, plain) = (texts.add("a\tb\r\nc\0d"), texts.add_str("\u{e9}\t\n"));
        assert_eq!(texts.get(shown), b"a\tb  c d");
        assert_eq!(texts.get(plain), "\u{e9}\t ".as_bytes());
    }
}
