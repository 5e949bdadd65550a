//! What the web side of the product decides: which member of a pool gets a connection, which requests are read at all.
//!
//! [`balance`] chooses among the members of a pool and keeps count of what each of them carries. [`check`] refuses what
//! no element of ours reads. Nothing here opens a connection, asks after anybody's health or moves a byte; what was
//! found out comes in as values.

#![warn(clippy::expect_used, clippy::indexing_slicing)]

pub mod balance;
pub mod check;
