//! `vestibule firewall` as people and scripts call it.

use serde_json::Value;

use crate::vestibule;

fn plan(arguments: &[&str]) -> Value {
    let answer =
        vestibule(&[&["firewall", "plan", "reference.toml", "--json"], arguments].concat());
    assert_eq!(answer.code, Some(0), "{}", answer.err);
    serde_json::from_str(&answer.out).unwrap()
}

fn render(arguments: &[&str]) -> crate::Answer {
    vestibule(&[&["firewall", "render", "reference.toml"], arguments].concat())
}

#[test]
fn the_plan_has_every_machine_and_both_boundaries() {
    let all = plan(&[]);
    let places = all["places"].as_array().unwrap();
    assert_eq!(places.len(), 9 + 2);
    assert_eq!(places[9]["place"]["boundary"], "outside");
    let one = plan(&["--machine", "Edge01.contoso.net"]);
    assert_eq!(one["places"].as_array().unwrap().len(), 1);
    assert_eq!(one["places"][0], places[0]);
    let table = vestibule(&["firewall", "plan", "reference.toml", "--boundary", "inside"]);
    assert!(table.out.contains("boundary inside") && table.out.contains("SIP from outside"));
}

#[test]
fn a_plan_that_locks_administrators_out_says_so() {
    let table = vestibule(&["firewall", "plan", "single-director.toml"]);
    assert!(table.out.contains("admin_networks"), "{}", table.out);
    assert!(
        !vestibule(&["firewall", "plan", "reference.toml"])
            .out
            .contains("admin_networks")
    );
    assert_eq!(plan(&[])["nobody_administers"], false);
}

#[test]
fn rules_are_of_one_place() {
    let answer = render(&[]);
    assert_eq!(answer.code, Some(2));
    assert!(
        answer.err.contains("--machine") && answer.err.contains("--boundary"),
        "{}",
        answer.err
    );
    let unknown = render(&["--machine", "nobody.contoso.net"]);
    assert!(
        unknown.err.contains("edge01.contoso.net"),
        "{}",
        unknown.err
    );
    let both = render(&["--machine", "edge01.contoso.net", "--boundary", "inside"]);
    assert_eq!(both.code, Some(2));
    let groups = render(&["--format", "terraform", "--boundary", "inside"]);
    assert!(groups.err.contains("boundary has none"), "{}", groups.err);
}

#[test]
fn each_form_is_what_its_program_reads() {
    let edge = |form| render(&["--machine", "edge01.contoso.net", "--format", form]).out;
    assert!(edge("nft").contains("delete table inet vestibule\ntable inet vestibule {"));
    let json: Value = serde_json::from_str(&edge("nft-json")).unwrap();
    assert_eq!(json["nftables"][0]["metainfo"]["json_schema_version"], 1);
    for form in ["iptables", "ip6tables"] {
        assert!(edge(form).contains("*filter\n") && edge(form).ends_with("COMMIT\n"));
    }
    let groups: Value = serde_json::from_str(&render(&["--format", "terraform"]).out).unwrap();
    assert_eq!(
        groups["resource"]["aws_security_group"]
            .as_object()
            .unwrap()
            .len(),
        12
    );
    assert!(edge("html").starts_with("<!DOCTYPE html>"));
}

#[test]
fn tables_are_those_of_the_port_summary_narrowed_to_the_place() {
    let all = render(&["--format", "csv", "--lang", "ko"]).out;
    assert_eq!(
        all,
        vestibule(&["ports", "reference.toml", "--format", "csv", "--lang", "ko"]).out
    );
    let boundary = render(&["--format", "markdown", "--boundary", "outside"]).out;
    let flows: Vec<&str> = boundary
        .lines()
        .skip(2)
        .map(|line| line.split('|').nth(1).unwrap().trim())
        .collect();
    assert_eq!(flows, ["15", "16", "16", "32", "32", "34"]);
}
