//! The reference topology on one machine.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr};

use base::net::Transport;
use topology::Topology;

use crate::{GATEWAY, REFERENCE, SINGLE_DIRECTOR, SMALL_OFFICE, parse, reference};

const BASE: Ipv4Addr = Ipv4Addr::new(127, 40, 7, 1);

#[test]
fn every_machine_and_vip_has_its_own_address_in_the_order_of_the_file() {
    let topology = reference().on_loopback(BASE);
    let machine = |name| topology.machine(name).unwrap().clone();
    assert_eq!(
        machine("edge01.contoso.net").address.to_string(),
        "127.40.7.1"
    );
    assert_eq!(
        machine("edge01.contoso.net").external.unwrap().to_string(),
        "127.40.7.2"
    );
    let proxy = machine("rp01.contoso.net");
    assert_eq!(proxy.external.unwrap().to_string(), "127.40.7.4");
    assert_eq!(proxy.published, proxy.external);
    assert_eq!(
        machine("dns01.contoso.net").address.to_string(),
        "127.40.7.10"
    );
    let vip = topology.pool("dirpool01.contoso.net").unwrap().vip.unwrap();
    assert_eq!(vip.to_string(), "127.40.7.13");
    assert_eq!(topology, reference().on_loopback(BASE));
}

#[test]
fn gateways_have_addresses_behind_all_others() {
    let topology = parse(GATEWAY).on_loopback(BASE);
    let sockets: Vec<String> = topology
        .gateways()
        .iter()
        .map(|gateway| gateway.socket().to_string())
        .collect();
    assert_eq!(sockets, ["127.40.7.2:5060", "127.40.7.3:5080"]);
}

#[test]
fn no_two_machines_open_the_same_socket() {
    for text in [REFERENCE, SINGLE_DIRECTOR, SMALL_OFFICE, GATEWAY] {
        let topology = parse(text).on_loopback(BASE);
        let mut seen: BTreeSet<(SocketAddr, bool)> = BTreeSet::new();
        for listener in listeners(&topology) {
            assert!(listener.0.ip().is_loopback());
            assert!(seen.insert(listener), "{} is opened twice", listener.0);
        }
    }
}

#[test]
fn port_numbers_stay_what_they_are() {
    let ports = |topology: &Topology| -> Vec<u16> {
        let mut ports: Vec<u16> = listeners(topology)
            .iter()
            .map(|(socket, _)| socket.port())
            .collect();
        ports.sort_unstable();
        ports
    };
    assert_eq!(ports(&reference()), ports(&reference().on_loopback(BASE)));
}

#[test]
fn ports_that_need_a_privilege_can_be_moved() {
    let moved = reference()
        .on_loopback(BASE)
        .with_low_ports_shifted(10_000)
        .unwrap();
    assert!(
        listeners(&moved)
            .iter()
            .all(|(socket, _)| socket.port() >= 1024)
    );
    assert!(
        listeners(&moved)
            .iter()
            .any(|(socket, _)| socket.port() == 10_443)
    );
    let onto_another = reference().with_low_ports_shifted(8_000);
    assert_eq!(
        onto_another, None,
        "80 would become 8080, which the external web site has"
    );
    assert_eq!(reference().with_low_ports_shifted(65_500), None);
}

#[test]
fn addresses_wrap_within_loopback() {
    let topology = reference().on_loopback(Ipv4Addr::new(127, 255, 255, 250));
    let addresses: BTreeSet<String> = topology
        .machines()
        .iter()
        .map(|machine| machine.address.to_string())
        .collect();
    assert_eq!(addresses.len(), 9);
    assert!(!addresses.contains("127.255.255.255") && !addresses.contains("127.0.0.0"));
}

fn listeners(topology: &Topology) -> Vec<(SocketAddr, bool)> {
    let all = topology
        .machines()
        .iter()
        .flat_map(|machine| topology.listeners(machine));
    all.map(|listener| (listener.address, listener.transport == Transport::Udp))
        .collect()
}
