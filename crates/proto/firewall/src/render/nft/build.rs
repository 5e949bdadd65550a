//! From the rules of a place to the table.

use std::collections::BTreeMap;

use super::model::{self, Addresses, Content, Part, Rule, Set, Side, Table};
use crate::plan::{
    Admit, Basic, Chain, Direction, ECHO_PER_SECOND, GROUPS, NEIGHBOURS, Rate, Rules,
};
use crate::render::words;
use crate::{AddressSet, Family};

/// Returns the table of a place.
pub(super) fn table(rules: &Rules) -> Table {
    let names = names(rules);
    let mut sets: Vec<Set> = names
        .iter()
        .map(|(addresses, name)| Set {
            name: name.clone(),
            family: addresses.family(),
            content: Content::Addresses(addresses.clone()),
        })
        .collect();
    sets.sort_by(|one, other| one.name.cmp(&other.name));
    sets.extend(sources(rules));
    let chains = rules.chains.iter().map(|chain| model::Chain {
        direction: chain.direction,
        rules: chain_rules(chain, &names),
    });
    Table {
        chains: chains.collect(),
        sets,
    }
}

fn admits(rules: &Rules) -> impl Iterator<Item = &Admit> {
    rules.chains.iter().flat_map(|chain| &chain.admits)
}

/// How a set of addresses is written: those in it, or, where that is shorter, those not in it.
fn written(set: &AddressSet) -> (bool, AddressSet) {
    let others = set.complement();
    if others.ranges().len() < set.ranges().len() {
        (true, others)
    } else {
        (false, set.clone())
    }
}

/// The sets that are needed more than once, with their names: everybody whom the topology knows, where a rule is for all
/// others, else hosts, numbered in the order in which rules need them.
fn names(rules: &Rules) -> BTreeMap<AddressSet, String> {
    let mut uses: Vec<(AddressSet, bool, u32)> = Vec::new();
    for admit in admits(rules) {
        // A rate is a rule of its own with the same addresses.
        let count = if admit.rate.is_some() { 2 } else { 1 };
        for set in [&admit.sources, &admit.destinations] {
            let (not, addresses) = written(set);
            match uses.iter_mut().find(|(known, ..)| *known == addresses) {
                Some((.., uses)) => *uses += count,
                None => uses.push((addresses, not, count)),
            }
        }
    }
    uses.retain(|(set, _, uses)| set.ranges().len() > 1 && *uses > 1);
    let mut numbers: BTreeMap<(bool, Family), u32> = BTreeMap::new();
    let named = uses.into_iter().map(|(set, not, _)| {
        let version = version(set.family());
        let number = numbers.entry((not, set.family())).or_default();
        *number += 1;
        let name = match (not, *number) {
            (true, 1) => format!("known_{version}"),
            (true, n) => format!("known_{n}_{version}"),
            (false, n) => format!("hosts_{n}_{version}"),
        };
        (set, name)
    });
    named.collect()
}

/// The sets that remember how much strangers have opened.
fn sources(rules: &Rules) -> Vec<Set> {
    let mut sets: Vec<Set> = admits(rules)
        .filter_map(|admit| {
            let rate = admit.rate?;
            Some(Set {
                name: sources_name(admit),
                family: admit.family,
                content: Content::Sources {
                    seconds: words::seconds(rate),
                },
            })
        })
        .collect();
    sets.sort_by(|one, other| one.name.cmp(&other.name));
    sets.dedup_by(|one, other| one.name == other.name);
    sets
}

fn sources_name(admit: &Admit) -> String {
    let carrier = words::carrier(admit.carrier);
    format!(
        "flow_{}_{carrier}_rates_{}",
        admit.flow,
        version(admit.family)
    )
}

const fn version(family: Family) -> &'static str {
    match family {
        Family::V4 => "v4",
        Family::V6 => "v6",
    }
}

fn chain_rules(chain: &Chain, names: &BTreeMap<AddressSet, String>) -> Vec<Rule> {
    let basics = |wanted: fn(Basic) -> bool| {
        let all = Basic::ALL.into_iter();
        all.filter(move |basic| wanted(*basic) && basic.applies(chain.direction))
            .flat_map(|basic| basics_of(basic, chain.direction))
    };
    let mut rules: Vec<Rule> = basics(|basic| basic != Basic::Rest).collect();
    for admit in &chain.admits {
        let mut parts = matches(admit, names);
        if let Some(rate) = admit.rate {
            rules.push(over(admit, rate, matches(admit, names)));
        }
        parts.extend([Part::Counter, Part::Accept]);
        rules.push(Rule {
            parts,
            comment: words::comment(admit),
        });
    }
    rules.extend(basics(|basic| basic == Basic::Rest));
    rules
}

fn matches(admit: &Admit, names: &BTreeMap<AddressSet, String>) -> Vec<Part> {
    let ends = [
        (Side::Source, &admit.sources),
        (Side::Destination, &admit.destinations),
    ];
    let mut parts: Vec<Part> = ends
        .into_iter()
        .filter(|(_, set)| !set.is_all())
        .map(|(side, set)| {
            let (not, addresses) = written(set);
            let of = match names.get(&addresses) {
                Some(name) => Addresses::Named(name.clone()),
                None => Addresses::Listed(addresses),
            };
            Part::Address {
                side,
                family: admit.family,
                not,
                of,
            }
        })
        .collect();
    parts.push(Part::Ports(admit.carrier, admit.ports.clone()));
    parts.push(Part::State(&["new"]));
    parts
}

fn over(admit: &Admit, rate: Rate, mut parts: Vec<Part>) -> Rule {
    parts.extend([
        Part::Over {
            set: sources_name(admit),
            family: admit.family,
            rate,
        },
        Part::Counter,
        Part::Drop,
    ]);
    Rule {
        parts,
        comment: format!("rate of flow {}", admit.flow),
    }
}

/// The rules of a basic: one, or one for each family.
fn basics_of(basic: Basic, direction: Direction) -> Vec<Rule> {
    let parts: Vec<Vec<Part>> = match basic {
        Basic::Loopback => vec![vec![Part::Loopback(direction), Part::Counter, Part::Accept]],
        Basic::Established => {
            let state = Part::State(&["established", "related"]);
            vec![vec![state, Part::Counter, Part::Accept]]
        }
        Basic::Invalid => vec![vec![Part::State(&["invalid"]), Part::Counter, Part::Drop]],
        Basic::Errors => Family::ALL
            .map(|family| {
                let messages = Part::Icmp(family, basic.messages(family));
                vec![messages, Part::Counter, Part::Accept]
            })
            .into(),
        Basic::Echo => Family::ALL
            .map(|family| {
                let request = Part::Icmp(family, basic.messages(family));
                vec![
                    request,
                    Part::AtMost(ECHO_PER_SECOND),
                    Part::Counter,
                    Part::Accept,
                ]
            })
            .into(),
        Basic::Neighbours => vec![
            vec![
                Part::OwnLink,
                Part::Icmp(Family::V6, NEIGHBOURS),
                Part::Counter,
                Part::Accept,
            ],
            vec![Part::Icmp(Family::V6, GROUPS), Part::Counter, Part::Accept],
        ],
        Basic::Rest if direction == Direction::Out => vec![vec![Part::Counter, Part::Reject]],
        Basic::Rest => vec![vec![Part::Counter, Part::Drop]],
    };
    let comment = format!("basic {}", basic.name());
    parts
        .into_iter()
        .map(|parts| Rule {
            parts,
            comment: comment.clone(),
        })
        .collect()
}
