//! Rendered rules in real kernels: they load, they mean what they say, and they leave others alone.

mod chance;
mod iptables;
mod kernel;
mod nft;
mod packets;
mod rates;

use firewall::plan::{Plan, Rules};
use system::bed::Namespace;
use system::needs::{Need, are_met};
use topology::Topology;

/// Every example of the repository, and a topology of IPv6.
const TOPOLOGIES: [&str; 5] = [
    include_str!("../../../../examples/reference.toml"),
    include_str!("../../../../examples/gateway.toml"),
    include_str!("../../../../examples/single-director.toml"),
    include_str!("../../../../examples/small-office.toml"),
    include_str!("../namespaces/ipv6.toml"),
];

fn parse(text: &str) -> Topology {
    Topology::parse(text, "topology.toml").unwrap_or_else(|faults| panic!("{faults}"))
}

/// Gives a test an empty network for the rules of each place of each topology.
fn with_each_place(
    test: &str,
    programs: &[&'static str],
    look: impl Fn(&Namespace, &Rules) + Sync,
) {
    let programs = programs.iter().map(|program| Need::Program(program));
    let needs: Vec<Need> = [Need::Root, Need::Program("unshare"), Need::Program("ip")]
        .into_iter()
        .chain(programs)
        .collect();
    if !are_met(test, &needs) {
        return;
    }
    let network = Namespace::new().unwrap();
    for text in TOPOLOGIES {
        for rules in Plan::of(&parse(text)).places() {
            look(&network, rules);
        }
    }
}
