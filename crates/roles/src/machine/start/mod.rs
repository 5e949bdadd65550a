//! Starting a machine: everything that can fail, in the order in which it is needed; one file for each thing that is
//! started.

mod error;
mod plan;
mod published;
mod secrets;
mod sip;
mod state;
mod vips;
mod websites;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use base::net::Face;
use pki::State;
use runtime::clock::Clock;
use runtime::tls::Store;
use topology::{Topology, View};

use super::services::{Plan, Services};
use super::status::face_name;
use super::{ListenerStatus, Running, Shared, Vips, events};
use crate::balancer::Balancing;
use crate::filtering::Lookout;
use crate::logging::{self, Agent, Door, Settings};
use crate::replication::Follower;
use crate::signalling::Stores;

pub use error::StartError;

/// Name of the control socket in a machine's directory.
pub const CONTROL_SOCKET: &str = "control.sock";

/// How a machine is started.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where it keeps what outlives it.
    pub state: State,
    /// How many SIP workers.
    pub workers: u8,
    /// The clock of the process.
    pub clock: Clock,
    /// The text of the topology file, for those who ask what runs.
    pub file: Arc<str>,
}

impl Running {
    /// Starts a machine of the topology.
    ///
    /// # Errors
    /// See [`StartError`]; nothing runs then.
    pub fn start(
        topology: Arc<Topology>,
        fqdn: &str,
        options: &Options,
    ) -> Result<Self, StartError> {
        let view = topology.view(fqdn).ok_or_else(|| StartError::NoMachine {
            machine: fqdn.to_owned(),
        })?;
        let folder = options.state.machine(view.machine.fqdn.as_str());
        Builder {
            agent: Arc::new(Agent::open(
                view.machine.fqdn.as_str(),
                &folder,
                Settings::of(&view.logging),
                options.clock,
            )),
            machine: view.machine.fqdn.as_str().to_owned(),
            topology,
            view,
            options,
        }
        .start()
    }
}

struct Builder<'a> {
    machine: String,
    agent: Arc<Agent>,
    topology: Arc<Topology>,
    view: View,
    options: &'a Options,
}

impl Builder<'_> {
    fn start(self) -> Result<Running, StartError> {
        let inside = self.credentials(Face::Inside)?;
        let outside = self.credentials(Face::Outside)?;
        let partners = self.partners()?;
        let users = self.users(inside.as_ref())?;
        let kept = self.kept()?;
        let mut opened: Vec<SocketAddr> = Vec::new();
        let stores = stores(inside.as_ref(), outside.as_ref(), partners.as_ref());
        let sip = self.open_sip(stores, &mut opened)?;
        let pools = self.pools()?;
        let plan = self.plan(users.as_ref(), inside.as_ref(), &pools, &mut opened)?;
        let balancing = self.vips(pools, inside.as_ref(), &mut opened)?;
        let vips = balancing.as_ref().map(Vips::of);
        let (passing, balanced) = balancing.map_or((None, None), Balancing::threads);
        let faces = (inside.as_ref(), outside.as_ref());
        let (published, proxy) = self.published(faces, &mut opened)?.unzip();
        let sites = self.open_sites(inside.as_ref(), &mut opened)?;
        let sip = self.start_sip(sip, users.as_ref(), &kept)?;
        let (workers, node) = sip.unzip();
        let follower = users.as_ref().and_then(|users| users.follower.as_ref());
        let follower = follower.map(Follower::status);
        let faces = [&inside, &outside].into_iter().flatten();
        let watch = self.watch(users.as_ref(), workers.as_ref(), faces.cloned().collect());
        let (sites, web) = self
            .start_sites(
                sites,
                inside.as_ref(),
                users.as_ref(),
                node.as_ref(),
                &watch,
            )?
            .unzip();
        let (directory, admin, follower_task) = self.take_users(users);
        let counters = workers
            .as_ref()
            .map(|workers| Box::new(workers.counters()) as _);
        let shared = Arc::new(Shared {
            started: Instant::now(),
            agent: self.agent,
            listeners: listener_statuses(&self.view, &opened),
            topology: self.topology,
            file: Arc::clone(&self.options.file),
            view: self.view,
            inside,
            outside,
            partners,
            directory,
            admin,
            follower,
            bindings: kept.bindings,
            messages: kept.messages,
            node,
            counters,
            vips,
            web,
            watch,
            proxy,
            names: plan.names.as_ref().map(|plan| Arc::clone(&plan.names)),
            board: plan.board(),
            clock: self.options.clock,
        });
        let plan = Plan {
            follower: follower_task,
            ..plan
        };
        let folder = self.options.state.machine(&self.machine);
        let logging = logging(&self.machine, &shared)?;
        let lookout = lookout(&self.machine, &shared)?;
        let services = services(self.machine, &folder, &shared, plan)?;
        events::started(&shared);
        Ok(Running {
            shared,
            workers,
            passing,
            serving: [sites, published, balanced],
            services,
            logging,
            _lookout: lookout,
        })
    }
}

fn stores(
    inside: Option<&Arc<Store>>,
    outside: Option<&Arc<Store>>,
    partners: Option<&Arc<Store>>,
) -> Option<Stores> {
    inside.map(|inside| Stores {
        inside: Arc::clone(inside),
        outside: outside.cloned(),
        partners: partners.cloned(),
    })
}

fn lookout(machine: &str, shared: &Shared) -> Result<Lookout, StartError> {
    let recorder = shared.agent.recorder().clone();
    let begun = Lookout::begin(&shared.topology, &shared.view.machine, recorder);
    begun.map_err(|source| StartError::System {
        machine: machine.to_owned(),
        source,
    })
}

fn logging(machine: &str, shared: &Shared) -> Result<logging::Serving, StartError> {
    let door = shared.inside.as_ref();
    let door = door.map(|store| Door::of(&shared.view, Arc::clone(store)));
    let started = logging::Serving::start(Arc::clone(&shared.agent), door);
    started.map_err(|source| StartError::System {
        machine: machine.to_owned(),
        source,
    })
}

fn services(
    machine: String,
    folder: &Path,
    shared: &Arc<Shared>,
    plan: Plan,
) -> Result<Services, StartError> {
    let started = Services::start(Arc::clone(shared), &folder.join(CONTROL_SOCKET), plan);
    started.map_err(|source| StartError::Services { machine, source })
}

fn listener_statuses(view: &View, opened: &[SocketAddr]) -> Vec<ListenerStatus> {
    let status = |listener: &topology::Listener| ListenerStatus {
        address: listener.address,
        face: face_name(listener.face).to_owned(),
        protocol: listener.protocol.name().to_owned(),
        flows: listener.flows.clone(),
        open: opened.contains(&listener.address),
    };
    view.listeners.iter().map(status).collect()
}
