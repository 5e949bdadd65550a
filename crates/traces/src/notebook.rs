//! A recorder whose records can be read back at once: for the tests of whoever records.

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use logs::{Capture, Query, Record, Span};

use crate::recorder::now;
use crate::{OpenError, Options, Recorder, Traces};

/// How long a record is waited for.
const PATIENCE: Duration = Duration::from_secs(20);
/// How often it is looked for meanwhile.
const LOOK: Duration = Duration::from_millis(10);

/// Traces in a folder of their own, of which everything is captured.
pub struct Notebook {
    traces: Arc<Traces>,
    recorder: Recorder,
}

impl Notebook {
    /// Begins one in an empty folder.
    ///
    /// # Errors
    /// When the folder cannot be used.
    pub fn open(folder: &Path) -> Result<Self, OpenError> {
        let machine = "notebook";
        let (traces, _) = Traces::open(folder, machine, Options::default())?;
        let traces = Arc::new(traces);
        let recorder = Recorder::new(machine, Arc::clone(&traces));
        recorder.set(Capture::everything());
        Ok(Self { traces, recorder })
    }

    /// Returns what to record with.
    #[must_use]
    pub fn recorder(&self) -> Recorder {
        self.recorder.clone()
    }

    /// Returns all that was recorded so far, oldest first; what cannot be read back is missing.
    #[must_use]
    pub fn records(&self) -> Vec<Record> {
        let mut records = Vec::new();
        let lately = Span::parse(Some("1h"), None, now());
        let (Ok(()), Ok(lately)) = (self.traces.sync(), lately) else {
            return records;
        };
        let mut take = |hit: crate::Hit| {
            records.extend(logs::line::read(&hit.text));
            ControlFlow::Continue(())
        };
        let searched =
            self.traces
                .search(&Query::within(lately), &AtomicBool::new(false), &mut take);
        searched.map(|_| records).unwrap_or_default()
    }

    /// Waits until there is such a record, and returns the first; `None` if there is none in the end.
    #[must_use]
    pub fn wait_for(&self, fits: impl Fn(&Record) -> bool) -> Option<Record> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let found = self.records().into_iter().find(&fits);
            if found.is_some() || Instant::now() > deadline {
                return found;
            }
            std::thread::park_timeout(LOOK);
        }
    }
}
