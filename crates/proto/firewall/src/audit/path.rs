//! The way of packets through all base chains: to the machine, from it, through it.
//!
//! A packet passes when every base chain on its way lets it pass; one drop is final. Chains of the same hook come in
//! the order of their priorities.

use std::collections::{BTreeMap, BTreeSet};

use super::sure::Scope;
use super::walk::Walker;
use crate::packet::State;
use crate::plan::Direction;
use crate::ruleset::{Base, Hook, Ruleset};
use crate::space::{Field, Pattern, Set, Space};

/// The priority at which connections are looked up.
const TRACKING: i64 = -200;

/// One base chain on the way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stage {
    /// Which chain.
    pub(super) chain: usize,
    /// What is known of packets there.
    pub(super) scope: Scope,
    /// What enters it.
    pub(super) enters: Set,
    /// What may pass by its policy.
    pub(super) policy_accepts: Set,
    /// What may end by its policy.
    pub(super) policy_drops: Set,
}

/// What becomes of packets on one way.
pub(super) struct Path {
    /// Which way.
    pub(super) direction: Direction,
    /// The base chains on it.
    pub(super) stages: Vec<Stage>,
    /// What may enter each chain, those that are called among them.
    pub(super) entries: BTreeMap<(usize, Scope), Set>,
    /// Every packet of the way.
    pub(super) all: Set,
    /// What may pass.
    pub(super) accepts: Set,
    /// What may end.
    pub(super) drops: Set,
    /// What may be changed so that it is beyond the model.
    pub(super) changes: Set,
}

impl Path {
    /// Returns what passes for certain, of these packets.
    pub(super) fn surely_accepts(&self, space: &mut Space, of: Set) -> Set {
        let accepted = space.and(of, self.accepts);
        let accepted = space.minus(accepted, self.drops);
        space.minus(accepted, self.changes)
    }

    /// Returns what ends for certain, of these packets.
    pub(super) fn surely_drops(&self, space: &mut Space, of: Set) -> Set {
        let dropped = space.and(of, self.drops);
        let dropped = space.minus(dropped, self.accepts);
        space.minus(dropped, self.changes)
    }
}

/// Follows packets on one way.
pub(super) fn follow(
    space: &mut Space,
    walker: &mut Walker<'_>,
    ruleset: &Ruleset,
    direction: Direction,
) -> Path {
    let start = on_the_way(space, direction);
    let mut path = Path {
        direction,
        stages: Vec::new(),
        entries: BTreeMap::new(),
        all: start,
        accepts: start,
        drops: Set::NONE,
        changes: Set::NONE,
    };
    for (chain, base) in stages(ruleset, direction) {
        pass(space, walker, ruleset, &mut path, chain, base);
    }
    for stage in path.stages.clone() {
        enter(
            space,
            walker,
            &mut path.entries,
            stage.chain,
            stage.scope,
            stage.enters,
        );
    }
    spread(space, walker, ruleset, &mut path.entries);
    path
}

/// Takes everything that is still on the way through one more base chain.
fn pass(
    space: &mut Space,
    walker: &mut Walker<'_>,
    ruleset: &Ruleset,
    path: &mut Path,
    chain: usize,
    base: Base,
) {
    let scope = Scope {
        untracked: matches!(base.hook, Hook::Prerouting | Hook::Output)
            && base.priority <= TRACKING,
        unrouted: base.hook == Hook::Prerouting,
    };
    let mut own = families(space, ruleset, chain);
    if base.translates {
        let new = space.equal(Field::State, State::New.number());
        own = space.and(own, new);
    }
    let enters = space.and(path.accepts, own);
    let passes_by = space.minus(path.accepts, own);
    let Some(summary) = walker.summary(space, chain, scope) else {
        return;
    };
    let end = space.and(enters, summary.returns);
    let (policy_accepts, policy_drops) = match base.accepts {
        true => (end, Set::NONE),
        false => (Set::NONE, end),
    };
    let accepted = space.and(enters, summary.accepts);
    let dropped = space.and(enters, summary.drops);
    let changed = space.and(enters, summary.changes);
    path.accepts = space.any(vec![passes_by, accepted, policy_accepts]);
    path.drops = space.any(vec![path.drops, dropped, policy_drops]);
    path.changes = space.or(path.changes, changed);
    path.stages.push(Stage {
        chain,
        scope,
        enters,
        policy_accepts,
        policy_drops,
    });
}

