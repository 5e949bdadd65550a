//! A finished file: its groups, its maps, its text.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use zstd::bulk::Decompressor;

use crate::filter::{Groups, Map, Maps};
use crate::format::{self, END, End, LONGEST_INDEX};
use crate::group::{Group, LARGEST_GROUP};
use crate::matrix::{row_len, row_of};

/// What is kept in memory of a finished file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sealed {
    pub(crate) number: u64,
    pub(crate) path: PathBuf,
    pub(crate) size: u64,
    pub(crate) end: End,
}

impl Sealed {
    /// Looks whether a file is finished.
    pub(crate) fn look(number: u64, path: &Path) -> io::Result<Option<Self>> {
        let file = File::open(path)?;
        let size = file.metadata()?.len();
        let frame = u64::try_from(END).unwrap_or(0);
        let Some(at) = size.checked_sub(frame) else {
            return Ok(None);
        };
        let mut last = [0; END];
        file.read_exact_at(&mut last, at)?;
        let sealed = End::read(&last).map(|end| Self {
            number,
            path: path.into(),
            size,
            end,
        });
        let Some(sealed) = sealed.filter(|sealed| sealed.end.index < at) else {
            return Ok(None);
        };
        // A file whose index is damaged is as one that was never finished.
        let index = sealed.open().and_then(|open| open.index());
        Ok(index.is_ok().then_some(sealed))
    }

    pub(crate) fn open(&self) -> io::Result<Open> {
        Ok(Open {
            file: File::open(&self.path)?,
            index_end: self.size.saturating_sub(u64::try_from(END).unwrap_or(0)),
            end: self.end,
        })
    }
}

/// A finished file that is open.
#[derive(Debug)]
pub(crate) struct Open {
    pub(crate) file: File,
    index_end: u64,
    end: End,
}

impl Open {
    /// Reads what the groups are.
    pub(crate) fn index(&self) -> io::Result<Vec<Group>> {
        let size = self.index_end.saturating_sub(self.end.index);
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        if size > LONGEST_INDEX {
            return Err(damaged("the index is too long"));
        }
        let mut frame = vec![0; size];
        self.file.read_exact_at(&mut frame, self.end.index)?;
        let groups = format::read_index(&frame).ok_or_else(|| damaged("the index is damaged"))?;
        let number = u64::try_from(groups.len()).unwrap_or(u64::MAX);
        let most = u64::try_from(LARGEST_GROUP).unwrap_or(u64::MAX);
        let fits = |group: &Group| {
            let ends = group.offset.checked_add(group.packed);
            group.text <= most && ends.is_some_and(|ends| ends <= self.end.index)
        };
        if number == self.end.groups && groups.iter().all(fits) {
            Ok(groups)
        } else {
            Err(damaged("the index does not belong to the file"))
        }
    }
}

impl Maps for Open {
    fn groups(&self) -> usize {
        usize::try_from(self.end.groups).unwrap_or(0)
    }

    fn keep(&self, map: Map, bit: usize, groups: &mut Groups) -> io::Result<()> {
        let (start, rows) = match map {
            Map::Keys => (self.end.keys, self.end.key_rows),
            Map::Grams => (self.end.grams, self.end.gram_rows),
        };
        let rows = usize::try_from(rows).unwrap_or(0);
        if rows == 0 {
            return Ok(());
        }
        let mut row = vec![0; row_len(self.groups())];
        let place = row_of(bit, rows) * row.len();
        let at = start.saturating_add(u64::try_from(place).unwrap_or(u64::MAX));
        self.file.read_exact_at(&mut row, at)?;
        groups.keep(&row);
        Ok(())
    }
}

fn damaged(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

/// Reads groups, with buffers that are used again.
pub(crate) struct GroupReader {
    packed: Vec<u8>,
    text: Vec<u8>,
    decompressor: Decompressor<'static>,
}

impl GroupReader {
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self {
            packed: Vec::new(),
            text: vec![0; LARGEST_GROUP],
            decompressor: Decompressor::new()?,
        })
    }

    /// Reads the text of a group.
    pub(crate) fn read(&mut self, file: &File, group: &Group) -> io::Result<&str> {
        let size = usize::try_from(group.packed).unwrap_or(usize::MAX);
        if size > 2 * LARGEST_GROUP {
            return Err(damaged("a group is too long"));
        }
        self.packed.resize(size, 0);
        file.read_exact_at(&mut self.packed, group.offset)?;
        let text = self.text.as_mut_slice();
        let length = self.decompressor.decompress_to_buffer(&self.packed, text)?;
        let text = text.get(..length).unwrap_or_default();
        std::str::from_utf8(text).map_err(|_| damaged("a group is no text"))
    }
}
