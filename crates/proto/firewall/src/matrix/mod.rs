//! Whether the network does what the flow table says: what to try from where, and what the results mean.
//!
//! ```text
//! topology, vantage --tries()--> [Try] --roles::probing--> [Found] --Report::new()--> rows, cells, a verdict, reasons
//!                                                                     \--Report::join()--> the same of several runs
//! ```
//!
//! A *wanted* try goes as deep as its protocol goes: the connection, TLS in which both sides prove what they should, a
//! question that changes nothing. It is right when it is answered. An *unwanted* try only knocks. It is right when nothing
//! comes back, or a packet filter says no; a reset is wrong, since it shows that the packet has arrived.
//!
//! Nothing here opens a connection. Who does hands in what was [`Found`], one for each [`Try`], in their order.
//!
//! Bounds: unwanted tries are at most as many as [`Extent`] says.

mod cells;
mod doors;
mod expected;
mod found;
mod outcome;
pub mod picture;
mod planner;
mod report;
mod tries;
mod words;

#[cfg(test)]
mod tests;

pub use cells::Cell;
pub use expected::{Expected, Proof, Question, Wanted};
pub use found::{Depth, Found, Verdict};
pub use outcome::Outcome;
pub use report::{JoinError, Report, Row, Run, VERSION};
pub use tries::{Extent, Target, Tries, Try, Vantage, tries};
pub use words::Words;
