//! One machine of the topology in this process.
//!
//! ```text
//! start: view -> credentials, keys -> directory (master: own log; else a copy that follows it) -> bindings,
//!        kept messages -> listeners -> SIP workers -> web sites -> service thread (control socket, replication,
//!        metrics)
//! drain: stop listening, finish what was begun, close
//! ```
//!
//! Everything that can fail at start fails before the first connection is accepted, with one error that says what to do.
//! A reload builds the new whole and swaps it, or keeps the old one and says why.

mod balanced;
mod control;
mod enrolment;
mod events;
mod flows;
mod logged;
mod metrics;
mod published;
mod services;
mod start;
mod status;
mod watch;

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use base::net::{Face, Role};
use logs::Level;
use runtime::http::Serving;
use runtime::metrics::Kind;
use runtime::passing::{Ended, Passing};
use runtime::tls::{CredentialsError, Store};
use runtime::worker::{Drained, Snapshot, Workers};
use topology::{Topology, View};

pub use balanced::{BalancedMember, BalancedPool};
pub use control::{Reply, Request};
pub use flows::{FlowLive, FlowStatus};
pub use logged::LoggingStatus;
pub use published::ProxyStatus;
pub use services::ServiceError;
pub use start::{CONTROL_SOCKET, Options, StartError};
pub use status::{
    AbuseStatus, BindingStatus, CertificateStatus, DirectoryStatus, ListenerStatus, MachineStatus,
    MessageStatus, PartnerStatus, SipStatus, SourceStatus, face_name,
};

use crate::balancer::{self, Pools};
use crate::directory_admin::Admin;
use crate::directory_log::DirectoryLog;
use crate::fault::chain;
use crate::filtering::Lookout;
use crate::health::Board;
use crate::logging::{self, Agent};
use crate::names::Names;
use crate::publishing::Counted;
use crate::replication::StatusHandle;
use crate::signalling::{Bindings, Messages, NodeStats};
use crate::websites::Counters;
use services::Services;
use watch::Watch;

/// What a running machine knows of itself; shared with its control socket.
struct Shared {
    /// Keeps what the roles record, for as long as the machine runs.
    agent: Arc<Agent>,
    topology: Arc<Topology>,
    /// The topology file as it was read.
    file: Arc<str>,
    view: View,
    started: Instant,
    listeners: Vec<ListenerStatus>,
    inside: Option<Arc<Store>>,
    outside: Option<Arc<Store>>,
    /// The outside certificate with the authorities of partners, on an Edge with federation.
    partners: Option<Arc<Store>>,
    directory: Option<DirectoryLog>,
    admin: Option<Arc<Admin>>,
    follower: Option<StatusHandle>,
    bindings: Option<Arc<Bindings>>,
    /// The messages that wait for their users, if it keeps some.
    messages: Option<Arc<Messages>>,
    node: Option<Arc<NodeStats>>,
    counters: Option<Box<dyn Fn() -> Snapshot + Send + Sync>>,
    vips: Option<Vips>,
    web: Option<WebCounts>,
    /// How this machine is.
    watch: Arc<Watch>,
    /// What the reverse proxy counts, if this machine is one.
    proxy: Option<Counted>,
    /// What the name service counts, if this machine has it.
    names: Option<Arc<Names>>,
    /// How others are, if this machine asks them.
    board: Option<Arc<Board>>,
    clock: runtime::clock::Clock,
}

/// The VIPs that a balancer holds, and what is counted there.
struct Vips {
    pools: Arc<Pools>,
    /// Of connections that are passed through.
    stats: Option<Arc<runtime::passing::Stats>>,
    /// Of requests that are read.
    requests: Option<balancer::Counted>,
}

impl Vips {
    fn of(running: &balancer::Balancing) -> Self {
        Self {
            pools: Arc::clone(&running.pools),
            stats: running.passing.as_ref().map(Passing::stats),
            requests: running.serving.as_ref().map(|(_, counted)| counted.clone()),
        }
    }
}

/// What is counted at the web sites of a machine: requests, and connections beneath them.
struct WebCounts {
    requests: Arc<Counters>,
    connections: Arc<runtime::http::Stats>,
}

impl WebCounts {
    fn each(&self) -> Vec<(&'static str, Kind, &'static str, u64)> {
        [self.requests.each(), self.connections.each()].concat()
    }
}

/// A machine that runs.
pub struct Running {
    shared: Arc<Shared>,
    workers: Option<Workers<sip::Input>>,
    passing: Option<Passing>,
    /// The threads that speak HTTP: web sites, reverse proxy, VIPs that read requests.
    serving: [Option<Serving>; 3],
    services: Services,
    /// The thread that answers operators.
    logging: logging::Serving,
    /// Looks at the rules of the packet filter.
    _lookout: Lookout,
}

