//! Without any one rule exactly the rows fail that needed it, for the reason that it was there.
//!
//! Every rule of every place is taken away once. Rules that have no try in common are taken away together: each try is
//! then stopped by at most one of them, and says by which place and how.

use std::collections::{BTreeMap, BTreeSet};

use firewall::matrix::{Found, Outcome, Report, Verdict};
use firewall::plan::{Attempt, Boundary, Chain, Direction, Place, Plan};
use system::bed::{INNER, OUTER, Rule};

use super::site::{Site, with};
use super::verify::{TRIERS, everywhere, is_right};

/// What a balancer needs to pass on what comes to its VIPs: the way to members, and to know that they are well.
const BALANCED: [u8; 2] = [21, 22];
/// The rows that come by a VIP, and without the former are let through and find nobody behind.
const BY_VIP: [u8; 5] = [1, 2, 4, 5, 16];

#[test]
fn without_a_rule_exactly_the_rows_fail_that_needed_it() {
    let test = "namespaces::without_a_rule_exactly_the_rows_fail_that_needed_it";
    with(test, &[], |site| {
        let plan = Plan::of(site.bed.topology());
        let before = everywhere(site, "none");
        let wrong = before.tries.iter().find(|one| !is_right(one));
        assert!(wrong.is_none(), "with all rules there: {wrong:#?}");
        let all = removals(site, &plan, &before.tries);
        // Who gets no answer from a member believes it down, and goes on to do so for a while.
        let (last, first) = all.into_iter().partition(Removal::is_felt_by_clients);
        for batch in batches(first).into_iter().chain(batches(last)) {
            // Found before any is gone: their numbers count all of a chain.
            let rules: Vec<Rule> = batch.iter().map(|removal| removal.find(site)).collect();
            for (removal, rule) in batch.iter().zip(&rules) {
                site.bed.at(&removal.name()).delete(rule).unwrap();
            }
            let after = everywhere(site, "none");
            for removal in &batch {
                let restored = site.filters.load_at(&site.bed, &removal.name());
                restored.unwrap();
            }
            judge(&batch, &before, &after);
        }
        site.running.settle_anew().unwrap();
    });
}

/// A rule to be taken away.
#[derive(Debug)]
struct Removal {
    place: Place,
    direction: Direction,
    /// Which it is among the rules of flows in its chain, and of which flow.
    number: usize,
    flow: u8,
    /// The wanted tries that it admits, by their number.
    admits: BTreeSet<usize>,
    /// Those of them that no other rule of its chain admits.
    stops: BTreeSet<usize>,
}

fn removals(site: &Site, plan: &Plan, tries: &[Outcome]) -> Vec<Removal> {
    let attempts: Vec<Attempt> = tries.iter().map(|one| attempt(site, one)).collect();
    let chains = plan.places().iter().flat_map(|rules| {
        let chains = rules.chains.iter();
        chains.map(|chain| (&rules.place, chain))
    });
    let all = chains.flat_map(|(place, chain)| {
        let here = (place.clone(), chain.direction);
        let passing = attempts.iter().enumerate();
        let passing = passing.filter(|(_, attempt)| plan.way(attempt).contains(&here));
        let passing: Vec<_> = passing.collect();
        let numbers = 0..chain.admits.len();
        let removals = numbers.map(|number| removal(place, chain, number, &passing));
        removals.collect::<Vec<_>>()
    });
    all.collect()
}

fn removal(place: &Place, chain: &Chain, number: usize, passing: &[(usize, &Attempt)]) -> Removal {
    let rule = &chain.admits[number];
    let admitted = passing.iter().filter(|(_, attempt)| rule.admits(attempt));
    let is_needed = |(_, attempt): &&(usize, &Attempt)| {
        let others = chain.admits.iter().enumerate();
        let mut others = others.filter(|(at, _)| *at != number);
        !others.any(|(_, other)| other.admits(attempt))
    };
    Removal {
        place: place.clone(),
        direction: chain.direction,
        number,
        flow: rule.flow,
        stops: admitted
            .clone()
            .filter(is_needed)
            .map(|(at, _)| *at)
            .collect(),
        admits: admitted.map(|(at, _)| *at).collect(),
    }
}

