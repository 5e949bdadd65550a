//! What a certificate says of itself, as plain values.

use rustls_pki_types::CertificateDer;
use sha2::{Digest as _, Sha256};
use time::OffsetDateTime;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::public_key::PublicKey;

use crate::error::CertError;
use crate::pem;

/// A certificate in plain values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertInfo {
    /// The subject, as text.
    pub subject: String,
    /// The subject alternative names in the certificate's order: DNS names in lower case, URIs with a host as they are,
    /// others with their kind before them.
    pub sans: Vec<String>,
    /// The issuer, as text.
    pub issuer: String,
    /// From when on it is valid.
    pub not_before: OffsetDateTime,
    /// Until when it is valid.
    pub not_after: OffsetDateTime,
    /// The serial number in lower-case hexadecimal, without leading zeros.
    pub serial: String,
    /// The kind of its key.
    pub key: KeyKind,
    /// What it may be used for in TLS.
    pub usages: Usages,
    /// Whether it may sign other certificates.
    pub is_ca: bool,
    /// The SHA-256 of the whole certificate, as pairs of hexadecimal digits between colons.
    pub fingerprint: String,
}

/// The kind and size of a public key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyKind {
    /// Elliptic curve, by the size of its field in bits.
    Ec {
        /// 256, 384 or 521 for the usual curves.
        bits: usize,
    },
    /// RSA, by the length of its modulus in bits.
    Rsa {
        /// At least 2048 to be accepted.
        bits: usize,
    },
    /// Edwards curve (Ed25519).
    Edwards,
    /// Anything else.
    Other,
}

/// What a certificate may be used for in TLS. Without an extended key usage extension it may be used for all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usages {
    /// It may be shown by the side that is called.
    pub server: bool,
    /// It may be shown by the side that calls.
    pub client: bool,
}

/// Reads the first certificate of a PEM text.
///
/// # Errors
/// When there is none, or it is not valid X.509.
pub fn inspect(pem: &str) -> Result<CertInfo, CertError> {
    let certificates = pem::certificates(pem)?;
    describe(certificates.first().ok_or(CertError::NoCertificate)?)
}

/// Reads a certificate.
///
/// # Errors
/// When it is not valid X.509.
pub fn describe(der: &CertificateDer<'_>) -> Result<CertInfo, CertError> {
    let certificate = pem::parse(der)?;
    Ok(CertInfo {
        subject: certificate.subject().to_string(),
        sans: sans(&certificate)?,
        issuer: certificate.issuer().to_string(),
        not_before: certificate.validity().not_before.to_datetime(),
        not_after: certificate.validity().not_after.to_datetime(),
        serial: serial(&certificate),
        key: key_kind(&certificate),
        usages: usages(&certificate)?,
        is_ca: certificate.is_ca(),
        fingerprint: fingerprint(der),
    })
}

/// Returns the serial number as the index of the authority writes it.
pub(crate) fn serial(certificate: &X509Certificate<'_>) -> String {
    format!("{:x}", certificate.serial)
}

fn sans(certificate: &X509Certificate<'_>) -> Result<Vec<String>, CertError> {
    let extension = certificate
        .subject_alternative_name()
        .map_err(|_| CertError::Malformed)?;
    let names = extension
        .iter()
        .flat_map(|extension| &extension.value.general_names);
    Ok(names.map(san_text).collect())
}

/// Returns a DNS name in lower case, a URI with a host as it is, a name of another kind with its kind before it. A host
/// name never has what tells the second kind.
pub(crate) fn san_text(name: &GeneralName<'_>) -> String {
    if let GeneralName::DNSName(name) = name {
        return name.to_ascii_lowercase();
    }
    if let GeneralName::URI(uri) = name
        && uri.contains("://")
    {
        return (*uri).to_owned();
    }
    name.to_string()
}

fn usages(certificate: &X509Certificate<'_>) -> Result<Usages, CertError> {
    let extension = certificate
        .extended_key_usage()
        .map_err(|_| CertError::Malformed)?;
    Ok(extension.map_or(
        Usages {
            server: true,
            client: true,
        },
        |extension| Usages {
            server: extension.value.any || extension.value.server_auth,
            client: extension.value.any || extension.value.client_auth,
        },
    ))
}

fn key_kind(certificate: &X509Certificate<'_>) -> KeyKind {
    let key = certificate.public_key();
    if key.algorithm.algorithm == x509_parser::oid_registry::OID_SIG_ED25519 {
        return KeyKind::Edwards;
    }
    match key.parsed() {
        Ok(PublicKey::RSA(rsa)) => KeyKind::Rsa {
            bits: rsa.key_size(),
        },
        Ok(PublicKey::EC(point)) => KeyKind::Ec {
            bits: point.key_size(),
        },
        Ok(_) | Err(_) => KeyKind::Other,
    }
}

fn fingerprint(der: &[u8]) -> String {
    let pairs: Vec<String> = Sha256::digest(der)
        .iter()
        .map(|byte| format!("{byte:02X}"))
        .collect();
    pairs.join(":")
}

impl std::fmt::Display for KeyKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Ec { bits } => write!(f, "EC {bits}"),
            Self::Rsa { bits } => write!(f, "RSA {bits}"),
            Self::Edwards => f.write_str("Ed25519"),
            Self::Other => f.write_str("other"),
        }
    }
}
