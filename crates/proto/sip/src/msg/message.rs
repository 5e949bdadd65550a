//! A message: the received bytes, and where its lines are.
//!
//! Values are taken apart when someone asks for them, from the bytes, without copying. A message holds on to the whole
//! buffer that it was received in; who keeps one for long keeps [`Message::detach`].

use std::fmt;

use bytes::Bytes;
use memchr::memmem;

use super::lex::{element_len, number, trim_end, trim_start};
use super::scan::{HEAD_MAX, Head, Line, Start};
use super::{Address, CSeq, Edit, Invalid, Limits, Method, Name, Via};

/// A request or a response, parsed once.
#[derive(Clone)]
pub struct Message {
    bytes: Bytes,
    head: Head,
}

/// One header line.
#[derive(Clone, Copy, Debug)]
pub struct Field<'m> {
    /// The number of the line, the first one after the start line being 0.
    pub index: usize,
    /// Its name.
    pub name: Name,
    /// The name as written.
    pub name_bytes: &'m [u8],
    /// The value without white space around it; line breaks of folding are inside.
    pub value: &'m [u8],
}

impl<'m> Field<'m> {
    /// Returns the value, if it is UTF-8.
    #[must_use]
    pub fn text(&self) -> Option<&'m str> {
        std::str::from_utf8(self.value).ok()
    }
}

/// One element of a comma-separated header.
#[derive(Clone, Copy, Debug)]
pub struct Element<'m> {
    /// The number of the line that it stands in.
    pub field: usize,
    /// Its bytes, without white space around them.
    pub value: &'m [u8],
    /// Where it begins in the message.
    pub(super) offset: usize,
    name: Name,
}

impl<'m> Element<'m> {
    /// Returns the element, if it is UTF-8.
    #[must_use]
    pub fn text(&self) -> Option<&'m str> {
        std::str::from_utf8(self.value).ok()
    }

    /// Takes the element apart as an address.
    ///
    /// # Errors
    /// [`Invalid::Malformed`] if it is none.
    pub fn address(&self) -> Result<Address<'m>, Invalid> {
        Address::read(self.value).ok_or(Invalid::Malformed(self.name))
    }
}

impl Message {
    /// Parses exactly one message, as it comes in a datagram: what follows the body is cut off, and without
    /// Content-Length the body is all that is there (RFC 3261 18.3).
    ///
    /// # Errors
    /// Says what is wrong with it.
    pub fn parse(bytes: Bytes, limits: &Limits) -> Result<Self, Invalid> {
        let (message, fault) = Self::parse_loosely(bytes, limits)?;
        match fault {
            None => Ok(message),
            Some(error) => Err(error),
        }
    }

    /// Returns the bytes, as received.
    #[must_use]
    pub const fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// Returns the same message in memory of its own.
    #[must_use]
    pub fn detach(&self) -> Self {
        Self {
            bytes: Bytes::copy_from_slice(&self.bytes),
            head: self.head.clone(),
        }
    }

    /// Tells whether this is a request.
    #[must_use]
    pub const fn is_request(&self) -> bool {
        matches!(self.head.start, Start::Request { .. })
    }

    /// Returns the method; of a response, the one in CSeq.
    #[must_use]
    pub fn method(&self) -> Method {
        match self.head.start {
            Start::Request { method, .. } => method,
            Start::Response { .. } => Method::of(self.method_token().as_bytes()),
        }
    }

    /// Returns the method as written; of a response, the one in CSeq, empty if that is malformed.
    #[must_use]
    pub fn method_token(&self) -> &str {
        match self.head.start {
            Start::Request { token, .. } => {
                std::str::from_utf8(token.of(&self.bytes)).unwrap_or_default()
            }
            Start::Response { .. } => self.cseq().map_or("", |cseq| cseq.method),
        }
    }

    /// Returns the Request-URI as written; empty for a response.
    #[must_use]
    pub fn uri(&self) -> &str {
        match self.head.start {
            Start::Request { uri, .. } => {
                std::str::from_utf8(uri.of(&self.bytes)).unwrap_or_default()
            }
            Start::Response { .. } => "",
        }
    }

    /// Returns the status; 0 for a request.
    #[must_use]
    pub const fn status(&self) -> u16 {
        match self.head.start {
            Start::Request { .. } => 0,
            Start::Response { status, .. } => status,
        }
    }

