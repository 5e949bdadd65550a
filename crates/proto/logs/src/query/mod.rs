//! What is looked for: limits that a record must be within, and criteria of which one or all must hold.
//!
//! [`matches()`] is the meaning of a query, by the obvious way. Whatever finds records faster must find the same.
//!
//! - Limits (always): time, machines, components, least level. Pools are no limit here: whoever asks knows which machines
//!   they have and asks those.
//! - Criteria: values of one kind are alternatives; of several kinds any or all must hold ([`Combine`]). Without a
//!   criterion whatever is within the limits is found.
//! - Text and patterns are looked for in each line of the record's text form ([`crate::line`]), as `grep` does.
//!
//! Bounds: [`MOST_CRITERIA`], [`LONGEST_CRITERION`], [`LONGEST_SPAN`], [`MOST_RESULTS`].

mod criterion;
mod matching;
mod pattern;
mod plan;
mod span;
mod wire;

pub use criterion::{Criterion, Phone, Status};
pub use matching::{matches, matches_text, matches_whenever};
pub use pattern::Pattern;
pub use plan::{Key, Plan, keys_of};
pub use span::{LONGEST_SPAN, Span, SpanError};

use serde::{Deserialize, Serialize};

use crate::{Component, Level};

/// More criteria, machines or components are refused.
pub const MOST_CRITERIA: usize = 64;
/// A longer value of a criterion is refused.
pub const LONGEST_CRITERION: usize = 512;
/// More records are never asked for at once.
pub const MOST_RESULTS: u32 = 1_000_000;
/// So many are, unless more are wanted.
pub const RESULTS: u32 = 10_000;

/// How criteria of several kinds go together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Combine {
    /// One of them is enough.
    #[default]
    Any,
    /// A record must satisfy every kind.
    All,
}

/// A search.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "wire::Unchecked", into = "wire::Unchecked")]
pub struct Query {
    /// From when to when.
    pub span: Span,
    /// Machines, by FQDN in lower case; none means every one.
    pub machines: Vec<String>,
    /// Components; none means every one.
    pub components: Vec<Component>,
    /// The least grave level.
    pub level: Level,
    /// What is looked for.
    pub criteria: Vec<Criterion>,
    /// How criteria of several kinds go together.
    pub combine: Combine,
    /// How many records at most, the oldest ones.
    pub limit: u32,
}

impl Query {
    /// Begins a query for everything within a time.
    #[must_use]
    pub fn within(span: Span) -> Self {
        Self {
            span,
            machines: Vec::new(),
            components: Vec::new(),
            level: Level::Debug,
            criteria: Vec::new(),
            combine: Combine::Any,
            limit: RESULTS,
        }
    }

    /// Checks the bounds that the types do not.
    ///
    /// # Errors
    /// A bound is passed.
    pub fn check(&self) -> Result<(), QueryError> {
        for (what, number) in [
            ("criteria", self.criteria.len()),
            ("machines", self.machines.len()),
            ("components", self.components.len()),
        ] {
            if number > MOST_CRITERIA {
                return Err(QueryError::TooMany { what, number });
            }
        }
        if self.limit == 0 || self.limit > MOST_RESULTS {
            return Err(QueryError::Limit(self.limit));
        }
        self.criteria.iter().try_for_each(Criterion::check)
    }
}

/// Why something cannot be searched for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QueryError {
    /// Too many of something.
    #[error("{number} {what} are too many; a search takes {MOST_CRITERIA}")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many.
        number: usize,
    },
    /// No result, or more than anybody reads.
    #[error("a search gives between 1 and {MOST_RESULTS} records, not {0}")]
    Limit(u32),
    /// An empty value, which everything or nothing has.
    #[error("there is nothing to look for in an empty {0}")]
    Empty(&'static str),
    /// A value that is too long.
    #[error("a {0} of more than {LONGEST_CRITERION} bytes is not searched for")]
    TooLong(&'static str),
    /// A value that no record can have.
    #[error("{value:?} is no {kind}; {form}")]
    Form {
        /// Of what kind.
        kind: &'static str,
        /// The value.
        value: String,
        /// How it is written.
        form: &'static str,
    },
    /// An expression that cannot be read, or that would take too much room.
    #[error("the pattern cannot be used: {0}")]
    Pattern(String),
    /// A span of time that cannot be.
    #[error(transparent)]
    Span(#[from] SpanError),
}
