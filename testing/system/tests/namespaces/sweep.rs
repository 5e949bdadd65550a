//! The kernel admits what the plan admits and nothing else: everybody knocks everywhere, on every port that the topology
//! knows and on some that it does not, over TCP and UDP, and each machine writes down what got past its rules.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

use firewall::plan::{Attempt, Judgement, Plan};
use system::bed::{Beginning, GUESTS, Net};
use system::wait;
use topology::Port;
use topology::flows::Carrier;

use super::site::{Site, with};

const EDGE01: &str = "edge01.contoso.net";
/// Ports that no row names: what attackers look for first, and the ends of the range.
const OTHERS: [u16; 12] = [
    1, 22, 25, 123, 139, 161, 445, 3306, 3389, 6379, 32_768, 65_535,
];
/// How long what was sent may be under way: a connection is begun anew after one second and after three.
const SOON: Duration = Duration::from_secs(15);

#[test]
fn everybody_gets_where_the_plan_admits_and_nowhere_else() {
    let test = "namespaces::everybody_gets_where_the_plan_admits_and_nowhere_else";
    with(test, &[], |site| {
        sweep(site);
        // Nothing stands in the rules that is never used.
        for place in site.filters.places() {
            let rules = site.bed.at(place).rules().unwrap().into_iter();
            let flows = rules.filter(|rule| rule.flow().is_some());
            let unused: Vec<_> = flows.filter(|rule| rule.packets == Some(0)).collect();
            assert!(unused.is_empty(), "{place}: {unused:#?}");
        }
    });
}

/// Whoever has the Edge has no more than the flows of the Edge: it is the boundary and the others that hold.
#[test]
fn a_taken_edge_reaches_the_flows_of_the_edge_and_nothing_else_inside() {
    let test = "namespaces::a_taken_edge_reaches_the_flows_of_the_edge_and_nothing_else_inside";
    with(test, &[], |site| {
        let (edge, plan) = (site.bed.at(EDGE01), Plan::of(site.bed.topology()));
        edge.unload().unwrap();
        watch(site);
        let own = site.bed.addresses(EDGE01);
        knock(site, EDGE01, own);
        let expected = expected(site, &plan, EDGE01, own);
        assert!(!expected.is_empty());
        // It may give itself any address that the boundary does not expect there: that of a client, of nobody.
        let false_ones = ["10.0.1.99", "192.0.2.99"].map(|address| address.parse().unwrap());
        for address in false_ones {
            let words = ["addr", "add", &format!("{address}/32"), "dev", "lo"];
            edge.run("ip", &words, "").unwrap();
        }
        knock(site, EDGE01, &false_ones);
        let seen = wait_for(site, &expected);
        let inside = site.bed.ground().network(Net::Inside);
        let beyond: Vec<_> = seen
            .difference(&expected)
            .filter(|it| inside.contains(it.destination))
            .filter(|it| own.contains(&it.source) || false_ones.contains(&it.source))
            .collect();
        for address in false_ones {
            let words = ["addr", "del", &format!("{address}/32"), "dev", "lo"];
            edge.run("ip", &words, "").unwrap();
        }
        assert!(beyond.is_empty(), "{beyond:#?}");
    });
}

/// Has everybody knock everywhere and compares what machines saw with the plan.
pub(super) fn sweep(site: &Site) {
    let plan = Plan::of(site.bed.topology());
    watch(site);
    let mut expected = BTreeSet::new();
    for place in everybody(site) {
        let sources = site.bed.addresses(place);
        knock(site, place, sources);
        expected.extend(self::expected(site, &plan, place, sources));
    }
    let seen = wait_for(site, &expected);
    let missing: Vec<_> = expected.difference(&seen).collect();
    assert!(missing.is_empty(), "the plan admits this: {missing:#?}");
    // What machines say of themselves meanwhile is in the plan too.
    let is_stopped = |it: &&Beginning| matches!(judge(&plan, it), Judgement::Stopped { .. });
    let beyond: Vec<_> = seen.iter().filter(is_stopped).collect();
    assert!(
        beyond.is_empty(),
        "the plan does not admit this: {beyond:#?}"
    );
}

fn everybody(site: &Site) -> impl Iterator<Item = &str> {
    let guests = GUESTS.iter().map(|(name, _)| *name);
    site.bed.machines().chain(guests)
}

/// Everything that one place may try from these addresses.
fn tries(site: &Site, place: &str, sources: &[IpAddr]) -> Vec<Beginning> {
    let numbers = site.bed.topology().ports();
    let ours = Port::ALL.into_iter().map(|port| numbers.number(port));
    let ports: BTreeSet<u16> = ours.chain(OTHERS).collect();
    let others = everybody(site).filter(|name| *name != place);
    let destinations: Vec<IpAddr> = others
        .flat_map(|name| site.bed.addresses(name).iter().copied())
        .collect();
    let mut all = Vec::new();
    for source in sources {
        for destination in &destinations {
            for port in &ports {
                all.extend([Carrier::Tcp, Carrier::Udp].map(|carrier| Beginning {
                    source: *source,
                    destination: *destination,
                    carrier,
                    port: *port,
                }));
            }
        }
    }
    all
}

fn knock(site: &Site, place: &str, sources: &[IpAddr]) {
    let tries = tries(site, place, sources);
    site.bed.at(place).knock(&tries).unwrap();
}

fn watch(site: &Site) {
    for place in everybody(site) {
        site.bed.at(place).watch().unwrap();
    }
}

fn expected(site: &Site, plan: &Plan, place: &str, sources: &[IpAddr]) -> BTreeSet<Beginning> {
    let tries = tries(site, place, sources).into_iter();
    tries.filter(|it| is_admitted(plan, it)).collect()
}

fn is_admitted(plan: &Plan, it: &Beginning) -> bool {
    matches!(judge(plan, it), Judgement::Admitted { .. })
}

fn judge(plan: &Plan, it: &Beginning) -> Judgement {
    plan.judge(&Attempt {
        source: it.source,
        destination: it.destination,
        carrier: it.carrier,
        port: it.port,
    })
}

/// Waits until machines have seen all of these, and returns everything that they saw.
fn wait_for(site: &Site, expected: &BTreeSet<Beginning>) -> BTreeSet<Beginning> {
    let mut seen = BTreeSet::new();
    wait::until(SOON, || {
        let all = everybody(site);
        seen = all.flat_map(|it| site.bed.at(it).seen().unwrap()).collect();
        expected.is_subset(&seen).then_some(())
    });
    seen
}
