//! Records on their way to the writer. Offering never waits; the writer gathers for a moment, so that a busy server is
//! not made to wake it for each record.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use base::Mono;
use logs::{Component, Flags, Level, Record, Throttle, ThrottleOptions, Time, Value};

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

    fn weight(&self) -> usize {
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
    origin: Instant,
}

struct State {
    records: VecDeque<Entry>,
    bytes: usize,
    dropped: u64,
    throttle: Throttle,
    /// How often a sync was asked for.
    sync: u64,
    seal: bool,
    closed: bool,
    /// The writer waits for a first record.
    idle: bool,
}

impl Queue {
    pub(crate) fn new(bytes_max: usize, throttle: ThrottleOptions) -> Self {
        Self {
            state: Mutex::new(State {
                records: VecDeque::new(),
                bytes: 0,
                dropped: 0,
                throttle: Throttle::new(throttle),
                sync: 0,
                seal: false,
                closed: false,
                idle: false,
            }),
            changed: Condvar::new(),
            bytes_max,
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
        if state.bytes + weight > self.bytes_max {
            state.dropped += 1;
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
        let urgent = |state: &State| state.closed || state.sync > answered || state.seal;
        if state.records.is_empty() && !urgent(&state) {
            state.idle = true;
            let waits = |state: &mut State| state.records.is_empty() && !urgent(state);
            let waited = self.changed.wait_timeout_while(state, most, waits);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
            state.idle = false;
        }
        let half = self.bytes_max / 2;
        let gathers =
            |state: &mut State| !state.records.is_empty() && state.bytes <= half && !urgent(state);
        let gathered = self.changed.wait_timeout_while(state, GATHER, gathers);
        state = gathered.unwrap_or_else(PoisonError::into_inner).0;
        state.bytes = 0;
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
        (state.dropped, state.throttle.dropped(), silenced)
    }
}
