//! Messages out of a byte stream, and out of datagrams.
//!
//! States of a [`Framer`]: between messages (keep-alives are taken here), in the start line (is this SIP at all?), in
//! the head (looking for the blank line), in the body (waiting for Content-Length bytes), and dead after a fault that
//! loses the boundary to the next message. A head that came whole is read in one pass; one that did not is read anew
//! when its blank line has come, so a byte is looked at three times at most, however the stream was cut. A message that arrived in one piece is a slice of that piece; what must wait for more is copied
//! out, so a slow sender does not hold receive buffers.
//!
//! Implements RFC 3261 18.3: on a stream Content-Length is required. Keep-alive is RFC 5626 3.5.1; a line end by itself
//! is reported at once, and if another follows directly the two are reported as a ping as well.
//!
//! Bounds: at most [`Limits::head`] bytes wait for a blank line and at most head and body for a message; an empty framer
//! owns no memory.

use std::fmt;

use bytes::{Bytes, BytesMut};
use memchr::{memchr, memmem};

use super::lex::Class;
use super::scan::{HEAD_MAX, Head};
use super::{FrameError, Invalid, Limits, Message, Name, Reply};

/// What a stream or a datagram brings.
#[derive(Clone, Debug)]
pub enum Frame {
    /// Two line ends: the peer wants one back (RFC 5626 3.5.1).
    Ping,
    /// One line end: the answer to a ping, or nothing.
    Pong,
    /// A message.
    Message(Message),
    /// A message that cannot be used.
    Garbled {
        /// What is wrong with it.
        error: Invalid,
        /// The answer, if it is a request other than ACK and what an answer needs could be read.
        reply: Option<Bytes>,
        /// Whether the place of the next message is lost: send the answer, then close.
        fatal: bool,
    },
}

/// Takes messages out of one connection's byte stream.
#[derive(Default)]
pub struct Framer {
    held: Held,
    /// How many bytes of the head were searched for its end.
    searched: usize,
    is_first_line_known: bool,
    /// The last frame was a line end with nothing behind it.
    is_half_ping: bool,
    is_dead: bool,
    body: Option<Box<Waiting>>,
}

struct Waiting {
    head: Head,
    fault: Option<Invalid>,
    total: usize,
}

/// A head with its first fault.
type Read = (Head, Option<Invalid>);

#[derive(Default)]
enum Held {
    #[default]
    Nothing,
    /// What was received, not copied.
    Received(Bytes),
    /// What waits for more.
    Copied(BytesMut),
}

impl Framer {
    /// Makes one for a new connection.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes in what was received; call [`next`](Self::next) until it has nothing more.
    pub fn push(&mut self, bytes: Bytes) {
        if self.is_dead || bytes.is_empty() {
            return;
        }
        self.held = match std::mem::take(&mut self.held) {
            Held::Nothing => Held::Received(bytes),
            Held::Received(before) => Held::Copied(joined(&before, &bytes)),
            Held::Copied(mut all) => {
                all.extend_from_slice(&bytes);
                Held::Copied(all)
            }
        };
    }

    /// Returns the next frame, or `None` until more is pushed.
    ///
    /// # Errors
    /// The connection must be closed. Nothing comes out of this framer any more.
    pub fn next(&mut self, limits: &Limits) -> Result<Option<Frame>, FrameError> {
        if self.is_dead {
            return Ok(None);
        }
        let frame = self.step(limits);
        match &frame {
            Err(_) | Ok(Some(Frame::Garbled { fatal: true, .. })) => {
                *self = Self {
                    is_dead: true,
                    ..Self::default()
                };
            }
            Ok(None) => self.held.keep(),
            Ok(Some(_)) => {}
        }
        frame
    }

