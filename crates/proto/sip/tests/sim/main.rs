//! The SIP machines against each other, on a network and a clock in memory.
#![allow(
    unreachable_pub,
    clippy::too_many_lines,
    clippy::cast_possible_truncation,
    clippy::unwrap_used,
    reason = "stories told with helpers; a panic is how they fail"
)]

mod abuse;
mod calls;
mod certificates;
mod datagrams;
mod determinism;
mod ends;
mod events;
mod faults;
mod forking;
mod hiding;
mod keeping;
mod lists;
mod lists_elsewhere;
mod lists_stored;
mod observing;
mod outbound;
mod overload;
mod presence;
mod relaying;
mod routing;
mod secure;
mod sign_in;
mod transactions;
mod trust;
mod walk;
mod workers;

use model::{deployment, dialog, machines, phone};
