//! What one machine has to know of the topology: where it listens, whom it trusts, where the others are.
//!
//! A view is plain data, derived once and complete: whoever starts a machine reads only its view. Ports appear in it
//! as numbers that came out of the flow table; nothing else may name one.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use base::net::{Face, Role, Server, Transport};

use crate::certificates::CertificateNeed;
use crate::flows::{Carrier, End, Protocol, Security};
use crate::records::Record;
use crate::resolve::{Instance, Party};
use crate::{
    Delegate, Dns, Federation, Fqdn, Gateway, Limits, Logging, Machine, Pool, Port, Ports,
    SimpleUrls, Sip, Topology,
};

/// The topology as one machine sees it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct View {
    /// The machine: its names and addresses.
    pub machine: Machine,
    /// What it does, in the order of its pools.
    pub roles: Vec<Role>,
    /// Where it listens, by address and port; each address and port once per transport.
    pub listeners: Vec<Listener>,
    /// Every name of the deployment that proves a server: machines and pools.
    pub trust: BTreeMap<Fqdn, Arc<Server>>,
    /// Every pool of the deployment, its own included.
    pub pools: Vec<PoolView>,
    /// The gateways of the deployment, whichever pool speaks with them.
    pub gateways: Vec<Gateway>,
    /// Users who may register for others.
    pub delegates: Vec<Delegate>,
    /// The pool to which it sends what comes from outside, if it is an Edge.
    pub next_hop: Option<Fqdn>,
    /// The pool that takes over for its own, if it is a Front End.
    pub backup: Option<Fqdn>,
    /// The pool that holds the master of the directory of users.
    pub directory_master: Option<Fqdn>,
    /// The pool where clients sign in first.
    pub sign_in_pool: Option<Fqdn>,
    /// The SIP domains; the first is the default.
    pub domains: Vec<Fqdn>,
    /// The short addresses.
    pub simple_urls: SimpleUrls,
    /// How users sign in.
    pub sip: Sip,
    /// The bounds.
    pub limits: Limits,
    /// With whom calls and messages are exchanged.
    pub federation: Federation,
    /// How names are answered.
    pub dns: Dns,
    /// What is logged, and how much of it is kept.
    pub logging: Logging,
    /// The port numbers.
    pub ports: Ports,
    /// The certificates that it needs, at most one for each face.
    pub certificates: Vec<CertificateNeed>,
    /// The names of the deployment as both worlds see them.
    pub records: Vec<Record>,
}

/// One address and port on which a machine listens.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Listener {
    /// The rows of the flow table that name it.
    pub flows: Vec<u8>,
    /// What it is for.
    pub port: Port,
    /// Where.
    pub address: SocketAddr,
    /// How bytes travel.
    pub transport: Transport,
    /// What is spoken.
    pub protocol: Protocol,
    /// Who proves a name.
    pub security: Security,
    /// On which face.
    pub face: Face,
    /// The roles of servers that a flow lets in here; others are refused even with a good certificate.
    pub servers: Vec<Role>,
    /// Whether a flow lets clients in here.
    pub clients: bool,
    /// The pool whose VIP this is, on a balancer.
    pub vip_of: Option<Fqdn>,
    /// The balancers that pass connections on to here; they say whose they are (the PROXY protocol).
    pub balancers: Vec<IpAddr>,
}

/// A pool with its members.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PoolView {
    /// The pool.
    pub pool: Pool,
    /// Its members in the order of the file.
    pub members: Vec<Member>,
}

/// A member of a pool as other machines reach it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Member {
    /// Its name, which its certificate proves.
    pub fqdn: Fqdn,
    /// Its address on the organisation's network; servers reach an Edge there too.
    pub address: IpAddr,
    /// Its address outside, if it has one.
    pub external: Option<IpAddr>,
}

impl View {
    /// Returns the pool of this name.
    #[must_use]
    pub fn pool(&self, fqdn: &str) -> Option<&PoolView> {
        self.pools.iter().find(|pool| pool.pool.fqdn == *fqdn)
    }

