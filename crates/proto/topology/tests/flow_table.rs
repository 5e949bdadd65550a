//! The flow table, and the port summary that is printed from it.

use std::collections::BTreeSet;

use base::net::Role;
use topology::flows::{Lang, Origin, TABLE};
use topology::{Filter, Line, Port};

use crate::{GATEWAY, SHORTEST, SINGLE_DIRECTOR, parse, reference};

/// The nine rows of the Director's port table: protocol, transport and port; source; destination.
const SEED: [(&str, &str, &str); 9] = [
    (
        "HTTP/TCP/8080",
        "Reverse proxy, internal interface",
        "Director HLB VIP",
    ),
    (
        "HTTPS/TCP/4443",
        "Reverse proxy, internal interface",
        "Director HLB VIP",
    ),
    (
        "HTTPS/TCP/444",
        "Director",
        "Front End pool or Front End Server",
    ),
    ("HTTP/TCP/80", "Internal clients", "Director HLB VIP"),
    ("HTTPS/TCP/443", "Internal clients", "Director HLB VIP"),
    (
        "SIP/MTLS/TCP/5061",
        "Edge Server, internal interface",
        "Director",
    ),
    ("MTLS/TCP/50001", "Any", "Director"),
    ("MTLS/TCP/50002", "Any", "Director"),
    ("MTLS/TCP/50003", "Any", "Director"),
];

#[test]
fn the_first_nine_lines_are_the_port_table_one_for_one() {
    let lines = reference().summary(Lang::En, Filter::default());
    for (line, (service, source, destination)) in lines.iter().zip(SEED) {
        assert_eq!(line.origin, Origin::Seed);
        assert_eq!(
            (&*line.service(), &*line.source, &*line.destination),
            (service, source, destination)
        );
    }
    assert_ne!(lines[9].origin, Origin::Seed);
}

#[test]
fn a_single_director_is_reached_without_a_vip() {
    let lines = parse(SINGLE_DIRECTOR).summary(Lang::En, Filter::default());
    for (line, (service, source, destination)) in lines.iter().zip(SEED) {
        let destination = destination.strip_suffix(" HLB VIP").unwrap_or(destination);
        assert_eq!(
            (&*line.service(), &*line.source, &*line.destination),
            (service, source, destination)
        );
    }
}

#[test]
fn both_languages_tell_the_same_lines() {
    let topology = reference();
    let (en, ko) = (
        topology.summary(Lang::En, Filter::default()),
        topology.summary(Lang::Ko, Filter::default()),
    );
    assert_eq!(en.len(), ko.len());
    for (en, ko) in en.iter().zip(&ko) {
        assert_eq!(
            (en.id, en.port, en.service()),
            (ko.id, ko.port, ko.service())
        );
        assert_eq!(en.source_hosts, ko.source_hosts);
        assert_eq!(en.destination_hosts, ko.destination_hosts);
        assert!(en.note.is_ascii() && en.source.is_ascii() && en.destination.is_ascii());
        let hangul = |text: &str| text.chars().any(|c| ('가'..='힣').contains(&c));
        assert!(
            hangul(ko.note) && hangul(ko.purpose) && hangul(&ko.source),
            "{ko:?}"
        );
    }
}

#[test]
fn rows_are_numbered_without_gaps_and_each_says_something() {
    let ids: Vec<u8> = TABLE.iter().map(|flow| flow.id).collect();
    assert_eq!(ids, (1..=35).collect::<Vec<u8>>());
    for flow in TABLE {
        assert!(
            !flow.legs.is_empty() && !flow.services.is_empty(),
            "{}",
            flow.id
        );
        assert!(
            flow.note.en.ends_with('.') && flow.note.ko.ends_with('.'),
            "{}",
            flow.id
        );
    }
    let used: BTreeSet<Port> = TABLE
        .iter()
        .flat_map(|flow| flow.services)
        .map(|service| service.port)
        .collect();
    assert_eq!(
        used,
        Port::ALL.into_iter().collect(),
        "a port that no flow uses"
    );
}

