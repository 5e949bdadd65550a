//! Messages of our own: answers, and requests made from nothing.
//!
//! An answer copies what RFC 3261 8.2.6.2 names from the request, as it was written. Content-Length is always there.

use std::fmt;
use std::net::SocketAddr;

use bytes::{BufMut as _, Bytes, BytesMut};
use smallvec::SmallVec;

use super::text::{Text, Texts, each_digit};
use super::{Address, Message, Name, Via, reason_phrase};

/// An answer to a request.
#[derive(Clone, Debug)]
pub struct Reply<'m> {
    request: &'m Message,
    status: u16,
    reason: Option<Text>,
    to_tag: Option<Text>,
    source: Option<SocketAddr>,
    has_record_route: bool,
    rest: Rest,
}

impl<'m> Reply<'m> {
    /// Starts an answer: all Via, From, To, Call-ID and CSeq of the request, and of a 100 also Timestamp.
    #[must_use]
    pub fn to(request: &'m Message, status: u16) -> Self {
        let rest = Rest::default();
        Self {
            request,
            status,
            reason: None,
            to_tag: None,
            source: None,
            has_record_route: false,
            rest,
        }
    }

    /// Returns the status.
    #[must_use]
    pub const fn status(&self) -> u16 {
        self.status
    }

    /// Puts another reason phrase than the usual one.
    #[must_use]
    pub fn reason(mut self, reason: &str) -> Self {
        self.reason = Some(self.rest.texts.add_str(reason));
        self
    }

    /// Adds a tag to To, unless it has one or the status is 100.
    #[must_use]
    pub fn to_tag(mut self, tag: &str) -> Self {
        self.to_tag = Some(self.rest.texts.add_str(tag));
        self
    }

    /// Notes where the request came from in the topmost Via (RFC 3261 18.2.1, RFC 3581 4).
    #[must_use]
    pub const fn received(mut self, source: SocketAddr) -> Self {
        self.source = Some(source);
        self
    }

    /// Copies Record-Route too, as an answer that makes a dialog must (RFC 3261 12.1.1).
    #[must_use]
    pub const fn record_route(mut self) -> Self {
        self.has_record_route = true;
        self
    }

    /// Adds a header line.
    #[must_use]
    pub fn header(self, name: Name, value: impl fmt::Display) -> Self {
        self.header_named(name.as_str(), value)
    }

    /// Adds a header line with any name.
    #[must_use]
    pub fn header_named(mut self, name: &str, value: impl fmt::Display) -> Self {
        self.rest.header(name, value);
        self
    }

    /// Adds a body.
    #[must_use]
    pub fn body(mut self, content_type: &str, body: Bytes) -> Self {
        self.rest.body(content_type, body);
        self
    }

    /// Writes the answer.
    #[must_use]
    pub fn write(&self) -> Bytes {
        let mut out = BytesMut::with_capacity(self.request.head_len() + self.rest.len() + 64);
        out.extend_from_slice(b"SIP/2.0 ");
        put_number(&mut out, self.status.into());
        out.extend_from_slice(b" ");
        match self.reason {
            Some(reason) => out.extend_from_slice(self.rest.texts.get(reason)),
            None => out.extend_from_slice(reason_phrase(self.status).as_bytes()),
        }
        out.extend_from_slice(b"\r\n");
        self.put_copies(&mut out);
        self.rest.put(&mut out);
        out.freeze()
    }

    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "an answer copies a few headers, however many there are"
    )]
    fn put_copies(&self, out: &mut BytesMut) {
        let mut is_top = true;
        for field in self.request.fields() {
            match field.name {
                Name::Via => {
                    self.put_via(out, field.value, is_top);
                    is_top = false;
                }
                Name::To => {
                    put_line_start(out, Name::To);
                    out.extend_from_slice(field.value);
                    self.put_to_tag(out, field.value);
                    out.extend_from_slice(b"\r\n");
                }
                Name::From | Name::CallId | Name::CSeq => put_line(out, field.name, field.value),
                Name::RecordRoute if self.has_record_route => {
                    put_line(out, field.name, field.value)
                }
                Name::Timestamp if self.status == 100 => put_line(out, field.name, field.value),
                _ => {}
            }
        }
    }

    fn put_via(&self, out: &mut BytesMut, value: &[u8], is_top: bool) {
        let noted = self.source.filter(|_| is_top).and_then(|source| {
            let first = self.request.elements(Name::Via).next()?;
            let noted = Via::parse(first.text()?).ok()?.noted(source)?;
            Some((noted, first))
        });
        let Some((noted, first)) = noted else {
            put_line(out, Name::Via, value);
            return;
        };
        put_line_start(out, Name::Via);
        out.extend_from_slice(noted.as_bytes());
        out.extend_from_slice(value.get(first.value.len()..).unwrap_or_default());
        out.extend_from_slice(b"\r\n");
    }

    fn put_to_tag(&self, out: &mut BytesMut, to: &[u8]) {
        let Some(tag) = self.to_tag.filter(|_| self.status > 100) else {
            return;
        };
        if Address::read(to).is_some_and(|to| to.tag().is_none()) {
            out.extend_from_slice(b";tag=");
            out.extend_from_slice(self.rest.texts.get(tag));
        }
    }
}

