//! The audit: exact sets against a slow evaluator, rulesets of other people, and how much work many rules are.

mod agrees;
mod many;
pub(crate) mod random;
pub(crate) mod slow;
