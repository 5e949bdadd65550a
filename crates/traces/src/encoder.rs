//! One zstd frame, made piece by piece: each piece ends with whole records and can be read when it is written.

use std::io;

use zstd::stream::raw::{CParameter, Encoder as Raw, InBuffer, Operation as _, OutBuffer};

/// The fastest level that packs well: the next ones take twice the time for a few per cent.
const LEVEL: i32 = 1;
/// What leaves the encoder at a time.
const PIECE: usize = 128 << 10;

/// The encoder of a file, used for one frame after the other.
pub(crate) struct Encoder {
    raw: Raw<'static>,
    piece: Vec<u8>,
}

impl Encoder {
    pub(crate) fn new() -> io::Result<Self> {
        let mut raw = Raw::new(LEVEL)?;
        raw.set_parameter(CParameter::ChecksumFlag(true))?;
        Ok(Self {
            raw,
            piece: vec![0; PIECE],
        })
    }

    /// Forgets the frame that was begun.
    pub(crate) fn restart(&mut self) -> io::Result<()> {
        self.raw.reinit()
    }

    /// Adds text to the frame and everything that can be read of it to `out`.
    pub(crate) fn feed(&mut self, text: &[u8], out: &mut Vec<u8>) -> io::Result<()> {
        let mut input = InBuffer::around(text);
        while input.pos() < text.len() {
            let mut output = OutBuffer::around(self.piece.as_mut_slice());
            self.raw.run(&mut input, &mut output)?;
            out.extend_from_slice(output.as_slice());
        }
        self.end(out, false)
    }

    /// Ends the frame; the next begins by itself.
    pub(crate) fn finish(&mut self, out: &mut Vec<u8>) -> io::Result<()> {
        self.end(out, true)?;
        self.raw.reinit()
    }

    fn end(&mut self, out: &mut Vec<u8>, frame: bool) -> io::Result<()> {
        loop {
            let mut output = OutBuffer::around(self.piece.as_mut_slice());
            let left = if frame {
                self.raw.finish(&mut output, false)?
            } else {
                self.raw.flush(&mut output)?
            };
            out.extend_from_slice(output.as_slice());
            if left == 0 {
                return Ok(());
            }
        }
    }
}
