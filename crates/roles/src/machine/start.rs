//! Starting a machine: everything that can fail, in the order in which it is needed.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Instant;

use base::health;
use base::net::{Face, Hop, Role};
use pki::{PoolKey, Secret, State};
use runtime::clock::Clock;
use runtime::passing::Passing;
use runtime::tls::{Believed, CredentialsError, Identify, Store};
use topology::flows::Protocol;
use topology::{FederationMode, Port, Topology, View, has_sip};

use super::services::{NamePlan, Plan, ServiceError, Services, SourcePlan};
use super::status::face_name;
use super::{ListenerStatus, Running, Shared, Vips, balanced};
use crate::balancer::{self, Pools};
use crate::directory_admin::{self, Admin, Rules};
use crate::directory_log::{DirectoryLog, FOLDER};
use crate::health::{Board, Prober, Watched};
use crate::identify::TrustList;
use crate::names::{self, Names};
use crate::replication::{Follower, Pace, Source};
use crate::signalling::{self, BindError, Bindings, Secrets, Signalling, Stores};

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
}

/// Why a machine did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The topology has no machine of this name.
    #[error("the topology has no machine {machine}")]
    NoMachine {
        /// The name.
        machine: String,
    },
    /// Its certificate or key is missing or not fit; `vestibule certs show` says what is needed.
    #[error("the credentials of {machine} cannot be used")]
    Credentials {
        /// Which machine.
        machine: String,
        /// Why.
        source: CredentialsError,
    },
    /// A key that it shares with others is missing or not fit; `vestibule certs issue` makes it.
    #[error("a shared key of {machine} cannot be used")]
    Secret {
        /// Which machine.
        machine: String,
        /// Why.
        source: pki::FileError,
    },
    /// The users on its disk cannot be read.
    #[error("the directory of users of {machine} cannot be opened")]
    Directory {
        /// Which machine.
        machine: String,
        /// Why.
        source: store::OpenError,
    },
    /// The registrations on its disk cannot be read.
    #[error("the registrations of {machine} cannot be opened")]
    Bindings {
        /// Which machine.
        machine: String,
        /// Why.
        source: store::OpenError,
    },
    /// The topology's names do not make a zone.
    #[error("the name service of {machine} cannot be set up")]
    Names {
        /// Which machine.
        machine: String,
        /// Why.
        source: dns::ZoneError,
    },
    /// A listening socket cannot be opened.
    #[error("{machine} cannot listen")]
    Listen {
        /// Which machine.
        machine: String,
        /// Why.
        source: BindError,
    },
    /// The system has no thread or randomness left.
    #[error("{machine} cannot be started by this system")]
    System {
        /// Which machine.
        machine: String,
        /// Why.
        source: std::io::Error,
    },
    /// The service thread did not start; another process may run this machine.
    #[error("the services of {machine} cannot be started")]
    Services {
        /// Which machine.
        machine: String,
        /// Why.
        source: ServiceError,
    },
}

