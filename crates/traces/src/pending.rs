//! Finds that may not be given out yet, since an older one may still come.

use std::collections::BTreeMap;

use logs::Time;

/// Where a find stands: its time, then its file, its group and its place in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) time: Time,
    pub(crate) file: u64,
    pub(crate) group: usize,
    pub(crate) offset: usize,
}

/// The oldest finds, as many as are wanted and fit.
#[derive(Debug)]
pub(crate) struct Pending {
    finds: BTreeMap<Place, String>,
    bytes: usize,
    bytes_max: usize,
    wanted: usize,
    /// Finds from here on were given up: there were too many older ones.
    horizon: Option<Place>,
}

impl Pending {
    pub(crate) fn new(wanted: usize, bytes_max: usize) -> Self {
        Self {
            finds: BTreeMap::new(),
            bytes: 0,
            bytes_max,
            wanted,
            horizon: None,
        }
    }

    pub(crate) fn add(&mut self, place: Place, text: String) {
        if self.horizon.is_some_and(|horizon| place >= horizon) {
            return;
        }
        self.bytes += text.len();
        self.finds.insert(place, text);
        while self.finds.len() > self.wanted || self.bytes > self.bytes_max {
            let Some((place, text)) = self.finds.pop_last() else {
                return;
            };
            self.bytes -= text.len();
            self.horizon = Some(place);
        }
    }

    /// Takes the oldest find, if it is older than anything that may still come.
    pub(crate) fn take(&mut self, frontier: Option<Time>) -> Option<(Time, String)> {
        let first = self.finds.first_entry()?;
        if frontier.is_some_and(|frontier| first.key().time >= frontier) {
            return None;
        }
        let (place, text) = first.remove_entry();
        self.bytes -= text.len();
        self.wanted -= 1;
        Some((place.time, text))
    }

    /// Tells whether finds were given up.
    pub(crate) const fn is_limited(&self) -> bool {
        self.horizon.is_some()
    }

    /// Tells whether nothing from this time on is of use any more.
    pub(crate) fn is_beyond(&self, time: Time) -> bool {
        self.horizon.is_some_and(|horizon| time > horizon.time)
    }
}

#[cfg(test)]
mod tests {
    use super::{Pending, Place};
    use logs::Time;

    fn place(time: u64) -> Place {
        Place {
            time: Time(time),
            file: 0,
            group: 0,
            offset: 0,
        }
    }

    #[test]
    fn the_oldest_stay_and_leave_when_nothing_older_can_come() {
        let mut pending = Pending::new(2, 100);
        for time in [5, 3, 4] {
            pending.add(place(time), time.to_string());
        }
        assert!(pending.is_limited() && pending.is_beyond(Time(6)) && !pending.is_beyond(Time(5)));
        assert_eq!(pending.take(Some(Time(3))), None);
        assert_eq!(pending.take(Some(Time(4))), Some((Time(3), "3".into())));
        assert_eq!(pending.take(None), Some((Time(4), "4".into())));
        assert_eq!(pending.take(None), None);
    }

    #[test]
    fn too_many_bytes_are_given_up_from_the_youngest_on() {
        let mut pending = Pending::new(9, 10);
        for time in 0..5 {
            pending.add(place(time), "1234".into());
        }
        assert!(pending.is_limited());
        let left: Vec<u64> = std::iter::from_fn(|| pending.take(None))
            .map(|(time, _)| time.0)
            .collect();
        assert_eq!(left, [0, 1]);
    }
}
