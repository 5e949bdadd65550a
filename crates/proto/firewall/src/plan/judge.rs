//! What becomes of one new connection on its whole way: out of its machine, across the boundaries, in at the other.

use std::net::IpAddr;

use serde::Serialize;
use topology::flows::Carrier;

use super::{Admit, Chain, Direction, Place, Plan};
use crate::Family;

/// A new connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Attempt {
    /// Who opens it.
    pub source: IpAddr,
    /// To whom.
    pub destination: IpAddr,
    /// What carries it.
    pub carrier: Carrier,
    /// The port of the destination.
    pub port: u16,
}

/// What the plan says to an attempt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Judgement {
    /// Every place on the way lets it pass.
    Admitted {
        /// The row of the rule that admits it at the first of them.
        flow: u8,
    },
    /// A place on the way does not.
    Stopped {
        /// The first that does not.
        at: Place,
        /// In which of its chains.
        direction: Direction,
    },
    /// The plan has no place on the way: it stays on one machine, or it is between others within one zone.
    Unseen,
}

impl Admit {
    /// Tells whether the rule admits an attempt.
    #[must_use]
    pub fn admits(&self, attempt: &Attempt) -> bool {
        self.carrier == attempt.carrier
            && self.ports.contains(&attempt.port)
            && self.sources.contains(attempt.source)
            && self.destinations.contains(attempt.destination)
    }
}

impl Chain {
    /// Returns the rule that admits an attempt.
    #[must_use]
    pub fn admit(&self, attempt: &Attempt) -> Option<&Admit> {
        self.admits.iter().find(|admit| admit.admits(attempt))
    }
}

impl Plan {
    /// Says what becomes of an attempt.
    #[must_use]
    pub fn judge(&self, attempt: &Attempt) -> Judgement {
        let mut first = None;
        for (place, direction) in self.way(attempt) {
            let chain = self.rules(&place).and_then(|rules| rules.chain(direction));
            match chain.and_then(|chain| chain.admit(attempt)) {
                Some(admit) => first = first.or(Some(admit.flow)),
                None => {
                    return Judgement::Stopped {
                        at: place,
                        direction,
                    };
                }
            }
        }
        first.map_or(Judgement::Unseen, |flow| Judgement::Admitted { flow })
    }

    /// Returns the places that an attempt meets, in their order.
    #[must_use]
    pub fn way(&self, attempt: &Attempt) -> Vec<(Place, Direction)> {
        let (from, to) = (
            self.holder(attempt.source),
            self.holder(attempt.destination),
        );
        if from.is_some() && from == to {
            return Vec::new();
        }
        let zone = |address| self.zones().zone(address);
        let between = zone(attempt.source).boundaries_to(zone(attempt.destination));
        let boundaries = between
            .iter()
            .map(|boundary| (Place::Boundary(*boundary), Direction::Through));
        let from = from.map(|place| (place, Direction::Out));
        let to = to.map(|place| (place, Direction::In));
        from.into_iter().chain(boundaries).chain(to).collect()
    }

    /// The machine that has an address; of several that hold a VIP the first, since all have the same rules for it.
    fn holder(&self, address: IpAddr) -> Option<Place> {
        let has = |[v4, v6]: &[crate::AddressSet; 2]| match Family::of(address) {
            Family::V4 => v4.contains(address),
            Family::V6 => v6.contains(address),
        };
        let found = self.holders.iter().find(|(_, held)| has(held));
        found.map(|(name, _)| Place::Machine(name.clone()))
    }
}
