//! The reference deployment in memory: an Edge, two Directors, two Front End pools of one machine each.

use base::net::{Face, Hop, Peer, Role, Server};
use base::{Now, UnixMillis};
use directory::{
    Algorithm, Aor, Change as UserChange, Directory, PoolName, Revision, User, Verifier,
};
use sip::auth::ha1;
use sip::config::{
    Address, Bounds, InternalSignIn, Keys, Pool, Registrations, SignIn, UserAgentRule,
};
use sip::location::Table;
use sip::token::Key;
use sip::{Action, Config, Input, Node, Shared};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use testkit::{Act, Host, HostId, Place, World};

pub const DOMAIN: &str = "contoso.com";
pub const PASSWORD: &str = "open sesame";

pub const EDGE_OUTSIDE: &str = "203.0.113.1:443";
pub const DIR1: &str = "10.0.0.11:5061";
pub const FE1: &str = "10.0.0.21:5061";
pub const FE2: &str = "10.0.0.22:5061";

pub fn addr(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

/// A node with its change log in memory.
pub struct NodeHost {
    pub node: Node,
    pub table: Arc<Table>,
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
            Action::Report(_) | Action::Complain(_) => Act::Done,
            Action::Commit { ticket, changes } => {
                changes.iter().for_each(|change| self.table.apply(change));
                Act::Later(
                    Duration::from_millis(1),
                    Input::Committed { ticket, done: true },
                )
            }
        }
    }
}

pub struct Deployment {
    pub world: World<NodeHost>,
    pub users: Directory,
    pub edge: HostId,
    pub dir1: HostId,
    pub dir2: HostId,
    pub fe1: HostId,
    pub fe2: HostId,
    pub internal: InternalSignIn,
    boot: u32,
}

struct Machine {
    name: &'static str,
    pool: &'static str,
    role: Role,
    inside: &'static str,
}

const MACHINES: [Machine; 5] = [
    Machine {
        name: "edge01.contoso.net",
        pool: "edgepool01.contoso.net",
        role: Role::Edge,
        inside: "10.0.1.1:5061",
    },
    Machine {
        name: "dir01.contoso.net",
        pool: "dirpool01.contoso.net",
        role: Role::Director,
        inside: DIR1,
    },
    Machine {
        name: "dir02.contoso.net",
        pool: "dirpool01.contoso.net",
        role: Role::Director,
        inside: "10.0.0.12:5061",
    },
    Machine {
        name: "fe01.contoso.net",
        pool: "fepool01.contoso.net",
        role: Role::FrontEnd,
        inside: FE1,
    },
    Machine {
        name: "fe02.contoso.net",
        pool: "fepool02.contoso.net",
        role: Role::FrontEnd,
        inside: FE2,
    },
];

impl Deployment {
    pub fn new(seed: u8) -> Self {
        Self::with(seed, InternalSignIn::Redirect)
    }

    pub fn with(seed: u8, internal: InternalSignIn) -> Self {
        let mut world = World::new([seed; 32]);
        let users = Directory::default();
        for (n, name) in ["alice", "bob", "carol"].into_iter().enumerate() {
            let home = if name == "carol" {
                "fepool02.contoso.net"
            } else {
                "fepool01.contoso.net"
            };
            users.apply(Revision(n as u64 + 1), UserChange::Put(user(name, home)));
        }
        let mut ids = Vec::new();
        for machine in &MACHINES {
            let host = node(machine, internal, &users, 1, world.now(), Arc::default());
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
            boot: 1,
        }
    }

    /// Starts a killed host again: a new run, with what its change log kept.
    pub fn restart(&mut self, id: HostId, killed: NodeHost) {
        self.boot += 1;
        let ids = [self.edge, self.dir1, self.dir2, self.fe1, self.fe2];
        let at = ids.iter().position(|known| *known == id).unwrap();
        let now = self.world.now();
        let host = node(
            &MACHINES[at],
            self.internal,
            &self.users,
            self.boot,
            now,
            killed.table,
        );
        self.world.restart(id, host);
    }
}

pub fn user(name: &str, home: &str) -> User {
    let verifier =
        |algorithm| Verifier::new(algorithm, &ha1(algorithm, name, DOMAIN, PASSWORD)).unwrap();
    User {
        aor: Aor::parse(&format!("{name}@{DOMAIN}")).unwrap(),
        display_name: String::new(),
        home: PoolName::parse(home).unwrap(),
        enabled: true,
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

fn server(machine: &Machine) -> Server {
    Server {
        name: machine.name.into(),
        pool: machine.pool.into(),
        role: machine.role,
    }
}

fn node(
    machine: &Machine,
    internal: InternalSignIn,
    users: &Directory,
    boot: u32,
    now: Now,
    table: Arc<Table>,
) -> NodeHost {
    let config = Arc::new(config(machine, internal, boot));
    let shared = Shared {
        users: users.clone(),
        locations: Arc::clone(&table) as _,
    };
    let seed = [machine.inside.len() as u8 + machine.name.as_bytes()[4]; 32];
    NodeHost {
        node: Node::new(config, shared, seed, now),
        table,
    }
}

fn config(machine: &Machine, internal: InternalSignIn, boot: u32) -> Config {
    let secret = [machine.pool.len() as u8; 32];
    let outside = (machine.role == Role::Edge).then(|| Address {
        host: "sip.contoso.com".into(),
        port: 443,
    });
    Config {
        server: Arc::new(server(machine)),
        worker: base::net::WorkerId(0),
        boot,
        domains: vec![DOMAIN.into()],
        inside: Address {
            host: machine.name.into(),
            port: 5061,
        },
        outside,
        pools: pools(),
        next_hop: (machine.role == Role::Edge).then(|| "dirpool01.contoso.net".into()),
        sign_in: SignIn {
            internal,
            digest: vec![Algorithm::Sha256],
            rules: vec![UserAgentRule {
                pattern: "old*".into(),
                internal_sign_in: Some(InternalSignIn::Proxy),
                digest: vec![Algorithm::Md5],
            }],
        },
        registrations: Registrations {
            min: Duration::from_secs(60),
            default: Duration::from_secs(600),
            max: Duration::from_secs(900),
            endpoints: 3,
        },
        limits: sip::msg::Limits::default(),
        bounds: Bounds::default(),
        keys: Keys {
            branch: Key::derive(&[boot as u8; 32], machine.name),
            token: Key::derive(&secret, "token"),
            nonce: secret,
            ticket: Key::derive(&[7; 32], "ticket"),
        },
        nonce_life: Duration::from_secs(300),
        ticket_life: Duration::from_secs(60),
        timer_c: Duration::from_secs(200),
    }
}

fn pools() -> Vec<Pool> {
    let names = [
        "edgepool01.contoso.net",
        "dirpool01.contoso.net",
        "fepool01.contoso.net",
        "fepool02.contoso.net",
    ];
    let pool = |name: &str| {
        let of_pool = || MACHINES.iter().filter(|machine| machine.pool == name);
        let backup = match name {
            "fepool01.contoso.net" => Some("fepool02.contoso.net".into()),
            "fepool02.contoso.net" => Some("fepool01.contoso.net".into()),
            _ => None,
        };
        Pool {
            name: name.into(),
            role: of_pool().next().unwrap().role,
            port: 5061,
            members: of_pool()
                .map(|m| Hop {
                    name: m.name.into(),
                    addr: addr(m.inside),
                })
                .collect(),
            backup,
        }
    };
    names.into_iter().map(pool).collect()
}
