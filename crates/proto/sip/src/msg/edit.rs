//! Changes of a message, kept beside it until it is written.
//!
//! Each call notes what shall be different. [`Edit::write`] turns the notes into cuts and insertions, sorts them by
//! place and copies everything between them as it is. The order of calls matters only for calls about the same header:
//! a later push stands above an earlier one, a later append below, a later set replaces an earlier one.

use std::cmp::Reverse;
use std::fmt;

use bytes::{Bytes, BytesMut};
use smallvec::SmallVec;

use super::scan::{Line, Start};
use super::text::{Text, Texts};
use super::{Element, Message, Name};

/// Most forwarded messages change fewer places than this.
const USUAL_CHANGES: usize = 8;

/// Changes of one message.
#[derive(Clone, Debug)]
pub struct Edit<'m> {
    message: &'m Message,
    changes: SmallVec<[Change; USUAL_CHANGES]>,
    texts: Texts,
}

#[derive(Clone, Copy, Debug)]
enum Change {
    Uri(Text),
    Push(Name, Text),
    Append(Text, Text),
    Set(Name, Text),
    Remove(Name),
    Pop(Name, usize),
    Replace {
        start: usize,
        end: usize,
        text: Text,
    },
}

/// A cut or an insertion; `start == end` inserts.
#[derive(Clone, Copy)]
struct Splice {
    start: usize,
    end: usize,
    put: Put,
}

#[derive(Clone, Copy)]
enum Put {
    Nothing,
    Text(Text),
    Line(Name, Text),
    NamedLine(Text, Text),
}

impl<'m> Edit<'m> {
    pub(super) fn new(message: &'m Message) -> Self {
        Self {
            message,
            changes: SmallVec::new(),
            texts: Texts::default(),
        }
    }

    /// Puts another Request-URI; no effect on a response.
    pub fn uri(&mut self, uri: impl fmt::Display) -> &mut Self {
        let text = self.texts.add(uri);
        self.changes
            .retain(|change| !matches!(change, Change::Uri(_)));
        self.change(Change::Uri(text))
    }

    /// Puts a line above the first line of that name, or directly below the start line if there is none.
    pub fn push(&mut self, name: Name, value: impl fmt::Display) -> &mut Self {
        let text = self.texts.add(value);
        self.change(Change::Push(name, text))
    }

    /// Puts a line below the last header line.
    pub fn append(&mut self, name: Name, value: impl fmt::Display) -> &mut Self {
        self.append_named(name.as_str(), value)
    }

    /// Puts a line with any name below the last header line.
    pub fn append_named(&mut self, name: &str, value: impl fmt::Display) -> &mut Self {
        let (name, text) = (self.texts.add_str(name), self.texts.add(value));
        self.change(Change::Append(name, text))
    }

    /// Replaces the value of the first line of that name and removes its further lines; appends if there is none.
    pub fn set(&mut self, name: Name, value: impl fmt::Display) -> &mut Self {
        let text = self.texts.add(value);
        self.forget(name);
        self.change(Change::Set(name, text))
    }

    /// Removes all lines of that name.
    pub fn remove(&mut self, name: Name) -> &mut Self {
        self.forget(name);
        self.change(Change::Remove(name))
    }

    /// Removes the first element of that name, with its line if it stands alone; again, the next one.
    pub fn pop(&mut self, name: Name) -> &mut Self {
        for change in &mut self.changes {
            if let Change::Pop(own, count) = change
                && *own == name
            {
                *count += 1;
                return self;
            }
        }
        self.change(Change::Pop(name, 1))
    }

    /// Puts something else for exactly the bytes of this element, which must be one of this message.
    pub fn replace(&mut self, element: &Element<'_>, value: impl fmt::Display) -> &mut Self {
        let text = self.texts.add(value);
        let (start, end) = (element.offset, element.offset + element.value.len());
        self.change(Change::Replace { start, end, text })
    }

    /// Writes the changed message.
    #[must_use]
    pub fn write(&self) -> Bytes {
        if self.changes.is_empty() {
            return self.message.bytes().clone();
        }
        let mut out = BytesMut::new();
        self.write_to(&mut out);
        out.freeze()
    }

