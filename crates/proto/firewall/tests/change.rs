//! A change says of every connection what both plans say of it, and nothing of how their rules are written.

use std::collections::BTreeSet;
use std::net::IpAddr;

use firewall::change::{Change, Kind};
use firewall::plan::{Admit, Attempt, Direction, Judgement, Place, Plan};
use proptest::prelude::*;
use proptest::sample::Index;
use topology::Topology;
use topology::flows::Carrier;

use crate::topologies::{self, EXAMPLES, ip, parse};

/// Where rules of one of the plans begin or end, and next to it.
fn corners(admits: &[&Admit]) -> Vec<IpAddr> {
    let mut found = BTreeSet::new();
    for admit in admits {
        for set in [&admit.sources, &admit.destinations] {
            for (first, last) in set.ranges() {
                let near = [
                    first.saturating_sub(1),
                    *first,
                    *last,
                    last.saturating_add(1),
                ];
                found.extend(
                    near.map(|number| admit.family.address(number.min(admit.family.last()))),
                );
            }
        }
    }
    found.into_iter().collect()
}

fn admits(plan: &Plan) -> impl Iterator<Item = &Admit> {
    let chains = plan.places().iter().flat_map(|rules| &rules.chains);
    chains.flat_map(|chain| &chain.admits)
}

fn passes(plan: &Plan, place: &Place, direction: Direction, attempt: &Attempt) -> bool {
    let chain = plan.rules(place).and_then(|rules| rules.chain(direction));
    chain.is_some_and(|chain| chain.admit(attempt).is_some())
}

/// What a change says of an attempt at a place: whether it begins or ends to pass there.
fn told(change: &Change, place: &Place, direction: Direction, attempt: &Attempt) -> (bool, bool) {
    let at = change.places.iter().find(|one| one.place == *place);
    let chain = at.and_then(|one| one.chains.iter().find(|one| one.direction == direction));
    let has = |all: &[Admit]| all.iter().any(|admit| admit.admits(attempt));
    chain.map_or((false, false), |chain| {
        (has(&chain.begins), has(&chain.ends))
    })
}

fn places(plans: [&Plan; 2]) -> Vec<(Place, Direction)> {
    let all = plans.into_iter().flat_map(Plan::places);
    let each = all.flat_map(|rules| {
        let directions = rules.chains.iter().map(|chain| chain.direction);
        directions.map(|direction| (rules.place.clone(), direction))
    });
    each.collect()
}

/// Compares what the change says of an attempt with what the plans do with it, at every place and on the whole way.
fn check(old: &Plan, new: &Plan, change: &Change, attempt: &Attempt) {
    for (place, direction) in places([old, new]) {
        let before = passes(old, &place, direction, attempt);
        let after = passes(new, &place, direction, attempt);
        let expected = (after && !before, before && !after);
        let told = told(change, &place, direction, attempt);
        assert_eq!(told, expected, "{place} {direction:?} {attempt:?}");
    }
    // Where both plans see the same way, the whole way opens or closes by what the change says of a place on it.
    let way = old.way(attempt);
    if way != new.way(attempt) {
        return;
    }
    let is_open = |plan: &Plan| matches!(plan.judge(attempt), Judgement::Admitted { .. });
    let on_way = |(place, direction): &(Place, Direction)| told(change, place, *direction, attempt);
    match (is_open(old), is_open(new)) {
        (false, true) => assert!(way.iter().any(|place| on_way(place).0), "{attempt:?}"),
        (true, false) => assert!(way.iter().any(|place| on_way(place).1), "{attempt:?}"),
        (true, true) => assert!(way.iter().all(|place| on_way(place) == (false, false))),
        (false, false) => {}
    }
}

fn compared(old: &Topology, new: &Topology, picks: &[(Index, Index, Index, bool)]) {
    let (old, new) = (Plan::of(old), Plan::of(new));
    let change = Change::between(&old, &new);
    let all: Vec<&Admit> = admits(&old).chain(admits(&new)).collect();
    let addresses = corners(&all);
    let ports: BTreeSet<u16> = all.iter().flat_map(|admit| &admit.ports).copied().collect();
    let ports: Vec<u16> = ports.into_iter().collect();
    for (source, destination, port, is_tcp) in picks {
        let carrier = if *is_tcp { Carrier::Tcp } else { Carrier::Udp };
        let attempt = Attempt {
            source: *source.get(&addresses),
            destination: *destination.get(&addresses),
            carrier,
            port: *port.get(&ports),
        };
        check(&old, &new, &change, &attempt);
    }
    // The rules themselves are where something is admitted: their first connections are tried as well.
    for admit in &all {
        let first = |set: &firewall::AddressSet| admit.family.address(set.ranges()[0].0);
        let attempt = Attempt {
            source: first(&admit.sources),
            destination: first(&admit.destinations),
            carrier: admit.carrier,
            port: admit.ports[0],
        };
        check(&old, &new, &change, &attempt);
    }
}

