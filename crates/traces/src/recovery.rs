//! A file that a crash left without its index: what it holds is read, and the file is given one.
//!
//! Frames that are whole are kept as they are. Of the last one, which may be torn anywhere, everything that can be read is
//! kept: pieces are written with whole records, so at most what was not written yet is lost. The mended file is made
//! beside the old one and takes its name when it is durable; if there is no room for it, the old one stays and is searched
//! as it is.

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::path::Path;
use std::sync::Arc;

use logs::line;
use zstd::stream::raw::{Decoder, InBuffer, Operation as _, OutBuffer};
use zstd::zstd_safe::find_frame_compressed_size;

use crate::encoder::Encoder;
use crate::files;
use crate::format::{HEAD_TAG, MOST_GROUPS, SKIP_HEAD, ZSTD};
use crate::group::{Current, LARGEST_GROUP, Table};
use crate::sealed::Sealed;
use crate::segment::seal;

/// A file that is longer is not ours: segments end far before.
const LONGEST_FILE: u64 = 1 << 30;
/// The first bytes of a frame, which say how long its head is.
const START: usize = 5;
const BLOCK_HEAD: usize = 3;
/// The largest block of zstd: what is read at a time of a torn frame.
const PIECE: usize = 128 << 10;

/// What was found in a file without index.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) table: Table,
    /// Records of frames that have no end: the last one, mostly.
    pub(crate) rests: Vec<Current>,
    pub(crate) torn: u64,
    pub(crate) damaged: u64,
}

/// A file that has no index and could not be given one.
#[derive(Debug)]
pub(crate) struct Loose {
    pub(crate) number: u64,
    pub(crate) size: u64,
    pub(crate) file: Arc<File>,
    pub(crate) found: Found,
}

/// What became of a file.
pub(crate) enum Mended {
    Sealed(Sealed, Found),
    Loose(Loose),
    /// It holds nothing at all.
    Empty(Found),
}

/// Reads and mends a file.
pub(crate) fn mend(dir: &Path, number: u64, path: &Path) -> io::Result<Mended> {
    let file = File::open(path)?;
    let size = file.metadata()?.len();
    let mut bytes = Vec::new();
    (&file).take(LONGEST_FILE).read_to_end(&mut bytes)?;
    let found = scan(&bytes);
    if found.table.groups.is_empty() && found.rests.is_empty() {
        return Ok(Mended::Empty(found));
    }
    match rewrite(dir, number, path, &bytes, &found) {
        Ok(sealed) => Ok(Mended::Sealed(sealed, found)),
        Err(error) => {
            tracing::warn!(path = %path.display(), %error, "a trace file cannot be given an index");
            let _ = fs::remove_file(files::unfinished(dir, number));
            Ok(Mended::Loose(Loose {
                number,
                size,
                file: Arc::new(file),
                found,
            }))
        }
    }
}

/// Reads the bytes of a file from its beginning on.
pub(crate) fn scan(bytes: &[u8]) -> Found {
    let mut found = Found::default();
    let mut at = 0;
    while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
        let is_text = rest.starts_with(&ZSTD);
        let size = find_frame_compressed_size(rest);
        let room = found.table.groups.len() + found.rests.len() < MOST_GROUPS;
        at += match size {
            Ok(size) if !is_text => size,
            Ok(size) if room => {
                let frame = rest.get(..size).unwrap_or(rest);
                match whole(frame) {
                    Some(current) => {
                        let group = current.group(length(at), length(size));
                        found.table.push(group, current.filter);
                    }
                    None => found.damaged += length(size),
                }
                size
            }
            _ => {
                let read = is_text && room && torn(rest, &mut found);
                let next = next_frame(rest);
                let skip = next.unwrap_or(rest.len());
                match next {
                    Some(_) => found.damaged += length(skip),
                    None if !read => found.torn += length(skip),
                    None => {}
                }
                skip
            }
        };
    }
    found
}

fn length(size: usize) -> u64 {
    u64::try_from(size).unwrap_or(u64::MAX)
}

/// Finds where, after its first byte, another frame of text begins.
fn next_frame(rest: &[u8]) -> Option<usize> {
    let after = rest.get(1..)?;
    memchr::memmem::find(after, &ZSTD).map(|at| at + 1)
}

