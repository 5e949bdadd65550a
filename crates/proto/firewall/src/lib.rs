//! The firewall of a deployment as data: what must pass, what passes, and the difference.
//!
//! [`plan`] derives from a topology what each machine and each boundary has to let through. [`matrix`] says what to try on
//! the running network, and what the results mean. Everything else here reads
//! that plan or is compared with it. Nothing does I/O: rule sets of the system come in as text and go out as text.
#![warn(clippy::expect_used, clippy::indexing_slicing)]

pub mod addresses;
pub mod audit;
pub mod change;
pub mod loaded;
pub mod matrix;
pub mod packet;
pub mod plan;
pub mod render;
pub mod ruleset;
pub mod space;

pub use addresses::{AddressSet, Family};
