//! Records out of files: the text form, as `search --output` writes it, or trace files, as `collect` brings them.
//!
//! What cannot be read is counted and told, since the end of a file may have been cut; what stands before it counts.
//!
//! Bounds: a record's text form has a longest length; longer pieces are passed over.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use logs::{Query, Record, line, matches_text, matches_whenever};
use zstd::stream::read::Decoder;

use super::criteria::During;

/// A buffer of what is read.
const PIECE: usize = 256 << 10;

/// Where records come from, if not from the machines.
#[derive(clap::Args)]
pub(super) struct Origin {
    /// Take records from a file rather than ask machines: text form or a collected trace file; - is standard input. May be
    /// given several times.
    #[arg(long, value_name = "FILE")]
    from_file: Vec<PathBuf>,
}

impl Origin {
    /// The files that are named; none if machines are to be asked.
    pub(super) fn files(&self) -> Option<&[PathBuf]> {
        (!self.from_file.is_empty()).then_some(&*self.from_file)
    }
}

/// Records of files, one file after the other.
pub(super) struct Files {
    paths: VecDeque<PathBuf>,
    open: Option<Pieces>,
    query: Query,
    /// Whether the time of a record does not count.
    whenever: bool,
    /// What could not be read, by file.
    pub(super) faults: Vec<String>,
}

impl Files {
    /// Reads these files for what a query looks for; of all times, unless some are asked for.
    pub(super) fn of(paths: &[PathBuf], query: Query, during: &During) -> Self {
        Self {
            paths: paths.iter().cloned().collect(),
            open: None,
            query,
            whenever: !during.is_given(),
            faults: Vec::new(),
        }
    }

    /// Returns the next record.
    pub(super) fn next(&mut self) -> anyhow::Result<Option<Record>> {
        loop {
            let Some(pieces) = &mut self.open else {
                let Some(path) = self.paths.pop_front() else {
                    return Ok(None);
                };
                self.open = Some(Pieces::of(&path)?);
                continue;
            };
            let Some(text) = pieces.next() else {
                self.faults.extend(pieces.faults());
                self.open = None;
                continue;
            };
            let Ok(record) = line::read(&text) else {
                pieces.unread += 1;
                continue;
            };
            let is_wanted = if self.whenever {
                matches_whenever(&self.query, &record, &text)
            } else {
                matches_text(&self.query, &record, &text)
            };
            if is_wanted {
                return Ok(Some(record));
            }
        }
    }
}

/// One file, cut into the text forms of its records.
struct Pieces {
    path: PathBuf,
    lines: Box<dyn BufRead>,
    /// The line that begins the next record.
    head: Vec<u8>,
    unread: u64,
    broken: Option<io::Error>,
}

impl Pieces {
    fn of(path: &Path) -> anyhow::Result<Self> {
        let opening = || format!("cannot read {}", path.display());
        let file: Box<dyn Read> = if path == Path::new("-") {
            Box::new(io::stdin())
        } else {
            Box::new(File::open(path).with_context(opening)?)
        };
        let mut plain = BufReader::with_capacity(PIECE, file);
        let is_packed = is_packed(plain.fill_buf().with_context(opening)?);
        let lines: Box<dyn BufRead> = if is_packed {
            let decoder = Decoder::with_buffer(plain).with_context(opening)?;
            Box::new(BufReader::with_capacity(PIECE, decoder))
        } else {
            Box::new(plain)
        };
        Ok(Self {
            path: path.to_owned(),
            lines,
            head: Vec::new(),
            unread: 0,
            broken: None,
        })
    }

    /// Returns the text form of the next record.
    fn next(&mut self) -> Option<String> {
        loop {
            let mut bytes = std::mem::take(&mut self.head);
            let mut is_too_long = false;
            while let Some(line) = self.line() {
                if line.starts_with(line::HEAD.as_bytes()) {
                    self.head = line;
                    break;
                }
                is_too_long |= bytes.len() + line.len() > line::LONGEST;
                // What stands before the first head is no record.
                if !is_too_long && !bytes.is_empty() {
                    bytes.extend_from_slice(&line);
                }
            }
            if bytes.is_empty() && self.head.is_empty() {
                return None;
            }
            match String::from_utf8(bytes) {
                Ok(text) if !is_too_long && !text.is_empty() => return Some(text),
                Ok(text) if text.is_empty() => {}
                _ => self.unread += 1,
            }
        }
    }

