//! What a host of the simulated network is.

use std::net::SocketAddr;
use std::time::Duration;

use base::net::{Effect, Event, Face, Peer};
use base::{Machine, Now};

/// What becomes of a machine's action.
pub enum Act<I> {
    /// The network carries it out.
    Net(Effect),
    /// Something else did, and answers with this input after a while.
    Later(Duration, I),
    /// Nothing more.
    Done,
}

/// A machine with what surrounds it in one process.
pub trait Host {
    /// The machine.
    type Machine: Machine;

    /// Returns the machine.
    fn machine(&mut self) -> &mut Self::Machine;

    /// Turns what the network brings into the machine's input.
    fn input(event: Event) -> <Self::Machine as Machine>::Input;

    /// Carries out an action, or says that the network is to.
    fn act(
        &mut self,
        now: Now,
        action: <Self::Machine as Machine>::Action,
    ) -> Act<<Self::Machine as Machine>::Input>;
}

/// Where a host listens and as whom it is known.
#[derive(Clone, Debug)]
pub struct Place {
    /// Listening addresses, each with its face.
    pub listens: Vec<(SocketAddr, Face)>,
    /// What the other side of a connection proves about this host.
    pub proves: Peer,
}
