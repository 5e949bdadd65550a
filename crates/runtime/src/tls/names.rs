//! The names that a certificate proves.
//!
//! RFC 5922 section 7: the subjectAltName decides; the common name counts only when there is no subjectAltName at all;
//! wildcards prove nothing. Of a subjectAltName the `sip:` URIs count that name a domain and no user, and the dNSName
//! entries where there is no such URI (section 7.1): then its owner has said which of its names are SIP domains. A
//! `sips:` URI proves nothing.

use std::time::{SystemTime, UNIX_EPOCH};

use base::net::Fingerprint;
use rustls_pki_types::CertificateDer;
use sha2::{Digest as _, Sha256};
use x509_parser::prelude::{FromDer as _, GeneralName, X509Certificate};

/// Why a certificate that verified is still not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NamesError {
    /// The peer's certificate cannot be read; refuse the connection.
    #[error("the certificate cannot be parsed")]
    Malformed,
    /// Its time is over, as a resumed session can outlive it; refuse the connection.
    #[error("the certificate is not valid at this time")]
    NotNow,
}

/// What a verified certificate proves.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proven {
    /// Names of machines and domains, as [`proven_names`] returns them.
    pub names: Vec<String>,
    /// Its URIs of every scheme, as they are written: whoever knows one of these kinds says what it proves.
    pub uris: Vec<String>,
}

/// Returns the names that a verified certificate proves, lower case, in its order.
///
/// # Errors
/// See [`NamesError`].
pub fn proven_names(certificate: &CertificateDer<'_>) -> Result<Vec<String>, NamesError> {
    proven(certificate).map(|proven| proven.names)
}

/// Returns the names that a verified certificate proves, and its URIs.
///
/// # Errors
/// See [`NamesError`].
pub fn proven(certificate: &CertificateDer<'_>) -> Result<Proven, NamesError> {
    let (_, parsed) = X509Certificate::from_der(certificate).map_err(|_| NamesError::Malformed)?;
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs());
    let now = i64::try_from(now).unwrap_or(i64::MAX);
    let validity = parsed.validity();
    if now < validity.not_before.timestamp() || validity.not_after.timestamp() < now {
        return Err(NamesError::NotNow);
    }
    let alternative = parsed
        .subject_alternative_name()
        .map_err(|_| NamesError::Malformed)?;
    let alternative = alternative.map(|names| names.value.general_names.as_slice());
    let uris = alternative.into_iter().flatten().filter_map(uri);
    let found: Vec<&str> = match alternative {
        Some(names) => domains(names),
        None => parsed
            .subject()
            .iter_common_name()
            .filter_map(|name| name.as_str().ok())
            .collect(),
    };
    let whole = found
        .into_iter()
        .filter(|name| !name.contains('*') && !name.is_empty());
    Ok(Proven {
        names: whole.map(str::to_ascii_lowercase).collect(),
        uris: uris.map(str::to_owned).collect(),
    })
}

/// The SIP domains of a subjectAltName.
fn domains<'a>(names: &'a [GeneralName<'a>]) -> Vec<&'a str> {
    let said: Vec<&str> = names.iter().filter_map(said).collect();
    if said.is_empty() {
        names.iter().filter_map(host_name).collect()
    } else {
        said
    }
}

fn said<'a>(name: &GeneralName<'a>) -> Option<&'a str> {
    uri(name).and_then(domain_of)
}

fn uri<'a>(name: &GeneralName<'a>) -> Option<&'a str> {
    if let GeneralName::URI(uri) = name {
        return Some(uri);
    }
    None
}

/// Returns what a certificate is told by: SHA-256 of it.
#[must_use]
pub fn fingerprint(certificate: &CertificateDer<'_>) -> Fingerprint {
    Sha256::digest(certificate).into()
}

fn host_name<'a>(name: &GeneralName<'a>) -> Option<&'a str> {
    if let GeneralName::DNSName(name) = name {
        return Some(name);
    }
    None
}

/// The domain of a `sip:` URI without a user, port or parameter.
fn domain_of(uri: &str) -> Option<&str> {
    let (scheme, host) = uri.split_once(':')?;
    let is_bare = !host.contains(['@', ':', ';', '?', '/']);
    (scheme.eq_ignore_ascii_case("sip") && is_bare).then_some(host)
}
