//! `vestibule verify` where nothing runs: its words, what it cannot do, and files that are joined.

use serde_json::{Value, json};

use crate::vestibule;

fn written(folder: &tempfile::TempDir, name: &str, report: &Value) -> String {
    let path = folder.path().join(name);
    std::fs::write(&path, report.to_string()).unwrap();
    path.to_str().unwrap().to_owned()
}

fn report(from: &str, verdict: &str) -> Value {
    let row = |flow: u8| {
        json!({
            "flow": flow, "service": "SIP/MTLS/TCP/5061", "source": "Edge", "destination": "Director", "note": "",
            "verdict": null, "tried": 0, "passed": 0, "failed": 0, "why": [],
        })
    };
    let found = if verdict == "pass" {
        "answered"
    } else {
        "refused"
    };
    json!({
        "version": 2, "verdict": verdict, "beyond": [], "cells": [],
        "runs": [{ "from": from, "wanted": 1, "unwanted": 0, "left_out": 0 }],
        "rows": [row(6), row(10)],
        "targets": ["dir01.contoso.net"],
        "tries": [{
            "from": from, "source": "172.16.0.10", "to": "dir01.contoso.net", "address": "10.0.0.11", "port": 5061,
            "carrier": "TCP", "wanted": true, "flows": [6], "rows": [0], "stopped_at": null, "found": found,
            "depth": "nothing", "verdict": verdict, "why": (verdict != "pass").then_some("refused, nobody listens"),
        }],
    })
}

#[test]
fn runs_that_are_joined_end_as_the_worst_of_them() {
    let folder = tempfile::tempdir().unwrap();
    let good = written(&folder, "good.json", &report("edge01.contoso.net", "pass"));
    let bad = written(&folder, "bad.json", &report("edge02.contoso.net", "fail"));
    let alone = vestibule(&["verify", "--join", &good]);
    assert_eq!(alone.code, Some(0), "{}", alone.err);
    let picture = folder.path().join("matrix.svg");
    let picture = picture.to_str().unwrap();
    let both = vestibule(&["verify", "--json", "--join", &good, &bad, "--svg", picture]);
    assert_eq!(both.code, Some(1), "{}", both.err);
    let all: Value = serde_json::from_str(&both.out).unwrap();
    assert_eq!(
        (&all["verdict"], &all["rows"][0]["failed"]),
        (&json!("fail"), &json!(1))
    );
    assert_eq!(all["rows"][1]["verdict"], Value::Null);
    assert!(
        std::fs::read_to_string(picture)
            .unwrap()
            .starts_with("<svg")
    );
    let table = vestibule(&["verify", "--join", &good, &bad]);
    let why =
        "edge02.contoso.net → dir01.contoso.net (TCP 10.0.0.11:5061): refused, nobody listens";
    assert!(table.out.contains(why), "{}", table.out);
}

#[test]
fn what_cannot_be_done_is_said_with_the_remedy() {
    let folder = tempfile::tempdir().unwrap();
    let empty = folder.path().to_str().unwrap();
    let good = written(&folder, "good.json", &report("edge01.contoso.net", "pass"));
    let cases: [(&[&str], &str); 5] = [
        (&["--state", empty], "name the topology file"),
        (
            &["reference.toml", "--state", empty],
            "name the state directory with --state",
        ),
        (
            &["reference.toml", "--state", empty, "--as", "outside"],
            "name the authorities with --ca",
        ),
        (
            &["--join", &good, &good],
            "two reports are from edge01.contoso.net",
        ),
        (
            &["--join", "reference.toml"],
            "is not what `vestibule verify --json` writes",
        ),
    ];
    for (words, remedy) in cases {
        let said = vestibule(&[&["verify"], words].concat());
        assert_eq!(said.code, Some(2), "{words:?}");
        assert!(said.err.contains(remedy), "{words:?}: {}", said.err);
    }
}
