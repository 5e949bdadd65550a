//! Traces as an agent sees them: records in, searches out, and everything that can go wrong in between.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod crash;
mod disk;
mod ext4;
mod grep;
mod limits;
mod search;
mod support;
mod tail;
