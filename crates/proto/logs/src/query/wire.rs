//! A query as it travels: checked as a whole when it arrives.

use serde::{Deserialize, Serialize};

use super::{Combine, Criterion, Query, QueryError, Span};
use crate::{Component, Level};

/// The same fields, not checked yet.
#[derive(Serialize, Deserialize)]
pub(super) struct Unchecked {
    span: Span,
    machines: Vec<String>,
    components: Vec<Component>,
    level: Level,
    criteria: Vec<Criterion>,
    combine: Combine,
    limit: u32,
}

impl TryFrom<Unchecked> for Query {
    type Error = QueryError;

    fn try_from(raw: Unchecked) -> Result<Self, QueryError> {
        let query = Self {
            span: raw.span,
            machines: raw.machines,
            components: raw.components,
            level: raw.level,
            criteria: raw.criteria,
            combine: raw.combine,
            limit: raw.limit,
        };
        query.check().map(|()| query)
    }
}

impl From<Query> for Unchecked {
    fn from(query: Query) -> Self {
        Self {
            span: query.span,
            machines: query.machines,
            components: query.components,
            level: query.level,
            criteria: query.criteria,
            combine: query.combine,
            limit: query.limit,
        }
    }
}
