//! How things of `pki` are said.

use base::net::Face;
use pki::{Done, Why};
use serde::Serialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Something that was done, as text and as data.
#[derive(Debug, Serialize)]
pub(super) struct Said {
    /// What was done.
    pub(super) done: &'static str,
    /// To which machine or pool, if to one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) name: Option<String>,
    /// On which face, if it matters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) face: Option<&'static str>,
    /// Why, or what there is to say about it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) reasons: Vec<String>,
    /// Whether it was left although something is wrong with it.
    #[serde(skip)]
    pub(super) is_fault: bool,
}

impl Said {
    /// Returns it as one line.
    pub(super) fn line(&self) -> String {
        let mut line = self.done.to_owned();
        if let Some(name) = &self.name {
            line = format!("{name}: {line}");
        }
        if let Some(face) = self.face {
            line = format!("{line} ({face})");
        }
        if !self.reasons.is_empty() {
            line = format!("{line}: {}", self.reasons.join("; "));
        }
        line
    }
}

impl From<Done> for Said {
    fn from(done: Done) -> Self {
        let plain = |done| Self {
            done,
            name: None,
            face: None,
            reasons: Vec::new(),
            is_fault: false,
        };
        match done {
            Done::CaMade => plain("certificate authority made"),
            Done::CrlRenewed => plain("revocation list renewed"),
            Done::PoolKeyMade { pool } => Self {
                name: Some(pool),
                ..plain("pool key made")
            },
            Done::PoolKeyGiven { pool, machine } => Self {
                name: Some(machine),
                reasons: vec![format!("of {pool}")],
                ..plain("pool key written")
            },
            Done::Issued {
                machine,
                face: on,
                why,
            } => Self {
                name: Some(machine),
                face: Some(face(on)),
                reasons: reason(&why).into_iter().collect(),
                ..plain("certificate issued")
            },
            Done::OperatorIssued { operator, why } => Self {
                name: Some(format!("operator {operator}")),
                reasons: reason(&why).into_iter().collect(),
                ..plain("certificate issued")
            },
            Done::OperatorLeft { operator, findings } => Self {
                name: Some(format!("operator {operator}")),
                reasons: findings.iter().map(ToString::to_string).collect(),
                is_fault: findings.iter().any(pki::Finding::is_fault),
                ..plain("certificate of another authority left as it is")
            },
            Done::LeftForeign {
                machine,
                face: on,
                findings,
            } => Self {
                name: Some(machine),
                face: Some(face(on)),
                reasons: findings.iter().map(ToString::to_string).collect(),
                is_fault: findings.iter().any(pki::Finding::is_fault),
                ..plain("certificate of another authority left as it is")
            },
        }
    }
}

/// Names a face.
pub(super) const fn face(face: Face) -> &'static str {
    match face {
        Face::Inside => "inside",
        Face::Outside => "outside",
    }
}

/// Writes a point in time, to the second.
pub(super) fn date(at: OffsetDateTime) -> String {
    let whole = at.replace_nanosecond(0).unwrap_or(at);
    whole.format(&Rfc3339).unwrap_or_else(|_| whole.to_string())
}

fn reason(why: &Why) -> Option<String> {
    match why {
        Why::Asked => None,
        Why::Revoked => Some("the old one was revoked".to_owned()),
        Why::Found(finding) => Some(finding.to_string()),
    }
}
