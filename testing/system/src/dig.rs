//! Debian's `dig`: a foreign client of the names.

use std::io;
use std::net::SocketAddr;
use std::process::Command;

/// Asks a name server over UDP; returns the lines of the answer section in alphabetical order, without names and times.
///
/// # Errors
/// Fails when `dig` cannot be run or gets no answer.
pub fn short(server: SocketAddr, name: &str, kind: &str) -> io::Result<Vec<String>> {
    let text = dig(server, &["+short", "+notcp", name, kind])?;
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    lines.sort_unstable();
    Ok(lines)
}

/// Asks a name server with these words; returns what is printed.
///
/// # Errors
/// Fails when `dig` cannot be run or gets no answer.
pub fn dig(server: SocketAddr, words: &[&str]) -> io::Result<String> {
    let mut dig = Command::new("dig");
    dig.arg(format!("@{}", server.ip()))
        .args(["-p", &server.port().to_string()]);
    // Nothing from a settings file of whoever runs the tests.
    dig.args(["-r", "+tries=1", "+time=5"]).args(words);
    let output = dig.output()?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        Err(io::Error::other(said))
    }
}
