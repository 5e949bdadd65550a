//! How much may wait for the writer: what it writes in a moment, at the pace that it has.
//!
//! On a machine that has too much to do the writer gets little time. A long queue would then only be an old one: what waits
//! for seconds is lost if the process is killed, and costs memory until then. So the queue is as long as what the writer
//! wrote in [`MOMENT`] lately.

use std::time::Duration;

/// For so long a record waits at most, about.
const MOMENT: Duration = Duration::from_millis(200);
/// So much may always wait: some hundred messages.
const LEAST: usize = 512 << 10;
/// A measure over less says more of the moment than of the pace.
const SAMPLE: usize = 256 << 10;

/// The pace of the writer.
pub(crate) struct Pace {
    most: usize,
    allowed: usize,
    weight: usize,
    took: Duration,
}

impl Pace {
    /// Begins with as much as may ever wait.
    pub(crate) const fn new(most: usize) -> Self {
        Self {
            most,
            allowed: most,
            weight: 0,
            took: Duration::ZERO,
        }
    }

    /// How many bytes may wait. Twice as much for what tells of failures, since there is less of that.
    pub(crate) fn allowed(&self, is_grave: bool) -> usize {
        let allowed = if is_grave {
            self.allowed.saturating_mul(2)
        } else {
            self.allowed
        };
        allowed.min(self.most)
    }

    /// Takes in that so much was written in this time.
    pub(crate) fn measure(&mut self, weight: usize, took: Duration) {
        self.weight += weight;
        self.took += took;
        if self.weight < SAMPLE {
            return;
        }
        let micros = self.took.as_micros().max(1);
        let now = self.weight as u128 * MOMENT.as_micros() / micros;
        let now = usize::try_from(now).unwrap_or(usize::MAX).min(self.most);
        self.allowed = usize::midpoint(self.allowed, now).max(LEAST);
        (self.weight, self.took) = (0, Duration::ZERO);
    }

    /// Begins anew.
    pub(crate) const fn forget(&mut self) {
        *self = Self::new(self.most);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{LEAST, Pace};

    const MOST: usize = 16 << 20;

    fn after(rounds: usize, took: Duration) -> Pace {
        let mut pace = Pace::new(MOST);
        for _ in 0..rounds {
            pace.measure(1 << 20, took);
        }
        pace
    }

    #[test]
    fn a_writer_with_time_has_all_of_the_queue() {
        let pace = after(20, Duration::from_millis(5));
        assert_eq!(pace.allowed(false), MOST);
        assert_eq!(pace.allowed(true), MOST, "the bound holds for all");
    }

    #[test]
    fn what_waits_for_a_slow_writer_is_what_it_writes_in_a_moment() {
        let pace = after(20, Duration::from_millis(100));
        let two_moments = 2 << 20;
        assert!(pace.allowed(false).abs_diff(two_moments) < 1000);
        assert_eq!(pace.allowed(true), 2 * pace.allowed(false));
        let mut starved = after(20, Duration::from_secs(5));
        assert_eq!(starved.allowed(false), LEAST);
        starved.forget();
        assert_eq!(starved.allowed(false), MOST);
    }

    #[test]
    fn one_slow_record_says_nothing() {
        let mut pace = Pace::new(MOST);
        pace.measure(1000, Duration::from_secs(1));
        assert_eq!(pace.allowed(false), MOST);
    }

    #[test]
    fn a_small_queue_stays_small() {
        let mut pace = Pace::new(20_000);
        pace.measure(1 << 20, Duration::from_millis(1));
        assert_eq!(pace.allowed(true), 20_000);
    }
}