/// What is known of users, and how it is kept up to date.
struct Users {
    log: DirectoryLog,
    is_master: bool,
    follower: Option<Follower>,
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
        Builder {
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
        let bindings = self.bindings()?.map(Arc::new);
        let mut opened: Vec<SocketAddr> = Vec::new();
        let speaking = inside.as_ref().filter(|_| self.has_sip());
        let sip = match speaking {
            Some(inside) => {
                let stores = Stores {
                    inside: Arc::clone(inside),
                    outside: outside.clone(),
                    partners: partners.clone(),
                };
                Some((self.open_sip(&stores, &mut opened)?, stores))
            }
            None => None,
        };
        let pools = Pools::of(&self.view, self.random()?, self.options.clock);
        let pools = Arc::new(pools);
        let plan = self.plan(users.as_ref(), inside.as_ref(), &pools, &mut opened)?;
        let (passing, vips) = self.vips(pools, &mut opened)?.unzip();
        let (workers, node) = match sip {
            Some((sockets, stores)) => {
                let started = self.start_sip(sockets, stores, users.as_ref(), bindings.as_ref())?;
                (Some(started.0), Some(started.1))
            }
            None => (None, None),
        };
        let follower = users
            .as_ref()
            .and_then(|users| users.follower.as_ref())
            .map(Follower::status);
        let (directory, admin, follower_task) = self.take_users(users);
        let counters = workers
            .as_ref()
            .map(|workers| Box::new(workers.counters()) as _);
        let shared = Arc::new(Shared {
            started: Instant::now(),
            listeners: listener_statuses(&self.view, &opened),
            topology: self.topology,
            view: self.view,
            inside,
            outside,
            partners,
            directory,
            admin,
            follower,
            bindings,
            node,
            counters,
            vips,
            names: plan.names.as_ref().map(|plan| Arc::clone(&plan.names)),
            board: plan
                .prober
                .as_ref()
                .map(|prober| Arc::clone(prober.board())),
            clock: self.options.clock,
        });
        let plan = Plan {
            follower: follower_task,
            ..plan
        };
        let socket = self
            .options
            .state
            .machine(&self.machine)
            .join(CONTROL_SOCKET);
        let services = Services::start(Arc::clone(&shared), &socket, plan).map_err(|source| {
            StartError::Services {
                machine: self.machine,
                source,
            }
        })?;
        Ok(Running {
            shared,
            workers,
            passing,
            services,
        })
    }

    fn has_sip(&self) -> bool {
        self.view.roles.iter().any(|role| has_sip(*role))
    }

    fn credentials(&self, face: Face) -> Result<Option<Arc<Store>>, StartError> {
        if !self.view.certificates.iter().any(|need| need.face == face) {
            return Ok(None);
        }
        let folder = self.options.state.tls(&self.machine, face);
        let opened = Store::open(&folder);
        opened
            .map(|store| Some(Arc::new(store)))
            .map_err(|source| StartError::Credentials {
                machine: self.machine.clone(),
                source,
            })
    }

    /// An Edge shows partners what it shows all outside, and believes other authorities.
    fn partners(&self) -> Result<Option<Arc<Store>>, StartError> {
        let federates = self.view.federation.mode != FederationMode::Off;
        if !federates || !self.view.has_role(Role::Edge) {
            return Ok(None);
        }
        let folder = self.options.state.tls(&self.machine, Face::Outside);
        let file = self.view.federation.ca.clone();
        let believed = file.map_or(Believed::System, Believed::File);
        let opened = Store::believing(&folder, believed);
        opened
            .map(|store| Some(Arc::new(store)))
            .map_err(|source| StartError::Credentials {
                machine: self.machine.clone(),
                source,
            })
    }

    /// Directors and Front Ends know users: the master from its own log, others from a copy.
    fn users(&self, inside: Option<&Arc<Store>>) -> Result<Option<Users>, StartError> {
        let needs_users = self.view.has_role(Role::Director) || self.view.has_role(Role::FrontEnd);
        let Some(inside) = inside.filter(|_| needs_users) else {
            return Ok(None);
        };
        let folder = self.options.state.machine(&self.machine).join(FOLDER);
        let (log, recovery) =
            DirectoryLog::open(&folder).map_err(|source| StartError::Directory {
                machine: self.machine.clone(),
                source,
            })?;
        report_recovery(&self.machine, "directory", &recovery);
        let master = directory_admin::master(&self.topology);
        let is_master = master.is_some_and(|machine| machine.fqdn == self.view.machine.fqdn);
        let follower = if is_master {
            None
        } else {
            Some(self.follower(log.clone(), inside)?)
        };
        Ok(Some(Users {
            log,
            is_master,
            follower,
        }))
    }

    fn follower(&self, log: DirectoryLog, inside: &Arc<Store>) -> Result<Follower, StartError> {
        let port = self.view.ports.number(Port::InterServer);
        let hop = |machine: &topology::Machine| {
            Hop::inside(
                machine.fqdn.as_str(),
                SocketAddr::new(machine.address, port),
            )
        };
        let masters = directory_admin::master(&self.topology)
            .map(hop)
            .into_iter()
            .collect();
        let from = Some(self.view.machine.address);
        Ok(Follower::new(
            log,
            masters,
            from,
            Arc::clone(inside),
            Pace::default(),
            self.random()?,
        ))
    }

