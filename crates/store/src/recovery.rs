//! Opening a log: the newest snapshot that can be read, the segments after it, and the cut behind the last whole frame.
//!
//! A crash can leave only this behind, and all of it is put right: a torn frame at the very end (cut off), a segment
//! whose header was not written yet (removed), a snapshot without its name (removed), files that a snapshot had made
//! useless (removed). Anything else is damage and is refused, since records that were acknowledged would be lost.
//!
//! A frame is written only when the one before it is durable. So a whole frame that lies anywhere beyond a broken one
//! proves that the broken one was whole once: that is damage, not a torn tail.

use std::fs::{self, File, OpenOptions};
use std::io::{BufReader, Read as _, Seek as _, SeekFrom};
use std::path::Path;

use crate::files::{self, Listing, Lock, Named, OpenError};
use crate::format::{Fault, FrameReader, HEADER_LEN, Kind, ReadError, holds_frame};
use crate::log::Recovery;
use crate::shared::{Ledger, SnapshotFile};
use crate::{Index, LogId, View, snapshot};

const READ_BUFFER: usize = 256 << 10;

/// A log whose files are in order and whose view is up to date.
pub(crate) struct Opened {
    pub(crate) lock: Lock,
    pub(crate) ledger: Ledger,
    pub(crate) active: File,
    pub(crate) last: Index,
    /// Bytes of segments since the snapshot.
    pub(crate) log_bytes: u64,
    pub(crate) report: Recovery,
}

/// What has been read so far.
struct Replay<'a> {
    view: &'a dyn View,
    id: Option<LogId>,
    last: Index,
    log_bytes: u64,
    report: Recovery,
}

pub(crate) fn open(dir: &Path, view: &dyn View) -> Result<Opened, OpenError> {
    let lock = files::lock(dir)?;
    let mut listing = files::list(dir)?;
    let epoch = listing
        .snapshots
        .iter()
        .chain(&listing.segments)
        .map(|file| file.epoch)
        .max()
        .unwrap_or(0);
    let stale = take_stale(&mut listing, epoch);

    let mut replay = Replay {
        view,
        id: None,
        last: Index::ZERO,
        log_bytes: 0,
        report: Recovery::default(),
    };
    let snapshot = replay.load_snapshot(&listing)?;
    let mut useless = drop_useless(&mut listing, snapshot.as_ref());
    useless.extend(stale);
    let end = replay.read_segments(&mut listing.segments)?;
    files::remove(useless.iter().map(|file| &file.path));

    let id = match replay.id {
        Some(id) => id,
        None => LogId(getrandom::u64().map_err(OpenError::Random)?),
    };
    let active = match listing.segments.last() {
        Some(segment) => append_to(&segment.path, end)?,
        None => {
            let index = replay.last.next();
            let (file, path) =
                files::create_segment(dir, epoch, id, index).map_err(OpenError::disk(dir))?;
            listing.segments.push(Named { epoch, index, path });
            file
        }
    };
    files::sync_dir(dir).map_err(OpenError::disk(dir))?;
    let end = end.max(HEADER_LEN as u64);
    let ledger = Ledger {
        id,
        epoch,
        segments: listing.segments,
        end,
        snapshot,
    };
    let Replay {
        last,
        log_bytes,
        report,
        ..
    } = replay;
    Ok(Opened {
        lock,
        ledger,
        active,
        last,
        log_bytes,
        report,
    })
}

/// Takes out the files of older epochs.
fn take_stale(listing: &mut Listing, epoch: u64) -> Vec<Named> {
    let mut stale: Vec<_> = listing
        .segments
        .extract_if(.., |file| file.epoch < epoch)
        .collect();
    stale.extend(listing.snapshots.extract_if(.., |file| file.epoch < epoch));
    stale
}

/// Takes out what the snapshot has made useless: older snapshots, unreadable ones, segments that end before it.
fn drop_useless(listing: &mut Listing, snapshot: Option<&SnapshotFile>) -> Vec<Named> {
    let Some(snapshot) = snapshot else {
        return Vec::new();
    };
    let after = snapshot.index.next();
    let keep = listing
        .segments
        .iter()
        .rposition(|segment| segment.index <= after)
        .unwrap_or(0);
    let mut useless: Vec<_> = listing.segments.drain(..keep).collect();
    useless.extend(
        listing
            .snapshots
            .extract_if(.., |file| file.index != snapshot.index),
    );
    useless
}

