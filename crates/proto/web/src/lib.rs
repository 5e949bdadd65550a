//! What balancers and proxies decide about connections: which member of a pool gets one, and whose it really is.
//!
//! - [`balance`] chooses among the members of a pool and keeps count of what each of them carries.
//! - [`proxy_header`] tells a member behind a balancer the address of the client (PROXY protocol, version 2).
//!
//! Nothing here opens a connection, asks after anybody's health or moves a byte; what was found out comes in as values.

#![warn(clippy::expect_used, clippy::indexing_slicing)]

pub mod balance;
pub mod proxy_header;
