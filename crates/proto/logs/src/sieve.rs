//! Lets so many of the same pass within a second: what anybody outside can bring about at will must not fill the traces.

use std::time::Duration;

use base::Mono;

const WINDOW: Duration = Duration::from_secs(1);

/// Counts what passes, and what does not.
///
/// ```
/// # use base::Mono;
/// let mut sieve = logs::Sieve::new(1);
/// assert_eq!(sieve.pass(Mono::ZERO), Some(0));
/// assert_eq!(sieve.pass(Mono::ZERO), None);
/// assert_eq!(sieve.pass(Mono::from_micros(1_000_000)), Some(1));
/// ```
#[derive(Clone, Debug)]
pub struct Sieve {
    most: u32,
    since: Mono,
    passed: u32,
    kept_back: u64,
}

impl Sieve {
    /// Lets this many pass within a second.
    #[must_use]
    pub const fn new(most: u32) -> Self {
        Self {
            most,
            since: Mono::ZERO,
            passed: 0,
            kept_back: 0,
        }
    }

    /// Lets one pass, and tells how many have not since the last that did; or keeps it back.
    pub fn pass(&mut self, now: Mono) -> Option<u64> {
        if now.since(self.since) >= WINDOW {
            self.since = now;
            self.passed = 0;
        }
        if self.passed >= self.most {
            self.kept_back += 1;
            return None;
        }
        self.passed += 1;
        Some(std::mem::take(&mut self.kept_back))
    }
}
