//! SIP messages: framing, parsing, reading and changing them without copying.
//!
//! Useful for taking messages out of a byte stream ([`Framer`]) or a datagram ([`datagram`]), reading them
//! ([`Message`]), sending them on with changes ([`Edit`]), answering them ([`Reply`]) and making new ones
//! ([`Compose`]). Not for deciding anything: routes, transactions and credentials live elsewhere.
//!
//! A message is one immutable buffer and a list of offsets. Known headers are named by a table ([`Name`]) and taken
//! apart on demand; what nobody asks for is never looked at, and what nobody changes leaves as it came, bytes that are
//! not UTF-8 included.
//!
//! Two depths of checking: a [`Message`] has a sound start line and sound header lines; [`Message::check`] then looks
//! at what every element must look at before it acts (RFC 3261 8.2, 16.3). Both name the fault as [`Invalid`], which
//! knows the status to answer.
//!
//! Implements RFC 3261 7, 8.2.6, 18.3, 19.1, 20 and 25, RFC 3581 (values), RFC 5626 3.5.1 (keep-alive). Multi-line
//! header folding is accepted and kept. Bounds are in [`Limits`].
#![warn(clippy::expect_used, clippy::indexing_slicing)]

mod address;
mod check;
mod edit;
mod frame;
mod invalid;
pub(crate) mod lex;
mod message;
mod method;
mod name;
mod reply;
mod scan;
mod status;
mod text;
mod uri;
mod value;
mod via;

#[cfg(test)]
mod tests;

pub use address::Address;
pub use check::{Parts, Party};
pub use edit::Edit;
pub use frame::{Frame, Framer, datagram};
pub use invalid::{FrameError, Invalid};
pub use lex::Params;
pub use message::{Element, Field, Message};
pub use method::Method;
pub use name::Name;
pub use reply::{Compose, Reply};
pub use status::reason_phrase;
pub(crate) use text::{push_hex, push_number};
pub use uri::{Scheme, Uri};
pub use value::{
    DialogId, Event, MediaRange, MediaType, Privacy, RAck, Reason, Refresher, RetryAfter,
    SessionExpires, SubscriptionState, Substate, Timestamp, Warning, date, unix_seconds,
};
pub use via::{CSeq, Via};

/// How large messages may be. What is larger is answered 413 or 513, or its connection is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the start line and the header lines, at most 65,535. Heads of real calls stay below 8 KiB.
    pub head: usize,
    /// Header lines.
    pub headers: usize,
    /// Bytes of the body.
    pub body: usize,
    /// Bytes of head and body together.
    pub message: usize,
}

impl Limits {
    /// For clients: a head of 16 KiB with 128 lines and a body of 128 KiB.
    pub const CLIENT: Self = Self {
        head: 16 << 10,
        headers: 128,
        body: 128 << 10,
        message: 144 << 10,
    };
    /// For servers of the topology: a head of 32 KiB with 256 lines, since hops add lines, and a body of 5,000 KiB.
    pub const SERVER: Self = Self {
        head: 32 << 10,
        headers: 256,
        body: 5_000 << 10,
        message: 5_032 << 10,
    };
}

impl Default for Limits {
    fn default() -> Self {
        Self::CLIENT
    }
}
