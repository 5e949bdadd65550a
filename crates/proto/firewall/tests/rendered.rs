//! Rendered rules mean the plan: the audit, which reads rules of anybody's making, finds nothing in ours.

use firewall::audit::audit;
use firewall::plan::{Plan, Rules};
use firewall::render::iptables;
use firewall::{Family, ruleset};
use proptest::prelude::*;
use topology::Topology;

use crate::topologies::{self, EXAMPLES, parse};

/// Reads both tables of a place as `iptables-save` and `ip6tables-save` would write them.
fn read(rules: &Rules) -> ruleset::Ruleset {
    let [v4, v6] = Family::ALL.map(|family| {
        let saved = iptables::text(rules, family);
        ruleset::read(&saved).unwrap_or_else(|fault| panic!("{fault}\n{saved}"))
    });
    v4.joined(v6).unwrap()
}

fn mean_the_plan(topology: &Topology) {
    let plan = Plan::of(topology);
    for rules in plan.places() {
        let report = audit(&read(rules), rules, plan.held(&rules.place)).unwrap();
        assert!(report.is_clean(), "{}: {report:#?}", rules.place);
        assert!(
            report.shadowed.is_empty(),
            "{}: {:#?}",
            rules.place,
            report.shadowed
        );
        assert!(
            report.unreachable.is_empty(),
            "{}: {:?}",
            rules.place,
            report.unreachable
        );
    }
}

#[test]
fn tables_of_iptables_mean_the_plan_of_every_example() {
    for (name, text) in EXAMPLES {
        mean_the_plan(&parse(name, text));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn tables_of_iptables_mean_the_plan_of_any_topology(topology in topologies::any()) {
        mean_the_plan(&topology);
    }
}
