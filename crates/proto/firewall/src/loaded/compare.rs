//! How a loaded table differs from the planned one.

use super::{Chain, Rule, Table};
use crate::plan::Direction;

/// A planned table beside the loaded one.
#[derive(Clone, Debug)]
pub struct Comparison<'a> {
    /// The planned chains in their order, then loaded ones that are not planned.
    pub chains: Vec<ChainComparison<'a>>,
}

/// A planned chain beside the loaded one.
#[derive(Clone, Debug)]
pub struct ChainComparison<'a> {
    /// The name of both.
    pub name: &'a str,
    /// Which way its packets go.
    pub direction: Option<Direction>,
    /// Whether there is such a chain in the loaded table, on the same hook with the same policy.
    pub is_hung: bool,
    /// The planned rules, each with the loaded one that does the same.
    pub pairs: Vec<Pair<'a>>,
    /// Loaded rules that are not planned.
    pub beyond: Vec<&'a Rule>,
    /// Whether rules that are planned and loaded stand in another order.
    pub is_reordered: bool,
}

/// A planned rule.
#[derive(Clone, Copy, Debug)]
pub struct Pair<'a> {
    /// As it is planned.
    pub planned: &'a Rule,
    /// As it is loaded; nothing if it is not.
    pub loaded: Option<&'a Rule>,
}

impl<'a> Comparison<'a> {
    /// Compares what is planned with what is loaded.
    #[must_use]
    pub fn of(planned: &'a Table, loaded: &'a Table) -> Self {
        let chains = planned
            .chains
            .iter()
            .map(|chain| ChainComparison::of(Some(chain), loaded.chain(&chain.name)));
        let beyond = loaded
            .chains
            .iter()
            .filter(|chain| planned.chain(&chain.name).is_none());
        let beyond = beyond.map(|chain| ChainComparison::of(None, Some(chain)));
        Self {
            chains: chains.chain(beyond).collect(),
        }
    }

    /// Tells whether the loaded table does what the planned one does.
    #[must_use]
    pub fn is_same(&self) -> bool {
        self.chains.iter().all(ChainComparison::is_same)
    }

    /// Tells whether the comments are the same as well.
    #[must_use]
    pub fn is_labelled_alike(&self) -> bool {
        let pairs = self.chains.iter().flat_map(|chain| &chain.pairs);
        pairs
            .filter_map(|pair| Some((pair.planned, pair.loaded?)))
            .all(|(planned, loaded)| planned.comment == loaded.comment)
    }
}

impl<'a> ChainComparison<'a> {
    fn of(planned: Option<&'a Chain>, loaded: Option<&'a Chain>) -> Self {
        let rules = |chain: Option<&'a Chain>| chain.map_or(&[][..], |chain| &chain.rules);
        let mut beyond: Vec<(usize, &Rule)> = rules(loaded).iter().enumerate().collect();
        let mut last = None;
        let mut is_reordered = false;
        let mut pairs = Vec::new();
        for rule in rules(planned) {
            let does_same = |(_, other): &(usize, &Rule)| other.statements == rule.statements;
            let found = beyond
                .iter()
                .position(does_same)
                .map(|at| beyond.remove(at));
            if let Some((at, _)) = found {
                is_reordered |= last.is_some_and(|last| at < last);
                last = Some(at);
            }
            let loaded = found.map(|(_, other)| other);
            pairs.push(Pair {
                planned: rule,
                loaded,
            });
        }
        let either = planned.or(loaded);
        Self {
            name: either.map_or("", |chain| &chain.name),
            direction: either.and_then(Chain::direction),
            is_hung: planned.map(|chain| &chain.base) == loaded.map(|chain| &chain.base),
            pairs,
            beyond: beyond.into_iter().map(|(_, rule)| rule).collect(),
            is_reordered,
        }
    }

    /// Tells whether the loaded chain does what the planned one does.
    #[must_use]
    pub fn is_same(&self) -> bool {
        let all_loaded = self.pairs.iter().all(|pair| pair.loaded.is_some());
        self.is_hung && all_loaded && self.beyond.is_empty() && !self.is_reordered
    }
}
