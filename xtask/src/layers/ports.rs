//! No port number of the flow table is named outside `topology`: listeners and rules are derived from the table.
//!
//! Looks at the product's sources without comments, tests, benches and examples. Ports 53 and 80 are left out, because the
//! numbers are too common in other meanings.

use std::path::Path;

use anyhow::Result;

use super::Verdict;
use crate::tree;

const PORTS: [&str; 8] = [
    "443", "444", "4443", "5061", "8080", "50001", "50002", "50003",
];
const MAY_NAME_THEM: &str = "crates/proto/topology/";

pub(super) fn check(root: &Path) -> Result<Verdict> {
    let mut faults = Vec::new();
    let mut looked_at = 0;
    for path in tree::rust_files(&root.join("crates"))? {
        let name = tree::shown(root, &path);
        if name.starts_with(MAY_NAME_THEM) || is_aside(&name) {
            continue;
        }
        looked_at += 1;
        for (line, port) in named(&tree::read(&path)?) {
            faults.push(format!("{name}:{line} names port {port}"));
        }
    }
    Ok(Verdict {
        looked_at: (looked_at, "source files"),
        faults,
    })
}

fn is_aside(name: &str) -> bool {
    name.contains("/tests/")
        || name.contains("/benches/")
        || name.contains("/examples/")
        || name.ends_with("/tests.rs")
}

/// Returns the ports named in the code of a file, with their lines; inline tests end the file by house style.
fn named(text: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    for (index, line) in text.lines().enumerate() {
        if line.trim() == "#[cfg(test)]" {
            break;
        }
        let code = line.find("//").map_or(line, |comment| &line[..comment]);
        let words = code.split(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != '.');
        for word in words {
            let digits = word.replace('_', "");
            let digits = digits.strip_suffix("u16").unwrap_or(&digits);
            if let Some(port) = PORTS.iter().find(|port| **port == digits) {
                found.push((index + 1, *port));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::named;

    #[test]
    fn a_port_is_found_in_each_way_of_writing_it() {
        let text = "a(5061)\nlet b = 50_001u16;\n\"host:4443\"\n";
        assert_eq!(named(text), [(1, "5061"), (2, "50001"), (3, "4443")]);
    }

    #[test]
    fn other_numbers_comments_and_tests_are_fine() {
        assert!(
            named("15061 5061.5 // 5061\nx5061\n#[cfg(test)]\nmod tests { 5061 }\n").is_empty()
        );
    }
}
