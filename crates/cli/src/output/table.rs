//! A table for people: aligned columns, as wide as the terminal, bold head where there is colour.
//!
//! A row begins where its first cell has text, so there are no lines between rows. Where the terminal is too narrow for
//! rows in one piece, cells are wrapped between words and rows are kept apart by blank lines; where not even the words
//! fit side by side, each row becomes a paragraph of `Head: cell` lines. `COLUMNS`, if exported, counts before the size
//! of the terminal. Output that goes elsewhere is never wrapped.

use comfy_table::{
    Attribute, Cell, CellAlignment, ColumnConstraint, ContentArrangement, LineStyle, TableStyle,
    Width,
};

/// Blanks between columns: one after each cell, and one of the library's.
const GAP: u16 = 2;

/// Rows under a head.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    head: Vec<String>,
    rows: Vec<Vec<String>>,
    right: Vec<usize>,
}

impl Table {
    /// Starts a table with these columns.
    pub(crate) fn new<T: Into<String>>(head: impl IntoIterator<Item = T>) -> Self {
        Self {
            head: head.into_iter().map(Into::into).collect(),
            rows: Vec::new(),
            right: Vec::new(),
        }
    }

    /// Aligns a column to the right, for numbers.
    pub(crate) fn right(mut self, column: usize) -> Self {
        self.right.push(column);
        self
    }

    /// Adds a row; a cell may have several lines.
    pub(crate) fn row<T: Into<String>>(&mut self, cells: impl IntoIterator<Item = T>) {
        self.rows.push(cells.into_iter().map(Into::into).collect());
    }

    /// Tells whether it has no row.
    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Returns the table as text.
    pub(crate) fn to_text(&self, colour: bool) -> String {
        let columns = std::env::var("COLUMNS").ok();
        self.fitted(columns.and_then(|text| text.parse().ok()), colour)
    }

    /// Returns the table for a width, that of the terminal if none is given.
    fn fitted(&self, width: Option<u16>, colour: bool) -> String {
        let ruler = LineStyle::none().fill('─').junction('─');
        let style = TableStyle::new().header_separator(ruler);
        let mut table = self.laid_out(colour);
        table.load_style(style);
        if let Some(width) = width {
            table.set_width(width);
        }
        let words = self.widest_words();
        let needed: u16 = words.iter().map(|word| word.saturating_add(GAP)).sum();
        if table.width().is_some_and(|width| width < needed) {
            return self.paragraphs();
        }
        table.set_constraints(words.iter().map(|word| {
            // The library counts its padding as part of the column.
            ColumnConstraint::LowerBoundary(Width::Fixed(word.saturating_add(1)))
        }));
        if table.lines().count() > self.height() {
            table.load_style(style.row_separator(LineStyle::none().fill(' ').junction(' ')));
        }
        table.trim_fmt()
    }

    fn laid_out(&self, colour: bool) -> comfy_table::Table {
        let mut table = comfy_table::Table::new();
        table.set_content_arrangement(ContentArrangement::Dynamic);
        let bold = |text: &String| {
            let cell = Cell::new(text);
            if colour {
                cell.add_attribute(Attribute::Bold)
            } else {
                cell
            }
        };
        table.set_header(self.head.iter().map(bold));
        for row in &self.rows {
            table.add_row(row.iter().enumerate().map(|(column, text)| {
                let cell = Cell::new(text);
                if self.right.contains(&column) {
                    cell.set_alignment(CellAlignment::Right)
                } else {
                    cell
                }
            }));
        }
        for column in table.column_iter_mut() {
            column.set_padding((0, 1));
        }
        table
    }

    /// The width of the longest word of each column: what no column may fall below.
    fn widest_words(&self) -> Vec<u16> {
        let a_word_a_line = |row: &Vec<String>| -> Vec<String> {
            row.iter()
                .map(|cell| cell.split_whitespace().collect::<Vec<_>>().join("\n"))
                .collect()
        };
        let mut table = comfy_table::Table::new();
        table.set_header(a_word_a_line(&self.head));
        table.add_rows(self.rows.iter().map(a_word_a_line));
        table.column_max_content_widths()
    }

    /// How many lines the table has where nothing is wrapped: head, ruler and rows.
    fn height(&self) -> usize {
        let lines = |row: &Vec<String>| {
            row.iter()
                .map(|cell| cell.lines().count())
                .max()
                .unwrap_or(0)
                .max(1)
        };
        2 + self.rows.iter().map(lines).sum::<usize>()
    }

    fn paragraphs(&self) -> String {
        let paragraph = |row: &Vec<String>| {
            let filled = self
                .head
                .iter()
                .zip(row)
                .filter(|(_, cell)| !cell.is_empty());
            let lines = filled.map(|(head, cell)| {
                let cell = cell.lines().map(str::trim).collect::<Vec<_>>().join("\n  ");
                let colon = if head.is_empty() { "" } else { ": " };
                format!("{head}{colon}{cell}")
            });
            lines.collect::<Vec<_>>().join("\n")
        };
        self.rows
            .iter()
            .map(paragraph)
            .collect::<Vec<_>>()
            .join("\n\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let mut table = Table::new(["No.", "Who", "What is said of them"]).right(0);
        table.row([
            "1",
            "dir01.contoso.net\n10.0.0.11",
            "says who a user is and sends them home",
        ]);
        table.row(["2", "fe01.contoso.net", "keeps registrations"]);
        table
    }

    #[test]
    fn a_wide_table_has_a_line_for_each_line_of_its_cells() {
        let text = table().fitted(Some(120), false);
        assert_eq!(text.lines().count(), 5, "{text}");
        assert!(!text.contains("\n\n") && !text.contains('┈'), "{text}");
    }

    #[test]
    fn a_narrow_table_is_wrapped_between_words_and_rows_are_kept_apart() {
        let text = table().fitted(Some(40), false);
        for whole in ["dir01.contoso.net", "registrations", "10.0.0.11"] {
            assert!(text.contains(whole), "{text}");
        }
        assert!(
            text.lines().all(|line| line.chars().count() <= 40),
            "{text}"
        );
        assert!(text.lines().any(|line| line.trim().is_empty()), "{text}");
    }

    #[test]
    fn where_words_do_not_fit_rows_become_paragraphs() {
        let text = table().fitted(Some(20), false);
        assert!(
            text.starts_with(
                "No.: 1\nWho: dir01.contoso.net\n  10.0.0.11\nWhat is said of them: says"
            ),
            "{text}"
        );
        assert!(text.contains("home\n\nNo.: 2\n"), "{text}");
    }
}
