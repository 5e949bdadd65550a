//! As few products as say the same: two that differ in one of sources, destinations and ports become one.
//!
//! Only what means the same otherwise is looked at together: the same flow, family, carrier and rate. A merged product
//! admits exactly what its parts did, because a product distributes over a union in one of its factors; and one that
//! lies within another is left out. No two of the result can be merged again.

use topology::flows::Carrier;

use super::Rate;
use crate::{AddressSet, Family};

/// A rule that is being made: all sources to all destinations at all ports.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Draft {
    pub(super) flow: u8,
    pub(super) family: Family,
    pub(super) carrier: Carrier,
    pub(super) rate: Option<Rate>,
    pub(super) sources: AddressSet,
    pub(super) destinations: AddressSet,
    /// Ascending, each once.
    pub(super) ports: Vec<u16>,
}

impl Draft {
    /// Tells whether it admits nothing.
    pub(super) fn is_empty(&self) -> bool {
        self.sources.is_empty() || self.destinations.is_empty() || self.ports.is_empty()
    }

    /// Returns the two as one, if one product says what they say.
    fn merged(&self, other: &Self) -> Option<Self> {
        let key = |draft: &Self| (draft.flow, draft.family, draft.carrier, draft.rate);
        if key(self) != key(other) {
            return None;
        }
        let same_sources = self.sources == other.sources;
        let same_destinations = self.destinations == other.destinations;
        let same_ports = self.ports == other.ports;
        let mut merged = self.clone();
        match (same_sources, same_destinations, same_ports) {
            (_, true, true) => merged.sources = self.sources.union(&other.sources),
            (true, _, true) => merged.destinations = self.destinations.union(&other.destinations),
            (true, true, _) => {
                merged.ports.extend(&other.ports);
                merged.ports.sort_unstable();
                merged.ports.dedup();
            }
            _ if self.covers(other) => {}
            _ if other.covers(self) => merged = other.clone(),
            _ => return None,
        }
        Some(merged)
    }

    fn covers(&self, other: &Self) -> bool {
        other.sources.difference(&self.sources).is_empty()
            && other.destinations.difference(&self.destinations).is_empty()
            && other.ports.iter().all(|port| self.ports.contains(port))
    }
}

/// Merges until nothing can be merged.
pub(super) fn merge(drafts: Vec<Draft>) -> Vec<Draft> {
    let mut done: Vec<Draft> = Vec::with_capacity(drafts.len());
    let mut open = drafts;
    open.reverse();
    while let Some(draft) = open.pop() {
        let found = done
            .iter()
            .enumerate()
            .find_map(|(at, other)| Some((at, other.merged(&draft)?)));
        match found {
            Some((at, merged)) => {
                done.remove(at);
                open.push(merged);
            }
            None => done.push(draft),
        }
    }
    done
}
