//! A deployment with phones that do what the bytes say: connect, sign in, call, cancel, answer, send, publish, subscribe to
//! users and to their contact lists across the two pools, refresh and end it, call somebody behind a gateway over UDP, write garbage, hang up, kill and restart machines, let time pass.
//!
//! In half of the deployments messages for users who are away are kept. The properties are those of [`crate::walk`]: one final answer to each request, nothing for another user, no identity
//! from outside, nothing left when all is over.

use sip::config::InternalSignIn;

use crate::walk::{Choices, walk};

/// Longer inputs find nothing that shorter ones do not.
const MAX_CHOICES: usize = 600;

struct Bytes<'b>(&'b [u8]);

impl Choices for Bytes<'_> {
    /// Once the bytes are used up, the last of all ways is taken.
    fn below(&mut self, bound: usize) -> usize {
        match self.0.split_first() {
            Some((byte, rest)) => {
                self.0 = rest;
                usize::from(*byte) % bound.max(1)
            }
            None => bound.saturating_sub(1),
        }
    }

    fn is_over(&self) -> bool {
        self.0.is_empty()
    }
}

/// Runs the deployment as the bytes say.
///
/// # Panics
/// When a property does not hold.
pub fn run(bytes: &[u8]) {
    let Some((first, rest)) = bytes.split_first() else {
        return;
    };
    let internal = if first & 1 == 0 {
        InternalSignIn::Redirect
    } else {
        InternalSignIn::Proxy
    };
    let rest = rest.get(..MAX_CHOICES).unwrap_or(rest);
    walk(&mut Bytes(rest), *first, internal, "fuzz");
}
