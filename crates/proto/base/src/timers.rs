//! A timer wheel: many deadlines, most of which are cancelled before they come.
//!
//! Three wheels of 256 slots with ticks of 4 ms, 1.024 s and 262 s, and a list for what lies beyond 18 hours. Setting
//! and cancelling cost O(1); a timer moves down at most twice in its life. Deadlines are rounded up to the tick, so a
//! timer never fires early. Timers that are due together come in the order in which they were set.
//!
//! The wheels hold names only. What a name stands for lies in a table of places that are used again; a name whose timer
//! was cancelled fits nothing there and is dropped when its slot comes.

use std::time::Duration;

use crate::Mono;

const TICK_MICROS: u64 = 4_000;
const SLOTS: u64 = 256;
const LEVELS: usize = 3;

/// Names a timer that was set; never used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TimerId {
    /// The how-manieth timer it is; first, so that names are in the order in which their timers were set.
    number: u64,
    place: u32,
}

struct Place<K> {
    number: u64,
    at: u64,
    /// `None` while the place is free.
    key: Option<K>,
}

/// Deadlines with a key each.
pub struct Timers<K> {
    places: Vec<Place<K>>,
    free: Vec<u32>,
    live: usize,
    wheels: [Vec<Vec<TimerId>>; LEVELS],
    /// A bit for each slot of the finest wheel that may hold something, so that the next one is found at once.
    marked: [u64; 4],
    beyond: Vec<TimerId>,
    due: std::collections::VecDeque<TimerId>,
    tick: u64,
    next_number: u64,
}

impl<K> Default for Timers<K> {
    fn default() -> Self {
        let wheel = || (0..SLOTS).map(|_| Vec::new()).collect();
        Self {
            places: Vec::new(),
            free: Vec::new(),
            live: 0,
            wheels: [wheel(), wheel(), wheel()],
            marked: [0; 4],
            beyond: Vec::new(),
            due: std::collections::VecDeque::new(),
            tick: 0,
            next_number: 0,
        }
    }
}

impl<K> Timers<K> {
    /// Sets a timer for `wait` from `now`.
    pub fn set(&mut self, now: Mono, wait: Duration, key: K) -> TimerId {
        if self.is_empty() {
            // An empty wheel did not turn: catch up at once instead of tick by tick.
            self.forget(self.tick.max(now.as_micros() / TICK_MICROS));
        }
        let at = now.after(wait).as_micros().div_ceil(TICK_MICROS);
        let id = self.enter(at, key);
        self.place(id, at);
        id
    }

    /// Cancels a timer and returns its key; `None` if it fired or was cancelled before.
    pub fn cancel(&mut self, id: TimerId) -> Option<K> {
        let place = self.places.get_mut(id.place as usize)?;
        if place.number != id.number {
            return None;
        }
        let key = place.key.take()?;
        self.free.push(id.place);
        self.live -= 1;
        Some(key)
    }

    /// Returns the key of a timer whose deadline is at or before `now`; call until it answers `None`.
    pub fn expired(&mut self, now: Mono) -> Option<K> {
        let until = now.as_micros() / TICK_MICROS;
        loop {
            while let Some(id) = self.due.pop_front() {
                if let Some(key) = self.cancel(id) {
                    return Some(key);
                }
            }
            if self.tick >= until {
                return None;
            }
            if self.is_empty() {
                self.forget(until);
                return None;
            }
            self.turn();
        }
    }

    /// Returns a time at or before the earliest deadline; `None` if no timer is set.
    ///
    /// For a far deadline this is the moment when it moves to a finer wheel, so a caller may wake up for nothing.
    #[must_use]
    pub fn next_wake(&self) -> Option<Mono> {
        if self.is_empty() {
            return None;
        }
        if !self.due.is_empty() {
            return Some(Mono::from_micros(self.tick * TICK_MICROS));
        }
        let boundary = (self.tick / SLOTS + 1) * SLOTS;
        let fine = self
            .next_marked(slot(self.tick, 0) + 1)
            .map(|at| boundary - SLOTS + at);
        Some(Mono::from_micros(fine.unwrap_or(boundary) * TICK_MICROS))
    }

