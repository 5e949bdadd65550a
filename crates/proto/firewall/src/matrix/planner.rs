//! Who tries what from one vantage: the flow table for what is wanted, every other address and port for the rest.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};

use base::net::Face;
use topology::flows::{Carrier, End};
use topology::resolve::{Host, Instance};
use topology::{Fqdn, Machine, Network, Port, Topology};

use super::doors::Doors;
use super::expected::{Expected, Question, Wanted, Wishes};
use super::tries::{Target, Try, Vantage};
use crate::plan::{self, Attempt, Direction, Judgement, Plan, Zone};
use crate::{AddressSet, Family};

/// From which address, and where to.
pub(super) type Place = (Option<IpAddr>, Target);

/// What a datagram to a port asks; nothing for connections.
type Knocks = BTreeMap<(Carrier, u16), Option<Question>>;

/// Works out the tries of one vantage.
pub(super) struct Planner<'a> {
    topology: &'a Topology,
    plan: &'a Plan,
    vantage: &'a Vantage,
    /// The machine that tries, if it is one.
    machine: Option<&'a Machine>,
    instances: Vec<Instance>,
    wishes: Wishes<'a>,
    knocks: Knocks,
}

impl<'a> Planner<'a> {
    pub(super) fn new(topology: &'a Topology, plan: &'a Plan, vantage: &'a Vantage) -> Self {
        let machine = match vantage {
            Vantage::Machine(name) => topology.machine(name.as_str()),
            Vantage::Client | Vantage::Outside | Vantage::Administrator => None,
        };
        let wishes = Wishes::new(topology);
        Self {
            topology,
            plan,
            vantage,
            machine,
            instances: topology.flows(),
            knocks: knocks(topology, wishes.known_name(Face::Inside)),
            wishes,
        }
    }

    pub(super) fn wanted(&self) -> BTreeMap<Place, Wanted> {
        let mut found: BTreeMap<Place, Wanted> = BTreeMap::new();
        for (row, instance) in self.instances.iter().enumerate() {
            for from in self.sources(instance) {
                let hosts = instance.destinations.iter().flat_map(|party| &party.hosts);
                let hosts = hosts.filter(|host| !self.is_own(host));
                let named = hosts.map(|host| {
                    let to = self.target(instance, host);
                    (to, self.wishes.of(row, instance, host))
                });
                let beside = self.beside(instance).map(|to| {
                    let wanted = self.wishes.beside(row, instance, to.socket.ip());
                    (to, wanted)
                });
                for (to, wanted) in named.chain(beside) {
                    if fits(from, to.socket.ip()) {
                        let other = found.entry((from, to));
                        other
                            .and_modify(|other| other.merge(&wanted))
                            .or_insert(wanted);
                    }
                }
            }
        }
        let doors = Doors::of(self.topology, &self.instances);
        for ((from, to), wanted) in &mut found {
            let door = (to.socket, to.carrier);
            wanted.strangers_refused = doors.mutual.get(&door).copied().unwrap_or(false);
            let told = doors.balancers.get(&door);
            wanted.passed_on = told
                .zip(*from)
                .is_some_and(|(told, from)| told.contains(&from));
        }
        found
    }

    /// The addresses from which this vantage opens connections of an instance.
    fn sources(&self, instance: &Instance) -> BTreeSet<Option<IpAddr>> {
        let parties = || instance.sources.iter();
        let is_there = |end: End| parties().any(|party| party.end == end);
        if is_there(End::Itself) {
            // It never leaves the machine.
            return BTreeSet::new();
        }
        match (self.vantage, self.machine) {
            (Vantage::Machine(name), Some(machine)) => {
                let hosts = parties().flat_map(|party| &party.hosts);
                let own = hosts.filter(|host| host.machines.contains(name));
                let mut found: BTreeSet<_> = own.map(|host| Some(host.address)).collect();
                if is_there(End::Anyone) {
                    found.insert(Some(machine.address));
                }
                found
            }
            (Vantage::Client, _) if is_there(End::Clients) || is_there(End::Anyone) => {
                BTreeSet::from([None])
            }
            (Vantage::Outside, _) if is_there(End::Outside) => BTreeSet::from([None]),
            (Vantage::Administrator, _) if is_there(End::Administrators) => BTreeSet::from([None]),
            (_, _) => BTreeSet::new(),
        }
    }

    fn is_own(&self, host: &Host) -> bool {
        self.machine.is_some_and(|machine| {
            host.machines.contains(&machine.fqdn) || own_addresses(machine).contains(&host.address)
        })
    }

    /// The servers beside the deployment among the destinations, each a network of one address; nobody tries a network.
    fn beside(&self, instance: &Instance) -> impl Iterator<Item = Target> {
        let port = self.topology.ports().number(instance.service.port);
        let parties = instance.destinations.iter();
        let networks = parties.flat_map(|party| party.networks.iter().map(|it| (party.end, it)));
        let servers = networks.filter(|(_, network)| **network == Network::of(network.address));
        let sockets = servers.flat_map(move |(end, server)| {
            let sockets = self.topology.sockets(end, server.address, port);
            sockets.into_iter()
        });
        sockets.map(|socket| Target {
            name: socket.ip().to_string(),
            socket,
            carrier: instance.service.carrier,
        })
    }

