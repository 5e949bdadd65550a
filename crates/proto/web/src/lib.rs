//! What balancers decide about connections: which member of a pool gets one.
//!
//! [`balance`] chooses among the members of a pool and keeps count of what each of them carries. Nothing here opens a
//! connection, asks after anybody's health or moves a byte; what was found out comes in as values.

#![warn(clippy::expect_used, clippy::indexing_slicing)]

pub mod balance;
