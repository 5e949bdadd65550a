//! Which rule or policy decides about one packet, read off the sets.

use super::path::{Path, Stage};
use super::report::{Decider, RuleAt};
use super::walk::{Effect, Walker};
use crate::ruleset::Ruleset;
use crate::space::{Point, Set, Space};

/// What decided, and all packets about which it decides.
pub(super) struct Decided {
    pub(super) by: Decider,
    pub(super) packets: Set,
}

/// Reads decisions off one path.
pub(super) struct Tracer<'a> {
    pub(super) ruleset: &'a Ruleset,
    pub(super) walker: &'a Walker<'a>,
    pub(super) path: &'a Path,
}

impl Tracer<'_> {
    /// Returns what drops a packet: the first chain that does.
    pub(super) fn drops(&self, space: &mut Space, packet: &Point) -> Option<Decided> {
        self.path.stages.iter().find_map(|stage| {
            let policy = stage.policy_drops;
            self.at(space, stage, packet, |effect| effect.drops)
                .or_else(|| self.policy(space, stage, policy, packet))
        })
    }

    /// Returns what lets a packet pass: the last rule that says so, or the last policy where no rule does.
    pub(super) fn accepts(&self, space: &mut Space, packet: &Point) -> Decided {
        let stages = || self.path.stages.iter().rev();
        let rule =
            stages().find_map(|stage| self.at(space, stage, packet, |effect| effect.accepts));
        if let Some(decided) = rule {
            return decided;
        }
        let policy =
            stages().find_map(|stage| self.policy(space, stage, stage.policy_accepts, packet));
        policy.unwrap_or(Decided {
            by: Decider::NoChain,
            packets: Set::ALL,
        })
    }

    fn policy(&self, space: &Space, stage: &Stage, set: Set, packet: &Point) -> Option<Decided> {
        let chain = self.ruleset.chains().get(stage.chain)?;
        if chain.base.is_some_and(|base| base.translates) {
            // That nothing is translated is nobody's decision to let it pass.
            return None;
        }
        space.has(set, packet).then(|| Decided {
            by: Decider::Policy(chain.to_string()),
            packets: set,
        })
    }

    fn at(
        &self,
        space: &mut Space,
        stage: &Stage,
        packet: &Point,
        decides: impl Fn(&Effect) -> Set + Copy,
    ) -> Option<Decided> {
        if !space.has(stage.enters, packet) {
            return None;
        }
        self.within(space, stage, stage.chain, packet, decides)
    }

    /// Goes through a chain as the packet does.
    fn within(
        &self,
        space: &mut Space,
        stage: &Stage,
        index: usize,
        packet: &Point,
        decides: impl Fn(&Effect) -> Set + Copy,
    ) -> Option<Decided> {
        let chain = self.ruleset.chains().get(index)?;
        let summary = self.walker.known(index, stage.scope)?;
        for (rule, effect) in chain.rules.iter().zip(&summary.rules) {
            let set = decides(effect);
            if set == Set::NONE && effect.enters.is_empty() {
                continue;
            }
            if space.has(set, packet) {
                let entry = self.path.entries.get(&(index, stage.scope)).copied();
                let packets = space.and(entry.unwrap_or(Set::NONE), set);
                return Some(Decided {
                    by: Decider::Rule(RuleAt::new(chain, rule)),
                    packets,
                });
            }
            for (target, sent) in &effect.enters {
                if space.has(*sent, packet)
                    && let Some(decided) = self.within(space, stage, *target, packet, decides)
                {
                    return Some(decided);
                }
            }
        }
        None
    }
}
