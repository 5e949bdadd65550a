//! The text form of a record: how it is stored, sent, exported, shown and searched.
//!
//! ```text
//! === 2026-11-26T08:00:00.123456Z fe01.example.com SipStack Info TF_PROTOCOL dir=in peer=10.0.0.7:5061 call-id=a84b
//! INVITE sip:bob@example.com SIP/2.0
//! Via: SIP/2.0/TLS 10.0.0.7:5061;branch=z9hG4bK776
//! ```
//!
//! One head, then the lines of [`Record::text`]. The head has time, machine, component, level and flags in this order,
//! then fields as `name=value` in any order; a reader passes over fields that it does not know. A value that is empty or
//! holds a space or a quote stands in quotes, with `\"` and `\\` inside. A line of the text that begins like a head
//! or with a backslash has a backslash put before it. So a record ends where the next line begins with `=== `, any
//! sequence of bytes splits into records in one way only, and what `grep` finds in an export is what a search finds.
//!
//! Bounds: [`LONGEST`] bytes of one record follow from those of its values and its text.

use std::fmt::Write as _;
use std::net::SocketAddr;

use base::net::Transport;

use crate::value::{has_controls, have_controls};
use crate::{Component, Direction, Flags, Level, Record, TEXT_MAX, Text, Time, VALUE_MAX, Value};

/// How a head begins.
pub const HEAD: &str = "=== ";
/// No record's text form is longer: ten values with every character escaped, a text of which every line is.
pub const LONGEST: usize = 2 * TEXT_MAX + 24 * VALUE_MAX;

/// Why bytes are no record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LineError {
    /// It does not begin with a head.
    #[error("a record begins with {HEAD:?}")]
    NoHead,
    /// One of the five words that every head has is missing or unknown.
    #[error("the head of a record has no {0} that is known")]
    Word(&'static str),
    /// A field has no value, or one that it cannot have.
    #[error("a field in the head of a record cannot be read")]
    Field,
    /// It is not UTF-8, has control characters or does not end with a line.
    #[error("a record is not clean text")]
    Unclean,
    /// It is longer than any record.
    #[error("a record is longer than {LONGEST} bytes")]
    TooLong,
}

/// Adds the text form of a record.
pub fn write(record: &Record, out: &mut String) {
    out.push_str(HEAD);
    out.push_str(std::str::from_utf8(&record.time.letters()).unwrap_or_default());
    out.push(' ');
    quoted(&record.machine, out);
    out.push(' ');
    out.push_str(record.component.name());
    out.push(' ');
    out.push_str(record.level.name());
    out.push(' ');
    flags(record.flags, out);
    fields(record, out);
    out.push('\n');
    let mut rest: &str = &record.text;
    if !rest.contains(['=', '\\']) {
        out.push_str(rest);
        return;
    }
    while let Some((line, after)) = rest.split_once('\n') {
        if line.starts_with('\\') || line.starts_with(HEAD) {
            out.push('\\');
        }
        out.push_str(line);
        out.push('\n');
        rest = after;
    }
}

/// Returns the text form of a record.
#[must_use]
pub fn text_of(record: &Record) -> String {
    let mut out = String::with_capacity(record.text.len() + 512);
    write(record, &mut out);
    out
}

fn fields(record: &Record, out: &mut String) {
    if let Some(correlation) = record.correlation {
        out.push_str(" corr=");
        hexadecimal(correlation.0, out);
    }
    if let Some(flow) = record.flow {
        out.push_str(" flow=");
        hexadecimal(flow.0, out);
    }
    if let Some(transport) = record.transport {
        out.push_str(" transport=");
        out.push_str(transport_name(transport));
    }
    if let Some(direction) = record.direction {
        out.push_str(match direction {
            Direction::In => " dir=in",
            Direction::Out => " dir=out",
        });
    }
    address("peer", record.peer, out);
    field("peer-name", record.peer_name.as_ref(), out);
    address("local", record.local, out);
    field("call-id", record.call_id.as_ref(), out);
    field("from", record.from.as_ref(), out);
    field("to", record.to.as_ref(), out);
    field("request", record.request.as_ref(), out);
    field("method", record.method.as_ref(), out);
    if let Some(cseq) = record.cseq {
        out.push_str(" cseq=");
        decimal(cseq, out);
    }
    if let Some(status) = record.status {
        out.push_str(" status=");
        decimal(status.into(), out);
    }
    field("decision", record.decision.as_ref(), out);
    field("reason", record.reason.as_ref(), out);
}

