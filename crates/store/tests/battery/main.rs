//! The log through its public face, on a real disk.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod append;
mod compaction;
mod crash;
mod disk_full;
mod kill;
mod replica;
mod subscribe;
mod support;
