//! A component that talks too much is silenced for a while, so that it costs the others neither disk nor history.

use base::Mono;
use std::time::Duration;

use crate::Component;

/// When a component is silenced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ThrottleOptions {
    /// Records a second of one component.
    pub per_second: u32,
    /// It is silenced once it has passed that so often within [`Self::window`].
    pub times: u32,
    /// The time in which the passings are counted, and for which it is silent.
    pub window: Duration,
}

impl Default for ThrottleOptions {
    /// As the original: 5,000 records a second, three times within a minute. Ours is set higher, since a busy machine that
    /// traces every message in and out has more of them.
    fn default() -> Self {
        Self {
            per_second: 50_000,
            times: 3,
            window: Duration::from_secs(60),
        }
    }
}

/// What is known of the components.
#[derive(Debug)]
pub struct Throttle {
    options: ThrottleOptions,
    components: Vec<Counted>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Counted {
    second: Mono,
    in_second: u32,
    window: Mono,
    passed: u32,
    silent_until: Mono,
    dropped: u64,
}

impl Throttle {
    /// Begins with nobody silenced.
    #[must_use]
    pub fn new(options: ThrottleOptions) -> Self {
        Self {
            options,
            components: vec![Counted::default(); Component::ALL.len()],
        }
    }

    /// Counts one record and tells whether it may be kept.
    pub fn admits(&mut self, component: Component, now: Mono) -> bool {
        let options = self.options;
        let Some(counted) = self.components.get_mut(component as usize) else {
            return true;
        };
        if now < counted.silent_until {
            counted.dropped += 1;
            return false;
        }
        if now.since(counted.second) >= Duration::from_secs(1) {
            counted.second = now;
            counted.in_second = 0;
        }
        counted.in_second = counted.in_second.saturating_add(1);
        if counted.in_second != options.per_second.saturating_add(1) {
            return true;
        }
        if now.since(counted.window) >= options.window {
            counted.window = now;
            counted.passed = 0;
        }
        counted.passed += 1;
        if counted.passed < options.times {
            return true;
        }
        *counted = Counted {
            silent_until: now.after(options.window),
            dropped: counted.dropped + 1,
            ..Counted::default()
        };
        false
    }

    /// Returns who is silent at this time.
    pub fn silenced(&self, now: Mono) -> impl Iterator<Item = Component> {
        let all = Component::ALL.iter().zip(&self.components);
        all.filter(move |(_, counted)| now < counted.silent_until)
            .map(|(component, _)| *component)
    }

    /// Returns how many records were not admitted.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.components.iter().map(|counted| counted.dropped).sum()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use base::Mono;

    use super::{Throttle, ThrottleOptions};
    use crate::Component;

    const OPTIONS: ThrottleOptions = ThrottleOptions {
        per_second: 10,
        times: 3,
        window: Duration::from_secs(60),
    };

    /// Offers so many records within one second and tells how many were kept.
    fn second(throttle: &mut Throttle, at: u64, number: u64) -> u64 {
        let kept = |step| {
            throttle.admits(
                Component::SipStack,
                Mono::from_micros(at * 1_000_000 + step),
            )
        };
        (0..number).map(kept).filter(|kept| *kept).count() as u64
    }

    #[test]
    fn the_third_time_within_the_window_silences() {
        let mut throttle = Throttle::new(OPTIONS);
        assert_eq!(second(&mut throttle, 1, 50), 50);
        assert_eq!(
            second(&mut throttle, 2, 10),
            10,
            "as many as allowed is no passing"
        );
        assert_eq!(second(&mut throttle, 3, 50), 50);
        assert_eq!(second(&mut throttle, 4, 50), 10);
        let now = Mono::from_micros(5_000_000);
        assert_eq!(
            throttle.silenced(now).collect::<Vec<_>>(),
            [Component::SipStack]
        );
        assert!(
            throttle.admits(Component::Web, now),
            "others are not silenced"
        );
        assert_eq!(throttle.dropped(), 40);
        assert_eq!(
            second(&mut throttle, 65, 10),
            10,
            "a minute later it may speak"
        );
    }

    #[test]
    fn passings_far_apart_do_not_add_up() {
        let mut throttle = Throttle::new(OPTIONS);
        for minute in 0..10 {
            assert_eq!(second(&mut throttle, 100 + 70 * minute, 50), 50);
        }
    }
}