fn flags(flags: Flags, out: &mut String) {
    let start = out.len();
    for name in flags.names() {
        if out.len() > start {
            out.push('|');
        }
        out.push_str(name);
    }
    if out.len() == start {
        out.push('-');
    }
}

fn address(name: &str, address: Option<SocketAddr>, out: &mut String) {
    let Some(address) = address else {
        return;
    };
    out.push(' ');
    out.push_str(name);
    out.push('=');
    match address {
        SocketAddr::V4(address) => {
            for (place, part) in address.ip().octets().into_iter().enumerate() {
                out.push_str(if place == 0 { "" } else { "." });
                decimal(part.into(), out);
            }
            out.push(':');
            decimal(address.port().into(), out);
        }
        // Writing to a String cannot fail.
        SocketAddr::V6(address) => drop(write!(out, "{address}")),
    }
}

/// Adds a number; every record has several, and formatting takes longer than all else that is done for a head.
fn decimal(number: u32, out: &mut String) {
    if number >= 10 {
        decimal(number / 10, out);
    }
    out.push(char::from_digit(number % 10, 10).unwrap_or('0'));
}

fn hexadecimal(number: u64, out: &mut String) {
    for byte in number.to_be_bytes() {
        for digit in [byte >> 4, byte & 15] {
            out.push(char::from_digit(digit.into(), 16).unwrap_or('0'));
        }
    }
}

fn field(name: &str, value: Option<&Value>, out: &mut String) {
    if let Some(value) = value {
        out.push(' ');
        out.push_str(name);
        out.push('=');
        quoted(value, out);
    }
}

fn quoted(value: &str, out: &mut String) {
    if !value.is_empty() && !value.bytes().any(|byte| matches!(byte, b' ' | b'"')) {
        out.push_str(value);
        return;
    }
    out.push('"');
    for character in value.chars() {
        if matches!(character, '"' | '\\') {
            out.push('\\');
        }
        out.push(character);
    }
    out.push('"');
}

/// How a transport is spelt.
pub(crate) const fn transport_name(transport: Transport) -> &'static str {
    match transport {
        Transport::Tls => "tls",
        Transport::Tcp => "tcp",
        Transport::Udp => "udp",
    }
}

/// Cuts text into records, each with its head and all of its lines; what stands before the first head is passed over.
pub fn split(text: &str) -> impl Iterator<Item = &str> {
    let start = if text.starts_with(HEAD) {
        Some(0)
    } else {
        text.find("\n=== ").map(|at| at + 1)
    };
    let mut rest = start.and_then(|at| text.get(at..)).unwrap_or_default();
    std::iter::from_fn(move || {
        let (record, after) = rest.split_at(end_of_first(rest));
        rest = after;
        (!record.is_empty()).then_some(record)
    })
}

/// Returns where the record that text begins with ends.
#[must_use]
pub fn end_of_first(text: &str) -> usize {
    memchr::memmem::find(text.as_bytes(), b"\n=== ").map_or(text.len(), |at| at + 1)
}

/// Reads the text form of exactly one record.
///
/// # Errors
/// It is none.
pub fn read(text: &str) -> Result<Record, LineError> {
    if text.len() > LONGEST {
        return Err(LineError::TooLong);
    }
    let (head, lines) = text.split_once('\n').ok_or(LineError::Unclean)?;
    let head = head.strip_prefix(HEAD).ok_or(LineError::NoHead)?;
    if has_controls(head, false) || !(lines.is_empty() || lines.ends_with('\n')) {
        return Err(LineError::Unclean);
    }
    let mut words = Words { rest: head };
    let mut word = |name| words.next().ok_or(LineError::Word(name));
    let time = Time::parse(word("time")?).map_err(|_| LineError::Word("time"))?;
    let machine = words.value().ok_or(LineError::Word("machine"))?;
    let mut word = |name| words.next().ok_or(LineError::Word(name));
    let component = word("component")?.parse();
    let level = word("level")?.parse();
    let flags = word("flags")?.parse();
    let mut record = Record::new(
        time,
        machine,
        component.map_err(|_| LineError::Word("component"))?,
        level.map_err(|_| LineError::Word("level"))?,
        flags.map_err(|_| LineError::Word("flags"))?,
    );
    while let Some(name) = words.name() {
        let value = words.value().ok_or(LineError::Field)?;
        set(&mut record, name, value).ok_or(LineError::Field)?;
    }
    if !words.rest.is_empty() {
        return Err(LineError::Field);
    }
    record.text = plain(lines)?;
    Ok(record)
}

