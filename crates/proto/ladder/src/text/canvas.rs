//! One line of a terminal, put together cell by cell.

use unicode_width::UnicodeWidthChar as _;

/// How text looks where there is colour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Style {
    #[default]
    Plain,
    Dim,
    Bold,
    Good,
    Warn,
    Bad,
    Ask,
}

impl Style {
    const fn code(self) -> &'static str {
        match self {
            Self::Plain => "0",
            Self::Dim => "2",
            Self::Bold => "1",
            Self::Good => "32",
            Self::Warn => "33",
            Self::Bad => "1;31",
            Self::Ask => "36",
        }
    }
}

/// Takes the place behind a character of two columns.
const BEHIND: char = '\0';

/// A line of cells.
pub(super) struct Line {
    cells: Vec<(char, Style)>,
}

impl Line {
    pub(super) fn blank(width: usize) -> Self {
        Self {
            cells: vec![(' ', Style::Plain); width],
        }
    }

    /// Puts one sign; beyond the end it is lost.
    pub(super) fn set(&mut self, at: usize, sign: char, style: Style) {
        if let Some(cell) = self.cells.get_mut(at) {
            *cell = (sign, style);
        }
    }

    /// Puts a text over what is there; what is beyond the end is lost.
    pub(super) fn put(&mut self, at: usize, text: &str, style: Style) {
        let mut at = at;
        for character in text.chars() {
            let columns = character.width().unwrap_or(0);
            if columns == 0 || at + columns > self.cells.len() {
                continue;
            }
            self.set(at, character, style);
            for behind in 1..columns {
                self.set(at + behind, BEHIND, style);
            }
            at += columns;
        }
    }

    /// Returns the line without blanks at its end.
    pub(super) fn finish(self, colour: bool) -> String {
        let is_blank = |cell: &(char, Style)| cell.0 == ' ';
        let end = self.cells.iter().rposition(|cell| !is_blank(cell));
        let cells = self.cells.get(..end.map_or(0, |end| end + 1));
        let mut out = String::new();
        let mut now = Style::Plain;
        for (character, style) in cells.unwrap_or_default() {
            if colour && *style != now && *character != ' ' {
                out.push_str("\x1b[0m");
                if *style != Style::Plain {
                    out.push_str("\x1b[");
                    out.push_str(style.code());
                    out.push('m');
                }
                now = *style;
            }
            if *character != BEHIND {
                out.push(*character);
            }
        }
        if now != Style::Plain {
            out.push_str("\x1b[0m");
        }
        out
    }
}