    /// Returns how many timers are set.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.live
    }

    /// Tells whether no timer is set.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.live == 0
    }

    /// Finds a place for a timer and names it.
    fn enter(&mut self, at: u64, key: K) -> TimerId {
        let number = self.next_number;
        self.next_number += 1;
        self.live += 1;
        let fresh = Place {
            number,
            at,
            key: Some(key),
        };
        let free = self.free.pop();
        let place = free.unwrap_or_else(|| u32::try_from(self.places.len()).unwrap_or(u32::MAX));
        match self.places.get_mut(place as usize) {
            Some(used) => *used = fresh,
            None => self.places.push(fresh),
        }
        TimerId { number, place }
    }

    /// When a timer is due; `None` if it fired or was cancelled.
    fn deadline(&self, id: TimerId) -> Option<u64> {
        let place = self.places.get(id.place as usize)?;
        (place.number == id.number && place.key.is_some()).then_some(place.at)
    }

    /// The first marked slot of the finest wheel at or after `from`.
    fn next_marked(&self, from: usize) -> Option<u64> {
        let first = from / 64;
        (first..self.marked.len()).find_map(|word| {
            let mask = if word == first {
                u64::MAX << (from % 64)
            } else {
                u64::MAX
            };
            let bits = self.marked[word] & mask;
            (bits != 0).then(|| word as u64 * 64 + u64::from(bits.trailing_zeros()))
        })
    }

    fn place(&mut self, id: TimerId, at: u64) {
        if at <= self.tick {
            self.due.push_back(id);
            return;
        }
        for level in 0..LEVELS {
            let span = SLOTS.pow(u32::try_from(level).unwrap_or(0));
            if at / span - self.tick / span < SLOTS {
                self.wheels[level][slot(at, level)].push(id);
                if level == 0 {
                    self.marked[slot(at, 0) / 64] |= 1 << (slot(at, 0) % 64);
                }
                return;
            }
        }
        self.beyond.push(id);
    }

    fn turn(&mut self) {
        self.tick += 1;
        self.marked[slot(self.tick, 0) / 64] &= !(1 << (slot(self.tick, 0) % 64));
        let mut moved = Vec::new();
        if self.tick.is_multiple_of(SLOTS.pow(3)) {
            moved.append(&mut self.beyond);
        }
        for level in (0..LEVELS).rev() {
            let span = SLOTS.pow(u32::try_from(level).unwrap_or(0));
            if self.tick.is_multiple_of(span) {
                moved.append(&mut self.wheels[level][slot(self.tick, level)]);
            }
        }
        moved.sort_unstable();
        for id in moved {
            if let Some(at) = self.deadline(id) {
                self.place(id, at);
            }
        }
    }

    /// Nothing is live: drop the cancelled names and jump.
    fn forget(&mut self, tick: u64) {
        self.wheels.iter_mut().flatten().for_each(Vec::clear);
        self.marked = [0; 4];
        self.beyond.clear();
        self.due.clear();
        self.tick = tick;
    }
}

const fn slot(tick: u64, level: usize) -> usize {
    ((tick >> (8 * level)) % SLOTS) as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    fn ms(value: u64) -> Duration {
        Duration::from_millis(value)
    }

    #[test]
    fn a_timer_fires_once_at_its_time_and_not_before() {
        let mut timers = Timers::default();
        timers.set(Mono::ZERO, ms(500), "t1");
        assert_eq!(timers.expired(Mono::ZERO.after(ms(499))), None);
        assert_eq!(timers.expired(Mono::ZERO.after(ms(504))), Some("t1"));
        assert_eq!(timers.expired(Mono::ZERO.after(ms(900))), None);
    }

    #[test]
    fn a_cancelled_timer_does_not_fire() {
        let mut timers = Timers::default();
        let id = timers.set(Mono::ZERO, ms(20), 'a');
        assert_eq!(timers.cancel(id), Some('a'));
        assert_eq!(timers.cancel(id), None);
        assert_eq!(timers.expired(Mono::ZERO.after(ms(1000))), None);
    }

    #[test]
    fn after_a_long_rest_a_timer_fires_at_its_time() {
        let mut timers = Timers::default();
        let week = Mono::ZERO.after(Duration::from_secs(7 * 24 * 3600));
        timers.set(week, ms(10), ());
        assert!(
            timers
                .next_wake()
                .is_some_and(|wake| wake > week.after(ms(5)))
        );
        assert_eq!(timers.expired(week.after(ms(8))), None);
        assert_eq!(timers.expired(week.after(ms(12))), Some(()));
    }

    /// Against the obvious: a sorted list. Waits reach over all wheels and beyond.
    #[test]
    fn it_agrees_with_a_sorted_list() {
        let mut random = Random::new([3; 32]);
        let mut timers = Timers::default();
        let mut plain: Vec<(u64, u64)> = Vec::new();
        let mut now = Mono::ZERO;
        for key in 0..2_000_u64 {
            let scale = [ms(3), ms(900), ms(200_000), ms(80_000_000)][random.below(4)];
            let wait = scale * u32::try_from(random.below(1000)).unwrap() / 1000;
            timers.set(now, wait, key);
            plain.push((now.after(wait).as_micros().div_ceil(TICK_MICROS), key));
            if key % 7 == 0 {
                now = now.after(ms(random.below(40_000) as u64));
                let mut fired = Vec::new();
                while let Some(key) = timers.expired(now) {
                    fired.push(key);
                }
                let tick = now.as_micros() / TICK_MICROS;
                let mut expected: Vec<u64> =
                    plain.iter().filter(|t| t.0 <= tick).map(|t| t.1).collect();
                plain.retain(|t| t.0 > tick);
                expected.sort_unstable();
                fired.sort_unstable();
                assert_eq!(fired, expected);
                assert_eq!(timers.len(), plain.len());
                if let Some(first) = plain.iter().map(|t| t.0).min() {
                    let wake = timers.next_wake().unwrap();
                    assert!(
                        wake.as_micros() <= first * TICK_MICROS,
                        "would sleep over a deadline"
                    );
                    assert!(wake > now || wake.as_micros() / TICK_MICROS <= tick + 1);
                }
            }
        }
    }
}
