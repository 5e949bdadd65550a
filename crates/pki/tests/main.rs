//! The state directory as an operator sees it, with `openssl` as the judge of what was made.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail the test")]

mod authority;
mod deployment;
mod installation;
mod operators;
mod support;
