//! One page: the picture, and beside it the message or decision that is selected.

use std::fmt::Write as _;

use super::svg::{self, MOST_ROWS};
use super::{escape, style};
use crate::model::{Arrow, Event, Ladder, Row, Sight};
use crate::text::message::{facts, title};
use crate::words::{clock, event_text, plain};

/// Writes the page of a call flow.
#[must_use]
pub fn html(ladder: &Ladder) -> String {
    let [svg_digest, page_digest, script_digest] = style::DIGESTS;
    let sentence = escape(&plain(&ladder.sentence));
    let mut out = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'sha256-{svg_digest}' \
         'sha256-{page_digest}'; script-src 'sha256-{script_digest}'; base-uri 'none'; form-action 'none'\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{sentence}</title>\n\
         <style>{}</style>\n</head>\n<body>\n<header>\n<h1>{sentence}</h1>\n<p>{}</p>\n",
        style::PAGE,
        escape(&plain(&svg::facts(ladder)))
    );
    if !ladder.remarks.is_empty() {
        out.push_str("<ul>\n");
        for remark in &ladder.remarks {
            let _ = writeln!(out, "<li>{}</li>", escape(&plain(&remark.0)));
        }
        out.push_str("</ul>\n");
    }
    out.push_str("</header>\n<main>\n<div class=\"picture\">\n");
    out.push_str(&svg::bare(ladder));
    out.push_str(
        "</div>\n<aside aria-live=\"polite\">\n<p class=\"hint\">Select a message or a decision to read it; the arrow keys \
         go to the next.</p>\n",
    );
    for (place, row) in ladder.rows.iter().take(MOST_ROWS).enumerate() {
        let _ = writeln!(out, "<section id=\"row-{place}\">");
        match row {
            Row::Message(arrow) => message(&mut out, ladder, arrow),
            Row::Event(one) => event(&mut out, ladder, one),
        }
        out.push_str("</section>\n");
    }
    let _ = write!(
        out,
        "</aside>\n</main>\n<script>{}</script>\n</body>\n</html>\n",
        style::SCRIPT
    );
    out
}

fn message(out: &mut String, ladder: &Ladder, arrow: &Arrow) {
    let _ = writeln!(out, "<h2>{}</h2>", escape(&plain(&title(ladder, arrow))));
    for fact in facts(ladder, arrow) {
        let _ = writeln!(out, "<p>{}</p>", escape(&plain(&fact)));
    }
    let text = |sight: &Option<Sight>| {
        let text = sight.as_ref().map(|sight| &*sight.record.text);
        text.filter(|text| !text.is_empty()).map(str::to_owned)
    };
    let (sent, received) = (text(&arrow.sent), text(&arrow.received));
    match (&sent, &received) {
        (Some(one), Some(other)) if one != other => {
            for (party, text) in [(arrow.from, one), (arrow.to, other)] {
                let name = escape(ladder.name(party));
                let _ = writeln!(
                    out,
                    "<p>As {name} recorded it:</p>\n<pre>{}</pre>",
                    lines(text)
                );
            }
        }
        (Some(text), _) | (None, Some(text)) => {
            let _ = writeln!(out, "<pre>{}</pre>", lines(text));
        }
        (None, None) => out.push_str("<p>Its text was not recorded; of what goes out, scenarios of level Verbose keep it.</p>\n"),
    }
}

fn event(out: &mut String, ladder: &Ladder, event: &Event) {
    let name = escape(ladder.name(event.party));
    let _ = writeln!(out, "<h2>{}</h2>", escape(&event_text(&event.record)));
    let when = escape(&clock(event.record.time));
    let _ = writeln!(out, "<p>{name}, at {when} by its clock.</p>");
    let _ = writeln!(
        out,
        "<pre>{}</pre>",
        lines(&logs::line::text_of(&event.record))
    );
}

/// A text as it is, but for what would turn it around.
fn lines(text: &str) -> String {
    let lines: Vec<String> = text.lines().map(|line| escape(&plain(line))).collect();
    lines.join("\n")
}
