//! A list of route entries, sealed into one entry that leads to us: Record-Route, Route and Path.
//!
//! Most entries are ours, and what these share is not written: in one with a port, `transport=tls` and `lr` only what is
//! between `<sip:` and the parameters.

use super::OPEN_MAX;
use crate::config::{Address, Config};
use crate::msg::Uri;
use crate::role::route::uri_of;
use crate::token::Seal;

/// How the user part of a sealed entry begins.
pub(super) const PREFIX: &str = "hr.";
const PURPOSE: &str = "hidden route";
const FRONT: &str = "<sip:";
/// Of an entry in a dialog of `sips`, and of one into which only such are sealed (RFC 5630 5.3).
const SECURED_FRONT: &str = "<sips:";
const BACK: &str = ";transport=tls;lr>";

/// Seals entries into one that leads to this name of ours.
pub(super) fn sealed<'e>(
    config: &Config,
    entries: impl Iterator<Item = &'e str>,
    us: &Address,
) -> String {
    sealed_at(config, entries, &us.host, Some(us.port))
}

fn sealed_at<'e>(
    config: &Config,
    entries: impl Iterator<Item = &'e str>,
    host: &str,
    port: Option<u16>,
) -> String {
    let entries: Vec<&str> = entries.collect();
    let is_sips = entries.iter().all(|entry| entry.starts_with(SECURED_FRONT));
    let front = if is_sips { SECURED_FRONT } else { FRONT };
    let short: Vec<String> = entries.into_iter().map(shortened).collect();
    let plain = short.join("\n").into_bytes();
    let sealed = Seal::new(&config.keys.token, PURPOSE).close(plain, b"");
    let port = port.map(|port| format!(":{port}")).unwrap_or_default();
    format!("{front}{PREFIX}{sealed}@{host}{port}{BACK}")
}

/// Opens the entry that a URI is of; `None` if it is not sealed, or not by us.
pub(super) fn opened(config: &Config, uri: &Uri<'_>) -> Option<Vec<String>> {
    let text = uri.user?.strip_prefix(PREFIX)?;
    let seal = Seal::new(&config.keys.token, PURPOSE);
    let plain = String::from_utf8(seal.open(text, b"", OPEN_MAX)?).ok()?;
    Some(plain.split('\n').map(lengthened).collect())
}

/// The Path of an answer. That requests follow the flow is for the client to know (RFC 5626 5.1).
pub(super) fn of_path(config: &Config, entries: &[&str], us: &Address) -> String {
    let one = sealed(config, entries.iter().copied(), us);
    let is_bound = entries
        .iter()
        .any(|entry| entry.ends_with(";ob>") || entry.contains(";ob;"));
    match one.strip_suffix('>') {
        Some(open) if is_bound => format!("{open};ob>"),
        Some(_) | None => one,
    }
}

/// The Record-Route of a response as those outside see it: everything from the inside up to our own outer entry becomes
/// one; below it stands what is theirs. `None` if there is nothing to hide.
pub(super) fn of_response(config: &Config, entries: &[&str]) -> Option<Vec<String>> {
    let is_outer = |entry: &&str| {
        uri_of(entry).is_some_and(|uri| {
            let is_plain = uri.user.is_some_and(|user| !user.starts_with(PREFIX));
            is_plain && config.is_outer(uri.host)
        })
    };
    let Some(last) = entries.iter().rposition(is_outer) else {
        // Inside a dialog nobody follows these (RFC 3261 12.2); what is not ours to hide stays.
        let stays = |entry: &&&str| !uri_of(entry).is_some_and(|uri| config.is_inner(uri.host));
        let kept = entries
            .iter()
            .filter(stays)
            .map(|entry| (*entry).to_owned());
        let kept: Vec<String> = kept.collect();
        return (kept.len() < entries.len()).then_some(kept);
    };
    let (ours, theirs) = entries.split_at_checked(last + 1)?;
    let us = uri_of(ours.last()?)?;
    // Who called takes them in reverse order (RFC 3261 12.1.2), which does not turn what is within one.
    let one = sealed_at(config, ours.iter().rev().copied(), us.host, us.port);
    let theirs = theirs.iter().map(|entry| (*entry).to_owned());
    Some([one].into_iter().chain(theirs).collect())
}

fn shortened(entry: &str) -> String {
    let short = entry
        .strip_prefix(FRONT)
        .and_then(|rest| rest.strip_suffix(BACK))
        .filter(|rest| !rest.starts_with('<'));
    short.unwrap_or(entry).replace('\n', " ")
}

fn lengthened(entry: &str) -> String {
    // Any other entry has a bracket, if not at its beginning.
    if entry.contains('<') {
        entry.to_owned()
    } else {
        format!("{FRONT}{entry}{BACK}")
    }
}