    /// Writes the changed message behind what is there.
    pub fn write_to(&self, out: &mut BytesMut) {
        /// More than the longest name of the table with colon, space and line end.
        const LINE_EXTRA: usize = 32;
        let source: &[u8] = self.message.bytes();
        out.reserve(source.len() + self.texts.len() + self.changes.len() * LINE_EXTRA);
        let mut at = 0;
        for splice in self.splices() {
            if splice.start < at {
                continue;
            }
            out.extend_from_slice(source.get(at..splice.start).unwrap_or_default());
            self.put(out, splice.put);
            at = splice.end;
        }
        out.extend_from_slice(source.get(at..).unwrap_or_default());
    }

    fn change(&mut self, change: Change) -> &mut Self {
        self.changes.push(change);
        self
    }

    /// Drops earlier notes that a set or remove makes void.
    fn forget(&mut self, name: Name) {
        self.changes.retain(|change| {
            !matches!(change, Change::Set(own, _) | Change::Remove(own) | Change::Pop(own, _) if *own == name)
        });
    }

    fn put(&self, out: &mut BytesMut, put: Put) {
        let (name, value) = match put {
            Put::Nothing => return,
            Put::Text(text) => {
                out.extend_from_slice(self.texts.get(text));
                return;
            }
            Put::Line(name, value) => (name.as_str().as_bytes(), value),
            Put::NamedLine(name, value) => (self.texts.get(name), value),
        };
        if !name.is_empty() {
            for part in [name, b": ", self.texts.get(value), b"\r\n"] {
                out.extend_from_slice(part);
            }
        }
    }

    /// Orders by place; at one place insertions come first, the latest push on top, then the longest cut.
    fn splices(&self) -> SmallVec<[Splice; USUAL_CHANGES]> {
        let mut splices = SmallVec::new();
        let pushes_first = self
            .changes
            .iter()
            .rev()
            .filter(|change| matches!(change, Change::Push(..)));
        let others = self
            .changes
            .iter()
            .filter(|change| !matches!(change, Change::Push(..)));
        for change in pushes_first.chain(others) {
            self.resolve(*change, &mut splices);
        }
        splices.sort_by_key(|splice| {
            (
                splice.start,
                splice.end != splice.start,
                Reverse(splice.end),
            )
        });
        splices
    }

    fn resolve(&self, change: Change, splices: &mut SmallVec<[Splice; USUAL_CHANGES]>) {
        let last = self.message.head_len().saturating_sub(2);
        let lines = |name| {
            self.message
                .lines()
                .iter()
                .filter(move |line| line.name == name)
        };
        let mut splice = |start, end, put| splices.push(Splice { start, end, put });
        match change {
            Change::Uri(text) => {
                if let Start::Request { uri, .. } = self.message.start() {
                    splice(uri.range().start, uri.range().end, Put::Text(text));
                }
            }
            Change::Push(name, text) => {
                let place = lines(name)
                    .next()
                    .map_or_else(|| self.first_line(), |line| usize::from(line.start));
                splice(place, place, Put::Line(name, text));
            }
            Change::Append(name, text) => splice(last, last, Put::NamedLine(name, text)),
            Change::Set(name, text) => {
                let mut lines = lines(name);
                match lines.next() {
                    Some(first) => {
                        let value = first.value.range();
                        splice(value.start, value.end, Put::Text(text));
                    }
                    None => splice(last, last, Put::Line(name, text)),
                }
                lines.for_each(|line| splice(line.start.into(), line.end.into(), Put::Nothing));
            }
            Change::Remove(name) => {
                lines(name)
                    .for_each(|line| splice(line.start.into(), line.end.into(), Put::Nothing));
            }
            Change::Pop(name, mut count) => {
                for line in lines(name) {
                    let (end, popped) = self.pop_from(line, count);
                    let start = if end == usize::from(line.end) {
                        line.start
                    } else {
                        line.value.start
                    };
                    splice(start.into(), end, Put::Nothing);
                    count = count.saturating_sub(popped);
                    if count == 0 {
                        break;
                    }
                }
            }
            Change::Replace { start, end, text } => splice(start, end, Put::Text(text)),
        }
    }

    /// Returns up to where `count` elements reach, and how many of them this line has.
    fn pop_from(&self, line: &Line, count: usize) -> (usize, usize) {
        let mut popped = 0;
        for element in self.message.elements_of(0, line) {
            if popped == count {
                return (element.offset, popped);
            }
            popped += 1;
        }
        (line.end.into(), popped)
    }

    fn first_line(&self) -> usize {
        let first = self
            .message
            .lines()
            .first()
            .map(|line| usize::from(line.start));
        first.unwrap_or_else(|| self.message.head_len().saturating_sub(2))
    }
}