/// Takes the marks out that keep lines from looking like heads.
fn plain(lines: &str) -> Result<Text, LineError> {
    let marked =
        lines.starts_with(HEAD) || memchr::memmem::find(lines.as_bytes(), b"\n=== ").is_some();
    if marked || have_controls(lines) {
        return Err(LineError::Unclean);
    }
    if !lines.contains('\\') {
        return clean(lines.to_owned());
    }
    let mut text = String::with_capacity(lines.len());
    for line in lines.split_inclusive('\n') {
        text.push_str(line.strip_prefix('\\').unwrap_or(line));
    }
    clean(text)
}

fn clean(text: String) -> Result<Text, LineError> {
    if text.len() > TEXT_MAX {
        return Err(LineError::TooLong);
    }
    Ok(Text::of_clean(text))
}

/// Reads only when a record was, in which component and how grave, of which queries have limits: a tenth of the work.
#[must_use]
pub fn limits_of(text: &str) -> Option<(Time, Component, Level)> {
    let (head, _) = text.split_once('\n')?;
    let mut words = Words {
        rest: head.strip_prefix(HEAD)?,
    };
    let time = Time::parse(words.next()?).ok()?;
    words.value()?;
    let component = words.next()?.parse().ok()?;
    let level = words.next()?.parse().ok()?;
    Some((time, component, level))
}

/// Fills in one field; `None` if the value is none for it.
fn set(record: &mut Record, name: &str, value: Value) -> Option<()> {
    match name {
        "corr" => record.correlation = Some(value.parse().ok()?),
        "flow" => record.flow = Some(value.parse().ok()?),
        "transport" => {
            let all = [Transport::Tls, Transport::Tcp, Transport::Udp];
            let known = |transport: &Transport| transport_name(*transport) == &*value;
            record.transport = Some(all.into_iter().find(known)?);
        }
        "dir" => {
            record.direction = Some(match &*value {
                "in" => Direction::In,
                "out" => Direction::Out,
                _ => return None,
            });
        }
        "peer" => record.peer = Some(value.parse().ok()?),
        "peer-name" => record.peer_name = Some(value),
        "local" => record.local = Some(value.parse().ok()?),
        "call-id" => record.call_id = Some(value),
        "from" => record.from = Some(value),
        "to" => record.to = Some(value),
        "request" => record.request = Some(value),
        "method" => record.method = Some(value),
        "cseq" => record.cseq = Some(value.parse().ok()?),
        "status" => record.status = Some(value.parse().ok()?),
        "decision" => record.decision = Some(value),
        "reason" => record.reason = Some(value),
        // A later version wrote it.
        _ => {}
    }
    Some(())
}

/// What is left of a head.
struct Words<'a> {
    rest: &'a str,
}

