//! Frames: cut out of a stream, checked, read; made and written.

use std::marker::PhantomData;

use serde::Serialize;
use serde::de::DeserializeOwned;

/// The version that this product speaks.
pub const VERSION: u8 = 1;
const LENGTH: usize = 4;
const HEAD: usize = LENGTH + 2;

/// What a frame can carry.
pub trait Message: Serialize + DeserializeOwned {
    /// Tells it apart from what the other side sends.
    const KIND: u8;
    /// How long a frame may be, without its length.
    const LONGEST: usize;
}

/// Why a stream is ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// It is longer than any.
    #[error("a frame of {0} bytes is longer than any that may come here")]
    TooLong(usize),
    /// It is too short to have a version and a kind.
    #[error("a frame of {0} bytes has no room for its version and kind")]
    TooShort(usize),
    /// Another version.
    #[error("the other side speaks version {0} of the logging protocol, this one speaks {VERSION}")]
    Version(u8),
    /// Not what comes from that side.
    #[error("a frame of kind {0} does not belong here")]
    Kind(u8),
    /// Its body cannot be read, or asks for what cannot be.
    #[error("the body of a frame cannot be read")]
    Body,
    /// What is to be sent does not fit into a frame.
    #[error("a message of {0} bytes does not fit into a frame")]
    DoesNotFit(usize),
}

/// Adds a frame.
///
/// # Errors
/// The message is longer than a frame may be.
pub fn encode<M: Message>(message: &M, out: &mut Vec<u8>) -> Result<(), FrameError> {
    let body = postcard::to_allocvec(message).map_err(|_| FrameError::Body)?;
    let length = body.len() + 2;
    let too_long = FrameError::DoesNotFit(length);
    if length > M::LONGEST {
        return Err(too_long);
    }
    out.extend_from_slice(&u32::try_from(length).map_err(|_| too_long)?.to_be_bytes());
    out.extend_from_slice(&[VERSION, M::KIND]);
    out.extend_from_slice(&body);
    Ok(())
}

/// Cuts a stream into messages. Keeps at most one frame and what came with it.
#[derive(Debug)]
pub struct Decoder<M> {
    bytes: Vec<u8>,
    read: usize,
    broken: Option<FrameError>,
    message: PhantomData<fn() -> M>,
}

impl<M: Message> Default for Decoder<M> {
    fn default() -> Self {
        Self {
            bytes: Vec::new(),
            read: 0,
            broken: None,
            message: PhantomData,
        }
    }
}

impl<M: Message> Decoder<M> {
    /// Takes bytes as they came.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.broken.is_some() {
            return;
        }
        self.bytes.drain(..self.read);
        self.read = 0;
        self.bytes.extend_from_slice(bytes);
    }

    /// Returns the next whole message, if it is there. After an error there are no more.
    ///
    /// # Errors
    /// The stream is not what it should be; end it.
    pub fn take(&mut self) -> Result<Option<M>, FrameError> {
        if let Some(error) = self.broken {
            return Err(error);
        }
        let next = self.read_one();
        if let Err(error) = next {
            self.broken = Some(error);
            self.bytes = Vec::new();
            self.read = 0;
        }
        next
    }

    fn read_one(&mut self) -> Result<Option<M>, FrameError> {
        let rest = self.bytes.get(self.read..).unwrap_or_default();
        let Some((length, rest)) = rest.split_first_chunk::<LENGTH>() else {
            return Ok(None);
        };
        let length = usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX);
        if length > M::LONGEST {
            return Err(FrameError::TooLong(length));
        }
        if length < HEAD - LENGTH {
            return Err(FrameError::TooShort(length));
        }
        // Version and kind come first, so that who speaks another language is told before it has sent everything.
        match rest {
            [version, ..] if *version != VERSION => return Err(FrameError::Version(*version)),
            [_, kind, ..] if *kind != M::KIND => return Err(FrameError::Kind(*kind)),
            _ => {}
        }
        let Some(frame) = rest.get(..length) else {
            return Ok(None);
        };
        let body = frame.get(HEAD - LENGTH..).unwrap_or_default();
        let (message, left) = postcard::take_from_bytes(body).map_err(|_| FrameError::Body)?;
        if !left.is_empty() {
            return Err(FrameError::Body);
        }
        self.read += LENGTH + length;
        Ok(Some(message))
    }
}
