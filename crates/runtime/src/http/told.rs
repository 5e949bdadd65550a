//! What traces say of HTTP connections; of requests, whoever answers them tells.
//!
//! Bounds: refusals pass a sieve ([`Notes`]), and the counters have all of them.

use std::net::SocketAddr;
use std::time::Duration;

use logs::{Component, Direction, Flags, Level, Value};
use traces::Recorder;

use crate::tls::told::Notes;

/// Records connections as one part of the product.
#[derive(Debug)]
pub(super) struct Told {
    pub(super) notes: Notes,
    component: Component,
}

impl Told {
    pub(super) fn new(recorder: Recorder, component: Component) -> Self {
        Self {
            notes: Notes::new(recorder),
            component,
        }
    }

    /// A connection was not admitted.
    pub(super) fn crowded(&self, source: SocketAddr, reason: &str) {
        self.notes.crowded(self.component, source, reason);
    }

    /// What came over a connection is not read.
    pub(super) fn failed(&self, source: SocketAddr, reason: &str) {
        self.notes.failed(self.component, source, reason);
    }

    /// A connection is in use.
    pub(super) fn opened(&self, source: SocketAddr, local: SocketAddr, secured: bool) {
        self.connection(|record| {
            record.peer = Some(source);
            record.local = Some(local);
            record.decision = Some("opened".into());
            record.reason = Some(if secured { "TLS" } else { "without TLS" }.into());
        });
    }

    /// It is over.
    pub(super) fn closed(&self, source: SocketAddr, why: &str, lasted: Duration) {
        self.connection(|record| {
            record.peer = Some(source);
            record.decision = Some("closed".into());
            let reason = format!("{why}, after {:.3} s", lasted.as_secs_f64());
            record.reason = Some(Value::new(&reason));
        });
    }

    fn connection(&self, fill: impl FnOnce(&mut logs::Record)) {
        let recorder = self.notes.recorder();
        let kinds = Flags::CONNECTION.with(Flags::HTTP);
        recorder.record(self.component, Level::Verbose, kinds, |record| {
            record.direction = Some(Direction::In);
            fill(record);
        });
    }
}
