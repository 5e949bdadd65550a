//! Call flows as machines would record them, put together again.

#![expect(clippy::unwrap_used, reason = "a helper that panics fails its test")]

mod hostile;
mod joined;
mod many;
mod outcomes;
mod pictures;
mod world;
