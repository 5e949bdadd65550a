//! A network in memory with a clock of its own, to run machines of [`base::Machine`] against each other and against
//! clients that a test writes by hand.
//!
//! Time passes only when a test says so ([`World::run_for`], [`World::run_until`]) and jumps from event to event, so a
//! minute costs microseconds. Latency is random within bounds and follows from the seed; bytes of one direction of one
//! connection stay in order. The same seed and the same calls give the same [`World::trace`], byte for byte.
//!
//! Knows no protocol: hosts are whatever implements [`Host`].

mod host;
mod world;

pub use host::{Act, Host, Place};
pub use world::{ClientFlow, HostId, World};
