//! One page: the rows with their verdicts and reasons, what came through beyond them, the matrix.

use std::fmt::Write as _;

use topology::flows::Lang;

use super::super::cells::Cell;
use super::super::report::{Report, Row};
use super::super::words::Words;
use super::{colours, escape};

const STYLE: &str = "body{font:16px/1.5 sans-serif;margin:2rem;color:#202020;background:#fff}\
table{border-collapse:collapse;margin:1rem 0}caption{text-align:left;font-weight:bold;padding:.3rem 0}\
th,td{border:1px solid #909090;padding:.3rem .6rem;text-align:left;vertical-align:top}\
th{background:#f2f2f2}td ul{margin:.3rem 0;padding-left:1.2rem}.scroll{overflow-x:auto}";

/// Writes the page of a report.
#[must_use]
pub fn html(report: &Report, lang: Lang) -> String {
    let words = Words::new(lang);
    let tongue = match lang {
        Lang::En => "en",
        Lang::Ko => "ko",
    };
    let title = escape(words.title());
    let mut out = format!(
        "<!DOCTYPE html>\n<html lang=\"{tongue}\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{title}</title>\n\
         <style>{STYLE}</style>\n</head>\n<body>\n<main>\n<h1>{title}</h1>\n<p>{}</p>\n",
        escape(&words.whole(report))
    );
    matrix(&mut out, report, words);
    rows(&mut out, report, words);
    if !report.beyond.is_empty() {
        let _ = writeln!(out, "<h2>{}</h2>\n<ul>", escape(words.beyond()));
        for why in &report.beyond {
            let _ = writeln!(out, "<li>{}</li>", escape(why));
        }
        out.push_str("</ul>\n");
    }
    out.push_str("</main>\n</body>\n</html>\n");
    out
}

fn matrix(out: &mut String, report: &Report, words: Words) {
    let _ = writeln!(
        out,
        "<div class=\"scroll\">\n<table>\n<caption>{}</caption>\n<thead>\n<tr><th scope=\"col\">{}</th>",
        escape(words.legend()),
        escape(words.from_to())
    );
    for target in &report.targets {
        let _ = writeln!(out, "<th scope=\"col\">{}</th>", escape(target));
    }
    out.push_str("</tr>\n</thead>\n<tbody>\n");
    for run in &report.runs {
        let _ = writeln!(out, "<tr><th scope=\"row\">{}</th>", escape(&run.from));
        for target in &report.targets {
            let mut cells = report.cells.iter();
            let cell = cells.find(|cell| cell.from == run.from && cell.to == *target);
            let (ground, ink) = colours(cell.map(|cell| cell.verdict));
            let text = cell.map(Cell::text);
            let _ = writeln!(
                out,
                "<td style=\"background:{ground};color:{ink}\">{}</td>",
                escape(&text.unwrap_or_default())
            );
        }
        out.push_str("</tr>\n");
    }
    out.push_str("</tbody>\n</table>\n</div>\n");
}

fn rows(out: &mut String, report: &Report, words: Words) {
    out.push_str("<div class=\"scroll\">\n<table>\n<thead>\n<tr>");
    for head in words.head() {
        let _ = write!(out, "<th scope=\"col\">{}</th>", escape(head));
    }
    out.push_str("</tr>\n</thead>\n<tbody>\n");
    for row in &report.rows {
        let (ground, ink) = colours(row.verdict);
        let _ = writeln!(
            out,
            "<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td style=\"background:{ground};color:{ink}\">{}</td></tr>",
            row.flow,
            escape(&row.service),
            escape(&row.source),
            escape(&row.destination),
            verdict(row, words)
        );
    }
    out.push_str("</tbody>\n</table>\n</div>\n");
}

fn verdict(row: &Row, words: Words) -> String {
    let mut text = escape(&words.counted(row));
    if !row.why.is_empty() {
        text.push_str("<ul>");
        for why in &row.why {
            let _ = write!(text, "<li>{}</li>", escape(why));
        }
        text.push_str("</ul>");
    }
    text
}
