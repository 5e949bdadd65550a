//! Rules of the system's packet filter, whoever wrote them, in one model.
//!
//! Two readers fill it: [`nft::read`] (`nft -j list ruleset`) and [`iptables::read`] (`iptables-save`). A rule is a list
//! of steps that a packet takes in order: questions, of which the first "no" ends the rule, and verdicts. What the
//! model does not know stays in it by name, as a question that may be answered either way or a step that may do
//! anything; it is never left out.
//!
//! Not judged, and said so: IPv6 extension headers (rules see packets without any), fragments (packets are whole, as
//! connection tracking makes them), and how often packets come (limits and meters see a packet that comes alone).
//!
//! Bounds: [`MOST_RULES`], [`MOST_ELEMENTS`], [`DEEPEST_JUMP`], [`LONGEST_TEXT`]; more is refused with the place.

mod fault;
pub mod iptables;
mod names;
pub mod nft;
mod read;
mod test;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::Family;
use crate::space::Pattern;

pub use fault::Fault;
pub use read::read;
pub use test::{End, Kind, Test};

/// Rules that are taken in.
pub const MOST_RULES: usize = 200_000;
/// Elements of sets and maps that are taken in, of all together.
pub const MOST_ELEMENTS: usize = 1_000_000;
/// How many chains may be open at once; the system itself allows fewer.
pub const DEEPEST_JUMP: usize = 64;
/// How long a text may be, in bytes.
pub const LONGEST_TEXT: usize = 256 << 20;

/// All chains that were found, ready to be walked: every target exists and no chain comes back to itself.
#[derive(Clone, Debug, Default)]
pub struct Ruleset {
    chains: Vec<Chain>,
    by_name: BTreeMap<(String, String), usize>,
    notes: Vec<Note>,
}

/// Something that was found and is not judged.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Note {
    /// What, and where.
    pub what: String,
    /// What that means for the audit.
    pub meaning: &'static str,
}

/// A list of rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chain {
    /// Family and name of the table, as `nft` writes them: `inet filter`.
    pub table: String,
    /// Packets of which families come here.
    pub families: Vec<Family>,
    /// The name.
    pub name: String,
    /// Where packets enter, if not by jumps alone.
    pub base: Option<Base>,
    /// The rules, in order.
    pub rules: Vec<Rule>,
}

impl fmt::Display for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.table, self.name)
    }
}

/// How packets come to a chain from the system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Base {
    /// Where on the way of a packet.
    pub hook: Hook,
    /// In which order, lowest first.
    pub priority: i64,
    /// Whether it is for translation, and so sees only what begins a connection.
    pub translates: bool,
    /// Whether what comes to its end passes.
    pub accepts: bool,
}

/// A point on the way of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Hook {
    /// It has arrived.
    Prerouting,
    /// It is for this machine.
    Input,
    /// It is for another.
    Forward,
    /// This machine has made it.
    Output,
    /// It is about to leave.
    Postrouting,
}

/// One rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// How it is found where it came from: `handle 12`, `line 34`.
    pub at: String,
    /// The rule as it was written, or as `nft` would write it.
    pub text: String,
    /// What a packet goes through, in order.
    pub steps: Vec<Step>,
    /// How many packets it has counted, where it counts.
    pub counted: Option<u64>,
}

/// What a rule does with a packet next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Goes on with those that fit; the others leave the rule.
    Ask(Test),
    /// Decides.
    Decide(Verdict),
    /// Decides by the first test that fits; those that fit none leave the rule.
    Choose(Vec<(Test, Verdict)>),
    /// Translates the destination and accepts: which packet comes out is beyond the model. The text says what was found.
    Destination(String),
    /// Translates the source and accepts, behind everything that is judged here.
    Source(String),
    /// Changes what later rules see, in a way that is beyond the model.
    Change(String),
    /// Sets the mark.
    Mark(String),
    /// Keeps the packet from being tracked.
    Untrack,
    /// May accept, may drop, and may go on if `goes_on`.
    Beyond {
        /// What it is.
        name: String,
        /// Whether the packet may come out again.
        goes_on: bool,
    },
}

/// What becomes of a packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// This base chain has no objection.
    Accept,
    /// It ends here.
    Drop,
    /// It ends here, and its sender is told.
    Reject,
    /// It goes through another chain of the table and comes back.
    Jump(String),
    /// It goes through another chain of the table and back to where this chain was called from.
    Goto(String),
    /// It goes back to where this chain was called from.
    Return,
    /// It goes on in the rule.
    Continue,
}

impl Ruleset {
    /// Checks chains and puts them together.
    ///
    /// # Errors
    /// Fails when a chain exists twice, a target does not exist, or jumps lead back or too deep.
    pub fn new(chains: Vec<Chain>, mut notes: Vec<Note>) -> Result<Self, Fault> {
        let mut by_name = BTreeMap::new();
        for (index, chain) in chains.iter().enumerate() {
            let key = (chain.table.clone(), chain.name.clone());
            if by_name.insert(key, index).is_some() {
                return Err(Fault::ChainTwice {
                    chain: chain.to_string(),
                });
            }
        }
        notes.sort();
        notes.dedup();
        let ruleset = Self {
            chains,
            by_name,
            notes,
        };
        ruleset.check_jumps()?;
        Ok(ruleset)
    }

    /// Returns all chains.
    #[must_use]
    pub fn chains(&self) -> &[Chain] {
        &self.chains
    }

    /// Returns what was found and is not judged.
    #[must_use]
    pub fn notes(&self) -> &[Note] {
        &self.notes
    }

