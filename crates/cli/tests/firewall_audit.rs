//! `vestibule firewall audit` as people and scripts call it.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::{Answer, answer, command, vestibule};

const EDGE: [&str; 5] = [
    "firewall",
    "audit",
    "reference.toml",
    "--machine",
    "edge01.contoso.net",
];

/// The line where the rules of the edge begin to drop what none of them wants.
const REST: &str = "-A INPUT -m comment --comment \"basic rest\" -j DROP";

/// The rules of the edge as the product writes them.
fn rendered(form: &str) -> String {
    let answer = vestibule(&[
        "firewall",
        "render",
        "reference.toml",
        "--machine",
        "edge01.contoso.net",
        "--format",
        form,
    ]);
    assert_eq!(answer.code, Some(0), "{}", answer.err);
    answer.out
}

/// The rules of the edge with lines of somebody else before the end of what comes in.
fn with_lines(lines: &str) -> String {
    let text = rendered("iptables");
    assert!(text.contains(REST), "{text}");
    text.replacen(REST, &format!("{lines}{REST}"), 1)
}

/// Audits texts as files, in this order.
fn audit(arguments: &[&str], texts: &[&str]) -> Answer {
    let folder = tempfile::tempdir().unwrap();
    let files: Vec<String> = (0..texts.len())
        .map(|number| folder.path().join(format!("rules.{number}")))
        .map(|path| path.to_str().unwrap().to_owned())
        .collect();
    for (file, text) in files.iter().zip(texts) {
        fs::write(file, text).unwrap();
    }
    let files: Vec<&str> = files.iter().map(String::as_str).collect();
    vestibule(&[&EDGE, arguments, &files[..]].concat())
}

/// The list of a report in JSON.
fn list<'a>(report: &'a Value, name: &str) -> &'a Vec<Value> {
    report[name].as_array().unwrap()
}

#[test]
fn rules_as_planned_are_in_order() {
    let both = [rendered("iptables"), rendered("ip6tables")];
    let told = audit(&[], &[&both[0], &both[1]]);
    assert_eq!(told.code, Some(0), "{}{}", told.out, told.err);
    assert!(
        told.out
            .contains("edge01.contoso.net: everything of the plan passes, and nothing else; 0 of"),
        "{}",
        told.out
    );
}

#[test]
fn each_kind_of_finding_has_its_word_its_packet_and_its_rule() {
    let rules = with_lines(
        "-A INPUT -p tcp -m tcp --dport 8080 -j ACCEPT\n\
         -A INPUT -p udp -m udp --dport 9999 -m string --string x --algo bm -j ACCEPT\n",
    );
    let rules = without(&rules, "flow 35:");
    let told = audit(&[], &[&rules, &rendered("ip6tables")]);
    assert_eq!(told.code, Some(1), "{}{}", told.out, told.err);
    let has = |beginning: &str, inside: &str| {
        let mut lines = told.out.lines();
        assert!(
            lines.any(|line| line.starts_with(beginning) && line.contains(inside)),
            "{beginning} .. {inside}: {}",
            told.out
        );
    };
    has("blocked   flow 35", ":22 tcp new is dropped by ");
    has(
        "beyond    no flow needs ",
        ":8080 tcp new, which passes by ",
    );
    has(
        "unjudged  whether ",
        "\"module string (--string x --algo bm)\" in line ",
    );
    has(
        "edge01.contoso.net: 1 blocked, 1 beyond the plan, 1 cannot be told;",
        "",
    );
    assert!(!told.out.contains('\x1b'), "no colour but on a terminal");
}

/// A text without the lines that have a word.
fn without(text: &str, word: &str) -> String {
    let kept = text.lines().filter(|line| !line.contains(word));
    kept.flat_map(|line| [line, "\n"]).collect()
}

#[test]
fn programs_are_told_the_same_in_json() {
    let rules = with_lines("-A INPUT -p tcp -m tcp --dport 8080 -j ACCEPT\n");
    let rules = without(&rules, "flow 35:");
    let told = audit(&["--json"], &[&rules, &rendered("ip6tables")]);
    assert_eq!(told.code, Some(1), "{}", told.err);
    let report: Value = serde_json::from_str(&told.out).unwrap();
    assert_eq!(report["place"], "edge01.contoso.net");
    let blocked = &list(&report, "blocked")[0];
    assert_eq!(blocked["what"]["flow"], 35);
    assert_eq!(blocked["part"], "opening");
    assert_eq!(blocked["direction"], "in");
    assert_eq!(blocked["witness"]["destination_port"], 22);
    let beyond = list(&report, "beyond");
    assert_eq!(beyond.len(), 1, "{report:#}");
    assert_eq!(beyond[0]["witness"]["destination_port"], 8080);
    assert_eq!(beyond[0]["witness"]["state"], "new");
    assert_eq!(beyond[0]["by"]["rule"]["chain"], "ip filter INPUT");
    for empty in ["unjudged", "shadowed", "unreachable"] {
        assert!(list(&report, empty).is_empty(), "{empty}: {report:#}");
    }
    assert_eq!(report["cut_short"], false);
}

