//! The order of the rules of a chain, so that each row counts its own connections.
//!
//! Rows for hosts come first, then those for networks of clients, then those for anybody; within these by number. A
//! row of which everything is admitted by rows before it would never count: it has no rule, and those rows name it.

use super::Admit;
use super::merge::{self, Draft};
use super::ways::Reach;

/// Returns the rules of these drafts: merged, ordered, none of them shadowed.
pub(super) fn admits(mut drafts: Vec<(Reach, Draft)>) -> Vec<Admit> {
    drafts.sort_by_key(|(reach, draft)| (*reach, draft.flow));
    let merged = merge::merge(drafts.into_iter().map(|(_, draft)| draft).collect());
    let mut admits: Vec<Admit> = Vec::new();
    for draft in merged {
        let before: Vec<usize> = overlapping(&admits, &draft);
        let left = before.iter().filter_map(|at| admits.get(*at)).fold(
            vec![draft.clone()],
            |left, earlier| {
                left.iter()
                    .flat_map(|part| without(part, earlier))
                    .collect()
            },
        );
        if !left.is_empty() {
            admits.push(admit(draft));
            continue;
        }
        for at in before {
            if let Some(earlier) = admits.get_mut(at)
                && earlier.flow != draft.flow
                && !earlier.also.contains(&draft.flow)
            {
                earlier.also.push(draft.flow);
            }
        }
    }
    admits
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
