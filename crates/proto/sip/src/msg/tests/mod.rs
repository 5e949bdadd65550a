//! Tests of messages as a whole.

mod editing;
mod framing;
mod properties;
mod reading;
mod torture;
mod torture_files;

use bytes::Bytes;

use super::{Limits, Message};

/// A REGISTER of 1168 bytes as a phone sends it.
const REGISTER: &[u8] = include_bytes!("../../../testdata/register.sip");
/// An INVITE of 1704 bytes as an Edge sends it on.
const INVITE: &[u8] = include_bytes!("../../../testdata/invite.sip");

fn parsed(bytes: impl Into<Bytes>) -> Message {
    let bytes = bytes.into();
    let shown = String::from_utf8_lossy(&bytes).into_owned();
    Message::parse(bytes, &Limits::CLIENT).unwrap_or_else(|error| panic!("{error}: {shown}"))
}

fn shown(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
