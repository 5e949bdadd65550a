//! Rules and chains that do nothing: shadowed, never fitting, unreachable, never used.

use std::collections::{BTreeMap, BTreeSet};

use super::path::Path;
use super::report::{RuleAt, Shadowed};
use super::sure::Scope;
use super::walk::{Summary, Walker};
use crate::ruleset::{Chain, Ruleset};
use crate::space::{Set, Space};

/// What was found.
#[derive(Default)]
pub(super) struct Unneeded {
    pub(super) shadowed: Vec<Shadowed>,
    pub(super) unreachable: Vec<String>,
    pub(super) unused: Vec<RuleAt>,
}

/// Looks at every chain with all packets that come to it on any way.
pub(super) fn find(
    space: &mut Space,
    ruleset: &Ruleset,
    walker: &Walker<'_>,
    paths: &[Path],
) -> Unneeded {
    let mut found = Unneeded::default();
    let behind = behind_rates(ruleset, walker, paths);
    for (index, chain) in ruleset.chains().iter().enumerate() {
        let entries = entries(space, paths, index);
        if entries.iter().all(|(_, set)| *set == Set::NONE) {
            if !chain.rules.is_empty() && !behind.contains(&index) {
                found.unreachable.push(chain.to_string());
            }
            continue;
        }
        let views: Vec<(&Summary, Set)> = entries
            .iter()
            .filter_map(|(scope, set)| Some((walker.known(index, *scope)?, *set)))
            .collect();
        for number in 0..chain.rules.len() {
            judge(space, chain, &views, number, &mut found);
        }
    }
    found
}

/// Chains that packets may come to when they come too often, which none does that comes alone.
fn behind_rates(ruleset: &Ruleset, walker: &Walker<'_>, paths: &[Path]) -> BTreeSet<usize> {
    let entries = paths.iter().flat_map(|path| path.entries.keys());
    let summaries = entries.filter_map(|(index, scope)| walker.known(*index, *scope));
    let rules = summaries.flat_map(|summary| &summary.rules);
    let sent = rules
        .filter(|effect| effect.of_rates)
        .flat_map(|effect| &effect.enters);
    let mut waiting: Vec<usize> = sent.map(|(target, _)| *target).collect();
    let mut behind = BTreeSet::new();
    while let Some(index) = waiting.pop() {
        if behind.insert(index) {
            waiting.extend(ruleset.targets(index));
        }
    }
    behind
}

/// What comes to a chain, by what is known of packets there.
fn entries(space: &mut Space, paths: &[Path], chain: usize) -> Vec<(Scope, Set)> {
    let mut all: BTreeMap<Scope, Set> = BTreeMap::new();
    for path in paths {
        for ((_, scope), set) in path
            .entries
            .iter()
            .filter(|((index, _), _)| *index == chain)
        {
            let before = all.get(scope).copied().unwrap_or(Set::NONE);
            let both = space.or(before, *set);
            all.insert(*scope, both);
        }
    }
    all.into_iter().collect()
}

fn judge(
    space: &mut Space,
    chain: &Chain,
    views: &[(&Summary, Set)],
    number: usize,
    found: &mut Unneeded,
) {
    let Some(rule) = chain.rules.get(number) else {
        return;
    };
    let mut waiting = Vec::new();
    for (summary, entry) in views {
        let Some(effect) = summary.rules.get(number) else {
            continue;
        };
        let wanted = space.and(*entry, effect.fits);
        if !space.are_apart(wanted, effect.reach) {
            if rule.counted == Some(0) {
                found.unused.push(RuleAt::new(chain, rule));
            }
            return;
        }
        if effect.decides {
            waiting.push((*summary, wanted));
        }
    }
    if waiting.is_empty() {
        return;
    }
    let mut by = Vec::new();
    for (summary, wanted) in waiting {
        takers(space, chain, summary, wanted, number, &mut by);
    }
    found.shadowed.push(Shadowed {
        rule: RuleAt::new(chain, rule),
        by,
    });
}

/// The earlier rules that take what a rule wants, as many as are worth naming.
fn takers(
    space: &mut Space,
    chain: &Chain,
    summary: &Summary,
    wanted: Set,
    number: usize,
    by: &mut Vec<RuleAt>,
) {
    /// More names than these say no more.
    const NAMED: usize = 8;
    let mut left = wanted;
    while by.len() < NAMED
        && let Some(packet) = space.witness(left, &[])
    {
        let packet = space.point(&packet);
        let mut earlier = chain.rules.iter().zip(&summary.rules).take(number);
        let taker = earlier.find(|(_, effect)| {
            space.has(effect.reach, &packet) && !space.has(effect.next, &packet)
        });
        let Some((rule, effect)) = taker else {
            return;
        };
        let rule = RuleAt::new(chain, rule);
        let taken = space.minus(effect.reach, effect.next);
        if !by.contains(&rule) {
            by.push(rule);
        }
        left = space.minus(left, taken);
    }
}
