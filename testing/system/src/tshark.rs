//! Debian's `tshark`: what Wireshark makes of a capture file.

use std::io;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

/// Reads fields of all packets that a display filter picks; a row for each packet.
///
/// # Errors
/// Fails when `tshark` cannot be run or does not understand the file.
pub fn fields(file: &Path, filter: &str, fields: &[&str]) -> io::Result<Vec<Vec<String>>> {
    let mut words = vec!["-Y", filter, "-T", "fields"];
    words.extend(fields.iter().flat_map(|field| ["-e", field]));
    let text = tshark(file, &words)?;
    let row = |line: &str| line.split('\t').map(str::to_owned).collect();
    Ok(text.lines().map(row).collect())
}

/// Reads the bytes that each packet gave to the dissector of a protocol.
///
/// # Errors
/// The same.
pub fn bytes(file: &Path, protocol: &str) -> io::Result<Vec<Vec<u8>>> {
    let text = tshark(file, &["-Y", protocol, "-T", "jsonraw"])?;
    let packets: Vec<Value> = serde_json::from_str(&text).map_err(io::Error::other)?;
    let raw = format!("{protocol}_raw");
    let one = |packet: &Value| -> Option<Vec<u8>> {
        let digits = packet
            .get("_source")?
            .get("layers")?
            .get(&raw)?
            .get(0)?
            .as_str()?;
        let pair = |at| u8::from_str_radix(digits.get(at..at + 2)?, 16).ok();
        (0..digits.len()).step_by(2).map(pair).collect()
    };
    let missing = || io::Error::other("a packet without bytes of the protocol");
    packets
        .iter()
        .map(|packet| one(packet).ok_or_else(missing))
        .collect()
}

fn tshark(file: &Path, words: &[&str]) -> io::Result<String> {
    // No settings of whoever runs the tests, no look-ups of names.
    let mut tshark = Command::new("tshark");
    tshark.args(["-n", "-r"]).arg(file).args(words);
    tshark
        .env("HOME", "/nonexistent")
        .env_remove("XDG_CONFIG_HOME");
    let output = tshark.output()?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        Err(io::Error::other(
            String::from_utf8_lossy(&output.stderr).into_owned(),
        ))
    }
}