fn attempt(site: &Site, one: &Outcome) -> Attempt {
    let trier = TRIERS.iter().find(|(_, who)| *who == one.from);
    let own = || site.bed.addresses(trier.unwrap().0)[0];
    Attempt {
        source: one.source.unwrap_or_else(own),
        destination: one.address,
        carrier: one.carrier,
        port: one.port,
    }
}

/// Puts together what has no try in common.
fn batches(removals: Vec<Removal>) -> Vec<Vec<Removal>> {
    let mut batches: Vec<Vec<Removal>> = Vec::new();
    for removal in removals {
        let is_apart = |other: &Removal| other.admits.is_disjoint(&removal.admits);
        let mut fitting = batches.iter_mut();
        match fitting.find(|batch| batch.iter().all(is_apart)) {
            Some(batch) => batch.push(removal),
            None => batches.push(vec![removal]),
        }
    }
    batches
}

impl Removal {
    /// The name of the place in the bed.
    fn name(&self) -> String {
        match &self.place {
            Place::Machine(name) => name.to_string(),
            Place::Boundary(Boundary::Outside) => OUTER.to_owned(),
            Place::Boundary(Boundary::Inside) => INNER.to_owned(),
        }
    }

    /// Whether those who come by a VIP may suffer without it, at once or a little later.
    fn is_felt_by_clients(&self) -> bool {
        BALANCED.contains(&self.flow)
    }

    /// Looks the rule up in the kernel.
    fn find(&self, site: &Site) -> Rule {
        let chain = match self.direction {
            Direction::In => "input",
            Direction::Out => "output",
            Direction::Through => "forward",
        };
        let rules = site.bed.at(&self.name()).rules().unwrap().into_iter();
        let mut flows = rules.filter(|rule| rule.flow().is_some() && rule.chain == chain);
        let rule = flows.nth(self.number).unwrap();
        assert_eq!(rule.flow(), Some(self.flow), "{rule:?}");
        rule
    }

    /// Whether this is how a try ends that the rule does not let pass any more.
    fn explains(&self, found: &Found) -> bool {
        match self.direction {
            Direction::Out => matches!(found, Found::Prohibited { .. }),
            Direction::In | Direction::Through => *found == Found::Dropped,
        }
    }
}

fn judge(batch: &[Removal], before: &Report, after: &Report) {
    let mut stopped: BTreeMap<usize, &Removal> = BTreeMap::new();
    for removal in batch {
        stopped.extend(removal.stops.iter().map(|at| (*at, removal)));
    }
    let is_balanced = !batch.iter().any(Removal::is_felt_by_clients);
    let is_excused = |flows: &[u8]| !is_balanced && flows.iter().any(|flow| BY_VIP.contains(flow));
    assert_eq!(before.tries.len(), after.tries.len());
    for (at, one) in after.tries.iter().enumerate() {
        match stopped.get(&at) {
            Some(removal) => assert!(removal.explains(&one.found), "{removal:?}: {one:#?}"),
            None if is_right(one) => {}
            None => {
                let let_through = !matches!(one.found, Found::Dropped | Found::Prohibited { .. });
                let gone: Vec<_> = batch.iter().map(|it| (it.name(), it.flow)).collect();
                let is_right = let_through && is_excused(&one.flows);
                assert!(is_right, "without {gone:?}: {one:#?}");
            }
        }
    }
    let wanted = stopped.keys().flat_map(|at| after.tries[*at].rows.clone());
    let wanted: BTreeSet<usize> = wanted.collect();
    for (at, row) in after.rows.iter().enumerate() {
        let fails = row.verdict == Some(Verdict::Fail);
        assert!(
            fails == wanted.contains(&at) || is_excused(&[row.flow]),
            "{row:#?}"
        );
    }
}
