//! How this machine is, found out when somebody asks its web sites.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base::Mono;
use runtime::clock::Clock;
use runtime::disk;
use runtime::tls::Store;
use runtime::worker::Mailbox;
use web::site::{DirectoryFacts, DiskFacts, Facts, SipFacts};

use super::status::certificate;
use crate::directory_log::DirectoryLog;
use crate::replication::StatusHandle;

/// How long what was found out about the disk is told again: asking writes a file.
const DISK_AGAIN: Duration = Duration::from_secs(5);

/// What is looked at.
pub(super) struct Watch {
    /// Where the machine keeps what outlives it.
    pub(super) folder: PathBuf,
    /// Its users, if it knows them, and how the copy stands, if it is one.
    pub(super) directory: Option<DirectoryLog>,
    pub(super) follower: Option<StatusHandle>,
    /// The credentials of its faces.
    pub(super) stores: Vec<Arc<Store>>,
    /// The mailboxes of its SIP workers, which close when a worker ends.
    pub(super) workers: Option<Vec<Mailbox<sip::Input>>>,
    pub(super) clock: Clock,
    pub(super) draining: Arc<AtomicBool>,
    /// What was found out about the disk last, and when.
    pub(super) disk: Mutex<Option<(Mono, DiskFacts)>>,
}

impl Watch {
    /// Takes note that the machine is about to end.
    pub(super) fn drains(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    /// Looks at everything.
    pub(super) fn facts(&self) -> Facts {
        let days = |store: &Arc<Store>| certificate(store, self.clock).map(|(_, days)| days);
        let sip = self.workers.as_ref().map(|workers| SipFacts {
            listening: workers.iter().all(Mailbox::is_open),
            draining: self.draining.load(Ordering::Relaxed),
        });
        Facts {
            sip,
            directory: self.directory.as_ref().map(|log| self.directory(log)),
            disk: self.disk(),
            certificates: self.stores.iter().filter_map(days).collect(),
        }
    }

    fn directory(&self, log: &DirectoryLog) -> DirectoryFacts {
        let Some(follower) = &self.follower else {
            return DirectoryFacts::Master;
        };
        match follower.read().age_ms {
            Some(age) => DirectoryFacts::Copy(Duration::from_millis(age)),
            None if log.directory().is_empty() => DirectoryFacts::Empty,
            None => DirectoryFacts::Kept,
        }
    }

    fn disk(&self) -> DiskFacts {
        let now = self.clock.now().mono;
        let mut known = self.disk.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((at, facts)) = *known
            && now.since(at) < DISK_AGAIN
        {
            return facts;
        }
        let room = disk::room(&self.folder).ok();
        let facts = DiskFacts {
            writable: disk::try_writing(&self.folder).is_ok(),
            free: room.map_or(0, |room| room.free),
            size: room.map_or(0, |room| room.size),
        };
        *known = Some((now, facts));
        facts
    }
}
