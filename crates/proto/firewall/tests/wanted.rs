//! What the flow table asks for, found the slow way: connection by connection.

use std::collections::BTreeSet;
use std::net::IpAddr;

use firewall::Family;
use firewall::plan::Attempt;
use topology::Topology;
use topology::flows::{Carrier, End};
use topology::resolve::{Host, Instance, Party};

use crate::topologies::ip;

/// Somebody outside whom no topology names, of each family.
pub(crate) const STRANGERS: [&str; 2] = ["198.51.100.7", "2001:db8:ffff::7"];

/// What the flow table admits between named hosts, clients, strangers and who is beside: found the slow way.
pub(crate) struct Wanted<'a> {
    topology: &'a Topology,
    clients: Vec<IpAddr>,
    beside: Vec<IpAddr>,
}

impl<'a> Wanted<'a> {
    /// Finds who is there.
    pub(crate) fn of(topology: &'a Topology) -> Self {
        let named = topology.firewall();
        let administrators = named.admin_networks.iter().map(|network| network.address);
        let servers = named.time_servers.iter().chain(&named.revocation_servers);
        let own = |ip: &IpAddr| topology.machines().iter().any(|m| m.address == *ip);
        let beside: Vec<IpAddr> = administrators
            .chain(servers.copied())
            .filter(|ip| !own(ip))
            .collect();
        let inside = |ip: &IpAddr| topology.client_networks().iter().any(|n| n.contains(*ip));
        let unnamed = ["10.0.8.7", "192.168.10.77", "fd00::8:7"].map(ip);
        let gateways = topology.gateways().iter().map(|gateway| gateway.address);
        // A VIP that a machine of ours holds is no client; one of a box might be.
        let boxes = topology.pools().iter().filter(|p| p.balancer.is_none());
        let vips = boxes.filter_map(|pool| pool.vip);
        let all = unnamed
            .into_iter()
            .chain(gateways)
            .chain(vips)
            .chain(beside.clone());
        Self {
            topology,
            clients: all.filter(inside).collect(),
            beside,
        }
    }

    fn strangers(&self) -> impl Iterator<Item = IpAddr> {
        let outside = self.beside.iter().filter(|ip| !self.clients.contains(ip));
        STRANGERS.map(ip).into_iter().chain(outside.copied())
    }

    fn addresses(&self, party: &Party) -> Vec<IpAddr> {
        let mut all: Vec<IpAddr> = party.hosts.iter().map(|host| host.address).collect();
        let machines = self.topology.machines().iter().map(|m| m.address);
        if party.end == End::Outside {
            all.extend(self.strangers());
        } else if matches!(party.end, End::Clients | End::Anyone) {
            all.extend(&self.clients);
        } else {
            // An administrator's network may hold servers that are named for something else.
            let listed = |ip: &&IpAddr| party.networks.iter().any(|n| n.contains(**ip));
            all.extend(self.beside.iter().chain(&self.clients).filter(listed));
        }
        if party.end == End::Anyone {
            all.extend(machines);
        }
        all
    }

    /// The members behind a VIP that a box outside the topology holds.
    fn behind(&self, host: &Host) -> Vec<IpAddr> {
        let pool = host.vip_of.as_ref().filter(|_| host.machines.is_empty());
        let pool = pool.and_then(|name| self.topology.pool(name.as_str()));
        let members = pool
            .into_iter()
            .flat_map(|pool| self.topology.members(pool));
        members.map(|machine| machine.address).collect()
    }

    fn add(&self, instance: &Instance, found: &mut BTreeSet<Attempt>) {
        let carrier = instance.service.carrier;
        let usual = self.topology.ports().number(instance.service.port);
        let sources: Vec<IpAddr> = instance
            .sources
            .iter()
            .flat_map(|p| self.addresses(p))
            .collect();
        for destination in instance.destinations.iter().flat_map(|p| self.addresses(p)) {
            let to_gateway = instance.destinations.iter().any(|p| p.end == End::Gateways);
            let mut gateways = self.topology.gateways().iter().filter(|_| to_gateway);
            let own = gateways.find(|gateway| gateway.address == destination);
            let port = own.map_or(usual, |gateway| gateway.port);
            found.extend(sources.iter().map(|source| Attempt {
                source: *source,
                destination,
                carrier,
                port,
            }));
        }
        for host in instance.destinations.iter().flat_map(|party| &party.hosts) {
            for destination in self.behind(host) {
                let sources = sources.iter().copied().chain([host.address]);
                found.extend(sources.map(|source| Attempt {
                    source,
                    destination,
                    carrier,
                    port: usual,
                }));
            }
        }
    }

    /// Returns every attempt that some row of the table asks for.
    pub(crate) fn all(&self) -> BTreeSet<Attempt> {
        let mut found = BTreeSet::new();
        for instance in self.topology.flows() {
            self.add(&instance, &mut found);
        }
        found
    }

    /// Every pair of addresses of a family at every port that the topology knows, and at one that it does not.
    pub(crate) fn tried(&self) -> Vec<Attempt> {
        let machines = self.topology.machines().iter();
        let own = machines.flat_map(|m| [Some(m.address), m.external, m.published]);
        let vips = self.topology.pools().iter().map(|pool| pool.vip);
        let mut all: BTreeSet<IpAddr> = own.chain(vips).flatten().collect();
        all.extend(
            self.clients
                .iter()
                .chain(&self.beside)
                .copied()
                .chain(STRANGERS.map(ip)),
        );
        let number = |instance: Instance| self.topology.ports().number(instance.service.port);
        let gateways = self.topology.gateways().iter().map(|gateway| gateway.port);
        let ports: BTreeSet<u16> = self
            .topology
            .flows()
            .into_iter()
            .map(number)
            .chain(gateways)
            .chain([9])
            .collect();
        let mut found = Vec::new();
        for source in &all {
            for destination in all
                .iter()
                .filter(|d| Family::of(**d) == Family::of(*source))
            {
                for port in &ports {
                    for carrier in [Carrier::Tcp, Carrier::Udp] {
                        found.push(Attempt {
                            source: *source,
                            destination: *destination,
                            carrier,
                            port: *port,
                        });
                    }
                }
            }
        }
        found
    }
}
