//! A table for people: aligned columns, wrapped to the terminal, bold head where there is colour.

use comfy_table::{Attribute, Cell, CellAlignment, ContentArrangement, LineStyle, TableStyle};

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

    /// Returns the table as text.
    pub(crate) fn to_text(&self, colour: bool) -> String {
        let mut table = comfy_table::Table::new();
        table.load_style(self.style());
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
                let right = self.right.contains(&column);
                if right {
                    cell.set_alignment(CellAlignment::Right)
                } else {
                    cell
                }
            }));
        }
        table.trim_fmt()
    }

    /// A line under the head; lines between rows only where a cell has several lines, to keep rows apart.
    fn style(&self) -> TableStyle {
        let style = TableStyle::new().header_separator(LineStyle::none().fill('─').junction('─'));
        let tall = self.rows.iter().flatten().any(|cell| cell.contains('\n'));
        if tall {
            style.row_separator(LineStyle::none().fill('┈').junction('┈'))
        } else {
            style
        }
    }
}
