//! Every file in `testdata/bad` is refused with exactly the report that lies beside it.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use topology::{Faults, Rule, Topology};

use crate::{SHORTEST, broken};

/// Rules that need a file too large to lie in the repository.
const ELSEWHERE: [Rule; 2] = [Rule::FileTooLarge, Rule::TooMany];

#[test]
fn every_bad_file_has_the_report_beside_it() {
    for (path, faults) in bad_files() {
        let expected = read(&path.with_extension("txt"));
        let report = format!("{faults}\n");
        assert_eq!(report, expected, "report of {}", path.display());
    }
}

#[test]
fn every_rule_is_broken_by_some_file() {
    let files = bad_files();
    let broken: BTreeSet<Rule> = files
        .iter()
        .flat_map(|(_, faults)| faults.all())
        .map(|fault| fault.rule)
        .collect();
    let missing: Vec<&str> = Rule::ALL
        .into_iter()
        .filter(|rule| !broken.contains(rule) && !ELSEWHERE.contains(rule))
        .map(Rule::name)
        .collect();
    assert!(missing.is_empty(), "no bad file breaks {missing:?}");
}

#[test]
fn what_is_too_large_is_refused() {
    assert_eq!(broken(&"#\n".repeat(600_000)), ["file-too-large"]);
    let machines: String = (0..1001)
        .map(|n| {
            let (high, low) = (n / 250, n % 250 + 1);
            format!("[[machine]]\nfqdn = \"m{n}.contoso.net\"\npool = \"dns.contoso.net\"\naddress = \"10.1.{high}.{low}\"\n")
        })
        .collect();
    let pool = "[[pool]]\nfqdn = \"dns.contoso.net\"\nrole = \"dns\"\n";
    assert_eq!(broken(&format!("{SHORTEST}{pool}{machines}")), ["too-many"]);
}

#[test]
fn a_fault_tells_line_and_column_in_characters() {
    let text = SHORTEST.replace(
        "version = 1",
        "version = 1\nclient_networks = [\"한국\", \"x\"]",
    );
    let faults = Topology::parse(&text, "test.toml").unwrap_err();
    let places: Vec<(usize, usize)> = faults.all().iter().map(|f| (f.line, f.column)).collect();
    assert_eq!(places, [(3, 20), (3, 26)]);
}

#[test]
fn a_report_can_be_read_by_programs() {
    let faults = Topology::parse("version = 2", "test.toml").unwrap_err();
    let value = serde_json::to_value(&faults).unwrap();
    let fault = &value["faults"][0];
    assert_eq!(value["file"], "test.toml");
    assert!(["missing-key", "no-front-end"].contains(&fault["rule"].as_str().unwrap()));
    assert_eq!(
        (fault["line"].as_u64(), fault["column"].as_u64()),
        (Some(1), Some(1))
    );
}

#[test]
fn any_text_is_read_or_refused_and_never_breaks_the_reader() {
    let text = crate::REFERENCE;
    for cut in (0..text.len())
        .step_by(97)
        .filter(|cut| text.is_char_boundary(*cut))
    {
        drop(Topology::parse(&text[..cut], "cut.toml").map_err(|faults| faults.render(true)));
    }
    for odd in [
        "\u{0}",
        "a = 1 = 2",
        "[[[",
        "pool = 1",
        "[pool]\nx=1",
        "\u{feff}version = 1",
        "'''",
    ] {
        assert!(Topology::parse(odd, "odd.toml").is_err(), "{odd:?}");
    }
}

fn bad_files() -> Vec<(PathBuf, Faults)> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../testdata/bad");
    let entries = fs::read_dir(folder).unwrap();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| {
        path.extension()
            .is_some_and(|extension| extension == "toml")
    });
    paths.sort();
    assert!(
        paths.len() > 10,
        "the bad files are not where they should be"
    );
    let faults = |path: PathBuf| {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let faults = Topology::parse(&read(&path), &name).expect_err(&name);
        (path, faults)
    };
    paths.into_iter().map(faults).collect()
}

#[expect(
    clippy::disallowed_methods,
    reason = "the core has no files, its tests read theirs"
)]
fn read(path: &std::path::Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