    /// Returns the pools of one role in the order of the file.
    pub fn pools_of(&self, role: Role) -> impl Iterator<Item = &PoolView> {
        self.pools.iter().filter(move |pool| pool.pool.role == role)
    }

    /// Returns this machine's own pool of one role.
    #[must_use]
    pub fn own_pool(&self, role: Role) -> Option<&PoolView> {
        self.pools_of(role)
            .find(|view| self.machine.pools.contains(&view.pool.fqdn))
    }

    /// Returns where a member is reached on a port.
    #[must_use]
    pub fn socket(&self, member: &Member, port: Port) -> SocketAddr {
        SocketAddr::new(member.address, self.ports.number(port))
    }

    /// Tells whether the machine does this.
    #[must_use]
    pub fn has_role(&self, role: Role) -> bool {
        self.roles.contains(&role)
    }
}

impl Topology {
    /// Returns what the machine of this name has to know; `None` if there is no such machine.
    #[must_use]
    pub fn view(&self, fqdn: &str) -> Option<View> {
        let machine = self.machine(fqdn)?;
        let own = |role: Role| self.pools_at(machine).find(|pool| pool.role == role);
        let name = |pool: &Pool| pool.fqdn.clone();
        Some(View {
            roles: self.pools_at(machine).map(|pool| pool.role).collect(),
            listeners: self.listeners(machine),
            trust: self.trust(),
            pools: self.pools.iter().map(|pool| self.pool_view(pool)).collect(),
            gateways: self.gateways.clone(),
            delegates: self.delegates.clone(),
            next_hop: own(Role::Edge).and_then(|pool| pool.next_hop.clone()),
            backup: own(Role::FrontEnd).and_then(|pool| pool.backup.clone()),
            directory_master: self.directory_master().map(name),
            sign_in_pool: self.sign_in_pool().map(name),
            domains: self.domains.clone(),
            simple_urls: self.simple_urls.clone(),
            sip: self.sip.clone(),
            limits: self.limits.clone(),
            federation: self.federation.clone(),
            dns: self.dns,
            logging: self.logging.clone(),
            ports: self.ports.clone(),
            certificates: self.certificates(machine),
            records: self.records(),
            machine: machine.clone(),
        })
    }

    /// Returns where a machine listens, each address, port and transport once.
    #[must_use]
    pub fn listeners(&self, machine: &Machine) -> Vec<Listener> {
        let mut merged: Vec<Listener> = Vec::new();
        for instance in self.flows() {
            for listener in self.listeners_of(&instance, machine) {
                let same = |other: &&mut Listener| {
                    (other.address, other.transport) == (listener.address, listener.transport)
                };
                match merged.iter_mut().find(same) {
                    Some(other) => other.merge(listener),
                    None => merged.push(listener),
                }
            }
        }
        merged.sort_by_key(|listener| (listener.address, listener.transport == Transport::Udp));
        merged
    }

    fn listeners_of(&self, instance: &Instance, machine: &Machine) -> Vec<Listener> {
        if !instance.service.port.is_ours() {
            return Vec::new();
        }
        let number = self.ports.number(instance.service.port);
        let hosts = self.listening(instance).into_iter();
        let own = hosts.filter(|host| host.machines.contains(&machine.fqdn));
        own.map(|host| Listener {
            flows: vec![instance.flow.id],
            port: instance.service.port,
            address: SocketAddr::new(host.address, number),
            transport: match (instance.service.carrier, instance.service.security) {
                (Carrier::Udp, _) => Transport::Udp,
                (Carrier::Tcp, Security::Plain | Security::Own) => Transport::Tcp,
                (Carrier::Tcp, Security::Tls | Security::Mutual | Security::Either) => {
                    Transport::Tls
                }
            },
            protocol: instance.service.protocol,
            security: instance.service.security,
            face: host.face,
            servers: self.roles_of(instance),
            clients: instance.sources.iter().any(|party| is_network(party.end)),
            vip_of: host.vip_of,
            balancers: balancers_of(instance),
        })
        .collect()
    }

