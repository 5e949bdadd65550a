//! The roles of a machine: wiring of cores, runtime and disk, and nothing else.
//!
//! - [`machine`]: one machine of the topology, started, watched, reloaded and drained.
//! - [`signalling`]: Director, Edge and Front End. [`identify`]: the trust list.
//! - [`directory_log`], [`directory_admin`], [`replication`]: the users, on the machine that masters them and elsewhere.
//! - [`names`]: the answers to DNS. [`health`]: which servers can be used, for a machine that chooses among them.
//! - [`probing`]: tries of the flows from one machine, or as a stranger.
//! - [`balancer`]: the VIPs of pools. [`publishing`]: the reverse proxy. [`websites`]: what clients find over HTTP.
//! - [`logging`]: the agent that keeps what a machine's roles record. [`controlling`]: whoever asks the agents.
//! - [`filtering`]: rules of the kernel's packet filter, on trial.
//!
//! `balancer`, `controlling`, `directory_admin`, `filtering`, `health`, `names`, `publishing`, `replication`, `signalling` and `websites` do not use each
//! other; `machine` puts them together.
//! `probing` puts the questions that others answer, and only those. `directory_log`, `identify`, `relay` and `requests` are the ground
//! that several stand on.

pub mod balancer;
pub mod controlling;
pub mod directory_admin;
pub mod directory_log;
pub mod exporting;
mod fault;
pub mod filtering;
mod handshakes;
pub mod health;
pub mod identify;
pub mod logging;
pub mod machine;
pub mod names;
pub mod probing;
pub mod publishing;
pub mod relay;
pub mod replication;
pub mod requests;
pub mod signalling;
pub mod websites;
