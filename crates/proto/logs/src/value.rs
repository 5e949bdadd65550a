//! Words and texts of a record: bounded, and free of what would break a line or steer a terminal.
//!
//! What peers send is shown to people who trust their terminal, so control characters are spelt out (`\x1b`) where a
//! record is made, and nowhere later. Line ends of a text are `\n` alone.

use std::fmt;
use std::fmt::Write as _;
use std::ops::Deref;
use std::sync::Arc;

/// The longest value, in bytes; the rest is cut off and marked with `…`.
pub const VALUE_MAX: usize = 1024;
/// The longest text, in bytes; the rest is cut off and marked with a last line.
pub const TEXT_MAX: usize = 64 << 10;

/// One word of a record's head: a name, a URI, a Call-ID.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Value(Arc<str>);

impl Value {
    /// Takes a word, cleaned and cut to [`VALUE_MAX`].
    #[must_use]
    pub fn new(text: &str) -> Self {
        if is_value(text) {
            return Self(text.into());
        }
        let (kept, more) = cut(text, VALUE_MAX - 16);
        let mut clean = String::with_capacity(kept.len() + 16);
        let mut full = !more.is_empty();
        for character in kept.chars() {
            if clean.len() > VALUE_MAX - 16 {
                full = true;
                break;
            }
            push(&mut clean, character, false);
        }
        if full {
            clean.push('…');
        }
        Self(clean.into())
    }

    /// Takes a word that is shared already, without a copy if it is clean.
    #[must_use]
    pub fn shared(text: &Arc<str>) -> Self {
        if is_value(text) {
            Self(Arc::clone(text))
        } else {
            Self::new(text)
        }
    }
}

fn is_value(text: &str) -> bool {
    text.len() <= VALUE_MAX && !has_controls(text, false)
}

impl Deref for Value {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

/// The lines of a record below its head: a message, or words for people.
///
/// Lines end with `\n`; an empty text has no line, any other ends with a whole one.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct Text(String);

impl Text {
    /// Takes lines that end in any of the usual ways, cleaned and cut to [`TEXT_MAX`].
    #[must_use]
    pub fn new(text: &str) -> Self {
        let mut out = String::with_capacity(text.len().min(TEXT_MAX) + 64);
        let most = if text.len() > TEXT_MAX {
            TEXT_MAX - 64
        } else {
            TEXT_MAX
        };
        let (kept, more) = cut(text, most);
        let mut rest = kept;
        while !rest.is_empty() {
            let (line, after) = rest.split_once('\n').unwrap_or((rest, ""));
            push_line(&mut out, line.strip_suffix('\r').unwrap_or(line));
            rest = after;
        }
        Self(out).cut_to_measure(more.len())
    }

    /// Puts lines together that are clean already; for the reader of the text form.
    pub(crate) fn of_clean(text: String) -> Self {
        Self(text)
    }

    /// Ends a text that was put together line by line and may be too long, of which `more` bytes were left out.
    pub(crate) fn cut_to_measure(mut self, more: usize) -> Self {
        let mut more = more;
        if self.0.len() > TEXT_MAX || (more > 0 && self.0.len() > TEXT_MAX - 64) {
            let (kept, rest) = cut(&self.0, TEXT_MAX - 64);
            let whole = kept.rfind('\n').map_or(0, |end| end + 1);
            more += kept.len() - whole + rest.len();
            self.0.truncate(whole);
        }
        if more > 0 {
            // Writing to a String cannot fail.
            let _ = writeln!(self.0, "[{more} bytes more]");
        }
        self
    }
}

impl Deref for Text {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

/// Adds one line, cleaned, and its end.
pub(crate) fn push_line(out: &mut String, line: &str) {
    if has_controls(line, true) {
        for character in line.chars() {
            push(out, character, true);
        }
    } else {
        out.push_str(line);
    }
    out.push('\n');
}

fn push(out: &mut String, character: char, tabs: bool) {
    if character.is_control() && !(tabs && character == '\t') {
        // Writing to a String cannot fail.
        let _ = write!(out, "\\x{:02x}", u32::from(character));
    } else {
        out.push(character);
    }
}

/// Tells whether a line has a control character; those of Latin-1 (`U+0080` to `U+009F`) steer some terminals too.
pub(crate) fn has_controls(line: &str, tabs: bool) -> bool {
    is_unclean(line, |character| tabs && character == '\t')
}

/// Tells whether lines have a control character beside their ends and tabs.
pub(crate) fn have_controls(lines: &str) -> bool {
    is_unclean(lines, |character| matches!(character, '\t' | '\n'))
}

fn is_unclean(text: &str, is_fine: impl Fn(char) -> bool) -> bool {
    // Without a branch for each byte: this runs over every message.
    let plain = text.bytes().fold(true, |plain, byte| {
        plain & (byte < 0x7f) & (byte >= 0x20 || is_fine(char::from(byte)))
    });
    !plain
        && text
            .chars()
            .any(|character| character.is_control() && !is_fine(character))
}

/// Cuts a text at a character, at most so many bytes from its start.
fn cut(text: &str, most: usize) -> (&str, &str) {
    let mut at = most.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    text.split_at(at)
}

#[cfg(test)]
mod tests {
    use super::{TEXT_MAX, Text, VALUE_MAX, Value};

    #[test]
    fn control_characters_are_spelt_out() {
        assert_eq!(&*Value::new("a\x1b[2Jb\nc\td"), "a\\x1b[2Jb\\x0ac\\x09d");
        assert_eq!(
            &*Text::new("a\r\nb\x07\u{9b}c\td\r"),
            "a\nb\\x07\\x9bc\td\n"
        );
    }

    #[test]
    fn a_text_ends_with_a_whole_line_and_lines_are_kept() {
        assert_eq!(&*Text::new(""), "");
        assert_eq!(&*Text::new("a\n\nb"), "a\n\nb\n");
        assert_eq!(Text::new("a\n\nb\n"), Text::new("a\r\n\r\nb"));
    }

    #[test]
    fn what_is_too_long_is_cut_at_a_character_and_says_so() {
        let value = Value::new(&"é".repeat(VALUE_MAX));
        assert!(value.len() <= VALUE_MAX && value.ends_with("é…"));
        assert!(Value::new(&"\x01".repeat(VALUE_MAX)).len() <= VALUE_MAX);
        for line in [
            "é".repeat(TEXT_MAX),
            "line\n".repeat(TEXT_MAX),
            "\x01\n".repeat(TEXT_MAX),
        ] {
            let text = Text::new(&line);
            assert!(
                text.len() <= TEXT_MAX && text.ends_with(" bytes more]\n"),
                "{}",
                text.len()
            );
            assert_eq!(Text::new(&text), text);
        }
    }
}
