//! Ten thousand rules that overlap: how much work an audit is, counted and not timed.

use std::fmt::Write as _;

use firewall::audit;
use firewall::plan::{Boundary, Place, Plan};
use firewall::ruleset;

use crate::topologies;

/// Ports that most rules are about.
const SERVICES: [u64; 16] = [
    22, 25, 53, 80, 88, 123, 135, 389, 443, 445, 636, 1433, 3389, 5060, 5061, 8080,
];

/// A generator of numbers that is the same everywhere.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }

    /// A network of 10.0.0.0/8, often a wide one, so that rules overlap.
    fn network(&mut self) -> String {
        let length = [12, 16, 20, 24, 24, 28, 32, 32][usize::try_from(self.below(8)).unwrap()];
        let address = (10 << 24 | self.below(1 << 24)) & (u64::from(u32::MAX) << (32 - length));
        let octet = |shift: u32| address >> shift & 0xFF;
        format!(
            "{}.{}.{}.{}/{length}",
            octet(24),
            octet(16),
            octet(8),
            octet(0)
        )
    }
}

/// A chain as they grow over years: hosts, networks, services, later ones beside and within earlier ones.
fn grown(rules: usize) -> String {
    let mut numbers = Numbers(7);
    let mut text =
        "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD DROP [0:0]\n:OUTPUT ACCEPT [0:0]\n".to_owned();
    for _ in 0..rules {
        let (from, to) = (numbers.network(), numbers.network());
        let carrier = if numbers.below(4) == 0 { "udp" } else { "tcp" };
        let (first, width) = match numbers.below(8) {
            0 => (numbers.below(60_000), numbers.below(100)),
            1 => (numbers.below(60_000), 0),
            _ => (SERVICES[usize::try_from(numbers.below(16)).unwrap()], 0),
        };
        let last = first + width;
        let verdict = if numbers.below(3) == 0 {
            "DROP"
        } else {
            "ACCEPT"
        };
        writeln!(
            text,
            "-A FORWARD -s {from} -d {to} -p {carrier} -m {carrier} --dport {first}:{last} -j {verdict}"
        )
        .unwrap();
    }
    text + "COMMIT\n"
}

#[test]
fn ten_thousand_rules_are_a_bounded_amount_of_work() {
    let topology = topologies::parse("reference", topologies::EXAMPLES[0].1);
    let plan = Plan::of(&topology);
    let rules = plan.rules(&Place::Boundary(Boundary::Inside)).unwrap();
    let ruleset = ruleset::read(&grown(10_000)).unwrap();
    let report = audit::audit(&ruleset, rules, &[]).unwrap();
    let audit::Work {
        rules,
        nodes,
        steps,
    } = report.work;
    assert_eq!(rules, 10_000);
    // About half as much is needed; these are seconds on any machine.
    assert!(
        nodes < 8_000_000 && steps < 12_000_000,
        "{nodes} nodes, {steps} steps"
    );
    assert!(!report.shadowed.is_empty() && !report.beyond.is_empty());
}

#[test]
fn what_cannot_be_followed_exactly_is_refused() {
    let topology = topologies::parse("reference", topologies::EXAMPLES[0].1);
    let plan = Plan::of(&topology);
    let rules = plan.rules(&Place::Boundary(Boundary::Inside)).unwrap();
    let ruleset = ruleset::read(&grown(200)).unwrap();
    let refused = audit::audit_within(&ruleset, rules, &[], 5_000);
    assert_eq!(refused.unwrap_err(), audit::TooMuch::Nodes { nodes: 5_000 });
}
