//! Security groups admit what the plan admits to their face, and differ from it only where they cannot say it.

use std::collections::BTreeSet;
use std::net::IpAddr;

use firewall::plan::{Attempt, Chain, Direction, Place, Plan, Rules, Zone};
use firewall::render::terraform;
use proptest::prelude::*;
use serde_json::Value;
use topology::flows::Carrier;
use topology::{Machine, Topology};

use crate::topologies::{self, EXAMPLES, ip, parse};
use crate::wanted::Wanted;

/// The rules of one direction of one group, as the file has them.
struct Group(Vec<Value>);

impl Group {
    fn of(file: &Value, kind: &str, group: &str) -> Self {
        let all = file["resource"][kind].as_object().unwrap().values();
        let id = format!("${{aws_security_group.{group}.id}}");
        Self(
            all.filter(|rule| rule["security_group_id"] == *id)
                .cloned()
                .collect(),
        )
    }

    /// As AWS does: any rule whose network has the peer and whose range has the port.
    fn admits(&self, peer: IpAddr, carrier: Carrier, port: u16) -> bool {
        let protocol = match carrier {
            Carrier::Tcp => "tcp",
            Carrier::Udp => "udp",
        };
        self.0
            .iter()
            .filter(|rule| rule["ip_protocol"] == protocol)
            .any(|rule| {
                let cidr = rule.get("cidr_ipv4").or_else(|| rule.get("cidr_ipv6"));
                let (address, bits) = cidr.unwrap().as_str().unwrap().split_once('/').unwrap();
                let network = topology::Network {
                    address: ip(address),
                    prefix: bits.parse().unwrap(),
                };
                let ports = rule["from_port"].as_u64().unwrap()..=rule["to_port"].as_u64().unwrap();
                network.contains(peer) && ports.contains(&u64::from(port))
            })
    }
}

/// The addresses of each interface of a machine and the name of its group.
fn groups(topology: &Topology, machine: &Machine) -> Vec<(String, Vec<IpAddr>)> {
    let key = machine.fqdn.as_str().replace('.', "_");
    let outer: Vec<IpAddr> = machine
        .external
        .into_iter()
        .chain(machine.published)
        .collect();
    let vips = topology.pools().iter().filter(|pool| {
        pool.balancer
            .as_ref()
            .is_some_and(|b| machine.pools.contains(b))
    });
    let inner: Vec<IpAddr> = vips
        .filter_map(|pool| pool.vip)
        .chain([machine.address])
        .collect();
    if outer.is_empty() {
        vec![(key, inner)]
    } else {
        vec![
            (format!("{key}_inside"), inner),
            (format!("{key}_outside"), outer),
        ]
    }
}

/// What the plan says of an interface: its addresses are one to a group, and whoever is anywhere is taken for a stranger.
fn expected(plan: &Plan, chain: &Chain, own: &[IpAddr], peer: IpAddr, attempt: &Attempt) -> bool {
    let strangers = plan.zones().set(Zone::Outside, firewall::Family::of(peer));
    chain.admits.iter().any(|admit| {
        let (here, there) = match chain.direction {
            Direction::In | Direction::Through => (&admit.destinations, &admit.sources),
            Direction::Out => (&admit.sources, &admit.destinations),
        };
        let is_there = there.contains(peer)
            || (there == strangers && there.family() == firewall::Family::of(peer));
        admit.carrier == attempt.carrier
            && admit.ports.contains(&attempt.port)
            && is_there
            && own.iter().any(|address| here.contains(*address))
    })
}

fn compared(topology: &Topology) {
    let plan = Plan::of(topology);
    let places: Vec<&Rules> = plan.places().iter().collect();
    let file = terraform::render(&plan, &places).json;
    let tried = Wanted::of(topology).tried();
    for machine in topology.machines() {
        let rules = plan.rules(&Place::Machine(machine.fqdn.clone())).unwrap();
        for (name, own) in groups(topology, machine) {
            for chain in &rules.chains {
                let kind = match chain.direction {
                    Direction::In | Direction::Through => "aws_vpc_security_group_ingress_rule",
                    Direction::Out => "aws_vpc_security_group_egress_rule",
                };
                let group = Group::of(&file, kind, &name);
                for attempt in &tried {
                    let (here, peer) = match chain.direction {
                        Direction::In | Direction::Through => (attempt.destination, attempt.source),
                        Direction::Out => (attempt.source, attempt.destination),
                    };
                    if own.contains(&here) && !own.contains(&peer) {
                        let admitted = group.admits(peer, attempt.carrier, attempt.port);
                        let wanted = expected(&plan, chain, &own, peer, attempt);
                        assert_eq!(admitted, wanted, "{name} {:?} {attempt:?}", chain.direction);
                    }
                }
            }
        }
    }
}

#[test]
fn groups_of_the_examples_admit_what_the_plan_admits() {
    for (name, text) in EXAMPLES {
        compared(&parse(name, text));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn groups_of_any_topology_admit_what_the_plan_admits(topology in topologies::any()) {
        compared(&topology);
    }
}

#[test]
fn names_and_descriptions_are_what_aws_takes() {
    let (name, text) = EXAMPLES[0];
    let plan = Plan::of(&parse(name, text));
    let places: Vec<&Rules> = plan.places().iter().collect();
    let rendered = terraform::render(&plan, &places);
    assert_eq!(rendered.beyond, []);
    let resources = rendered.json["resource"].as_object().unwrap();
    let mut seen = BTreeSet::new();
    for (kind, all) in resources {
        for (key, value) in all.as_object().unwrap() {
            assert!(key.starts_with(|c: char| c.is_ascii_alphabetic()), "{key}");
            assert!(
                key.chars()
                    .all(|c| c.is_ascii_alphanumeric() || "_-".contains(c)),
                "{key}"
            );
            let description = value["description"].as_str().unwrap();
            assert!(
                !description.is_empty() && description.len() <= 255,
                "{description}"
            );
            let taken = |c: char| c.is_ascii_alphanumeric() || " ._-:/()#,@[]+=&;{}!$*".contains(c);
            assert!(description.chars().all(taken), "{description}");
            // AWS refuses a second rule that differs in its description alone.
            let mut rule = value.clone();
            rule.as_object_mut().unwrap().remove("description");
            assert!(seen.insert(format!("{kind} {rule}")), "twice: {rule}");
        }
    }
}

#[test]
fn a_group_beyond_the_quota_is_named() {
    let machines: String = (0..70)
        .map(|n| format!("[[machine]]\nfqdn = \"ns{n}.x.test\"\npool = \"ns.x.test\"\naddress = \"10.0.{}.{}\"\n", n / 10, 3 * (n % 10) + 2))
        .collect();
    let text = format!(
        "version = 1\ndomains = [\"x.example\"]\n[[pool]]\nfqdn = \"fe.x.test\"\nrole = \"front_end\"\n\
         [[pool]]\nfqdn = \"ns.x.test\"\nrole = \"dns\"\n\
         [[machine]]\nfqdn = \"fe.x.test\"\npool = \"fe.x.test\"\naddress = \"10.9.0.1\"\n{machines}"
    );
    let plan = Plan::of(&parse("large", &text));
    let places: Vec<&Rules> = plan.places().iter().collect();
    let beyond = terraform::render(&plan, &places).beyond;
    assert!(
        beyond
            .iter()
            .any(|b| b.group == "fe.x.test" && b.rules > terraform::RULES_MAX),
        "{beyond:?}"
    );
}
