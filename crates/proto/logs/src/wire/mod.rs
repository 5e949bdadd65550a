//! The protocol between a controller and the agents, on three ports with mutual TLS (`docs/logging-protocol.md`).
//!
//! A connection carries frames. The controller sends one request, the agent answers with one frame or several and ends
//! with [`Answer::Done`] or [`Answer::Refused`]; then the next request may come. To end a search or a tail early the
//! controller closes the connection.
//!
//! ```text
//! frame = length (4 bytes, big endian, of what follows) version (1) kind (1) body (postcard)
//! ```
//!
//! Bounds: [`LONGEST_REQUEST`], [`LONGEST_ANSWER`]; a longer frame ends the connection before it is read.

mod answer;
mod frame;
mod request;

pub use answer::{AgentStatus, Answer, Done, Refused};
pub use frame::{Decoder, FrameError, Message, VERSION, encode};
pub use request::{Request, Service};

/// The longest request, in bytes after its length.
pub const LONGEST_REQUEST: usize = 64 << 10;
/// The longest answer, in bytes after its length.
pub const LONGEST_ANSWER: usize = 512 << 10;

#[cfg(test)]
pub(crate) mod tests;