fn families(space: &mut Space, ruleset: &Ruleset, chain: usize) -> Set {
    let chain = ruleset.chains().get(chain);
    let families = chain
        .map(|chain| chain.families.clone())
        .unwrap_or_default();
    let each = families.into_iter().map(|family| {
        let number = u128::from(family == crate::Family::V6);
        space.equal(Field::Family, number)
    });
    let each = each.collect();
    space.any(each)
}

/// The base chains of a way, in the order in which packets meet them.
fn stages(ruleset: &Ruleset, direction: Direction) -> Vec<(usize, Base)> {
    let hooks: &[Hook] = match direction {
        Direction::In => &[Hook::Prerouting, Hook::Input],
        Direction::Through => &[Hook::Prerouting, Hook::Forward, Hook::Postrouting],
        Direction::Out => &[Hook::Output, Hook::Postrouting],
    };
    let chains = ruleset.chains().iter().enumerate();
    let bases = chains.filter_map(|(index, chain)| Some((index, chain.base?)));
    let mut found: Vec<(usize, Base)> = bases
        .filter(|(_, base)| hooks.contains(&base.hook))
        .collect();
    found.sort_by_key(|(_, base)| (base.hook, base.priority));
    found
}

/// Every packet of a way, as far as the interfaces tell: what is for the machine leaves by none, what it makes itself
/// comes in by none, and nothing is passed on from or to itself.
fn on_the_way(space: &mut Space, direction: Direction) -> Set {
    let all = space.packets();
    let none = Pattern::exact("");
    let itself = Pattern::exact("lo");
    let no_input = space.interface(Field::InInterface, &none);
    let no_output = space.interface(Field::OutInterface, &none);
    let wanted = match direction {
        Direction::In => space.minus(no_output, no_input),
        Direction::Out => space.minus(no_input, no_output),
        Direction::Through => {
            let input_itself = space.interface(Field::InInterface, &itself);
            let output_itself = space.interface(Field::OutInterface, &itself);
            !space.any(vec![no_input, no_output, input_itself, output_itself])
        }
    };
    space.and(all, wanted)
}

fn enter(
    space: &mut Space,
    walker: &Walker<'_>,
    entries: &mut BTreeMap<(usize, Scope), Set>,
    chain: usize,
    scope: Scope,
    set: Set,
) {
    if walker.known(chain, scope).is_some() {
        let before = entries.get(&(chain, scope)).copied().unwrap_or(Set::NONE);
        let both = space.or(before, set);
        entries.insert((chain, scope), both);
    }
}

/// Follows jumps: a chain is gone through once everything that calls it has been.
fn spread(
    space: &mut Space,
    walker: &Walker<'_>,
    ruleset: &Ruleset,
    entries: &mut BTreeMap<(usize, Scope), Set>,
) {
    let scopes: BTreeSet<Scope> = entries.keys().map(|(_, scope)| *scope).collect();
    for chain in callers_first(ruleset) {
        for scope in &scopes {
            let Some(entry) = entries.get(&(chain, *scope)).copied() else {
                continue;
            };
            let Some(summary) = walker.known(chain, *scope) else {
                continue;
            };
            for (target, sent) in summary.rules.iter().flat_map(|rule| &rule.enters) {
                let enters = space.and(entry, *sent);
                enter(space, walker, entries, *target, *scope, enters);
            }
        }
    }
}

/// All chains, each behind those that call it. Jumps never lead back, which the ruleset was checked for.
fn callers_first(ruleset: &Ruleset) -> Vec<usize> {
    let mut order = Vec::new();
    let mut seen = BTreeSet::new();
    for index in 0..ruleset.chains().len() {
        behind(ruleset, index, &mut seen, &mut order);
    }
    order.reverse();
    order
}

fn behind(ruleset: &Ruleset, index: usize, seen: &mut BTreeSet<usize>, order: &mut Vec<usize>) {
    if !seen.insert(index) {
        return;
    }
    for target in ruleset.targets(index) {
        behind(ruleset, target, seen, order);
    }
    order.push(index);
}
