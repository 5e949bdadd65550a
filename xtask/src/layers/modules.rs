//! Modules of `roles` that carry a role do not use each other; what two of them need stands in a module beside them.

use std::path::Path;

use anyhow::Result;

use super::Verdict;
use crate::tree;

/// `machine` puts these together; `directory_log`, `identify`, `relay` and `requests` are the ground that several
/// stand on.
const ROLES: [&str; 6] = [
    "balancer",
    "directory_admin",
    "names",
    "publishing",
    "replication",
    "signalling",
];

pub(super) fn check(root: &Path) -> Result<Verdict> {
    let folder = root.join("crates/roles/src");
    let mut faults = Vec::new();
    let mut looked_at = 0;
    for path in tree::rust_files(&folder)? {
        let name = tree::shown(&folder, &path);
        let module = name
            .split('/')
            .next()
            .map_or("", |first| first.trim_end_matches(".rs"));
        if ROLES.contains(&module) {
            looked_at += 1;
            faults.extend(judge(module, &tree::read(&path)?));
        }
    }
    Ok(Verdict {
        looked_at: (looked_at, "files of role modules"),
        faults,
    })
}

fn judge(module: &str, text: &str) -> Vec<String> {
    let mut faults = Vec::new();
    for line in text
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"))
    {
        for other in ROLES.iter().filter(|other| **other != module) {
            if names(line, other) {
                faults.push(format!(
                    "the role {module} uses the role {other}: {}",
                    line.trim()
                ));
            }
        }
    }
    faults
}

/// Tells whether the line has `crate::other` as a whole word.
fn names(line: &str, other: &str) -> bool {
    let wanted = format!("crate::{other}");
    line.match_indices(&wanted).any(|(at, _)| {
        let next = line[at + wanted.len()..].chars().next();
        !next.is_some_and(|c| c.is_alphanumeric() || c == '_')
    })
}

#[cfg(test)]
mod tests {
    use super::judge;

    #[test]
    fn a_role_that_uses_another_is_found() {
        let line = "use crate::signalling::Bindings;\n";
        assert_eq!(judge("replication", line).len(), 1);
    }

    #[test]
    fn shared_modules_itself_and_comments_are_fine() {
        assert!(
            judge(
                "names",
                "use crate::names::A;\nuse crate::identify::B;\n// crate::signalling\n"
            )
            .is_empty()
        );
    }
}
