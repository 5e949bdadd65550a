//! Admission: how many accepted connections there are, in all and per source, and who is not welcome at all.
//!
//! It is one lock for all workers, taken when a connection comes and goes and never in between. Connections that the machine
//! opens are not counted: they follow from the topology, not from whoever knocks.
//!
//! A source may have as many handshakes under way as places are left. One that begins all it can holds half of them, two
//! a third each, and whoever comes with the first finds room.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use base::{Mono, Source};

/// Knows who is not welcome; asked before anything is spent on a connection.
pub trait Doorman: Send + Sync {
    /// Tells whether a source may begin a handshake.
    fn admits(&self, from: Source, now: Mono) -> bool;

    /// Hears that a handshake failed, and whether it was for want of time.
    fn failed(&self, from: Source, now: Mono, slow: bool);
}

/// Why a connection was not admitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Crowded {
    /// Too many in all.
    Full,
    /// Too many from this source.
    Source,
    /// Too many handshakes under way.
    Busy,
    /// This source is not welcome.
    Unwelcome,
}

/// Counts admitted connections; shared by the workers.
pub(crate) struct Gate {
    most: usize,
    most_per_source: usize,
    most_shaking: usize,
    doorman: Option<Arc<dyn Doorman>>,
    inner: Mutex<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    all: usize,
    shaking: usize,
    sources: HashMap<Source, Held>,
}

/// What one source holds.
#[derive(Clone, Copy, Debug, Default)]
struct Held {
    connections: usize,
    shaking: usize,
}

impl Gate {
    pub(crate) fn new(most: usize, most_per_source: usize, most_shaking: usize) -> Self {
        Self {
            most,
            most_per_source,
            most_shaking,
            doorman: None,
            inner: Mutex::default(),
        }
    }

    /// Has a doorman asked first.
    pub(crate) fn guarded(self, doorman: Option<Arc<dyn Doorman>>) -> Self {
        Self { doorman, ..self }
    }

    /// Admits one connection, which starts with its handshake.
    pub(crate) fn admit(self: &Arc<Self>, from: IpAddr, now: Mono) -> Result<Admission, Crowded> {
        let source = Source::of(from);
        let doorman = self.doorman.as_ref();
        if doorman.is_some_and(|doorman| !doorman.admits(source, now)) {
            return Err(Crowded::Unwelcome);
        }
        let mut counts = self.counts();
        let held = counts.sources.get(&source).copied().unwrap_or_default();
        if counts.all >= self.most {
            return Err(Crowded::Full);
        }
        if counts.shaking + held.shaking >= self.most_shaking {
            return Err(Crowded::Busy);
        }
        if held.connections >= self.most_per_source {
            return Err(Crowded::Source);
        }
        let more = Held {
            connections: held.connections + 1,
            shaking: held.shaking + 1,
        };
        counts.sources.insert(source, more);
        counts.all += 1;
        counts.shaking += 1;
        Ok(Admission {
            gate: Arc::clone(self),
            source,
            shaking: true,
        })
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        // The counts are whole between any two statements that can panic, so a poisoned lock is still right.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One admitted connection; dropping it gives its place back.
pub(crate) struct Admission {
    gate: Arc<Gate>,
    source: Source,
    shaking: bool,
}

impl Admission {
    /// Gives the place among the handshakes back.
    pub(crate) fn shaken(&mut self) {
        if std::mem::take(&mut self.shaking) {
            let mut counts = self.gate.counts();
            counts.shaking -= 1;
            if let Some(held) = counts.sources.get_mut(&self.source) {
                held.shaking -= 1;
            }
        }
    }

    /// Tells the doorman that the handshake failed.
    pub(crate) fn failed(&self, now: Mono, slow: bool) {
        if let Some(doorman) = &self.gate.doorman {
            doorman.failed(self.source, now, slow);
        }
    }
}

impl Drop for Admission {
    fn drop(&mut self) {
        self.shaken();
        let mut counts = self.gate.counts();
        counts.all -= 1;
        if let Some(held) = counts.sources.get_mut(&self.source) {
            held.connections -= 1;
            if held.connections == 0 {
                counts.sources.remove(&self.source);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addr(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn places_are_counted_in_all_and_per_source_and_given_back() {
        let gate = Arc::new(Gate::new(3, 2, 9));
        let first = gate.admit(addr("192.0.2.1"), Mono::ZERO).unwrap();
        let _second = gate.admit(addr("192.0.2.1"), Mono::ZERO).unwrap();
        assert_eq!(
            gate.admit(addr("192.0.2.1"), Mono::ZERO).err(),
            Some(Crowded::Source)
        );
        let _third = gate.admit(addr("192.0.2.2"), Mono::ZERO).unwrap();
        assert_eq!(
            gate.admit(addr("192.0.2.3"), Mono::ZERO).err(),
            Some(Crowded::Full)
        );
        drop(first);
        gate.admit(addr("192.0.2.1"), Mono::ZERO).unwrap();
        assert_eq!(gate.counts().sources.len(), 2);
    }

    #[test]
    fn a_finished_handshake_makes_room_for_another() {
        let gate = Arc::new(Gate::new(9, 9, 1));
        let mut first = gate.admit(addr("192.0.2.1"), Mono::ZERO).unwrap();
        assert_eq!(
            gate.admit(addr("192.0.2.1"), Mono::ZERO).err(),
            Some(Crowded::Busy)
        );
        first.shaken();
        gate.admit(addr("192.0.2.1"), Mono::ZERO).unwrap();
    }

    #[test]
    fn one_source_leaves_half_of_the_handshakes_to_others() {
        let gate = Arc::new(Gate::new(99, 99, 8));
        let admit = |from: &str| gate.admit(addr(from), Mono::ZERO);
        let greedy: Vec<_> = std::iter::from_fn(|| admit("192.0.2.1").ok()).collect();
        assert_eq!(greedy.len(), 4);
        let second: Vec<_> = std::iter::from_fn(|| admit("192.0.2.2").ok()).collect();
        assert_eq!(second.len(), 2);
        let _third = admit("192.0.2.3").unwrap();
        drop(greedy);
        admit("192.0.2.2").unwrap();
    }

    #[test]
    fn who_is_not_welcome_takes_no_place() {
        struct Strict;
        impl Doorman for Strict {
            fn admits(&self, from: Source, _: Mono) -> bool {
                from.addr() != addr("192.0.2.1")
            }
            fn failed(&self, _: Source, _: Mono, _: bool) {}
        }
        let gate = Arc::new(Gate::new(1, 1, 1).guarded(Some(Arc::new(Strict))));
        let refused = gate.admit(addr("192.0.2.1"), Mono::ZERO);
        assert_eq!(refused.err(), Some(Crowded::Unwelcome));
        assert!(gate.admit(addr("192.0.2.2"), Mono::ZERO).is_ok());
    }
}
