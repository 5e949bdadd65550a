//! How many connections there are, in all and from each source.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use base::Source;

/// Counts connections; shared by the threads.
#[derive(Debug)]
pub struct Places {
    most: usize,
    held: Mutex<Held>,
}

#[derive(Debug, Default)]
struct Held {
    all: usize,
    sources: HashMap<Source, usize>,
}

/// A connection's place, given back when this is dropped.
#[derive(Debug)]
pub struct Place {
    places: Arc<Places>,
    source: Option<Source>,
}

impl Places {
    /// Returns so many places, all of them free.
    #[must_use]
    pub fn new(most: usize) -> Self {
        Self {
            most,
            held: Mutex::default(),
        }
    }

    /// Takes a place among all; none if there are too many.
    pub fn take(self: &Arc<Self>) -> Option<Place> {
        let mut held = self.lock();
        if held.all >= self.most {
            return None;
        }
        held.all += 1;
        Some(Place {
            places: Arc::clone(self),
            source: None,
        })
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    /// Says whose it is, once that is known; false if that source has as many as it may.
    pub fn of(&mut self, source: Source, most: usize) -> bool {
        let mut held = self.places.lock();
        let count = held.sources.entry(source).or_default();
        if *count >= most {
            if *count == 0 {
                held.sources.remove(&source);
            }
            return false;
        }
        *count += 1;
        drop(held);
        self.source = Some(source);
        true
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut held = self.places.lock();
        held.all = held.all.saturating_sub(1);
        let Some(source) = self.source else {
            return;
        };
        if let Some(count) = held.sources.get_mut(&source) {
            *count -= 1;
            if *count == 0 {
                held.sources.remove(&source);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use super::*;

    #[test]
    fn places_are_bounded_in_all_and_per_source_and_come_back() {
        let places = Arc::new(Places::new(3));
        let here = Source::of(IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1)));
        let mut one = places.take().unwrap();
        let mut two = places.take().unwrap();
        assert!(one.of(here, 1) && !two.of(here, 1));
        let _third = places.take().unwrap();
        assert!(places.take().is_none());
        drop(one);
        assert!(two.of(here, 1));
        drop(two);
        assert!(places.lock().sources.is_empty());
        assert_eq!(places.lock().all, 1);
    }
}