    fn take_users(
        &self,
        users: Option<Users>,
    ) -> (Option<DirectoryLog>, Option<Admin>, Option<Follower>) {
        let Some(Users {
            log,
            is_master,
            follower,
        }) = users
        else {
            return (None, None, None);
        };
        let admin = is_master.then(|| Admin::new(log.clone(), Rules::from(&*self.topology)));
        (Some(log), admin, follower)
    }

    fn bindings(&self) -> Result<Option<Bindings>, StartError> {
        if !self.view.has_role(Role::FrontEnd) {
            return Ok(None);
        }
        let folder = self.options.state.machine(&self.machine).join("bindings");
        let (bindings, recovery) =
            Bindings::open(&folder).map_err(|source| StartError::Bindings {
                machine: self.machine.clone(),
                source,
            })?;
        report_recovery(&self.machine, "bindings", &recovery);
        Ok(Some(bindings))
    }

    fn open_sip(
        &self,
        stores: &Stores,
        addresses: &mut Vec<SocketAddr>,
    ) -> Result<signalling::Opened, StartError> {
        let opened =
            signalling::open(&self.view, stores, self.options.workers).map_err(|source| {
                StartError::Listen {
                    machine: self.machine.clone(),
                    source,
                }
            })?;
        addresses.extend(&opened.addresses);
        Ok(opened)
    }

    fn start_sip(
        &self,
        sockets: signalling::Opened,
        stores: Stores,
        users: Option<&Users>,
        bindings: Option<&Arc<Bindings>>,
    ) -> Result<
        (
            runtime::worker::Workers<sip::Input>,
            Arc<signalling::NodeStats>,
        ),
        StartError,
    > {
        let pool = self.secret(Secret::Pool)?;
        // An Edge signs nobody in and holds no ticket key: a taken Edge could mint tickets with it.
        let signs_in = self.view.has_role(Role::Director) || self.view.has_role(Role::FrontEnd);
        let ticket = if signs_in {
            self.secret(Secret::Ticket)?
        } else {
            self.random()?
        };
        let signalling = Signalling {
            view: self.view.clone(),
            secrets: Secrets::new(pool, ticket, self.random()?),
            users: users
                .map(|users| users.log.directory().clone())
                .unwrap_or_default(),
            bindings: bindings.cloned(),
            stores,
            sockets,
            workers: self.options.workers,
            clock: self.options.clock,
        };
        let started = signalling.start();
        started.map_err(|source| StartError::System {
            machine: self.machine.clone(),
            source,
        })
    }

    /// Opens the VIPs that this machine holds and passes on what comes there.
    fn vips(
        &self,
        pools: Arc<Pools>,
        opened: &mut Vec<SocketAddr>,
    ) -> Result<Option<(Passing, Vips)>, StartError> {
        let open = balancer::open(&self.view, pools, self.options.workers);
        let open = open.map_err(|error| StartError::Listen {
            machine: self.machine.clone(),
            source: BindError::of(error.address, error.source),
        })?;
        let Some(open) = open else {
            return Ok(None);
        };
        opened.extend(&open.addresses);
        let started = open.start().map_err(|source| StartError::System {
            machine: self.machine.clone(),
            source,
        });
        let (passing, pools) = started?;
        let stats = passing.stats();
        Ok(Some((passing, Vips { pools, stats })))
    }

    /// Opens the name service, on a machine that has it.
    fn names(
        &self,
        board: &Arc<Board>,
        opened: &mut Vec<SocketAddr>,
    ) -> Result<Option<NamePlan>, StartError> {
        if !self.view.has_role(Role::Dns) {
            return Ok(None);
        }
        let zone = names::zone(&self.view).map_err(|source| StartError::Names {
            machine: self.machine.clone(),
            source,
        })?;
        let listening = names::bind(&self.view).map_err(|error| StartError::Listen {
            machine: self.machine.clone(),
            source: BindError::of(error.address, error.source),
        })?;
        let served = self
            .view
            .listeners
            .iter()
            .filter(|listener| listener.protocol == Protocol::Dns);
        opened.extend(served.map(|listener| listener.address));
        let health = Arc::clone(board) as Arc<dyn dns::Health + Send + Sync>;
        let names = Arc::new(Names::new(zone, health));
        Ok(Some(NamePlan {
            listening,
            names,
            seed: self.random()?,
        }))
    }

