//! `certs show`: what is installed beside what is needed.

use pki::{CertInfo, Error, Expiry, Finding, Installed, Need, Operator, State};
use serde::Serialize;
use time::OffsetDateTime;

use super::words;

/// One certificate of a machine or of an operator, needed and installed.
#[derive(Debug, Default, Serialize)]
pub(super) struct Row {
    #[serde(skip_serializing_if = "Option::is_none")]
    machine: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    face: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    operator: Option<String>,
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
        let bare = Self {
            machine: Some(need.machine.clone()),
            face: Some(words::face(need.face)),
            needed: need.names.clone(),
            ..Self::default()
        };
        let read = Installed::read(state, &need.machine, need.face);
        bare.judged(read, now, |there| there.check(need, now))
    }

    /// The same for an operator.
    pub(super) fn of_operator(state: &State, operator: &Operator, now: OffsetDateTime) -> Self {
        let bare = Self {
            operator: Some(operator.name().to_owned()),
            needed: vec![operator.uri()],
            ..Self::default()
        };
        let read = Installed::of_operator(state, operator);
        bare.judged(read, now, |there| there.check_operator(operator, now))
    }

    fn judged(
        self,
        read: Result<Installed, Error>,
        now: OffsetDateTime,
        check: impl FnOnce(&Installed) -> Vec<Finding>,
    ) -> Self {
        let there = match read {
            Ok(there) => there,
            // A key that others may read is as bad as none; the row says so beside the others.
            Err(error) => {
                let faults = vec![format!("{:#}", anyhow::Error::new(error))];
                return Self { faults, ..self };
            }
        };
        let findings = check(&there);
        let texts = |fault: bool| {
            let of_kind = findings
                .iter()
                .filter(move |finding| finding.is_fault() == fault);
            of_kind.map(Finding::to_string).collect()
        };
        Self {
            installed: there.info().map(|info| Certificate::new(info, now)),
            faults: texts(true),
            notices: texts(false),
            ..self
        }
    }

    /// Tells whether the machine cannot work with it.
    pub(super) fn is_wrong(&self) -> bool {
        !self.faults.is_empty()
    }

    /// Returns the cells of a table: whose, face, needed, installed, days left, issuer, verdict.
    pub(super) fn cells(&self) -> Vec<String> {
        let installed = self.installed.as_ref();
        let of = |text: fn(&Certificate) -> String| installed.map_or_else(|| "-".to_owned(), text);
        let verdict = if self.faults.is_empty() && self.notices.is_empty() {
            "good".to_owned()
        } else {
            [self.faults.as_slice(), &self.notices].concat().join("\n")
        };
        vec![
            self.whose(),
            self.face.unwrap_or("-").to_owned(),
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

    fn whose(&self) -> String {
        match (&self.machine, &self.operator) {
            (_, Some(operator)) => format!("operator {operator}"),
            (machine, None) => machine.clone().unwrap_or_default(),
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
