//! Finds the parties of each flow in a topology: which machines speak, at which addresses others listen.
//!
//! A leg applies when it has somebody on both ends and does not only lead from a machine to itself; what is left out
//! is not listened for. A pool whose VIP takes a port is reached at the VIP, everything else at the members
//! ([`fronted`]).

mod beside;

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};

use base::net::{Face, Role};

use crate::flows::{Carrier, End, Flow, Leg, Service, TABLE};
use crate::{Balancing, FederationMode, Fqdn, Gateway, Machine, Network, Pool, Port, Topology};

/// An address at which somebody speaks or listens.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Host {
    /// The machine's name; for a VIP that of the pool.
    pub name: Fqdn,
    /// The address.
    pub address: IpAddr,
    /// The face of the machine that has it.
    pub face: Face,
    /// The machines that hold it: one, or the balancers of a VIP (none if those are outside the topology).
    pub machines: Vec<Fqdn>,
    /// The pool of a VIP.
    pub vip_of: Option<Fqdn>,
}

/// One kind of party to a leg: hosts that have a name, networks and servers that have none.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Party {
    /// Which kind.
    pub end: End,
    /// Whether it is reached at a VIP.
    pub vip: bool,
    /// On which face it is reached.
    pub face: Face,
    /// The hosts.
    pub hosts: Vec<Host>,
    /// Networks, and servers beside the deployment as networks of one address.
    pub networks: Vec<Network>,
}

/// One service of one leg of one flow, with the parties found.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Instance {
    /// The row.
    pub flow: &'static Flow,
    /// What is offered.
    pub service: Service,
    /// Who opens connections.
    pub sources: Vec<Party>,
    /// Who listens.
    pub destinations: Vec<Party>,
}

/// Tells whether the VIP of a pool takes this port: web always, SIP and 444 when there is nothing but the VIP.
#[must_use]
pub fn fronted(pool: &Pool, port: Port) -> bool {
    let web = matches!(
        port,
        Port::WebHttp | Port::WebHttps | Port::WebExternalHttp | Port::WebExternalHttps
    );
    let servers = matches!(port, Port::Sip | Port::InterServer);
    pool.vip.is_some()
        && match pool.balancing {
            Balancing::Hlb => web || servers,
            Balancing::DnsHlb => web,
            Balancing::Single | Balancing::Dns => false,
        }
}

impl Topology {
    /// Returns every flow that this topology has, by row, leg and service.
    #[must_use]
    pub fn flows(&self) -> Vec<Instance> {
        let mut found = Vec::new();
        for flow in TABLE {
            for service in flow.services {
                let legs = flow.legs.iter();
                let sides =
                    legs.flat_map(|leg| beside::faces(leg).iter().map(move |face| (leg, *face)));
                found.extend(
                    sides.filter_map(|(leg, face)| self.instance(flow, leg, *service, face)),
                );
            }
        }
        found
    }

    /// Returns every host that listens for an instance: its destinations, and the members behind a VIP among them, to
    /// whom the balancer passes everything on at the same port.
    pub(crate) fn listening(&self, instance: &Instance) -> Vec<Host> {
        let mut hosts = Vec::new();
        for host in instance.destinations.iter().flat_map(|party| &party.hosts) {
            let pool = host
                .vip_of
                .as_ref()
                .and_then(|name| self.pool(name.as_str()));
            let members = pool.into_iter().flat_map(|pool| self.members(pool));
            hosts.push(host.clone());
            hosts.extend(members.map(|machine| own_host(machine, machine.address, host.face)));
        }
        hosts
    }

    fn instance(
        &self,
        flow: &'static Flow,
        leg: &Leg,
        service: Service,
        face: Face,
    ) -> Option<Instance> {
        if !self.is_offered(leg, service) {
            return None;
        }
        let sources: Vec<Party> = leg
            .from
            .iter()
            .flat_map(|end| self.speakers(*end, service, face))
            .filter(is_somebody)
            .collect();
        let destinations: Vec<Party> = leg
            .to
            .iter()
            .flat_map(|end| self.listeners_at(*end, service, face))
            .filter(is_somebody)
            .collect();
        let alone = leg.to != [End::Itself] && is_one_machine(&sources, &destinations);
        if sources.is_empty() || destinations.is_empty() || alone {
            return None;
        }
        Some(Instance {
            flow,
            service,
            sources,
            destinations,
        })
    }

