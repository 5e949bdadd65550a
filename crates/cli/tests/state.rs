//! State directories that do not fit: what is told, and that nothing is touched.

use std::fs;
use std::path::Path;

use tempfile::TempDir;

use crate::vestibule;

#[test]
fn a_trial_leaves_the_state_of_another_topology_alone() {
    let state = with_machines(&["home.example.net"]);
    fs::write(state.path().join("topology.toml"), "theirs").unwrap();
    let answer = vestibule(&["up", "reference.toml", "--state", text(state.path())]);
    assert_eq!(answer.code, Some(2), "{}", answer.out);
    assert!(
        answer
            .err
            .contains("belongs to another topology, with home.example.net"),
        "{}",
        answer.err
    );
    assert!(answer.err.contains("--state"), "{}", answer.err);
    let kept = fs::read_to_string(state.path().join("topology.toml")).unwrap();
    assert_eq!(kept, "theirs");
}

#[test]
fn a_machine_without_state_is_told_how_to_get_it() {
    let state = with_machines(&["fe02.contoso.net"]);
    let answer = vestibule(&[
        "run",
        "reference.toml",
        "--machine",
        "FE01.contoso.net",
        "--state",
        text(state.path()),
    ]);
    assert_eq!(answer.code, Some(2), "{}", answer.out);
    for told in [
        "fe01.contoso.net has no state in",
        "vestibule certs issue",
        "--state",
    ] {
        assert!(answer.err.contains(told), "{}", answer.err);
    }
}

#[test]
fn machines_are_asked_for_by_name_and_unknown_names_are_told() {
    let state = with_machines(&["fe01.contoso.net", "fe02.contoso.net"]);
    let ask = |command: &str, machine: &str| {
        vestibule(&[command, "--machine", machine, "--state", text(state.path())])
    };
    let known = ask("status", "FE02.contoso.net");
    assert_eq!(known.code, Some(1), "{}", known.err);
    assert!(known.out.contains("fe02.contoso.net") && known.out.contains("not running"));
    for command in ["status", "reload", "drain"] {
        let unknown = ask(command, "fe03.contoso.net");
        assert_eq!(unknown.code, Some(2), "{command}");
        assert!(
            unknown.err.contains(
                "has no machine fe03.contoso.net; it has fe01.contoso.net, fe02.contoso.net"
            ),
            "{}",
            unknown.err
        );
    }
}

#[test]
fn a_folder_without_state_is_told_with_the_option_that_names_another() {
    let empty = TempDir::new().unwrap();
    for command in ["status", "reload", "drain"] {
        let answer = vestibule(&[command, "--state", text(empty.path())]);
        assert_eq!(answer.code, Some(2), "{command}");
        assert!(
            answer.err.contains("no machine has state in") && answer.err.contains("--state"),
            "{}",
            answer.err
        );
    }
}

/// A state directory in which these machines have a folder.
fn with_machines(names: &[&str]) -> TempDir {
    let state = TempDir::new().unwrap();
    for name in names {
        fs::create_dir_all(state.path().join("machines").join(name)).unwrap();
    }
    state
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}
