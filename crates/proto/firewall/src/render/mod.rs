//! The rules of a place in the words of packet filters.
//!
//! Each filter has a module of its own with a `text` (or `json`) that takes the rules of one place, and says in its head
//! what of the plan it can and cannot express.

pub mod iptables;
pub mod nft;
pub mod terraform;
mod words;
