//! Certificates of operators: who may command the deployment from wherever they are.
//!
//! An operator's certificate is of the private authority, calls and is never called, and carries one name, a URI:
//! `spiffe://DOMAIN/operator/NAME`, where DOMAIN is the first SIP domain of the deployment. It carries no DNS name, so it
//! proves no machine, and a common name that cannot be one.
//!
//! Nothing here happens by itself: [`crate::ensure()`] neither makes nor renews such a certificate, since whoever has
//! left must not get a fresh one from a timer.

use std::fmt;
use std::io;

use rcgen::{CertificateParams, ExtendedKeyUsagePurpose, IsCa, KeyUsagePurpose, SanType};
use time::{Duration, OffsetDateTime};

use crate::ca::{Ca, profile};
use crate::ensure::{self, Done};
use crate::error::Error;
use crate::files::{self, FileError};
use crate::install::Installed;
use crate::layout::State;
use crate::names;
use crate::verdict::Finding;

/// How long an operator's certificate is valid: people change more often than machines.
pub const OPERATOR_VALIDITY: Duration = Duration::days(180);

/// The longest name of an operator.
const MAX_NAME: usize = 48;
const SCHEME: &str = "spiffe://";
const KIND: &str = "operator/";

/// An operator of a deployment, by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operator {
    domain: String,
    name: String,
}

impl Operator {
    /// Names an operator; case does not matter.
    ///
    /// # Errors
    /// [`Error::BadOperator`] unless the name is made of 1 to 48 letters, digits, hyphens, underscores and dots, a letter
    /// or digit first; [`Error::BadName`] when the domain is no DNS name.
    pub fn new(domain: &str, name: &str) -> Result<Self, Error> {
        names::check_machine(domain)?;
        let lower = name.to_ascii_lowercase();
        if !is_name(&lower) {
            return Err(Error::BadOperator {
                name: name.to_owned(),
            });
        }
        Ok(Self {
            domain: domain.to_ascii_lowercase(),
            name: lower,
        })
    }

    /// Reads the URI of an operator; `None` if it is anything else.
    #[must_use]
    pub fn of_uri(uri: &str) -> Option<Self> {
        let (domain, path) = uri.strip_prefix(SCHEME)?.split_once('/')?;
        let read = Self::new(domain, path.strip_prefix(KIND)?).ok()?;
        (read.uri() == uri).then_some(read)
    }

    /// Returns the URI that stands in the certificate.
    #[must_use]
    pub fn uri(&self) -> String {
        format!("{SCHEME}{}/{KIND}{}", self.domain, self.name)
    }

    /// Returns the SIP domain of the deployment that it is an operator of.
    #[must_use]
    pub fn domain(&self) -> &str {
        &self.domain
    }

    /// Returns the name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Describes the certificate, its time and number apart.
    pub(crate) fn described(&self) -> Result<CertificateParams, Error> {
        let mut params = CertificateParams::default();
        let uri = self.uri().try_into().map_err(Error::Sign)?;
        params.subject_alt_names = vec![SanType::URI(uri)];
        params.distinguished_name = profile::common_name(&self.to_string());
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        Ok(params)
    }
}

impl fmt::Display for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "operator {}", self.name)
    }
}

/// Makes an operator's certificate if it is missing, wrong, revoked or soon to expire.
///
/// # Errors
/// When there is no authority, it cannot sign, or a file cannot be read or written.
pub fn ensure_operator(
    state: &State,
    operator: &Operator,
    now: OffsetDateTime,
) -> Result<Option<Done>, Error> {
    let mut ca = Ca::open(&state.ca())?;
    let dir = state.operator(operator.name());
    let there = Installed::read_in(&dir)?;
    let findings = there.check_operator(operator, now);
    if ensure::is_foreign(&ca, &there) {
        return Ok((!findings.is_empty()).then(|| Done::OperatorLeft {
            operator: operator.name.clone(),
            findings,
        }));
    }
    let Some(why) = ensure::reason(&ca, &there, findings) else {
        return Ok(None);
    };
    let issued = ca.issue_operator(operator, now)?;
    ensure::fresh(&mut ca, issued, there.ca, now)?.write_in(&dir)?;
    Ok(Some(Done::OperatorIssued {
        operator: operator.name.clone(),
        why,
    }))
}

/// Lists the names of the operators that have a directory, in order.
///
/// # Errors
/// When the directory above them cannot be read.
pub fn operators(state: &State) -> Result<Vec<String>, Error> {
    let found = files::list(&state.operators())?.into_iter();
    let names = found.filter_map(|path| Some(path.file_name()?.to_str()?.to_owned()));
    Ok(names.filter(|name| is_name(name)).collect())
}

/// Takes away an operator's files if their certificate was revoked; a certificate in force stays.
///
/// # Errors
/// When a file cannot be read or removed.
pub fn forget_operator(state: &State, ca: &Ca, name: &str) -> Result<(), Error> {
    let name = name.to_ascii_lowercase();
    if !is_name(&name) {
        return Ok(());
    }
    let dir = state.operator(&name);
    let serial = Installed::read_in(&dir)?.info().map(|info| info.serial);
    if !serial.is_some_and(|serial| ca.has_revoked(&serial)) {
        return Ok(());
    }
    Installed::remove_in(&dir)?;
    match std::fs::remove_dir(&dir) {
        // What somebody else has put there is not ours to take away.
        Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => Ok(()),
        Err(source) => Err(FileError::Write { path: dir, source }.into()),
        Ok(()) => Ok(()),
    }
}

impl Installed {
    /// Reads what an operator has.
    ///
    /// # Errors
    /// When a file cannot be read, or the key is open to others.
    pub fn of_operator(state: &State, operator: &Operator) -> Result<Self, Error> {
        Ok(Self::read_in(&state.operator(operator.name()))?)
    }

    /// Holds it against what an operator needs: everything there is to say, faults and notices.
    #[must_use]
    pub fn check_operator(&self, operator: &Operator, now: OffsetDateTime) -> Vec<Finding> {
        self.check_by(now, |info| {
            crate::verdict::of_operator(&operator.uri(), info, now)
        })
    }
}

fn is_name(name: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    name.len() <= MAX_NAME
        && name.bytes().next().is_some_and(inner)
        && name
            .bytes()
            .all(|byte| inner(byte) || matches!(byte, b'-' | b'_' | b'.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_also_safe_as_a_folder_and_in_a_uri() {
        for good in ["ann", "Ann.Lee", "night-shift_2", "7"] {
            let operator = Operator::new("contoso.com", good).unwrap();
            assert_eq!(Operator::of_uri(&operator.uri()), Some(operator));
        }
        let long = "a".repeat(MAX_NAME + 1);
        for bad in [
            "", ".", "..", "../up", "a/b", "a b", "a%2e", "-a", "é", &long,
        ] {
            let refused = Operator::new("contoso.com", bad);
            assert!(matches!(refused, Err(Error::BadOperator { .. })), "{bad}");
        }
        assert!(Operator::new("not a domain", "ann").is_err());
    }

    #[test]
    fn only_the_uri_of_an_operator_is_one() {
        for other in [
            "spiffe://contoso.com/operator/Ann",
            "spiffe://contoso.com/operator/",
            "spiffe://contoso.com/operator/ann/x",
            "spiffe://contoso.com/machine/ann",
            "spiffe://user@contoso.com/operator/ann",
            "spiffe://contoso.com:1/operator/ann",
            "https://contoso.com/operator/ann",
            "sip:contoso.com",
        ] {
            assert_eq!(Operator::of_uri(other), None, "{other}");
        }
    }
}
