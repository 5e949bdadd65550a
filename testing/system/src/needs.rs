//! What a test needs from the machine, and saying so aloud when it is not there.
//!
//! A skip is one line on the error output that starts with `SKIPPED`. It is written past the capture of the test
//! harness, so that it is seen even though the test then ends as passed; `cargo xtask test` counts these lines and
//! fails on them where `CI=true`.

use std::io::Write;
use std::path::PathBuf;

/// Something a test cannot do without.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// A program on the search path.
    Program(&'static str),
    /// The right to make a mount namespace.
    Root,
}

/// Tells whether everything is there; if not, writes the line that marks the named test as skipped.
#[must_use]
pub fn are_met(test: &str, needs: &[Need]) -> bool {
    let missing: Vec<String> = needs.iter().filter_map(|need| missing(*need)).collect();
    if !missing.is_empty() {
        // There is nobody to tell when the error output is closed.
        let _ = writeln!(std::io::stderr(), "SKIPPED {test}: {}", missing.join("; "));
    }
    missing.is_empty()
}

/// Returns where a program is found on the search path.
#[must_use]
pub fn program(name: &str) -> Option<PathBuf> {
    // Servers of the distribution live where an ordinary user's search path does not look.
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/sbin".into()]);
    folders
        .map(|folder| folder.join(name))
        .find(|file| file.is_file())
}

fn missing(need: Need) -> Option<String> {
    match need {
        Need::Program(name) => program(name)
            .is_none()
            .then(|| format!("{name} is not installed")),
        Need::Root => (!rustix::process::geteuid().is_root()).then(|| "this needs root".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::{Need, are_met, program};

    #[test]
    fn a_shell_is_found_and_a_made_up_program_is_not() {
        assert!(program("sh").is_some());
        assert!(program("no-program-has-this-name").is_none());
    }

    #[test]
    fn needs_that_are_met_are_silent() {
        assert!(are_met(
            "needs_that_are_met_are_silent",
            &[Need::Program("sh")]
        ));
    }
}
