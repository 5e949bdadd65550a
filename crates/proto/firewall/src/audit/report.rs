//! What an audit has found, in values that people and programs can be told.

use std::fmt;

use serde::Serialize;

use super::expect::{Part, Subject};
use crate::packet::Packet;
use crate::plan::{Direction, Place};
use crate::ruleset::{Chain, Rule};

/// Everything that was found at a place.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// The place whose plan was asked.
    #[serde(serialize_with = "in_words")]
    pub place: Place,
    /// What the plan wants and the rules do not let pass.
    pub blocked: Vec<Blocked>,
    /// What the rules let pass and the plan does not know.
    pub beyond: Vec<Beyond>,
    /// What cannot be told from the rules.
    pub unjudged: Vec<Unjudged>,
    /// Rules whose packets earlier rules take.
    pub shadowed: Vec<Shadowed>,
    /// Chains that no packet comes to.
    pub unreachable: Vec<String>,
    /// Rules that could take packets and have counted none.
    pub unused: Vec<RuleAt>,
    /// What was found and is not judged.
    pub notes: Vec<Remark>,
    /// Whether there was more than is listed.
    pub cut_short: bool,
    /// How much there was to do.
    pub work: Work,
}

impl Report {
    /// Tells whether the rules do what the plan wants, no more, and all of it could be told.
    #[must_use]
    pub const fn is_clean(&self) -> bool {
        self.blocked.is_empty() && self.beyond.is_empty() && self.unjudged.is_empty()
    }
}

/// What the plan wants and the rules drop.
#[derive(Clone, Debug, Serialize)]
pub struct Blocked {
    /// What is blocked.
    pub what: Subject,
    /// Which packets of it.
    pub part: Part,
    /// Which way.
    pub direction: Direction,
    /// One of them.
    pub witness: Packet,
    /// What drops it.
    pub by: Decider,
}

impl fmt::Display for Blocked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.part {
            Part::Opening => write!(f, "{} is blocked", self.what),
            Part::Later => write!(f, "{} is blocked after it began", self.what),
            Part::Answers => write!(f, "answers of {} are blocked", self.what),
        }?;
        write!(f, ": {} is dropped by {}", self.witness, self.by)
    }
}

/// What the rules let pass and the plan does not know.
#[derive(Clone, Debug, Serialize)]
pub struct Beyond {
    /// Which way.
    pub direction: Direction,
    /// One packet.
    pub witness: Packet,
    /// What lets it pass.
    pub by: Decider,
}

impl fmt::Display for Beyond {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "no flow needs {}, which passes by {}",
            self.witness, self.by
        )
    }
}

/// What cannot be told from the rules.
#[derive(Clone, Debug, Serialize)]
pub struct Unjudged {
    /// What the plan wants of it; nothing if no flow needs it.
    pub what: Option<(Subject, Part)>,
    /// Which way.
    pub direction: Direction,
    /// One packet.
    pub witness: Packet,
    /// What it depends on.
    pub because: Vec<Unknown>,
}

impl fmt::Display for Unjudged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words: Vec<String> = self.because.iter().map(ToString::to_string).collect();
        let words = words.join("; ");
        let packet = &self.witness;
        match self.what {
            None => write!(
                f,
                "whether {packet}, which no flow needs, passes cannot be told: {words}"
            ),
            Some((what, Part::Opening)) => {
                write!(
                    f,
                    "whether {what} passes cannot be told: {packet} depends on {words}"
                )
            }
            Some((what, Part::Later)) => write!(
                f,
                "whether {what} passes after it began cannot be told: {packet} depends on {words}"
            ),
            Some((what, Part::Answers)) => write!(
                f,
                "whether answers of {what} pass cannot be told: {packet} depends on {words}"
            ),
        }
    }
}

/// Something beyond the model that decides about packets.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Unknown {
    /// What it is.
    pub construct: String,
    /// The rule that has it.
    pub rule: RuleAt,
}

impl fmt::Display for Unknown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\" in {}", self.construct, self.rule)
    }
}

/// A rule that no packet comes to.
#[derive(Clone, Debug, Serialize)]
pub struct Shadowed {
    /// The rule.
    pub rule: RuleAt,
    /// The earlier rules of its chain that take its packets; none if no packet that comes to the chain fits it.
    pub by: Vec<RuleAt>,
}

impl fmt::Display for Shadowed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let by: Vec<String> = self.by.iter().map(ToString::to_string).collect();
        match by.as_slice() {
            [] => write!(
                f,
                "{}: no packet that comes to its chain fits it",
                self.rule
            ),
            by => write!(
                f,
                "{}: its packets are taken by {}",
                self.rule,
                by.join(" and by ")
            ),
        }
    }
}

/// What decides about a packet.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Decider {
    /// A rule.
    Rule(RuleAt),
    /// The policy of a chain.
    Policy(String),
    /// Nothing: there is no chain on the way.
    NoChain,
}

impl fmt::Display for Decider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rule(rule) => rule.fmt(f),
            Self::Policy(chain) => write!(f, "policy of {chain}"),
            Self::NoChain => f.write_str("the lack of any chain on its way"),
        }
    }
}

/// A rule and where it stands.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct RuleAt {
    /// Family and name of the table, and the name of the chain.
    pub chain: String,
    /// How it is found there.
    pub at: String,
    /// What it says.
    pub text: String,
}

impl RuleAt {
    pub(super) fn new(chain: &Chain, rule: &Rule) -> Self {
        Self {
            chain: chain.to_string(),
            at: rule.at.clone(),
            text: rule.text.clone(),
        }
    }
}

impl fmt::Display for RuleAt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {} ({})", self.at, self.chain, self.text)
    }
}

/// Something that was found and is not judged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Remark {
    /// What, and where.
    pub what: String,
    /// What that means.
    pub meaning: &'static str,
}

/// How much there was to do: equal questions have equal numbers on every machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Work {
    /// Rules that were read.
    pub rules: usize,
    /// Nodes of the diagram.
    pub nodes: usize,
    /// Pairs of nodes that were worked through.
    pub steps: u64,
}

fn in_words<S: serde::Serializer>(place: &Place, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(place)
}
