//! Centralized logging without I/O: what a record is, who may ask for it, and how it is found again.
//!
//! ```text
//! a role makes a Record  --rules-->  the agent keeps it as text (crate `traces`)  --query-->  whoever asks
//! ```
//!
//! - [`Record`] is one event: a SIP message, an HTTP request, a handshake, a change of health. It has one text form
//!   ([`mod@line`]), in which it is stored, sent, exported and searched, so that a search finds what `grep` finds.
//! - [`Scenario`]s say what is captured, [`Rules`] which of them run, [`Capture`] is what a hot path asks.
//! - [`Query`] is what is looked for; [`matches()`] says with what result, [`Plan`] what an index can know of it.
//! - [`wire`] is the protocol between controller and agents, [`authority`] says who may use it, [`Merge`] puts the
//!   answers of several agents in order.
//!
//! Not here: files (`traces`), connections (`runtime`, `roles`), where in a role something is captured.
#![warn(clippy::expect_used, clippy::indexing_slicing)]

pub mod authority;
mod component;
mod duration;
mod json;
pub mod line;
mod merge;
mod query;
mod record;
pub mod redact;
mod rules;
mod scenario;
mod sieve;
mod throttle;
mod time;
mod value;
pub mod wire;

pub use component::{Component, Flags, Level, UnknownName};
pub use duration::{Duration, DurationError};
pub use merge::{MOST_WAITING, Merge, Merged, SourceStatus, skew};
pub use query::{
    Combine, Criterion, Key, LONGEST_CRITERION, LONGEST_SPAN, MOST_CRITERIA, MOST_RESULTS, Pattern,
    Phone, Plan, Query, QueryError, RESULTS, Span, SpanError, Status, keys_of, matches,
    matches_text, matches_whenever,
};
pub use record::{Correlation, Direction, Flow, Record};
pub use rules::{Capture, MOST_AT_A_TIME, RuleError, Rules, Running};
pub use scenario::{Scenario, ScenarioError, Scenarios, Watch, predefined};
pub use sieve::Sieve;
pub use throttle::{Throttle, ThrottleOptions};
pub use time::{Time, TimeError};
pub use value::{TEXT_MAX, Text, VALUE_MAX, Value};
