//! Which of our crates may depend on which, and what the cores may not depend on at all.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result};

use super::Verdict;
use crate::tree;

/// What a crate may use of ours.
enum May {
    /// These and no others.
    Use(&'static [&'static str]),
    /// Every product crate and the test kit.
    UseAll,
}

const ALLOWED: [(&str, May); 21] = [
    ("base", May::Use(&[])),
    ("topology", May::Use(&["base", "logs"])),
    ("directory", May::Use(&["base"])),
    ("dns", May::Use(&["base"])),
    ("firewall", May::Use(&["base", "topology"])),
    ("logs", May::Use(&["base"])),
    ("ladder", May::Use(&["base", "logs"])),
    ("export", May::Use(&["base", "logs"])),
    ("sip", May::Use(&["base", "directory"])),
    ("web", May::Use(&["base", "directory"])),
    ("store", May::Use(&[])),
    ("traces", May::Use(&["base", "logs"])),
    ("pki", May::Use(&["base"])),
    ("runtime", May::Use(&["base", "logs", "traces"])),
    (
        "roles",
        May::Use(&[
            "base",
            "topology",
            "directory",
            "dns",
            "export",
            "firewall",
            "logs",
            "sip",
            "web",
            "store",
            "traces",
            "pki",
            "runtime",
        ]),
    ),
    ("vestibule", May::UseAll),
    ("testkit", May::Use(&["base"])),
    (
        "model",
        May::Use(&["base", "directory", "logs", "sip", "testkit"]),
    ),
    ("system", May::UseAll),
    ("load", May::UseAll),
    ("xtask", May::Use(&[])),
];

/// Crates that any other may use in its tests.
const FOR_TESTS: [&str; 2] = ["testkit", "model"];

/// What brings sockets, clocks, files or randomness of its own, and so may not be below a core.
const NOT_IN_A_CORE: [&str; 14] = [
    "async-std",
    "getrandom",
    "http-body-util",
    "hyper",
    "hyper-util",
    "libc",
    "mio",
    "rand",
    "rustix",
    "rustls",
    "socket2",
    "tempfile",
    "tokio",
    "tokio-rustls",
];

/// A manifest, reduced to what the check needs.
struct Manifest {
    name: String,
    is_core: bool,
    normal: Vec<String>,
    test: Vec<String>,
}

pub(super) fn check(root: &Path) -> Result<Verdict> {
    let workspace: toml::Table = tree::read(&root.join("Cargo.toml"))?
        .parse()
        .context("Cargo.toml")?;
    let members = workspace
        .get("workspace")
        .and_then(|table| table.get("members"))
        .and_then(toml::Value::as_array)
        .context("the workspace has no members")?;
    let mut manifests = Vec::new();
    for member in members.iter().filter_map(toml::Value::as_str) {
        let text = tree::read(&root.join(member).join("Cargo.toml"))?;
        manifests.push(parse(member, &text).with_context(|| format!("manifest of {member}"))?);
    }
    let looked_at = (manifests.len(), "manifests");
    Ok(Verdict {
        looked_at,
        faults: judge(&manifests),
    })
}

fn parse(folder: &str, text: &str) -> Result<Manifest> {
    let table: toml::Table = text.parse()?;
    let name = table
        .get("package")
        .and_then(|package| package.get("name"))
        .and_then(toml::Value::as_str);
    let names = |section: &str| -> Vec<String> {
        let section = table.get(section).and_then(toml::Value::as_table);
        section
            .map(|table| table.keys().cloned().collect())
            .unwrap_or_default()
    };
    let mut normal = names("dependencies");
    normal.extend(names("build-dependencies"));
    Ok(Manifest {
        name: name.context("no package name")?.to_owned(),
        is_core: folder.starts_with("crates/proto/"),
        normal,
        test: names("dev-dependencies"),
    })
}

fn judge(manifests: &[Manifest]) -> Vec<String> {
    let table: BTreeMap<&str, &May> = ALLOWED.iter().map(|(name, may)| (*name, may)).collect();
    let mut faults = Vec::new();
    for manifest in manifests {
        let name = manifest.name.as_str();
        let Some(may) = table.get(name) else {
            faults.push(format!(
                "{name} is not in the table of crates; give it a row and a reason to exist"
            ));
            continue;
        };
        let allowed = |other: &str| match may {
            May::Use(list) => list.contains(&other),
            May::UseAll => other != "xtask",
        };
        for other in manifest
            .normal
            .iter()
            .filter(|other| table.contains_key(other.as_str()))
        {
            if !allowed(other) {
                faults.push(format!("{name} may not depend on {other}"));
            }
        }
        for other in manifest
            .test
            .iter()
            .filter(|other| table.contains_key(other.as_str()))
        {
            if !allowed(other) && !FOR_TESTS.contains(&other.as_str()) {
                faults.push(format!("the tests of {name} may not depend on {other}"));
            }
        }
        for other in manifest.normal.iter().filter(|_| manifest.is_core) {
            if NOT_IN_A_CORE.contains(&other.as_str()) {
                faults.push(format!("{name} is a core and may not depend on {other}"));
            }
        }
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::{judge, parse};

    fn faults(folder: &str, text: &str) -> Vec<String> {
        judge(&[parse(folder, text).unwrap()])
    }

    #[test]
    fn an_arrow_that_points_up_is_refused() {
        let text = "[package]\nname = \"runtime\"\n[dependencies]\nsip.workspace = true\n";
        assert_eq!(
            faults("crates/runtime", text),
            ["runtime may not depend on sip"]
        );
    }

    #[test]
    fn a_core_with_a_socket_is_refused() {
        let text = "[package]\nname = \"sip\"\n[dependencies]\nbase = {}\ntokio = {}\n";
        assert_eq!(
            faults("crates/proto/sip", text),
            ["sip is a core and may not depend on tokio"]
        );
    }

    #[test]
    fn tests_of_a_core_may_use_the_test_kit_and_nothing_above() {
        let text = "[package]\nname = \"sip\"\n[dev-dependencies]\ntestkit = {}\nruntime = {}\n";
        assert_eq!(
            faults("crates/proto/sip", text),
            ["the tests of sip may not depend on runtime"]
        );
    }

    #[test]
    fn a_crate_outside_the_table_is_refused() {
        assert_eq!(
            faults("crates/common", "[package]\nname = \"common\"\n").len(),
            1
        );
    }
}
