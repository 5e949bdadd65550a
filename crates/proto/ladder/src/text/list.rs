//! The picture where participants do not fit side by side: each row a sentence.

use super::canvas::{Line, Style};
use super::{Look, named, rows};
use crate::model::{Ladder, Row, Seen};
use crate::words::{event_text, label, since, wrap};

/// Columns of a participant's name.
const NAME: usize = 24;

pub(super) fn draw(ladder: &Ladder, look: Look) -> Vec<String> {
    let number = ladder.arrows().count().to_string().len().max(2);
    let left = number + 1 + since(ladder.took).len().max(5) + 1;
    let name = |party: usize| {
        let party = ladder.parties.get(party);
        party
            .map(|party| named(party, NAME, look.ascii))
            .unwrap_or_default()
    };
    let to = if look.ascii { "->" } else { "→" };
    let mut out = Vec::new();
    for row in &ladder.rows {
        let (begin, at, text, style) = match row {
            Row::Message(arrow) => {
                let label = arrow.record().map(label).unwrap_or_default();
                let mut text = format!("{} {to} {}  {label}", name(arrow.from), name(arrow.to));
                if arrow.copy > 0 {
                    text.push_str(&format!(" (again, {})", arrow.copy + 1));
                }
                match arrow.seen {
                    Seen::Whole => {}
                    Seen::NotReceived => text.push_str(" (no record of its arrival)"),
                    Seen::NotSent => text.push_str(" (no record of its sending)"),
                }
                (
                    arrow.number.to_string(),
                    arrow.at(),
                    text,
                    rows::style(arrow),
                )
            }
            Row::Event(event) => {
                let sign = look.sign(if event.is_trouble { '✗' } else { '●' }, '*');
                let text = format!(
                    "{sign} {}: {}",
                    name(event.party),
                    event_text(&event.record)
                );
                let style = if event.is_trouble {
                    Style::Bad
                } else {
                    Style::Plain
                };
                (String::new(), event.at, text, style)
            }
        };
        let time = since(at);
        for (place, text) in wrap(&text, look.width() - left).iter().enumerate() {
            let mut line = Line::blank(look.width());
            if place == 0 {
                line.put(0, &format!("{begin:>number$}"), Style::Bold);
                let column = left.saturating_sub(1 + time.len());
                line.put(column, &time, Style::Dim);
            }
            line.put(left, text, style);
            out.push(line.finish(look.colour));
        }
    }
    out
}