/// A request made from nothing.
#[derive(Clone, Debug)]
pub struct Compose {
    method: Text,
    uri: Text,
    rest: Rest,
}

impl Compose {
    /// Starts a request; its headers follow in the order in which they are added.
    #[must_use]
    pub fn request(method: &str, uri: &str) -> Self {
        let mut rest = Rest::default();
        let (method, uri) = (rest.texts.add_str(method), rest.texts.add_str(uri));
        Self { method, uri, rest }
    }

    /// Adds a header line.
    #[must_use]
    pub fn header(self, name: Name, value: impl fmt::Display) -> Self {
        self.header_named(name.as_str(), value)
    }

    /// Adds a header line with any name.
    #[must_use]
    pub fn header_named(mut self, name: &str, value: impl fmt::Display) -> Self {
        self.rest.header(name, value);
        self
    }

    /// Adds a body.
    #[must_use]
    pub fn body(mut self, content_type: &str, body: Bytes) -> Self {
        self.rest.body(content_type, body);
        self
    }

    /// Writes the request.
    #[must_use]
    pub fn write(&self) -> Bytes {
        let mut out = BytesMut::with_capacity(self.rest.len() + 64);
        for part in [
            self.rest.texts.get(self.method),
            b" ",
            self.rest.texts.get(self.uri),
            b" SIP/2.0\r\n",
        ] {
            out.extend_from_slice(part);
        }
        self.rest.put(&mut out);
        out.freeze()
    }
}

/// Header lines and a body that were added.
#[derive(Clone, Debug, Default)]
struct Rest {
    texts: Texts,
    lines: SmallVec<[(Text, Text); 8]>,
    body: Bytes,
}

impl Rest {
    fn header(&mut self, name: &str, value: impl fmt::Display) {
        let line = (self.texts.add_str(name), self.texts.add(value));
        self.lines.push(line);
    }

    fn body(&mut self, content_type: &str, body: Bytes) {
        self.header(Name::ContentType.as_str(), content_type);
        self.body = body;
    }

    fn len(&self) -> usize {
        self.texts.len() + self.lines.len() * 4 + self.body.len() + 32
    }

    fn put(&self, out: &mut BytesMut) {
        for (name, value) in &self.lines {
            for part in [
                self.texts.get(*name),
                b": ",
                self.texts.get(*value),
                b"\r\n",
            ] {
                out.extend_from_slice(part);
            }
        }
        put_line_start(out, Name::ContentLength);
        put_number(out, self.body.len() as u64);
        out.extend_from_slice(b"\r\n\r\n");
        out.extend_from_slice(&self.body);
    }
}

fn put_line(out: &mut BytesMut, name: Name, value: &[u8]) {
    put_line_start(out, name);
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

fn put_line_start(out: &mut BytesMut, name: Name) {
    out.extend_from_slice(name.as_str().as_bytes());
    out.extend_from_slice(b": ");
}

fn put_number(out: &mut BytesMut, number: u64) {
    each_digit(number, &mut |digit| out.put_u8(digit));
}
