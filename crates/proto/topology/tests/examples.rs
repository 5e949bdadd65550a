//! Every example is in order and means what its comments say.

use base::net::{Face, Role};
use topology::{Balancing, Digest, SignIn, Topology};

use crate::{
    GATEWAY, REFERENCE, SHORTEST, SINGLE_DIRECTOR, SMALL_OFFICE, broken, parse, reference,
};

#[test]
fn every_machine_of_every_example_has_a_view() {
    for text in [REFERENCE, SINGLE_DIRECTOR, SMALL_OFFICE, GATEWAY, SHORTEST] {
        let topology = parse(text);
        for machine in topology.machines() {
            let view = topology.view(machine.fqdn.as_str()).unwrap();
            assert!(
                !view.roles.is_empty()
                    && !view.listeners.is_empty()
                    && !view.certificates.is_empty()
            );
        }
    }
}

#[test]
fn the_reference_offers_md5_to_baresip_only() {
    let topology = reference();
    let baresip = topology.sip().policy("baresip v1.0.0 (x86_64/linux)");
    assert_eq!(
        (baresip.internal_sign_in, baresip.digest),
        (SignIn::Proxy, &[Digest::Md5][..])
    );
    let other = topology.sip().policy("Linphonec/5.1.65");
    assert_eq!(other.internal_sign_in, SignIn::Redirect);
    assert_eq!(other.digest, [Digest::Sha256, Digest::Sha512_256]);
}

#[test]
fn front_end_pools_back_each_other_up_though_only_one_says_so() {
    let topology = reference();
    let backup = |name| topology.pool(name).unwrap().backup.clone().unwrap();
    assert_eq!(backup("fepool01.contoso.net"), "fepool02.contoso.net");
    assert_eq!(backup("fepool02.contoso.net"), "fepool01.contoso.net");
    assert_eq!(
        topology.directory_master().unwrap().fqdn,
        "fepool01.contoso.net"
    );
}

#[test]
fn what_is_not_written_follows_from_convention() {
    let topology = parse(SHORTEST);
    let pool = topology.pool("fe01.contoso.net").unwrap();
    let web = pool.web.clone().unwrap();
    assert_eq!(pool.balancing, Balancing::Single);
    assert!(pool.masters_directory);
    assert_eq!(web.internal, "fe01.contoso.net");
    assert_eq!(web.external, "fe01-webext.contoso.com");
    assert_eq!(topology.sites(), ["main"]);
    assert_eq!(
        topology.simple_urls().meet[0].to_string(),
        "https://meet.contoso.com"
    );
    assert_eq!(topology.simple_urls().dialin.host, "dialin.contoso.com");
    assert_eq!(topology.client_networks().len(), 3);
    assert_eq!(topology.sip().internal_sign_in, SignIn::Redirect);
    assert!(topology.sip().plain.is_empty());
    let limits = topology.limits();
    assert_eq!((limits.message, limits.endpoints_per_user), (65_536, 8));
    assert_eq!(limits.registration_default.as_secs(), 600);
}

#[test]
fn an_edge_sends_to_the_director_or_else_to_the_front_end() {
    let next = |text: &str, edge: &str| parse(text).pool(edge).unwrap().next_hop.clone().unwrap();
    assert_eq!(
        next(REFERENCE, "edge01.contoso.net"),
        "dirpool01.contoso.net"
    );
    assert_eq!(next(SMALL_OFFICE, "edge.example.net"), "home.example.net");
}

#[test]
fn names_are_compared_without_case() {
    let text = SHORTEST.replace("pool = \"fe01.contoso.net\"", "pool = \"FE01.Contoso.NET\"");
    assert_eq!(parse(&text), parse(SHORTEST));
}

#[test]
fn a_perimeter_machine_with_one_outside_address_needs_another_port() {
    let one = SMALL_OFFICE.replace("published = \"203.0.113.11\"", "");
    assert_eq!(broken(&one), ["port-clash"]);
    let moved = parse(&format!("{one}\n[ports]\nedge_access = 5063\n"));
    let view = moved.view("gate.example.net").unwrap();
    let outside: Vec<u16> = view
        .listeners
        .iter()
        .filter(|listener| listener.face == Face::Outside)
        .map(|listener| listener.address.port())
        .collect();
    assert_eq!(outside, [80, 443, 5063]);
}

#[test]
fn without_a_director_clients_sign_in_at_the_front_end() {
    let topology = parse(SMALL_OFFICE);
    let first = topology.sign_in_pool().unwrap();
    assert_eq!(
        (first.role, first.fqdn.as_str()),
        (Role::FrontEnd, "home.example.net")
    );
    assert_eq!(Topology::pools_of(&topology, Role::Director).count(), 0);
}
