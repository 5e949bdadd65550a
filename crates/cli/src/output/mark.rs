//! Words in colour at the beginning of a line: how bad what follows is.
//!
//! The word says it alone as well, for those who see no colour and for files.

use std::fmt::Display;

/// How bad something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mark {
    /// It does not work.
    Wrong,
    /// It works, and more than it should.
    Warning,
    /// It cannot be told.
    Unknown,
}

impl Mark {
    /// Returns a word in the colour of the mark, or as it is.
    pub(crate) fn painted(self, word: &str, colour: bool) -> String {
        if !colour {
            return word.to_owned();
        }
        let code = match self {
            Self::Wrong => "1;31",
            Self::Warning => "1;33",
            Self::Unknown => "1;36",
        };
        format!("\x1b[{code}m{word}\x1b[0m")
    }

    /// Returns a line whose text begins behind a word of this width.
    pub(crate) fn before(
        self,
        word: &str,
        width: usize,
        text: impl Display,
        colour: bool,
    ) -> String {
        let blanks = " ".repeat(width.saturating_sub(word.chars().count()));
        format!("{}{blanks}  {text}", self.painted(word, colour))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_begin_in_one_column_with_colour_and_without() {
        let line = |mark: Mark, word, colour| mark.before(word, 8, "text", colour);
        assert_eq!(line(Mark::Wrong, "blocked", false), "blocked   text");
        assert_eq!(line(Mark::Unknown, "unjudged", false), "unjudged  text");
        assert_eq!(
            line(Mark::Wrong, "blocked", true),
            "\x1b[1;31mblocked\x1b[0m   text"
        );
        assert_eq!(
            line(Mark::Warning, "beyond", true),
            "\x1b[1;33mbeyond\x1b[0m    text"
        );
    }
}
