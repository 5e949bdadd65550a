//! What each chain does with every packet that could enter it.
//!
//! A chain is worked out once, for all packets: which it may accept, which it may drop, which it may give back. What it
//! does with one packet does not depend on the others, so wherever it is called from, the packets that really enter are
//! simply intersected with these sets. A packet whose way depends on something beyond the model is in several of them.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::sure::{Bounds, Facts, Scope};
use crate::packet::State;
use crate::ruleset::{Chain, Rule, Ruleset, Step, Test, Verdict};
use crate::space::{Field, Set, Space};

/// What a chain does with packets of its families.
#[derive(Clone, Debug)]
pub(super) struct Summary {
    /// What its rules do, in their order.
    pub(super) rules: Vec<Effect>,
    /// What it may accept, by itself or by chains that it calls.
    pub(super) accepts: Set,
    /// What it may drop.
    pub(super) drops: Set,
    /// What may come to its end, or return.
    pub(super) returns: Set,
    /// What it may change in a way that is beyond the model.
    pub(super) changes: Set,
}

/// What a rule does.
#[derive(Clone, Debug)]
pub(super) struct Effect {
    /// What may come to it.
    pub(super) reach: Set,
    /// What fits it, wherever it may come from.
    pub(super) fits: Set,
    /// What may go on behind it.
    pub(super) next: Set,
    /// What it may accept itself.
    pub(super) accepts: Set,
    /// What it may drop itself.
    pub(super) drops: Set,
    /// What it may send to other chains.
    pub(super) enters: Vec<(usize, Set)>,
    /// What depends on something beyond the model here, by its name.
    pub(super) unsure: Vec<(String, Set)>,
    /// Whether it does more than count and log.
    pub(super) decides: bool,
    /// Whether it asks how often packets come, so that others than those that come alone may fit.
    pub(super) of_rates: bool,
}

/// Works out chains as they are asked for.
pub(super) struct Walker<'a> {
    ruleset: &'a Ruleset,
    facts: Facts,
    done: BTreeMap<(usize, Scope), Rc<Summary>>,
}

impl<'a> Walker<'a> {
    pub(super) const fn new(ruleset: &'a Ruleset, facts: Facts) -> Self {
        Self {
            ruleset,
            facts,
            done: BTreeMap::new(),
        }
    }

    /// Returns what a chain does, once it and all chains that it calls are worked out.
    pub(super) fn summary(
        &mut self,
        space: &mut Space,
        index: usize,
        scope: Scope,
    ) -> Option<Rc<Summary>> {
        if !self.done.contains_key(&(index, scope)) {
            let chain = self.ruleset.chains().get(index)?;
            let summary = self.work_out(space, chain, scope);
            self.done.insert((index, scope), Rc::new(summary));
        }
        self.done.get(&(index, scope)).cloned()
    }

    /// Returns what a chain does if it was worked out.
    pub(super) fn known(&self, index: usize, scope: Scope) -> Option<&Summary> {
        self.done.get(&(index, scope)).map(Rc::as_ref)
    }

    fn work_out(&mut self, space: &mut Space, chain: &Chain, scope: Scope) -> Summary {
        let families = chain.families.iter().map(|family| Test::family(*family));
        let families = Test::Any(families.collect());
        let own = self
            .facts
            .bounds(space, scope, &families, &mut Vec::new())
            .may;
        let mut reach = {
            let packets = space.packets();
            space.and(packets, own)
        };
        let mut sums = Sums::default();
        let mut rules = Vec::with_capacity(chain.rules.len());
        for rule in &chain.rules {
            let effect = self.rule(space, chain, rule, scope, reach, &mut sums);
            reach = effect.next;
            rules.push(effect);
        }
        sums.returns.push(reach);
        Summary {
            rules,
            accepts: space.any(sums.accepts),
            drops: space.any(sums.drops),
            returns: space.any(sums.returns),
            changes: space.any(sums.changes),
        }
    }

    fn rule(
        &mut self,
        space: &mut Space,
        chain: &Chain,
        rule: &Rule,
        scope: Scope,
        reach: Set,
        sums: &mut Sums,
    ) -> Effect {
        let mut at = Within {
            left: Vec::new(),
            fits: Set::ALL,
            asked: Bounds::ALL,
            current: reach,
            effect: Effect {
                reach,
                fits: Set::ALL,
                next: Set::NONE,
                accepts: Set::NONE,
                drops: Set::NONE,
                enters: Vec::new(),
                unsure: Vec::new(),
                decides: false,
                of_rates: false,
            },
        };
        for step in &rule.steps {
            if !matches!(step, Step::Ask(_)) {
                at.answer(space);
            }
            self.step(space, chain, scope, step, &mut at, sums);
        }
        at.answer(space);
        at.left.push(at.current);
        let mut effect = at.effect;
        effect.fits = at.fits;
        effect.next = space.any(at.left);
        sums.accepts.push(effect.accepts);
        sums.drops.push(effect.drops);
        effect
    }

