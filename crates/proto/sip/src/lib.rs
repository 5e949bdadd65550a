//! SIP as a machine: messages, transactions, the registrar and the three SIP roles, without I/O.
//!
//! - [`msg`]: messages as spans over received bytes, and deltas over them.
//! - [`auth`]: Digest. [`txn`]: transactions. [`token`]: what we sign into Via, Path and Record-Route.
//! - [`guard`]: who behaves badly, and what they still get.
//! - [`locate`]: where the servers of a foreign domain are.
//! - [`location`]: bindings of users. [`registrar`]: the rules by which they change.
//! - [`offline`]: messages for users who are away, where those are kept.
//! - [`event`]: subscriptions and publications. [`presence`]: the documents they carry.
//! - [`observe`]: what a node lets others see of its work.
//! - [`role`]: what a Director, Edge or Front End decides about a request.
//! - `hiding`: what an Edge keeps from those outside.
//! - [`Node`]: the machine that carries decisions out, one per worker.
//!
//! Begin with [`Node`], then the role that interests you, then `msg`.
#![warn(clippy::expect_used)]

pub mod auth;
pub mod config;
pub mod event;
pub mod guard;
mod hiding;
pub mod locate;
pub mod location;
pub mod msg;
mod node;
pub mod observe;
pub mod offline;
pub mod presence;
mod record;
pub mod registrar;
pub mod role;
mod stun;
pub mod token;
pub mod txn;

pub use config::Config;
pub use node::{
    Action, Complaint, Fault, Handed, Input, Node, Note, PartnerStats, Pending, Shared, Stats,
};
pub use record::Unreadable;
