//! Trace records of several machines, put together to one picture of a call flow.
//!
//! ```text
//! records  --Ladder::draw-->  participants, arrows, decisions, a sentence  -->  terminal | SVG | page | JSON
//! ```
//!
//! A message between two of our machines is recorded twice, when it leaves one and when it reaches the other; the two are
//! joined to one arrow ([`mod@join`]). The clocks of machines differ; by how much follows from the joined pairs, and all times
//! shown are corrected so that nothing arrives before it was sent ([`mod@clocks`]). Each participant's line reads in the order
//! of its own records ([`mod@order`]). What was decided about a request, and why, stands on the line of who decided.
//!
//! What peers sent is hostile: records have no control characters, and what else could turn or hide text on a
//! terminal is spelt out ([`mod@words`]); in SVG and HTML everything is escaped, and the page's policy lets no script run but its own.
//!
//! Bounds: [`MOST_RECORDS`] of a flow, [`MOST_PARTIES`] participants, [`picture::MOST_ROWS`] rows of an SVG; what is left
//! out is counted and said.
#![warn(clippy::expect_used, clippy::indexing_slicing)]

mod build;
mod clocks;
mod events;
mod flows;
mod join;
mod known;
mod message;
mod model;
mod order;
mod outcome;
mod party;
pub mod picture;
pub mod text;
mod words;

pub use flows::{Flow, MOST_FLOWS, flows};
pub use known::{Known, Server};
pub use model::{
    Arrow, Event, Kind, Ladder, MOST_PARTIES, MOST_RECORDS, Party, Remark, Row, Seen, Sight,
    Subject,
};
