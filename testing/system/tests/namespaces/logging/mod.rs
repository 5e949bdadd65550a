//! Logs in the bed: agents on every machine, asked from anywhere, under default drop.

mod asking;
mod failures;
mod flood;
mod killed;
mod strangers;