    /// Returns the reason phrase; empty for a request.
    #[must_use]
    pub fn reason(&self) -> &[u8] {
        match self.head.start {
            Start::Request { .. } => &[],
            Start::Response { reason, .. } => reason.of(&self.bytes),
        }
    }

    /// Returns the body.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        self.bytes.get(self.head.len..).unwrap_or_default()
    }

    /// Returns each header line in order.
    pub fn fields(&self) -> impl Iterator<Item = Field<'_>> {
        self.head
            .lines
            .iter()
            .enumerate()
            .map(|(index, line)| self.field(index, line))
    }

    /// Returns the first line of that name.
    #[must_use]
    pub fn get(&self, name: Name) -> Option<Field<'_>> {
        self.all(name).next()
    }

    /// Returns each line of that name.
    pub fn all(&self, name: Name) -> impl Iterator<Item = Field<'_>> {
        let lines = self
            .head
            .lines
            .iter()
            .enumerate()
            .filter(move |(_, line)| line.name == name);
        lines.map(|(index, line)| self.field(index, line))
    }

    /// Returns the first line whose name is spelled like this, in any case.
    #[must_use]
    pub fn named(&self, name: &str) -> Option<Field<'_>> {
        let known = Name::of(name.as_bytes());
        self.all(known).find(|field| {
            known != Name::Other || field.name_bytes.eq_ignore_ascii_case(name.as_bytes())
        })
    }

    /// Returns the value of the first line of that name, if it is UTF-8.
    #[must_use]
    pub fn text(&self, name: Name) -> Option<&str> {
        self.get(name)?.text()
    }

    /// Returns each element over all lines of that name, cut at commas outside quotes and angle brackets.
    ///
    /// Not for headers whose commas mean something else: Authorization and its kin, Date, Subject.
    pub fn elements(&self, name: Name) -> impl Iterator<Item = Element<'_>> {
        let lines = self
            .head
            .lines
            .iter()
            .enumerate()
            .filter(move |(_, line)| line.name == name);
        lines.flat_map(|(index, line)| self.elements_of(index, line))
    }

    /// Tells whether one of the header's elements is this token, in any case.
    #[must_use]
    pub fn has_token(&self, name: Name, token: &str) -> bool {
        self.elements(name)
            .any(|element| element.value.eq_ignore_ascii_case(token.as_bytes()))
    }

    /// Returns the topmost Via.
    ///
    /// # Errors
    /// [`Invalid::Missing`] or [`Invalid::Malformed`].
    pub fn via(&self) -> Result<Via<'_>, Invalid> {
        let first = self
            .elements(Name::Via)
            .next()
            .ok_or(Invalid::Missing(Name::Via))?;
        Via::parse(first.text().ok_or(Invalid::Malformed(Name::Via))?)
    }

    /// Returns the From.
    ///
    /// # Errors
    /// [`Invalid::Missing`] or [`Invalid::Malformed`].
    pub fn from(&self) -> Result<Address<'_>, Invalid> {
        self.address(Name::From)
    }

    /// Returns the To.
    ///
    /// # Errors
    /// [`Invalid::Missing`] or [`Invalid::Malformed`].
    pub fn to(&self) -> Result<Address<'_>, Invalid> {
        self.address(Name::To)
    }

    /// Returns the CSeq.
    ///
    /// # Errors
    /// [`Invalid::Missing`] or [`Invalid::Malformed`].
    pub fn cseq(&self) -> Result<CSeq<'_>, Invalid> {
        CSeq::parse(self.required(Name::CSeq)?)
    }

    /// Returns the Call-ID.
    ///
    /// # Errors
    /// [`Invalid::Missing`], or [`Invalid::Malformed`] if it is empty or holds white space.
    pub fn call_id(&self) -> Result<&str, Invalid> {
        let text = self.required(Name::CallId)?;
        // Without a way out of the loop, which the compiler then does in blocks.
        let is_word = text
            .bytes()
            .fold(true, |so_far, byte| so_far & (0x21..0x7f).contains(&byte));
        if is_word && !text.is_empty() {
            Ok(text)
        } else {
            Err(Invalid::Malformed(Name::CallId))
        }
    }

    /// Returns Max-Forwards, if there is one.
    ///
    /// # Errors
    /// [`Invalid::Malformed`] if it is not a number up to 255.
    pub fn max_forwards(&self) -> Result<Option<u8>, Invalid> {
        let number = self.number(Name::MaxForwards)?;
        number
            .map(|value| u8::try_from(value).map_err(|_| Invalid::Malformed(Name::MaxForwards)))
            .transpose()
    }

    /// Returns Expires in seconds, if there is one; what does not fit is the greatest number.
    ///
    /// # Errors
    /// [`Invalid::Malformed`] if it is not a number.
    pub fn expires(&self) -> Result<Option<u32>, Invalid> {
        let number = self.number(Name::Expires)?;
        Ok(number.map(|value| u32::try_from(value).unwrap_or(u32::MAX)))
    }

    /// Starts a change of this message.
    #[must_use]
    pub fn edit(&self) -> Edit<'_> {
        Edit::new(self)
    }

    /// Parses what can be parsed and says what could not.
    pub(super) fn parse_loosely(
        bytes: Bytes,
        limits: &Limits,
    ) -> Result<(Self, Option<Invalid>), Invalid> {
        let limit = limits.head.min(HEAD_MAX);
        let within = bytes.get(..limit).unwrap_or(&bytes);
        let Some((head, mut fault)) = Head::scan(within, limits.headers) else {
            return Err(match memmem::find(&bytes, b"\r\n\r\n") {
                Some(_) => Invalid::HeadTooLong,
                None => Invalid::NoEnd,
            });
        };
        let head_len = head.len;
        let rest = bytes.len() - head_len;
        let length = match head.content_length(&bytes) {
            Ok(length) => length.unwrap_or(rest),
            Err(error) => {
                fault.get_or_insert(error);
                rest
            }
        };
        if length > rest {
            fault.get_or_insert(Invalid::Truncated);
        } else if length > limits.body || head_len + length > limits.message {
            fault.get_or_insert(Invalid::BodyTooLong);
        }
        let bytes = bytes.slice(..head_len + length.min(rest));
        Ok((Self { bytes, head }, fault))
    }

    pub(super) const fn assemble(bytes: Bytes, head: Head) -> Self {
        Self { bytes, head }
    }

    pub(super) const fn start(&self) -> &Start {
        &self.head.start
    }

    pub(super) fn lines(&self) -> &[Line] {
        &self.head.lines
    }

    pub(super) const fn head_len(&self) -> usize {
        self.head.len
    }

    pub(super) fn elements_of(
        &self,
        index: usize,
        line: &Line,
    ) -> impl Iterator<Item = Element<'_>> + use<'_> {
        let name = line.name;
        let mut at = usize::from(line.value.start);
        let mut rest = line.value.of(&self.bytes);
        std::iter::from_fn(move || {
            while !rest.is_empty() {
                let len = element_len(rest);
                let raw = rest.get(..len).unwrap_or_default();
                let value = trim_start(raw);
                let offset = at + raw.len() - value.len();
                let value = trim_end(value);
                at += len + 1;
                rest = rest.get(len + 1..).unwrap_or_default();
                if !value.is_empty() {
                    return Some(Element {
                        field: index,
                        value,
                        offset,
                        name,
                    });
                }
            }
            None
        })
    }

    fn field(&self, index: usize, line: &Line) -> Field<'_> {
        let name_bytes = self
            .bytes
            .get(usize::from(line.start)..usize::from(line.name_end));
        Field {
            index,
            name: line.name,
            name_bytes: name_bytes.unwrap_or_default(),
            value: line.value.of(&self.bytes),
        }
    }

    fn required(&self, name: Name) -> Result<&str, Invalid> {
        self.get(name)
            .ok_or(Invalid::Missing(name))?
            .text()
            .ok_or(Invalid::Malformed(name))
    }

    fn address(&self, name: Name) -> Result<Address<'_>, Invalid> {
        let field = self.get(name).ok_or(Invalid::Missing(name))?;
        Address::read(field.value).ok_or(Invalid::Malformed(name))
    }

    pub(super) fn number(&self, name: Name) -> Result<Option<u64>, Invalid> {
        self.get(name)
            .map(|field| number(field.value).ok_or(Invalid::Malformed(name)))
            .transpose()
    }
}

/// Shows the start line only: headers may hold credentials.
impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let end = memmem::find(&self.bytes, b"\r\n").unwrap_or(self.bytes.len());
        let line = self.bytes.get(..end).unwrap_or_default();
        write!(
            f,
            "Message({:?}, {} bytes)",
            String::from_utf8_lossy(line),
            self.bytes.len()
        )
    }
}
