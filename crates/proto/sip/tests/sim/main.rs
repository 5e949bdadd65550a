//! The SIP machines against each other, on a network and a clock in memory.
#![allow(clippy::too_many_lines, clippy::cast_possible_truncation, reason = "stories in tests are long")]

mod calls;
mod deployment;
mod determinism;
mod phone;
mod sign_in;
mod transactions;
mod trust;
