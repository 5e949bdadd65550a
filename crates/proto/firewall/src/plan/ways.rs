//! Who speaks to whom in addresses: the flow table with the sets that its words stand for.
//!
//! Each end of a way keeps apart the hosts that the topology names and the networks that it does not know one by one:
//! a machine opens only what it is named for, even if its address lies in a network of clients.

use std::collections::BTreeMap;

use topology::Topology;
use topology::flows::{Carrier, End, Flow};
use topology::resolve::{Instance, Party};

use super::{Rate, Zone, Zones};
use crate::{AddressSet, Family};

/// One end of a way, of one family.
#[derive(Clone, Debug)]
pub(super) struct Side {
    /// Hosts that the topology names.
    pub(super) hosts: AddressSet,
    /// Networks of others.
    pub(super) networks: AddressSet,
}

impl Side {
    /// Returns all of it.
    pub(super) fn all(&self) -> AddressSet {
        self.hosts.union(&self.networks)
    }

    /// Returns all of it but hosts with these addresses; a network is left whole.
    pub(super) fn without(&self, own: &AddressSet) -> AddressSet {
        self.hosts.difference(own).union(&self.networks)
    }
}

/// Sources that may reach destinations on one port.
#[derive(Clone, Debug)]
pub(super) struct Way {
    pub(super) flow: u8,
    pub(super) reach: Reach,
    pub(super) family: Family,
    pub(super) from: Side,
    pub(super) to: Side,
    pub(super) carrier: Carrier,
    pub(super) port: u16,
    pub(super) rate: Option<Rate>,
}

/// How many a row is for. Rows for few stand before rows for many, so that each counts its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Reach {
    /// Hosts of the topology.
    Hosts,
    /// Networks that the file lists.
    Networks,
    /// Everybody, or everybody outside.
    Anybody,
}

impl Reach {
    /// Returns the widest of all ends of a row.
    pub(super) fn of(flow: &Flow) -> Self {
        let ends = flow
            .legs
            .iter()
            .flat_map(|leg| leg.from.iter().chain(leg.to));
        ends.map(|end| match end {
            End::Outside | End::Anyone | End::Resolvers => Self::Anybody,
            End::Clients | End::TimeServers | End::RevocationServers | End::Administrators => {
                Self::Networks
            }
            End::EveryMachine
            | End::Itself
            | End::Of(_)
            | End::Behind(_)
            | End::Probed(_)
            | End::Members(_)
            | End::DirectoryMaster
            | End::OtherFrontEnds
            | End::Store
            | End::Gateways
            | End::GatewayPools => Self::Hosts,
        })
        .max()
        .unwrap_or(Self::Hosts)
    }
}

/// Returns the ways of all flows; what stays on one machine over loopback has none.
pub(super) fn all(topology: &Topology, zones: &Zones) -> Vec<Way> {
    let flows = topology.flows();
    let local = |instance: &&Instance| {
        let parties = instance.sources.iter().chain(&instance.destinations);
        parties.clone().any(|party| party.end == End::Itself)
    };
    let finder = Finder { topology, zones };
    flows
        .iter()
        .filter(|instance| !local(instance))
        .flat_map(|instance| finder.ways(instance))
        .collect()
}

struct Finder<'a> {
    topology: &'a Topology,
    zones: &'a Zones,
}