/// Reads a frame that has its end.
fn whole(frame: &[u8]) -> Option<Current> {
    let text = zstd::bulk::decompress(frame, LARGEST_GROUP).ok()?;
    let text = String::from_utf8(text).ok()?;
    let (current, read) = take_in(&text);
    // The checksum of the frame was right, so it is a later version that wrote what cannot be read.
    (read > 0).then_some(current)
}

/// Reads of a frame that has no end what can be read; tells whether that is anything.
fn torn(rest: &[u8], found: &mut Found) -> bool {
    let text = decode_torn(rest).unwrap_or_default();
    let valid = match std::str::from_utf8(&text) {
        Ok(text) => text,
        Err(error) => {
            let (valid, _) = text.split_at(error.valid_up_to());
            std::str::from_utf8(valid).unwrap_or_default()
        }
    };
    let (current, read) = take_in(valid);
    if current.records == 0 {
        return false;
    }
    found.torn += length(text.len() - read);
    found.rests.push(current);
    true
}

/// Decodes block by block: one that is torn or damaged ends the reading, and those before it count.
fn decode_torn(rest: &[u8]) -> io::Result<Vec<u8>> {
    let mut decoder = Decoder::new()?;
    let mut piece = vec![0; PIECE];
    let mut text = Vec::new();
    let mut at = 0_usize;
    // The decoder says how much it needs to end the block that it is in. Given more it would go on to the next one, and
    // when that is damaged it gives nothing of either.
    let mut wanted = START;
    while let Some(part) = rest.get(at..rest.len().min(at.saturating_add(wanted))) {
        let mut input = InBuffer::around(part);
        let mut output = OutBuffer::around(piece.as_mut_slice());
        let Ok(more) = decoder.run(&mut input, &mut output) else {
            break;
        };
        let (read, got) = (input.pos(), output.as_slice().len());
        text.extend_from_slice(output.as_slice());
        if more == 0 || (read == 0 && got == 0) || text.len() > LARGEST_GROUP {
            break;
        }
        at += read;
        // The head of the next block is asked for together with this one.
        wanted = if more > BLOCK_HEAD {
            more - BLOCK_HEAD
        } else {
            more
        };
    }
    Ok(text)
}

/// Takes records in until one cannot be read. Returns how many bytes they have.
fn take_in(text: &str) -> (Current, usize) {
    let mut current = Current::new();
    let mut read = 0;
    if !text.starts_with(line::HEAD) {
        return (current, 0);
    }
    for record in line::split(text) {
        let Ok(fields) = line::read(record) else {
            break;
        };
        current.add(&fields, record);
        read += record.len();
    }
    (current, read)
}

/// Makes the mended file.
fn rewrite(
    dir: &Path,
    number: u64,
    path: &Path,
    bytes: &[u8],
    found: &Found,
) -> io::Result<Sealed> {
    let unfinished = files::unfinished(dir, number);
    let mut file = files::create(&unfinished)?;
    // The head and every group move together if nothing lies between them; what was damaged is left out.
    let mut table = found.table.clone();
    let mut at = write_head(&mut file, bytes)?;
    for group in &mut table.groups {
        let range = usize::try_from(group.offset)
            .ok()
            .zip(usize::try_from(group.packed).ok());
        let frame = range.and_then(|(start, size)| bytes.get(start..start.checked_add(size)?));
        file.write_all(frame.unwrap_or_default())?;
        group.offset = at;
        at += group.packed;
    }
    for rest in &found.rests {
        let mut frame = Vec::new();
        let mut encoder = Encoder::new()?;
        encoder.feed(rest.text.as_bytes(), &mut frame)?;
        encoder.finish(&mut frame)?;
        file.write_all(&frame)?;
        table.push(rest.group(at, length(frame.len())), rest.filter.clone());
        at += length(frame.len());
    }
    let (size, end) = seal(&file, at, &table)?;
    file.sync_all()?;
    fs::rename(&unfinished, path)?;
    files::sync_dir(dir)?;
    Ok(Sealed {
        number,
        path: path.into(),
        size,
        end,
    })
}

/// Copies the head of a file, if it has one. Returns its length.
fn write_head(file: &mut File, bytes: &[u8]) -> io::Result<u64> {
    let size = find_frame_compressed_size(bytes).unwrap_or(0);
    let head = bytes.get(..size).unwrap_or_default();
    let is_ours = head
        .get(SKIP_HEAD..)
        .is_some_and(|content| content.starts_with(HEAD_TAG));
    let head = if is_ours { head } else { &[] };
    file.write_all(head)?;
    Ok(length(head.len()))
}
