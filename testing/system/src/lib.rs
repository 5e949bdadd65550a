//! The product as a peer or an operator sees it: whole processes, real phones, real ports, loopback only.
//!
//! Nothing in here looks inside a role. A test starts what it needs ([`deployment`], [`kamailio`], [`phones`]), each on
//! loopback addresses of its own ([`block`]), with names that only its own processes resolve ([`names`]) and
//! certificates of a throwaway authority ([`authority`]).
//!
//! Two rules hold everywhere. Nothing waits for a time: every wait is for a line or a condition, with a deadline
//! ([`process`]). A peer that is not installed, or a right that is missing, is said aloud ([`needs`]).

pub mod authority;
pub mod block;
pub mod deployment;
pub mod kamailio;
pub mod names;
pub mod needs;
pub mod phones;
pub mod process;