    /// Federation is for those who want it, plain SIP for those who are written: transports for clients, gateways each with
    /// its own.
    fn is_offered(&self, leg: &Leg, service: Service) -> bool {
        let is_for = |end| leg.to.contains(&end);
        let partners =
            service.port == Port::EdgeFederation || is_for(End::Outside) || is_for(End::Resolvers);
        if partners && self.federation.mode == FederationMode::Off {
            return false;
        }
        let for_clients = leg.from.contains(&End::Clients);
        let is_plain = service.port == Port::SipPlain;
        !(is_plain && for_clients) || self.sip.plain.contains(&service.carrier.into())
    }

    /// Who opens connections: always the machines themselves, never a VIP.
    fn speakers(&self, end: End, service: Service, face: Face) -> Vec<Party> {
        if end == End::Gateways {
            return vec![self.gateway_party(service.carrier)];
        }
        let own = |m: &Machine| match face {
            Face::Inside => m.address,
            Face::Outside => m.external.unwrap_or(m.address),
        };
        let hosts = self
            .machines_of(end, service.carrier)
            .into_iter()
            .map(|m| own_host(m, own(m), face));
        vec![Party {
            end,
            vip: false,
            face,
            hosts: hosts.collect(),
            networks: self.networks_of(end),
        }]
    }

    fn listeners_at(&self, end: End, service: Service, face: Face) -> Vec<Party> {
        if end == End::Gateways {
            return vec![self.gateway_party(service.carrier)];
        }
        if let Some(servers) = self.servers(end, face) {
            return vec![servers];
        }
        let port = service.port;
        let pools = self.pools_of_end(end, service.carrier);
        let (vips, direct): (Vec<&Pool>, Vec<&Pool>) = match end {
            End::Behind(role) => {
                let passed_on = |pool: &Pool| fronted(pool, port) && is_served_by(role, port);
                (Vec::new(), held(&pools, passed_on))
            }
            End::Probed(_) => (Vec::new(), held(&pools, |pool| pool.vip.is_some())),
            End::Of(_) | End::DirectoryMaster => pools.iter().partition(|pool| fronted(pool, port)),
            End::Outside
            | End::Clients
            | End::Anyone
            | End::EveryMachine
            | End::Itself
            | End::Members(_)
            | End::OtherFrontEnds
            | End::Store
            | End::Gateways
            | End::GatewayPools
            | End::TimeServers
            | End::RevocationServers
            | End::Resolvers
            | End::Administrators => (Vec::new(), pools),
        };
        let at_vip: Vec<Host> = vips.iter().filter_map(|pool| self.vip_host(pool)).collect();
        let machines = if matches!(end, End::EveryMachine | End::Itself) {
            self.machines.iter().collect()
        } else {
            self.machines_in(&direct)
        };
        let direct = machines
            .into_iter()
            .filter_map(|m| listening_host(m, end, face))
            .collect();
        [(true, at_vip), (false, direct)]
            .into_iter()
            .map(|(vip, hosts)| Party {
                end,
                vip,
                face,
                hosts,
                networks: Vec::new(),
            })
            .collect()
    }

    fn machines_of(&self, end: End, carrier: Carrier) -> Vec<&Machine> {
        match end {
            End::EveryMachine | End::Itself => self.machines.iter().collect(),
            End::Outside
            | End::Clients
            | End::Anyone
            | End::Store
            | End::Gateways
            | End::TimeServers
            | End::RevocationServers
            | End::Resolvers
            | End::Administrators => Vec::new(),
            End::GatewayPools
            | End::Of(_)
            | End::Behind(_)
            | End::Probed(_)
            | End::Members(_)
            | End::DirectoryMaster
            | End::OtherFrontEnds => self.machines_in(&self.pools_of_end(end, carrier)),
        }
    }

    fn machines_in(&self, pools: &[&Pool]) -> Vec<&Machine> {
        let names: BTreeSet<&Fqdn> = pools.iter().map(|pool| &pool.fqdn).collect();
        let belongs = |machine: &&Machine| machine.pools.iter().any(|pool| names.contains(pool));
        self.machines.iter().filter(belongs).collect()
    }

