//! `vestibule check` and `vestibule schema`.

use serde_json::Value;

use crate::vestibule;

const BAD: &str = "../testdata/bad/unknown-keys.toml";

#[test]
fn a_file_in_order_is_told_with_its_plan() {
    for example in [
        "reference.toml",
        "single-director.toml",
        "small-office.toml",
    ] {
        let answer = vestibule(&["check", example]);
        assert_eq!(
            (answer.code, answer.err.as_str()),
            (Some(0), ""),
            "{example}"
        );
        assert!(answer.out.starts_with(&format!("{example} is in order\n")));
        assert!(answer.out.contains("front_end"), "{}", answer.out);
    }
}

#[test]
fn the_plan_can_be_read_by_programs() {
    let answer = vestibule(&["--json", "check", "reference.toml"]);
    let plan: Value = serde_json::from_str(&answer.out).unwrap();
    let machines = plan["machines"].as_array().unwrap();
    assert_eq!(machines.len(), 9);
    assert_eq!(machines[0]["fqdn"], "edge01.contoso.net");
    assert_eq!(
        machines[0]["listeners"][0]["flows"]
            .as_array()
            .map(Vec::len)
            .map(|n| n > 0),
        Some(true)
    );
}

#[test]
fn all_faults_are_told_with_lines_of_the_file_and_exit_code_1() {
    let answer = vestibule(&["check", BAD]);
    assert_eq!((answer.code, answer.out.as_str()), (Some(1), ""));
    assert!(
        answer
            .err
            .contains("error[unknown-key]: the file has no key `domain`")
    );
    assert!(answer.err.contains("did you mean `domains`?"));
    assert!(answer.err.contains("12 faults"), "{}", answer.err);
    assert!(
        !answer.err.contains('\x1b'),
        "no colour unless on a terminal"
    );
}

#[test]
fn faults_can_be_read_by_programs() {
    let answer = vestibule(&["check", BAD, "--json"]);
    assert_eq!((answer.code, answer.err.as_str()), (Some(1), ""));
    let report: Value = serde_json::from_str(&answer.out).unwrap();
    let faults = report["faults"].as_array().unwrap();
    assert_eq!(faults.len(), 12);
    for fault in faults {
        assert!(fault["line"].as_u64().is_some() && fault["column"].as_u64().is_some());
        assert!(fault["rule"].is_string() && fault["help"].is_string());
    }
}

#[test]
fn what_cannot_be_done_ends_with_exit_code_2() {
    let missing = vestibule(&["check", "nowhere.toml"]);
    assert_eq!(missing.code, Some(2));
    assert!(
        missing.err.contains("cannot read nowhere.toml"),
        "{}",
        missing.err
    );
    assert_eq!(vestibule(&["chek", "reference.toml"]).code, Some(2));
    assert_eq!(vestibule(&[]).code, Some(2));
}

#[test]
fn the_schema_is_a_schema() {
    let answer = vestibule(&["schema"]);
    let schema: Value = serde_json::from_str(&answer.out).unwrap();
    assert!(schema["$schema"].is_string());
    assert_eq!(
        schema["required"],
        serde_json::json!(["version", "domains"])
    );
}
