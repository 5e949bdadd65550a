//! Groups: the frames of a file, and what is known of each.

use std::io;
use std::ops::Range;
use std::sync::Arc;

use logs::{Record, Time, line};

use crate::filter::{Filter, Groups, Map, Maps};

/// A group is finished when it has so much text.
pub(crate) const GROUP: usize = 64 << 10;
/// No group has more: one of the first version of the format that is not finished, and one record of any length.
pub(crate) const LARGEST_GROUP: usize = (256 << 10) + line::LONGEST;
/// No group that is written today has more.
pub(crate) const FULL_GROUP: usize = GROUP + line::LONGEST;

/// Where a group is in its file and what its records span.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Group {
    pub(crate) offset: u64,
    /// Bytes in the file.
    pub(crate) packed: u64,
    /// Bytes of text.
    pub(crate) text: u64,
    pub(crate) records: u64,
    pub(crate) first: Time,
    pub(crate) last: Time,
}

/// The group that is not finished yet.
#[derive(Clone, Debug)]
pub(crate) struct Current {
    pub(crate) text: String,
    pub(crate) filter: Filter,
    pub(crate) records: u64,
    pub(crate) first: Time,
    pub(crate) last: Time,
    seen: Seen,
}

impl Current {
    pub(crate) fn new() -> Self {
        Self {
            text: String::with_capacity(FULL_GROUP),
            filter: Filter::new(),
            records: 0,
            first: Time::MAX,
            last: Time::ZERO,
            seen: Seen::new(),
        }
    }

    /// Adds a record and its text form.
    pub(crate) fn add(&mut self, record: &Record, text: &str) {
        let mut start = self.text.len();
        self.text.push_str(text);
        self.filter.add_keys(record);
        for end in memchr::memchr_iter(b'\n', text.as_bytes()) {
            let end = self.text.len() - text.len() + end;
            let all = self.text.as_bytes();
            if !self.seen.has(all, start..end) {
                self.filter.add_line(&all[start..end]);
            }
            start = end + 1;
        }
        self.records += 1;
        self.first = self.first.min(record.time);
        self.last = self.last.max(record.time);
    }

    /// Begins the next group in the same room. Returns the filter of this one.
    pub(crate) fn restart(&mut self) -> Filter {
        self.text.clear();
        self.seen.clear();
        (self.records, self.first, self.last) = (0, Time::MAX, Time::ZERO);
        std::mem::replace(&mut self.filter, Filter::new())
    }

    /// Says what it is as a group of a file.
    pub(crate) fn group(&self, offset: u64, packed: u64) -> Group {
        Group {
            offset,
            packed,
            text: u64::try_from(self.text.len()).unwrap_or(u64::MAX),
            records: self.records,
            first: self.first,
            last: self.last,
        }
    }
}

/// Lines of the current group that were seen lately: the same headers come with every message, and their grams are in the
/// map already.
#[derive(Clone, Debug)]
struct Seen(Box<[Range<usize>]>);

/// How many lines are kept; the next one that falls on a place takes it.
const SEEN: usize = 1024;
/// Shorter lines are no work.
const SHORT: usize = 16;

impl Seen {
    fn new() -> Self {
        Self(vec![0..0; SEEN].into())
    }

    /// Forgets all lines: the text that they stand in goes.
    fn clear(&mut self) {
        self.0.fill(0..0);
    }

    /// Tells whether the same line was seen, and keeps this one.
    fn has(&mut self, text: &[u8], line: Range<usize>) -> bool {
        let bytes = &text[line.clone()];
        let ends = bytes.first_chunk::<8>().zip(bytes.last_chunk::<8>());
        let Some((first, last)) = ends.filter(|_| bytes.len() >= SHORT) else {
            return false;
        };
        // A place, no proof: lines are compared.
        let mixed = u64::from_le_bytes(*first).rotate_left(29) ^ u64::from_le_bytes(*last);
        let mixed = mixed ^ bytes.len() as u64;
        let place = (mixed.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 54) as usize % SEEN;
        let same = text[self.0[place].clone()] == *bytes;
        self.0[place] = line;
        same
    }
}

/// The groups of a file that has no index yet, with their filters.
#[derive(Clone, Debug, Default)]
pub(crate) struct Table {
    pub(crate) groups: Vec<Group>,
    pub(crate) filters: Vec<Arc<Filter>>,
}

impl Table {
    pub(crate) fn push(&mut self, group: Group, filter: Filter) {
        self.groups.push(group);
        self.filters.push(Arc::new(filter));
    }

    /// Returns the sums over all groups: records, text, first and last time.
    pub(crate) fn sums(groups: &[Group]) -> (u64, u64, Time, Time) {
        let start = (0, 0, Time::MAX, Time::ZERO);
        groups
            .iter()
            .fold(start, |(records, text, first, last), group| {
                (
                    records + group.records,
                    text + group.text,
                    first.min(group.first),
                    last.max(group.last),
                )
            })
    }
}

impl Maps for Table {
    fn groups(&self) -> usize {
        self.groups.len()
    }

    fn keep(&self, map: Map, bit: usize, groups: &mut Groups) -> io::Result<()> {
        let mut row = vec![0; self.groups.len().div_ceil(8)];
        for (place, filter) in self.filters.iter().enumerate() {
            if let Some(byte) = row.get_mut(place / 8).filter(|_| filter.has(map, bit)) {
                *byte |= 1 << (place % 8);
            }
        }
        groups.keep(&row);
        Ok(())
    }
}
