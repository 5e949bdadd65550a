//! Taking PEM apart.

use rcgen::KeyPair;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{
    CertificateDer, CertificateRevocationListDer, CertificateSigningRequestDer, PrivateKeyDer,
};
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer as _;
use x509_parser::public_key::PublicKey;
use x509_parser::x509::SubjectPublicKeyInfo;

use crate::error::CertError;

/// RSA keys below this length are refused.
pub(crate) const MIN_RSA_BITS: usize = 2048;

/// Returns every certificate, first the machine's own, then those of the chain.
pub(crate) fn certificates(pem: &str) -> Result<Vec<CertificateDer<'static>>, CertError> {
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
    let all = all.map_err(|_| CertError::NoCertificate)?;
    if all.is_empty() {
        Err(CertError::NoCertificate)
    } else {
        Ok(all)
    }
}

/// Returns every revocation list.
pub(crate) fn crls(pem: &str) -> Result<Vec<CertificateRevocationListDer<'static>>, CertError> {
    let all: Result<Vec<_>, _> =
        CertificateRevocationListDer::pem_slice_iter(pem.as_bytes()).collect();
    let all = all.map_err(|_| CertError::NoCrl)?;
    if all.is_empty() {
        Err(CertError::NoCrl)
    } else {
        Ok(all)
    }
}

/// Returns the first signing request.
pub(crate) fn signing_request(
    pem: &str,
) -> Result<CertificateSigningRequestDer<'static>, CertError> {
    CertificateSigningRequestDer::from_pem_slice(pem.as_bytes()).map_err(|_| CertError::NoRequest)
}

/// Reads a private key in any of the usual forms; short RSA keys are refused by the cryptographic library.
pub(crate) fn key_pair(pem: &str) -> Result<KeyPair, CertError> {
    let der = PrivateKeyDer::from_pem_slice(pem.as_bytes()).map_err(|_| CertError::NoKey)?;
    KeyPair::try_from(&der).map_err(CertError::BadKey)
}

/// Reads one certificate, to the last byte.
pub(crate) fn parse<'a>(der: &'a CertificateDer<'_>) -> Result<X509Certificate<'a>, CertError> {
    match X509Certificate::from_der(der) {
        Ok(([], certificate)) => Ok(certificate),
        Ok(_) | Err(_) => Err(CertError::Malformed),
    }
}

/// Returns the length of an RSA key; `None` for keys of another kind.
pub(crate) fn rsa_bits(key: &SubjectPublicKeyInfo<'_>) -> Option<usize> {
    match key.parsed() {
        Ok(PublicKey::RSA(rsa)) => Some(rsa.key_size()),
        Ok(_) | Err(_) => None,
    }
}

/// Tells whether a private key belongs to a certificate.
pub(crate) fn belongs(key: &KeyPair, certificate: &X509Certificate<'_>) -> bool {
    certificate.public_key().subject_public_key.data.as_ref() == key.public_key_raw()
}
