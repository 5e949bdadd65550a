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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SMALL: u128 = 6;

    fn small_set() -> impl Strategy<Value = AddressSet> {
        proptest::collection::vec(0..SMALL, 1..4).prop_map(|numbers| {
            AddressSet::from_ranges(Family::V4, numbers.into_iter().map(|n| (n, n)))
        })
    }

    fn draft() -> impl Strategy<Value = Draft> {
        let ports = proptest::collection::btree_set(1_u16..4, 1..3);
        (1_u8..3, small_set(), small_set(), ports).prop_map(
            |(flow, sources, destinations, ports)| Draft {
                flow,
                family: Family::V4,
                carrier: Carrier::Tcp,
                rate: None,
                sources,
                destinations,
                ports: ports.into_iter().collect(),
            },
        )
    }

    /// Whether one of the drafts of a flow admits this, looked up one by one.
    fn admits(drafts: &[Draft], flow: u8, source: u128, destination: u128, port: u16) -> bool {
        let fits = |set: &AddressSet, n| set.contains(Family::V4.address(n));
        drafts.iter().any(|draft| {
            draft.flow == flow
                && fits(&draft.sources, source)
                && fits(&draft.destinations, destination)
                && draft.ports.contains(&port)
        })
    }

    proptest! {
        #[test]
        fn merging_changes_no_meaning_and_leaves_nothing_to_merge(
            drafts in proptest::collection::vec(draft(), 0..12),
        ) {
            let merged = merge(drafts.clone());
            for flow in 1..3 {
                for source in 0..SMALL {
                    for destination in 0..SMALL {
                        for port in 1..4 {
                            prop_assert_eq!(
                                admits(&drafts, flow, source, destination, port),
                                admits(&merged, flow, source, destination, port)
                            );
                        }
                    }
                }
            }
            for (at, one) in merged.iter().enumerate() {
                for other in merged.iter().skip(at + 1) {
                    prop_assert_eq!(one.merged(other), None);
                }
            }
            prop_assert!(merged.len() <= drafts.len());
        }
    }

    #[test]
    fn a_full_product_becomes_one_rule_however_it_was_written() {
        let one = |source: u128, destination: u128, port| Draft {
            flow: 1,
            family: Family::V4,
            carrier: Carrier::Tcp,
            rate: None,
            sources: AddressSet::from_ranges(Family::V4, [(source, source)]),
            destinations: AddressSet::from_ranges(Family::V4, [(destination, destination)]),
            ports: vec![port],
        };
        let mut drafts: Vec<Draft> = (0..3)
            .flat_map(|s| (10..12).flat_map(move |d| [80, 443].map(|port| one(s, d, port))))
            .collect();
        drafts.reverse();
        let merged = merge(drafts);
        assert_eq!(merged.len(), 1, "{merged:?}");
    }
}
