//! The product as a peer or an operator sees it: whole processes, real phones, real ports, loopback only.
//!
//! Nothing in here looks inside a role. A test starts what it needs ([`deployment`], [`kamailio`], [`phones`]), each on
//! loopback addresses of its own ([`block`]), with names that only its own processes resolve ([`names`], [`zone`]) and
//! certificates of a throwaway authority ([`authority`]). It speaks to the product as an operator ([`operator`]), as a
//! client ([`tls`], [`sip_client`], and [`agent`] where it has to answer too) and as a stranger with a tool of another maker ([`stranger`]); [`web`] has browsers and sites. What
//! machines have recorded is read from their files ([`trails`]).
//!
//! Two rules hold everywhere. Nothing waits for a time: every wait is for a line or a condition, with a deadline
//! ([`process`]). A peer that is not installed, or a right that is missing, is said aloud ([`needs`]).

pub mod agent;
pub mod authority;
pub mod bed;
pub mod block;
pub mod callers;
pub mod collector;
pub mod controller;
pub mod deployment;
pub mod dig;
pub mod digest;
pub mod held;
pub mod kamailio;
pub mod malformed;
pub mod names;
pub mod needs;
pub mod operator;
pub mod partner;
pub mod phones;
pub mod process;
pub mod sip_client;
pub mod sipp;
pub mod stand;
pub mod stranger;
pub mod tls;
pub mod torture;
pub mod trails;
pub mod tshark;
pub mod verified;
pub mod wait;
pub mod web;
pub mod zone;
