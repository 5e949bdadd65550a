//! What the authority issued and revoked: one JSON file, read at the start and replaced whole.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use time::{Duration, OffsetDateTime};

use super::Asked;
use crate::error::Error;
use crate::files;

/// A certificate is forgotten this long after it expired. Until then a revoked one stays in the list, so that it
/// appears in at least one list made after its expiry (RFC 5280 3.3).
const REMEMBER: Duration = Duration::days(90);

/// The index in memory, as it is in the file.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Index {
    /// The number of the last revocation list; lists count upwards.
    pub(super) crl_number: u64,
    issued: Vec<Entry>,
}

/// One certificate. Times are in seconds since 1970 UTC.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Entry {
    pub(super) serial: String,
    /// Whose it is: the FQDN of a machine or the URI of an operator.
    #[serde(alias = "machine")]
    pub(super) holder: String,
    names: Vec<String>,
    issued: i64,
    not_after: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    revoked: Option<i64>,
}

impl Entry {
    pub(super) fn new(
        serial: &[u8],
        asked: &Asked,
        now: OffsetDateTime,
        not_after: OffsetDateTime,
    ) -> Self {
        Self {
            serial: to_hex(serial),
            holder: asked.holder.clone(),
            names: asked.names.clone(),
            issued: now.unix_timestamp(),
            not_after: not_after.unix_timestamp(),
            revoked: None,
        }
    }
}

impl Index {
    /// Reads the index of the authority in a directory. Its absence is an error, since revocations would be lost.
    pub(super) fn read(dir: &Path) -> Result<Self, Error> {
        let path = path(dir);
        let text = files::read_private(&path)?;
        serde_json::from_str(&text).map_err(|source| Error::BadIndex { path, source })
    }

    /// Replaces the file, leaving out what expired long ago.
    pub(super) fn write(&mut self, dir: &Path, now: OffsetDateTime) -> Result<(), Error> {
        let oldest = (now - REMEMBER).unix_timestamp();
        self.issued.retain(|entry| entry.not_after >= oldest);
        let path = path(dir);
        let text = serde_json::to_string_pretty(self).map_err(|source| Error::BadIndex {
            path: path.clone(),
            source,
        })?;
        Ok(files::write_private(&path, &text)?)
    }

    pub(super) fn add(&mut self, entry: Entry) {
        self.issued.push(entry);
    }

    /// Counts the revocation lists upwards.
    pub(super) fn next_crl_number(&mut self) -> u64 {
        self.crl_number += 1;
        self.crl_number
    }

    /// Revokes what is meant and in force; returns the serial numbers.
    pub(super) fn revoke(
        &mut self,
        is_meant: impl Fn(&Entry) -> bool,
        now: OffsetDateTime,
    ) -> Vec<String> {
        let now = now.unix_timestamp();
        let in_force = |entry: &&mut Entry| entry.revoked.is_none() && entry.not_after >= now;
        let mut serials = Vec::new();
        for entry in self.issued.iter_mut().filter(in_force) {
            if is_meant(entry) {
                entry.revoked = Some(now);
                serials.push(entry.serial.clone());
            }
        }
        serials
    }

    /// Returns serial number and time of everything that was revoked.
    pub(super) fn revoked(&self) -> impl Iterator<Item = (Vec<u8>, OffsetDateTime)> {
        self.issued.iter().filter_map(|entry| {
            let at = OffsetDateTime::from_unix_timestamp(entry.revoked?).ok()?;
            Some((from_hex(&entry.serial)?, at))
        })
    }

    /// Tells whether a certificate was revoked.
    pub(super) fn is_revoked(&self, serial: &str) -> bool {
        self.issued
            .iter()
            .any(|entry| entry.serial == serial && entry.revoked.is_some())
    }
}

fn path(dir: &Path) -> PathBuf {
    dir.join("index.json")
}

fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    if !text.is_ascii() || !text.len().is_multiple_of(2) {
        return None;
    }
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(text.get(at..at + 2)?, 16).ok())
        .collect()
}
