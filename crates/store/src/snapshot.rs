//! Snapshots on the disk: written beside the log's own work, given their name when they are durable.

use std::fs::File;
use std::io::{self, BufReader, Write as _};
use std::path::Path;

use bytes::Bytes;

use crate::files::{self, Named, OpenError};
use crate::format::{Fault, Frame, FrameBuilder, FrameReader, Header, Kind, ReadError};
use crate::shared::{Shared, SnapshotFile};
use crate::{Index, LogId, View};

/// Records are gathered up to this size before they are written.
const CHUNK: usize = 256 << 10;
/// What was written is made durable in steps of this size, so that a large snapshot does not hold up the log's own
/// writes on the same disk at its end.
const SYNC_STEP: u64 = 8 << 20;

/// Where a snapshot belongs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub(crate) id: LogId,
    pub(crate) epoch: u64,
    pub(crate) index: Index,
}

/// Writes the records that `dump` gives out into a snapshot file and makes it durable.
pub(crate) fn write(
    dir: &Path,
    place: Place,
    dump: impl FnOnce(&mut dyn FnMut(&[u8]) -> io::Result<()>) -> io::Result<()>,
) -> io::Result<SnapshotFile> {
    let (file, unfinished) = files::create_unfinished(dir, place.epoch, place.index)?;
    let mut writer = ChunkWriter {
        file,
        frame: FrameBuilder::default(),
        id: place.id,
        records: 0,
        unsynced: 0,
    };
    writer.file.write_all(
        &Header {
            kind: Kind::Snapshot,
            id: place.id,
            index: place.index,
        }
        .encode(),
    )?;
    writer.frame.start(0);
    dump(&mut |record| writer.record(record))?;
    let file = writer.finish()?;
    file.sync_all()?;
    let bytes = file.metadata()?.len();
    let path = files::finish_snapshot(dir, place.epoch, place.index, &unfinished)?;
    Ok(SnapshotFile {
        index: place.index,
        path,
        bytes,
    })
}

/// Writes the view into a snapshot, and removes the files that it makes useless.
pub(crate) fn compact(shared: &Shared, place: Place) -> io::Result<()> {
    let snapshot = write(&shared.dir, place, |out| shared.view.dump(out))?;
    let mut ledger = shared.ledger();
    let after = place.index.next();
    let keep = ledger
        .segments
        .iter()
        .rposition(|segment| segment.index <= after)
        .unwrap_or(0);
    let mut useless: Vec<_> = ledger
        .segments
        .drain(..keep)
        .map(|segment| segment.path)
        .collect();
    useless.extend(ledger.snapshot.replace(snapshot).map(|old| old.path));
    drop(ledger);
    files::remove(&useless);
    files::sync_dir(&shared.dir)
}

/// Gives the records of a snapshot file to the view.
pub(crate) fn load(file: &Named, view: &dyn View) -> Result<Loaded, OpenError> {
    let source = File::open(&file.path).map_err(OpenError::disk(&file.path))?;
    let end = source
        .metadata()
        .map_err(OpenError::disk(&file.path))?
        .len();
    let read = OpenError::read(&file.path);
    let (frames, header) =
        FrameReader::open(BufReader::with_capacity(CHUNK, source), Kind::Snapshot)
            .map_err(&read)?;
    if header.index != file.index {
        let fault = Fault::Index {
            expected: file.index,
            found: header.index,
        };
        return Err(OpenError::Damaged {
            path: file.path.clone(),
            offset: 0,
            fault,
        });
    }
    let mut records = Records {
        frames,
        end,
        chunk: None,
        taken: 0,
        state: Reading::Going,
    };
    let restored = view.restore(header.index, &mut records);
    // The view may have stopped early; damage to the file comes before what it says.
    records.by_ref().for_each(drop);
    if let Reading::Failed(error) = records.state {
        return Err(read(error));
    }
    restored.map_err(|source| OpenError::Record {
        path: file.path.clone(),
        index: Index::ZERO,
        source,
    })?;
    Ok(Loaded {
        id: header.id,
        records: records.taken,
        bytes: end,
    })
}

/// What was found in a snapshot file.
pub(crate) struct Loaded {
    pub(crate) id: LogId,
    pub(crate) records: u64,
    pub(crate) bytes: u64,
}

struct ChunkWriter {
    file: File,
    frame: FrameBuilder,
    id: LogId,
    records: u64,
    unsynced: u64,
}

impl ChunkWriter {
    fn record(&mut self, record: &[u8]) -> io::Result<()> {
        self.frame.record(record);
        if self.frame.len() >= CHUNK {
            self.flush()?;
        }
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.records += u64::from(self.frame.count());

        self.file.write_all(self.frame.finish(self.id))?;
        self.unsynced += self.frame.len() as u64;
        if self.unsynced >= SYNC_STEP {
            self.file.sync_data()?;
            self.unsynced = 0;
        }
        self.frame.start(self.records);
        Ok(())
    }

    /// Writes what is left, and the frame that tells how many records there are.
    fn finish(mut self) -> io::Result<File> {
        if self.frame.count() > 0 {
            self.flush()?;
        }
        self.flush()?;
        Ok(self.file)
    }
}

/// The records of a snapshot file as they are read.
struct Records<R> {
    frames: FrameReader<R>,
    end: u64,
    chunk: Option<crate::format::Records>,
    taken: u64,
    state: Reading,
}

enum Reading {
    Going,
    Complete,
    Failed(ReadError),
}

impl<R: io::Read> Iterator for Records<R> {
    type Item = Bytes;

    fn next(&mut self) -> Option<Bytes> {
        loop {
            if let Some(record) = self.chunk.as_mut().and_then(Iterator::next) {
                self.taken += 1;
                return Some(record);
            }
            if !matches!(self.state, Reading::Going) {
                return None;
            }
            let offset = self.frames.offset();
            match self.frames.next(self.end) {
                Ok(Some(frame)) => self.turn_to(offset, &frame),
                Ok(None) => {
                    self.state = Reading::Failed(ReadError::Fault {
                        offset,
                        fault: Fault::Truncated,
                    })
                }
                Err(error) => self.state = Reading::Failed(error),
            }
        }
    }
}

impl<R: io::Read> Records<R> {
    fn turn_to(&mut self, offset: u64, frame: &Frame) {
        if frame.first != self.taken {
            let fault = Fault::Index {
                expected: Index(self.taken),
                found: Index(frame.first),
            };
            self.state = Reading::Failed(ReadError::Fault { offset, fault });
        } else if frame.count > 0 {
            self.chunk = Some(frame.records());
        } else if self.frames.offset() == self.end {
            self.state = Reading::Complete;
        } else {
            self.state = Reading::Failed(ReadError::Fault {
                offset,
                fault: Fault::Malformed,
            });
        }
    }
}
