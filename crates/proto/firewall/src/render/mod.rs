//! The rules of a place in the words of packet filters.

pub mod nft;
