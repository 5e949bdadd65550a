//! What is installed beside what is needed.
//!
//! A [`Finding`] is either a fault (the machine will not be trusted, or cannot start) or a notice (it works today).
//! The names are compared exactly; a wildcard stands only for those names for which the need allows one, since the
//! identity of a server is never proven by a wildcard (RFC 5922 7.2).

use base::net::Face;
use time::{Duration, OffsetDateTime};

use crate::chain::ChainFault;
use crate::error::CertError;
use crate::inspect::{CertInfo, KeyKind};
use crate::names;
use crate::pem::MIN_RSA_BITS;

/// A certificate is renewed when less than this is left: time enough to notice that a renewal failed, and for a
/// renewal once a month never to come too late.
pub const RENEW_BEFORE: Duration = Duration::days(35);

/// One certificate that the topology asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Need {
    /// The machine's FQDN.
    pub machine: String,
    /// The face that shows it.
    pub face: Face,
    /// The names it must carry, the subject first.
    pub names: Vec<String>,
    /// Those of the names for which a wildcard will do; empty for none.
    pub wildcard: Vec<String>,
}

/// How the names of a certificate compare with those needed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    /// Needed, and not there.
    pub missing: Vec<String>,
    /// There, and not needed.
    pub extra: Vec<String>,
}

/// How a certificate stands in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expiry {
    /// It is valid, and for longer than [`RENEW_BEFORE`].
    Valid {
        /// Whole days left.
        days: i64,
    },
    /// It is valid but should be renewed.
    Soon {
        /// Whole days left.
        days: i64,
    },
    /// It is no longer valid.
    Expired {
        /// Whole days since.
        days: i64,
    },
    /// It is not valid yet.
    NotYet {
        /// Whole days until it is.
        days: i64,
    },
}

/// Something to say about an installed certificate.
#[derive(Debug, thiserror::Error)]
pub enum Finding {
    /// Nothing is installed.
    #[error("nothing is installed")]
    Absent,
    /// A part of it is not there.
    #[error("{file} is missing")]
    PartMissing {
        /// The file.
        file: &'static str,
    },
    /// A part of it cannot be used.
    #[error("{file}: {source}")]
    PartUnusable {
        /// The file.
        file: &'static str,
        /// What is wrong with it.
        source: CertError,
    },
    /// The private key is not the certificate's.
    #[error("the private key does not belong to the certificate")]
    KeyMismatch,
    /// Needed names are not there.
    #[error("names missing: {}", .0.join(", "))]
    MissingNames(Vec<String>),
    /// Names are there that are not needed; a notice.
    #[error("names not needed: {}", .0.join(", "))]
    ExtraNames(Vec<String>),
    /// It has expired.
    #[error("expired {days} days ago")]
    Expired {
        /// Whole days since.
        days: i64,
    },
    /// It is not valid yet.
    #[error("not valid for another {days} days")]
    NotYetValid {
        /// Whole days until it is.
        days: i64,
    },
    /// It should be renewed; a notice.
    #[error("expires in {days} days")]
    ExpiresSoon {
        /// Whole days left.
        days: i64,
    },
    /// Its usages leave out serving.
    #[error("it may not be used as a server (extended key usage serverAuth is missing)")]
    NoServerUsage,
    /// Its usages leave out calling; on an outside face a notice.
    #[error("it may not be used as a client (extended key usage clientAuth is missing)")]
    NoClientUsage {
        /// The face it is for.
        face: Face,
    },
    /// Its RSA key is too short.
    #[error("its RSA key has only {bits} bits")]
    ShortRsa {
        /// The length.
        bits: usize,
    },
    /// It does not chain to a trusted authority.
    #[error("{0}")]
    Chain(ChainFault),
    /// The revocation list is past its next update; a notice, since an old list is still applied.
    #[error("the revocation list should have been renewed {days} days ago")]
    OldCrl {
        /// Whole days since.
        days: i64,
    },
}

impl Finding {
    /// Tells whether the machine cannot work with it; otherwise it is a notice.
    #[must_use]
    pub const fn is_fault(&self) -> bool {
        match self {
            Self::ExtraNames(_) | Self::ExpiresSoon { .. } | Self::OldCrl { .. } => false,
            Self::NoClientUsage { face } => matches!(face, Face::Inside),
            Self::Absent
            | Self::PartMissing { .. }
            | Self::PartUnusable { .. }
            | Self::KeyMismatch
            | Self::MissingNames(_)
            | Self::Expired { .. }
            | Self::NotYetValid { .. }
            | Self::NoServerUsage
            | Self::ShortRsa { .. }
            | Self::Chain(_) => true,
        }
    }
}

impl Expiry {
    /// Judges a period of validity at a point in time.
    #[must_use]
    pub fn of(info: &CertInfo, now: OffsetDateTime) -> Self {
        let left = info.not_after - now;
        if now < info.not_before {
            Self::NotYet {
                days: (info.not_before - now).whole_days(),
            }
        } else if left.is_negative() {
            Self::Expired {
                days: -left.whole_days(),
            }
        } else if left < RENEW_BEFORE {
            Self::Soon {
                days: left.whole_days(),
            }
        } else {
            Self::Valid {
                days: left.whole_days(),
            }
        }
    }
}