    fn line(&mut self) -> Option<Vec<u8>> {
        let mut bytes = Vec::new();
        let most = u64::try_from(line::LONGEST).unwrap_or(u64::MAX);
        match (&mut self.lines).take(most).read_until(b'\n', &mut bytes) {
            Ok(0) => None,
            Ok(_) => Some(bytes),
            Err(error) => {
                self.broken = Some(error);
                None
            }
        }
    }

    fn faults(&mut self) -> Vec<String> {
        let name = self.path.display();
        let unread =
            (self.unread > 0).then(|| format!("{name}: {} pieces are no records", self.unread));
        let broken = self.broken.take();
        let broken = broken.map(|error| format!("{name}: cannot be read to its end: {error}"));
        unread.into_iter().chain(broken).collect()
    }
}

/// Tells whether a file begins with a frame of zstd, or one that zstd passes over (RFC 8878, 3.1).
fn is_packed(begin: &[u8]) -> bool {
    match begin {
        [0x28, 0xb5, 0x2f, 0xfd, ..] => true,
        [first, 0x2a, 0x4d, 0x18, ..] => (0x50..=0x5f).contains(first),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use logs::{Component, Criterion, Flags, Level, Span, Time};

    use super::*;

    fn record(number: u64) -> Record {
        let mut record = Record::new(
            Time(number * 1_000_000),
            "fe01.contoso.net".into(),
            Component::SipStack,
            Level::Info,
            Flags::PROTOCOL,
        );
        record.call_id = Some(
            if number.is_multiple_of(2) {
                "even"
            } else {
                "odd"
            }
            .into(),
        );
        record.text = "INVITE sip:b SIP/2.0\n=== not a head\n\nbody\n".into();
        record
    }

    fn text(numbers: std::ops::Range<u64>) -> String {
        numbers
            .map(|number| line::text_of(&record(number)))
            .collect()
    }

    fn read(paths: &[PathBuf], criteria: Vec<Criterion>) -> (Vec<u64>, Vec<String>) {
        let span = Span::parse(None, None, Time(1_790_000_000_000_000)).unwrap();
        let query = Query {
            criteria,
            ..Query::within(span)
        };
        let mut files = Files::of(paths, query, &During::default());
        let mut found = Vec::new();
        while let Some(record) = files.next().unwrap() {
            found.push(record.time.0 / 1_000_000);
        }
        (found, files.faults)
    }

    #[test]
    fn text_and_trace_files_are_read_one_after_the_other() {
        let folder = tempfile::tempdir().unwrap();
        let (plain, packed) = (folder.path().join("a.log"), folder.path().join("b.zst"));
        std::fs::write(&plain, format!("a note\n{}", text(0..4))).unwrap();
        // What a machine writes beside the records stands in frames that are passed over.
        let skipped = |bytes: &[u8]| {
            let length = u32::try_from(bytes.len()).unwrap().to_le_bytes();
            [&[0x50, 0x2a, 0x4d, 0x18], &length[..], bytes].concat()
        };
        let group = |numbers| zstd::encode_all(text(numbers).as_bytes(), 3).unwrap();
        let file = [skipped(b"head"), group(4..6), group(6..8), skipped(b"end")].concat();
        std::fs::write(&packed, file).unwrap();
        let paths = [plain, packed];
        assert_eq!(read(&paths, Vec::new()), ((0..8).collect(), Vec::new()));
        let odd = Criterion::CallId("odd".to_owned());
        assert_eq!(read(&paths, vec![odd]).0, [1, 3, 5, 7]);
    }

    #[test]
    fn what_cannot_be_read_is_told_and_the_rest_counts() {
        let folder = tempfile::tempdir().unwrap();
        let (torn, odd) = (
            folder.path().join("torn.zst"),
            folder.path().join("odd.log"),
        );
        let whole = zstd::encode_all(text(0..500).as_bytes(), 3).unwrap();
        let mut file = File::create(&torn).unwrap();
        file.write_all(&zstd::encode_all(text(0..2).as_bytes(), 3).unwrap())
            .unwrap();
        file.write_all(&whole[..whole.len() / 2]).unwrap();
        let (found, faults) = read(&[torn], Vec::new());
        assert!(found.len() >= 2 && faults.len() == 1, "{faults:?}");
        assert!(
            faults[0].contains("cannot be read to its end"),
            "{faults:?}"
        );
        std::fs::write(&odd, format!("{}=== nonsense\n{}", text(0..1), text(1..2))).unwrap();
        let (found, faults) = read(&[odd], Vec::new());
        assert_eq!(found, [0, 1]);
        assert!(faults[0].ends_with("1 pieces are no records"), "{faults:?}");
    }
}
