//! The audit: exact sets against a slow evaluator, rulesets of other people, and how much work many rules are.

mod agrees;
mod many;
mod others;
pub(crate) mod random;
mod readers;
pub(crate) mod slow;
