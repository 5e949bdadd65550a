//! The reference deployment in memory: an Edge, two Directors, two Front End pools of one machine each.

pub use crate::machines::{DIR1, DOMAIN, EDGE_OUTSIDE, FE1, FE2, addr};
use crate::machines::{MACHINES, Machine, config, server};
use base::net::{Face, Peer, Role};
use base::{Now, UnixMillis};
use directory::{
    Algorithm, Aor, Change as UserChange, Directory, PoolName, Revision, User, Verifier,
};
use sip::auth::ha1;
use sip::config::{Config, InternalSignIn, Offline};
use sip::location::Table;
use sip::observe::{Observing, Sight};
use sip::{Action, Input, Node, Shared, offline};
use std::sync::Arc;
use std::time::Duration;
use testkit::{Act, Host, HostId, Place, World};

/// The password of every user.
pub const PASSWORD: &str = "open sesame";

/// Who there is; the last is at home in the second pool.
const NAMES: [&str; 3] = ["alice", "bob", "carol"];

/// A node with its change log in memory.
pub struct NodeHost {
    /// The machine.
    pub node: Node,
    /// The bindings, which outlive it.
    pub table: Arc<Table>,
    /// The messages that it keeps, which outlive it too.
    pub offline: Arc<offline::Table>,
    /// What is wanted of it to be seen; nothing at first.
    pub observing: Arc<Observing>,
    /// What was seen.
    pub seen: Vec<Sight>,
}

impl Host for NodeHost {
    type Machine = Node;

    fn machine(&mut self) -> &mut Node {
        &mut self.node
    }

    fn input(event: base::net::Event) -> Input {
        Input::Net(event)
    }

    fn act(&mut self, _now: Now, action: Action) -> Act<Input> {
        match action {
            Action::Net(effect) => Act::Net(effect),
            Action::Observe(sight) => {
                self.seen.push(sight);
                Act::Done
            }
            Action::Report(_) | Action::Complain(_) | Action::Tell { .. } => Act::Done,
            // Nobody is outside of this world.
            Action::Resolve { ticket, .. } => {
                let answer = sip::locate::Answer::Nothing;
                Act::Later(Duration::from_millis(1), Input::Resolved { ticket, answer })
            }
            Action::Commit { ticket, changes } => {
                changes.iter().for_each(|change| self.table.apply(change));
                written(ticket)
            }
            Action::Store { ticket, changes } => {
                changes.iter().for_each(|change| self.offline.apply(change));
                written(ticket)
            }
        }
    }
}

/// What the change log answers, a little later.
fn written(ticket: u64) -> Act<Input> {
    let done = Input::Committed { ticket, done: true };
    Act::Later(Duration::from_millis(1), done)
}

/// The machines, their network and their users.
pub struct Deployment {
    /// The network.
    pub world: World<NodeHost>,
    /// Who there is.
    pub users: Directory,
    /// The Edge.
    pub edge: HostId,
    /// A Director.
    pub dir1: HostId,
    /// The other Director of its pool.
    pub dir2: HostId,
    /// The Front End of the first pool.
    pub fe1: HostId,
    /// The Front End of the second pool.
    pub fe2: HostId,
    /// How users inside sign in.
    pub internal: InternalSignIn,
    /// What Front Ends keep of messages.
    keeps: Option<Offline>,
    boot: u32,
}

impl Deployment {
    /// Makes one in which users inside are redirected; the seed decides every latency.
    pub fn new(seed: u8) -> Self {
        Self::with(seed, InternalSignIn::Redirect)
    }

    /// Makes one.
    pub fn with(seed: u8, internal: InternalSignIn) -> Self {
        Self::made(seed, internal, None)
    }

    /// Makes one that keeps messages for users who are away.
    pub fn keeping(seed: u8, internal: InternalSignIn, keeps: Offline) -> Self {
        Self::made(seed, internal, Some(keeps))
    }

    fn made(seed: u8, internal: InternalSignIn, keeps: Option<Offline>) -> Self {
        let mut world = World::new([seed; 32]);
        let users = Directory::default();
        for (n, name) in NAMES.into_iter().enumerate() {
            let home = if name == "carol" {
                "fepool02.contoso.net"
            } else {
                "fepool01.contoso.net"
            };
            let mut user = user(name, home);
            // Everybody has everybody else on their contact list.
            let others = NAMES.iter().filter(|other| **other != name);
            user.contacts = others.map(|other| aor(other)).collect();
            users.apply(Revision(n as u64 + 1), UserChange::Put(user));
        }
        let mut ids = Vec::new();
        for machine in &MACHINES {
            let config = Config {
                offline: keeps,
                ..config(machine, internal, 1)
            };
            let host = node(config, &users, world.now(), Arc::default(), Arc::default());
            ids.push(world.add(place(machine), host));
        }
        let [edge, dir1, dir2, fe1, fe2] = ids.try_into().ok().unwrap();
        Self {
            world,
            users,
            edge,
            dir1,
            dir2,
            fe1,
            fe2,
            internal,
            keeps,
            boot: 1,
        }
    }

    /// Starts a killed host again: a new run, with what its change log kept.
    pub fn restart(&mut self, id: HostId, killed: NodeHost) {
        self.boot += 1;
        let ids = [self.edge, self.dir1, self.dir2, self.fe1, self.fe2];
        let at = ids.iter().position(|known| *known == id).unwrap();
        let now = self.world.now();
        let config = Config {
            offline: self.keeps,
            ..config(&MACHINES[at], self.internal, self.boot)
        };
        let host = node(config, &self.users, now, killed.table, killed.offline);
        self.world.restart(id, host);
    }
}

fn aor(name: &str) -> Aor {
    Aor::parse(&format!("{name}@{DOMAIN}")).unwrap()
}

/// A user with that home pool.
pub fn user(name: &str, home: &str) -> User {
    let verifier =
        |algorithm| Verifier::new(algorithm, &ha1(algorithm, name, DOMAIN, PASSWORD)).unwrap();
    User {
        aor: aor(name),
        display_name: String::new(),
        home: PoolName::parse(home).unwrap(),
        enabled: true,
        blocked: Vec::new(),
        certificates: Vec::new(),
        contacts: Vec::new(),
        verifiers: vec![verifier(Algorithm::Sha256), verifier(Algorithm::Md5)],
        created: UnixMillis(0),
        changed: UnixMillis(0),
    }
}

fn place(machine: &Machine) -> Place {
    let mut listens = vec![(addr(machine.inside), Face::Inside)];
    if machine.role == Role::Edge {
        listens.push((addr(EDGE_OUTSIDE), Face::Outside));
    }
    Place {
        listens,
        proves: Peer::Server(Arc::new(server(machine))),
    }
}

fn node(
    config: Config,
    users: &Directory,
    now: Now,
    table: Arc<Table>,
    offline: Arc<offline::Table>,
) -> NodeHost {
    let name = config.server.name.as_bytes();
    let seed = [name.len() as u8 + name[4]; 32];
    let observing: Arc<Observing> = Arc::default();
    let shared = Shared {
        guard: Arc::default(),
        users: users.clone(),
        locations: Arc::clone(&table) as _,
        offline: Arc::clone(&offline),
        watched: Arc::default(),
        observing: Arc::clone(&observing),
    };
    NodeHost {
        node: Node::new(Arc::new(config), shared, seed, now),
        table,
        offline,
        observing,
        seen: Vec::new(),
    }
}
