//! Requests that come twice by different ways because somebody forked them (RFC 3261 8.2.2.2): the second is told 482.
//!
//! Only what we answer ourselves counts: REGISTER, SUBSCRIBE and PUBLISH that are to be carried out, and OPTIONS to us.
//! A request is known by Call-ID, From tag and CSeq for as long as its sender may wait for an answer (64*T1), also over
//! transports where our own transaction ends at once: the ways differ in length by more than an answer takes. One that
//! comes again the same way, with the same branch, is no merged one.
//!
//! Bounds: [`KEPT`] requests, of which the oldest is forgotten. Each worker knows its own.

use super::Node;
use crate::msg::{Message, Method};
use crate::role::{Decision, Why};
use crate::txn::TIMEOUT;
use base::Mono;
use std::collections::{HashMap, VecDeque};

/// How many requests are known at once.
const KEPT: usize = 16_384;

/// The requests of the last half minute: what they are known by, and their branches.
#[derive(Default)]
pub(super) struct Merged {
    branches: HashMap<u64, u64>,
    oldest: VecDeque<(Mono, u64)>,
}

impl Merged {
    /// Takes note of a request. True if another copy of it is known.
    fn has_come(&mut self, request: u64, branch: u64, now: Mono) -> bool {
        while let Some((until, oldest)) = self.oldest.front().copied() {
            if until > now && self.oldest.len() < KEPT {
                break;
            }
            self.oldest.pop_front();
            self.branches.remove(&oldest);
        }
        if let Some(known) = self.branches.get(&request) {
            return *known != branch;
        }
        self.branches.insert(request, branch);
        self.oldest.push_back((now.after(TIMEOUT), request));
        false
    }
}

impl Node {
    /// Tells whether a request that is about to be carried out has come already by another way.
    pub(super) fn is_merged(&mut self, request: &Message, decision: &Decision<'_>) -> bool {
        let is_ours = match decision {
            Decision::Register(_) | Decision::Event(_) | Decision::Keep(_) => true,
            Decision::Reply(_, Why::Answered) => request.method() == Method::Options,
            Decision::Reply(..)
            | Decision::Welcome(..)
            | Decision::Drop(_)
            | Decision::Told(_)
            | Decision::Forward(_) => false,
        };
        let (Ok(from), Ok(to), Ok(cseq), Ok(via)) =
            (request.from(), request.to(), request.cseq(), request.via())
        else {
            return false;
        };
        // Inside a dialog and without a tag or a branch nothing is known of copies.
        let (Some(tag), Some(branch), None) = (from.tag(), via.branch(), to.tag()) else {
            return false;
        };
        if !is_ours {
            return false;
        }
        let key = &self.config.keys.branch;
        let call_id = request.call_id().unwrap_or_default();
        let number = cseq.number.to_be_bytes();
        let parts = [
            b"merged",
            call_id.as_bytes(),
            tag.as_bytes(),
            &number,
            cseq.method.as_bytes(),
        ];
        let (request, branch) = (key.checksum(&parts), key.checksum(&[branch.as_bytes()]));
        self.merged.has_come(request, branch, self.now.mono)
    }
}

#[cfg(test)]
mod tests {
    use super::{KEPT, Merged};
    use crate::txn::TIMEOUT;
    use base::Mono;

    #[test]
    fn another_branch_is_a_copy_until_the_time_is_over() {
        let mut merged = Merged::default();
        let start = Mono::ZERO;
        assert!(!merged.has_come(1, 10, start));
        assert!(!merged.has_come(1, 10, start), "the same way again");
        assert!(merged.has_come(1, 11, start));
        assert!(!merged.has_come(2, 11, start));
        assert!(!merged.has_come(1, 11, start.after(TIMEOUT)));
    }

    #[test]
    fn no_more_than_its_bound_is_kept() {
        let mut merged = Merged::default();
        for request in 0..3 * KEPT as u64 {
            assert!(!merged.has_come(request, 1, Mono::ZERO));
            assert!(merged.branches.len() <= KEPT && merged.oldest.len() <= KEPT);
        }
        let newest = 3 * KEPT as u64 - 1;
        assert!(merged.has_come(newest, 2, Mono::ZERO));
        assert!(
            !merged.has_come(0, 2, Mono::ZERO),
            "the oldest is forgotten"
        );
    }
}
