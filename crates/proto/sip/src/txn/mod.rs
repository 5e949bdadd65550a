//! Transactions: RFC 3261 17 with the corrections of RFC 6026 (INVITE) and RFC 4320 (non-INVITE).
//!
//! A transaction here is a small state machine and nothing else: it owns no message, no flow and no clock. Its owner
//! tells it what happened and carries out the [`Do`]s it answers, in order. Timers that are no longer wanted may fire:
//! a transaction ignores a timer that its state does not expect.

mod client;
mod server;

pub use client::ClientTransaction;
pub use server::ServerTransaction;

use smallvec::SmallVec;
use std::time::Duration;

/// RFC 3261 17.1.1.1: the estimate of a round trip.
pub const T1: Duration = Duration::from_millis(500);
/// RFC 3261 17.1.2.2: the longest wait between two retransmissions of a non-INVITE request.
pub const T2: Duration = Duration::from_secs(4);
/// RFC 3261 17.1.2.2: how long a message may stay in the network.
pub const T4: Duration = Duration::from_secs(5);
/// 64 * T1: how long a transaction waits for an answer (timers B, F, H, J, L, M).
pub const TIMEOUT: Duration = Duration::from_secs(32);
/// RFC 3261 17.1.1.2: timer D for unreliable transports.
pub const TIMER_D: Duration = Duration::from_secs(32);

/// The timers of a transaction, by their job; their letters in RFC 3261 table 4 and RFC 6026 depend on the kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Timer {
    /// Send again: A and E (requests), G (responses).
    Resend,
    /// Nobody answers: B and F; nobody acknowledges: H.
    GiveUp,
    /// Absorb what still comes, then end: D, I, J, K, L, M.
    Linger,
}

/// What the owner of a transaction is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Do {
    /// Send the transaction's message (again): the request of a client, the latest response of a server.
    Send,
    /// Send the ACK for the final response that just came (RFC 3261 17.1.1.3).
    Ack,
    /// Hand what just came to the transaction's user.
    Deliver,
    /// Tell the user that no answer (or no ACK) came in time.
    TimedOut,
    /// Set a timer.
    Set(Timer, Duration),
    /// The transaction is over; forget it.
    End,
}

/// What to do, in order.
pub type Steps = SmallVec<[Do; 4]>;

/// INVITE transactions differ from all others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// RFC 3261 17.1.1, 17.2.1.
    Invite,
    /// RFC 3261 17.1.2, 17.2.2.
    Other,
}

fn steps<const N: usize>(what: [Do; N]) -> Steps {
    SmallVec::from_slice(&what)
}
