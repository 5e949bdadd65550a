//! Admission: how many accepted connections there are, in all and per source.
//!
//! It is one lock for all workers, taken when a connection comes and goes and never in between. Connections that the machine
//! opens are not counted: they follow from the topology, not from whoever knocks.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Why a connection was not admitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Crowded {
    /// Too many in all.
    Full,
    /// Too many from this source.
    Source,
    /// Too many handshakes under way.
    Busy,
}

/// Counts admitted connections; shared by the workers.
#[derive(Debug)]
pub(crate) struct Gate {
    most: usize,
    most_per_source: usize,
    most_shaking: usize,
    inner: Mutex<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    all: usize,
    shaking: usize,
    sources: HashMap<IpAddr, usize>,
}

impl Gate {
    pub(crate) fn new(most: usize, most_per_source: usize, most_shaking: usize) -> Self {
        Self {
            most,
            most_per_source,
            most_shaking,
            inner: Mutex::default(),
        }
    }

    /// Admits one connection, which starts with its handshake.
    pub(crate) fn admit(self: &Arc<Self>, from: IpAddr) -> Result<Admission, Crowded> {
        let source = network(from);
        let mut counts = self.counts();
        if counts.all >= self.most {
            return Err(Crowded::Full);
        }
        if counts.shaking >= self.most_shaking {
            return Err(Crowded::Busy);
        }
        let of_source = counts.sources.get(&source).copied().unwrap_or(0);
        if of_source >= self.most_per_source {
            return Err(Crowded::Source);
        }
        counts.sources.insert(source, of_source + 1);
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
#[derive(Debug)]
pub(crate) struct Admission {
    gate: Arc<Gate>,
    source: IpAddr,
    shaking: bool,
}

impl Admission {
    /// Gives the place among the handshakes back.
    pub(crate) fn shaken(&mut self) {
        if std::mem::take(&mut self.shaking) {
            self.gate.counts().shaking -= 1;
        }
    }
}

impl Drop for Admission {
    fn drop(&mut self) {
        self.shaken();
        let mut counts = self.gate.counts();
        counts.all -= 1;
        if let Some(of_source) = counts.sources.get_mut(&self.source) {
            *of_source -= 1;
            if *of_source == 0 {
                counts.sources.remove(&self.source);
            }
        }
    }
}

/// One household of IPv6 has a /64 and could otherwise come as 2^64 sources.
fn network(addr: IpAddr) -> IpAddr {
    match addr.to_canonical() {
        IpAddr::V6(addr) => {
            let prefix = u128::from(addr) >> 64 << 64;
            IpAddr::V6(Ipv6Addr::from(prefix))
        }
        v4 @ IpAddr::V4(_) => v4,
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
        let first = gate.admit(addr("192.0.2.1")).unwrap();
        let _second = gate.admit(addr("192.0.2.1")).unwrap();
        assert_eq!(gate.admit(addr("192.0.2.1")).unwrap_err(), Crowded::Source);
        let _third = gate.admit(addr("192.0.2.2")).unwrap();
        assert_eq!(gate.admit(addr("192.0.2.3")).unwrap_err(), Crowded::Full);
        drop(first);
        gate.admit(addr("192.0.2.1")).unwrap();
        assert_eq!(gate.counts().sources.len(), 2);
    }

    #[test]
    fn a_finished_handshake_makes_room_for_another() {
        let gate = Arc::new(Gate::new(9, 9, 1));
        let mut first = gate.admit(addr("192.0.2.1")).unwrap();
        assert_eq!(gate.admit(addr("192.0.2.1")).unwrap_err(), Crowded::Busy);
        first.shaken();
        gate.admit(addr("192.0.2.1")).unwrap();
    }

    #[test]
    fn one_ipv6_network_is_one_source_and_a_mapped_address_is_its_ipv4_self() {
        assert_eq!(
            network(addr("2001:db8::1")),
            network(addr("2001:db8::2:3:4"))
        );
        assert_ne!(
            network(addr("2001:db8::1")),
            network(addr("2001:db8:0:1::1"))
        );
        assert_eq!(network(addr("::ffff:192.0.2.1")), addr("192.0.2.1"));
    }
}