/// Part of the credentials could not be loaded again; the old ones stay in use.
#[derive(Debug, thiserror::Error)]
#[error("the certificates of the {face} of {machine} were not reloaded; the old ones stay in use")]
pub struct ReloadError {
    /// Which machine.
    pub machine: String,
    /// `inside` or `outside`.
    pub face: &'static str,
    /// Why.
    pub source: Box<CredentialsError>,
}

impl Running {
    /// Returns how the machine is.
    #[must_use]
    pub fn status(&self) -> MachineStatus {
        self.shared.status()
    }

    /// Loads certificates, CA bundle and revocation list again; connections stay.
    ///
    /// # Errors
    /// When a folder cannot be loaded.
    pub fn reload(&self) -> Result<(), ReloadError> {
        self.shared.reload()
    }

    /// Answers an operator's request about users; `None` if this machine does not master the directory.
    #[must_use]
    pub fn admin(&self) -> Option<&Admin> {
        self.shared.admin.as_deref()
    }

    /// Waits until someone asks over the control socket that the machine drain; must run within a tokio runtime.
    pub fn asked_to_drain(&self) -> impl Future<Output = ()> + Send + use<> {
        self.services.asked_to_drain()
    }

    /// Returns the machines that ask this one how it is and choose by the answer; none if it speaks no SIP.
    pub fn watchers(&self) -> impl Iterator<Item = &str> {
        let view = &self.shared.view;
        let roles = [Role::Dns, Role::LoadBalancer];
        let pools = roles.into_iter().flat_map(|role| view.pools_of(role));
        let members = pools.flat_map(|pool| &pool.members);
        let names = members.map(|member| member.fqdn.as_str());
        names.filter(|_| self.workers.is_some())
    }

    /// Returns the machine's name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.shared.view.machine.fqdn.as_str()
    }

    /// Tells whoever asks that this machine is about to end; it serves on.
    pub fn announce_drain(&self) {
        self.shared.watch.drains();
        events::record(&self.shared, Level::Info, "draining", "it was asked to end");
        let mailboxes = self.workers.iter().flat_map(Workers::mailboxes);
        for mailbox in mailboxes {
            if mailbox.post(sip::Input::Draining(true)).is_err() {
                tracing::warn!("a worker's mailbox is full: it does not say that it drains");
            }
        }
    }

    /// Ends the machine in order, within `grace`.
    #[must_use]
    pub fn drain(self, grace: Duration) -> Drained {
        self.shared.watch.drains();
        // All at the same time: none has to wait for what another one finishes.
        let serving = self.serving.into_iter().flatten();
        let serving: Vec<_> = serving
            .map(|serving| std::thread::spawn(move || serving.drain(grace)))
            .collect();
        let mut drained = self
            .workers
            .map(|workers| workers.drain(grace))
            .unwrap_or_default();
        let passed = self.passing.map(|passing| passing.drain(grace));
        let served = serving.into_iter().map(JoinHandle::join);
        let served = served.map(|ended| ended.unwrap_or(Ended::FAILED));
        for ended in served.chain(passed) {
            drained.closed += ended.finished;
            drained.cut += ended.cut;
            drained.failed += ended.failed;
        }
        self.services.end();
        let reason = format!(
            "{} connections finished, {} cut, {} threads failed",
            drained.closed, drained.cut, drained.failed
        );
        events::record(&self.shared, Level::Info, "stopped", &reason);
        self.logging.end();
        drained
    }
}

impl Shared {
    fn reload(&self) -> Result<(), ReloadError> {
        let reloaded = self.reload_stores();
        match &reloaded {
            Ok(()) => events::record(
                self,
                Level::Info,
                "reloaded",
                "certificates and revocation lists",
            ),
            Err(error) => events::record(self, Level::Error, "not-reloaded", &chain(error)),
        }
        reloaded
    }

    /// Each face for itself: what is wrong with one does not keep the other from being read.
    fn reload_stores(&self) -> Result<(), ReloadError> {
        let stores = [
            (Face::Inside, &self.inside),
            (Face::Outside, &self.outside),
            (Face::Outside, &self.partners),
        ];
        let mut failed = Ok(());
        for (face, store) in stores {
            let Some(Err(source)) = store.as_ref().map(|store| store.reload()) else {
                continue;
            };
            let machine = self.view.machine.fqdn.as_str().to_owned();
            let face = face_name(face);
            if failed.is_err() {
                tracing::error!(machine, face, %source, "certificates were not reloaded");
            } else {
                let source = Box::new(source);
                failed = Err(ReloadError {
                    machine,
                    face,
                    source,
                });
            }
        }
        failed
    }
}
