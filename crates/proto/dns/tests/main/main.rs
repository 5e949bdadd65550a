//! The answers of a zone through the crate's public face, in bytes both ways.

#![expect(clippy::unwrap_used, reason = "a helper that panics fails its test")]

mod answers;
mod desk;
mod hostile;
mod rates;
mod sizes;
mod zones;
