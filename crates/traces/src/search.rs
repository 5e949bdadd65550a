//! A search: which groups can hold a match, what is in them, oldest first, while later groups are still being read.
//!
//! Groups are read in the order of their first record, a batch at a time by two threads. A find leaves as soon as no group
//! that is still to be read begins before it. Clocks that jump make groups overlap; then finds wait longer, and the order
//! is right all the same. The first batches are small, so that the first finds are quick.
//!
//! Bounds: a batch of groups for each thread's buffers, [`SEARCH_MEMORY`] for finds that wait; with more of them the
//! youngest are given up, and the outcome says so. Of finished files one line for each group is in memory, and only
//! while the search is near their time.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use logs::{Plan, Query, Time};

use crate::filter::candidates;
use crate::group::{Group, Table};
use crate::pending::{Pending, Place};
use crate::scan::Scanner;
use crate::sealed::{GroupReader, Sealed};
use crate::shared::Files;

/// Bytes of finds that wait for older ones.
pub const SEARCH_MEMORY: usize = 64 << 20;
/// Threads of one search, its own included.
const THREADS: usize = 2;
/// Groups that are read at once: first, and at most.
const FIRST_BATCH: usize = 4;
const LARGEST_BATCH: usize = 256;

/// A record that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hit {
    /// Its time.
    pub time: Time,
    /// Its text form; `logs::line::read` makes a record of it.
    pub text: String,
}

/// How a search ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Records given.
    pub given: u64,
    /// There are more than the limit, or the memory, let through.
    pub limited: bool,
    /// It was ended early.
    pub cancelled: bool,
    /// Groups that could not be read, and so may hide records.
    pub damaged: u64,
    /// Groups that were read.
    pub read: u64,
    /// Groups that exist within the time.
    pub groups: u64,
}

/// Where groups are read from.
enum Source {
    File(File),
    Shared(Arc<File>),
    Memory(String),
}

/// A group that may hold a match.
struct Candidate {
    place: Place,
    source: Arc<Source>,
    group: Group,
}

impl PartialEq for Candidate {
    fn eq(&self, other: &Self) -> bool {
        self.place == other.place
    }
}

impl Eq for Candidate {}

impl PartialOrd for Candidate {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Candidate {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.place.cmp(&other.place)
    }
}

/// A search under way.
pub(crate) struct Search<'a> {
    query: &'a Query,
    plan: Plan,
    scanner: Scanner,
    /// Finished files that were not looked into yet, the youngest first.
    files: Vec<Arc<Sealed>>,
    next: BinaryHeap<Reverse<Candidate>>,
    pending: Pending,
    outcome: Outcome,
}

impl<'a> Search<'a> {
    /// Takes note of all files as they are at this moment.
    pub(crate) fn begin(query: &'a Query, files: &Files) -> Self {
        let wanted = usize::try_from(query.limit).unwrap_or(usize::MAX);
        let mut search = Self {
            query,
            plan: Plan::of(query),
            scanner: Scanner::new(query),
            files: files.sealed.clone(),
            next: BinaryHeap::new(),
            pending: Pending::new(wanted, SEARCH_MEMORY),
            outcome: Outcome::default(),
        };
        let overlaps = |file: &Arc<Sealed>| query.span.overlaps(file.end.first, file.end.last);
        search.files.retain(overlaps);
        search.files.sort_by_key(|file| Reverse(file.end.first));
        for loose in &files.loose {
            let found = &loose.found;
            search.take_table(loose.number, &found.table, &loose.file);
            for (place, rest) in found.rests.iter().enumerate() {
                search.take_text(loose.number, found.table.groups.len() + place, rest);
            }
        }
        if let Some(segment) = &files.writing {
            search.take_table(segment.number, &segment.table, &segment.file);
            let group = segment.table.groups.len();
            search.take_text(segment.number, group, &segment.current);
        }
        search
    }

    fn take_text(&mut self, file: u64, number: usize, current: &crate::group::Current) {
        if current.records > 0 {
            let source = Arc::new(Source::Memory(current.text.clone()));
            self.take(file, number, current.group(0, 0), &source);
        }
    }

    fn take_table(&mut self, file: u64, table: &Table, handle: &Arc<File>) {
        let source = Arc::new(Source::Shared(Arc::clone(handle)));
        self.outcome.groups += u64::try_from(table.groups.len()).unwrap_or(0);
        // Maps in memory can always be read.
        let Ok(groups) = candidates(&self.plan, table) else {
            return;
        };
        for number in groups.iter() {
            if let Some(group) = table.groups.get(number) {
                self.take(file, number, *group, &source);
            }
        }
    }

    fn take(&mut self, file: u64, number: usize, group: Group, source: &Arc<Source>) {
        if !self.query.span.overlaps(group.first, group.last) {
            return;
        }
        self.next.push(Reverse(Candidate {
            place: Place {
                time: group.first,
                file,
                group: number,
                offset: 0,
            },
            source: Arc::clone(source),
            group,
        }));
    }

