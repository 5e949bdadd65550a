//! What stands in a file beside the text: skippable frames of zstd, which `zstdcat` passes over.
//!
//! ```text
//! head     "VTRACE01", the time of its making, the machine, a checksum
//! groups   zstd frames of text
//! keys     "VTKEYS02", rows of the map of keys      only in a sealed file
//! grams    "VTGRAM02", rows of the map of grams     only in a sealed file
//! index    "VTINDEX2", a line for each group, a checksum
//! end      "VTEND002", where the others are, sums over all groups, a checksum; always [`END`] bytes
//! ```
//!
//! Numbers are little endian, as those of zstd are. `docs/trace-format.md` has it in full.

use crate::group::Group;
use logs::Time;

/// The first of the sixteen marks of a skippable frame.
const SKIPPABLE: u32 = 0x184d_2a50;
/// A skippable frame's own head: mark and size.
pub(crate) const SKIP_HEAD: usize = 8;
const TAG: usize = 8;
const SUM: usize = 4;

pub(crate) const HEAD_TAG: &[u8; TAG] = b"VTRACE01";
pub(crate) const KEYS_TAG: &[u8; TAG] = b"VTKEYS02";
pub(crate) const GRAMS_TAG: &[u8; TAG] = b"VTGRAM02";
const INDEX_TAG: &[u8; TAG] = b"VTINDEX2";
const END_TAG: &[u8; TAG] = b"VTEND002";

/// How a zstd frame begins.
pub(crate) const ZSTD: [u8; 4] = 0xfd2f_b528_u32.to_le_bytes();

/// Bytes of the last frame.
pub(crate) const END: usize = SKIP_HEAD + TAG + 11 * 8 + SUM;
/// Bytes of a line of the index.
const LINE: usize = 8 * 6;
/// A file has no more groups.
pub(crate) const MOST_GROUPS: usize = 4096;
/// The index of a file is never longer.
pub(crate) const LONGEST_INDEX: usize = SKIP_HEAD + TAG + MOST_GROUPS * LINE + SUM;

/// Begins a skippable frame whose content has this size, tag included.
pub(crate) fn begin(tag: &[u8; TAG], content: usize, out: &mut Vec<u8>) {
    out.extend_from_slice(&SKIPPABLE.to_le_bytes());
    // No frame of ours comes near 4 GiB: the largest has 2^15 rows of 512 bytes.
    let size = u32::try_from(TAG + content).unwrap_or(u32::MAX);
    out.extend_from_slice(&size.to_le_bytes());
    out.extend_from_slice(tag);
}

/// Writes the head of a file.
pub(crate) fn head(now: Time, machine: &str) -> Vec<u8> {
    let machine = machine.as_bytes();
    let mut out = Vec::new();
    begin(HEAD_TAG, 8 + machine.len() + SUM, &mut out);
    out.extend_from_slice(&now.0.to_le_bytes());
    out.extend_from_slice(machine);
    sum(SKIP_HEAD, &mut out);
    out
}

/// Adds the checksum over what stands from `from` on.
fn sum(from: usize, out: &mut Vec<u8>) {
    let sum = crc32fast::hash(out.get(from..).unwrap_or_default());
    out.extend_from_slice(&sum.to_le_bytes());
}

/// Writes the index.
pub(crate) fn index(groups: &[Group]) -> Vec<u8> {
    let mut out = Vec::with_capacity(SKIP_HEAD + TAG + groups.len() * LINE + SUM);
    begin(INDEX_TAG, groups.len() * LINE + SUM, &mut out);
    for group in groups {
        for number in [
            group.offset,
            group.packed,
            group.text,
            group.records,
            group.first.0,
            group.last.0,
        ] {
            out.extend_from_slice(&number.to_le_bytes());
        }
    }
    sum(SKIP_HEAD, &mut out);
    out
}

/// Reads the index; `None` if it is damaged.
pub(crate) fn read_index(frame: &[u8]) -> Option<Vec<Group>> {
    let content = checked(frame, INDEX_TAG)?;
    let group = |line: &[u8]| {
        let mut numbers = Numbers(line);
        Some(Group {
            offset: numbers.next()?,
            packed: numbers.next()?,
            text: numbers.next()?,
            records: numbers.next()?,
            first: Time(numbers.next()?),
            last: Time(numbers.next()?),
        })
    };
    content.chunks_exact(LINE).map(group).collect()
}

