//! The firewall of a deployment as data: what must pass, what passes, and the difference.
//!
//! - [`plan`] derives from a topology what each machine and each boundary has to let through; [`addresses`] are its sets.
//! - [`render`] writes the plan for packet filters; [`loaded`] compares what a kernel has with it, rule by rule;
//!   [`change`] compares two plans.
//! - [`ruleset`] reads rules of any making, [`space`] has exact sets of packets ([`packet`]), and [`audit`] tells by
//!   them what such rules block, let pass beyond the plan, or leave open.
//! - [`matrix`] says what to try on the running network, and what the results mean.
//!
//! Nothing does I/O: rules of the system come in as text and go out as text.
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