    fn pools_of_end(&self, end: End, carrier: Carrier) -> Vec<&Pool> {
        let front_ends = self.pools_of(Role::FrontEnd);
        match end {
            End::GatewayPools => front_ends
                .filter(|pool| self.gateways_over(carrier).any(|g| g.pool == pool.fqdn))
                .collect(),
            End::Of(role) | End::Behind(role) | End::Probed(role) | End::Members(role) => {
                self.pools_of(role).collect()
            }
            End::DirectoryMaster => front_ends.filter(|pool| pool.masters_directory).collect(),
            End::OtherFrontEnds => front_ends.filter(|pool| !pool.masters_directory).collect(),
            End::Outside
            | End::Clients
            | End::Anyone
            | End::EveryMachine
            | End::Itself
            | End::Store
            | End::Gateways
            | End::TimeServers
            | End::RevocationServers
            | End::Resolvers
            | End::Administrators => Vec::new(),
        }
    }

    /// The gateways that speak over this carrier.
    fn gateway_party(&self, carrier: Carrier) -> Party {
        let host = |gateway: &Gateway| Host {
            name: gateway.fqdn.clone(),
            address: gateway.address,
            face: Face::Inside,
            machines: Vec::new(),
            vip_of: None,
        };
        Party {
            end: End::Gateways,
            vip: false,
            face: Face::Inside,
            hosts: self.gateways_over(carrier).map(host).collect(),
            networks: Vec::new(),
        }
    }

    fn gateways_over(&self, carrier: Carrier) -> impl Iterator<Item = &Gateway> {
        let fits = move |gateway: &&Gateway| gateway.transport == carrier.into();
        self.gateways.iter().filter(fits)
    }

    fn vip_host(&self, pool: &Pool) -> Option<Host> {
        let balancers = pool
            .balancer
            .as_ref()
            .and_then(|name| self.pool(name.as_str()));
        let machines = balancers.into_iter().flat_map(|pool| self.members(pool));
        Some(Host {
            name: pool.fqdn.clone(),
            address: pool.vip?,
            face: Face::Inside,
            machines: machines.map(|machine| machine.fqdn.clone()).collect(),
            vip_of: Some(pool.fqdn.clone()),
        })
    }
}

/// Whether a row leads to a port at machines of a role: a VIP passes on only what somebody comes for.
fn is_served_by(role: Role, port: Port) -> bool {
    let leads = |flow: &Flow| {
        let mut ends = flow.legs.iter().flat_map(|leg| leg.to);
        let to_it = ends.any(|end| *end == End::Of(role));
        to_it && flow.services.iter().any(|service| service.port == port)
    };
    TABLE.iter().any(leads)
}

/// The pools whose VIP is held by balancers of the topology.
fn held<'a>(pools: &[&'a Pool], also: impl Fn(&Pool) -> bool) -> Vec<&'a Pool> {
    pools
        .iter()
        .copied()
        .filter(|pool| pool.balancer.is_some() && also(pool))
        .collect()
}

fn own_host(machine: &Machine, address: IpAddr, face: Face) -> Host {
    Host {
        name: machine.fqdn.clone(),
        address,
        face,
        machines: vec![machine.fqdn.clone()],
        vip_of: None,
    }
}

fn listening_host(machine: &Machine, end: End, face: Face) -> Option<Host> {
    let address = match (end, face) {
        (End::Itself, _) => loopback_of(machine),
        (End::Of(Role::ReverseProxy), Face::Outside) => machine.published?,
        (_, Face::Outside) => machine.external?,
        (_, Face::Inside) => machine.address,
    };
    Some(own_host(machine, address, face))
}

/// A machine that lives on loopback keeps its own address, so that several can share one kernel.
fn loopback_of(machine: &Machine) -> IpAddr {
    if machine.address.is_loopback() {
        machine.address
    } else {
        IpAddr::V4(Ipv4Addr::LOCALHOST)
    }
}

fn is_somebody(party: &Party) -> bool {
    let anybody = matches!(party.end, End::Outside | End::Clients | End::Anyone);
    anybody || !party.hosts.is_empty() || !party.networks.is_empty()
}

fn is_one_machine(sources: &[Party], destinations: &[Party]) -> bool {
    let networks = |parties: &[Party]| parties.iter().any(|party| party.hosts.is_empty());
    let hosts = || {
        sources
            .iter()
            .chain(destinations)
            .flat_map(|party| &party.hosts)
    };
    let addresses: BTreeSet<IpAddr> = hosts().map(|host| host.address).collect();
    !networks(sources) && !networks(destinations) && addresses.len() == 1
}
