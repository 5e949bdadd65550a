//! Who is at the other end of each open flow of the machine: what a worker sends on a flow of another one says nothing of
//! that by itself.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use base::net::{Event, FlowId, Link, WorkerId};
use base::numbered::NumberMap;
use sip::observe::End;

/// The links of all open flows, by worker. A worker writes only its own part, when a connection comes or goes.
pub(in super::super) struct Flows(Vec<Mutex<NumberMap<FlowId, Arc<Link>>>>);

impl Flows {
    pub(in super::super) fn new(workers: u8) -> Self {
        Self((0..workers).map(|_| Mutex::default()).collect())
    }

    /// Takes note of what the network brings to a worker.
    pub(in super::super) fn note(&self, worker: WorkerId, event: &Event) {
        match event {
            Event::Opened { flow, link } => {
                if let Some(mut links) = self.of(worker) {
                    links.insert(*flow, Arc::clone(link));
                }
            }
            Event::Closed { flow, .. } => {
                if let Some(mut links) = self.of(worker) {
                    links.remove(flow);
                }
            }
            Event::Received { .. } | Event::Passed { .. } => {}
        }
    }

    /// Adds what a worker does not know of another one's flow.
    pub(super) fn complete(&self, end: End) -> End {
        if end.remote.is_some() {
            return end;
        }
        let links = self.of(end.flow.worker());
        let link = links.and_then(|links| links.get(&end.flow).cloned());
        match link {
            Some(link) => end.linked(&link, None),
            None => end,
        }
    }

    fn of(&self, worker: WorkerId) -> Option<MutexGuard<'_, NumberMap<FlowId, Arc<Link>>>> {
        let links = self.0.get(usize::from(worker.0))?;
        Some(links.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
