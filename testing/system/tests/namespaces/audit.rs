//! `vestibule firewall audit` against the kernel: what it says of loaded rules is so, packet by packet.
//!
//! In every place a rule of nobody's is added somewhere, and one of the plan is taken away: the audit says so, with a
//! packet for which it matters, and that packet is really sent.

use std::process::Command;

use base::random::Random;
use firewall::AddressSet;
use firewall::plan::{Admit, Boundary, Chain, Direction, Place, Plan};
use serde_json::Value;
use system::bed::{INNER, OUTER, Rule};
use system::deployment::binary;
use topology::Port;

use super::site::{Site, with};
use super::witness::Witness;

/// Makes the same rules each time.
const SEED: [u8; 32] = [7; 32];

#[test]
fn rules_as_planned_have_no_finding_anywhere() {
    let test = "namespaces::rules_as_planned_have_no_finding_anywhere";
    with(test, &[], |site| {
        for place in site.filters.places() {
            let report = audit(site, place);
            for kind in ["blocked", "beyond", "unjudged", "shadowed", "unreachable"] {
                assert_eq!(report[kind], Value::Array(Vec::new()), "{kind} at {place}");
            }
        }
    });
}

#[test]
fn a_stray_rule_is_found_by_a_packet_that_passes_because_of_it() {
    let test = "namespaces::a_stray_rule_is_found_by_a_packet_that_passes_because_of_it";
    with(test, &[], |site| {
        let mut random = Random::new(SEED);
        for place in site.filters.places() {
            for hook in hooks(place) {
                let stray = stray(site, hook, &mut random);
                add(site, &mut random, place, hook, &stray);
                let report = audit(site, place);
                let found = &report["beyond"][0];
                assert!(found.is_object(), "{stray} at {place}: {report:#}");
                assert_eq!(found["direction"], word(hook), "{stray} at {place}");
                let by = found["by"]["rule"]["text"].as_str().unwrap_or_default();
                assert!(by.contains("stray"), "{stray} at {place}: {found:#}");
                let witness = Witness::read(&found["witness"]);
                site.filters.load_at(&site.bed, place).unwrap();
                assert!(!witness.passes(site, place, hook), "{stray}: {witness:?}");
                add(site, &mut random, place, hook, &stray);
                assert!(witness.passes(site, place, hook), "{stray}: {witness:?}");
                site.filters.load_at(&site.bed, place).unwrap();
            }
        }
    });
}

#[test]
fn a_missing_rule_is_found_by_a_packet_that_does_not_pass_without_it() {
    let test = "namespaces::a_missing_rule_is_found_by_a_packet_that_does_not_pass_without_it";
    with(test, &[], |site| {
        let plan = Plan::of(site.bed.topology());
        let mut random = Random::new(SEED);
        for place in plan.places() {
            let name = name(&place.place);
            for chain in &place.chains {
                let (number, admit) = one_alone(chain, &mut random);
                let hook = hook(chain.direction);
                site.bed
                    .at(name)
                    .delete(&rule(site, name, hook, number))
                    .unwrap();
                let found = openings(&audit(site, name));
                let mut flows = admit.also.clone();
                flows.push(admit.flow);
                flows.sort_unstable();
                let told: Vec<u8> = found.iter().map(|(flow, _)| *flow).collect();
                assert_eq!(told, flows, "{admit:?} at {name}");
                for (_, witness) in &found {
                    assert!(!witness.passes(site, name, hook), "{admit:?}: {witness:?}");
                }
                site.filters.load_at(&site.bed, name).unwrap();
                for (_, witness) in &found {
                    assert!(witness.passes(site, name, hook), "{admit:?}: {witness:?}");
                }
                site.filters.load_at(&site.bed, name).unwrap();
            }
        }
    });
}

/// The flows that an audit found blocked from their first packet on, each with that packet, by their numbers.
fn openings(report: &Value) -> Vec<(u8, Witness)> {
    let all = report["blocked"].as_array().unwrap().iter();
    let openings = all.filter(|it| it["part"] == "opening");
    let read = openings.map(|it| {
        let flow = it["what"]["flow"].as_u64().unwrap();
        (u8::try_from(flow).unwrap(), Witness::read(&it["witness"]))
    });
    let mut all: Vec<_> = read.collect();
    all.sort_by_key(|(flow, _)| *flow);
    all
}