    /// Tells whether nothing waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.pending() == 0
    }

    /// Returns how many bytes wait for the rest of their message.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.held.bytes().len()
    }

    fn step(&mut self, limits: &Limits) -> Result<Option<Frame>, FrameError> {
        if self.body.is_none() {
            if self.searched == 0
                && let Some(frame) = self.keep_alive()?
            {
                return Ok(Some(frame));
            }
            return match self.read_head(limits)? {
                None => Ok(None),
                Some((head, fault)) => Ok(self.begin_message(head, fault, limits)),
            };
        }
        let held = self.held.bytes().len();
        let whole = self.body.take_if(|waiting| waiting.total <= held);
        Ok(whole.map(|waiting| self.take_message(*waiting)))
    }

    /// Takes line ends before a message. `Ok(None)` if there is none, or if its second half has not come yet.
    fn keep_alive(&mut self) -> Result<Option<Frame>, FrameError> {
        let (frame, len) = match self.held.bytes() {
            [b'\r', b'\n', b'\r', b'\n', ..] if !self.is_half_ping => (Frame::Ping, 4),
            [b'\r', b'\n', b'\r'] if !self.is_half_ping => return Ok(None),
            [b'\r', b'\n', ..] if self.is_half_ping => (Frame::Ping, 2),
            [b'\r', b'\n', ..] => (Frame::Pong, 2),
            [b'\r'] | [] => return Ok(None),
            [b'\r', ..] => return Err(FrameError::NotSip),
            _ => {
                self.is_half_ping = false;
                return Ok(None);
            }
        };
        self.held.take(len);
        self.is_half_ping = matches!(frame, Frame::Pong) && self.held.bytes().is_empty();
        Ok(Some(frame))
    }

    /// Reads the head once its blank line is there.
    fn read_head(&mut self, limits: &Limits) -> Result<Option<Read>, FrameError> {
        let bytes = self.held.bytes();
        let limit = limits.head.min(HEAD_MAX);
        let within = bytes.get(..limit).unwrap_or(bytes);
        if self.is_first_line_known {
            // The head did not end in what came before: only what is new can hold its end.
            let from = self.searched.saturating_sub(3);
            let fresh = within.get(from..).unwrap_or_default();
            if memmem::find(fresh, b"\r\n\r\n").is_none() {
                return self.wait_for_head(limit);
            }
        } else {
            match bytes.first() {
                None | Some(b'\r') => return Ok(None),
                Some(first) => sniff(*first)?,
            }
            // A line end beyond the limit is none, so that the verdict does not depend on how the stream was cut.
            let Some(end) = memchr(b'\n', within.get(self.searched..).unwrap_or_default()) else {
                return self.wait_for_head(limit);
            };
            check_first_line(within.get(..self.searched + end).unwrap_or_default())?;
            self.is_first_line_known = true;
        }
        match Head::scan(within, limits.headers) {
            None => self.wait_for_head(limit),
            read => Ok(read),
        }
    }

    fn wait_for_head(&mut self, limit: usize) -> Result<Option<Read>, FrameError> {
        self.searched = self.held.bytes().len();
        if self.searched > limit {
            Err(FrameError::HeadTooLong)
        } else {
            Ok(None)
        }
    }

    /// Takes the message whose head this is, or waits for its body; reports a length that cannot be known or is too
    /// much.
    fn begin_message(
        &mut self,
        head: Head,
        fault: Option<Invalid>,
        limits: &Limits,
    ) -> Option<Frame> {
        let length = match head.content_length(self.held.bytes()) {
            Ok(Some(length)) if length > limits.body || head.len + length > limits.message => {
                Err(Invalid::BodyTooLong)
            }
            Ok(Some(length)) => Ok(length),
            Ok(None) => Err(Invalid::Missing(Name::ContentLength)),
            Err(error) => Err(error),
        };
        match length {
            Ok(length) => {
                let total = head.len + length;
                let waiting = Waiting { head, fault, total };
                if total <= self.held.bytes().len() {
                    return Some(self.take_message(waiting));
                }
                self.body = Some(Box::new(waiting));
                None
            }
            Err(error) => {
                let message = Message::assemble(self.held.take(head.len), head);
                Some(garbled(&message, fault.unwrap_or(error), true))
            }
        }
    }

    fn take_message(&mut self, waiting: Waiting) -> Frame {
        let message = Message::assemble(self.held.take(waiting.total), waiting.head);
        self.searched = 0;
        self.is_first_line_known = false;
        self.is_half_ping = false;
        match waiting.fault {
            None => Frame::Message(message),
            Some(error) => garbled(&message, error, false),
        }
    }
}

