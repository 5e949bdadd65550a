//! The zones of all addresses: outside, the two faces of the perimeter, inside.
//!
//! A machine with an address outside stands in the perimeter. Whoever else the topology names, and the networks of
//! clients, are inside. What is left is outside: strangers. Every address is in exactly one zone, and a network of
//! clients that covers addresses of the perimeter does not make them clients.

use std::net::IpAddr;

use serde::Serialize;
use topology::{Machine, Topology};

use super::Boundary;
use crate::{AddressSet, Family};

/// Where an address is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Zone {
    /// Strangers.
    Outside,
    /// Addresses of the perimeter that face outside.
    External,
    /// Addresses of the perimeter that face inside.
    Perimeter,
    /// Clients and all other machines.
    Inside,
}

impl Zone {
    /// All, from outside inwards.
    pub const ALL: [Self; 4] = [Self::Outside, Self::External, Self::Perimeter, Self::Inside];

    /// Returns the boundaries on the way from here to there, in the order in which they are met.
    #[must_use]
    pub const fn boundaries_to(self, other: Self) -> &'static [Boundary] {
        use Boundary::{Inside, Outside};
        match (self.depth(), other.depth()) {
            (0, 1) | (1, 0) => &[Outside],
            (1, 2) | (2, 1) => &[Inside],
            (0, 2) => &[Outside, Inside],
            (2, 0) => &[Inside, Outside],
            _ => &[],
        }
    }

    /// How many boundaries are between it and the strangers.
    const fn depth(self) -> u8 {
        match self {
            Self::Outside => 0,
            Self::External | Self::Perimeter => 1,
            Self::Inside => 2,
        }
    }
}

/// The zones of one family of addresses; together they are all addresses and no two of them overlap.
#[derive(Clone, Debug, PartialEq, Eq)]
struct OfFamily {
    outside: AddressSet,
    external: AddressSet,
    perimeter: AddressSet,
    inside: AddressSet,
}

/// The zones of a topology.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zones {
    v4: OfFamily,
    v6: OfFamily,
}

impl Zones {
    pub(super) fn of(topology: &Topology) -> Self {
        let [v4, v6] = Family::ALL.map(|family| OfFamily::of(topology, family));
        Self { v4, v6 }
    }

    /// Returns the addresses of a zone.
    #[must_use]
    pub const fn set(&self, zone: Zone, family: Family) -> &AddressSet {
        let all = match family {
            Family::V4 => &self.v4,
            Family::V6 => &self.v6,
        };
        match zone {
            Zone::Outside => &all.outside,
            Zone::External => &all.external,
            Zone::Perimeter => &all.perimeter,
            Zone::Inside => &all.inside,
        }
    }

    /// Returns the zone of an address.
    #[must_use]
    pub fn zone(&self, address: IpAddr) -> Zone {
        let has = |zone: &Zone| self.set(*zone, Family::of(address)).contains(address);
        Zone::ALL.into_iter().find(has).unwrap_or(Zone::Outside)
    }

    /// Returns both faces of the perimeter.
    pub(super) fn of_perimeter(&self, family: Family) -> AddressSet {
        self.set(Zone::External, family)
            .union(self.set(Zone::Perimeter, family))
    }
}

impl OfFamily {
    fn of(topology: &Topology, family: Family) -> Self {
        let machines = topology.machines().iter();
        let external = AddressSet::of(family, machines.clone().flat_map(outer));
        let perimeter = machines
            .filter(|machine| outer(machine).next().is_some())
            .map(|machine| inner(topology, machine, family))
            .fold(AddressSet::empty(family), |all, own| all.union(&own))
            .difference(&external);
        let both = external.union(&perimeter);
        let inside = within(topology, family).difference(&both);
        Self {
            outside: inside.union(&both).complement(),
            external,
            perimeter,
            inside,
        }
    }
}

/// The addresses of everybody whom the topology names inside, and of clients.
fn within(topology: &Topology, family: Family) -> AddressSet {
    let machines = topology.machines().iter().map(|machine| machine.address);
    let vips = topology.pools().iter().filter_map(|pool| pool.vip);
    let gateways = topology.gateways().iter().map(|gateway| gateway.address);
    AddressSet::of(family, machines.chain(vips).chain(gateways))
        .union(&AddressSet::of_networks(family, topology.client_networks()))
}

/// Returns every address that a machine has, of one family: its own and the VIPs that it holds.
pub(super) fn held(topology: &Topology, machine: &Machine, family: Family) -> AddressSet {
    inner(topology, machine, family).union(&AddressSet::of(family, outer(machine)))
}

fn outer(machine: &Machine) -> impl Iterator<Item = IpAddr> {
    machine.external.into_iter().chain(machine.published)
}

fn inner(topology: &Topology, machine: &Machine, family: Family) -> AddressSet {
    let balances = |name: &topology::Fqdn| machine.pools.contains(name);
    let vips = topology
        .pools()
        .iter()
        .filter(|pool| pool.balancer.as_ref().is_some_and(balances))
        .filter_map(|pool| pool.vip);
    AddressSet::of(family, vips.chain([machine.address]))
}
