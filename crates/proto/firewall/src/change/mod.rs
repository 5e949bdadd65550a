//! What becomes of connections when one plan takes the place of another: in exact meaning, not by text.
//!
//! [`Change::between`] says for each place which connections begin to pass, which pass no longer, and where another rate
//! holds strangers back. Rules that are cut, merged, named or ordered otherwise, and connections that are only counted on
//! another row, are no change. Two equal changes are equal values, whatever the rules of both plans look like.
//!
//! Bounds: those of two plans; the work grows with the ranges of sources that the rules of a chain name, and with
//! how many ways there are of treating them.

mod chain;

use serde::Serialize;

use crate::plan::{Admit, Direction, Place, Plan, Rate, Rules};

/// What of one plan is different in another.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Change {
    /// The places where something is, in the order of the new plan; then those that are gone.
    pub places: Vec<PlaceChange>,
}

/// What is different at one place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlaceChange {
    /// The place.
    pub place: Place,
    /// Whether it is there in both plans.
    pub kind: Kind,
    /// The directions in which something is different.
    pub chains: Vec<ChainChange>,
}

/// Which of the plans has a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// The new one.
    Added,
    /// The old one.
    Removed,
    /// Both.
    Changed,
}

/// What is different in one direction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChainChange {
    /// The direction.
    pub direction: Direction,
    /// What begins to pass, by the row that lets it.
    pub begins: Vec<Admit>,
    /// What ends to pass, by the row that let it.
    pub ends: Vec<Admit>,
    /// What passes before and after, by another rate.
    pub rates: Vec<RateChange>,
}

/// What passes by another rate than before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RateChange {
    /// What passes, with its new rate.
    pub admit: Admit,
    /// The rate of before.
    pub before: Option<Rate>,
}

impl Change {
    /// Compares two plans.
    #[must_use]
    pub fn between(old: &Plan, new: &Plan) -> Self {
        let kept = new.places().iter().map(|rules| {
            let before = old.rules(&rules.place);
            let kind = before.map_or(Kind::Added, |_| Kind::Changed);
            PlaceChange::of(&rules.place, kind, before, Some(rules))
        });
        let gone = old.places().iter();
        let gone = gone.filter(|rules| new.rules(&rules.place).is_none());
        let gone =
            gone.map(|rules| PlaceChange::of(&rules.place, Kind::Removed, Some(rules), None));
        Self {
            places: kept.chain(gone).flatten().collect(),
        }
    }

    /// Tells whether nothing is different.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }
}

impl PlaceChange {
    /// `None` if the place is there in both plans and lets the same pass.
    fn of(place: &Place, kind: Kind, old: Option<&Rules>, new: Option<&Rules>) -> Option<Self> {
        let rules = |rules: Option<&Rules>, direction| {
            let chain = rules.and_then(|rules| rules.chain(direction));
            chain.map_or(Vec::new(), |chain| chain.admits.clone())
        };
        let each = [Direction::In, Direction::Out, Direction::Through];
        let chains = each.into_iter().filter_map(|direction| {
            chain::between(direction, &rules(old, direction), &rules(new, direction))
        });
        let chains: Vec<ChainChange> = chains.collect();
        (kind != Kind::Changed || !chains.is_empty()).then(|| Self {
            place: place.clone(),
            kind,
            chains,
        })
    }
}