/// Where the parts of a sealed file are, and the sums over its groups.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct End {
    /// Where the rows of the map of keys begin, and how many there are; none if the file is too small to need any.
    pub(crate) keys: u64,
    pub(crate) key_rows: u64,
    /// The same for grams.
    pub(crate) grams: u64,
    pub(crate) gram_rows: u64,
    /// Where the frame of the index begins.
    pub(crate) index: u64,
    pub(crate) groups: u64,
    pub(crate) records: u64,
    pub(crate) text: u64,
    pub(crate) first: Time,
    pub(crate) last: Time,
}

impl End {
    pub(crate) fn write(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(END);
        begin(END_TAG, 11 * 8 + SUM, &mut out);
        for number in [
            self.keys,
            self.key_rows,
            self.grams,
            self.gram_rows,
            self.index,
            self.groups,
            self.records,
            self.text,
            self.first.0,
            self.last.0,
            // Room for what a later version adds.
            0,
        ] {
            out.extend_from_slice(&number.to_le_bytes());
        }
        sum(SKIP_HEAD, &mut out);
        out
    }

    /// Reads the last frame of a file; `None` if it is none or damaged, or says what cannot be.
    pub(crate) fn read(frame: &[u8]) -> Option<Self> {
        let mut numbers = Numbers(checked(frame, END_TAG)?);
        let end = Self {
            keys: numbers.next()?,
            key_rows: numbers.next()?,
            grams: numbers.next()?,
            gram_rows: numbers.next()?,
            index: numbers.next()?,
            groups: numbers.next()?,
            records: numbers.next()?,
            text: numbers.next()?,
            first: Time(numbers.next()?),
            last: Time(numbers.next()?),
        };
        let rows = |rows: u64, most: usize| {
            rows == 0 || (rows.is_power_of_two() && rows <= u64::try_from(most).unwrap_or(0))
        };
        let sound = end.groups <= u64::try_from(MOST_GROUPS).unwrap_or(0)
            && rows(end.key_rows, crate::filter::KEY_BITS)
            && rows(end.gram_rows, crate::filter::GRAM_BITS);
        sound.then_some(end)
    }
}

/// Returns the content of a frame of ours, without its tag and checksum, if these are right.
fn checked<'a>(frame: &'a [u8], tag: &[u8; TAG]) -> Option<&'a [u8]> {
    let (head, content) = frame.split_at_checked(SKIP_HEAD)?;
    let (mark, size) = head.split_first_chunk::<4>()?;
    let size = u32::from_le_bytes(size.try_into().ok()?);
    if u32::from_le_bytes(*mark) != SKIPPABLE || usize::try_from(size).ok()? != content.len() {
        return None;
    }
    let (rest, sum) = content.split_last_chunk::<SUM>()?;
    let right = crc32fast::hash(rest) == u32::from_le_bytes(*sum);
    rest.strip_prefix(tag).filter(|_| right)
}

/// Numbers in a row.
struct Numbers<'a>(&'a [u8]);

impl Numbers<'_> {
    fn next(&mut self) -> Option<u64> {
        let (number, rest) = self.0.split_first_chunk::<8>()?;
        self.0 = rest;
        Some(u64::from_le_bytes(*number))
    }
}

#[cfg(test)]
mod tests {
    use super::{END, End, index, read_index};
    use crate::group::Group;
    use logs::Time;

    #[test]
    fn what_is_written_is_read_and_a_flipped_bit_is_seen() {
        let group = Group {
            offset: 40,
            packed: 5,
            text: 6,
            records: 7,
            first: Time(8),
            last: Time(9),
        };
        let frame = index(&[group, group]);
        assert_eq!(read_index(&frame), Some(vec![group, group]));
        let end = End {
            key_rows: 1 << 13,
            groups: 2,
            ..End::default()
        };
        let last = end.write();
        assert_eq!(last.len(), END);
        assert_eq!(End::read(&last), Some(end));
        for bit in 0..END * 8 {
            let mut wrong = last.clone();
            wrong[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(End::read(&wrong), None, "bit {bit}");
        }
        assert_eq!(End::read(&last[1..]), None);
        assert_eq!(read_index(&frame[..frame.len() - 1]), None);
    }
}
