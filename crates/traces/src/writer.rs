//! The thread that writes: records into the current file, everything to the disk twice a second, old files away.

use std::fs::{self, File};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use logs::{Record, Time, line};

use crate::format::MOST_GROUPS;
use crate::group::FULL_GROUP;
use crate::options::Options;
use crate::queue::{Batch, Queue};
use crate::retention::{self, AGE_PAUSE};
use crate::segment::Segment;
use crate::shared::{Files, Shared};
use crate::sync::Syncer;
use crate::{Retention, files};

/// How often everything is brought to the disk and old files are looked for. With the time that the queue gathers, and that
/// a busy machine keeps the writer waiting, it is less than a second, so a crash costs no more.
const TICK: Duration = Duration::from_millis(500);
/// So many records are written before searches get a turn, or the writer rests: a third of a millisecond.
const TURN: usize = 64;
/// While more comes than it can write, the thread rests for so many times the time that it has worked: it takes a fifth of
/// a core then, since what it cannot keep is lost anyway and the servers need the rest.
const RESTS: u32 = 4;
/// Small disks get small files, so that there are some to remove.
const FEWEST_FILES: u64 = 8;
const SMALLEST_FILE: u64 = 64 << 10;

pub(crate) struct Writer {
    dir: PathBuf,
    machine: String,
    options: Options,
    queue: Arc<Queue>,
    shared: Arc<Shared>,
    next: u64,
    line: String,
    /// Up to which request the disk is synced.
    answered: u64,
    ticked: Instant,
    aged: Option<Instant>,
    /// While the disk takes nothing, when to try again.
    retry: Option<Instant>,
    syncer: Syncer,
}

impl Writer {
    pub(crate) fn new(
        dir: PathBuf,
        machine: String,
        options: Options,
        queue: Arc<Queue>,
        shared: Arc<Shared>,
        next: u64,
    ) -> io::Result<Self> {
        Ok(Self {
            dir,
            machine,
            options,
            queue,
            shared,
            next,
            line: String::new(),
            answered: 0,
            ticked: Instant::now(),
            aged: None,
            retry: None,
            syncer: Syncer::start()?,
        })
    }

    /// Writes until the queue is closed and empty.
    pub(crate) fn run(mut self) {
        self.look_after_files();
        loop {
            let mut batch = self.queue.take(TICK, self.answered);
            self.keep_all(&mut batch);
            let asked = batch.sync > self.answered;
            if asked || batch.closed || self.ticked.elapsed() >= TICK {
                self.ticked = Instant::now();
                self.retry = None;
                let result = self.bring_to_disk(batch.seal || batch.closed, asked || batch.closed);
                self.look_after_files();
                self.answered = batch.sync;
                let trouble = result.err().map(|error| error.to_string());
                self.shared.answer(self.answered, trouble, batch.closed);
            }
            if batch.closed {
                self.shared.tails.end();
                return;
            }
        }
    }

    fn keep_all(&mut self, batch: &mut Batch) {
        let shared = Arc::clone(&self.shared);
        while !batch.records.is_empty() {
            let (begun, worked) = (Instant::now(), time_of_thread());
            let mut weight = 0;
            let watched = !shared.tails.is_empty();
            let mut files = shared.files();
            for entry in batch.records.drain(..TURN.min(batch.records.len())) {
                weight += entry.weight();
                let record = entry.complete();
                self.line.clear();
                line::write(&record, &mut self.line);
                self.keep(&mut files, &record);
                if watched {
                    shared.tails.show(&record, &self.line);
                }
            }
            drop(files);
            let work = time_of_thread().saturating_sub(worked);
            self.queue.rest(work * RESTS, self.answered);
            self.queue.written(weight, begun.elapsed());
        }
    }

    /// Keeps one record, whose text form is in `line`.
    fn keep(&mut self, files: &mut Files, record: &Record) {
        let waits = self.retry.is_some_and(|at| Instant::now() < at);
        let result = if waits { Ok(()) } else { self.make_room(files) };
        let segment = files.writing.as_mut().filter(|segment| segment.has_room());
        match segment {
            Some(segment) => {
                segment.add(record, &self.line);
                files.kept += 1;
            }
            None => files.dropped_disk += 1,
        }
        match result {
            Err(error) => self.trouble(files, &error),
            Ok(()) if !waits => files.trouble = None,
            Ok(()) => {}
        }
    }

    /// Sees to it that there is a file whose current group takes a record.
    fn make_room(&mut self, files: &mut Files) -> io::Result<()> {
        if let Some(segment) = &mut files.writing {
            segment.write()?;
            let most = self.largest_file(files.bytes_max);
            let full = segment.table.groups.len() >= MOST_GROUPS - 1 || segment.size() >= most;
            if full {
                self.seal(files)?;
                self.remove_for_room(files);
            }
        }
        if files.writing.is_none() {
            let segment = Segment::create(&self.dir, self.next, now(), &self.machine);
            // A number is used once, also if its file could not be made.
            self.next += 1;
            files.writing = Some(segment?);
            // So that its name is there after a power cut too.
            self.syncer.later(Arc::new(File::open(&self.dir)?));
        }
        Ok(())
    }