    /// Looks into the finished files that may hold what is next.
    fn look_into_files(&mut self) {
        while let Some(file) = self.files.last() {
            let next = self.next.peek().map(|Reverse(next)| next.place.time);
            if next.is_some_and(|next| next < file.end.first) {
                return;
            }
            let Some(file) = self.files.pop() else {
                return;
            };
            match self.look_into(&file) {
                Ok(()) => {}
                // It was too old, and has gone since.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => {
                    tracing::warn!(path = %file.path.display(), %error, "a trace file cannot be read");
                    self.outcome.damaged += file.end.groups;
                }
            }
        }
    }

    fn look_into(&mut self, file: &Sealed) -> io::Result<()> {
        let open = file.open()?;
        let groups = candidates(&self.plan, &open)?;
        self.outcome.groups += file.end.groups;
        let mut numbers = groups.iter().peekable();
        if numbers.peek().is_none() {
            return Ok(());
        }
        let index = open.index()?;
        let source = Arc::new(Source::File(open.file));
        for number in numbers {
            if let Some(group) = index.get(number) {
                self.take(file.number, number, *group, &source);
            }
        }
        Ok(())
    }

    /// The time before which nothing more can come.
    fn frontier(&self) -> Option<Time> {
        let next = self.next.peek().map(|Reverse(next)| next.place.time);
        let file = self.files.last().map(|file| file.end.first);
        next.into_iter().chain(file).min()
    }

    /// Searches, and gives out what is found.
    pub(crate) fn run(
        mut self,
        cancel: &AtomicBool,
        out: &mut dyn FnMut(Hit) -> ControlFlow<()>,
    ) -> io::Result<Outcome> {
        let mut readers = Vec::new();
        for _ in 0..THREADS {
            readers.push(GroupReader::new()?);
        }
        let mut size = FIRST_BATCH;
        loop {
            if cancel.load(Ordering::Relaxed) {
                self.outcome.cancelled = true;
                return Ok(self.outcome);
            }
            self.look_into_files();
            let batch = self.batch(size);
            size = LARGEST_BATCH.min(size * 2);
            self.read(&batch, &mut readers);
            let frontier = self.frontier();
            if self.give(frontier, out).is_break() {
                self.outcome.cancelled = true;
                return Ok(self.outcome);
            }
            if frontier.is_none_or(|frontier| self.pending.is_beyond(frontier)) {
                break;
            }
        }
        let ended = self.give(None, out);
        self.outcome.cancelled = ended.is_break();
        self.outcome.limited = self.pending.is_limited();
        Ok(self.outcome)
    }

    /// Gives out what is older than anything that may still come.
    fn give(
        &mut self,
        frontier: Option<Time>,
        out: &mut dyn FnMut(Hit) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        while let Some((time, text)) = self.pending.take(frontier) {
            self.outcome.given += 1;
            out(Hit { time, text })?;
        }
        ControlFlow::Continue(())
    }

    fn batch(&mut self, size: usize) -> Vec<Candidate> {
        let mut batch = Vec::new();
        while batch.len() < size {
            let Some(Reverse(next)) = self.next.pop() else {
                break;
            };
            batch.push(next);
            // A file that was not looked into may have the one that comes next.
            let next = self.next.peek().map(|Reverse(next)| next.place.time);
            let file = self.files.last().map(|file| file.end.first);
            if file.is_some_and(|file| next.is_none_or(|next| file <= next)) {
                self.look_into_files();
            }
        }
        batch
    }

    fn read(&mut self, batch: &[Candidate], readers: &mut [GroupReader]) {
        let turn = AtomicUsize::new(0);
        let finds = Mutex::new((Vec::new(), 0));
        let work = |reader: &mut GroupReader| {
            while let Some(candidate) = batch.get(turn.fetch_add(1, Ordering::Relaxed)) {
                let (found, damaged) = scan(&self.scanner, candidate, reader);
                let mut finds = finds.lock().unwrap_or_else(PoisonError::into_inner);
                finds.0.extend(found);
                finds.1 += u64::from(damaged);
            }
        };
        if let Some((own, others)) = readers.split_first_mut() {
            std::thread::scope(|scope| {
                let others = others.iter_mut().take(batch.len().saturating_sub(1));
                for reader in others {
                    scope.spawn(|| work(reader));
                }
                work(own);
            });
        }
        let (found, damaged) = finds.into_inner().unwrap_or_else(PoisonError::into_inner);
        self.outcome.damaged += damaged;
        self.outcome.read += u64::try_from(batch.len()).unwrap_or(0);
        for (place, text) in found {
            self.pending.add(place, text);
        }
    }
}

/// Reads one group and finds what matches; tells whether it could not be read.
fn scan(
    scanner: &Scanner,
    candidate: &Candidate,
    reader: &mut GroupReader,
) -> (Vec<(Place, String)>, bool) {
    let text = match &*candidate.source {
        Source::File(file) => reader.read(file, &candidate.group),
        Source::Shared(file) => reader.read(file, &candidate.group),
        Source::Memory(text) => Ok(text.as_str()),
    };
    let Ok(text) = text else {
        return (Vec::new(), true);
    };
    let mut found = Vec::new();
    scanner.scan(text, &mut |time, offset, record| {
        let place = Place {
            time,
            offset,
            ..candidate.place
        };
        found.push((place, record.to_owned()));
    });
    (found, false)
}
