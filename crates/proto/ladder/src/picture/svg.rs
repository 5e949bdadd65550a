//! A call flow as SVG.

use std::fmt::Write as _;

use super::{escape, style};
use crate::model::{Arrow, Event, Kind, Ladder, Party, Row, Seen};
use crate::words::{clock, cut, event_text, label, plain, since, span, width, wrap};

/// So many rows are drawn at most: as many as a browser scrolls through with ease.
pub const MOST_ROWS: usize = 2000;

/// Room for numbers and times on the left, and to the right of the last participant.
const LEFT: usize = 118;
const RIGHT: usize = 40;
/// Between two participants.
const STEP: usize = 228;
const BOX: (usize, usize) = (184, 58);
/// Room for the sentence above the participants, where there is one.
const TITLE: usize = 62;
const MESSAGE: usize = 40;
const LINE: usize = 17;
/// A letter is about so wide, in hundredths of a pixel: labels, and what was decided.
const LETTER: usize = 710;
const NOTE: usize = 680;

/// Draws a call flow.
#[must_use]
pub fn svg(ladder: &Ladder) -> String {
    Picture::new(ladder, true).draw()
}

/// Draws it for a page, which says itself what the picture is about.
pub(super) fn bare(ladder: &Ladder) -> String {
    Picture::new(ladder, false).draw()
}

/// What was decided, laid out.
struct Note {
    lines: Vec<String>,
    x: usize,
    wide: usize,
}

struct Picture<'a> {
    ladder: &'a Ladder,
    has_title: bool,
    wide: usize,
    out: String,
}

impl<'a> Picture<'a> {
    fn new(ladder: &'a Ladder, has_title: bool) -> Self {
        let columns = LEFT + ladder.parties.len().max(3) * STEP + RIGHT;
        Self {
            ladder,
            has_title,
            wide: columns,
            out: String::new(),
        }
    }

    fn draw(mut self) -> String {
        let rows = self
            .ladder
            .rows
            .get(..MOST_ROWS)
            .unwrap_or(&self.ladder.rows);
        let sentence = if self.has_title {
            wrap(&plain(&self.ladder.sentence), (self.wide - 48) * 100 / 960)
        } else {
            Vec::new()
        };
        let title = if self.has_title {
            TITLE + sentence.len() * 20
        } else {
            20
        };
        let top = title + BOX.1 + 22;
        let heights: Vec<usize> = rows.iter().map(|row| self.height(row)).collect();
        let remarks = self.remarks(rows.len());
        let bottom = top + heights.iter().sum::<usize>() + 16;
        let high = bottom
            + if remarks.is_empty() {
                8
            } else {
                18 + remarks.len() * 19
            };
        self.open(high);
        self.head(&sentence);
        self.parties(title, bottom);
        let mut y = top;
        for ((place, row), height) in rows.iter().enumerate().zip(heights) {
            match row {
                Row::Message(arrow) => self.message(place, arrow, y),
                Row::Event(event) => self.event(place, event, y, height),
            }
            y += height;
        }
        for (place, remark) in remarks.iter().enumerate() {
            let y = bottom + 24 + place * 19;
            self.line(format_args!(
                "<text class=\"note-text\" x=\"24\" y=\"{y}\">{}</text>",
                escape(remark)
            ));
        }
        self.out.push_str("</svg>\n");
        self.out
    }

