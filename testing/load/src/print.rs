//! The terminal: results to standard output, progress to standard error.

use std::io::{self, Write as _};

/// Prints one line of results.
///
/// # Errors
/// Standard output is closed.
pub(crate) fn say(line: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{line}")?;
    out.flush()
}

/// Prints one line about what is going on; a closed terminal is no reason to stop measuring.
pub(crate) fn note(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}