    /// A balancer passes on what others say and asks whether a port answers; it is never a peer itself.
    fn roles_of(&self, instance: &Instance) -> Vec<Role> {
        let passes_on = |party: &Party| matches!(party.end, End::Behind(_) | End::Probed(_));
        if instance.destinations.iter().all(passes_on) {
            return Vec::new();
        }
        let machines = instance.sources.iter().flat_map(|party| {
            let role = if let End::Of(role) = party.end {
                Some(role)
            } else {
                None
            };
            let all = party
                .hosts
                .iter()
                .filter_map(|host| self.machine(host.name.as_str()));
            all.flat_map(move |machine| {
                let roles = self.pools_at(machine).map(|pool| pool.role);
                roles.filter(move |found| role.is_none_or(|role| role == *found))
            })
        });
        let mut roles: Vec<Role> = machines.collect();
        roles.sort_unstable();
        roles.dedup();
        roles
    }

    /// Names of machines go before names of pools, so that a machine named as its pool is known as the machine.
    fn trust(&self) -> BTreeMap<Fqdn, Arc<Server>> {
        let mut trust = BTreeMap::new();
        for machine in &self.machines {
            let Some(pool) = self.main_pool(machine) else {
                continue;
            };
            trust.insert(machine.fqdn.clone(), server(&machine.fqdn, pool));
        }
        for pool in &self.pools {
            trust
                .entry(pool.fqdn.clone())
                .or_insert_with(|| server(&pool.fqdn, pool));
        }
        trust
    }

    /// The pool by which a machine is known to others: that of its SIP role, else its first.
    pub(crate) fn main_pool<'a>(&'a self, machine: &'a Machine) -> Option<&'a Pool> {
        let speaks_sip = |pool: &&Pool| has_sip(pool.role);
        self.pools_at(machine)
            .find(speaks_sip)
            .or_else(|| self.pools_at(machine).next())
    }

    fn pool_view(&self, pool: &Pool) -> PoolView {
        let member = |m: &Machine| Member {
            fqdn: m.fqdn.clone(),
            address: m.address,
            external: m.external,
        };
        PoolView {
            pool: pool.clone(),
            members: self.members(pool).map(member).collect(),
        }
    }
}

impl Listener {
    fn merge(&mut self, other: Self) {
        self.flows.extend(other.flows);
        self.flows.sort_unstable();
        self.flows.dedup();
        self.security = match (self.security, other.security) {
            (one, two) if one == two => one,
            _ => Security::Either,
        };
        self.servers.extend(other.servers);
        self.servers.sort_unstable();
        self.servers.dedup();
        self.clients |= other.clients;
        self.balancers.extend(other.balancers);
        self.balancers.sort_unstable();
        self.balancers.dedup();
    }
}

/// Where a balancer's connections come from that passes on what others say.
fn balancers_of(instance: &Instance) -> Vec<IpAddr> {
    let behind = |party: &Party| matches!(party.end, End::Behind(_));
    if !instance.destinations.iter().all(behind) {
        return Vec::new();
    }
    let hosts = instance.sources.iter().flat_map(|party| &party.hosts);
    hosts.map(|host| host.address).collect()
}

/// Clients and strangers; `Anyone` is met by mutual TLS only and brings no clients.
const fn is_network(end: End) -> bool {
    matches!(end, End::Outside | End::Clients)
}

/// Tells whether a role speaks SIP; a machine has at most one such role.
#[must_use]
pub const fn has_sip(role: Role) -> bool {
    matches!(role, Role::Director | Role::FrontEnd | Role::Edge)
}

fn server(name: &Fqdn, pool: &Pool) -> Arc<Server> {
    Arc::new(Server {
        name: name.to_arc(),
        pool: pool.fqdn.to_arc(),
        role: pool.role,
    })
}