    /// A gateway's port, or a resolver's, may be another than that of the row.
    fn target(&self, instance: &Instance, host: &Host) -> Target {
        let port = self.topology.ports().number(instance.service.port);
        let mut parties = instance.destinations.iter();
        let party = parties.find(|party| party.hosts.contains(host));
        let written = party.and_then(|party| {
            let sockets = self.topology.sockets(party.end, host.address, port);
            sockets.into_iter().next()
        });
        Target {
            name: host.name.to_string(),
            socket: written.unwrap_or_else(|| SocketAddr::new(host.address, port)),
            carrier: instance.service.carrier,
        }
    }

    /// Every port of the topology at every address of it, from every address of the vantage, but for what is wanted.
    pub(super) fn others(&self, wanted: &BTreeMap<Place, Wanted>) -> Vec<Place> {
        let sources: BTreeSet<Option<IpAddr>> = match self.machine {
            Some(machine) => own_addresses(machine).into_iter().map(Some).collect(),
            None => BTreeSet::from([None]),
        };
        let mut found = BTreeSet::new();
        for (name, address) in self.addresses() {
            for from in sources.iter().filter(|from| fits(**from, address)) {
                let places = self.knocks.keys().map(|(carrier, port)| {
                    let to = Target {
                        name: name.to_string(),
                        socket: SocketAddr::new(address, *port),
                        carrier: *carrier,
                    };
                    (*from, to)
                });
                found.extend(places);
            }
        }
        let others = found.into_iter();
        others.filter(|place| !wanted.contains_key(place)).collect()
    }

    /// Returns the tries of places that nobody wants to reach, but for those where the plan stops nothing.
    pub(super) fn unwanted(&self, places: Vec<Place>) -> impl Iterator<Item = Try> {
        let [v4, v6] = Family::ALL.map(|family| self.stranger(family));
        places.into_iter().filter_map(move |(from, to)| {
            let stranger = match Family::of(to.socket.ip()) {
                Family::V4 => v4,
                Family::V6 => v6,
            };
            let stopped = self.stopped(from.or(stranger)?, &to)?;
            let question = self.knocks.get(&(to.carrier, to.socket.port()))?.clone();
            Some(Try {
                from,
                to,
                expected: Expected::Unwanted { question, stopped },
            })
        })
    }

    /// Where the plan stops a try; `None` if it lets it pass, or has no place on its way.
    fn stopped(&self, from: IpAddr, to: &Target) -> Option<(plan::Place, Direction)> {
        let attempt = Attempt {
            source: from,
            destination: to.socket.ip(),
            carrier: to.carrier,
            port: to.socket.port(),
        };
        match self.plan.judge(&attempt) {
            Judgement::Stopped { at, direction } => Some((at, direction)),
            Judgement::Admitted { .. } | Judgement::Unseen => None,
        }
    }

    /// An address that stands for all of those who are nobody of the topology where the vantage is.
    fn stranger(&self, family: Family) -> Option<IpAddr> {
        let zones = self.plan.zones();
        let administrators = &self.topology.firewall().admin_networks;
        let administrators = AddressSet::of_networks(family, administrators);
        let set = match self.vantage {
            Vantage::Machine(_) => return None,
            Vantage::Outside => {
                let outside = zones.set(Zone::Outside, family);
                outside.difference(&administrators)
            }
            Vantage::Client => {
                let networks = self.topology.client_networks();
                let clients = AddressSet::of_networks(family, networks);
                let inside = clients.intersection(zones.set(Zone::Inside, family));
                inside.difference(&administrators.union(&self.known(family)))
            }
            Vantage::Administrator => administrators.difference(&self.known(family)),
        };
        set.ranges()
            .first()
            .map(|(first, _)| family.address(*first))
    }

    /// The addresses that the topology names.
    fn known(&self, family: Family) -> AddressSet {
        let own = self.addresses().into_iter().map(|(_, address)| address);
        let gateways = self.topology.gateways().iter().map(|one| one.address);
        AddressSet::of(family, own.chain(gateways))
    }

    /// Every address of the deployment that is not the vantage's own.
    fn addresses(&self) -> BTreeSet<(Fqdn, IpAddr)> {
        let mut found = BTreeSet::new();
        for machine in self.topology.machines() {
            let own = self.machine.is_some_and(|one| one.fqdn == machine.fqdn);
            let addresses = own_addresses(machine).into_iter().filter(|_| !own);
            found.extend(addresses.map(|address| (machine.fqdn.clone(), address)));
        }
        for pool in self.topology.pools() {
            let holds = self.machine.zip(pool.balancer.as_ref());
            let holds = holds.is_some_and(|(machine, balancer)| machine.pools.contains(balancer));
            let vip = pool.vip.filter(|_| !holds);
            found.extend(vip.map(|vip| (pool.fqdn.clone(), vip)));
        }
        found
    }
}

/// Every port that the topology uses, and how it is knocked at: over UDP only where something is spoken over UDP.
fn knocks(topology: &Topology, known: &str) -> Knocks {
    let number = |port| topology.ports().number(port);
    let of = known.to_owned();
    let tcp = Port::ALL.map(|port| ((Carrier::Tcp, number(port)), None));
    let udp = [
        (Port::Dns, Question::Address { of }),
        (Port::SipPlain, Question::Options),
        (Port::Ntp, Question::Time),
    ];
    let udp = udp.map(|(port, question)| ((Carrier::Udp, number(port)), Some(question)));
    tcp.into_iter().chain(udp).collect()
}

fn own_addresses(machine: &Machine) -> BTreeSet<IpAddr> {
    let outside = machine.external.into_iter().chain(machine.published);
    outside.chain([machine.address]).collect()
}

fn fits(from: Option<IpAddr>, to: IpAddr) -> bool {
    from.is_none_or(|from| Family::of(from) == Family::of(to))
}
