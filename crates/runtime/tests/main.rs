//! The runtime through its public face: real sockets on loopback, certificates made on the spot.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod authority;
mod passing;
mod phone;
mod rig;

mod balanced;
mod bounds;
mod client_names;
mod control;
mod datagrams;
mod dialling;
mod disk;
mod drain;
mod echo;
mod examine;
mod http;
mod http_client;
mod identity;
mod metrics;
mod reload;
mod services;
mod several;
mod stream;
mod told;