    /// Prepares to ask how others are, on a machine that chooses among them.
    fn prober(
        &self,
        inside: Option<&Arc<Store>>,
        pools: &Arc<Pools>,
    ) -> Result<Option<Prober>, StartError> {
        let chooses = self.view.has_role(Role::Dns) || self.view.has_role(Role::LoadBalancer);
        let Some(store) = inside.filter(|_| chooses) else {
            return Ok(None);
        };
        let watched = Watched::of(&self.view);
        for member in &watched {
            // Who has just begun must not take a deployment away: all are up until something else is found out.
            pools.found(&member.hop.name, web::balance::Health::Up);
        }
        let pools = Arc::clone(pools);
        let tell = move |member: &str, standing| pools.found(member, balanced::health(standing));
        let board = Arc::new(Board::new(watched).telling(Box::new(tell)));
        Ok(Some(Prober::new(
            board,
            health::Pace::default(),
            Arc::clone(store),
            self.view.machine.address,
            self.options.clock,
            self.random()?,
        )))
    }

    /// Opens what the service thread serves: the directory at Front Ends, metrics everywhere.
    fn plan(
        &self,
        users: Option<&Users>,
        inside: Option<&Arc<Store>>,
        pools: &Arc<Pools>,
        addresses: &mut Vec<SocketAddr>,
    ) -> Result<Plan, StartError> {
        let identify: Arc<dyn Identify> = Arc::new(TrustList::of(&self.view));
        let mut plan = Plan {
            follower: None,
            source: None,
            metrics: None,
            names: None,
            prober: self.prober(inside, pools)?,
        };
        if let Some(prober) = &plan.prober {
            plan.names = self.names(prober.board(), addresses)?;
        }
        for listener in &self.view.listeners {
            // Every Front End serves what it has: a copy carries the master's history under the master's indexes.
            let serves = users.filter(|_| self.view.has_role(Role::FrontEnd));
            match (listener.port, serves, inside) {
                (Port::InterServer, Some(users), Some(store)) => {
                    let socket = self.bind(listener.address, addresses)?;
                    let source = Source::new(Arc::clone(users.log.log()), Pace::default())
                        .behind(&listener.balancers);
                    plan.source = Some(SourcePlan {
                        listener: socket,
                        store: Arc::clone(store),
                        identify: Arc::clone(&identify),
                        source,
                    });
                }
                (Port::Metrics, _, _) => {
                    plan.metrics = Some(self.bind(listener.address, addresses)?)
                }
                (_, _, _) => {}
            }
        }
        Ok(plan)
    }

    fn bind(
        &self,
        address: SocketAddr,
        addresses: &mut Vec<SocketAddr>,
    ) -> Result<TcpListener, StartError> {
        let bound = TcpListener::bind(address).map_err(|source| StartError::Listen {
            machine: self.machine.clone(),
            source: BindError::of(address, source),
        })?;
        addresses.push(address);
        Ok(bound)
    }

    fn secret(&self, secret: Secret) -> Result<[u8; 32], StartError> {
        let key = PoolKey::read(&self.options.state.secret(&self.machine, secret));
        let key = key.map_err(|source| StartError::Secret {
            machine: self.machine.clone(),
            source,
        })?;
        Ok(*key.as_bytes())
    }

    fn random(&self) -> Result<[u8; 32], StartError> {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes).map_err(|error| StartError::System {
            machine: self.machine.clone(),
            source: std::io::Error::other(error),
        })?;
        Ok(bytes)
    }
}

fn report_recovery(machine: &str, what: &str, recovery: &store::Recovery) {
    if recovery.torn_bytes > 0 {
        let bytes = recovery.torn_bytes;
        tracing::warn!(
            machine,
            what,
            bytes,
            "an interrupted write was cut off; it had not been acknowledged"
        );
    }
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
