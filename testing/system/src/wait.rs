//! Waiting for a condition that nothing announces: ask, and ask again, until a deadline.

use std::time::{Duration, Instant};

/// How long to leave the product alone between two questions.
const PAUSE: Duration = Duration::from_millis(5);

/// Asks until there is an answer; returns nothing when the time is over.
///
/// The question is put at least once, and once more after the deadline, so a machine that was held up is not taken for
/// a slow product.
pub fn until<T>(within: Duration, mut ask: impl FnMut() -> Option<T>) -> Option<T> {
    let deadline = Instant::now() + within;
    loop {
        let is_late = Instant::now() >= deadline;
        let answer = ask();
        if answer.is_some() || is_late {
            return answer;
        }
        std::thread::park_timeout(PAUSE);
    }
}

#[cfg(test)]
mod tests {
    use super::until;
    use std::time::Duration;

    #[test]
    fn the_first_answer_counts_and_silence_ends() {
        let mut asked = 0;
        let third = until(Duration::from_secs(10), || {
            asked += 1;
            (asked == 3).then_some(asked)
        });
        assert_eq!(third, Some(3));
        assert_eq!(until(Duration::ZERO, || None::<()>), None);
    }
}