/// Compares the names of a certificate with those that a machine needs.
#[must_use]
pub fn compare(need: &Need, info: &CertInfo) -> Names {
    let same = |a: &str, b: &str| a.eq_ignore_ascii_case(b);
    let by_wildcard = |name: &String| {
        need.wildcard.iter().any(|allowed| same(allowed, name))
            && info.sans.iter().any(|san| names::covers(san, name))
    };
    let is_there = |name: &String| info.sans.iter().any(|san| same(san, name));
    let is_needed = |san: &String| {
        need.names.iter().any(|name| same(name, san))
            || need.wildcard.iter().any(|name| names::covers(san, name))
    };
    Names {
        missing: need
            .names
            .iter()
            .filter(|n| !is_there(n) && !by_wildcard(n))
            .cloned()
            .collect(),
        extra: info
            .sans
            .iter()
            .filter(|san| !is_needed(san))
            .cloned()
            .collect(),
    }
}

/// Says everything about the certificate itself, its key and chain apart.
pub(crate) fn findings(need: &Need, info: &CertInfo, now: OffsetDateTime) -> Vec<Finding> {
    let mut found = Vec::new();
    let names = compare(need, info);
    if !names.missing.is_empty() {
        found.push(Finding::MissingNames(names.missing));
    }
    if !names.extra.is_empty() {
        found.push(Finding::ExtraNames(names.extra));
    }
    found.extend(of_time(info, now));
    if !info.usages.server {
        found.push(Finding::NoServerUsage);
    }
    if !info.usages.client {
        found.push(Finding::NoClientUsage { face: need.face });
    }
    found.extend(of_key(info));
    found
}

/// The same for an operator, who needs one URI and is never called.
pub(crate) fn of_operator(uri: &str, info: &CertInfo, now: OffsetDateTime) -> Vec<Finding> {
    let mut found = Vec::new();
    if !info.sans.iter().any(|san| san == uri) {
        found.push(Finding::MissingNames(vec![uri.to_owned()]));
    }
    let extra: Vec<String> = info
        .sans
        .iter()
        .filter(|san| **san != uri)
        .cloned()
        .collect();
    if !extra.is_empty() {
        found.push(Finding::ExtraNames(extra));
    }
    found.extend(of_time(info, now));
    if !info.usages.client {
        let face = Face::Inside;
        found.push(Finding::NoClientUsage { face });
    }
    found.extend(of_key(info));
    found
}

fn of_time(info: &CertInfo, now: OffsetDateTime) -> Option<Finding> {
    match Expiry::of(info, now) {
        Expiry::Valid { .. } => None,
        Expiry::Soon { days } => Some(Finding::ExpiresSoon { days }),
        Expiry::Expired { days } => Some(Finding::Expired { days }),
        Expiry::NotYet { days } => Some(Finding::NotYetValid { days }),
    }
}

fn of_key(info: &CertInfo) -> Option<Finding> {
    match info.key {
        KeyKind::Rsa { bits } if bits < MIN_RSA_BITS => Some(Finding::ShortRsa { bits }),
        KeyKind::Rsa { .. } | KeyKind::Ec { .. } | KeyKind::Edwards | KeyKind::Other => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::Usages;

    fn info(left: Duration) -> CertInfo {
        CertInfo {
            subject: "CN=a.example".to_owned(),
            sans: vec!["a.example".to_owned(), "*.b.example".to_owned()],
            issuer: "CN=test".to_owned(),
            not_before: OffsetDateTime::UNIX_EPOCH - Duration::DAY,
            not_after: OffsetDateTime::UNIX_EPOCH + left,
            serial: "1".to_owned(),
            key: KeyKind::Ec { bits: 256 },
            usages: Usages {
                server: true,
                client: false,
            },
            is_ca: false,
            fingerprint: String::new(),
        }
    }

    fn need(face: Face) -> Need {
        let strings = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Need {
            machine: "a.example".to_owned(),
            face,
            names: strings(&["A.example", "x.b.example", "y.b.example"]),
            wildcard: strings(&["x.b.example"]),
        }
    }

    #[test]
    fn expiry_turns_at_its_edges() {
        let now = OffsetDateTime::UNIX_EPOCH;
        let of = |left: Duration| Expiry::of(&info(left), now);
        assert_eq!(of(RENEW_BEFORE), Expiry::Valid { days: 35 });
        assert_eq!(
            of(RENEW_BEFORE - Duration::SECOND),
            Expiry::Soon { days: 34 }
        );
        assert_eq!(of(Duration::ZERO), Expiry::Soon { days: 0 });
        assert_eq!(of(-Duration::SECOND), Expiry::Expired { days: 0 });
        let before = now - Duration::days(3);
        assert_eq!(
            Expiry::of(&info(Duration::DAY), before),
            Expiry::NotYet { days: 2 }
        );
    }

    #[test]
    fn names_are_exact_but_for_case_and_allowed_wildcards() {
        let names = compare(&need(Face::Inside), &info(Duration::DAY));
        assert_eq!(names.missing, ["y.b.example"]);
        assert!(names.extra.is_empty());
        let mut strict = need(Face::Inside);
        strict.wildcard.clear();
        let names = compare(&strict, &info(Duration::DAY));
        assert_eq!(names.missing, ["x.b.example", "y.b.example"]);
        assert_eq!(names.extra, ["*.b.example"]);
    }

    #[test]
    fn a_certificate_for_servers_only_is_a_fault_inside_and_a_notice_outside() {
        let found = |face| {
            let all = findings(
                &need(face),
                &info(Duration::days(300)),
                OffsetDateTime::UNIX_EPOCH,
            );
            let client = |finding: &Finding| matches!(finding, Finding::NoClientUsage { .. });
            all.into_iter()
                .find(client)
                .map(|finding| finding.is_fault())
        };
        assert_eq!(found(Face::Inside), Some(true));
        assert_eq!(found(Face::Outside), Some(false));
    }
}