impl Finder<'_> {
    fn ways(&self, instance: &Instance) -> Vec<Way> {
        let mut found = Vec::new();
        for family in Family::ALL {
            let from = self.side(&instance.sources, family);
            for (port, to) in self.by_port(instance, family) {
                found.push(self.way(instance, from.clone(), to, port));
            }
            for (vip, members) in self.behind_boxes(instance, family) {
                let port = self.topology.ports().number(instance.service.port);
                let from = Side {
                    hosts: from.hosts.union(&vip),
                    networks: from.networks.clone(),
                };
                found.push(self.way(instance, from, members, port));
            }
        }
        found.retain(|way| !way.from.all().is_empty() && !way.to.all().is_empty());
        found
    }

    fn way(&self, instance: &Instance, from: Side, to: Side, port: u16) -> Way {
        let strangers = |party: &Party| party.end == End::Outside;
        Way {
            flow: instance.flow.id,
            reach: Reach::of(instance.flow),
            family: from.hosts.family(),
            from,
            to,
            carrier: instance.service.carrier,
            port,
            rate: instance
                .sources
                .iter()
                .any(strangers)
                .then(|| rate(self.topology, instance.service.carrier)),
        }
    }

    fn side(&self, parties: &[Party], family: Family) -> Side {
        let hosts = parties.iter().flat_map(|party| &party.hosts);
        let mut side = Side {
            hosts: AddressSet::of(family, hosts.map(|host| host.address)),
            networks: AddressSet::empty(family),
        };
        for party in parties {
            let named = AddressSet::of_networks(family, &party.networks)
                .difference(&self.zones.of_perimeter(family));
            side.networks = side.networks.union(&named);
            if party.end == End::Outside {
                side.networks = side.networks.union(self.zones.set(Zone::Outside, family));
            }
            if party.end == End::Anyone {
                let machines = self.topology.machines().iter().map(|m| m.address);
                side.hosts = side.hosts.union(&AddressSet::of(family, machines));
                side.networks = side.networks.union(&self.clients(family));
            }
        }
        side
    }

    /// The networks of clients, without what stands in the perimeter.
    fn clients(&self, family: Family) -> AddressSet {
        AddressSet::of_networks(family, self.topology.client_networks())
            .difference(&self.zones.of_perimeter(family))
    }

    /// The destinations with their port: a gateway or a resolver may listen on one of its own.
    fn by_port(&self, instance: &Instance, family: Family) -> Vec<(u16, Side)> {
        let port = self.topology.ports().number(instance.service.port);
        let has_own = |party: &&Party| matches!(party.end, End::Gateways | End::Resolvers);
        let (own, others): (Vec<&Party>, Vec<&Party>) =
            instance.destinations.iter().partition(has_own);
        let others: Vec<Party> = others.into_iter().cloned().collect();
        let mut sides = vec![(port, self.side(&others, family))];
        let mut ports: BTreeMap<u16, AddressSet> = BTreeMap::new();
        for party in own {
            let hosts = party.hosts.iter().map(|host| host.address);
            let networks = party.networks.iter().map(|network| network.address);
            let sockets = hosts
                .chain(networks)
                .flat_map(|address| self.topology.sockets(party.end, address, port));
            for socket in sockets {
                let set = ports
                    .entry(socket.port())
                    .or_insert_with(|| AddressSet::empty(family));
                *set = set.union(&AddressSet::of(family, [socket.ip()]));
            }
        }
        sides.extend(ports.into_iter().map(|(port, hosts)| {
            let networks = AddressSet::empty(family);
            (port, Side { hosts, networks })
        }));
        sides
    }

    /// The VIPs among the destinations that a box outside the topology holds, each with its members. How the box writes
    /// the source of what it passes on is not known: its VIP, or whoever opened the connection.
    fn behind_boxes(&self, instance: &Instance, family: Family) -> Vec<(AddressSet, Side)> {
        let hosts = instance.destinations.iter().flat_map(|party| &party.hosts);
        hosts
            .filter(|host| host.machines.is_empty())
            .filter_map(|host| {
                let pool = self.topology.pool(host.vip_of.as_ref()?.as_str())?;
                let members = self.topology.members(pool).map(|machine| machine.address);
                let side = Side {
                    hosts: AddressSet::of(family, members),
                    networks: AddressSet::empty(family),
                };
                Some((AddressSet::of(family, [host.address]), side))
            })
            .collect()
    }
}

/// A stranger may begin as many handshakes as the gate of a machine lets one begin, and ask as much without any: what
/// is beyond would be refused there anyway.
fn rate(topology: &Topology, carrier: Carrier) -> Rate {
    /// The gate counts over so many seconds.
    const BURST: u32 = 10;
    let limits = topology.limits();
    let per_second = match carrier {
        Carrier::Tcp => limits.handshakes_per_source,
        Carrier::Udp => limits.requests_per_source,
    };
    Rate {
        per_second,
        burst: per_second.saturating_mul(BURST),
    }
}
