//! nftables: text and JSON load the same table, again and again, and nobody else's table is touched.

use std::collections::BTreeSet;

use firewall::plan::{Direction, Rules};
use firewall::render::nft;
use serde_json::Value;
use system::bed::Namespace;

use super::with_each_place;

/// A table of somebody else, with a chain at the same hook and a set.
const FOREIGN: &str = "table inet other {
    set friends { type ipv4_addr; elements = { 192.0.2.1 }; }
    chain input { type filter hook input priority 5; policy accept; ip saddr @friends counter accept; }
}
";

fn list(network: &Namespace, words: &[&str]) -> String {
    let output = network.run("nft", words, "").unwrap();
    String::from_utf8(output.stdout).unwrap()
}

fn own(network: &Namespace) -> String {
    list(
        network,
        &["--stateless", "list", "table", "inet", "vestibule"],
    )
}

#[test]
fn rules_load_again_and_again_in_both_forms_and_leave_other_tables_alone() {
    let test = "firewall::rules_load_again_and_again_in_both_forms_and_leave_other_tables_alone";
    with_each_place(test, &["nft"], |network, rules| {
        network.load(&format!("flush ruleset\n{FOREIGN}")).unwrap();
        let foreign = || list(network, &["list", "table", "inet", "other"]);
        let before = foreign();
        network.load(&nft::text(rules)).unwrap();
        let first = own(network);
        network.load(&nft::text(rules)).unwrap();
        assert_eq!(own(network), first, "{}", rules.place);
        network.load("flush table inet vestibule\n").unwrap();
        let json = nft::json(rules).to_string();
        network.run("nft", &["-j", "-f", "-"], &json).unwrap();
        assert_eq!(own(network), first, "{}", rules.place);
        assert_eq!(foreign(), before, "{}", rules.place);
    });
}

#[test]
fn a_load_that_fails_changes_nothing() {
    let test = "firewall::a_load_that_fails_changes_nothing";
    with_each_place(test, &["nft"], |network, rules| {
        network.load(&nft::text(rules)).unwrap();
        let before = own(network);
        let broken = nft::text(rules).replace("priority filter", "priority nonsense");
        assert!(network.load(&broken).is_err());
        assert_eq!(own(network), before);
    });
}

#[test]
fn what_the_kernel_has_is_the_plan_rule_for_rule() {
    let test = "firewall::what_the_kernel_has_is_the_plan_rule_for_rule";
    with_each_place(test, &["nft"], |network, rules| {
        network.load(&nft::text(rules)).unwrap();
        let listed = network.ruleset().unwrap();
        let items = listed["nftables"].as_array().unwrap();
        for chain in items.iter().filter_map(|item| item.get("chain")) {
            assert_eq!(chain["policy"], "drop", "{chain}");
        }
        let hooks = items
            .iter()
            .filter_map(|item| item.get("chain")?.get("hook"));
        assert_eq!(hooks.count(), rules.chains.len());
        for rule in network.rules().unwrap() {
            assert!(rule.packets.is_some(), "it counts: {rule:?}");
            assert!(!rule.comment.is_empty(), "it says what it is: {rule:?}");
        }
        for (chain, name) in [
            (Direction::In, "input"),
            (Direction::Out, "output"),
            (Direction::Through, "forward"),
        ] {
            let kernel = network
                .rules()
                .unwrap()
                .into_iter()
                .filter(|rule| rule.chain == name);
            let kernel: Vec<u8> = kernel.filter_map(|rule| rule.flow()).collect();
            let admits = rules
                .chain(chain)
                .into_iter()
                .flat_map(|chain| &chain.admits);
            let plan: Vec<u8> = admits.map(|admit| admit.flow).collect();
            assert_eq!(kernel, plan, "{} {name}", rules.place);
        }
    });
}

#[test]
fn sets_are_named_once_and_bounded() {
    let test = "firewall::sets_are_named_once_and_bounded";
    with_each_place(test, &["nft"], |network, rules| {
        network.load(&nft::text(rules)).unwrap();
        let listed = network.ruleset().unwrap();
        let items = listed["nftables"].as_array().unwrap();
        let sets: Vec<&Value> = items.iter().filter_map(|item| item.get("set")).collect();
        let content: BTreeSet<String> = sets.iter().map(|set| set["elem"].to_string()).collect();
        let dynamic: Vec<&&Value> = sets
            .iter()
            .filter(|set| set.get("size").is_some())
            .collect();
        for set in &dynamic {
            assert!(set["timeout"].as_u64() > Some(0), "{set}");
        }
        let listed = sets.len() - dynamic.len();
        let distinct = content
            .iter()
            .filter(|elements| *elements != "null")
            .count();
        assert_eq!(listed, distinct, "{}", rules.place);
        assert_eq!(dynamic.is_empty(), !has_strangers(rules), "{}", rules.place);
    });
}

fn has_strangers(rules: &Rules) -> bool {
    let mut admits = rules.chains.iter().flat_map(|chain| &chain.admits);
    admits.any(|admit| admit.rate.is_some())
}
