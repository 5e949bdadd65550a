//! Every library of the workspace has a line in `docs/dependencies.md`, and every line names a library.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context, Result};

use super::Verdict;
use crate::tree;

const LIST: &str = "docs/dependencies.md";

pub(super) fn check(root: &Path) -> Result<Verdict> {
    let workspace: toml::Table = tree::read(&root.join("Cargo.toml"))?
        .parse()
        .context("Cargo.toml")?;
    let table = workspace
        .get("workspace")
        .and_then(|table| table.get("dependencies"))
        .and_then(toml::Value::as_table)
        .context("the workspace has no dependencies")?;
    let used: BTreeSet<&str> = table
        .iter()
        .filter(|(_, value)| value.get("path").is_none())
        .map(|(name, _)| name.as_str())
        .collect();
    let list = tree::read(&root.join(LIST))?;
    Ok(Verdict {
        looked_at: (used.len(), "libraries"),
        faults: judge(&used, &listed(&list)),
    })
}

fn judge(used: &BTreeSet<&str>, listed: &BTreeSet<&str>) -> Vec<String> {
    let missing = used
        .difference(listed)
        .map(|name| format!("{LIST} does not say what {name} is for"));
    let gone = listed
        .difference(used)
        .map(|name| format!("{LIST} lists {name}, which nothing uses"));
    missing.chain(gone).collect()
}

/// Returns the names in the first column of the tables.
fn listed(text: &str) -> BTreeSet<&str> {
    text.lines()
        .filter_map(|line| line.strip_prefix("| `")?.split('`').next())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{judge, listed};

    #[test]
    fn a_library_without_a_line_and_a_line_without_a_library_are_found() {
        let used = ["serde", "toml"].into();
        let faults = judge(
            &used,
            &listed("# Title\n| `serde` | all |\n| `rand` | dice |\n"),
        );
        assert_eq!(faults.len(), 2);
    }
}