    /// Returns how many rules there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.chains.iter().map(|chain| chain.rules.len()).sum()
    }

    /// Tells whether there is no rule.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the place of a chain of the same table.
    #[must_use]
    pub fn target(&self, from: &Chain, name: &str) -> Option<usize> {
        let key = (from.table.clone(), name.to_owned());
        self.by_name.get(&key).copied()
    }

    /// Returns the places of the chains that rules of a chain lead to.
    pub fn targets(&self, chain: usize) -> impl Iterator<Item = usize> {
        let chains = self.chains.get(chain).into_iter();
        chains.flat_map(|chain| {
            let names = chain.targets();
            names.filter_map(|(_, name)| self.target(chain, name))
        })
    }

    /// Joins two, of which the other says what it says better: its tables take the place of equal ones here.
    ///
    /// # Errors
    /// Fails as [`Ruleset::new`] does.
    pub fn joined(self, other: Self) -> Result<Self, Fault> {
        let better: BTreeSet<String> = other.chains.iter().map(|c| c.table.clone()).collect();
        let kept = self
            .chains
            .into_iter()
            .filter(|c| !better.contains(&c.table));
        let chains = kept.chain(other.chains).collect();
        Self::new(chains, [self.notes, other.notes].concat())
    }

    /// Returns every test of every rule.
    pub fn tests(&self) -> impl Iterator<Item = &Test> {
        let rules = self.chains.iter().flat_map(|chain| &chain.rules);
        let steps = rules.flat_map(|rule| &rule.steps);
        steps.flat_map(|step| -> Box<dyn Iterator<Item = &Test>> {
            match step {
                Step::Ask(test) => Box::new(std::iter::once(test)),
                Step::Choose(choices) => Box::new(choices.iter().map(|(test, _)| test)),
                Step::Decide(_)
                | Step::Destination(_)
                | Step::Source(_)
                | Step::Change(_)
                | Step::Mark(_)
                | Step::Untrack
                | Step::Beyond { .. } => Box::new(std::iter::empty()),
            }
        })
    }

    /// Returns every interface that rules name.
    #[must_use]
    pub fn interfaces(&self) -> BTreeSet<Pattern> {
        let mut patterns = BTreeSet::new();
        for test in self.tests() {
            test.visit(&mut |part| {
                if let Test::Interface { pattern, .. } = part {
                    patterns.insert(pattern.clone());
                }
            });
        }
        patterns
    }

    /// Returns the first rule with a step of a kind.
    #[must_use]
    pub fn first_with(&self, is_meant: impl Fn(&Step) -> bool) -> Option<(&Chain, &Rule)> {
        self.chains.iter().find_map(|chain| {
            let mut rules = chain.rules.iter();
            let rule = rules.find(|rule| rule.steps.iter().any(&is_meant))?;
            Some((chain, rule))
        })
    }

    fn check_jumps(&self) -> Result<(), Fault> {
        let mut depths: Vec<Option<usize>> = vec![None; self.chains.len()];
        let mut open = Vec::new();
        (0..self.chains.len()).try_for_each(|index| {
            self.depth(index, &mut depths, &mut open)?;
            Ok(())
        })
    }

    /// How many chains are open at most when this one is walked, itself among them.
    fn depth(
        &self,
        index: usize,
        depths: &mut Vec<Option<usize>>,
        open: &mut Vec<usize>,
    ) -> Result<usize, Fault> {
        if let Some(known) = depths.get(index).copied().flatten() {
            return Ok(known);
        }
        let Some(chain) = self.chains.get(index) else {
            return Ok(0);
        };
        if open.contains(&index) {
            return Err(Fault::JumpsBack {
                chain: chain.to_string(),
            });
        }
        open.push(index);
        let mut deepest = 0;
        for (rule, name) in chain.targets() {
            let target = self.target(chain, name).ok_or_else(|| Fault::NoSuchChain {
                chain: chain.to_string(),
                at: rule.at.clone(),
                target: name.to_owned(),
            })?;
            if open.len() >= DEEPEST_JUMP {
                return Err(Fault::JumpsTooDeep {
                    chain: chain.to_string(),
                    most: DEEPEST_JUMP,
                });
            }
            deepest = deepest.max(self.depth(target, depths, open)?);
        }
        open.pop();
        if let Some(place) = depths.get_mut(index) {
            *place = Some(deepest + 1);
        }
        Ok(deepest + 1)
    }
}

impl Chain {
    /// Returns the names of chains that rules lead to.
    fn targets(&self) -> impl Iterator<Item = (&Rule, &str)> {
        let steps = self
            .rules
            .iter()
            .flat_map(|rule| rule.steps.iter().map(move |step| (rule, step)));
        steps.flat_map(|(rule, step)| {
            let verdicts: Vec<&Verdict> = match step {
                Step::Decide(verdict) => vec![verdict],
                Step::Choose(choices) => choices.iter().map(|(_, verdict)| verdict).collect(),
                Step::Ask(_)
                | Step::Destination(_)
                | Step::Source(_)
                | Step::Change(_)
                | Step::Mark(_)
                | Step::Untrack
                | Step::Beyond { .. } => Vec::new(),
            };
            let names = verdicts.into_iter().filter_map(|verdict| match verdict {
                Verdict::Jump(name) | Verdict::Goto(name) => Some(name.as_str()),
                Verdict::Accept
                | Verdict::Drop
                | Verdict::Reject
                | Verdict::Return
                | Verdict::Continue => None,
            });
            names.map(move |name| (rule, name))
        })
    }
}
