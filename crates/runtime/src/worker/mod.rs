//! Workers: each one thread with its own event loop, listeners, connections and machine.
//!
//! ```text
//!            accept, connect            Event                 Action -> Effect
//!  network <---------------> flow task -------> Machine::handle ------------> flow's out buffer -> flush
//!                                                  ^    ^
//!                            Mailbox (other threads)    ticker (Step::Wait)
//! ```
//!
//! The machine is called from the task that read the bytes; its actions are drained at once, what they send is gathered
//! per flow and written by the flusher when the tasks that are ready have run. Nothing on that path crosses a channel.
//! Effects for a flow of another worker travel by that worker's mailbox.
//!
//! Invariants:
//! - The machine hears [`base::net::Event::Opened`] once per flow, then `Received`, then `Closed` once; `Opened` comes
//!   after the peer's identity is settled, so a connection that fails its handshake is never heard of.
//! - Names of flows are never used again.
//! - A peer that does not read stops nobody: writing never waits, and what it leaves unread is bounded.
//! - A worker in which anything panics ends with all its flows, and [`Workers::has_failed`] says so: its machine may be
//!   half-way through a change.
//!
//! Bounds are in [`Limits`]. Over UDP a flow is a pair of addresses (`datagrams`), and there is nothing to flush.

mod accept;
mod datagrams;
mod dial;
mod flow;
mod gate;
mod hub;
mod limits;
mod listen;
mod mailbox;
mod net;
mod refusal;
mod start;
mod stats;
mod ticker;
mod told;
mod udp;
mod wire;

use base::Machine;
use base::net::{Effect, Event};

pub use gate::Doorman;
pub use limits::Limits;
pub use listen::{Bound, Listener, Security};
pub use mailbox::{Full, Mailbox};
pub use start::{Drained, Origin, Seat, Setup, Workers, start};
pub use stats::{Kind, Snapshot};
pub use udp::{BoundUdp, UdpListener};

/// What a plug's machine takes in.
pub type Input<P> = <<P as Plug>::Machine as Machine>::Input;
/// What a plug's machine asks for.
pub type Action<P> = <<P as Plug>::Machine as Machine>::Action;

/// Fits a machine to the network: says how it hears events, and which of its actions are for the network.
pub trait Plug: 'static {
    /// The machine that is driven.
    type Machine: Machine<Input: Send + 'static> + 'static;

    /// Wraps what the network brings.
    fn input(&mut self, event: Event) -> Input<Self>;

    /// Returns what the network must do, or `None` if the plug dealt with the action itself. An answer to such an
    /// action comes back through the [`Mailbox`].
    fn act(&mut self, action: Action<Self>) -> Option<Effect>;

    /// Tells whether the machine has finished what it began; a drain waits for this before it closes the flows.
    fn is_quiet(&self, machine: &Self::Machine) -> bool {
        let _ = machine;
        true
    }
}
