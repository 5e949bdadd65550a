//! The bytes of a file of the log: a header, then frames.
//!
//! ```text
//! header  magic[8] version:u32 kind:u32 log:u64 index:u64 crc:u32 zero:u32         40 bytes
//! frame   marker:u32 len:u32 crc:u32 | first:u64 count:u32 (len:u32 bytes[len])*   len = what stands after the bar
//! ```
//!
//! All numbers are little endian. A frame is what one write and one fdatasync made durable together. Its checksum covers
//! the log's random name, the length and the body, so bytes inside a record that look like a frame are none: whoever
//! wrote the record could not know the name.
//!
//! In a snapshot `first` counts records from zero, and a frame without records tells how many there were.

use std::io::{self, Read};

use bytes::{Buf, Bytes};

use crate::{Index, LogId};

/// The largest record that is accepted, in bytes.
pub const RECORD_MAX: usize = 1 << 20;

pub(crate) const HEADER_LEN: usize = 40;
const MAGIC: [u8; 8] = *b"vestlog\n";
const VERSION: u32 = 1;
pub(crate) const MARKER: [u8; 4] = *b"frm1";
/// Marker, length and checksum.
pub(crate) const PREFIX_LEN: usize = 12;
/// First index and count.
const BODY_MIN: usize = 12;

/// What is wrong with the bytes of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The file does not begin like one of ours.
    #[error("the header is damaged")]
    Header,
    /// A newer version of the program wrote it; update.
    #[error("format version {found} is not known")]
    Version {
        /// The version in the header.
        found: u32,
    },
    /// The file was put here from another directory.
    #[error("the file belongs to another log")]
    OtherLog,
    /// The file ends inside a frame.
    #[error("the file ends inside a frame")]
    Truncated,
    /// No frame begins here.
    #[error("no frame begins here")]
    Marker,
    /// A frame does not match its checksum.
    #[error("the checksum does not match")]
    Checksum,
    /// The checksum matches but the frame contradicts itself.
    #[error("the frame contradicts itself")]
    Malformed,
    /// Records are missing or doubled.
    #[error("index {found} stands where {expected} is wanted")]
    Index {
        /// The index that would follow.
        expected: Index,
        /// The index that is there.
        found: Index,
    },
}

/// What kind of file it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Segment,
    Snapshot,
}

impl Kind {
    const fn code(self) -> u32 {
        match self {
            Self::Segment => 1,
            Self::Snapshot => 2,
        }
    }
}

/// The head of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) kind: Kind,
    pub(crate) id: LogId,
    /// The first index of a segment, the last one of a snapshot.
    pub(crate) index: Index,
}

impl Header {
    pub(crate) fn encode(self) -> [u8; HEADER_LEN] {
        let mut bytes = Vec::with_capacity(HEADER_LEN);
        bytes.extend_from_slice(&MAGIC);
        bytes.extend_from_slice(&VERSION.to_le_bytes());
        bytes.extend_from_slice(&self.kind.code().to_le_bytes());
        bytes.extend_from_slice(&self.id.0.to_le_bytes());
        bytes.extend_from_slice(&self.index.0.to_le_bytes());
        bytes.extend_from_slice(&crc32fast::hash(&bytes).to_le_bytes());
        let mut header = [0; HEADER_LEN];
        for (to, from) in header.iter_mut().zip(bytes) {
            *to = from;
        }
        header
    }

    /// Reads a header of the wanted kind.
    pub(crate) fn decode(bytes: &[u8; HEADER_LEN], kind: Kind) -> Result<Self, Fault> {
        let mut rest = bytes.as_slice();
        let mut magic = [0; 8];
        rest.copy_to_slice(&mut magic);
        if magic != MAGIC {
            return Err(Fault::Header);
        }
        let version = rest.get_u32_le();
        if version != VERSION {
            return Err(Fault::Version { found: version });
        }
        let code = rest.get_u32_le();
        let header = Self {
            kind,
            id: LogId(rest.get_u64_le()),
            index: Index(rest.get_u64_le()),
        };
        if code != kind.code() || header.encode() != *bytes {
            return Err(Fault::Header);
        }
        Ok(header)
    }
}

/// Builds one frame after another in a buffer that it keeps.
#[derive(Default)]
pub(crate) struct FrameBuilder {
    bytes: Vec<u8>,
    count: u32,
}

impl FrameBuilder {
    /// Begins a frame; what was in the buffer is forgotten.
    pub(crate) fn start(&mut self, first: u64) {
        self.bytes.clear();
        self.count = 0;
        self.bytes.extend_from_slice(&MARKER);
        self.bytes
            .extend_from_slice(&[0; PREFIX_LEN - MARKER.len()]);
        self.bytes.extend_from_slice(&first.to_le_bytes());
        self.bytes.extend_from_slice(&[0; 4]);
    }

    /// Adds a record of at most [`RECORD_MAX`] bytes.
    pub(crate) fn record(&mut self, record: &[u8]) {
        self.bytes
            .extend_from_slice(&short(record.len()).to_le_bytes());
        self.bytes.extend_from_slice(record);
        self.count += 1;
    }

    /// Returns how many bytes the frame has so far.
    pub(crate) const fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Returns how many records the frame has so far.
    pub(crate) const fn count(&self) -> u32 {
        self.count
    }

    /// Fills in length, count and checksum, and returns the frame.
    pub(crate) fn finish(&mut self, id: LogId) -> &[u8] {
        let len = short(self.bytes.len().saturating_sub(PREFIX_LEN));
        self.put(PREFIX_LEN + 8, self.count);
        self.put(4, len);
        let crc = checksum(id, len, self.bytes.get(PREFIX_LEN..).unwrap_or_default());
        self.put(8, crc);
        &self.bytes
    }