impl Replay<'_> {
    /// Loads the newest snapshot that can be read.
    fn load_snapshot(
        &mut self,
        Listing {
            segments,
            snapshots,
        }: &Listing,
    ) -> Result<Option<SnapshotFile>, OpenError> {
        let mut damage = None;
        for file in snapshots.iter().rev() {
            match snapshot::load(file, self.view) {
                Ok(loaded) => {
                    self.id = Some(loaded.id);
                    self.last = file.index;
                    self.report.from_snapshot = loaded.records;
                    let (index, path, bytes) = (file.index, file.path.clone(), loaded.bytes);
                    return Ok(Some(SnapshotFile { index, path, bytes }));
                }
                Err(error @ OpenError::Damaged { .. }) => {
                    tracing::error!(path = %file.path.display(), "a snapshot is damaged, trying an older one");
                    self.report.bad_snapshots += 1;
                    damage = Some(error);
                }
                Err(error) => return Err(error),
            }
        }
        // Without any, the segments alone may still reach back to the first record.
        let is_whole = segments
            .first()
            .is_some_and(|segment| segment.index == Index::ZERO.next());
        if let Some(damage) = damage.filter(|_| !is_whole) {
            return Err(damage);
        }
        Ok(None)
    }

    /// Reads the segments after the snapshot and returns how far the last one is whole.
    fn read_segments(&mut self, segments: &mut Vec<Named>) -> Result<u64, OpenError> {
        let mut end = 0;
        for number in 0..segments.len() {
            let is_last = number + 1 == segments.len();
            let Some(segment) = segments.get(number) else {
                break;
            };
            if segment.index > self.last.next() {
                return Err(gap(segment, self.last.next()));
            }
            match self.read_segment(segment, is_last)? {
                Some(whole) => end = whole,
                None => {
                    files::remove(segments.pop().iter().map(|file| &file.path));
                    // The one before it, if any, was complete before this one was begun.
                    let before = segments
                        .last()
                        .map(|file| fs::metadata(&file.path).map_err(OpenError::disk(&file.path)));
                    return Ok(before.transpose()?.map_or(0, |metadata| metadata.len()));
                }
            }
        }
        Ok(end)
    }

    /// Reads one segment and returns how far it is whole; `None` if not even its header is.
    fn read_segment(&mut self, segment: &Named, is_last: bool) -> Result<Option<u64>, OpenError> {
        let path = &segment.path;
        let source = File::open(path).map_err(OpenError::disk(path))?;
        let end = source.metadata().map_err(OpenError::disk(path))?.len();
        let source = BufReader::with_capacity(READ_BUFFER, source);
        let (mut frames, header) = match FrameReader::open(source, Kind::Segment) {
            Ok(opened) => opened,
            Err(ReadError::Fault {
                fault: Fault::Header,
                ..
            }) if is_last && end <= HEADER_LEN as u64 => {
                self.report.torn_bytes += end;
                return Ok(None);
            }
            Err(error) => return Err(OpenError::read(path)(error)),
        };
        let damaged = |offset, fault| OpenError::Damaged {
            path: path.clone(),
            offset,
            fault,
        };
        if header.index != segment.index {
            return Err(damaged(
                0,
                Fault::Index {
                    expected: segment.index,
                    found: header.index,
                },
            ));
        }
        if *self.id.get_or_insert(header.id) != header.id {
            return Err(damaged(0, Fault::OtherLog));
        }
        let mut expected = header.index;
        loop {
            let offset = frames.offset();
            let frame = match frames.next(end) {
                Ok(Some(frame)) => frame,
                Ok(None) => return self.finish_segment(expected, segment, offset).map(Some),
                Err(ReadError::Fault { fault, .. }) if is_last => {
                    cut_torn_tail(path, header.id, offset, end, fault)?;
                    self.report.torn_bytes += end - offset;
                    return self.finish_segment(expected, segment, offset).map(Some);
                }
                Err(error) => return Err(OpenError::read(path)(error)),
            };
            if frame.first != expected.0 {
                return Err(damaged(
                    offset,
                    Fault::Index {
                        expected,
                        found: Index(frame.first),
                    },
                ));
            }
            expected = Index(frame.first.saturating_add(frame.count.into()));
            for (index, record) in frame.entries().filter(|(index, _)| *index > self.last) {
                self.view
                    .apply(index, &record)
                    .map_err(|source| OpenError::Record {
                        path: path.clone(),
                        index: Index(index.0 - 1),
                        source,
                    })?;
                self.report.replayed += 1;
            }
            self.last = self.last.max(Index(expected.0.saturating_sub(1)));
        }
    }

    /// A segment that ends before the snapshot does would let new records reuse old indexes.
    fn finish_segment(&mut self, next: Index, segment: &Named, end: u64) -> Result<u64, OpenError> {
        let expected = self.last.next();
        if next != expected {
            let fault = Fault::Index {
                expected,
                found: next,
            };
            return Err(OpenError::Damaged {
                path: segment.path.clone(),
                offset: end,
                fault,
            });
        }

        self.log_bytes += end;
        Ok(end)
    }
}

/// Cuts off a frame that was being written, after making sure that it was never durable.
fn cut_torn_tail(
    path: &Path,
    id: LogId,
    offset: u64,
    end: u64,
    fault: Fault,
) -> Result<(), OpenError> {
    let disk = OpenError::disk(path);
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .open(path)
        .map_err(&disk)?;
    file.seek(SeekFrom::Start(offset)).map_err(&disk)?;
    let mut tail = Vec::new();
    file.by_ref()
        .take(end - offset)
        .read_to_end(&mut tail)
        .map_err(&disk)?;
    if holds_frame(id, &tail) {
        return Err(OpenError::Damaged {
            path: path.into(),
            offset,
            fault,
        });
    }
    file.set_len(offset).map_err(&disk)?;
    file.sync_all().map_err(&disk)
}

fn append_to(path: &Path, end: u64) -> Result<File, OpenError> {
    debug_assert!(
        end >= HEADER_LEN as u64,
        "a segment in the ledger has its header"
    );
    OpenOptions::new()
        .append(true)
        .open(path)
        .map_err(OpenError::disk(path))
}

fn gap(segment: &Named, expected: Index) -> OpenError {
    let fault = Fault::Index {
        expected,
        found: segment.index,
    };
    OpenError::Damaged {
        path: segment.path.clone(),
        offset: 0,
        fault,
    }
}
