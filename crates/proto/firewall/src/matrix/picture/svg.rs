//! The matrix as SVG.

use std::fmt::Write as _;

use super::super::cells::Cell;
use super::super::report::Report;
use super::super::words::Words;
use super::{colours, escape};

const CELL: (usize, usize) = (104, 30);
/// Room for names on the left and, aslant, above.
const LEFT: usize = 250;
const ABOVE: usize = 150;
/// Room for the legend below, and for the last aslant name on the right.
const BELOW: usize = 40;
const RIGHT: usize = 130;

/// Draws the matrix of a report.
#[must_use]
pub fn svg(report: &Report, words: Words) -> String {
    let (width, height) = CELL;
    let wide = LEFT + report.targets.len() * width + RIGHT;
    let high = ABOVE + report.runs.len() * height + BELOW;
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {wide} {high}\" width=\"{wide}\" height=\"{high}\" \
         role=\"img\" aria-labelledby=\"title desc\" font-family=\"sans-serif\" font-size=\"13\">\n\
         <title id=\"title\">{}</title>\n<desc id=\"desc\">{}</desc>\n\
         <rect width=\"{wide}\" height=\"{high}\" fill=\"#ffffff\"/>\n",
        escape(words.title()),
        escape(words.legend()),
    );
    for (column, target) in report.targets.iter().enumerate() {
        let (x, y) = (LEFT + column * width + width / 2, ABOVE - 8);
        line(
            &mut out,
            format_args!(
                "<text x=\"{x}\" y=\"{y}\" transform=\"rotate(-30 {x} {y})\" fill=\"#202020\">{}</text>",
                escape(target)
            ),
        );
    }
    for (row, run) in report.runs.iter().enumerate() {
        let y = ABOVE + row * height;
        line(
            &mut out,
            format_args!(
                "<text x=\"{}\" y=\"{}\" text-anchor=\"end\" fill=\"#202020\">{}</text>",
                LEFT - 8,
                y + height / 2 + 5,
                escape(&run.from)
            ),
        );
        for (column, target) in report.targets.iter().enumerate() {
            let mut cells = report.cells.iter();
            let cell = cells.find(|cell| cell.from == run.from && cell.to == *target);
            draw(&mut out, cell, LEFT + column * width, y);
        }
    }
    line(
        &mut out,
        format_args!(
            "<text x=\"8\" y=\"{}\" fill=\"#202020\">{}</text>\n</svg>",
            high - BELOW / 2 + 5,
            escape(words.legend())
        ),
    );
    out
}

fn draw(out: &mut String, cell: Option<&Cell>, x: usize, y: usize) {
    let (width, height) = CELL;
    let (ground, ink) = colours(cell.map(|cell| cell.verdict));
    let title = cell.map(|cell| format!("{} → {}: {}", cell.from, cell.to, cell.text()));
    let title = title.map(|title| format!("<title>{}</title>", escape(&title)));
    let text = cell.map(Cell::text);
    line(
        out,
        format_args!(
            "<g>{}<rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" fill=\"{ground}\" \
             stroke=\"#909090\"/><text x=\"{}\" y=\"{}\" text-anchor=\"middle\" fill=\"{ink}\">{}</text></g>",
            title.unwrap_or_default(),
            x + width / 2,
            y + height / 2 + 5,
            escape(&text.unwrap_or_default())
        ),
    );
}

fn line(out: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing into a string does not fail.
    let _ = writeln!(out, "{text}");
}
