//! What flows in the body of an answer: `kind:u8 index:u64 len:u32 bytes[len]`, numbers in network order.

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};
use store::{Index, RECORD_MAX};

const HEAD: usize = 13;
const CHANGE: u8 = 1;
const ALIVE: u8 = 2;
const END: u8 = 3;

/// One piece of a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Message {
    /// A record of the log; in a snapshot the index is that of the snapshot.
    Record { index: Index, record: Bytes },
    /// Nothing new; the master's log ends here.
    Alive { last: Index },
    /// The snapshot is complete and had so many records.
    End { records: u64 },
}

/// Why a body cannot be read: the other side speaks another version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// A kind of message that this version does not know.
    #[error("unknown message kind {kind}")]
    Kind {
        /// The kind.
        kind: u8,
    },
    /// A message larger than any record.
    #[error("a message of {len} bytes")]
    Length {
        /// Its size.
        len: usize,
    },
}

impl Message {
    pub(super) fn write(&self, out: &mut BytesMut) {
        let (kind, number, bytes) = match self {
            Self::Record { index, record } => (CHANGE, index.0, record.as_ref()),
            Self::Alive { last } => (ALIVE, last.0, [].as_slice()),
            Self::End { records } => (END, *records, [].as_slice()),
        };
        out.put_u8(kind);
        out.put_u64(number);
        // A record is at most RECORD_MAX long, or the log would not have taken it.
        out.put_u32(u32::try_from(bytes.len()).unwrap_or(u32::MAX));
        out.put_slice(bytes);
    }
}

/// Puts messages together again from pieces of any size.
#[derive(Default)]
pub(super) struct Reader {
    waiting: BytesMut,
}

impl Reader {
    /// Takes in a piece of the body.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.waiting.extend_from_slice(bytes);
    }

    /// Returns the next whole message.
    pub(super) fn next(&mut self) -> Result<Option<Message>, WireError> {
        let mut head = self.waiting.as_ref();
        if head.len() < HEAD {
            return Ok(None);
        }
        let (kind, number, len) = (head.get_u8(), head.get_u64(), head.get_u32() as usize);
        if len > RECORD_MAX || (kind != CHANGE && len > 0) {
            return Err(WireError::Length { len });
        }
        if head.len() < len {
            return Ok(None);
        }
        self.waiting.advance(HEAD);
        let record = self.waiting.split_to(len).freeze();
        match kind {
            CHANGE => Ok(Some(Message::Record {
                index: Index(number),
                record,
            })),
            ALIVE => Ok(Some(Message::Alive {
                last: Index(number),
            })),
            END => Ok(Some(Message::End { records: number })),
            _ => Err(WireError::Kind { kind }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_survive_any_cut_of_the_stream() {
        let messages = [
            Message::Record {
                index: Index(7),
                record: Bytes::from_static(b"alice"),
            },
            Message::Alive { last: Index(8) },
            Message::Record {
                index: Index(9),
                record: Bytes::new(),
            },
            Message::End { records: 2 },
        ];
        let mut bytes = BytesMut::new();
        messages
            .iter()
            .for_each(|message| message.write(&mut bytes));
        for size in 1..=bytes.len() {
            let mut reader = Reader::default();
            let mut read = Vec::new();
            for piece in bytes.chunks(size) {
                reader.push(piece);
                while let Some(message) = reader.next().unwrap() {
                    read.push(message);
                }
            }
            assert_eq!(read, messages, "in pieces of {size}");
        }
    }

    #[test]
    fn what_is_too_large_or_unknown_ends_the_stream() {
        let read = |bytes: &[u8]| {
            let mut reader = Reader::default();
            reader.push(bytes);
            reader.next()
        };
        assert_eq!(
            read(&[9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
            Err(WireError::Kind { kind: 9 })
        );
        let len = RECORD_MAX + 1;
        assert_eq!(
            read(&[1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 16, 0, 1]),
            Err(WireError::Length { len })
        );
        assert_eq!(
            read(&[2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]),
            Err(WireError::Length { len: 1 })
        );
    }
}
