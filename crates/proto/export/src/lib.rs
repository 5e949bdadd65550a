//! Trace records in the formats of other programs: bytes in, none out.
//!
//! - [`pcapng`]: a capture file for Wireshark, in which every message is SIP, also those that travelled in TLS.
//! - [`hep`]: packets of HEP version 3 for HOMER and other collectors.
//! - [`otlp`]: OpenTelemetry logs in JSON, for any log collector.
//!
//! Only a record that has a message with both addresses can be a packet ([`Message`]); any record can be a log. What cannot be
//! carried is counted by whoever exports. Why the formats are used as they are: `docs/decisions/0053-exported-messages.md`.
#![warn(clippy::expect_used, clippy::indexing_slicing)]

pub mod hep;
mod message;
pub mod otlp;
pub mod pcapng;

pub use message::Message;
