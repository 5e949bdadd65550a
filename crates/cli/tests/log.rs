//! `vestibule log` where no machine runs: what is wrong with the words and the certificate is told before anybody is asked,
//! and that nobody answers is told for each machine.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use tempfile::TempDir;

use super::{Answer, vestibule};

/// A state directory with an authority and these operators.
fn state(operators: &[&str]) -> TempDir {
    let folder = TempDir::new().unwrap();
    assert_eq!(in_state(&folder, &["certs", "init"]).code, Some(0));
    for operator in operators {
        let issue = ["certs", "issue", "reference.toml", "--operator", operator];
        assert_eq!(in_state(&folder, &issue).code, Some(0));
    }
    folder
}

fn in_state(folder: &TempDir, words: &[&str]) -> Answer {
    let state = folder.path().to_str().unwrap();
    vestibule(&[words, &["--state", state]].concat())
}

/// Asks about the reference topology at addresses where nothing runs.
fn log(folder: &TempDir, words: &[&str]) -> Answer {
    let (word, rest) = words.split_first().unwrap();
    let first = ["log", word];
    let place = ["--loopback", "127.203.44.1", "--patience", "5"];
    in_state(
        folder,
        &[&first, rest, &["reference.toml"], &place].concat(),
    )
}

#[test]
fn who_has_no_certificate_is_told_how_to_get_one() {
    let none = log(&state(&[]), &["show"]);
    assert_eq!(none.code, Some(2));
    let how = "certs issue reference.toml --operator NAME --state";
    assert!(none.err.contains(how), "{}", none.err);
    let two = state(&["ann", "bob"]);
    let several = log(&two, &["show"]);
    assert!(
        several.err.contains("ann, bob; say which with --operator"),
        "{}",
        several.err
    );
    let one = log(&two, &["show", "--operator", "Ann"]);
    assert_eq!(one.code, Some(1), "{}", one.err);
}

#[test]
fn a_certificate_that_will_not_do_is_told_before_anybody_is_asked() {
    let site = state(&["ann"]);
    let folder = site.path().join("operators/ann");
    let other = |domain: &str| {
        let text = include_str!("../../../examples/reference.toml").replace("contoso.com", domain);
        let path = site.path().join("other.toml");
        std::fs::write(&path, text).unwrap();
        in_state(&site, &["log", "show", path.to_str().unwrap()])
    };
    let foreign = other("fabrikam.com");
    assert_eq!(foreign.code, Some(2));
    let why =
        "not of this deployment, where it would carry the name spiffe://fabrikam.com/operator/ann";
    assert!(foreign.err.contains(why), "{}", foreign.err);

    let mode = |mode| std::fs::Permissions::from_mode(mode);
    std::fs::set_permissions(folder.join("key.pem"), mode(0o644)).unwrap();
    let wide = log(&site, &["show"]);
    assert!(
        wide.err.contains("no usable key") && wide.err.contains("key.pem"),
        "{}",
        wide.err
    );
    std::fs::set_permissions(folder.join("key.pem"), mode(0o600)).unwrap();

    // Revoked, and whoever was revoked has kept the files.
    let kept: Vec<_> = ["cert.pem", "key.pem", "ca.pem"]
        .map(|name| (name, std::fs::read(folder.join(name)).unwrap()))
        .into();
    assert_eq!(
        in_state(&site, &["certs", "revoke", "--operator", "ann"]).code,
        Some(0)
    );
    restore(&folder, &kept);
    std::fs::copy(site.path().join("ca/crl.pem"), folder.join("crl.pem")).unwrap();
    let revoked = log(&site, &["show"]);
    assert!(revoked.err.contains("has been revoked"), "{}", revoked.err);
}

fn restore(folder: &Path, files: &[(&str, Vec<u8>)]) {
    std::fs::create_dir_all(folder).unwrap();
    for (name, bytes) in files {
        std::fs::write(folder.join(name), bytes).unwrap();
        let mode = std::fs::Permissions::from_mode(0o600);
        std::fs::set_permissions(folder.join(name), mode).unwrap();
    }
}

#[test]
fn machines_pools_and_scenarios_that_are_not_there_are_told_with_those_that_are() {
    let site = state(&["ann"]);
    let cases: [(&[&str], &str); 4] = [
        (
            &["show", "--machine", "fe09.contoso.net"],
            "fe01.contoso.net",
        ),
        (
            &["show", "--pool", "fepool09.contoso.net"],
            "fepool01.contoso.net",
        ),
        (&["start", "SignOn"], "did you mean SignIn?"),
        (
            &["search", "--component", "SIPStak"],
            "did you mean SipStack?",
        ),
    ];
    for (words, hint) in cases {
        let answer = log(&site, words);
        assert_eq!(answer.code, Some(2), "{words:?}");
        assert!(answer.err.contains(hint), "{}", answer.err);
    }
}

#[test]
fn that_nobody_answers_is_told_for_each_machine() {
    let site = state(&["ann"]);
    let pools = ["--pool", "dirpool01.contoso.net,fepool01.contoso.net"];
    let shown = log(
        &site,
        &[&["show", "--machine", "edge01.contoso.net"], &pools[..]].concat(),
    );
    assert_eq!(shown.code, Some(1));
    for machine in ["dir01", "dir02", "fe01", "edge01"] {
        let line = shown.out.lines().find(|line| line.starts_with(machine));
        let line = line.unwrap();
        assert!(
            line.contains("unreachable") && line.contains("nobody listens"),
            "{line}"
        );
    }
    assert!(!shown.out.contains("fe02"), "{}", shown.out);

    let found = log(&site, &["search", "--json"]);
    assert_eq!(found.code, Some(1));
    let last: serde_json::Value = serde_json::from_str(&found.out).unwrap();
    let agents = last["agents"].as_array().unwrap();
    assert_eq!((agents.len(), &last["records"]), (9, &serde_json::json!(0)));
    assert!(
        agents.iter().all(|one| one["answer"] == "unreachable"),
        "{last}"
    );

    let file = site.path().join("found.log");
    std::fs::write(&file, "=== torn").unwrap();
    let output = ["search", "--output", file.to_str().unwrap()];
    let found = log(&site, &output);
    assert_eq!((found.code, found.out.as_str()), (Some(1), ""));
    assert!(found.err.contains("fe02.contoso.net"), "{}", found.err);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "=== torn\n");
}

#[test]
fn scenarios_are_listed_without_asking_anybody() {
    let listed = vestibule(&["log", "scenarios", "reference.toml"]);
    assert_eq!(listed.code, Some(0), "{}", listed.err);
    for word in [
        "AlwaysOn",
        "IncomingAndOutgoingCall",
        "SipStack, Routing",
        "Verbose",
    ] {
        assert!(listed.out.contains(word), "{}", listed.out);
    }
    let json = vestibule(&["log", "scenarios", "reference.toml", "--json"]);
    let all: serde_json::Value = serde_json::from_str(&json.out).unwrap();
    let all = all.as_array().unwrap();
    assert!(all.len() >= 10);
    // An office has one of its own.
    let json = vestibule(&["log", "scenarios", "small-office.toml", "--json"]);
    let own: serde_json::Value = serde_json::from_str(&json.out).unwrap();
    let own = own.as_array().unwrap();
    assert_eq!(own.len(), all.len() + 1);
    let slow = own.iter().find(|one| one["scenario"] == "SlowSignIn");
    let watch = &slow.unwrap()["watches"][2];
    assert_eq!(
        (&watch["level"], &watch["flags"]),
        (&"Verbose".into(), &"TF_CONNECTION|TF_SECURITY".into())
    );
}
