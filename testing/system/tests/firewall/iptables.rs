//! iptables: what is loaded is saved again word for word, in both families, again and again.

use firewall::Family;
use firewall::plan::{Direction, Rules};
use firewall::render::iptables;
use system::bed::Namespace;

use super::with_each_place;

const PROGRAMS: [&str; 4] = [
    "iptables-restore",
    "iptables-save",
    "ip6tables-restore",
    "ip6tables-save",
];

const fn programs(family: Family) -> (&'static str, &'static str) {
    match family {
        Family::V4 => ("iptables-restore", "iptables-save"),
        Family::V6 => ("ip6tables-restore", "ip6tables-save"),
    }
}

/// The lines of a table without remarks.
fn lines(text: &str) -> Vec<&str> {
    text.lines().filter(|line| !line.starts_with('#')).collect()
}

fn saved(network: &Namespace, family: Family, table: &str) -> String {
    let output = network.run(programs(family).1, &["-t", table], "").unwrap();
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn what_is_loaded_is_saved_again_word_for_word() {
    let test = "firewall::what_is_loaded_is_saved_again_word_for_word";
    with_each_place(test, &PROGRAMS, |network, rules| {
        for family in Family::ALL {
            let text = iptables::text(rules, family);
            for _ in 0..2 {
                network.run::<&str>(programs(family).0, &[], &text).unwrap();
                let saved = saved(network, family, "filter");
                assert_eq!(lines(&saved), lines(&text), "{} {family:?}", rules.place);
            }
        }
    });
}

#[test]
fn other_tables_stay() {
    let test = "firewall::other_tables_stay";
    with_each_place(test, &PROGRAMS, |network, rules| {
        let other = "*mangle\n-A PREROUTING -p tcp -j MARK --set-mark 7\nCOMMIT\n";
        network.run::<&str>("iptables-restore", &[], other).unwrap();
        let before = saved(network, Family::V4, "mangle");
        let text = iptables::text(rules, Family::V4);
        network.run::<&str>("iptables-restore", &[], &text).unwrap();
        let after = saved(network, Family::V4, "mangle");
        assert_eq!(lines(&after), lines(&before));
    });
}

#[test]
fn each_rule_of_the_plan_has_its_lines_in_its_order() {
    let test = "firewall::each_rule_of_the_plan_has_its_lines_in_its_order";
    with_each_place(test, &PROGRAMS, |_, rules| {
        for family in Family::ALL {
            let text = iptables::text(rules, family);
            for (direction, chain) in [
                (Direction::In, "-A INPUT "),
                (Direction::Out, "-A OUTPUT "),
                (Direction::Through, "-A FORWARD "),
            ] {
                let mut found: Vec<u8> = lines(&text)
                    .iter()
                    .filter(|line| line.starts_with(chain))
                    .filter_map(|line| flow(line))
                    .collect();
                let mut planned = planned(rules, direction, family);
                found.dedup();
                planned.dedup();
                assert_eq!(found, planned, "{} {chain}", rules.place);
            }
        }
    });
}

fn flow(line: &str) -> Option<u8> {
    let (_, comment) = line.split_once("--comment \"")?;
    let number = comment
        .strip_prefix("for ")
        .unwrap_or(comment)
        .strip_prefix("flow ")?;
    number.split_once([':', '"'])?.0.parse().ok()
}

fn planned(rules: &Rules, direction: Direction, family: Family) -> Vec<u8> {
    let admits = rules
        .chain(direction)
        .into_iter()
        .flat_map(|chain| &chain.admits);
    admits
        .filter(|admit| admit.family == family)
        .map(|admit| admit.flow)
        .collect()
}
