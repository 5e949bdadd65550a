//! The roles of a machine: wiring of cores, runtime and disk, and nothing else.
//!
//! - [`machine`]: one machine of the topology, started, watched, reloaded and drained.
//! - [`signalling`]: Director, Edge and Front End. [`identify`]: the trust list.
//! - [`directory_log`], [`directory_admin`], [`replication`]: the users, on the machine that masters them and elsewhere.
//! - [`names`]: the answers to DNS.
//!
//! Modules of roles do not use each other; `machine` puts them together.

pub mod directory_admin;
pub mod directory_log;
pub mod identify;
pub mod machine;
pub mod names;
pub mod replication;
pub mod signalling;
