//! Fuzz targets by what they eat. Each is a `run` over any bytes that panics when a property does not hold.
//!
//! `testing/fuzz` wraps them for a fuzzer; the tests of this crate replay the committed corpora, so that what was once
//! found stays found. The properties are more than "no panic": see the head of each module.

pub mod log_frame;
pub mod sip_message;
pub mod sip_stream;
pub mod sip_transaction;
pub mod system_model;

/// A fuzz target.
pub type Target = fn(&[u8]);

/// Every target and its name, which is also that of its corpus.
pub const TARGETS: [(&str, Target); 5] = [
    ("log_frame", log_frame::run),
    ("sip_message", sip_message::run),
    ("sip_stream", sip_stream::run),
    ("sip_transaction", sip_transaction::run),
    ("system_model", system_model::run),
];
