//! The SIP roles of a machine: from its view to running workers.
//!
//! Wiring only: the rules are in `sip`, the sockets in `runtime`, the durability in `store`.

mod bindings;
mod config;
mod doorman;
mod listeners;
mod plug;

use std::io;
use std::sync::Arc;

use base::net::Face;
use directory::Directory;
use runtime::clock::Clock;
use runtime::tls::Store;
use runtime::worker::{self, Origin, Setup, Workers};
use sip::location::Locations;
use sip::{Input, Node, Shared};
use topology::View;

pub use bindings::Bindings;
pub use config::{Secrets, algorithm, sip_config};
pub use listeners::{BindError, Opened, open};
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
    /// Credentials for the inside.
    pub inside: Arc<Store>,
    /// Open listening sockets.
    pub sockets: Opened,
    /// How many workers.
    pub workers: u8,
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
        let bindings = self
            .bindings
            .unwrap_or_else(|| Arc::new(Bindings::in_memory()));
        let locations: Arc<dyn Locations> = bindings.table();
        let shared = Shared {
            users: self.users,
            locations,
            guard: Arc::clone(&guard),
            watched: Arc::default(),
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
                store: Some(self.inside),
                bind: Some(self.view.machine.address),
            },
            outside: Origin::default(),
            identify: Arc::new(crate::identify::TrustList::of(&self.view)),
            doorman: Some(Arc::new(doorman::ByGuard(guard))),
            limits,
            clock: self.clock,
        };
        let (view, secrets, counted) = (self.view, self.secrets, Arc::clone(&stats));
        let total = self.workers;
        let workers = worker::start(setup, move |seat| {
            let config = Arc::new(sip_config(&view, &secrets, seat.id, total));
            let node = Node::new(config, shared.clone(), secrets.seed(seat.id), seat.now);
            let plug = SipPlug::new(
                seat.id,
                seat.all,
                Arc::clone(&bindings),
                Arc::clone(&counted),
            );
            (plug, node)
        })?;
        Ok((workers, stats))
    }
}

/// The face on which a listener's certificate is shown.
pub(crate) const fn store_for<'a>(
    face: Face,
    inside: &'a Arc<Store>,
    outside: Option<&'a Arc<Store>>,
) -> &'a Arc<Store> {
    match (face, outside) {
        (Face::Outside, Some(store)) => store,
        (Face::Outside | Face::Inside, _) => inside,
    }
}