/// Has the product audit the rules that are loaded at a place, as its operator would there.
fn audit(site: &Site, place: &str) -> Value {
    let mut command = Command::new(binary().unwrap());
    command.args(["firewall", "audit"]).arg(site.bed.file());
    match place {
        OUTER => command.args(["--boundary", "outside"]),
        INNER => command.args(["--boundary", "inside"]),
        machine => command.args(["--machine", machine]),
    };
    let output = site.bed.at(place).enter(|| command.arg("--json").output());
    let output = output.unwrap();
    let said = || String::from_utf8_lossy(&output.stderr).into_owned();
    let read = serde_json::from_slice(&output.stdout);
    read.unwrap_or_else(|error| panic!("audit of {place}: {error}: {}", said()))
}

fn hooks(place: &str) -> &'static [&'static str] {
    match place {
        OUTER | INNER => &["forward"],
        _ => &["input", "output"],
    }
}

const fn hook(direction: Direction) -> &'static str {
    match direction {
        Direction::In => "input",
        Direction::Out => "output",
        Direction::Through => "forward",
    }
}

/// The audit's word for a hook.
fn word(hook: &str) -> &'static str {
    match hook {
        "input" => "in",
        "output" => "out",
        _ => "through",
    }
}

fn name(place: &Place) -> &str {
    match place {
        Place::Machine(name) => name.as_str(),
        Place::Boundary(Boundary::Outside) => OUTER,
        Place::Boundary(Boundary::Inside) => INNER,
    }
}

/// A rule that lets pass what no flow wants, as people write them in a hurry.
fn stray(site: &Site, hook: &str, random: &mut Random) -> String {
    let numbers = site.bed.topology().ports();
    let ours: Vec<u16> = Port::ALL
        .into_iter()
        .map(|port| numbers.number(port))
        .collect();
    let port = loop {
        let port = u16::try_from(1024 + random.below(40_000)).unwrap();
        if !ours.contains(&port) {
            break port;
        }
    };
    let pick = |random: &mut Random, words: &[&str]| words[random.below(words.len())].to_owned();
    // What a machine sends has its own addresses anyway.
    let end = if hook == "output" { "daddr" } else { "saddr" };
    let whom = [
        String::new(),
        format!("ip {end} 192.0.2.0/24 "),
        format!("ip {end} 10.0.0.0/8 "),
        format!("ip {end} != 10.0.0.11 "),
    ];
    let whom = whom[random.below(whom.len())].clone();
    let carrier = pick(random, &["tcp", "udp"]);
    let to = pick(random, &["", &format!("-{}", port + 9)]);
    let state = pick(
        random,
        &["", "ct state new ", "ct state { new, established } "],
    );
    format!("{whom}{carrier} dport {port}{to} {state}counter accept comment \"stray\"")
}

/// Adds a rule somewhere in the chain of a hook.
fn add(site: &Site, random: &mut Random, place: &str, hook: &str, stray: &str) {
    let at = site.bed.at(place);
    let rules: Vec<Rule> = at.rules().unwrap();
    let rules: Vec<&Rule> = rules.iter().filter(|rule| rule.chain == hook).collect();
    let (handle, [family, table]) = {
        let before = rules[random.below(rules.len())];
        (before.handle, &before.table)
    };
    at.load(&format!(
        "insert rule {family} {table} {hook} position {handle} {stray}\n"
    ))
    .unwrap();
}

/// The rule of a flow in the kernel, by its number in the plan.
fn rule(site: &Site, place: &str, hook: &str, number: usize) -> Rule {
    let rules = site.bed.at(place).rules().unwrap().into_iter();
    let mut flows = rules.filter(|rule| rule.flow().is_some() && rule.chain == hook);
    flows.nth(number).unwrap()
}

/// Any rule of a chain that shares nothing with the others.
fn one_alone<'a>(chain: &'a Chain, random: &mut Random) -> (usize, &'a Admit) {
    let meets = |one: &AddressSet, other: &AddressSet| {
        one.family() == other.family() && !one.intersection(other).is_empty()
    };
    let is_alone = |(at, admit): &(usize, &Admit)| {
        let mut others = chain
            .admits
            .iter()
            .enumerate()
            .filter(|(other, _)| other != at);
        !others.any(|(_, other)| {
            admit.carrier == other.carrier
                && admit.ports.iter().any(|port| other.ports.contains(port))
                && meets(&admit.sources, &other.sources)
                && meets(&admit.destinations, &other.destinations)
        })
    };
    let alone: Vec<_> = chain.admits.iter().enumerate().filter(is_alone).collect();
    alone[random.below(alone.len())]
}
