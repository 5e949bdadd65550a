//! The plan admits what the flow table asks for, from end to end, and nothing else.

use std::collections::BTreeSet;
use std::net::IpAddr;

use firewall::plan::{Attempt, Boundary, Direction, Judgement, Place, Plan};
use topology::Topology;
use topology::flows::{Carrier, End};
use topology::resolve::Party;

use crate::topologies::{EXAMPLES, ip, parse};

/// Somebody outside whom no example names.
const STRANGER: &str = "198.51.100.7";

fn attempt(source: &str, destination: &str, carrier: Carrier, port: u16) -> Attempt {
    Attempt {
        source: ip(source),
        destination: ip(destination),
        carrier,
        port,
    }
}

/// Hosts in the networks of clients that are no machines: one whom nobody names, gateways, and who is beside.
fn clients(topology: &Topology) -> Vec<IpAddr> {
    let inside = |ip: &IpAddr| {
        topology
            .client_networks()
            .iter()
            .any(|net| net.contains(*ip))
    };
    let gateways = topology.gateways().iter().map(|gateway| gateway.address);
    let unnamed = ["10.9.8.7", "192.168.10.77"].map(ip).into_iter();
    let all = unnamed.chain(gateways).chain(beside(topology));
    all.filter(inside).collect()
}

/// One administrator of each network, and the servers that are no machines.
fn beside(topology: &Topology) -> Vec<IpAddr> {
    let named = topology.firewall();
    let administrators = named.admin_networks.iter().map(|network| network.address);
    let servers = named.time_servers.iter().chain(&named.revocation_servers);
    administrators.chain(servers.copied()).collect()
}

/// What the flow table admits between named hosts, clients and a stranger: found the slow way.
fn wanted(topology: &Topology, clients: &[IpAddr]) -> BTreeSet<Attempt> {
    let addresses = |party: &Party| -> Vec<IpAddr> {
        let hosts = party.hosts.iter().map(|host| host.address);
        let machines = topology.machines().iter().map(|machine| machine.address);
        let mut all: Vec<IpAddr> = hosts.collect();
        if party.end == End::Outside {
            all.push(ip(STRANGER));
            all.extend(
                beside(topology)
                    .into_iter()
                    .filter(|ip| !clients.contains(ip)),
            );
        }
        if party.end != End::Clients {
            all.extend(party.networks.iter().map(|network| network.address));
        }
        if matches!(party.end, End::Clients | End::Anyone) {
            all.extend(clients);
        }
        if party.end == End::Anyone {
            all.extend(machines);
        }
        all
    };
    let mut found = BTreeSet::new();
    for instance in topology.flows() {
        let port = topology.ports().number(instance.service.port);
        for source in instance.sources.iter().flat_map(addresses) {
            for destination in instance.destinations.iter().flat_map(addresses) {
                let gateway = topology
                    .gateways()
                    .iter()
                    .find(|g| g.address == destination);
                found.insert(Attempt {
                    source,
                    destination,
                    carrier: instance.service.carrier,
                    port: gateway.map_or(port, |gateway| gateway.port),
                });
            }
        }
    }
    found
}

/// Every pair of addresses of a topology at every port that it knows, and at one that it does not.
fn tried(topology: &Topology, clients: &[IpAddr]) -> Vec<Attempt> {
    let machines = topology.machines().iter();
    let own = machines.flat_map(|m| [Some(m.address), m.external, m.published]);
    let vips = topology.pools().iter().map(|pool| pool.vip);
    let mut all: BTreeSet<IpAddr> = own.chain(vips).flatten().collect();
    all.extend(clients);
    all.extend(beside(topology));
    all.insert(ip(STRANGER));
    let known = topology
        .flows()
        .into_iter()
        .map(|i| topology.ports().number(i.service.port));
    let gateways = topology.gateways().iter().map(|gateway| gateway.port);
    let ports: BTreeSet<u16> = known.chain(gateways).chain([9]).collect();
    let mut found = Vec::new();
    for source in &all {
        for destination in &all {
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

#[test]
fn the_plan_of_every_example_admits_exactly_what_the_flow_table_asks_for() {
    for (name, text) in EXAMPLES {
        let topology = parse(name, text);
        let plan = Plan::of(&topology);
        let clients = clients(&topology);
        let wanted = wanted(&topology, &clients);
        let mut admitted = 0;
        for attempt in tried(&topology, &clients) {
            match plan.judge(&attempt) {
                Judgement::Admitted { .. } => {
                    assert!(wanted.contains(&attempt), "{name}: too much: {attempt:?}");
                    admitted += 1;
                }
                Judgement::Stopped { at, direction } => assert!(
                    !wanted.contains(&attempt),
                    "{name}: {attempt:?} stopped at {at} {direction:?}"
                ),
                Judgement::Unseen => {}
            }
        }
        assert!(admitted >= 20, "{name}: {admitted}");
    }
}

#[test]
fn a_connection_is_stopped_at_the_first_place_that_does_not_know_it() {
    let (name, text) = EXAMPLES[0];
    let plan = Plan::of(&parse(name, text));
    let stopped = |attempt: Attempt| match plan.judge(&attempt) {
        Judgement::Stopped { at, direction } => (at, direction),
        other @ (Judgement::Admitted { .. } | Judgement::Unseen) => panic!("{other:?}"),
    };
    let edge_to_store = attempt("172.16.0.10", "10.0.0.21", Carrier::Tcp, 444);
    let edge = Place::Machine(parse(name, text).machines()[0].fqdn.clone());
    assert_eq!(stopped(edge_to_store), (edge, Direction::Out));
    let stranger = attempt(STRANGER, "10.0.0.21", Carrier::Tcp, 5061);
    let outside = Place::Boundary(Boundary::Outside);
    assert_eq!(stopped(stranger), (outside, Direction::Through));
}

#[test]
fn both_directions_between_edge_and_inside_have_rules_of_their_own() {
    let (name, text) = EXAMPLES[0];
    let plan = Plan::of(&parse(name, text));
    let flow =
        |source, destination| match plan.judge(&attempt(source, destination, Carrier::Tcp, 5061)) {
            Judgement::Admitted { flow } => flow,
            other @ (Judgement::Stopped { .. } | Judgement::Unseen) => panic!("{other:?}"),
        };
    assert_eq!(flow("172.16.0.10", "10.0.0.11"), 6);
    assert_eq!(flow("172.16.0.10", "10.0.0.21"), 12);
    assert_eq!(flow("10.0.0.11", "172.16.0.10"), 10);
    assert_eq!(flow("10.0.0.21", "172.16.0.10"), 10);
}