    fn step(
        &mut self,
        space: &mut Space,
        chain: &Chain,
        scope: Scope,
        step: &Step,
        at: &mut Within,
        sums: &mut Sums,
    ) {
        match step {
            Step::Ask(test) => self.ask(space, scope, test, at),
            Step::Decide(verdict) => {
                let taken = std::mem::replace(&mut at.current, Set::NONE);
                at.current = self.decide(space, chain, scope, verdict, taken, at, sums);
            }
            Step::Choose(choices) => self.choose(space, chain, scope, choices, at, sums),
            Step::Destination(name) => at.change(space, at.current, name, sums),
            Step::Source(_) => {
                at.effect.accepts = space.or(at.effect.accepts, at.current);
                at.end();
            }
            Step::Change(name) => at.change(space, at.current, name, sums),
            // What a mark is from here on is answered by every test that asks for it.
            Step::Mark(_) => at.effect.decides = true,
            Step::Untrack => {
                let untracked = space.equal(Field::State, State::Untracked.number());
                let changed = space.minus(at.current, untracked);
                let same = space.and(at.current, untracked);
                at.change(space, changed, "notrack", sums);
                at.current = same;
            }
            Step::Beyond { name, goes_on } => {
                at.effect.unsure.push((name.clone(), at.current));
                at.effect.accepts = space.or(at.effect.accepts, at.current);
                at.effect.drops = space.or(at.effect.drops, at.current);
                at.effect.decides = true;
                if !goes_on {
                    at.current = Set::NONE;
                }
            }
        }
    }

    /// Puts a question to those before it: all of a rule are asked at once, since a rule is small and what comes to it
    /// is not.
    fn ask(&self, space: &mut Space, scope: Scope, test: &Test, at: &mut Within) {
        let mut beyond = Vec::new();
        let bounds = self.facts.bounds(space, scope, test, &mut beyond);
        if !beyond.is_empty() {
            let open = space.minus(bounds.may, bounds.must);
            let open = space.and(at.asked.may, open);
            at.note(space, open, beyond);
        }
        at.asked = at.asked.and(space, bounds);
        if test.is_of_rates() {
            at.effect.of_rates = true;
        } else {
            at.fits = space.and(at.fits, bounds.may);
        }
    }

    /// Choices that come to the same are taken together: a map of many elements has few verdicts.
    fn choose(
        &mut self,
        space: &mut Space,
        chain: &Chain,
        scope: Scope,
        choices: &[(Test, Verdict)],
        at: &mut Within,
        sums: &mut Sums,
    ) {
        let mut left = at.current;
        let mut fits = Vec::new();
        let mut goes_on = Vec::new();
        for group in choices.chunk_by(|a, b| a.1 == b.1) {
            let Some((_, verdict)) = group.first() else {
                continue;
            };
            let mut beyond = Vec::new();
            let tests = group.iter().map(|(test, _)| test);
            let bounds = self.facts.any(space, scope, tests, &mut beyond);
            let open = space.minus(bounds.may, bounds.must);
            at.note(space, open, beyond);
            let taken = space.and(left, bounds.may);
            left = space.minus(left, bounds.must);
            fits.push(bounds.may);
            goes_on.push(self.decide(space, chain, scope, verdict, taken, at, sums));
        }
        at.left.push(left);
        let fits = space.any(fits);
        at.fits = space.and(at.fits, fits);
        at.current = space.any(goes_on);
    }

    /// Carries out a verdict; returns what goes on in the rule.
    #[expect(
        clippy::too_many_arguments,
        reason = "the place of a verdict is made of these"
    )]
    fn decide(
        &mut self,
        space: &mut Space,
        chain: &Chain,
        scope: Scope,
        verdict: &Verdict,
        taken: Set,
        at: &mut Within,
        sums: &mut Sums,
    ) -> Set {
        at.effect.decides = true;
        match verdict {
            Verdict::Continue => return taken,
            Verdict::Accept => at.effect.accepts = space.or(at.effect.accepts, taken),
            Verdict::Drop | Verdict::Reject => at.effect.drops = space.or(at.effect.drops, taken),
            Verdict::Return => sums.returns.push(taken),
            Verdict::Jump(name) | Verdict::Goto(name) => {
                let Some(target) = self.ruleset.target(chain, name) else {
                    return Set::NONE;
                };
                let Some(called) = self.summary(space, target, scope) else {
                    return Set::NONE;
                };
                at.effect.enters.push((target, taken));
                sums.accepts.push(space.and(taken, called.accepts));
                sums.drops.push(space.and(taken, called.drops));
                sums.changes.push(space.and(taken, called.changes));
                let back = space.and(taken, called.returns);
                if matches!(verdict, Verdict::Jump(_)) {
                    at.left.push(back);
                } else {
                    sums.returns.push(back);
                }
            }
        }
        Set::NONE
    }
}

/// Sets of one chain that are put together at its end.
#[derive(Default)]
struct Sums {
    accepts: Vec<Set>,
    drops: Vec<Set>,
    returns: Vec<Set>,
    changes: Vec<Set>,
}

/// Where packets are within a rule.
struct Within {
    /// Have left it and go on behind it.
    left: Vec<Set>,
    /// Fit every question so far, wherever they may come from.
    fits: Set,
    /// Fit the questions since something was decided, which have not been answered.
    asked: Bounds,
    /// Are at the next step.
    current: Set,
    effect: Effect,
}

impl Within {
    /// Lets those leave that do not fit what has been asked.
    fn answer(&mut self, space: &mut Space) {
        let asked = std::mem::replace(&mut self.asked, Bounds::ALL);
        if asked == Bounds::ALL {
            return;
        }
        self.left.push(space.minus(self.current, asked.must));
        self.current = space.and(self.current, asked.may);
    }

    fn note(&mut self, space: &mut Space, open: Set, beyond: Vec<String>) {
        if beyond.is_empty() {
            return;
        }
        let open = space.and(self.current, open);
        for name in beyond {
            self.effect.unsure.push((name, open));
        }
    }

    fn change(&mut self, space: &mut Space, changed: Set, name: &str, sums: &mut Sums) {
        let changed = space.and(self.current, changed);
        self.effect.unsure.push((name.to_owned(), changed));
        sums.changes.push(changed);
        self.end();
    }

    fn end(&mut self) {
        self.effect.decides = true;
        self.current = Set::NONE;
    }
}