    fn open(&mut self, high: usize) {
        let wide = self.wide;
        let (title, style) = (escape(&self.ladder.sentence), style::SVG);
        self.line(format_args!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"ladder\" viewBox=\"0 0 {wide} {high}\" width=\"{wide}\" \
             height=\"{high}\" role=\"group\" aria-labelledby=\"title\">\n<title id=\"title\">{title}</title>\n\
             <style>{style}</style>\n<rect class=\"ground\" width=\"{wide}\" height=\"{high}\"/>"
        ));
    }

    fn head(&mut self, sentence: &[String]) {
        for (place, line) in sentence.iter().enumerate() {
            let y = 32 + place * 20;
            self.line(format_args!(
                "<text class=\"sentence\" x=\"24\" y=\"{y}\">{}</text>",
                escape(line)
            ));
        }
        if !self.has_title {
            return;
        }
        let y = 32 + sentence.len() * 20;
        let most = (self.wide - 48) * 100 / 620;
        let facts = cut(&facts(self.ladder), most, false);
        self.line(format_args!(
            "<text class=\"soft\" x=\"24\" y=\"{y}\">{}</text>",
            escape(&facts)
        ));
    }

    fn remarks(&self, drawn: usize) -> Vec<String> {
        let most = (self.wide - 48) * 100 / NOTE;
        let more = self.ladder.rows.len().saturating_sub(drawn);
        let more = (more > 0).then(|| format!("{more} later rows are not drawn"));
        let remarks = self.ladder.remarks.iter().map(|remark| remark.0.clone());
        let all = remarks.filter(|_| self.has_title).chain(more);
        all.flat_map(|remark| wrap(&format!("! {}", plain(&remark)), most))
            .collect()
    }

    fn x(party: usize) -> usize {
        LEFT + party * STEP + STEP / 2
    }

    fn height(&self, row: &Row) -> usize {
        match row {
            Row::Message(_) => MESSAGE,
            Row::Event(event) => self.note(event).lines.len() * LINE + 20,
        }
    }

    fn parties(&mut self, top: usize, bottom: usize) {
        for (place, party) in self.ladder.parties.iter().enumerate() {
            let x = Self::x(place);
            let silent = party.kind.is_ours() && !party.is_recorded;
            let class = if silent { "line silent" } else { "line" };
            let from = top + BOX.1;
            self.line(format_args!(
                "<line class=\"{class}\" x1=\"{x}\" y1=\"{from}\" x2=\"{x}\" y2=\"{bottom}\"/>"
            ));
            self.party(party, x, top);
        }
    }

    fn party(&mut self, party: &Party, x: usize, y: usize) {
        let (wide, high) = BOX;
        let class = match party.kind {
            Kind::Edge => "edge",
            Kind::Director | Kind::FrontEnd | Kind::Server => "ours",
            Kind::Phone | Kind::Partner | Kind::Gateway => "other",
        };
        let round = if party.kind.is_ours() { 4 } else { 20 };
        let name = cut(&plain(&party.name), 24, false);
        let address = party.addresses.first().cloned().unwrap_or_default();
        let more = party.addresses.len().saturating_sub(1);
        let more = if more > 0 {
            format!(" +{more}")
        } else {
            String::new()
        };
        let kind = match (&party.missing, party.is_outside) {
            (Some(_), _) => format!("{}, no records", party.kind.name()),
            (None, true) => format!("{}, outside", party.kind.name()),
            (None, false) => party.kind.name().to_owned(),
        };
        let whole = format!("{}: {}", party.name, party.addresses.join(", "));
        let left = x - wide / 2;
        self.line(format_args!(
            "<g><title>{}</title><rect class=\"box {class}\" x=\"{left}\" y=\"{y}\" width=\"{wide}\" height=\"{high}\" rx=\"{round}\"/>\
             <text class=\"name mid\" x=\"{x}\" y=\"{}\">{}</text><text class=\"soft mid\" x=\"{x}\" y=\"{}\">{}</text>\
             <text class=\"soft mid\" x=\"{x}\" y=\"{}\">{}</text></g>",
            escape(&whole),
            y + 20,
            escape(&name),
            y + 35,
            escape(&kind),
            y + 50,
            escape(&cut(&format!("{address}{more}"), 26, false)),
        ));
    }

    fn message(&mut self, place: usize, arrow: &Arrow, y: usize) {
        let shaft = y + 26;
        let class = class(arrow);
        self.begin(
            place,
            &class,
            y,
            MESSAGE,
            &crate::text::message::title(self.ladder, arrow),
        );
        self.line(format_args!(
            "<circle class=\"badge\" cx=\"30\" cy=\"{0}\" r=\"12\"/><text class=\"count\" x=\"30\" y=\"{1}\">{2}</text>\
             <text class=\"time end\" x=\"106\" y=\"{1}\">{3}</text>",
            shaft - 4,
            shaft,
            arrow.number,
            since(arrow.at())
        ));
        let (from, to) = (Self::x(arrow.from), Self::x(arrow.to));
        if from == to {
            self.around(from, shaft);
        } else {
            self.shaft(from, to, shaft);
        }
        let mut text = arrow.record().map(label).unwrap_or_default();
        if arrow.copy > 0 {
            let _ = write!(text, " (again, {})", arrow.copy + 1);
        }
        let room = from.abs_diff(to).max(STEP) - 34;
        let text = cut(&text, room * 100 / LETTER, false);
        let middle = if from == to {
            from + STEP / 2
        } else {
            from.midpoint(to)
        };
        self.line(format_args!(
            "<text class=\"label mid\" x=\"{middle}\" y=\"{}\">{}</text>",
            shaft - 7,
            escape(&text)
        ));
        self.ends(arrow, (from, to), shaft);
        self.out.push_str("</g>\n");
    }

    /// What stands at the ends of an arrow: a gap where a record is missing, the time under way.
    fn ends(&mut self, arrow: &Arrow, (from, to): (usize, usize), y: usize) {
        let missing = match arrow.seen {
            Seen::Whole => None,
            Seen::NotReceived => Some(to),
            Seen::NotSent => Some(from),
        };
        if let Some(x) = missing {
            self.line(format_args!(
                "<text class=\"lost mid\" x=\"{x}\" y=\"{}\">?</text>",
                y + 5
            ));
        }
        if let Some(took) = arrow.took() {
            let (x, anchor) = if to > from {
                (to - 12, "end")
            } else {
                (to + 12, "start")
            };
            let class = if anchor == "end" { "soft end" } else { "soft" };
            self.line(format_args!(
                "<text class=\"{class}\" x=\"{x}\" y=\"{}\">{}</text>",
                y + 13,
                span(took)
            ));
        }
    }

    fn shaft(&mut self, from: usize, to: usize, y: usize) {
        let (end, back) = if to > from {
            (to - 2, to - 12)
        } else {
            (to + 2, to + 12)
        };
        self.line(format_args!(
            "<path class=\"shaft\" d=\"M{from} {y}H{back}\"/><path class=\"head\" d=\"M{end} {y}L{back} {}V{}Z\"/>",
            y - 5,
            y + 5
        ));
    }

    fn around(&mut self, x: usize, y: usize) {
        self.line(format_args!(
            "<path class=\"shaft\" d=\"M{x} {}h34v10H{}\"/><path class=\"head\" d=\"M{} {}l10 -5v10Z\"/>",
            y - 5,
            x + 12,
            x + 2,
            y + 5
        ));
    }

    fn note(&self, event: &Event) -> Note {
        let x = Self::x(event.party);
        // To the right of the line, unless there is more room on the left.
        let right = self.wide.saturating_sub(x + 14 + 16);
        let left = x.saturating_sub(LEFT + 14);
        let room = right.max(if right < 300 { left } else { 0 }).min(520);
        let lines = wrap(&event_text(&event.record), (room - 20) * 100 / NOTE);
        let longest = lines.iter().map(|line| width(line)).max().unwrap_or(0);
        let wide = (longest * NOTE / 100 + 20).min(room);
        let is_left = right < 300 && left > right;
        Note {
            lines,
            x: if is_left { x - 14 - wide } else { x + 14 },
            wide,
        }
    }

    fn event(&mut self, place: usize, event: &Event, y: usize, height: usize) {
        let note = self.note(event);
        let class = if event.is_trouble {
            "row trouble"
        } else {
            "row"
        };
        self.begin(place, class, y, height, &event_text(&event.record));
        let (x, box_high) = (Self::x(event.party), height - 8);
        self.line(format_args!(
            "<text class=\"time end\" x=\"106\" y=\"{0}\">{1}</text><circle class=\"dot\" cx=\"{x}\" cy=\"{2}\" r=\"5\"/>\
             <rect class=\"note\" x=\"{3}\" y=\"{4}\" width=\"{5}\" height=\"{box_high}\" rx=\"5\"/>",
            y + 20,
            since(event.at),
            y + 16,
            note.x,
            y + 3,
            note.wide
        ));
        for (line, text) in note.lines.iter().enumerate() {
            self.line(format_args!(
                "<text class=\"note-text\" x=\"{}\" y=\"{}\">{}</text>",
                note.x + 10,
                y + 20 + line * LINE,
                escape(text)
            ));
        }
        self.out.push_str("</g>\n");
    }

    fn begin(&mut self, place: usize, class: &str, y: usize, height: usize, title: &str) {
        let title = escape(&plain(title));
        let wide = self.wide;
        self.line(format_args!(
            "<g class=\"{class}\" data-row=\"{place}\"><title>{title}</title>\
             <rect class=\"hit\" x=\"0\" y=\"{y}\" width=\"{wide}\" height=\"{height}\"/>"
        ));
    }

    fn line(&mut self, text: std::fmt::Arguments<'_>) {
        // Writing into a string does not fail.
        let _ = writeln!(self.out, "{text}");
    }
}

/// What flow it is, and when.
pub(super) fn facts(ladder: &Ladder) -> String {
    let calls = match ladder.call_ids.as_slice() {
        [] => String::new(),
        [one] => format!("Call-ID {one}, "),
        several => format!("{} Call-IDs, ", several.len()),
    };
    format!(
        "{calls}began {} UTC, {} from first to last",
        clock(ladder.began),
        span(ladder.took)
    )
}

fn class(arrow: &Arrow) -> String {
    let status = arrow.record().and_then(|record| record.status);
    let kind = match status {
        None => "ask",
        Some(0..200) => "wait",
        Some(200..300) => "good",
        Some(300..=399 | 401 | 407) => "else",
        Some(_) => "bad",
    };
    let gap = if arrow.seen == Seen::Whole {
        ""
    } else {
        " gap"
    };
    let again = if arrow.copy > 0 { " again" } else { "" };
    format!("row {kind}{gap}{again}")
}
