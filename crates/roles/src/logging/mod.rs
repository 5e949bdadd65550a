//! The logging agent of a machine: keeps what its roles record.
//!
//! A machine whose traces cannot be opened runs without them: its log and its status say why.

use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use logs::{Rules, Scenarios, Time};
use traces::{Options, Recorder, Traces};

/// Where in a machine's directory the traces are.
const FOLDER: &str = "traces";

/// The agent of one machine.
pub struct Agent {
    recorder: Recorder,
    traces: Option<Arc<Traces>>,
}

impl Agent {
    /// Opens the traces in a machine's directory and begins to capture.
    #[must_use]
    pub fn open(machine: &str, folder: &Path) -> Self {
        let opened = Traces::open(&folder.join(FOLDER), machine, Options::default());
        let traces = opened
            .inspect_err(|error| tracing::error!(machine, %error, "nothing is traced"))
            .ok();
        let traces = traces.map(|(traces, _)| Arc::new(traces));
        let recorder = traces
            .as_ref()
            .map(|traces| Recorder::new(machine, Arc::clone(traces)))
            .unwrap_or_default();
        recorder.set(Rules::fresh(now()).capture(&Scenarios::default()));
        Self { recorder, traces }
    }

    /// Returns what the roles of the machine record with.
    #[must_use]
    pub const fn recorder(&self) -> &Recorder {
        &self.recorder
    }

    /// Returns the traces, if they could be opened.
    #[must_use]
    pub const fn traces(&self) -> Option<&Arc<Traces>> {
        self.traces.as_ref()
    }
}

fn now() -> Time {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    Time::ZERO.after(since.unwrap_or_default())
}
