//! `certs show`: what is installed beside what is needed.

use pki::{CertInfo, Error, Expiry, Finding, Installed, Need, State};
use serde::Serialize;
use time::OffsetDateTime;

use super::words;

/// One certificate, needed and installed.
#[derive(Debug, Serialize)]
pub(super) struct Row {
    machine: String,
    face: &'static str,
    needed: Vec<String>,
    installed: Option<Certificate>,
    /// Why the machine cannot work with it.
    faults: Vec<String>,
    /// What works today but deserves attention.
    notices: Vec<String>,
}

/// What is installed.
#[derive(Debug, Serialize)]
struct Certificate {
    subject: String,
    names: Vec<String>,
    issuer: String,
    serial: String,
    key: String,
    fingerprint: String,
    not_before: String,
    not_after: String,
    days_left: i64,
}

impl Row {
    /// Reads what is installed and holds it against the need.
    pub(super) fn read(state: &State, need: &Need, now: OffsetDateTime) -> Self {
        let (installed, findings) = match Installed::read(state, &need.machine, need.face) {
            Ok(there) => (
                there.info().map(|info| Certificate::new(info, now)),
                there.check(need, now),
            ),
            // A key that others may read is as bad as none; the row says so beside the others.
            Err(error) => return Self::unreadable(need, error),
        };
        let texts = |fault: bool| {
            let of_kind = findings
                .iter()
                .filter(move |finding| finding.is_fault() == fault);
            of_kind.map(Finding::to_string).collect()
        };
        Self {
            installed,
            faults: texts(true),
            notices: texts(false),
            ..Self::bare(need)
        }
    }

    /// Tells whether the machine cannot work with it.
    pub(super) fn is_wrong(&self) -> bool {
        !self.faults.is_empty()
    }

    /// Returns the cells of a table: machine, face, needed, installed, days left, issuer, verdict.
    pub(super) fn cells(&self) -> Vec<String> {
        let installed = self.installed.as_ref();
        let of = |text: fn(&Certificate) -> String| installed.map_or_else(|| "-".to_owned(), text);
        let verdict = if self.faults.is_empty() && self.notices.is_empty() {
            "good".to_owned()
        } else {
            [self.faults.as_slice(), &self.notices].concat().join("\n")
        };
        vec![
            self.machine.clone(),
            self.face.to_owned(),
            self.needed.join("\n"),
            installed.map_or_else(|| "-".to_owned(), |there| self.compared(&there.names)),
            of(|certificate| certificate.days_left.to_string()),
            of(|certificate| certificate.issuer.clone()),
            verdict,
        ]
    }

    /// Names are repeated only where they differ from those needed.
    fn compared(&self, names: &[String]) -> String {
        if names == self.needed {
            "as needed".to_owned()
        } else {
            names.join("\n")
        }
    }

    fn unreadable(need: &Need, error: Error) -> Self {
        Self {
            faults: vec![format!("{:#}", anyhow::Error::new(error))],
            ..Self::bare(need)
        }
    }

    fn bare(need: &Need) -> Self {
        Self {
            machine: need.machine.clone(),
            face: words::face(need.face),
            needed: need.names.clone(),
            installed: None,
            faults: Vec::new(),
            notices: Vec::new(),
        }
    }
}

impl Certificate {
    fn new(info: CertInfo, now: OffsetDateTime) -> Self {
        let days_left = match Expiry::of(&info, now) {
            Expiry::Valid { days } | Expiry::Soon { days } => days,
            Expiry::Expired { days } => -days,
            Expiry::NotYet { .. } => (info.not_after - now).whole_days(),
        };
        Self {
            subject: info.subject,
            names: info.sans,
            issuer: info.issuer,
            serial: info.serial,
            key: info.key.to_string(),
            fingerprint: info.fingerprint,
            not_before: words::date(info.not_before),
            not_after: words::date(info.not_after),
            days_left,
        }
    }
}
