//! Our own table as a kernel has it: what its rules say and have counted, and how it differs from another one.
//!
//! A table comes as the JSON in which `nft` lists it. Two tables are compared by what their rules do: handles, counters,
//! comments and the names of sets carry no meaning and are left out (`statements`). What the plan asks for comes from
//! a kernel too, so both sides are written in the same way.
//!
//! This knows one table and does not judge packets; whole rule sets of anybody's making are for the audit.

mod compare;
mod statements;
mod words;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::plan::{Basic, Direction};

pub use compare::{ChainComparison, Comparison, Pair};
use statements::Sets;

/// Why a listing could not be read.
#[derive(Debug, thiserror::Error)]
#[error("the listing of the table is not understood")]
pub struct ReadError(#[from] serde_json::Error);

/// A table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    /// Its chains in the order of the listing.
    pub chains: Vec<Chain>,
}

/// A chain of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chain {
    /// Its name.
    pub name: String,
    /// Where packets come from, and what becomes of those that no rule decides.
    pub base: Base,
    /// Its rules in their order.
    pub rules: Vec<Rule>,
}

/// Where a chain hangs. A chain that is only jumped to has nothing of this.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Base {
    /// The hook.
    pub hook: Option<String>,
    /// The kind of chain.
    #[serde(rename = "type")]
    pub kind: Option<String>,
    /// When among other chains of the hook.
    pub prio: Option<i64>,
    /// What becomes of packets that no rule decides.
    pub policy: Option<String>,
}

/// A rule of a chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// For whom it stands there, by its comment.
    pub owner: Owner,
    /// Its comment.
    pub comment: String,
    /// What it has counted; nothing if it does not count.
    pub count: Option<Count>,
    /// What it does, in a form of which equal values do the same.
    statements: Vec<Value>,
}

/// What a rule is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Owner {
    /// A row of the flow table.
    Flow(u8),
    /// What passes everywhere, or the rest.
    Basic(Basic),
    /// The bound on how fast strangers may use a row; it counts what is beyond.
    Rate(u8),
    /// None of these; it is not ours.
    Other,
}

/// What a rule has counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Count {
    /// Packets.
    pub packets: u64,
    /// Their bytes.
    pub bytes: u64,
}

impl std::ops::Add for Count {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            packets: self.packets.saturating_add(other.packets),
            bytes: self.bytes.saturating_add(other.bytes),
        }
    }
}

#[derive(Deserialize)]
struct Listing {
    nftables: Vec<Entry>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Entry {
    chain: Option<ChainEntry>,
    set: Option<Value>,
    map: Option<Value>,
    rule: Option<RuleEntry>,
}

#[derive(Deserialize)]
struct ChainEntry {
    name: String,
    #[serde(flatten)]
    base: Base,
}

#[derive(Deserialize)]
struct RuleEntry {
    chain: String,
    #[serde(default)]
    comment: String,
    expr: Vec<Value>,
}

impl Table {
    /// Reads the JSON in which `nft` lists one table.
    ///
    /// # Errors
    /// When it is something else.
    pub fn read(listing: &str) -> Result<Self, ReadError> {
        let listing: Listing = serde_json::from_str(listing)?;
        let mut sets = Sets::default();
        let (mut chains, mut rules) = (Vec::new(), Vec::new());
        for entry in listing.nftables {
            for set in entry.set.into_iter().chain(entry.map) {
                sets.learn(set);
            }
            chains.extend(entry.chain);
            rules.extend(entry.rule);
        }
        let mut table = Self::default();
        for ChainEntry { name, base } in chains {
            let own = rules.iter().filter(|rule| rule.chain == name);
            let rules = own.map(|entry| rule(entry, &sets)).collect();
            table.chains.push(Chain { name, base, rules });
        }
        Ok(table)
    }

    /// Returns the chain of a name.
    #[must_use]
    pub fn chain(&self, name: &str) -> Option<&Chain> {
        self.chains.iter().find(|chain| chain.name == name)
    }
}

impl Chain {
    /// Returns which way its packets go, if it hangs where one of ours does.
    #[must_use]
    pub fn direction(&self) -> Option<Direction> {
        match self.base.hook.as_deref()? {
            "input" => Some(Direction::In),
            "output" => Some(Direction::Out),
            "forward" => Some(Direction::Through),
            _ => None,
        }
    }
}

impl Rule {
    /// Says in words what it does.
    #[must_use]
    pub fn words(&self) -> String {
        words::of(&self.statements)
    }
}

fn rule(entry: &RuleEntry, sets: &Sets) -> Rule {
    let counter = entry.expr.iter().find_map(|one| one.get("counter"));
    Rule {
        owner: Owner::of(&entry.comment),
        comment: entry.comment.clone(),
        count: counter.map(|counter| Count::deserialize(counter).unwrap_or_default()),
        statements: sets.statements(&entry.expr),
    }
}

impl Owner {
    /// Reads the beginning of a comment: `flow 14: ...`, `rate of flow 15` or `basic echo`.
    fn of(comment: &str) -> Self {
        let words: Vec<&str> = comment.split([' ', ':', ';']).take(4).collect();
        let found = match words.as_slice() {
            ["flow", number, ..] => number.parse().ok().map(Self::Flow),
            ["rate", "of", "flow", number] => number.parse().ok().map(Self::Rate),
            ["basic", name, ..] => {
                let mut all = Basic::ALL.into_iter();
                all.find(|basic| basic.name() == *name).map(Self::Basic)
            }
            _ => None,
        };
        found.unwrap_or(Self::Other)
    }
}

#[cfg(test)]
mod tests;
