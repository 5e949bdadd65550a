//! The file that is being written.
//!
//! Records gather in the current group. Its text is fed to the encoder and written in pieces of whole records, at the
//! latest once a second; a group that is full ends its frame. When the disk takes no more, what was written of the current
//! group is cut off again and its text is kept: the frame is written anew when the disk is well.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use logs::{Record, Time};

use crate::encoder::Encoder;
use crate::files;
use crate::filter::Map;
use crate::format::{self, End};
use crate::group::{Current, GROUP, Table};
use crate::matrix;
use crate::sealed::Sealed;

/// So much text is fed at once: one block of zstd, so that a block ends where a record does.
const PIECE: usize = 128 << 10;

/// The file that is being written.
pub(crate) struct Segment {
    pub(crate) number: u64,
    pub(crate) path: PathBuf,
    pub(crate) file: Arc<File>,
    pub(crate) table: Table,
    pub(crate) current: Current,
    pub(crate) begun: Instant,
    /// Where the frame of the current group begins.
    start: u64,
    /// Bytes of it that are written.
    written: u64,
    /// Bytes of the current text that were fed.
    fed: usize,
    /// Something was written since the last sync.
    dirty: bool,
    encoder: Encoder,
    out: Vec<u8>,
}

impl Segment {
    /// Makes a file with its head.
    pub(crate) fn create(dir: &Path, number: u64, now: Time, machine: &str) -> io::Result<Self> {
        let path = files::path_of(dir, number);
        let encoder = Encoder::new()?;
        let file = files::create(&path)?;
        let head = format::head(now, machine);
        if let Err(error) = file.write_all_at(&head, 0) {
            // Without its head it is nobody's; it goes, as far as the disk lets it.
            let _ = fs::remove_file(&path);
            return Err(error);
        }
        Ok(Self {
            number,
            path,
            file: Arc::new(file),
            table: Table::default(),
            current: Current::new(),
            begun: Instant::now(),
            start: u64::try_from(head.len()).unwrap_or(u64::MAX),
            written: 0,
            fed: 0,
            dirty: true,
            encoder,
            out: Vec::new(),
        })
    }

    /// Bytes of the file so far.
    pub(crate) const fn size(&self) -> u64 {
        self.start + self.written
    }

    /// Tells whether the current group takes another record.
    pub(crate) const fn has_room(&self) -> bool {
        self.current.text.len() < GROUP
    }

    /// Adds a record to the current group.
    pub(crate) fn add(&mut self, record: &Record, text: &str) {
        self.current.add(record, text);
    }

    /// Writes the current group if it is full.
    pub(crate) fn write(&mut self) -> io::Result<()> {
        if self.has_room() {
            Ok(())
        } else {
            self.finish_group()
        }
    }

    /// Writes everything, and returns the file if it has to be synced then; that takes long, and is done without locks.
    pub(crate) fn flush(&mut self) -> io::Result<Option<Arc<File>>> {
        self.feed()?;
        let dirty = std::mem::take(&mut self.dirty);
        Ok(dirty.then(|| Arc::clone(&self.file)))
    }

    fn feed(&mut self) -> io::Result<()> {
        let text = self.current.text.as_bytes();
        let new = text.get(self.fed..).unwrap_or_default();
        if new.is_empty() {
            return Ok(());
        }
        self.out.clear();
        for piece in new.chunks(PIECE) {
            self.encoder.feed(piece, &mut self.out)?;
        }
        self.put()?;
        self.fed = self.current.text.len();
        Ok(())
    }

    /// Ends the current group and begins the next.
    pub(crate) fn finish_group(&mut self) -> io::Result<()> {
        if self.current.records == 0 {
            return Ok(());
        }
        self.feed()?;
        self.out.clear();
        self.encoder.finish(&mut self.out)?;
        self.put()?;
        let group = self.current.group(self.start, self.written);
        self.table.push(group, self.current.restart());
        self.start += self.written;
        self.written = 0;
        self.fed = 0;
        Ok(())
    }

    /// Writes what the encoder gave. After an error the frame is begun anew.
    fn put(&mut self) -> io::Result<()> {
        let at = self.start + self.written;
        let result = self.file.write_all_at(&self.out, at);
        if result.is_err() {
            self.written = 0;
            self.fed = 0;
            self.encoder.restart()?;
            self.file.set_len(self.start)?;
            return result;
        }
        self.written += u64::try_from(self.out.len()).unwrap_or(u64::MAX);
        self.dirty = true;
        result
    }

    /// Finishes the file with its index; the disk need not have it. After an error it is as it was before.
    pub(crate) fn seal(&mut self) -> io::Result<Sealed> {
        self.finish_group()?;
        let end = self.start;
        let sealed = seal(&self.file, end, &self.table).map(|(size, end)| Sealed {
            number: self.number,
            path: self.path.clone(),
            size,
            end,
        });
        if sealed.is_err() {
            self.file.set_len(end)?;
        }
        sealed
    }
}

/// Writes the maps, the index and the end of a file whose groups end at `at`; the disk need not have them. Returns its size.
pub(crate) fn seal(file: &File, at: u64, table: &Table) -> io::Result<(u64, End)> {
    let (records, text, first, last) = Table::sums(&table.groups);
    let mut end = End {
        groups: u64::try_from(table.groups.len()).unwrap_or(u64::MAX),
        records,
        text,
        first,
        last,
        ..End::default()
    };
    let mut at = at;
    let mut put = |bytes: &[u8]| {
        let begun = at;
        at += u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        file.write_all_at(bytes, begun).map(|()| begun)
    };
    for (map, tag) in [
        (Map::Keys, format::KEYS_TAG),
        (Map::Grams, format::GRAMS_TAG),
    ] {
        let (rows, matrix) = matrix::turn(&table.filters, map);
        if rows == 0 {
            continue;
        }
        let mut head = Vec::new();
        format::begin(tag, matrix.len(), &mut head);
        put(&head)?;
        let begun = put(&matrix)?;
        let rows = u64::try_from(rows).unwrap_or(0);
        match map {
            Map::Keys => (end.keys, end.key_rows) = (begun, rows),
            Map::Grams => (end.grams, end.gram_rows) = (begun, rows),
        }
    }
    end.index = put(&format::index(&table.groups))?;
    put(&end.write())?;
    Ok((at, end))
}