    /// When a file is finished.
    fn largest_file(&self, bytes_max: u64) -> u64 {
        let allowed = (bytes_max / FEWEST_FILES).max(SMALLEST_FILE);
        self.options.segment_bytes.min(allowed)
    }

    fn trouble(&mut self, files: &mut Files, error: &io::Error) {
        self.retry = Some(Instant::now() + TICK);
        let text = error.to_string();
        if files.trouble.as_ref() != Some(&text) {
            tracing::warn!(dir = %self.dir.display(), %error, "traces cannot be written");
        }
        files.trouble = Some(text);
    }

    fn seal(&mut self, files: &mut Files) -> io::Result<()> {
        let Some(segment) = &mut files.writing else {
            return Ok(());
        };
        let sealed = segment.seal()?;
        let file = Arc::clone(&segment.file);
        files.writing = None;
        self.syncer.later(file);
        if sealed.end.records == 0 {
            return fs::remove_file(&sealed.path);
        }
        files.sealed.push(Arc::new(sealed));
        Ok(())
    }

    /// Writes everything, and has it brought to the disk; finishes the file if it is asked for or old. Waits for the disk only
    /// for whoever asked.
    fn bring_to_disk(&mut self, seal: bool, asked: bool) -> io::Result<()> {
        let shared = Arc::clone(&self.shared);
        let mut files = shared.files();
        let old = |segment: &Segment| segment.begun.elapsed() >= self.options.segment_age;
        // Records are dropped as long as there is no file, and whoever asks has to hear of it.
        let without = files.writing.is_none() && files.trouble.is_some();
        let mut result = if without {
            self.make_room(&mut files)
        } else if seal || files.writing.as_ref().is_some_and(old) {
            self.seal(&mut files)
        } else {
            let unsynced = files.writing.as_mut().map(Segment::flush).transpose();
            unsynced.map(|file| {
                file.flatten()
                    .into_iter()
                    .for_each(|file| self.syncer.later(file))
            })
        };
        if asked {
            drop(files);
            result = result.and_then(|()| self.syncer.all());
            files = shared.files();
        }
        match &result {
            Err(error) => self.trouble(&mut files, error),
            Ok(()) => files.trouble = None,
        }
        result
    }

    /// Asks for the room of the disk, and removes what is too old or too much.
    fn look_after_files(&mut self) {
        let shared = Arc::clone(&self.shared);
        let room = self.options.space.of(&self.dir);
        let mut files = shared.files();
        match room {
            Ok(room) => {
                let ours = files.bytes();
                files.room = room;
                files.bytes_max = self.options.retention.allowed(room, ours);
                files.share = self.options.retention.share_of(room);
            }
            // Records can be written all the same, and the bound stays what it was.
            Err(error) => files.trouble = Some(error.to_string()),
        }
        self.remove_for_room(&mut files);
        self.remove_for_age(&mut files);
    }

    fn remove_for_room(&self, files: &mut Files) {
        let loose: u64 = files.loose.iter().map(|file| file.size).sum();
        let writing = loose + files.writing.as_ref().map_or(0, Segment::size);
        let sizes: Vec<retention::File> = files.sealed.iter().map(|file| of(file)).collect();
        // The share holds at every moment, so the file that is being written counts as large as it will be: with its maps
        // and the group that makes it full.
        let most = self.largest_file(files.bytes_max);
        let group = u64::try_from(FULL_GROUP).unwrap_or(u64::MAX);
        let becomes = writing.max(loose + most + most / 2 + group);
        let number = Retention::for_room(&sizes, writing, files.bytes_max);
        let number = number.max(Retention::for_room(&sizes, becomes, files.share));
        self.remove(files, number);
    }

    fn remove_for_age(&mut self, files: &mut Files) {
        let paused = self.aged.is_some_and(|at| at.elapsed() < AGE_PAUSE);
        let oldest = files.sealed.first().map(|file| of(file));
        let too_old = |file: &retention::File| self.options.retention.is_too_old(file, now());
        if !paused && oldest.as_ref().is_some_and(too_old) {
            self.aged = Some(Instant::now());
            self.remove(files, 1);
        }
    }

    fn remove(&self, files: &mut Files, number: usize) {
        for file in files.sealed.drain(..number) {
            match fs::remove_file(&file.path) {
                Ok(()) => files.removed += 1,
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => {
                    let name = files::name_of(&file.path);
                    tracing::warn!(name, %error, "an old trace file cannot be removed");
                }
            }
        }
    }
}

/// The processor time that this thread has used.
fn time_of_thread() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::try_from(time).unwrap_or_default()
}

fn of(file: &crate::sealed::Sealed) -> retention::File {
    retention::File {
        size: file.size,
        last: file.end.last,
    }
}

/// The wall clock, for the head of a file and for its age; records bring their own time.
fn now() -> Time {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    Time::ZERO.after(since.unwrap_or_default())
}
