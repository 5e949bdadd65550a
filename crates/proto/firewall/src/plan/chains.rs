//! What of all ways concerns one place: in at a machine, out of it, or through a boundary.

use topology::Fqdn;

use super::merge::Draft;
use super::ways::{Reach, Way};
use super::{Boundary, Chain, Direction, Place, Rules, Zone, Zones, order};
use crate::{AddressSet, Family};

/// Returns the rules of a machine that holds these addresses. What it says to itself never leaves it.
pub(super) fn of_machine(name: &Fqdn, held: &[AddressSet; 2], ways: &[Way]) -> Rules {
    let own = |family: Family| match (family, held) {
        (Family::V4, [v4, _]) => v4,
        (Family::V6, [_, v6]) => v6,
    };
    let incoming = ways.iter().map(|way| {
        let own = own(way.family);
        draft(way, way.from.without(own), way.to.hosts.intersection(own))
    });
    let outgoing = ways.iter().map(|way| {
        let own = own(way.family);
        draft(way, way.from.hosts.intersection(own), way.to.without(own))
    });
    Rules {
        place: Place::Machine(name.clone()),
        chains: vec![
            chain(Direction::In, incoming),
            chain(Direction::Out, outgoing),
        ],
    }
}

/// Returns the rules of a boundary: the ways, cut into what goes from zone to zone across it.
pub(super) fn of_boundary(boundary: Boundary, zones: &Zones, ways: &[Way]) -> Rules {
    let drafts = ways.iter().flat_map(|way| {
        let (from, to) = (way.from.all(), way.to.all());
        crossing(boundary).map(move |(here, there)| {
            let from = from.intersection(zones.set(here, way.family));
            draft(way, from, to.intersection(zones.set(there, way.family)))
        })
    });
    Rules {
        place: Place::Boundary(boundary),
        chains: vec![chain(Direction::Through, drafts)],
    }
}

fn crossing(boundary: Boundary) -> impl Iterator<Item = (Zone, Zone)> {
    let pairs = Zone::ALL
        .into_iter()
        .flat_map(|here| Zone::ALL.into_iter().map(move |there| (here, there)));
    pairs.filter(move |(here, there)| here.boundaries_to(*there).contains(&boundary))
}

fn draft(way: &Way, sources: AddressSet, destinations: AddressSet) -> (Reach, Draft) {
    let draft = Draft {
        flow: way.flow,
        family: way.family,
        carrier: way.carrier,
        rate: way.rate,
        sources,
        destinations,
        ports: vec![way.port],
    };
    (way.reach, draft)
}

fn chain(direction: Direction, drafts: impl Iterator<Item = (Reach, Draft)>) -> Chain {
    Chain {
        direction,
        admits: order::admits(drafts.filter(|(_, draft)| !draft.is_empty()).collect()),
    }
}
