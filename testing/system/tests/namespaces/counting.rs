//! `vestibule firewall status` tells what really passed and what really did not.

use std::process::{Command, Output, Stdio};

use serde_json::Value;
use system::bed::{Beginning, CLIENTS, STRANGERS};
use system::deployment::binary;
use topology::flows::Carrier;

use super::site::{Site, with};

const EDGE01: &str = "edge01.contoso.net";
const DIR01: &str = "dir01.contoso.net";
const SIP: u16 = 5061;
const ACCESS: u16 = 443;
/// A port that nobody has.
const NOBODYS: u16 = 9;

/// What `status` says on a machine.
fn status(site: &Site, machine: &str, more: &[&str]) -> Output {
    let run_dir = site.folder("no-trial").display().to_string();
    let run = || {
        Command::new(binary().unwrap())
            .args(["firewall", "status"])
            .arg(site.bed.file())
            .args(["--machine", machine, "--run-dir", &run_dir])
            .args(more)
            .stdin(Stdio::null())
            .output()
            .unwrap()
    };
    site.bed.at(machine).enter(run)
}

fn told(site: &Site) -> Value {
    let answer = status(site, EDGE01, &["--json"]);
    assert_eq!(answer.status.code(), Some(0), "{answer:?}");
    let told: Value = serde_json::from_slice(&answer.stdout).unwrap();
    assert_eq!(told["is_as_planned"], true);
    told
}

/// What a flow has counted, one way.
fn packets(told: &Value, way: &str, flow: u64) -> u64 {
    let rows = told["rows"].as_array().unwrap().iter();
    let own = rows.filter(|row| row["way"] == way && row["flow"] == flow);
    own.map(|row| row["packets"].as_u64().unwrap()).sum()
}

#[test]
fn status_counts_what_really_passed_and_what_was_stopped() {
    let test = "namespaces::status_counts_what_really_passed_and_what_was_stopped";
    with(test, &[], |site| {
        let edge = site.bed.topology().machine(EDGE01).unwrap();
        let (inside, outside) = (edge.address, edge.external.unwrap());
        let source = |place: &str| site.bed.addresses(place)[0];
        let knock = |place: &str, destination, port| {
            let beginning = Beginning {
                source: source(place),
                destination,
                carrier: Carrier::Tcp,
                port,
            };
            site.bed.at(place).knock(&[beginning]).unwrap();
        };
        let before = told(site);
        knock(DIR01, inside, SIP);
        knock(STRANGERS[0], outside, ACCESS);
        let after = told(site);
        for (way, flow) in [("in", 10), ("in", 15)] {
            let (before, after) = (packets(&before, way, flow), packets(&after, way, flow));
            assert!(after > before, "flow {flow}: {before}, then {after}");
        }
        assert_eq!(
            before["dropped"], after["dropped"],
            "nothing that is not planned came so far"
        );
        // The boundary stops what a client is not let do; what the Edge may not begin stops at itself.
        knock(CLIENTS[0], inside, NOBODYS);
        assert_eq!(told(site)["dropped"], after["dropped"]);
        knock(EDGE01, source(CLIENTS[0]), NOBODYS);
        let rejected = |told: &Value| told["rejected"]["packets"].as_u64().unwrap();
        assert!(rejected(&told(site)) > rejected(&after));
        let korean = status(site, EDGE01, &["--lang", "ko"]);
        let korean = String::from_utf8(korean.stdout).unwrap();
        assert!(korean.contains("외부로 나가는 SIP") && korean.contains("사용됨"));
    });
}
