//! What has to pass, derived from the flow table and the addresses of a topology: nothing else passes.
//!
//! [`Plan::of`] goes from flows to rules in four steps, a file each: the zones of all addresses (`zones`), who speaks to
//! whom in addresses (`ways`), what of it concerns a machine or a boundary and in which direction (`chains`), and as
//! few rules as say the same (`merge`, `order`). [`Plan::judge`] answers for one connection on its whole way.
//!
//! Bounds: those of a topology. A chain has at most one rule for each flow, service and family before merging.

mod basics;
mod chains;
mod judge;
mod merge;
mod order;
mod ways;
mod zones;

use std::fmt;

use serde::Serialize;
use topology::flows::Carrier;
use topology::{Fqdn, Topology};

use crate::{AddressSet, Family};

pub use basics::{Basic, ECHO_PER_SECOND, GROUPS, NEIGHBOURS};
pub use judge::{Attempt, Judgement};
pub use zones::{Zone, Zones};

/// A line between two zones, with a packet filter on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Boundary {
    /// Between outside and the perimeter's external addresses.
    Outside,
    /// Between the perimeter's internal addresses and inside.
    Inside,
}

impl Boundary {
    /// Both, from outside inwards.
    pub const ALL: [Self; 2] = [Self::Outside, Self::Inside];

    /// Returns the word for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Outside => "outside",
            Self::Inside => "inside",
        }
    }
}

/// Where rules are loaded.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Place {
    /// On a machine, for itself.
    Machine(Fqdn),
    /// On whatever routes between two zones.
    Boundary(Boundary),
}

/// Which way a packet goes as its place sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// To the machine (hook input).
    In,
    /// From the machine (hook output).
    Out,
    /// Through a boundary (hook forward).
    Through,
}

impl Direction {
    /// Returns the word for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::In => "in",
            Self::Out => "out",
            Self::Through => "through",
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Machine(name) => write!(f, "{name}"),
            Self::Boundary(boundary) => write!(f, "boundary {}", boundary.name()),
        }
    }
}

/// How many connections one source may open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Rate {
    /// In a second, in the long run.
    pub per_second: u32,
    /// At once.
    pub burst: u32,
}

/// What one rule lets begin: any of the sources to any of the destinations at any of the ports.
///
/// Answers to what has begun pass by connection tracking and are not written here.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Admit {
    /// The row of the flow table.
    pub flow: u8,
    /// IPv4 or IPv6; both sets are of it.
    pub family: Family,
    /// Who opens.
    pub sources: AddressSet,
    /// Who listens.
    pub destinations: AddressSet,
    /// What carries it.
    pub carrier: Carrier,
    /// The ports, ascending.
    pub ports: Vec<u16>,
    /// How often one source may, where strangers come.
    pub rate: Option<Rate>,
    /// Rows that need nothing here but what this rule and those before it admit, and so have no rule of their own.
    pub also: Vec<u8>,
}

/// The rules of one direction, in their order: what none of them admits is dropped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chain {
    /// The direction.
    pub direction: Direction,
    /// What is let begin; the first that fits counts the connection.
    pub admits: Vec<Admit>,
}

/// The rules of one place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// Where they are loaded.
    pub place: Place,
    /// In and Out on a machine, Through on a boundary.
    pub chains: Vec<Chain>,
}

impl Rules {
    /// Returns the chain of a direction, if the place has it.
    #[must_use]
    pub fn chain(&self, direction: Direction) -> Option<&Chain> {
        self.chains
            .iter()
            .find(|chain| chain.direction == direction)
    }
}

/// What has to pass at every machine and boundary of a topology.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    zones: Zones,
    places: Vec<Rules>,
    /// Which addresses each machine has, its VIPs among them, in the order of the file.
    holders: Vec<(Fqdn, [AddressSet; 2])>,
}

impl Plan {
    /// Derives the plan of a topology.
    #[must_use]
    pub fn of(topology: &Topology) -> Self {
        let zones = Zones::of(topology);
        let ways = ways::all(topology, &zones);
        let holders: Vec<_> = topology
            .machines()
            .iter()
            .map(|machine| {
                let held = Family::ALL.map(|family| zones::held(topology, machine, family));
                (machine.fqdn.clone(), held)
            })
            .collect();
        let machines = holders
            .iter()
            .map(|(name, held)| chains::of_machine(name, held, &ways));
        let boundaries = Boundary::ALL
            .into_iter()
            .map(|boundary| chains::of_boundary(boundary, &zones, &ways));
        Self {
            places: machines.chain(boundaries).collect(),
            zones,
            holders,
        }
    }

    /// Returns the rules of every place: machines in the order of the file, then the boundaries from outside inwards.
    #[must_use]
    pub fn places(&self) -> &[Rules] {
        &self.places
    }

    /// Returns the rules of a place.
    #[must_use]
    pub fn rules(&self, place: &Place) -> Option<&Rules> {
        self.places.iter().find(|rules| rules.place == *place)
    }

    /// Returns the addresses of a machine, of IPv4 and of IPv6; none of a boundary.
    #[must_use]
    pub fn held(&self, place: &Place) -> &[AddressSet] {
        let Place::Machine(name) = place else {
            return &[];
        };
        let holder = self.holders.iter().find(|(holder, _)| holder == name);
        holder.map_or(&[], |(_, held)| held)
    }

    /// Returns the zones of all addresses.
    #[must_use]
    pub const fn zones(&self) -> &Zones {
        &self.zones
    }
}
