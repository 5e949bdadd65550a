//! The plan admits what the flow table asks for, from end to end, and nothing else.

use firewall::plan::{Attempt, Boundary, Direction, Judgement, Place, Plan};
use proptest::prelude::*;
use topology::Topology;
use topology::flows::Carrier;

use crate::topologies::{self, EXAMPLES, ip, parse};
use crate::wanted::{STRANGERS, Wanted};

/// Compares a plan with the flow table and returns how many attempts it admits.
fn compared(name: &str, topology: &Topology) -> usize {
    let plan = Plan::of(topology);
    let all = Wanted::of(topology);
    let wanted = all.all();
    let mut admitted = 0;
    for attempt in all.tried() {
        match plan.judge(&attempt) {
            Judgement::Admitted { .. } => {
                assert!(wanted.contains(&attempt), "{name}: too much: {attempt:?}");
                admitted += 1;
            }
            Judgement::Stopped { at, direction } => assert!(
                !wanted.contains(&attempt),
                "{name}: {attempt:?} stopped at {at} {direction:?}"
            ),
            Judgement::Unseen => {}
        }
    }
    admitted
}

#[test]
fn the_plan_of_every_example_admits_exactly_what_the_flow_table_asks_for() {
    for (name, text) in EXAMPLES {
        let admitted = compared(name, &parse(name, text));
        assert!(admitted >= 20, "{name}: {admitted}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_plan_of_any_topology_admits_exactly_what_the_flow_table_asks_for(topology in topologies::any()) {
        prop_assert!(compared("random", &topology) > 0);
    }
}

fn sip(source: &str, destination: &str) -> Attempt {
    Attempt {
        source: ip(source),
        destination: ip(destination),
        carrier: Carrier::Tcp,
        port: 5061,
    }
}

#[test]
fn a_connection_is_stopped_at_the_first_place_that_does_not_know_it() {
    let (name, text) = EXAMPLES[0];
    let topology = parse(name, text);
    let plan = Plan::of(&topology);
    let machine = |name: &str| Place::Machine(topology.machine(name).unwrap().fqdn.clone());
    let stopped = |attempt: Attempt, at: Place, direction: Direction| {
        assert_eq!(plan.judge(&attempt), Judgement::Stopped { at, direction });
    };
    let to_directory = Attempt {
        port: 444,
        ..sip("172.16.0.10", "10.0.0.21")
    };
    stopped(to_directory, machine("edge01.contoso.net"), Direction::Out);
    let outside = Place::Boundary(Boundary::Outside);
    stopped(sip(STRANGERS[0], "10.0.0.21"), outside, Direction::Through);
    let between = Place::Boundary(Boundary::Inside);
    stopped(sip("10.9.8.7", "172.16.0.10"), between, Direction::Through);
    stopped(
        sip("10.9.8.7", "10.0.0.5"),
        machine("lb01.contoso.net"),
        Direction::In,
    );
    assert_eq!(plan.judge(&sip("10.9.8.7", "10.9.8.8")), Judgement::Unseen);
}

#[test]
fn both_directions_between_edge_and_inside_have_rules_of_their_own() {
    let (name, text) = EXAMPLES[0];
    let plan = Plan::of(&parse(name, text));
    let admitted = |source, destination, flow| {
        assert_eq!(
            plan.judge(&sip(source, destination)),
            Judgement::Admitted { flow }
        );
    };
    admitted("172.16.0.10", "10.0.0.11", 6);
    admitted("172.16.0.10", "10.0.0.21", 12);
    admitted("10.0.0.11", "172.16.0.10", 10);
    admitted("10.0.0.21", "172.16.0.10", 10);
}

#[test]
fn a_resolver_is_asked_where_it_stands_on_its_own_port_and_nobody_else_is() {
    let (name, text) = EXAMPLES[0];
    let federation =
        "\n[federation]\nmode = \"open\"\nresolvers = [\"10.0.0.99\", \"198.51.100.53:5353\"]\n";
    let plan = Plan::of(&parse(name, &format!("{text}{federation}")));
    let ask = |source: &str, destination: &str, port: u16| {
        plan.judge(&Attempt {
            carrier: Carrier::Udp,
            port,
            ..sip(source, destination)
        })
    };
    let lookup = Judgement::Admitted { flow: 29 };
    assert_eq!(ask("172.16.0.10", "10.0.0.99", 53), lookup);
    assert_eq!(ask("203.0.113.10", "198.51.100.53", 5353), lookup);
    for (source, destination, port) in [
        ("203.0.113.10", "198.51.100.53", 53),
        ("203.0.113.10", "198.51.100.54", 53),
        ("172.16.0.20", "10.0.0.99", 53),
    ] {
        let stopped = ask(source, destination, port);
        assert!(matches!(stopped, Judgement::Stopped { .. }), "{stopped:?}");
    }
}
