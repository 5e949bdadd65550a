//! The list of tries of one vantage.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use base::random::Random;
use topology::flows::Carrier;
use topology::{Fqdn, Topology};

use super::expected::Expected;
use super::planner::{Place, Planner};
use crate::plan::Plan;

/// From where it is tried.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Vantage {
    /// From a machine of the topology.
    Machine(Fqdn),
    /// As a phone or browser on the networks of clients.
    Client,
    /// As a stranger outside.
    Outside,
    /// As an administrator.
    Administrator,
}

impl fmt::Display for Vantage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Machine(name) => f.write_str(name.as_str()),
            Self::Client => f.write_str("client"),
            Self::Outside => f.write_str("outside"),
            Self::Administrator => f.write_str("admin"),
        }
    }
}

/// How many unwanted tries there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// None.
    Nothing,
    /// At most so many, drawn by a seed: the same seed draws the same.
    Sample {
        /// How many.
        count: usize,
        /// The seed.
        seed: u64,
    },
    /// Every other address and port of the topology.
    Everything,
}

/// Where a try goes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Target {
    /// The machine; for a VIP the pool, for a gateway its name, for a server without a name its address.
    pub name: String,
    /// The address and port.
    pub socket: SocketAddr,
    /// What carries it.
    pub carrier: Carrier,
}

/// One try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Try {
    /// The address of this machine from which it is made; any where nobody of the topology tries.
    pub from: Option<IpAddr>,
    /// Where it goes.
    pub to: Target,
    /// What should come of it.
    pub expected: Expected,
}

/// The tries of one vantage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tries {
    /// From where.
    pub vantage: Vantage,
    /// The tries, wanted ones first.
    pub list: Vec<Try>,
    /// How many unwanted tries were not drawn.
    pub left_out: usize,
}

/// Returns what is to be tried from a vantage. A machine does not try itself, nor a VIP that it holds.
///
/// What no flow names and the plan still lets pass is not tried, since it is neither wanted nor wrong.
#[must_use]
pub fn tries(topology: &Topology, plan: &Plan, vantage: &Vantage, extent: Extent) -> Tries {
    let planner = Planner::new(topology, plan, vantage);
    let wanted = planner.wanted();
    let mut others = match extent {
        Extent::Nothing => Vec::new(),
        Extent::Sample { .. } | Extent::Everything => planner.others(&wanted),
    };
    let all = others.len();
    if let Extent::Sample { count, seed } = extent
        && count < all
    {
        others = draw(others, count, seed);
    }
    let left_out = all - others.len();
    let wanted = wanted.into_iter().map(|((from, to), wanted)| Try {
        from,
        to,
        expected: Expected::Wanted(wanted),
    });
    Tries {
        vantage: vantage.clone(),
        list: wanted.chain(planner.unwanted(others)).collect(),
        left_out,
    }
}

fn draw(mut from: Vec<Place>, count: usize, seed: u64) -> Vec<Place> {
    let mut bytes = [0; 32];
    let (first, _) = bytes.split_at_mut(8);
    first.copy_from_slice(&seed.to_be_bytes());
    Random::new(bytes).shuffle(&mut from);
    from.truncate(count);
    from.sort();
    from
}
