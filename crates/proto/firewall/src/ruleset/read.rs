//! Tells the formats apart by what they look like.

use super::{Fault, LONGEST_TEXT, Ruleset, iptables, nft};

/// Reads the output of `nft -j list ruleset`, or of `iptables-save` and `ip6tables-save`, one after the other or alone.
///
/// # Errors
/// Fails when it is neither, or is damaged.
pub fn read(text: &str) -> Result<Ruleset, Fault> {
    if text.len() > LONGEST_TEXT {
        return Err(Fault::TooLong {
            bytes: text.len(),
            most: LONGEST_TEXT,
        });
    }
    let start = text.trim_start();
    if start.starts_with('{') {
        nft::read(text)
    } else if start.starts_with(['#', '*']) {
        iptables::read(text)
    } else {
        Err(Fault::UnknownFormat)
    }
}