#[test]
fn the_summary_narrows_to_a_machine_or_a_role() {
    let topology = reference();
    let ids = |filter: Filter<'_>| -> BTreeSet<u8> {
        topology
            .summary(Lang::En, filter)
            .iter()
            .map(|line| line.id)
            .collect()
    };
    let dns = ids(Filter {
        machine: Some("dns01.contoso.net"),
        ..Filter::default()
    });
    assert_eq!(dns, BTreeSet::from([17, 18, 24, 30, 31, 33, 35]));
    let balancer = ids(Filter {
        role: Some(Role::LoadBalancer),
        ..Filter::default()
    });
    assert_eq!(
        balancer,
        BTreeSet::from([1, 2, 4, 5, 17, 18, 21, 22, 24, 33, 35])
    );
    let edge = ids(Filter {
        role: Some(Role::Edge),
        ..Filter::default()
    });
    assert_eq!(
        edge,
        BTreeSet::from([6, 10, 12, 15, 17, 18, 24, 30, 33, 34, 35])
    );
}

#[test]
fn a_flow_without_parties_is_not_listed() {
    let ids: BTreeSet<u8> = parse(SHORTEST)
        .summary(Lang::En, Filter::default())
        .iter()
        .map(|line| line.id)
        .collect();
    assert_eq!(
        ids,
        BTreeSet::from([14, 23, 24]),
        "one machine alone serves clients and itself"
    );
}

#[test]
fn plain_sip_is_listed_only_where_it_is_written() {
    let plain = |text: &str| -> Vec<String> {
        let lines = parse(text).summary(Lang::En, Filter::default());
        lines
            .iter()
            .filter(|line| line.id == 25)
            .map(Line::service)
            .collect()
    };
    assert!(plain(SHORTEST).is_empty());
    assert_eq!(
        plain(&format!("{SHORTEST}\n[sip]\nplain = [\"udp\"]")),
        ["SIP/UDP/5060"]
    );
}

#[test]
fn a_gateway_has_rows_in_both_directions_and_its_pool_listens_for_it() {
    let topology = parse(GATEWAY);
    let filter = Filter {
        machine: Some("home.example.net"),
        ..Filter::default()
    };
    let lines = topology.summary(Lang::En, filter);
    let rows: Vec<(u8, String, Vec<String>)> = lines
        .iter()
        .filter(|line| (25..=27).contains(&line.id))
        .map(|line| {
            let hosts = if line.id == 27 {
                &line.destination_hosts
            } else {
                &line.source_hosts
            };
            let hosts = hosts.iter().map(|host| host.address.clone());
            (line.id, line.service(), hosts.collect())
        })
        .collect();
    let row = |id, service: &str, host: &str| (id, service.to_owned(), vec![host.to_owned()]);
    assert_eq!(
        rows,
        [
            row(25, "SIP/UDP/5060", "192.168.10.0/24"),
            row(26, "SIP/TCP/5060", "192.168.10.22"),
            row(26, "SIP/UDP/5060", "192.168.10.21"),
            row(27, "SIP/TCP/5060", "192.168.10.22:5080"),
            row(27, "SIP/UDP/5060", "192.168.10.21"),
        ]
    );
    let view = topology.view("home.example.net").unwrap();
    let plain = view.listeners.iter().filter(|l| l.port == Port::SipPlain);
    let plain: Vec<_> = plain.map(|l| (l.flows.clone(), l.clients)).collect();
    assert_eq!(plain, [(vec![26], false), (vec![25, 26], true)]);
}

#[test]
fn an_overridden_port_shows_everywhere() {
    let topology = parse(&format!("{SHORTEST}\n[ports]\nsip = 6061"));
    let lines = topology.summary(Lang::En, Filter::default());
    assert!(lines.iter().any(|line| line.id == 14 && line.port == 6061));
    let view = topology.view("fe01.contoso.net").unwrap();
    assert!(
        view.listeners
            .iter()
            .any(|listener| listener.address.port() == 6061)
    );
    assert!(
        view.listeners
            .iter()
            .all(|listener| listener.address.port() != 5061)
    );
}
