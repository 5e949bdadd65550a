//! The contract of a core.

use crate::{Mono, Now};

/// What a machine wants next.
#[derive(Debug)]
pub enum Step<A> {
    /// Carry this out, then poll again.
    Do(A),
    /// Nothing more to do. Call [`Machine::tick`] no later than the deadline, if there is one.
    Wait(Option<Mono>),
}

/// A deterministic state machine without I/O.
///
/// One change ([`handle`](Self::handle) or [`tick`](Self::tick)), then [`poll`](Self::poll) until it answers
/// [`Step::Wait`], then the next change.
pub trait Machine {
    /// What may arrive.
    type Input;
    /// What may be asked of the owner.
    type Action;

    /// Takes in one thing that happened.
    fn handle(&mut self, now: Now, input: Self::Input);

    /// Takes note that time has passed; calling it early or often is harmless.
    fn tick(&mut self, now: Now);

    /// Returns the next action, or how long to wait.
    fn poll(&mut self) -> Step<Self::Action>;
}
