//! What has to pass, derived from the flow table and the addresses of a topology: nothing else passes.

use serde::Serialize;
use topology::Fqdn;
use topology::flows::Carrier;

use crate::{AddressSet, Family};

/// A line between two zones, with a packet filter on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Boundary {
    /// Between outside and the perimeter's external addresses.
    Outside,
    /// Between the perimeter's internal addresses and inside.
    Inside,
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
}
