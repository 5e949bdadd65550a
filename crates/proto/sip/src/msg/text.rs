//! The text that changes and answers bring along, gathered in one string.

use std::fmt::{self, Write as _};

/// Texts, one behind the other. None of them can end a line: CR, LF and NUL become spaces, so no value that came from
/// elsewhere can bring in a header line.
#[derive(Clone, Debug, Default)]
pub(super) struct Texts(String);

/// A place in [`Texts`].
#[derive(Clone, Copy, Debug)]
pub(super) struct Text {
    start: usize,
    end: usize,
}

impl Texts {
    pub(super) fn add(&mut self, value: impl fmt::Display) -> Text {
        let start = self.0.len();
        let _ = write!(Clean(&mut self.0), "{value}");
        Text {
            start,
            end: self.0.len(),
        }
    }

    pub(super) fn get(&self, text: Text) -> &[u8] {
        self.0
            .as_bytes()
            .get(text.start..text.end)
            .unwrap_or_default()
    }

    pub(super) const fn len(&self) -> usize {
        self.0.len()
    }
}

struct Clean<'t>(&'t mut String);

impl fmt::Write for Clean<'_> {
    fn write_str(&mut self, piece: &str) -> fmt::Result {
        if memchr::memchr3(b'\r', b'\n', 0, piece.as_bytes()).is_none() {
            self.0.push_str(piece);
        } else {
            self.0.extend(piece.chars().map(|letter| {
                if matches!(letter, '\r' | '\n' | '\0') {
                    ' '
                } else {
                    letter
                }
            }));
        }
        Ok(())
    }
}
