//! What the authority's own certificate, machines' certificates and signing requests look like.

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyUsagePurpose, SanType, SubjectPublicKeyInfo,
};
use time::{Duration, OffsetDateTime};
use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::extensions::ParsedExtension;
use x509_parser::prelude::FromDer as _;

use crate::error::{CertError, Error};
use crate::{inspect, names, pem};

/// How long the authority itself is valid: its successor has to be carried to every client.
const CA_VALIDITY: Duration = Duration::days(3653);

/// Certificates are valid from a little before they were made, for machines whose clocks are behind.
pub(crate) const BACKDATE: Duration = Duration::hours(1);

/// Describes the authority's own certificate: it signs certificates and lists, and no authority below it.
pub(super) fn authority(name: &str, now: OffsetDateTime) -> Result<CertificateParams, Error> {
    let mut params = CertificateParams::default();
    params.distinguished_name = common_name(name);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.not_before = now - BACKDATE;
    params.not_after = now + CA_VALIDITY;
    params.serial_number = Some(rcgen::SerialNumber::from_slice(&random_serial()?));
    Ok(params)
}

/// Describes a machine's certificate: it may call and be called, under exactly these names.
///
/// A name that is too long for a common name leaves the subject empty, which RFC 5280 4.1.2.6 allows when there are
/// alternative names.
pub(crate) fn machine(given: &[String]) -> Result<CertificateParams, Error> {
    names::check(given)?;
    let mut params = CertificateParams::default();
    let subject = given
        .first()
        .filter(|name| name.len() <= names::MAX_COMMON_NAME);
    params.distinguished_name =
        subject.map_or_else(DistinguishedName::new, |name| common_name(name));
    params.subject_alt_names = given
        .iter()
        .map(|name| Ok(SanType::DnsName(name.to_ascii_lowercase().try_into()?)))
        .collect::<Result<_, _>>()
        .map_err(Error::Sign)?;
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![
        ExtendedKeyUsagePurpose::ServerAuth,
        ExtendedKeyUsagePurpose::ClientAuth,
    ];
    Ok(params)
}

/// Returns the public key of a signing request that is signed with its own key and asks for no name but these.
pub(super) fn requested_key(
    allowed: &[String],
    csr_pem: &str,
) -> Result<SubjectPublicKeyInfo, CertError> {
    let der = pem::signing_request(csr_pem)?;
    let (_, request) =
        X509CertificationRequest::from_der(&der).map_err(|_| CertError::BadRequest)?;
    let key = key_of(&request)?;
    let unwanted = requested_names(&request).into_iter().find(|name| {
        !allowed
            .iter()
            .any(|allowed| allowed.eq_ignore_ascii_case(name))
    });
    if let Some(name) = unwanted {
        return Err(CertError::UnwantedName { name });
    }
    Ok(key)
}

/// Returns the public key of a signing request that is signed with its own key.
pub(crate) fn key_of(
    request: &X509CertificationRequest<'_>,
) -> Result<SubjectPublicKeyInfo, CertError> {
    let key = &request.certification_request_info.subject_pki;
    // The signature of a short key would not be verified at all, so its length is looked at first.
    if let Some(bits) = pem::rsa_bits(key).filter(|bits| *bits < pem::MIN_RSA_BITS) {
        return Err(CertError::ShortRsa { bits });
    }
    request
        .verify_signature()
        .map_err(|_| CertError::BadRequest)?;
    SubjectPublicKeyInfo::from_der(key.raw).map_err(CertError::BadKey)
}

/// Returns 16 random bytes that read as a positive number without leading zero (RFC 5280 4.1.2.2).
pub(crate) fn random_serial() -> Result<[u8; 16], Error> {
    let mut serial = [0; 16];
    getrandom::fill(&mut serial).map_err(Error::Random)?;
    serial[0] = serial[0] & 0x7f | 0x40;
    Ok(serial)
}

pub(crate) fn common_name(name: &str) -> DistinguishedName {
    let mut subject = DistinguishedName::new();
    subject.push(DnType::CommonName, name);
    subject
}

fn requested_names(request: &X509CertificationRequest<'_>) -> Vec<String> {
    let mut requested = Vec::new();
    for extension in request.requested_extensions().into_iter().flatten() {
        if let ParsedExtension::SubjectAlternativeName(san) = extension {
            requested.extend(san.general_names.iter().map(inspect::san_text));
        }
    }
    requested
}
