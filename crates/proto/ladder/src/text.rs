//! The picture on a terminal.
//!
//! ```text
//!   #   since    alice          edge01          fe01
//!   1  0.0000      │── INVITE ───▶│               │
//!      0.0004      │              ● Edge accepted: bob is one of ours
//!   2  0.0006      │              │── INVITE ────▶│     0.4 ms
//! ```
//!
//! Where participants do not fit side by side, each row is a sentence. No line is wider than asked for.

mod canvas;
mod list;
pub(crate) mod message;
mod rows;

use crate::model::{Ladder, Party};
use crate::words::{clock, cut, plain, short, span, width, wrap};
use canvas::{Line, Style};

pub use message::message;

/// The narrowest picture, in columns.
pub const NARROWEST: usize = 40;
/// The widest.
pub const WIDEST: usize = 400;
/// A participant's line needs so many columns, or the picture becomes a list.
const LEAST_STEP: usize = 11;
/// More would only spread the picture.
const MOST_STEP: usize = 30;

/// How the terminal is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    /// Its columns; less than [`NARROWEST`] is taken for that, more than [`WIDEST`] too.
    pub width: usize,
    /// Whether it has nothing but ASCII to draw with. Texts of peers stay as they are.
    pub ascii: bool,
    /// Whether it has colours.
    pub colour: bool,
}

impl Default for Look {
    fn default() -> Self {
        Self {
            width: 80,
            ascii: false,
            colour: false,
        }
    }
}

impl Look {
    fn width(self) -> usize {
        self.width.clamp(NARROWEST, WIDEST)
    }

    /// Picks a sign.
    const fn sign(self, drawn: char, ascii: char) -> char {
        if self.ascii { ascii } else { drawn }
    }

    fn to_line(self, text: &str, style: Style) -> String {
        let mut line = Line::blank(self.width());
        line.put(0, text, style);
        line.finish(self.colour)
    }
}

/// Draws a call flow.
#[must_use]
pub fn draw(ladder: &Ladder, look: Look) -> String {
    let mut out = head(ladder, look);
    if !ladder.rows.is_empty() {
        out.push(String::new());
        match Grid::of(ladder, look) {
            Some(grid) => out.extend(rows::draw(ladder, &grid)),
            None => out.extend(list::draw(ladder, look)),
        }
    }
    if !ladder.remarks.is_empty() {
        out.push(String::new());
    }
    for remark in &ladder.remarks {
        let lines = wrap(&remark.0, look.width() - 2);
        for (place, line) in lines.iter().enumerate() {
            let begin = if place == 0 { "! " } else { "  " };
            out.push(look.to_line(&format!("{begin}{line}"), Style::Warn));
        }
    }
    out.push(String::new());
    out.join("\n")
}

/// The sentence, and what flow this is.
fn head(ladder: &Ladder, look: Look) -> Vec<String> {
    let style = match ladder.is_good {
        Some(true) => Style::Good,
        Some(false) => Style::Bad,
        None => Style::Bold,
    };
    let lines = wrap(&ladder.sentence, look.width());
    let mut out: Vec<String> = lines.iter().map(|line| look.to_line(line, style)).collect();
    let mut facts = Vec::new();
    match ladder.call_ids.as_slice() {
        [] => {}
        [one] => facts.push(format!("Call-ID {one}")),
        several => facts.push(format!("{} Call-IDs", several.len())),
    }
    if !ladder.rows.is_empty() {
        facts.push(format!("began {} UTC", clock(ladder.began)));
        facts.push(format!("{} from first to last", span(ladder.took)));
    }
    for line in wrap(&facts.join(", "), look.width()) {
        out.push(look.to_line(&line, Style::Dim));
    }
    out
}

/// Where things stand.
struct Grid {
    look: Look,
    /// Columns of numbers and of times.
    number: usize,
    time: usize,
    /// Where lines stand, one for each participant.
    columns: Vec<usize>,
    step: usize,
    /// Where the time under way stands.
    took: usize,
}

/// Columns of the time under way, with a blank before.
const TOOK: usize = 9;

impl Grid {
    /// Lays the picture out; `None` if it does not fit.
    fn of(ladder: &Ladder, look: Look) -> Option<Self> {
        let many = ladder.parties.len();
        let number = ladder.arrows().count().to_string().len().max(2);
        let time = crate::words::since(ladder.took).len().max(5);
        let left = number + 1 + time + 1;
        let right = if look.width() >= 80 { TOOK } else { 0 };
        let step = (look.width().checked_sub(left + right)? / many.max(1)).min(MOST_STEP);
        if step < LEAST_STEP {
            return None;
        }
        let columns = (0..many).map(|place| left + place * step + step / 2);
        let mut grid = Self {
            look,
            number,
            time,
            columns: columns.collect(),
            step,
            took: left + many * step,
        };
        if right == 0 {
            grid.took = usize::MAX;
        }
        Some(grid)
    }

    fn column(&self, party: usize) -> usize {
        self.columns.get(party).copied().unwrap_or_default()
    }

    /// A row with all lines and nothing on them.
    fn lines(&self, ladder: &Ladder) -> Line {
        let mut line = Line::blank(self.look.width());
        for (party, column) in ladder.parties.iter().zip(&self.columns) {
            let is_silent = party.kind.is_ours() && !party.is_recorded;
            let sign = if is_silent {
                self.look.sign('┆', ':')
            } else {
                self.look.sign('│', '|')
            };
            line.set(*column, sign, Style::Dim);
        }
        line
    }

    /// The names of participants, what they are, and where.
    fn names(&self, ladder: &Ladder) -> Vec<String> {
        let room = self.step - 1;
        let mut heads: [Line; 3] = std::array::from_fn(|_| Line::blank(self.look.width()));
        let [first, second, third] = &mut heads;
        let right = |text: &str, width: usize| format!("{text:>width$}");
        first.put(0, &right("#", self.number), Style::Dim);
        first.put(self.number + 1, &right("since", self.time), Style::Dim);
        if self.took != usize::MAX {
            first.put(self.took + 1, &right("took", TOOK - 1), Style::Dim);
        }
        for (party, column) in ladder.parties.iter().zip(&self.columns) {
            let middle = |text: &str| column.saturating_sub(width(text) / 2);
            let name = named(party, room, self.look.ascii);
            first.put(middle(&name), &name, Style::Bold);
            let kind = cut(party.kind.name(), room, self.look.ascii);
            second.put(middle(&kind), &kind, Style::Dim);
            let address = address(party, room);
            third.put(middle(&address), &address, Style::Dim);
        }
        heads.map(|head| head.finish(self.look.colour)).into()
    }
}

/// A name that fits: whole, without its domain, or cut.
fn named(party: &Party, room: usize, ascii: bool) -> String {
    let name = plain(&party.name);
    if width(&name) <= room {
        return name;
    }
    cut(short(&name), room, ascii)
}

/// The first address that fits, with or without its port.
fn address(party: &Party, room: usize) -> String {
    let Some(first) = party
        .addresses
        .first()
        .filter(|first| **first != party.name)
    else {
        return String::new();
    };
    let more = party.addresses.len() - 1;
    let whole = if more > 0 {
        format!("{first} +{more}")
    } else {
        first.clone()
    };
    let without_port = first.rsplit_once(':').map_or(&**first, |(host, _)| host);
    let fitting = [&*whole, first, without_port];
    let fits = fitting.into_iter().find(|text| width(text) <= room);
    fits.unwrap_or_default().to_owned()
}
