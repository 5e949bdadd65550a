//! Rows of the picture on a terminal, between participants' lines.

use super::canvas::{Line, Style};
use super::{Grid, TOOK};
use crate::model::{Arrow, Event, Ladder, Row, Seen};
use crate::words::{cut, event_text, label, since, span, width, wrap};

/// So many lines has what somebody decided, at most.
const MOST_LINES: usize = 4;
/// What somebody decided is written on the other side of the line if less room is left.
const ROOM: usize = 26;

pub(super) fn draw(ladder: &Ladder, grid: &Grid) -> Vec<String> {
    let mut out = grid.names(ladder);
    out.push(grid.lines(ladder).finish(grid.look.colour));
    for row in &ladder.rows {
        match row {
            Row::Message(arrow) => out.push(message(ladder, grid, arrow)),
            Row::Event(one) => out.extend(event(ladder, grid, one)),
        }
    }
    out.push(grid.lines(ladder).finish(grid.look.colour));
    out
}

fn begin(line: &mut Line, grid: &Grid, number: Option<usize>, at: u64) {
    if let Some(number) = number {
        line.put(0, &format!("{number:>0$}", grid.number), Style::Bold);
    }
    let time = format!("{:>1$}", since(at), grid.time);
    line.put(grid.number + 1, &time, Style::Dim);
}

fn message(ladder: &Ladder, grid: &Grid, arrow: &Arrow) -> String {
    let mut line = grid.lines(ladder);
    begin(&mut line, grid, Some(arrow.number), arrow.at());
    let style = style(arrow);
    let (from, to) = (grid.column(arrow.from), grid.column(arrow.to));
    if from == to {
        let text = name(arrow, grid, grid.step.saturating_sub(3));
        line.put(
            from + 1,
            &format!("{} {text}", grid.look.sign('↺', '@')),
            style,
        );
    } else {
        span_between(&mut line, grid, arrow, (from, to));
    }
    if let (Some(took), true) = (arrow.took(), grid.took != usize::MAX) {
        let text = format!("{:>1$}", span(took), TOOK - 1);
        line.put(grid.took + 1, &text, Style::Dim);
    }
    line.finish(grid.look.colour)
}

/// Draws an arrow and its label.
fn span_between(line: &mut Line, grid: &Grid, arrow: &Arrow, (from, to): (usize, usize)) {
    let look = grid.look;
    let style = style(arrow);
    let (left, right) = (from.min(to), from.max(to));
    let shaft = match arrow.seen {
        Seen::Whole => look.sign('─', '-'),
        Seen::NotReceived | Seen::NotSent => look.sign('╌', '.'),
    };
    for column in left + 1..right {
        line.set(column, shaft, style);
    }
    if to > from {
        line.set(right - 1, look.sign('▶', '>'), style);
    } else {
        line.set(left + 1, look.sign('◀', '<'), style);
    }
    let missing = match arrow.seen {
        Seen::Whole => None,
        Seen::NotReceived => Some(to),
        Seen::NotSent => Some(from),
    };
    if let Some(end) = missing {
        line.set(end, '?', Style::Bad);
    }
    // A bit of the shaft and the head stay, and blanks around the label where there is room.
    let room = (right - left - 1).saturating_sub(3);
    let text = name(arrow, grid, room);
    let text = if room >= width(&text) + 3 {
        format!(" {text} ")
    } else {
        text
    };
    let inside = right - left - 1 - width(&text);
    // The head takes one more column on its side.
    let before = if to > from {
        inside / 2
    } else {
        inside.div_ceil(2)
    };
    let start = left + 1 + before;
    line.put(start, &text, style);
}

/// What stands on an arrow; of a copy its number too, whatever room there is.
fn name(arrow: &Arrow, grid: &Grid, room: usize) -> String {
    let label = arrow.record().map(label).unwrap_or_default();
    let again = if arrow.copy == 0 {
        String::new()
    } else {
        format!(" {}{}", grid.look.sign('↻', '*'), arrow.copy + 1)
    };
    let label = cut(&label, room.saturating_sub(width(&again)), grid.look.ascii);
    cut(&format!("{label}{again}"), room, grid.look.ascii)
}

pub(super) fn style(arrow: &Arrow) -> Style {
    let status = arrow.record().and_then(|record| record.status);
    match status {
        _ if arrow.copy > 0 => Style::Dim,
        None => Style::Ask,
        Some(0..200) => Style::Plain,
        Some(200..300) => Style::Good,
        Some(300..=399 | 401 | 407) => Style::Warn,
        Some(_) => Style::Bad,
    }
}

/// What somebody decided: beside the line, on the side with more room.
fn event(ladder: &Ladder, grid: &Grid, event: &Event) -> Vec<String> {
    let look = grid.look;
    let column = grid.column(event.party);
    let style = if event.is_trouble {
        Style::Bad
    } else {
        Style::Plain
    };
    let text = event_text(&event.record);
    let right = look.width().saturating_sub(column + 3);
    let left = column.saturating_sub(grid.number + grid.time + 4);
    let goes_right = right >= ROOM || right >= left;
    let room = if goes_right { right } else { left };
    let mut texts = wrap(&text, room);
    if texts.len() > MOST_LINES {
        texts.truncate(MOST_LINES);
        if let Some(last) = texts.last_mut() {
            *last = cut(&format!("{last} ……"), room, look.ascii);
        }
    }
    let mut out = Vec::with_capacity(texts.len());
    for (place, text) in texts.iter().enumerate() {
        let mut line = grid.lines(ladder);
        if place == 0 {
            begin(&mut line, grid, None, event.at);
            let sign = if event.is_trouble {
                look.sign('✗', 'x')
            } else {
                look.sign('●', '*')
            };
            line.set(
                column,
                sign,
                if event.is_trouble {
                    Style::Bad
                } else {
                    Style::Bold
                },
            );
        }
        if goes_right {
            line.put(column + 1, &format!(" {text} "), style);
        } else {
            let start = column.saturating_sub(width(text) + 2);
            line.put(start, &format!(" {text} "), style);
        }
        out.push(line.finish(look.colour));
    }
    out
}
