//! The rules of two chains, compared connection by connection.
//!
//! For one carrier and port the connections of a family are a plane: who opens, and to whom. The rules of both chains sort
//! the sources into classes that are treated alike. For each class the destinations that either chain admits are sets
//! that can be subtracted, and classes with the same result are joined again.

use std::collections::{BTreeMap, BTreeSet};

use topology::flows::Carrier;

use super::{ChainChange, RateChange};
use crate::plan::{Admit, Direction, Rate};
use crate::{AddressSet, Family};

/// How connections are let pass, and to whom.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Piece {
    flow: u8,
    family: Family,
    carrier: Carrier,
    rate: Option<Rate>,
    /// Another rate, where that is what the piece is about.
    before: Option<Rate>,
    destinations: AddressSet,
}

/// Pieces by port, with the sources for which they were found.
type Found = BTreeMap<(u16, Piece), AddressSet>;

/// Says what is different between the rules of two chains; `None` if nothing is.
pub(super) fn between(direction: Direction, old: &[Admit], new: &[Admit]) -> Option<ChainChange> {
    let mut begins = Found::new();
    let mut ends = Found::new();
    let mut rates = Found::new();
    for plane in planes(old, new) {
        let (before, after) = (plane.rules(old), plane.rules(new));
        for class in plane.classes(before.iter().chain(&after)) {
            let (before, after) = (
                plane.treated(&before, &class),
                plane.treated(&after, &class),
            );
            let note = |found: &mut Found, piece: Piece| {
                if !piece.destinations.is_empty() {
                    let sources = found.entry((plane.port, piece));
                    let sources = sources.or_insert_with(|| AddressSet::empty(plane.family));
                    *sources = sources.union(&class);
                }
            };
            for piece in &after {
                note(&mut begins, piece.without(&before));
            }
            for piece in &before {
                note(&mut ends, piece.without(&after));
            }
            for (one, other) in after
                .iter()
                .flat_map(|one| before.iter().map(move |other| (one, other)))
            {
                if one.rate != other.rate {
                    note(&mut rates, one.unlike(other));
                }
            }
        }
    }
    let change = ChainChange {
        direction,
        begins: admits(begins).map(|(admit, _)| admit).collect(),
        ends: admits(ends).map(|(admit, _)| admit).collect(),
        rates: admits(rates)
            .map(|(admit, before)| RateChange { admit, before })
            .collect(),
    };
    let is_empty = change.begins.is_empty() && change.ends.is_empty() && change.rates.is_empty();
    (!is_empty).then_some(change)
}

/// The connections of one family over one carrier to one port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Plane {
    family: Family,
    carrier: Carrier,
    port: u16,
}

fn planes(old: &[Admit], new: &[Admit]) -> BTreeSet<Plane> {
    let each = old.iter().chain(new).flat_map(|admit| {
        admit.ports.iter().map(|port| Plane {
            family: admit.family,
            carrier: admit.carrier,
            port: *port,
        })
    });
    each.collect()
}

impl Plane {
    fn rules(self, all: &[Admit]) -> Vec<&Admit> {
        let is_here = |admit: &&Admit| {
            (admit.family, admit.carrier) == (self.family, self.carrier)
                && admit.ports.contains(&self.port)
        };
        all.iter().filter(is_here).collect()
    }

    /// Sorts all sources by which of the rules name them.
    fn classes<'a>(self, rules: impl Iterator<Item = &'a &'a Admit>) -> Vec<AddressSet> {
        rules.fold(vec![AddressSet::all(self.family)], |classes, admit| {
            let parts = classes.iter().flat_map(|class| {
                [
                    class.intersection(&admit.sources),
                    class.difference(&admit.sources),
                ]
            });
            parts.filter(|part| !part.is_empty()).collect()
        })
    }

    /// What the rules do with connections of one class: by the first rule that fits, each destination once.
    fn treated(self, rules: &[&Admit], class: &AddressSet) -> Vec<Piece> {
        let one = class.ranges().first().map_or(0, |(first, _)| *first);
        let source = self.family.address(one);
        let mut left = AddressSet::all(self.family);
        let mut pieces = Vec::new();
        for admit in rules.iter().filter(|admit| admit.sources.contains(source)) {
            pieces.push(Piece {
                flow: admit.flow,
                family: self.family,
                carrier: self.carrier,
                rate: admit.rate,
                before: None,
                destinations: admit.destinations.intersection(&left),
            });
            left = left.difference(&admit.destinations);
        }
        pieces
    }
}

impl Piece {
    /// What of it none of the others has.
    fn without(&self, others: &[Self]) -> Self {
        let mut piece = self.clone();
        for other in others {
            piece.destinations = piece.destinations.difference(&other.destinations);
        }
        piece
    }

    /// What of it the other has as well, by another rate.
    fn unlike(&self, other: &Self) -> Self {
        Self {
            before: other.rate,
            destinations: self.destinations.intersection(&other.destinations),
            ..self.clone()
        }
    }
}

/// Joins ports of the same product; ordered by row.
fn admits(found: Found) -> impl Iterator<Item = (Admit, Option<Rate>)> {
    let mut products: BTreeMap<(Piece, AddressSet), Vec<u16>> = BTreeMap::new();
    for ((port, piece), sources) in found {
        products.entry((piece, sources)).or_default().push(port);
    }
    products.into_iter().map(|((piece, sources), ports)| {
        let admit = Admit {
            flow: piece.flow,
            family: piece.family,
            sources,
            destinations: piece.destinations,
            carrier: piece.carrier,
            ports,
            rate: piece.rate,
            also: Vec::new(),
        };
        (admit, piece.before)
    })
}
