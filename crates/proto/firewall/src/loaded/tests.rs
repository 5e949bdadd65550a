//! Tables as kernels list them, compared.

use super::{Comparison, Count, Owner, Table};
use crate::plan::{Basic, Direction};

/// A chain `input` with these rules: comment and expressions, as `nft` lists them.
fn table(sets: &str, rules: &[(&str, &str)]) -> Table {
    let rules = rules.iter().map(|(comment, expressions)| {
        format!(
            r#",{{"rule":{{"family":"inet","table":"vestibule","chain":"input","handle":7,"comment":"{comment}","expr":[{expressions}]}}}}"#
        )
    });
    let rules: String = rules.collect();
    let chain = r#"{"chain":{"family":"inet","table":"vestibule","name":"input","handle":1,"type":"filter","hook":"input","prio":0,"policy":"drop"}}"#;
    let listing = format!(r#"{{"nftables":[{{"metainfo":{{}}}}{sets},{chain}{rules}]}}"#);
    Table::read(&listing).unwrap()
}

fn from(source: &str) -> String {
    format!(
        r#"{{"match":{{"op":"==","left":{{"payload":{{"protocol":"ip","field":"saddr"}}}},"right":{source}}}}}"#
    )
}

const SIP: &str =
    r#"{"match":{"op":"==","left":{"payload":{"protocol":"tcp","field":"dport"}},"right":5061}}"#;
const NEW: &str = r#"{"match":{"op":"in","left":{"ct":{"key":"state"}},"right":"new"}}"#;

fn counter(packets: u64) -> String {
    format!(r#"{{"counter":{{"packets":{packets},"bytes":60}}}}"#)
}

fn accept(source: &str, packets: u64) -> String {
    let counter = counter(packets);
    format!("{},{SIP},{NEW},{counter},{{\"accept\":null}}", from(source))
}

const DROP: &str = r#"{"counter":{"packets":3,"bytes":180}},{"drop":null}"#;

#[test]
fn a_rule_tells_for_whom_it_stands_what_it_does_and_what_it_counted() {
    let list = r#"{"set":[{"range":["10.0.0.11","10.0.0.12"]},"10.0.0.5",{"prefix":{"addr":"10.1.0.0","len":16}}]}"#;
    let accept = accept(list, 4);
    let table = table(
        "",
        &[
            ("flow 10: SIP to outside; also 12", &accept),
            ("rate of flow 15", DROP),
            ("basic rest", DROP),
            ("flow ten", DROP),
        ],
    );
    let chain = &table.chains[0];
    assert_eq!(chain.direction(), Some(Direction::In));
    let owners: Vec<Owner> = chain.rules.iter().map(|rule| rule.owner).collect();
    let rest = Owner::Basic(Basic::Rest);
    assert_eq!(
        owners,
        [Owner::Flow(10), Owner::Rate(15), rest, Owner::Other]
    );
    let count = Count {
        packets: 4,
        bytes: 60,
    };
    assert_eq!(chain.rules[0].count, Some(count));
    assert_eq!(
        chain.rules[0].words(),
        "from 10.0.0.5, 10.0.0.11-10.0.0.12, 10.1.0.0/16, TCP 5061: passes"
    );
    assert_eq!(chain.rules[2].words(), "everything: is dropped");
}

#[test]
fn counters_comments_and_names_of_sets_make_no_difference() {
    let set = r#",{"set":{"name":"peers","type":"ipv4_addr","flags":["interval"],"elem":["10.0.0.2","10.0.0.1"]}}"#;
    let planned = table(
        "",
        &[(
            "flow 6: a",
            &accept(r#"{"set":["10.0.0.1","10.0.0.2"]}"#, 0),
        )],
    );
    let loaded = table(set, &[("flow 6: b", &accept(r#""@peers""#, 99))]);
    let comparison = Comparison::of(&planned, &loaded);
    assert!(comparison.is_same());
    assert!(!comparison.is_labelled_alike());
    let pair = comparison.chains[0].pairs[0];
    assert_eq!(pair.loaded.unwrap().count.unwrap().packets, 99);
    let other = set.replace("10.0.0.2", "10.0.0.3");
    let loaded = table(&other, &[("flow 6: a", &accept(r#""@peers""#, 99))]);
    assert!(!Comparison::of(&planned, &loaded).is_same());
}

#[test]
fn what_a_set_has_filled_itself_with_makes_no_difference() {
    let update = r#"{"set":{"op":"update","elem":{"payload":{"protocol":"ip","field":"saddr"}},"set":"@sources","stmt":[{"limit":{"rate":100,"burst":1000,"per":"second"}}]}},{"accept":null}"#;
    let set = |elements: &str, timeout: u32| {
        format!(
            r#",{{"set":{{"name":"sources","type":"ipv4_addr","flags":["timeout"],"timeout":{timeout}{elements}}}}}"#
        )
    };
    let rules = [("flow 15: a", update)];
    let planned = table(&set("", 60), &rules);
    let filled = table(&set(r#","elem":["192.0.2.1"]"#, 60), &rules);
    assert!(Comparison::of(&planned, &filled).is_same());
    let other = table(&set("", 61), &rules);
    assert!(!Comparison::of(&planned, &other).is_same());
    assert_eq!(
        planned.chains[0].rules[0].words(),
        "at most 100 a second (1000 at once) from each source: passes"
    );
}

#[test]
fn missing_stray_and_reordered_rules_are_told_apart() {
    let one = accept(r#""10.0.0.1""#, 0);
    let two = accept(r#""10.0.0.2""#, 0);
    let planned = table(
        "",
        &[
            ("flow 1: a", &one),
            ("flow 2: b", &two),
            ("basic rest", DROP),
        ],
    );
    let swapped = table(
        "",
        &[
            ("flow 2: b", &two),
            ("flow 1: a", &one),
            ("basic rest", DROP),
        ],
    );
    let comparison = Comparison::of(&planned, &swapped);
    let chain = &comparison.chains[0];
    assert!(chain.is_reordered && !chain.is_same());
    assert!(chain.beyond.is_empty() && chain.pairs.iter().all(|pair| pair.loaded.is_some()));
    // The same rule twice counts twice, and only once for what is planned once.
    let strayed = table(
        "",
        &[
            ("flow 1: a", &one),
            ("flow 1: a", &one),
            ("basic rest", DROP),
        ],
    );
    let comparison = Comparison::of(&planned, &strayed);
    let chain = &comparison.chains[0];
    assert_eq!(chain.beyond.len(), 1);
    assert!(chain.pairs[1].loaded.is_none() && !chain.is_reordered);
}

#[test]
fn a_chain_that_lets_the_rest_pass_is_another_chain() {
    let planned = table("", &[("basic rest", DROP)]);
    let mut open = planned.clone();
    open.chains[0].base.policy = Some("accept".to_owned());
    assert!(!Comparison::of(&planned, &open).is_same());
    let nothing = Table::default();
    let comparison = Comparison::of(&planned, &nothing);
    assert!(!comparison.chains[0].is_hung && !comparison.is_same());
    let comparison = Comparison::of(&nothing, &planned);
    assert_eq!(comparison.chains[0].beyond.len(), 1);
}

#[test]
fn what_is_no_listing_is_refused() {
    assert!(Table::read("table inet vestibule {}").is_err());
    assert!(Table::read("{}").is_err());
}