    fn put(&mut self, at: usize, value: u32) {
        for (to, from) in self.bytes.iter_mut().skip(at).zip(value.to_le_bytes()) {
            *to = from;
        }
    }
}

/// A frame that was read and is whole.
#[derive(Debug)]
pub(crate) struct Frame {
    pub(crate) first: u64,
    pub(crate) count: u32,
    records: Bytes,
}

impl Frame {
    fn parse(mut body: Bytes) -> Result<Self, Fault> {
        if body.len() < BODY_MIN {
            return Err(Fault::Malformed);
        }
        let (first, count) = (body.get_u64_le(), body.get_u32_le());
        let frame = Self {
            first,
            count,
            records: body,
        };
        let mut counted = frame.records();
        if counted.by_ref().count() != count as usize || !counted.rest.is_empty() {
            return Err(Fault::Malformed);
        }
        Ok(frame)
    }

    /// Returns the records without their numbers.
    pub(crate) fn records(&self) -> Records {
        Records {
            rest: self.records.clone(),
        }
    }

    /// Returns the records with their indexes.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (Index, Bytes)> {
        (self.first..).map(Index).zip(self.records())
    }
}

/// The records of one frame, cut out of it without copying.
pub(crate) struct Records {
    rest: Bytes,
}

impl Iterator for Records {
    type Item = Bytes;

    fn next(&mut self) -> Option<Bytes> {
        let len = self.rest.clone().try_get_u32_le().ok()? as usize;
        if len > RECORD_MAX || self.rest.len() < 4 + len {
            return None;
        }
        self.rest.advance(4);
        Some(self.rest.split_to(len))
    }
}

/// Why the next frame could not be read.
#[derive(Debug)]
pub(crate) enum ReadError {
    /// The disk failed.
    Disk(io::Error),
    /// The bytes at this offset are no frame.
    Fault { offset: u64, fault: Fault },
}

/// Reads frames one after another.
pub(crate) struct FrameReader<R> {
    source: R,
    id: LogId,
    offset: u64,
}

impl<R: Read> FrameReader<R> {
    /// Reads the header of the wanted kind; the frames come after it.
    pub(crate) fn open(mut source: R, kind: Kind) -> Result<(Self, Header), ReadError> {
        let mut bytes = [0; HEADER_LEN];
        source.read_exact(&mut bytes).map_err(|error| {
            if error.kind() == io::ErrorKind::UnexpectedEof {
                ReadError::Fault {
                    offset: 0,
                    fault: Fault::Header,
                }
            } else {
                ReadError::Disk(error)
            }
        })?;
        let header =
            Header::decode(&bytes, kind).map_err(|fault| ReadError::Fault { offset: 0, fault })?;
        Ok((
            Self {
                source,
                id: header.id,
                offset: HEADER_LEN as u64,
            },
            header,
        ))
    }

    /// Returns what it reads from.
    pub(crate) const fn source(&self) -> &R {
        &self.source
    }

    /// Returns where the next frame begins.
    pub(crate) const fn offset(&self) -> u64 {
        self.offset
    }

    /// Reads the next frame of a file that is known to reach to `end`; `None` if it begins exactly there.
    pub(crate) fn next(&mut self, end: u64) -> Result<Option<Frame>, ReadError> {
        let left = end.saturating_sub(self.offset);
        if left == 0 {
            return Ok(None);
        }
        let offset = self.offset;
        let fault = |fault| ReadError::Fault { offset, fault };
        if left < PREFIX_LEN as u64 {
            return Err(fault(Fault::Truncated));
        }
        let mut prefix = [0; PREFIX_LEN];
        self.source
            .read_exact(&mut prefix)
            .map_err(ReadError::Disk)?;
        let (len, crc) = split_prefix(&prefix).ok_or_else(|| fault(Fault::Marker))?;
        if u64::from(len) > left - PREFIX_LEN as u64 {
            return Err(fault(Fault::Truncated));
        }
        let mut body = vec![0; len as usize];
        self.source.read_exact(&mut body).map_err(ReadError::Disk)?;
        if checksum(self.id, len, &body) != crc {
            return Err(fault(Fault::Checksum));
        }
        let frame = Frame::parse(body.into()).map_err(fault)?;
        self.offset += PREFIX_LEN as u64 + u64::from(len);
        Ok(Some(frame))
    }
}

/// Tells whether a whole frame of this log begins somewhere in the bytes.
pub(crate) fn holds_frame(id: LogId, bytes: &[u8]) -> bool {
    (0..bytes.len()).any(|at| {
        let rest = bytes.get(at..).unwrap_or_default();
        if !rest.starts_with(&MARKER) {
            return false;
        }
        let Some((prefix, rest)) = rest.split_first_chunk::<PREFIX_LEN>() else {
            return false;
        };
        let Some((len, crc)) = split_prefix(prefix) else {
            return false;
        };
        rest.get(..len as usize)
            .is_some_and(|body| checksum(id, len, body) == crc)
    })
}

/// Returns length and checksum, unless the marker is missing.
fn split_prefix(prefix: &[u8; PREFIX_LEN]) -> Option<(u32, u32)> {
    let mut rest = prefix.strip_prefix(&MARKER)?;
    Some((rest.get_u32_le(), rest.get_u32_le()))
}

fn checksum(id: LogId, len: u32, body: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&id.0.to_le_bytes());
    hasher.update(&len.to_le_bytes());
    hasher.update(body);
    hasher.finalize()
}

/// The queue's bound keeps every length far below this limit.
fn short(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(u32::MAX)
}
