//! What a running server holds, and whether it holds more after something than before: the leak check of the long tests.
//!
//! Counts (relays, flows, open files) must come back to where they were, up to what the test itself keeps. Memory does not
//! come back, since an allocator keeps pages; it must stop growing when the same is done again.

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Held {
    /// Requests under way.
    pub relays: u64,
    /// Connections and pairs of addresses.
    pub flows: u64,
    /// Files that the process has open.
    pub files: usize,
}

impl Held {
    /// Tells whether all is back to what it was `before`, with `slack` for what goes on beside.
    #[must_use]
    pub const fn is_back(&self, before: &Self, slack: &Self) -> bool {
        self.relays <= before.relays + slack.relays
            && self.flows <= before.flows + slack.flows
            && self.files <= before.files + slack.files
    }
}

/// Tells how much more memory there is after a repetition than before it, if that is more than `allowed`: the sizes are
/// those after each time that the same was done.
#[must_use]
pub fn growth(sizes: &[u64], allowed: u64) -> Option<u64> {
    let (first, last) = (sizes.first()?, sizes.last()?);
    last.checked_sub(*first).filter(|more| *more > allowed)
}

#[cfg(test)]
mod tests {
    use super::{Held, growth};

    const BEFORE: Held = Held {
        relays: 1,
        flows: 20,
        files: 300,
    };
    const SLACK: Held = Held {
        relays: 3,
        flows: 16,
        files: 16,
    };

    #[test]
    fn what_is_back_or_goes_on_beside_is_no_leak() {
        assert!(BEFORE.is_back(&BEFORE, &SLACK));
        let beside = Held {
            relays: 4,
            flows: 36,
            files: 316,
        };
        assert!(beside.is_back(&BEFORE, &SLACK));
        let less = Held {
            relays: 0,
            flows: 2,
            files: 30,
        };
        assert!(less.is_back(&BEFORE, &SLACK));
    }

    #[test]
    fn one_more_of_anything_is_a_leak() {
        let more: [fn(&mut Held); 3] = [
            |held| held.relays += 4,
            |held| held.flows += 17,
            |held| held.files += 17,
        ];
        for leak in more {
            let mut after = BEFORE;
            leak(&mut after);
            assert!(!after.is_back(&BEFORE, &SLACK), "{after:?}");
        }
    }

    #[test]
    fn memory_that_goes_on_growing_is_told_from_memory_that_settles() {
        // A megabyte more with each of 32 passes, as a message kept for each would make.
        let growing: Vec<u64> = (0..32).map(|pass| (100 + pass) << 20).collect();
        assert_eq!(growth(&growing, 16 << 20), Some(31 << 20));
        assert_eq!(growth(&[100 << 20, 110 << 20], 16 << 20), None);
        assert_eq!(growth(&[110 << 20, 100 << 20], 16 << 20), None);
        assert_eq!(growth(&[], 0), None);
    }
}
