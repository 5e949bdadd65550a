//! One pass over the head of a message: the start line, then each header line as a few offsets.
//!
//! A line ends with CR LF that is not followed by white space (folding, RFC 3261 7.3.1). CR or LF by themselves and NUL
//! are refused everywhere in the head, so no two readers can disagree about where a line ends. The scan goes on behind
//! a fault: what could be read is needed to answer.
//!
//! Bounds: offsets are 16 bits wide, so a head has at most 65,535 bytes whatever the limit says.

use memchr::{memchr, memmem};

use super::lex::{Class, find_near, is_token, low_byte, trim_end, trim_start};
use super::{Invalid, Method, Name};

/// A place in the head.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) start: u16,
    pub(super) end: u16,
}

impl Span {
    fn new(start: usize, end: usize) -> Self {
        Self {
            start: narrow(start),
            end: narrow(end),
        }
    }

    pub(super) fn of(self, bytes: &[u8]) -> &[u8] {
        bytes.get(self.range()).unwrap_or_default()
    }

    pub(super) fn range(self) -> std::ops::Range<usize> {
        usize::from(self.start)..usize::from(self.end)
    }
}

/// One header line, with all lines folded into it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Line {
    /// Where the line begins.
    pub(super) start: u16,
    /// Where its name ends.
    pub(super) name_end: u16,
    /// Its value without white space around it.
    pub(super) value: Span,
    /// Where the next line begins.
    pub(super) end: u16,
    pub(super) name: Name,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Start {
    Request {
        method: Method,
        token: Span,
        uri: Span,
    },
    Response {
        status: u16,
        reason: Span,
    },
}

#[derive(Clone, Debug)]
pub(super) struct Head {
    pub(super) start: Start,
    pub(super) lines: Vec<Line>,
    /// Length with the blank line at its end.
    pub(super) len: usize,
}

/// The length of heads at which offsets end.
pub(super) const HEAD_MAX: usize = u16::MAX as usize;

/// Most heads of calls through several proxies have fewer lines than this.
const USUAL_LINES: usize = 32;

impl Head {
    /// Reads a head up to its blank line; returns what could be read and the first fault, or nothing if there is no
    /// blank line.
    pub(super) fn scan(bytes: &[u8], max_lines: usize) -> Option<(Self, Option<Invalid>)> {
        let (first_end, mut fault) = match line_end(bytes, 0)? {
            Ok(end) => (end, None),
            Err(end) => (end, Some(Invalid::StartLine)),
        };
        let start = match start_line(bytes.get(..first_end)?) {
            Ok(start) => start,
            Err((start, error)) => {
                fault.get_or_insert(error);
                start
            }
        };
        let mut lines = Vec::with_capacity(USUAL_LINES);
        let mut at = first_end + 2;
        let mut number = 0_u16;
        while !bytes.get(at..)?.starts_with(b"\r\n") {
            number = number.saturating_add(1);
            if lines.len() >= max_lines {
                fault.get_or_insert(Invalid::TooManyLines);
                at += memmem::find(bytes.get(at..)?, b"\r\n\r\n")? + 2;
                break;
            }
            let (end, is_whole) = match logical_end(bytes, at)? {
                Ok(end) => (end, true),
                Err(end) => (end, false),
            };
            match header_line(bytes, at, end) {
                Some(line) if is_whole => lines.push(line),
                _ => {
                    fault.get_or_insert(Invalid::Line { line: number });
                }
            }
            at = end + 2;
        }
        let len = at + 2;
        Some((Self { start, lines, len }, fault))
    }

    /// Returns the value of Content-Length, if there is one.
    pub(super) fn content_length(&self, bytes: &[u8]) -> Result<Option<usize>, Invalid> {
        let mut length = None;
        for line in self
            .lines
            .iter()
            .filter(|line| line.name == Name::ContentLength)
        {
            let digits = super::lex::number(line.value.of(bytes))
                .ok_or(Invalid::Malformed(Name::ContentLength))?;
            let value = usize::try_from(digits).unwrap_or(usize::MAX);
            if *length.get_or_insert(value) != value {
                return Err(Invalid::Repeated(Name::ContentLength));
            }
        }
        Ok(length)
    }
}

/// Returns where the CR LF of this line is, as an error when CR, LF or NUL stood alone before it; `None` without CR LF.
fn line_end(head: &[u8], from: usize) -> Option<Result<usize, usize>> {
    let mut at = from;
    let mut is_clean = true;
    loop {
        at += low_byte(head.get(at..)?)?;
        match head.get(at..)? {
            [b'\r', b'\n', ..] => return Some(if is_clean { Ok(at) } else { Err(at) }),
            [b'\r' | b'\n' | 0, ..] => is_clean = false,
            _ => {}
        }
        at += 1;
    }
}

