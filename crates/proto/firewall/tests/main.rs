//! The firewall as its callers see it: plans of real topologies and what they say.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod audit;
mod change;
mod order;
mod plan;
mod rendered;
mod terraform;
mod topologies;
mod wanted;
