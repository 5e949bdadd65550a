//! What several cores share and no protocol owns: the machine contract, time, timers, peers and flows.
//!
//! Nothing here knows SIP, DNS, HTTP or the topology file. A type is admitted when at least two cores need it.
//!
//! The contract ([`Machine`]) in one paragraph: a core is a deterministic state machine. Its owner makes one change
//! ([`Machine::handle`] or [`Machine::tick`]), then calls [`Machine::poll`] until it answers [`Step::Wait`], then
//! makes the next change. Time enters as [`Now`], randomness as a seed at construction, the network as [`net::Event`]
//! and leaves as [`net::Effect`]. Same seed and same inputs give the same outputs, byte for byte.

pub mod health;
mod machine;
pub mod net;
pub mod numbered;
pub mod random;
mod source;
mod time;
pub mod timers;
mod valve;

pub use machine::{Machine, Step};
pub use source::Source;
pub use time::{Mono, Now, UnixMillis};
pub use valve::Valve;
