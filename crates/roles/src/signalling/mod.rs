//! The SIP roles of a machine: from its view to running workers.
//!
//! Wiring only: the rules are in `sip`, the sockets in `runtime`, the durability in `store`.

mod config;
mod doorman;
mod durable;
mod listeners;
mod observer;
mod plug;
mod resolver;

use std::io;
use std::sync::Arc;

use base::net::{Face, Role};
use directory::Directory;
use observer::Observer;
use resolver::Resolver;
use runtime::clock::Clock;
use runtime::tls::Store;
use runtime::worker::{self, Origin, Setup, Workers};
use sip::observe::Observing;
use sip::{Input, Node, Shared};
use topology::{FederationMode, Port, View};
use traces::Recorder;

pub use config::{Secrets, algorithm, sip_config};
pub use durable::{Bindings, Durable, Messages, Table};
pub use listeners::{BindError, Opened, open};
use plug::Disk;
pub use plug::{NodeStats, SipPlug};

/// What the SIP side of a machine is started with.
pub struct Signalling {
    /// The machine.
    pub view: View,
    /// Its keys.
    pub secrets: Secrets,
    /// Who exists.
    pub users: Directory,
    /// The bindings, on a Front End.
    pub bindings: Option<Arc<Bindings>>,
    /// The messages that wait for their users, where those are kept.
    pub messages: Option<Arc<Messages>>,
    /// Its credentials.
    pub stores: Stores,
    /// Open listening sockets.
    pub sockets: Opened,
    /// How many workers.
    pub workers: u8,
    /// Takes note of what happens.
    pub recorder: Recorder,
    /// The clock of the process.
    pub clock: Clock,
}

impl Signalling {
    /// Starts the workers.
    ///
    /// # Errors
    /// When the system has no thread or event loop left.
    pub fn start(self) -> io::Result<(Workers<Input>, Arc<NodeStats>)> {
        let guard = Arc::new(doorman::guard(&self.view, &self.secrets));
        let stats = Arc::new(NodeStats::new(self.workers, Arc::clone(&guard)));
        let disk = Disk {
            bindings: self
                .bindings
                .unwrap_or_else(|| Arc::new(Bindings::in_memory())),
            messages: self
                .messages
                .unwrap_or_else(|| Arc::new(Messages::in_memory())),
        };
        let observing = Arc::new(Observing::new(self.recorder.valve()));
        observer::watch(&self.recorder, &observing);
        let flows = Arc::new(observer::Flows::new(self.workers));
        let shared = Shared {
            users: self.users,
            locations: Arc::clone(disk.bindings.table()) as _,
            offline: Arc::clone(disk.messages.table()),
            guard: Arc::clone(&guard),
            watched: Arc::default(),
            observing: Arc::clone(&observing),
        };
        let limits = worker::Limits {
            per_source: self.view.limits.connections_per_source,
            idle_time: self.view.limits.idle,
            ..worker::Limits::default()
        };
        let setup = Setup {
            name: self
                .view
                .machine
                .fqdn
                .as_str()
                .split('.')
                .next()
                .unwrap_or("sip")
                .to_owned(),
            workers: self.workers,
            listeners: self.sockets.listeners,
            datagrams: self.sockets.datagrams,
            inside: Origin {
                store: Some(self.stores.inside),
                bind: Some(self.view.machine.address),
            },
            outside: Origin {
                store: self.stores.partners,
                bind: self.view.machine.external,
            },
            identify: Arc::new(crate::identify::TrustList::of(&self.view)),
            doorman: Some(Arc::new(doorman::ByGuard(guard))),
            recorder: self.recorder.clone(),
            limits,
            clock: self.clock,
        };
        let (view, secrets, counted) = (self.view, self.secrets, Arc::clone(&stats));
        let (total, recorder) = (self.workers, self.recorder);
        let workers = worker::start(setup, move |seat| {
            let config = Arc::new(sip_config(&view, &secrets, seat.id, total));
            let node = Node::new(config, shared.clone(), secrets.seed(seat.id), seat.now);
            let plug = SipPlug::new(
                seat.id,
                seat.all,
                disk.clone(),
                Arc::clone(&counted),
                resolver(&view, &recorder),
                Observer::new(recorder.clone(), Arc::clone(&flows)),
            );
            (plug, node)
        })?;
        Ok((workers, stats))
    }
}

/// The name service, for an Edge with federation. Without one partners cannot be found; all else goes on.
fn resolver(view: &View, recorder: &Recorder) -> Option<Resolver> {
    let federates = view.federation.mode != FederationMode::Off;
    if !federates || !view.has_role(Role::Edge) {
        return None;
    }
    Resolver::new(&view.federation.resolvers, recorder.clone())
        .inspect_err(|error| tracing::error!(%error, "the name service outside cannot be used"))
        .ok()
}

/// The credentials of a machine.
#[derive(Clone, Debug)]
pub struct Stores {
    /// For the inside.
    pub inside: Arc<Store>,
    /// For the outside, where it has one.
    pub outside: Option<Arc<Store>>,
    /// Those for the outside with the authorities of partners, on an Edge with federation.
    pub partners: Option<Arc<Store>>,
}

impl Stores {
    /// What is shown and believed at a listener.
    fn of(&self, listener: &topology::Listener) -> &Arc<Store> {
        let own = match (listener.port, listener.face) {
            (Port::EdgeFederation, _) => self.partners.as_ref(),
            (_, Face::Outside) => self.outside.as_ref(),
            (_, Face::Inside) => None,
        };
        own.unwrap_or(&self.inside)
    }
}
