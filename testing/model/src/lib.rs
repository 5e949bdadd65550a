//! The reference deployment in memory, with phones: what the simulations of `sip` and the fuzz targets share.
//!
//! Useful for anything that needs several real nodes that speak to each other on the network and clock of `testkit`.
//! Not for sockets, TLS or processes (`testing/system`). A helper that does not get what it waits for panics: that is
//! how a story fails.
#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    clippy::missing_panics_doc,
    reason = "stories told with helpers; a panic is how they fail"
)]

pub mod deployment;
pub mod dialog;
pub mod fuzz;
mod gateway;
pub mod machines;
pub mod phone;
mod rest;
mod robot;
pub mod speed;
pub mod walk;

pub use rest::nothing_is_left;
