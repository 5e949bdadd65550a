//! Records on their way to the writer. Offering never waits; the writer gathers for a moment, so that a busy server is
//! not made to wake it for each record.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use base::{Mono, Valve};
use logs::{Component, Flags, Level, Record, Throttle, Time, Value};

use crate::Options;
use crate::pace::Pace;

/// For so long the writer gathers.
const GATHER: Duration = Duration::from_millis(50);

/// A record as it is offered.
pub(crate) enum Entry {
    /// Complete.
    Ready(Box<Record>),
    /// To be completed by the writer.
    Later(Later),
}

/// A record that the writer is to complete.
pub(crate) struct Later {
    pub(crate) time: Time,
    pub(crate) machine: Value,
    pub(crate) component: Component,
    pub(crate) level: Level,
    pub(crate) flags: Flags,
    /// What `fill` holds, about.
    pub(crate) bytes: usize,
    pub(crate) fill: Box<dyn FnOnce(&mut Record) + Send>,
}

impl Entry {
    const fn component(&self) -> Component {
        match self {
            Self::Ready(record) => record.component,
            Self::Later(later) => later.component,
        }
    }

    const fn level(&self) -> Level {
        match self {
            Self::Ready(record) => record.level,
            Self::Later(later) => later.level,
        }
    }

    pub(crate) fn weight(&self) -> usize {
        match self {
            Self::Ready(record) => record.weight(),
            Self::Later(later) => size_of::<Self>() + later.bytes,
        }
    }

    /// Returns the whole record.
    pub(crate) fn complete(self) -> Record {
        match self {
            Self::Ready(record) => *record,
            Self::Later(later) => {
                let mut record = Record::new(
                    later.time,
                    later.machine,
                    later.component,
                    later.level,
                    later.flags,
                );
                (later.fill)(&mut record);
                record
            }
        }
    }
}

/// Records of failures: for these there is room when there is none for ordinary work.
pub(crate) fn is_grave(level: Level) -> bool {
    level <= Level::Warning
}

/// What the writer finds.
pub(crate) struct Batch {
    pub(crate) records: VecDeque<Entry>,
    /// Whoever wants to know that all before is on the disk: their number.
    pub(crate) sync: u64,
    /// Whether the file is to be finished.
    pub(crate) seal: bool,
    pub(crate) closed: bool,
}

pub(crate) struct Queue {
    state: Mutex<State>,
    changed: Condvar,
    bytes_max: usize,
    valve: Arc<Valve>,
    origin: Instant,
}

struct State {
    records: VecDeque<Entry>,
    bytes: usize,
    /// Bytes that the writer has taken and not written yet.
    taken: usize,
    /// Records were refused since the writer has last caught up.
    crowded: bool,
    pace: Pace,
    dropped: u64,
    throttle: Throttle,
    /// How often a sync was asked for.
    sync: u64,
    seal: bool,
    closed: bool,
    /// The writer waits for a first record.
    idle: bool,
}

impl State {
    /// Whether somebody waits for the writer.
    const fn is_urgent(&self, answered: u64) -> bool {
        self.closed || self.sync > answered || self.seal
    }
}

