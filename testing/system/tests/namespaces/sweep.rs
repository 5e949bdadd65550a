//! The kernel admits what the plan admits and nothing else: everybody knocks everywhere, on every port that the topology
//! knows and on some that it does not, over TCP and UDP, and each machine writes down what got past its rules.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use firewall::plan::{Attempt, Judgement, Plan};
use system::bed::{Bed, Beginning, Filters, GUESTS, Ground, Net};
use system::wait;
use topology::Port;
use topology::flows::Carrier;

use super::site::{REFERENCE, is_possible, with};

const EDGE01: &str = "edge01.contoso.net";
/// Ports that no row names: what attackers look for first, and the ends of the range.
const OTHERS: [u16; 12] = [
    1, 22, 25, 123, 139, 161, 445, 3306, 3389, 6379, 32_768, 65_535,
];
/// Rows that the reference topology does not have; its gateways are guests of the bed.
const RARE: &str = r#"
[sip]
plain = ["tcp", "udp"]

[federation]
mode = "open"
resolvers = ["10.0.0.123", "198.51.100.20:5353"]

[[gateway]]
fqdn = "gw1.contoso.net"
address = "10.0.1.10"
users = ["+82*"]

[[gateway]]
fqdn = "gw2.contoso.net"
address = "10.0.1.20"
transport = "tcp"
port = 5080
users = ["+82*"]
"#;
/// How long what was sent may be under way: a connection is begun anew after one second and after three.
const SOON: Duration = Duration::from_secs(15);

#[test]
fn everybody_gets_where_the_plan_admits_and_nowhere_else() {
    let test = "namespaces::everybody_gets_where_the_plan_admits_and_nowhere_else";
    with(test, &[], |site| sweep(&site.bed, &site.filters));
}

/// Where every row of the table is in use: partners, gateways, phones without TLS. Nobody need run for that.
#[test]
fn rows_that_few_use_are_admitted_as_exactly() {
    let test = "namespaces::rows_that_few_use_are_admitted_as_exactly";
    if !is_possible(test, &[]) {
        return;
    }
    let bed = Bed::build(&format!("{REFERENCE}{RARE}"), &Ground::IPV4).unwrap();
    let filters = Filters::rendered(&bed).unwrap();
    filters.load(&bed).unwrap();
    sweep(&bed, &filters);
}

/// Whoever has the Edge has no more than the flows of the Edge: it is the boundary and the others that hold.
#[test]
fn a_taken_edge_reaches_the_flows_of_the_edge_and_nothing_else_inside() {
    let test = "namespaces::a_taken_edge_reaches_the_flows_of_the_edge_and_nothing_else_inside";
    with(test, &[], |site| {
        let bed = &site.bed;
        let (edge, plan) = (bed.at(EDGE01), Plan::of(bed.topology()));
        edge.unload().unwrap();
        watch(bed);
        let own = bed.addresses(EDGE01);
        knock(bed, EDGE01, own);
        let expected = expected(bed, &plan, EDGE01, own);
        assert!(!expected.is_empty());
        // It may give itself any address that the boundary does not expect there: that of a client, of nobody.
        let false_ones = ["10.0.1.99", "192.0.2.99"].map(|address| address.parse().unwrap());
        for address in false_ones {
            let words = ["addr", "add", &format!("{address}/32"), "dev", "lo"];
            edge.run("ip", &words, "").unwrap();
        }
        knock(bed, EDGE01, &false_ones);
        let seen = wait_for(bed, &expected);
        let inside = bed.ground().network(Net::Inside);
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

/// Has everybody knock everywhere, compares what machines saw with the plan, and looks for rules that were of no use.
pub(super) fn sweep(bed: &Bed, filters: &Filters) {
    let plan = Plan::of(bed.topology());
    watch(bed);
    let mut expected = BTreeSet::new();
    for place in everybody(bed) {
        let sources = bed.addresses(place);
        knock(bed, place, sources);
        expected.extend(self::expected(bed, &plan, place, sources));
    }
    let seen = wait_for(bed, &expected);
    let missing: Vec<_> = expected.difference(&seen).collect();
    assert!(missing.is_empty(), "the plan admits this: {missing:#?}");
    // What machines say of themselves meanwhile is in the plan too.
    let is_stopped = |it: &&Beginning| matches!(judge(&plan, it), Judgement::Stopped { .. });
    let beyond: Vec<_> = seen.iter().filter(is_stopped).collect();
    assert!(
        beyond.is_empty(),
        "the plan does not admit this: {beyond:#?}"
    );
    for place in filters.places() {
        let rules = bed.at(place).rules().unwrap().into_iter();
        let flows = rules.filter(|rule| rule.flow().is_some());
        let unused: Vec<_> = flows.filter(|rule| rule.packets == Some(0)).collect();
        assert!(unused.is_empty(), "{place}: {unused:#?}");
    }
}

fn everybody(bed: &Bed) -> impl Iterator<Item = &str> {
    let guests = GUESTS.iter().map(|(name, _)| *name);
    bed.machines().chain(guests)
}

/// Everything that one place may try from these addresses.
fn tries(bed: &Bed, place: &str, sources: &[IpAddr]) -> Vec<Beginning> {
    let numbers = bed.topology().ports();
    let ours = Port::ALL.into_iter().map(|port| numbers.number(port));
    let gateways = bed.topology().gateways().iter().map(|one| one.port);
    let resolvers = bed.topology().federation().resolvers.iter();
    let theirs = gateways.chain(resolvers.map(SocketAddr::port));
    let ports: BTreeSet<u16> = ours.chain(theirs).chain(OTHERS).collect();
    let others = everybody(bed).filter(|name| *name != place);
    let destinations: Vec<IpAddr> = others
        .flat_map(|name| bed.addresses(name).iter().copied())
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

fn knock(bed: &Bed, place: &str, sources: &[IpAddr]) {
    let tries = tries(bed, place, sources);
    bed.at(place).knock(&tries).unwrap();
}

fn watch(bed: &Bed) {
    for place in everybody(bed) {
        bed.at(place).watch().unwrap();
    }
}

fn expected(bed: &Bed, plan: &Plan, place: &str, sources: &[IpAddr]) -> BTreeSet<Beginning> {
    let tries = tries(bed, place, sources).into_iter();
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
fn wait_for(bed: &Bed, expected: &BTreeSet<Beginning>) -> BTreeSet<Beginning> {
    let mut seen = BTreeSet::new();
    wait::until(SOON, || {
        let all = everybody(bed);
        seen = all
            .flat_map(|it| bed.at(it).past("input").unwrap())
            .collect();
        expected.is_subset(&seen).then_some(())
    });
    seen
}
