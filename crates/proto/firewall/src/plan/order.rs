//! The order of the rules of a chain, so that each row counts its own connections.
//!
//! Rows for hosts come first, then those for networks of clients, then those for anybody; within these by number. A
//! row of which everything is admitted by rows before it would never count: it has no rule, and those rows name it. Of
//! other rows only those ranges of addresses are written that need something beyond.

use super::Admit;
use super::merge::{self, Draft};
use super::ways::Reach;
use crate::AddressSet;

/// Returns the rules of these drafts: merged, ordered, none of them shadowed.
pub(super) fn admits(mut drafts: Vec<(Reach, Draft)>) -> Vec<Admit> {
    drafts.sort_by_key(|(reach, draft)| (*reach, draft.flow));
    let mut admits: Vec<Admit> = Vec::new();
    for row in drafts.chunk_by(|(_, one), (_, other)| one.flow == other.flow) {
        let row = row.iter().map(|(_, draft)| draft.clone()).collect();
        let needed: Vec<Draft> = merge::merge(row)
            .into_iter()
            .filter_map(|draft| trimmed(draft, &mut admits))
            .collect();
        for draft in merge::merge(needed) {
            let needed = trimmed(draft, &mut admits);
            admits.extend(needed.map(admit));
        }
    }
    admits
}

/// Leaves out ranges of addresses that need nothing beyond what rules admit already. Nothing is left of a draft of which
/// that is true as a whole; the rules that serve it are told.
fn trimmed(mut draft: Draft, admits: &mut [Admit]) -> Option<Draft> {
    let before = overlapping(admits, &draft);
    let is_needed = |part: Draft, admits: &[Admit]| {
        let earlier = before.iter().filter_map(|at| admits.get(*at));
        let left = earlier.fold(vec![part], |left, earlier| {
            left.iter()
                .flat_map(|part| without(part, earlier))
                .collect()
        });
        !left.is_empty()
    };
    if !is_needed(draft.clone(), admits) {
        tell(&before, draft.flow, admits);
        return None;
    }
    draft.sources = needed_ranges(&draft.sources, |sources| {
        let part = Draft {
            sources,
            ..draft.clone()
        };
        is_needed(part, admits)
    });
    draft.destinations = needed_ranges(&draft.destinations, |destinations| {
        let part = Draft {
            destinations,
            ..draft.clone()
        };
        is_needed(part, admits)
    });
    Some(draft)
}

fn needed_ranges(set: &AddressSet, is_needed: impl Fn(AddressSet) -> bool) -> AddressSet {
    let ranges = set.ranges().iter().copied();
    let needed = ranges.filter(|range| is_needed(AddressSet::from_ranges(set.family(), [*range])));
    AddressSet::from_ranges(set.family(), needed)
}

/// Has the rules that admit all of a row say so.
fn tell(serving: &[usize], flow: u8, admits: &mut [Admit]) {
    for at in serving {
        if let Some(earlier) = admits.get_mut(*at)
            && earlier.flow != flow
            && !earlier.also.contains(&flow)
        {
            earlier.also.push(flow);
        }
    }
}

/// Which of the rules admit some of a draft, however often one comes.
fn overlapping(admits: &[Admit], draft: &Draft) -> Vec<usize> {
    let meets = |admit: &Admit| {
        (admit.family, admit.carrier, admit.rate) == (draft.family, draft.carrier, None)
            && admit.ports.iter().any(|port| draft.ports.contains(port))
            && !admit.sources.intersection(&draft.sources).is_empty()
            && !admit
                .destinations
                .intersection(&draft.destinations)
                .is_empty()
    };
    let all = admits.iter().enumerate();
    all.filter(|(_, admit)| meets(admit))
        .map(|(at, _)| at)
        .collect()
}

/// What is left of a draft without what a rule admits: at most three products that do not overlap.
fn without(draft: &Draft, admit: &Admit) -> Vec<Draft> {
    let sources = draft.sources.intersection(&admit.sources);
    let destinations = draft.destinations.intersection(&admit.destinations);
    let other_ports = draft
        .ports
        .iter()
        .filter(|port| !admit.ports.contains(port));
    let parts = [
        Draft {
            sources: draft.sources.difference(&admit.sources),
            ..draft.clone()
        },
        Draft {
            sources: sources.clone(),
            destinations: draft.destinations.difference(&admit.destinations),
            ..draft.clone()
        },
        Draft {
            sources,
            destinations,
            ports: other_ports.copied().collect(),
            ..draft.clone()
        },
    ];
    parts.into_iter().filter(|part| !part.is_empty()).collect()
}

fn admit(draft: Draft) -> Admit {
    Admit {
        flow: draft.flow,
        family: draft.family,
        sources: draft.sources,
        destinations: draft.destinations,
        carrier: draft.carrier,
        ports: draft.ports,
        rate: draft.rate,
        also: Vec::new(),
    }
}
