//! Clippy takes the nearest `clippy.toml` and does not merge: the cores' file has to repeat every general ban.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context, Result};

use super::Verdict;
use crate::tree;

const GENERAL: &str = "clippy.toml";
const CORES: &str = "crates/proto/clippy.toml";

pub(super) fn check(root: &Path) -> Result<Verdict> {
    let general: toml::Table = tree::read(&root.join(GENERAL))?.parse().context(GENERAL)?;
    let cores: toml::Table = tree::read(&root.join(CORES))?.parse().context(CORES)?;
    let faults = judge(&general, &cores);
    Ok(Verdict {
        looked_at: (general.len(), "settings"),
        faults,
    })
}

fn judge(general: &toml::Table, cores: &toml::Table) -> Vec<String> {
    let mut faults = Vec::new();
    for (key, value) in general {
        let Some(repeated) = cores.get(key) else {
            faults.push(format!("{CORES} does not repeat {key}"));
            continue;
        };
        let missing: Vec<String> = paths(value).difference(&paths(repeated)).cloned().collect();
        for path in missing {
            faults.push(format!("{CORES} does not repeat the ban of {path}"));
        }
        if !value.is_array() && value != repeated {
            faults.push(format!("{CORES} has another value for {key}"));
        }
    }
    faults
}

/// Returns the banned paths of a list; an entry is a table with a path or the bare path.
fn paths(list: &toml::Value) -> BTreeSet<String> {
    let entries = list.as_array().map(Vec::as_slice).unwrap_or_default();
    let path = |entry: &toml::Value| {
        entry
            .get("path")
            .unwrap_or(entry)
            .as_str()
            .map(str::to_owned)
    };
    entries.iter().filter_map(path).collect()
}

#[cfg(test)]
mod tests {
    use super::judge;

    #[test]
    fn a_ban_that_is_not_repeated_is_found() {
        let general =
            "disallowed-methods = [{ path = \"a::b\", reason = \"why\" }, { path = \"c::d\" }]";
        let cores = "disallowed-methods = [{ path = \"a::b\", reason = \"another\" }]";
        let faults = judge(&general.parse().unwrap(), &cores.parse().unwrap());
        assert_eq!(
            faults,
            ["crates/proto/clippy.toml does not repeat the ban of c::d"]
        );
    }

    #[test]
    fn another_threshold_is_found() {
        let faults = judge(&"a = 80".parse().unwrap(), &"a = 90".parse().unwrap());
        assert_eq!(faults, ["crates/proto/clippy.toml has another value for a"]);
    }
}