impl<'a> Words<'a> {
    /// Takes a word without quotes.
    fn next(&mut self) -> Option<&'a str> {
        let (word, rest) = self.rest.split_once(' ').unwrap_or((self.rest, ""));
        self.rest = rest;
        (!word.is_empty()).then_some(word)
    }

    /// Takes the name of a field and its sign.
    fn name(&mut self) -> Option<&'a str> {
        let (name, rest) = self.rest.split_once('=')?;
        self.rest = rest;
        Some(name)
    }

    /// Takes a value, in quotes or not.
    fn value(&mut self) -> Option<Value> {
        let Some(inside) = self.rest.strip_prefix('"') else {
            return self.next().map(Value::new);
        };
        let mut value = String::new();
        let mut characters = inside.char_indices();
        while let Some((at, character)) = characters.next() {
            match character {
                '"' => {
                    let rest = inside.get(at + 1..)?;
                    self.rest = rest.strip_prefix(' ').unwrap_or(rest);
                    return Some(Value::new(&value));
                }
                '\\' => value.push(characters.next()?.1),
                other => value.push(other),
            }
        }
        None
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::{LineError, read, split, text_of};
    use crate::{Component, Direction, Flags, Level, Record, Text, Time, Value};

    /// Any record, with fields that are hard to write.
    pub(crate) fn any_record() -> impl Strategy<Value = Record> {
        let word = proptest::option::of("[ -~é\"\\\\=]{0,12}");
        let address = proptest::option::of((any::<std::net::IpAddr>(), any::<u16>()));
        let numbers = (
            0..4_000_000_000_000_000_u64,
            proptest::option::of(any::<u64>()),
            proptest::option::of(100..700_u16),
            proptest::option::of(any::<u32>()),
        );
        let kinds = (
            proptest::sample::select(Component::ALL),
            proptest::sample::select(Level::ALL),
            proptest::sample::select(&["-", "TF_DIAG", "All", "TF_HTTP|TF_PROTOCOL"][..]),
        );
        let words = (word.clone(), word.clone(), word.clone(), word);
        let text = "(\\PC{0,6}|=== a|\\\\|[a-z: ]{0,30}|\\n|\\r\\n|\\x1b|\\n=== b){0,6}";
        (numbers, kinds, words, address, text).prop_map(
            |((time, number, status, cseq), (component, level, flags), words, peer, text)| {
                let flags: Flags = flags.parse().unwrap();
                let machine = Value::new("fe01.example.com");
                let mut record = Record::new(Time(time), machine, component, level, flags);
                record.correlation = number.map(crate::Correlation);
                record.status = status;
                record.cseq = cseq;
                record.direction = status.map(|_| Direction::Out);
                record.peer = peer.map(Into::into);
                record.call_id = words.0.as_deref().map(Value::new);
                record.from = words.1.as_deref().map(Value::new);
                record.method = words.2.as_deref().map(Value::new);
                record.reason = words.3.as_deref().map(Value::new);
                record.text = Text::new(&text);
                record
            },
        )
    }

    proptest! {
        #[test]
        fn a_record_is_read_as_it_was_written(record in any_record()) {
            let text = text_of(&record);
            prop_assert!(text.len() <= super::LONGEST);
            let limits = (record.time, record.component, record.level);
            prop_assert_eq!(super::limits_of(&text), Some(limits));
            prop_assert_eq!(read(&text), Ok(record));
        }

        #[test]
        fn records_in_a_row_split_where_they_were_joined(records in proptest::collection::vec(any_record(), 0..6)) {
            let texts: Vec<String> = records.iter().map(text_of).collect();
            let joined = texts.concat();
            prop_assert_eq!(split(&joined).collect::<Vec<_>>(), texts);
        }

        #[test]
        fn what_is_read_from_any_bytes_is_written_and_read_again(text in "(=== 2026-11-26T08:00Z m SipStack Info - )?\\PC{0,40}\\n(.{0,5}\\n){0,3}") {
            if let Ok(record) = read(&text) {
                prop_assert_eq!(read(&text_of(&record)), Ok(record));
            }
        }
    }

    #[test]
    fn the_form_is_what_the_head_of_this_file_says() {
        let mut record = Record::new(
            Time::parse("2026-11-26T08:00:00.123456").unwrap(),
            "fe01.example.com".into(),
            Component::SipStack,
            Level::Info,
            Flags::PROTOCOL,
        );
        record.direction = Some(Direction::In);
        record.peer = Some("10.0.0.7:5061".parse().unwrap());
        record.reason = Some("he said \"no\"".into());
        record.text = "BYE sip:bob@example.com SIP/2.0\r\n=== no head\r\n\\x\r\n".into();
        assert_eq!(
            text_of(&record),
            "=== 2026-11-26T08:00:00.123456Z fe01.example.com SipStack Info TF_PROTOCOL dir=in \
             peer=10.0.0.7:5061 reason=\"he said \\\"no\\\"\"\n\
             BYE sip:bob@example.com SIP/2.0\n\\=== no head\n\\\\x\n"
        );
    }

    #[test]
    fn fields_of_a_later_version_are_passed_over() {
        let text = "=== 2026-11-26T08:00Z m Web Info - colour=\"light blue\" status=200\n";
        assert_eq!(read(text).unwrap().status, Some(200));
    }

    #[test]
    fn what_is_no_record_is_refused() {
        let head = "=== 2026-11-26T08:00Z m Web Info -";
        for (text, error) in [
            ("", LineError::Unclean),
            ("INVITE\n", LineError::NoHead),
            ("=== yesterday m Web Info -\n", LineError::Word("time")),
            ("=== 2026-11-26T08:00Z m\n", LineError::Word("component")),
            (
                "=== 2026-11-26T08:00Z m Web Loud -\n",
                LineError::Word("level"),
            ),
            (&format!("{head} status\n"), LineError::Field),
            (&format!("{head} status=two\n"), LineError::Field),
            (&format!("{head} reason=\"open\n"), LineError::Field),
            (&format!("{head}\ntorn"), LineError::Unclean),
            (&format!("{head}\n\x1b[2J\n"), LineError::Unclean),
        ] {
            assert_eq!(read(text).unwrap_err(), error, "{text:?}");
        }
    }
}