impl Queue {
    pub(crate) fn new(options: &Options) -> Self {
        Self {
            state: Mutex::new(State {
                records: VecDeque::new(),
                bytes: 0,
                taken: 0,
                crowded: false,
                pace: Pace::new(options.queue_bytes),
                dropped: 0,
                throttle: Throttle::new(options.throttle),
                sync: 0,
                seal: false,
                closed: false,
                idle: false,
            }),
            changed: Condvar::new(),
            bytes_max: options.queue_bytes,
            valve: Arc::clone(&options.valve),
            origin: Instant::now(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it holds the lock, and a counter that is off by one would be no reason to stop.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> Mono {
        Mono::ZERO.after(self.origin.elapsed())
    }

    /// Takes a record, or drops it.
    pub(crate) fn offer(&self, record: Entry) -> bool {
        let weight = record.weight();
        let now = self.now();
        let mut state = self.lock();
        if state.closed || !state.throttle.admits(record.component(), now) {
            return false;
        }
        let waiting = state.bytes + state.taken;
        let allowed = state.pace.allowed(is_grave(record.level()));
        if waiting + weight > allowed {
            state.dropped += 1;
            // With nothing to write the writer would never open it again: then the record alone is too large.
            if waiting > 0 {
                state.crowded = true;
                self.valve.set(false);
            }
            return false;
        }
        let half = self.bytes_max / 2;
        let was_below = state.bytes <= half;
        state.bytes += weight;
        state.records.push_back(record);
        // Once: to wake is a call into the kernel, also while the writer does not sleep.
        let wake = state.idle || (was_below && state.bytes > half);
        if wake {
            state.idle = false;
            drop(state);
            self.changed.notify_one();
        }
        true
    }

    pub(crate) const fn valve(&self) -> &Arc<Valve> {
        &self.valve
    }

    /// The writer rests, if more comes than it can write; not while somebody waits for it.
    pub(crate) fn rest(&self, time: Duration, answered: u64) {
        let state = self.lock();
        // What is above that would grow old meanwhile.
        let may_wait = state.bytes + state.taken <= state.pace.allowed(false);
        if state.crowded && may_wait {
            let rests = |state: &mut State| !state.is_urgent(answered);
            drop(self.changed.wait_timeout_while(state, time, rests));
        }
    }

    /// The writer has written records of this weight in this time.
    pub(crate) fn written(&self, weight: usize, took: Duration) {
        let mut state = self.lock();
        state.taken = state.taken.saturating_sub(weight);
        state.pace.measure(weight, took);
        let waiting = state.bytes + state.taken;
        if waiting <= state.pace.allowed(false) / 2 {
            self.valve.set(true);
            state.crowded &= waiting > 0;
        }
    }

    /// Asks the writer to bring everything to the disk, and perhaps to finish its file. Returns the number of the request.
    pub(crate) fn ask(&self, seal: bool) -> u64 {
        let mut state = self.lock();
        state.sync += 1;
        state.seal |= seal;
        let number = state.sync;
        drop(state);
        self.changed.notify_one();
        number
    }

    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_one();
    }

    /// Waits for records, at most so long, then for more of them for a moment.
    pub(crate) fn take(&self, most: Duration, answered: u64) -> Batch {
        let mut state = self.lock();
        let urgent = |state: &State| state.is_urgent(answered);
        if state.records.is_empty() && !urgent(&state) {
            state.idle = true;
            let waits = |state: &mut State| state.records.is_empty() && !urgent(state);
            let waited = self.changed.wait_timeout_while(state, most, waits);
            let (woken, waited) = waited.unwrap_or_else(PoisonError::into_inner);
            state = woken;
            state.idle = false;
            if waited.timed_out() {
                // There was nothing to do for so long that the pace of earlier times says nothing.
                state.pace.forget();
            }
        }
        let half = self.bytes_max / 2;
        let gathers =
            |state: &mut State| !state.records.is_empty() && state.bytes <= half && !urgent(state);
        let gathered = self.changed.wait_timeout_while(state, GATHER, gathers);
        state = gathered.unwrap_or_else(PoisonError::into_inner).0;
        state.taken += std::mem::take(&mut state.bytes);
        Batch {
            records: std::mem::take(&mut state.records),
            sync: state.sync,
            seal: std::mem::take(&mut state.seal),
            closed: state.closed,
        }
    }

    /// Returns how many records were dropped for want of room, how many for talking too much, and who is silenced.
    pub(crate) fn dropped(&self) -> (u64, u64, Vec<Component>) {
        let now = self.now();
        let state = self.lock();
        let silenced = state.throttle.silenced(now).collect();
        let full = state.dropped + self.valve.turned_away();
        (full, state.throttle.dropped(), silenced)
    }
}