type Picks = Vec<(Index, Index, Index, bool)>;

fn picks() -> impl Strategy<Value = Picks> {
    proptest::collection::vec(any::<(Index, Index, Index, bool)>(), 40)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_change_says_what_both_plans_say(old in topologies::any(), new in topologies::any(), picks in picks()) {
        compared(&old, &new, &picks);
    }

    #[test]
    fn nothing_is_a_change_of_itself_and_the_way_back_is_the_mirror(old in topologies::any(), new in topologies::any()) {
        let (old, new) = (Plan::of(&old), Plan::of(&new));
        prop_assert!(Change::between(&old, &old).is_empty());
        let (there, back) = (Change::between(&old, &new), Change::between(&new, &old));
        prop_assert_eq!(there.places.len(), back.places.len());
        for one in &there.places {
            let other = back.places.iter().find(|other| other.place == one.place).unwrap();
            for (there, back) in one.chains.iter().zip(&other.chains) {
                prop_assert_eq!(&there.begins, &back.ends);
                prop_assert_eq!(&there.ends, &back.begins);
                prop_assert_eq!(there.rates.len(), back.rates.len());
            }
        }
    }
}

/// The reference topology with some of its text replaced.
fn edited(from: &str, to: &str) -> (Plan, Plan) {
    let (name, text) = EXAMPLES[0];
    assert!(text.contains(from), "{from}");
    let plan = |text: &str| Plan::of(&parse(name, text));
    (plan(text), plan(&text.replacen(from, to, 1)))
}

#[test]
fn a_moved_machine_ends_at_its_old_address_and_begins_at_its_new_one() {
    let (old, new) = edited("\"10.0.0.22\"", "\"10.0.0.29\"");
    let change = Change::between(&old, &new);
    let edge = |one: &&firewall::change::PlaceChange| one.place.to_string().starts_with("edge01");
    let edge = change.places.iter().find(edge).unwrap();
    assert_eq!(edge.kind, Kind::Changed);
    let out = edge
        .chains
        .iter()
        .find(|one| one.direction == Direction::Out)
        .unwrap();
    let of_flow = |all: &[Admit]| {
        let own: Vec<Admit> = all
            .iter()
            .filter(|admit| admit.flow == 12)
            .cloned()
            .collect();
        assert_eq!(own.len(), 1);
        own[0].destinations.words()
    };
    assert_eq!(of_flow(&out.begins), ["10.0.0.29"]);
    assert_eq!(of_flow(&out.ends), ["10.0.0.22"]);
    assert!(out.rates.is_empty());
}

#[test]
fn another_order_in_the_file_is_no_change() {
    let (name, text) = EXAMPLES[3];
    let (head, rest) = text.split_once("[[machine]]").unwrap();
    let mut machines: Vec<&str> = rest.split("[[machine]]").collect();
    assert!(machines.len() > 1, "{name} has several machines");
    let last = machines.pop().unwrap();
    let swapped = format!(
        "{head}[[machine]]{last}\n[[machine]]{}",
        machines.join("[[machine]]")
    );
    let (old, new) = (
        Plan::of(&parse(name, text)),
        Plan::of(&parse(name, &swapped)),
    );
    assert_ne!(old, new);
    assert!(Change::between(&old, &new).is_empty());
}

#[test]
fn another_rate_is_told_where_strangers_come() {
    let (name, text) = EXAMPLES[0];
    let slower = format!("{text}\n[limits]\nhandshakes_per_source = 7\n");
    let (old, new) = (
        Plan::of(&parse(name, text)),
        Plan::of(&parse(name, &slower)),
    );
    let change = Change::between(&old, &new);
    let chains: Vec<_> = change.places.iter().flat_map(|one| &one.chains).collect();
    assert!(
        chains
            .iter()
            .all(|one| one.begins.is_empty() && one.ends.is_empty())
    );
    let rates: Vec<_> = chains.iter().flat_map(|one| &one.rates).collect();
    assert!(!rates.is_empty());
    for rate in rates {
        assert_eq!(rate.admit.rate.unwrap().per_second, 7);
        assert_ne!(rate.before, rate.admit.rate);
        assert!(rate.admit.sources.contains(ip("198.51.100.7")));
    }
}