/// Shows no bytes: headers may hold credentials.
impl fmt::Debug for Framer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Framer")
            .field("pending", &self.pending())
            .field("is_dead", &self.is_dead)
            .finish()
    }
}

/// Reads a datagram: one message, or a keep-alive.
///
/// # Errors
/// It is not SIP: drop it.
pub fn datagram(bytes: Bytes, limits: &Limits) -> Result<Frame, FrameError> {
    let start = bytes
        .iter()
        .take_while(|byte| matches!(byte, b'\r' | b'\n' | 0))
        .count();
    if start == bytes.len() {
        return Ok(if bytes.starts_with(b"\r\n\r\n") {
            Frame::Ping
        } else {
            Frame::Pong
        });
    }
    let bytes = bytes.slice(start..);
    sniff(bytes.first().copied().unwrap_or_default())?;
    check_first_line(
        bytes
            .split(|byte| *byte == b'\n')
            .next()
            .unwrap_or_default(),
    )?;
    Ok(match Message::parse_loosely(bytes, limits) {
        Ok((message, None)) => Frame::Message(message),
        Ok((message, Some(error))) => garbled(&message, error, false),
        Err(error) => Frame::Garbled {
            error,
            reply: None,
            fatal: false,
        },
    })
}

impl Held {
    fn bytes(&self) -> &[u8] {
        match self {
            Self::Nothing => &[],
            Self::Received(bytes) => bytes,
            Self::Copied(bytes) => bytes,
        }
    }

    /// Takes bytes from the beginning, at most what is there; the last ones take the memory with them.
    fn take(&mut self, len: usize) -> Bytes {
        let len = len.min(self.bytes().len());
        let taken = match self {
            Self::Nothing => Bytes::new(),
            Self::Received(bytes) => bytes.split_to(len),
            Self::Copied(bytes) => bytes.split_to(len).freeze(),
        };
        if self.bytes().is_empty() {
            *self = Self::Nothing;
        }
        taken
    }

    /// Copies what waits out of the buffer that it was received in.
    fn keep(&mut self) {
        if let Self::Received(bytes) = self {
            *self = Self::Copied(joined(bytes, &[]));
        }
    }
}

fn joined(one: &[u8], other: &[u8]) -> BytesMut {
    let mut all = BytesMut::with_capacity(one.len() + other.len());
    all.extend_from_slice(one);
    all.extend_from_slice(other);
    all
}

/// The first byte tells a TLS record from SIP.
fn sniff(first: u8) -> Result<(), FrameError> {
    const TLS_HANDSHAKE: u8 = 22;
    match first {
        TLS_HANDSHAKE => Err(FrameError::Tls),
        first if Class::TOKEN.has(first) => Ok(()),
        _ => Err(FrameError::NotSip),
    }
}

/// A line of SIP begins or ends with a version of SIP, whichever; what else is wrong with it is found by the parser.
fn check_first_line(line: &[u8]) -> Result<(), FrameError> {
    let has = |word: &[u8]| {
        line.windows(word.len())
            .any(|window| window.eq_ignore_ascii_case(word))
    };
    if line.ends_with(b" SIP/2.0\r") || (line.ends_with(b"\r") && has(b"SIP/")) {
        Ok(())
    } else if has(b"HTTP/") {
        Err(FrameError::Http)
    } else {
        Err(FrameError::NotSip)
    }
}

fn garbled(message: &Message, error: Invalid, fatal: bool) -> Frame {
    Frame::Garbled {
        error,
        reply: answer(message, error),
        fatal,
    }
}

/// Answers a request whose parts for an answer could be read (RFC 3261 8.2.6.2); nothing for ACK and responses. Who
/// speaks another version says so in Via too, and is told.
fn answer(message: &Message, error: Invalid) -> Option<Bytes> {
    let is_answerable = message.is_request()
        && message.method_token() != "ACK"
        && (message.via().is_ok() || error == Invalid::Version)
        && [Name::From, Name::To, Name::CallId, Name::CSeq]
            .iter()
            .all(|name| message.get(*name).is_some());
    is_answerable.then(|| Reply::to(message, error.status()).to_tag("garbled").write())
}
