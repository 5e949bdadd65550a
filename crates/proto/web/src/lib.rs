//! What the web side of the product decides: which member of a pool gets a connection, which requests are read at all,
//! and what they get.
//!
//! - [`balance`] chooses among the members of a pool and keeps count of what each of them carries.
//! - [`check`] refuses what no element of ours reads.
//! - [`publish`] is the reverse proxy: where requests go on, and with which headers.
//! - [`site`] is the web services of a Director or Front End.
//! - [`ticket`] says who has proven a password, to every Director and Front End.
//! - [`trace`] names a request on its way through our machines.
//!
//! Nothing here opens a connection, asks after anybody's health or moves a byte; what was found out comes in as values.

#![warn(clippy::expect_used, clippy::indexing_slicing)]

pub mod affinity;
pub mod balance;
pub mod check;
mod keyed;
mod location;
pub mod publish;
pub mod site;
pub mod ticket;
pub mod trace;

pub use location::Location;