/// The same over all lines that are folded into one.
fn logical_end(head: &[u8], from: usize) -> Option<Result<usize, usize>> {
    let mut at = from;
    let mut is_clean = true;
    loop {
        let end = match line_end(head, at)? {
            Ok(end) => end,
            Err(end) => {
                is_clean = false;
                end
            }
        };
        if !matches!(head.get(end + 2), Some(b' ' | b'\t')) {
            return Some(if is_clean { Ok(end) } else { Err(end) });
        }
        at = end + 2;
    }
}

fn header_line(head: &[u8], start: usize, end: usize) -> Option<Line> {
    let line = head.get(start..end)?;
    let colon = find_near(b':', line)?;
    let (mut spelled, after_colon) = (line.get(..colon)?, line.get(colon + 1..)?);
    while let [shorter @ .., b' ' | b'\t'] = spelled {
        spelled = shorter;
    }
    let name = Name::of(spelled);
    if name == Name::Other && !is_token(spelled) {
        return None;
    }
    let value = trim_start(after_colon);
    let value_start = end - value.len();
    Some(Line {
        start: narrow(start),
        name_end: narrow(start + spelled.len()),
        value: Span::new(value_start, value_start + trim_end(value).len()),
        end: narrow(end + 2),
        name,
    })
}

fn start_line(line: &[u8]) -> Result<Start, (Start, Invalid)> {
    if line
        .get(..4)
        .is_some_and(|word| word.eq_ignore_ascii_case(b"SIP/"))
    {
        return status_line(line);
    }
    request_line(line)
}

/// Exactly one space between the parts and none around them (RFC 3261 7.1).
fn request_line(line: &[u8]) -> Result<Start, (Start, Invalid)> {
    let method_end = Class::TOKEN.span(line);
    let token = Span::new(0, method_end);
    let method = Method::of(token.of(line));
    let fault = |error| {
        (
            Start::Request {
                method,
                token,
                uri: Span::default(),
            },
            error,
        )
    };

    let version_start = line
        .iter()
        .rposition(|byte| *byte == b' ')
        .map_or(line.len(), |space| space + 1);
    check_version(line.get(version_start..).unwrap_or_default()).map_err(fault)?;
    let uri = Span::new(method_end + 1, version_start.saturating_sub(1));
    let is_clean =
        !uri.of(line).is_empty() && uri.of(line).iter().all(|byte| (0x21..0x7f).contains(byte));
    if method_end == 0 || line.get(method_end) != Some(&b' ') || !is_clean {
        return Err(fault(Invalid::StartLine));
    }
    Ok(Start::Request { method, token, uri })
}

fn status_line(line: &[u8]) -> Result<Start, (Start, Invalid)> {
    let fault = |error| {
        (
            Start::Response {
                status: 0,
                reason: Span::default(),
            },
            error,
        )
    };
    let version_end = memchr(b' ', line).unwrap_or(line.len());
    check_version(line.get(..version_end).unwrap_or_default()).map_err(fault)?;
    let code_end = version_end + 4;
    let code = line
        .get(version_end + 1..code_end)
        .and_then(super::lex::number);
    let status = code
        .and_then(|code| u16::try_from(code).ok())
        .filter(|code| (100..700).contains(code));
    // Some senders leave out the space when the reason is empty.
    let is_cut = matches!(line.get(code_end), None | Some(b' '));
    match status {
        Some(status) if is_cut => {
            let reason_start = (code_end + 1).min(line.len());
            Ok(Start::Response {
                status,
                reason: Span::new(reason_start, line.len()),
            })
        }
        _ => Err(fault(Invalid::StartLine)),
    }
}

fn check_version(word: &[u8]) -> Result<(), Invalid> {
    let Some((name, number)) = word.split_at_checked(4) else {
        return Err(Invalid::StartLine);
    };
    if !name.eq_ignore_ascii_case(b"SIP/") {
        return Err(Invalid::StartLine);
    }
    if number == b"2.0" {
        return Ok(());
    }
    let is_number = number
        .iter()
        .all(|byte| byte.is_ascii_digit() || *byte == b'.');
    Err(if is_number && !number.is_empty() {
        Invalid::Version
    } else {
        Invalid::StartLine
    })
}

fn narrow(offset: usize) -> u16 {
    u16::try_from(offset).unwrap_or(u16::MAX)
}
