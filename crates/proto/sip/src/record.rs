//! Changes as the records of a change log: a byte that names the format, then the change.

use serde::Serialize;
use serde::de::DeserializeOwned;

/// The format of a record; the first byte of each.
const FORMAT: u8 = 1;

/// A record that is not a change of this version.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    /// Written by a version that this one does not know. Run that version, or a newer one.
    #[error("record has format {0}, this version knows {FORMAT}")]
    Format(u8),
    /// The bytes are not a record.
    #[error("record is damaged")]
    Damaged(#[source] postcard::Error),
    /// There are no bytes.
    #[error("record is empty")]
    Empty,
}

/// Writes a change as bytes.
pub(crate) fn encode(change: &impl Serialize) -> Vec<u8> {
    postcard::to_extend(change, vec![FORMAT]).unwrap_or_default()
}

/// Reads a change back.
pub(crate) fn decode<C: DeserializeOwned>(bytes: &[u8]) -> Result<C, Unreadable> {
    match bytes.split_first() {
        Some((&FORMAT, rest)) => postcard::from_bytes(rest).map_err(Unreadable::Damaged),
        Some((other, _)) => Err(Unreadable::Format(*other)),
        None => Err(Unreadable::Empty),
    }
}
