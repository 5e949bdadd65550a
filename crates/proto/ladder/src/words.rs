//! How names, times and texts of peers are written in pictures.

use logs::{Record, Time, Value};
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

/// How many columns of a terminal a text takes.
pub(crate) fn width(text: &str) -> usize {
    text.width()
}

/// Spells out what has no place of its own on a terminal or turns the order of what follows: format characters,
/// combining ones without a base of their own, tabs.
pub(crate) fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\t' => out.push(' '),
            _ if turns(character) || character.width().unwrap_or(0) == 0 => {
                out.extend(character.escape_unicode());
            }
            _ => out.push(character),
        }
    }
    out
}

/// Tells whether a character steers how others are shown.
const fn turns(character: char) -> bool {
    matches!(character,
        '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{61c}')
}

/// Cuts a text to a number of columns; `…` stands for the rest, in ASCII `~`.
pub(crate) fn cut(text: &str, most: usize, ascii: bool) -> String {
    if width(text) <= most {
        return text.to_owned();
    }
    let mut out = String::new();
    let mut taken = 1;
    for character in text.chars() {
        taken += character.width().unwrap_or(0);
        if taken > most {
            break;
        }
        out.push(character);
    }
    if most > 0 {
        out.push(if ascii { '~' } else { '…' });
    }
    out
}

/// Breaks a text into lines of at most so many columns, between words where it can be.
pub(crate) fn wrap(text: &str, most: usize) -> Vec<String> {
    let most = most.max(2);
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let mut rest = word;
        let room = |line: &str| most.saturating_sub(width(line) + usize::from(!line.is_empty()));
        if lines.last().is_some_and(|line| width(rest) > room(line)) {
            lines.push(String::new());
        }
        while width(rest) > most {
            let head = head(rest, most);
            put(&mut lines, head);
            rest = rest.get(head.len()..).unwrap_or_default();
            lines.push(String::new());
        }
        put(&mut lines, rest);
    }
    lines.retain(|line| !line.is_empty());
    lines
}

fn put(lines: &mut [String], word: &str) {
    if let Some(line) = lines.last_mut() {
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
}

/// As much of the beginning as fits, at least one character.
fn head(text: &str, most: usize) -> &str {
    let mut taken = 0;
    for (at, character) in text.char_indices() {
        taken += character.width().unwrap_or(0);
        if taken > most && at > 0 {
            return text.get(..at).unwrap_or(text);
        }
    }
    text
}

/// A user or a URI without its scheme and parameters, as people say it.
pub(crate) fn spoken(uri: &str) -> &str {
    let uri = uri.trim_start_matches('<').trim_end_matches('>');
    let bare = uri.split_once(':').map_or(uri, |(scheme, rest)| {
        let is_scheme = ["sip", "sips", "tel"]
            .iter()
            .any(|one| scheme.eq_ignore_ascii_case(one));
        if is_scheme { rest } else { uri }
    });
    bare.split([';', '?']).next().unwrap_or(bare)
}

/// A length of time in three digits or so.
pub(crate) fn span(micros: u64) -> String {
    let fraction = |whole: u64, part: u64, unit: &str| format!("{whole}.{part} {unit}");
    match micros {
        0..10_000 => fraction(micros / 1000, micros / 100 % 10, "ms"),
        10_000..1_000_000 => format!("{} ms", micros / 1000),
        1_000_000..60_000_000 => {
            let hundredths = micros / 10_000;
            format!("{}.{:02} s", hundredths / 100, hundredths % 100)
        }
        _ => {
            let seconds = micros / 1_000_000;
            match seconds / 3600 {
                0 => format!("{}:{:02} min", seconds / 60, seconds % 60),
                hours => format!("{hours}:{:02} h", seconds / 60 % 60),
            }
        }
    }
}

/// Seconds since the start, to the tenth of a millisecond.
pub(crate) fn since(micros: u64) -> String {
    let tenths = micros / 100;
    format!("{}.{:04}", tenths / 10_000, tenths % 10_000)
}

/// Time of day, for people who compare with other logs.
pub(crate) fn clock(time: Time) -> String {
    let text = time.to_string();
    let (date, clock) = text.split_once('T').unwrap_or((&text, ""));
    format!("{date} {}", clock.trim_end_matches('Z'))
}

/// What a message is called on its arrow.
pub(crate) fn label(record: &Record) -> String {
    let method = record.method.as_deref().unwrap_or("?");
    match record.status {
        None => plain(method),
        Some(status) => plain(&format!("{status} {}", crate::message::phrase(record)))
            .trim_end()
            .to_owned(),
    }
}

/// What was decided or noticed: `Routing unreachable: no phone of bob is registered`.
pub(crate) fn event_text(record: &Record) -> String {
    let mut text = record.component.name().to_owned();
    if let Some(decision) = &record.decision {
        text.push(' ');
        text.push_str(decision);
    }
    // Where it has no address, the name is that of whom the request goes on to; the reason may say so itself.
    let reason = record.reason.as_deref().unwrap_or_default();
    let is_news = |name: &&Value| record.peer.is_none() && !reason.contains(&***name);
    if let Some(name) = record.peer_name.as_ref().filter(is_news) {
        text.push_str(" to ");
        text.push_str(spoken(name));
    }
    let why = record
        .reason
        .as_deref()
        .or_else(|| record.text.lines().next());
    if let Some(why) = why.filter(|why| !why.is_empty()) {
        text.push_str(": ");
        text.push_str(why);
    }
    plain(&text)
}

/// A name's first part: `fe01` of `fe01.example.com`, `alice` of `alice@example.com`.
pub(crate) fn short(name: &str) -> &str {
    // An address has no first part that means anything.
    if name.parse::<std::net::IpAddr>().is_ok() || name.parse::<std::net::SocketAddr>().is_ok() {
        return name;
    }
    name.split(['@', '.']).next().unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::{cut, plain, short, since, span, spoken, width, wrap};

    #[test]
    fn times_have_three_digits_or_so() {
        let spans = [400, 12_345, 1_234_567, 61_000_000, 7_260_000_000];
        assert_eq!(
            spans.map(span),
            ["0.4 ms", "12 ms", "1.23 s", "1:01 min", "2:01 h"]
        );
        assert_eq!(since(1_234_567), "1.2345");
    }

    #[test]
    fn what_turns_text_around_is_spelt_out() {
        assert_eq!(plain("a\u{202e}b\u{301}\tc"), "a\\u{202e}b\\u{301} c");
        assert_eq!(plain("日本語 é"), "日本語 é");
    }

    #[test]
    fn texts_are_cut_and_broken_by_the_columns_they_take() {
        assert_eq!(cut("日本語", 5, false), "日本…");
        assert_eq!(cut("abc", 3, true), "abc");
        assert_eq!(cut("abcd", 3, true), "ab~");
        let lines = wrap("one two three wordthatistoolong 日本語日本語", 9);
        assert_eq!(
            lines,
            [
                "one two",
                "three",
                "wordthati",
                "stoolong",
                "日本語日",
                "本語"
            ]
        );
        assert!(lines.iter().all(|line| width(line) <= 9));
    }

    #[test]
    fn names_are_short_where_they_have_parts() {
        assert_eq!(short("fe01.example.com"), "fe01");
        assert_eq!(short("alice@example.com"), "alice");
        assert_eq!(short("10.0.0.7"), "10.0.0.7");
        assert_eq!(
            spoken("sip:alice@example.com;transport=tls"),
            "alice@example.com"
        );
        assert_eq!(spoken("<SIPS:a@b>"), "a@b");
    }
}
