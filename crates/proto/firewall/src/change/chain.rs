//! The rules of two chains, compared connection by connection.
//!
//! For one carrier and port the connections of a family are a plane: who opens, and to whom. The rules of both chains cut
//! the axis of sources into strips, within which all sources are treated alike. In each strip the destinations that
//! either chain admits are sets that can be subtracted, and strips with the same result are joined again.

use std::collections::{BTreeMap, BTreeSet};

use topology::flows::Carrier;

use super::{ChainChange, RateChange};
use crate::plan::{Admit, Direction, Rate};
use crate::{AddressSet, Family};

/// How connections are let pass, and to whom: joined over ports, then over sources.
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

type Strips = Vec<(u128, u128)>;
type Found = BTreeMap<(u16, Piece), Strips>;

/// Says what is different between the rules of two chains; `None` if nothing is.
pub(super) fn between(direction: Direction, old: &[Admit], new: &[Admit]) -> Option<ChainChange> {
    let mut begins = Found::new();
    let mut ends = Found::new();
    let mut rates = Found::new();
    for plane in planes(old, new) {
        let (before, after) = (plane.rules(old), plane.rules(new));
        for strip in plane.strips(before.iter().chain(&after)) {
            let before = plane.treated(&before, strip.0);
            let after = plane.treated(&after, strip.0);
            let note = |found: &mut Found, piece: Piece| {
                if !piece.destinations.is_empty() {
                    found.entry((plane.port, piece)).or_default().push(strip);
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

    /// Cuts the axis of sources wherever a rule begins or ends.
    fn strips<'a>(self, rules: impl Iterator<Item = &'a &'a Admit>) -> Strips {
        let ranges = rules.flat_map(|admit| admit.sources.ranges());
        let ends = ranges.flat_map(|(first, last)| [Some(*first), last.checked_add(1)]);
        let cuts: BTreeSet<u128> = ends.flatten().collect();
        let next = cuts.iter().skip(1).map(|cut| cut - 1);
        let lasts = next.chain([self.family.last()]);
        cuts.iter()
            .copied()
            .zip(lasts)
            .filter(|(first, last)| first <= last)
            .collect()
    }

    /// What the rules do with connections of one source: by the first rule that fits, each destination once.
    fn treated(self, rules: &[&Admit], source: u128) -> Vec<Piece> {
        let source = self.family.address(source);
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

/// Joins strips of the same result, then ports of the same product; ordered by row.
fn admits(found: Found) -> impl Iterator<Item = (Admit, Option<Rate>)> {
    let mut products: BTreeMap<(Piece, AddressSet), Vec<u16>> = BTreeMap::new();
    for ((port, piece), strips) in found {
        let sources = AddressSet::from_ranges(piece.family, strips);
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
