//! No rule of a plan is in vain: each is the first that fits some connection, and rows without a rule are named.

use std::collections::BTreeSet;

use firewall::plan::{Admit, Attempt, Chain, Plan};
use firewall::{AddressSet, Family};
use proptest::prelude::*;
use topology::Topology;

use crate::topologies::{self, EXAMPLES, parse};

/// Where something may change along one axis: the ends of every range, and what is next to them.
fn edges<'a>(
    sets: impl Iterator<Item = &'a AddressSet>,
    within: &AddressSet,
) -> Vec<std::net::IpAddr> {
    let family = within.family();
    let mut numbers = BTreeSet::new();
    for (first, last) in sets
        .filter(|set| set.family() == family)
        .flat_map(AddressSet::ranges)
    {
        numbers.extend([*first, *last, first.saturating_sub(1)]);
        numbers.extend(last.checked_add(1).filter(|next| *next <= family.last()));
    }
    let addresses = numbers.into_iter().map(|number| family.address(number));
    addresses
        .filter(|address| within.contains(*address))
        .collect()
}

/// A connection that this rule is the first to admit.
fn witness(chain: &Chain, admit: &Admit) -> Option<Attempt> {
    let sources = edges(chain.admits.iter().map(|a| &a.sources), &admit.sources);
    let destinations = edges(
        chain.admits.iter().map(|a| &a.destinations),
        &admit.destinations,
    );
    for source in &sources {
        for destination in &destinations {
            for port in &admit.ports {
                let attempt = Attempt {
                    source: *source,
                    destination: *destination,
                    carrier: admit.carrier,
                    port: *port,
                };
                if chain
                    .admit(&attempt)
                    .is_some_and(|first| std::ptr::eq(first, admit))
                {
                    return Some(attempt);
                }
            }
        }
    }
    None
}

fn nothing_is_shadowed(name: &str, topology: &Topology) {
    for rules in Plan::of(topology).places() {
        for chain in &rules.chains {
            for admit in &chain.admits {
                assert!(
                    witness(chain, admit).is_some(),
                    "{name}: {}: {admit:?}",
                    rules.place
                );
                assert!(!admit.also.contains(&admit.flow));
                assert!(Family::ALL.contains(&admit.family));
            }
        }
    }
}

/// Two rules of a row that differ in one of sources, destinations and ports alone could be one.
fn nothing_is_left_to_merge(name: &str, topology: &Topology) {
    for rules in Plan::of(topology).places() {
        for chain in &rules.chains {
            for (at, one) in chain.admits.iter().enumerate() {
                for other in chain.admits.iter().skip(at + 1) {
                    let key = |a: &Admit| (a.flow, a.family, a.carrier, a.rate);
                    let same = [
                        one.sources == other.sources,
                        one.destinations == other.destinations,
                        one.ports == other.ports,
                    ];
                    let alike = same.into_iter().filter(|same| *same).count();
                    let apart = key(one) != key(other) || alike < 2;
                    assert!(apart, "{name}: {}: {one:?} {other:?}", rules.place);
                }
            }
        }
    }
}

#[test]
fn no_rule_of_the_examples_is_shadowed() {
    for (name, text) in EXAMPLES {
        nothing_is_shadowed(name, &parse(name, text));
        nothing_is_left_to_merge(name, &parse(name, text));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_rule_of_any_topology_is_shadowed(topology in topologies::any()) {
        nothing_is_shadowed("random", &topology);
        nothing_is_left_to_merge("random", &topology);
    }
}

#[test]
fn each_row_of_the_reference_has_a_rule_at_its_listener_or_is_named_in_one() {
    let (name, text) = EXAMPLES[0];
    let topology = parse(name, text);
    let plan = Plan::of(&topology);
    let admits = || {
        plan.places()
            .iter()
            .flat_map(|rules| &rules.chains)
            .flat_map(|chain| &chain.admits)
    };
    let own: BTreeSet<u8> = admits().map(|admit| admit.flow).collect();
    let wanted: BTreeSet<u8> = topology
        .flows()
        .iter()
        .map(|instance| instance.flow.id)
        .collect();
    // What stays on loopback needs no rule of a flow.
    let missing: Vec<&u8> = wanted
        .difference(&own)
        .filter(|flow| **flow != 24)
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
    let named = admits().any(|admit| admit.flow == 18 && admit.also == [7, 8, 9]);
    assert!(named, "machines reach the Directors' logging by row 18");
}
