//! Nothing in the tree belongs to one machine: no absolute path of a person's home, no private package registry.

use std::path::Path;

use anyhow::Result;

use super::Verdict;
use crate::tree;

/// Starts of paths that exist on one machine only. This file is the one that may name them.
const PRIVATE: [&str; 3] = ["/home/", "/root/", "/Users/"];
const THIS_FILE: &str = "xtask/src/layers/traces.rs";

pub(super) fn check(root: &Path) -> Result<Verdict> {
    let here = root.display().to_string();
    let mut faults = Vec::new();
    let files = tree::files(root)?;
    for path in &files {
        let name = tree::shown(root, path);
        // Binary test data has no text to check.
        let Ok(text) = std::fs::read_to_string(path) else {
            continue;
        };
        if name == "Cargo.lock" {
            faults.extend(foreign_sources(&text));
        } else if name == ".cargo/config.toml"
            && (text.contains("[source") || text.contains("[registr"))
        {
            faults.push(format!("{name} names a package registry"));
        } else if name != THIS_FILE {
            faults.extend(
                private_paths(&text, &here)
                    .map(|line| format!("{name}:{line} names a path of one machine")),
            );
        }
    }
    Ok(Verdict {
        looked_at: (files.len(), "files"),
        faults,
    })
}

/// Every library comes from one registry; which one is cargo's business.
fn foreign_sources(lock: &str) -> Vec<String> {
    let mut sources: Vec<&str> = lock
        .lines()
        .filter_map(|line| line.strip_prefix("source = "))
        .map(|source| source.trim_matches('"'))
        .collect();
    sources.sort_unstable();
    sources.dedup();
    let registries = sources
        .iter()
        .filter(|source| source.starts_with("registry+"))
        .count();
    let foreign = sources
        .iter()
        .filter(|source| !source.starts_with("registry+"));
    let mut faults: Vec<String> = foreign
        .map(|source| format!("Cargo.lock names a source that is no registry: {source}"))
        .collect();
    if registries > 1 {
        faults.push(format!("Cargo.lock names {registries} registries"));
    }
    faults
}

/// Returns the lines that name a private path or the place of this checkout.
fn private_paths(text: &str, here: &str) -> impl Iterator<Item = usize> {
    // A checkout right below the root of the file system has too short a name to search for.
    let here = (here.matches('/').count() > 1).then_some(here);
    text.lines().enumerate().filter_map(move |(index, line)| {
        let private = PRIVATE.iter().any(|start| line.contains(start))
            || here.is_some_and(|here| line.contains(here));
        private.then_some(index + 1)
    })
}

#[cfg(test)]
mod tests {
    use super::{foreign_sources, private_paths};

    #[test]
    fn a_path_of_one_machine_is_found() {
        let text = "a\nb = \"/home/ann/key.pem\"\nc = \"/opt/build/tree/x\"\n";
        assert_eq!(
            private_paths(text, "/opt/build/tree").collect::<Vec<_>>(),
            [2, 3]
        );
        assert_eq!(private_paths("see /src/lib\n", "/src").count(), 0);
    }

    #[test]
    fn another_registry_and_a_repository_are_found() {
        let one = "source = \"registry+https://example.org/index\"\n";
        let two = "source = \"registry+https://example.net/index\"\n";
        let git = "source = \"git+https://example.org/code\"\n";
        assert!(foreign_sources(&[one, one].concat()).is_empty());
        assert_eq!(foreign_sources(&[one, two].concat()).len(), 1);
        assert_eq!(foreign_sources(&[one, git].concat()).len(), 1);
    }
}
