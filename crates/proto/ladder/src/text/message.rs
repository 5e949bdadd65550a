//! One message, whole: what its arrow says, and its text.

use super::Look;
use super::canvas::Style;
use crate::model::{Arrow, Ladder, Seen, Sight};
use crate::words::{clock, label, plain, since, span, wrap};

/// Shows the message with this number, if there is one.
#[must_use]
pub fn message(ladder: &Ladder, number: usize, look: Look) -> Option<String> {
    let arrow = ladder.message(number)?;
    let mut out = Vec::new();
    for line in wrap(&title(ladder, arrow), look.width()) {
        out.push(look.to_line(&line, Style::Bold));
    }
    for line in facts(ladder, arrow) {
        let lines = wrap(&line, look.width());
        out.extend(lines.iter().map(|line| look.to_line(line, Style::Dim)));
    }
    out.push(String::new());
    let text = |sight: &Option<Sight>| sight.as_ref().map(|sight| sight.record.text.to_string());
    let (sent, received) = (text(&arrow.sent), text(&arrow.received));
    let kept = |text: &Option<String>| text.as_ref().filter(|text| !text.is_empty()).cloned();
    match (kept(&sent), kept(&received)) {
        (Some(sent), Some(received)) if sent != received => {
            out.push(format!("As {} recorded it:", ladder.name(arrow.from)));
            out.extend(sent.lines().map(plain));
            out.push(String::new());
            out.push(format!("As {} recorded it:", ladder.name(arrow.to)));
            out.extend(received.lines().map(plain));
        }
        (Some(text), _) | (None, Some(text)) => out.extend(text.lines().map(plain)),
        (None, None) => out.push(
            "Its text was not recorded; of what goes out, scenarios of level Verbose keep it."
                .to_owned(),
        ),
    }
    out.push(String::new());
    Some(out.join("\n"))
}

pub(crate) fn title(ladder: &Ladder, arrow: &Arrow) -> String {
    let label = arrow.record().map(label).unwrap_or_default();
    let (from, to) = (ladder.name(arrow.from), ladder.name(arrow.to));
    format!("Message {}: {label}, from {from} to {to}", arrow.number)
}

/// When and on which connection each end saw it, and what is special about it.
pub(crate) fn facts(ladder: &Ladder, arrow: &Arrow) -> Vec<String> {
    let mut out = Vec::new();
    if let Some(sight) = &arrow.sent {
        out.push(fact(ladder.name(arrow.from), "sent", sight));
    }
    if let Some(sight) = &arrow.received {
        out.push(fact(ladder.name(arrow.to), "received", sight));
    }
    if let Some(took) = arrow.took() {
        out.push(format!("It was under way for {}.", span(took)));
    }
    if arrow.copy > 0 {
        out.push(format!(
            "It was sent before: this is number {}.",
            arrow.copy + 1
        ));
    }
    match arrow.seen {
        Seen::Whole => {}
        Seen::NotReceived => out.push(format!("{} has no record of it.", ladder.name(arrow.to))),
        Seen::NotSent => out.push(format!("{} has no record of it.", ladder.name(arrow.from))),
    }
    if arrow.is_out_of_time {
        out.push("By the clocks it would arrive before being sent.".to_owned());
    }
    out
}

fn fact(name: &str, verb: &str, sight: &Sight) -> String {
    let record = &sight.record;
    let mut text = format!(
        "{name} {verb} it at {} by its clock, {} s since the start",
        clock(record.time),
        since(sight.at)
    );
    if let Some(transport) = record.transport {
        text.push_str(
            &format!(", over {transport:?}")
                .to_uppercase()
                .replace(", OVER", ", over"),
        );
    }
    if let Some(local) = record.local {
        text.push_str(&format!(", own address {local}"));
    }
    if let Some(peer) = record.peer {
        text.push_str(&format!(", the other's {peer}"));
    }
    text.push('.');
    text
}
