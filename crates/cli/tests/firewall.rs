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

/// The reference topology with some of its text replaced, as a file.
fn edited(folder: &tempfile::TempDir, from: &str, to: &str) -> String {
    let examples = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/reference.toml");
    let text = std::fs::read_to_string(examples).unwrap();
    assert!(text.contains(from), "{from}");
    let path = folder.path().join("topology.toml");
    std::fs::write(&path, text.replacen(from, to, 1)).unwrap();
    path.display().to_string()
}

#[test]
fn diff_tells_what_another_file_means_and_nothing_of_how_it_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let same = edited(&folder, "version = 1", "# Another spelling.\nversion   = 1");
    let nothing = vestibule(&["firewall", "diff", "reference.toml", &same]);
    assert_eq!(nothing.code, Some(0), "{}", nothing.err);
    assert!(nothing.out.contains("Nothing follows"));
    let moved = edited(&folder, "\"10.0.0.22\"", "\"10.0.0.29\"");
    let told = vestibule(&["firewall", "diff", "reference.toml", &moved]);
    assert_eq!(told.code, Some(1), "{}", told.err);
    for line in [
        "    + out, flow 12: from 172.16.0.10 to 10.0.0.29, TCP 5061",
        "    - out, flow 12: from 172.16.0.10 to 10.0.0.22, TCP 5061",
        "  ~ inside, fe02.contoso.net: 10.0.0.29 for 10.0.0.22",
        "  + fe02.contoso.net: TLS 10.0.0.29:444 (flow 3)",
    ] {
        assert!(
            told.out.lines().any(|one| one == line),
            "{line}: {}",
            told.out
        );
    }
    assert!(!told.out.contains("Certificates"), "the names are the same");
    let again = vestibule(&["firewall", "diff", "reference.toml", &moved]);
    assert_eq!(again.out, told.out);
}

#[test]
fn diff_answers_programs_with_everything_that_follows() {
    let folder = tempfile::tempdir().unwrap();
    let gone = vestibule(&[
        "firewall",
        "diff",
        "--json",
        "reference.toml",
        "small-office.toml",
    ]);
    assert_eq!(gone.code, Some(1), "{}", gone.err);
    let told: Value = serde_json::from_str(&gone.out).unwrap();
    let of = |list: &str| told[list].as_array().unwrap().clone();
    let has = |list: &str, key: &str, value: &str| of(list).iter().any(|one| one[key] == value);
    assert!(has("rules", "kind", "removed") && has("certificates", "duty", "revoke"));
    assert!(has("listeners", "change", "closes"));
    assert!(
        of("records")
            .iter()
            .any(|one| one["added"].as_array().unwrap().is_empty())
    );
    let bad = edited(&folder, "version = 1", "version = 9");
    let bad = vestibule(&["firewall", "diff", "reference.toml", &bad]);
    assert_eq!(bad.code, Some(1));
    assert!(bad.out.is_empty() && bad.err.contains("version"));
}
