//! Whether a message came as it was sent, byte for byte, but for what a proxy must change (RFC 3261 16.6, 16.7, 18.2.1):
//! of a request the Request-URI, a Via and Record-Route of each hop, what the next one notes in the sender's Via,
//! Max-Forwards, and the lines with which our servers bound forking (RFC 5393) and say who asks (RFC 3325); of a response
//! the Via of each hop.

use super::super::{Fault, Verdict, ensure};

/// A message cut into raw lines; a folded line is one.
struct Raw<'a> {
    start: &'a [u8],
    lines: Vec<&'a [u8]>,
    body: &'a [u8],
}

/// Compares a request as it was sent with what came.
pub(super) fn request(sent: &[u8], came: &[u8], hops: u32) -> Verdict {
    let (sent, came) = (Raw::of(sent)?, Raw::of(came)?);
    same("the method", sent.word(0), came.word(0))?;
    same("the version", sent.word(2), came.word(2))?;
    same("the body", sent.body, came.body)?;
    let left = |raw: &Raw<'_>| {
        let number = raw.named(&["max-forwards"]).next().map(value_of);
        number.and_then(|text| String::from_utf8_lossy(text).trim().parse::<u32>().ok())
    };
    // RFC 3261 16.6 step 3: who says nothing is given 70.
    let expected = left(&sent).map_or(70 - (hops - 1), |before| before - hops);
    ensure!(
        left(&came) == Some(expected),
        "Max-Forwards is {:?} and not {expected}",
        left(&came)
    );
    vias(&sent, &came)?;
    let changed = ["via", "v", "max-forwards"];
    let added = ["record-route", "max-breadth", "p-asserted-identity"];
    let came = came.without(&[&changed[..], &added[..]].concat());
    lines(&sent.without(&changed), &came)
}

/// Compares a response as it was sent with what came back.
pub(super) fn response(sent: &[u8], came: &[u8]) -> Verdict {
    let (sent, came) = (Raw::of(sent)?, Raw::of(came)?);
    same("the status line", sent.start, came.start)?;
    same("the body", sent.body, came.body)?;
    lines(&sent.without(&["via"]), &came.without(&["via"]))
}

/// Below the Via of the hops stand those of the sender: something noted in the first, the rest untouched.
fn vias(sent: &Raw<'_>, came: &Raw<'_>) -> Verdict {
    let before: Vec<&[u8]> = sent.named(&["via", "v"]).collect();
    let all: Vec<&[u8]> = came.named(&["via", "v"]).collect();
    let ours = all.len().saturating_sub(before.len());
    ensure!(ours > 0, "no Via was added");
    // A Via may be a list, of which only the first value is the sender's.
    let first = |line: &'_ [u8]| {
        let end = line
            .iter()
            .position(|byte| *byte == b',')
            .unwrap_or(line.len());
        let (first, others) = line.split_at(end);
        let spare = |byte: &u8| !byte.is_ascii_whitespace();
        let first: Vec<u8> = first.iter().copied().filter(spare).collect();
        (first, others.to_vec())
    };
    let ((own, behind), (noted, others)) = (first(before[0]), first(all[ours]));
    // Parameters without a name, which mean nothing, need not be kept where something is noted.
    let own = String::from_utf8_lossy(&own);
    ensure!(
        noted.starts_with(own.trim_end_matches(';').as_bytes()) && behind == others,
        "the sender's Via became {}",
        String::from_utf8_lossy(all[ours])
    );
    lines(&before[1..], &all[ours + 1..])
}

fn lines(sent: &[&[u8]], came: &[&[u8]]) -> Verdict {
    for (one, other) in sent.iter().zip(came) {
        same("a line", one, other)?;
    }
    let extra = came.get(sent.len()..).unwrap_or_default();
    ensure!(
        sent.len() == came.len(),
        "{} lines became {}: {:?}",
        sent.len(),
        came.len(),
        extra
            .iter()
            .map(|line| String::from_utf8_lossy(line))
            .collect::<Vec<_>>()
    );
    Ok(())
}

fn same(what: &str, sent: &[u8], came: &[u8]) -> Verdict {
    let shown = |bytes| String::from_utf8_lossy(bytes).into_owned();
    ensure!(
        sent == came,
        "{what} became {:?} and was {:?}",
        shown(came),
        shown(sent)
    );
    Ok(())
}

impl<'a> Raw<'a> {
    fn of(bytes: &'a [u8]) -> Result<Self, Fault> {
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n");
        let end = end.ok_or_else(|| Fault::new("a message without a blank line"))?;
        let (head, body) = (&bytes[..end + 2], &bytes[end + 4..]);
        let mut lines = Vec::new();
        let mut from = 0;
        for at in 0..head.len() {
            let is_folded = matches!(head.get(at + 2), Some(b' ' | b'\t'));
            if head[at..].starts_with(b"\r\n") && !is_folded {
                lines.push(&head[from..at]);
                from = at + 2;
            }
        }
        let start = lines.remove(0);
        Ok(Self { start, lines, body })
    }

    fn word(&self, at: usize) -> &'a [u8] {
        let mut words = self.start.split(|byte| *byte == b' ');
        words.nth(at).unwrap_or_default()
    }

    fn named<'r>(&'r self, names: &'r [&str]) -> impl Iterator<Item = &'a [u8]> + 'r {
        self.lines
            .iter()
            .copied()
            .filter(|line| is_named(line, names))
    }

    fn without(&self, names: &[&str]) -> Vec<&'a [u8]> {
        let mut lines = self.lines.clone();
        lines.retain(|line| !is_named(line, names));
        lines
    }
}

fn is_named(line: &[u8], names: &[&str]) -> bool {
    let name = line.split(|byte| *byte == b':').next().unwrap_or_default();
    let name = name.trim_ascii();
    names
        .iter()
        .any(|one| name.eq_ignore_ascii_case(one.as_bytes()))
}

fn value_of(line: &[u8]) -> &[u8] {
    let colon = line.iter().position(|byte| *byte == b':');
    colon.map_or(&[], |at| &line[at + 1..])
}
