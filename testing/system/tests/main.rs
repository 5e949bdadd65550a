//! The product and its peers as whole processes. One binary, since linking is what costs.
#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests fail the test they serve"
)]

mod conformance;
mod firewall;
mod interop;
mod live;
mod namespaces;
