//! The traces of one machine, as its roles and its agent see them.

use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread::JoinHandle;
use std::time::Duration;

use base::Valve;
use logs::{Query, Record, Span};

use crate::files::{self, Lock, TraceFile};
use crate::open::{OpenError, Recovery};
use crate::options::Options;
use crate::queue::{Entry, Queue};
use crate::recovery::{Found, Mended, mend};
use crate::sealed::Sealed;
use crate::search::{Hit, Outcome, Search};
use crate::shared::{Files, Shared, Stats};
use crate::tail::{Tail, TailError};
use crate::writer::Writer;

/// How long one waits for the disk.
const SYNC: Duration = Duration::from_secs(10);

/// Why not everything is on the disk.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SyncError {
    /// The disk does not take it.
    #[error("traces cannot be written: {0}")]
    Disk(String),
    /// The writer does not answer in time, or has ended.
    #[error("the writer of traces does not answer")]
    Silent,
}

/// The traces of one machine. Shared by reference; all calls may come from any thread. When it goes, what waits is
/// written and the file is finished.
pub struct Traces {
    queue: Arc<Queue>,
    shared: Arc<Shared>,
    writer: Option<JoinHandle<()>>,
    _lock: Lock,
}

impl std::fmt::Debug for Traces {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Traces")
    }
}

impl Traces {
    /// Opens a directory of traces, which is made if it is not there, for the machine of this name; mends what a crash
    /// has left.
    ///
    /// # Errors
    /// The directory cannot be used, or another process uses it.
    pub fn open(
        dir: &Path,
        machine: &str,
        options: Options,
    ) -> Result<(Self, Recovery), OpenError> {
        let lock = files::take(dir)?;
        let mut recovery = Recovery::default();
        let mut found = Files::none();
        let names = files::list(dir).map_err(OpenError::disk(dir))?;
        let next = names.last().map_or(1, |(number, _)| number + 1);
        for (number, path) in names {
            recovery.files += 1;
            take_in(dir, number, &path, &mut found, &mut recovery)
                .map_err(OpenError::disk(&path))?;
        }
        let queue = Arc::new(Queue::new(&options));
        let shared = Arc::new(Shared::new(found));
        let writer = Writer::new(
            PathBuf::from(dir),
            machine.to_owned(),
            options,
            Arc::clone(&queue),
            Arc::clone(&shared),
            next,
        )
        .map_err(OpenError::Thread)?;
        let thread = std::thread::Builder::new().name("traces".to_owned());
        let writer = thread
            .spawn(move || writer.run())
            .map_err(OpenError::Thread)?;
        let traces = Self {
            queue,
            shared,
            writer: Some(writer),
            _lock: lock,
        };
        Ok((traces, recovery))
    }

    /// Takes a record to be kept. Never waits: tells whether there was room for it; what was dropped is counted.
    pub fn offer(&self, record: Record) -> bool {
        self.take(Entry::Ready(Box::new(record)))
    }

    pub(crate) fn take(&self, entry: Entry) -> bool {
        self.queue.offer(entry)
    }

    /// Brings everything that was offered before to the disk. Waits for it.
    ///
    /// # Errors
    /// The disk does not take it, or the writer does not answer.
    pub fn sync(&self) -> Result<(), SyncError> {
        self.ask(false)
    }

    /// Finishes the file that is being written, so that it can be collected. Waits for it.
    ///
    /// # Errors
    /// The disk does not take it, or the writer does not answer.
    pub fn seal(&self) -> Result<(), SyncError> {
        self.ask(true)
    }

    fn ask(&self, seal: bool) -> Result<(), SyncError> {
        let number = self.queue.ask(seal);
        let answer = self.shared.wait(number, SYNC);
        answer.map_err(|trouble| trouble.map_or(SyncError::Silent, SyncError::Disk))
    }

    /// Finds records, and gives them out oldest first while the search goes on. Blocks the calling thread and uses one
    /// more. Ends early when `out` breaks or `cancel` becomes true.
    ///
    /// Finds everything that the writer has taken from the queue, which takes it a tenth of a second; after
    /// [`Self::sync`] everything that was offered.
    ///
    /// # Errors
    /// There is no memory for the search.
    pub fn search(
        &self,
        query: &Query,
        cancel: &AtomicBool,
        out: &mut dyn FnMut(Hit) -> ControlFlow<()>,
    ) -> io::Result<Outcome> {
        let search = Search::begin(query, &self.shared.files());
        search.run(cancel, out)
    }

    /// Watches for records that match a query as they come; its time and limit do not count.
    ///
    /// # Errors
    /// As many watch as may.
    pub fn tail(&self, query: Query) -> Result<Tail, TailError> {
        self.shared.tails.watch(query)
    }

    /// Returns the finished files that have records of this time, oldest first. [`Self::seal`] before, to have the newest
    /// records among them.
    #[must_use]
    pub fn collect(&self, span: Span) -> Vec<TraceFile> {
        let files = self.shared.files();
        let within = |file: &&Arc<Sealed>| span.overlaps(file.end.first, file.end.last);
        let found = files.sealed.iter().filter(within);
        found
            .map(|file| TraceFile {
                name: files::name_of(&file.path),
                path: file.path.clone(),
                size: file.size,
            })
            .collect()
    }

    pub(crate) fn valve(&self) -> &Arc<Valve> {
        self.queue.valve()
    }

    /// Returns how the traces are.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let (dropped_full, dropped_throttled, silenced) = self.queue.dropped();
        let files = self.shared.files();
        let sealed = files.sealed.iter().map(|file| file.end.first);
        let current = files.writing.iter().flat_map(|segment| {
            let groups = segment.table.groups.iter().map(|group| group.first);
            let current = Some(segment.current.first);
            groups.chain(current.filter(|_| segment.current.records > 0))
        });
        Stats {
            kept: files.kept,
            dropped_full,
            dropped_throttled,
            dropped_disk: files.dropped_disk,
            silenced,
            trouble: files.trouble.clone(),
            files: files.sealed.len() + files.loose.len() + usize::from(files.writing.is_some()),
            bytes: files.bytes(),
            bytes_max: files.bytes_max,
            room: files.room,
            oldest: sealed.chain(current).min(),
            removed: files.removed,
        }
    }
}

impl Drop for Traces {
    fn drop(&mut self) {
        self.queue.close();
        if let Some(writer) = self.writer.take()
            && writer.join().is_err()
        {
            tracing::error!("the thread that writes traces has failed");
        }
    }
}

/// Takes a file in that was there.
fn take_in(
    dir: &Path,
    number: u64,
    path: &Path,
    files: &mut Files,
    recovery: &mut Recovery,
) -> io::Result<()> {
    if let Some(sealed) = Sealed::look(number, path)? {
        files.sealed.push(Arc::new(sealed));
        return Ok(());
    }
    let mut count = |found: &Found| {
        recovery.torn_bytes += found.torn;
        recovery.damaged_bytes += found.damaged;
    };
    match mend(dir, number, path)? {
        Mended::Sealed(sealed, found) => {
            count(&found);
            recovery.mended += 1;
            files.sealed.push(Arc::new(sealed));
        }
        Mended::Loose(loose) => {
            count(&loose.found);
            recovery.unmended += 1;
            files.loose.push(Arc::new(loose));
        }
        Mended::Empty(found) => {
            count(&found);
            recovery.mended += 1;
            // A head and perhaps a piece of a frame: nothing that anybody could read.
            std::fs::remove_file(path)?;
        }
    }
    Ok(())
}