#[test]
fn what_cannot_be_asked_or_read_is_refused_with_the_place() {
    let rules = rendered("iptables");
    let refused = |texts: &[&str], words: &[&str]| {
        let told = audit(&[], texts);
        assert_eq!(told.code, Some(2), "{}{}", told.out, told.err);
        assert!(told.out.is_empty(), "{}", told.out);
        for word in words {
            assert!(told.err.contains(word), "{word}: {}", told.err);
        }
    };
    let broken = rules.replacen(REST, "-A INPUT -m comment --comment \"basic", 1);
    let line = rules.lines().position(|line| line == REST).unwrap() + 1;
    refused(
        &[&rules, &broken],
        &["rules.1", &format!("line {line}: "), "quotation mark"],
    );
    refused(
        &[&without(&rules, "COMMIT")],
        &["not ended by COMMIT", "rules.0"],
    );
    refused(&["{\"nftables\": [{]}"], &["line 1, column", "not JSON"]);
    refused(&["{\"nft\": []}"], &["no list \"nftables\""]);
    refused(&["These are no rules.\n"], &["neither", "rules.0"]);
    let no_place = vestibule(&["firewall", "audit", "reference.toml", "-"]);
    assert_eq!(no_place.code, Some(2));
    assert!(no_place.err.contains("--machine"), "{}", no_place.err);
    let no_file = vestibule(&[&EDGE[..], &["nowhere.rules"]].concat());
    assert_eq!(no_file.code, Some(2));
    assert!(no_file.err.contains("nowhere.rules"), "{}", no_file.err);
}

/// A program that prints a text, whatever it is asked.
fn program(folder: &Path, name: &str, text: &str) {
    let said = folder.join(format!("{name}.said"));
    fs::write(&said, text).unwrap();
    let path = folder.join(name);
    let script = format!(
        "#!/bin/sh\nwhile IFS= read -r line; do printf '%s\\n' \"$line\"; done < '{}'\n",
        said.display()
    );
    fs::write(&path, script).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// Audits what is loaded, as the programs of a folder tell it.
fn loaded(folder: &Path) -> Answer {
    let mut command: Command = command(&EDGE);
    answer(command.env("PATH", folder))
}

#[test]
fn rules_of_iptables_are_asked_of_its_own_programs() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let bare = loaded(folder);
    assert_eq!(bare.code, Some(2), "{}", bare.out);
    assert!(bare.err.contains("cannot run nft"), "{}", bare.err);

    // What nft says of rules that iptables has made: a chain that accepts, and an expression that only iptables knows.
    let chain = |family| {
        json!({"chain": {
            "family": family, "table": "filter", "name": "INPUT", "handle": 1,
            "type": "filter", "hook": "input", "prio": 0, "policy": "accept",
        }})
    };
    let foreign = json!({"rule": {
        "family": "ip", "table": "filter", "chain": "INPUT", "handle": 2,
        "expr": [{"xt": {"type": "match", "name": "hashlimit"}}],
    }});
    let table = |family| json!({"table": {"family": family, "name": "filter", "handle": 1}});
    let listed = json!({"nftables": [
        table("ip"), table("ip6"), chain("ip"), chain("ip6"), foreign,
    ]});
    program(folder, "nft", &format!("{listed}\n"));
    let alone = loaded(folder);
    assert_eq!(alone.code, Some(2), "{}", alone.out);
    assert!(
        alone.err.contains("cannot run iptables-save"),
        "{}",
        alone.err
    );

    program(folder, "iptables-save", &rendered("iptables"));
    program(folder, "ip6tables-save", &rendered("ip6tables"));
    let told = loaded(folder);
    assert_eq!(told.code, Some(0), "{}{}", told.out, told.err);
    assert!(
        told.out.contains("everything of the plan passes"),
        "{}",
        told.out
    );
}
