//! A certificate authority for tests.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use rcgen::{
    BasicConstraints, Certificate, CertificateParams, CertificateRevocationListParams,
    DistinguishedName, DnType, IsCa, Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose,
    RevokedCertParams, SanType, SerialNumber,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use time::{Duration, OffsetDateTime};

/// Signs what tests need.
pub(crate) struct Authority {
    certificate: Certificate,
    issuer: Issuer<'static, KeyPair>,
}

/// A certificate and its key.
pub(crate) struct Identity {
    pub(crate) certificate: Certificate,
    pub(crate) key: KeyPair,
    serial: u64,
}

impl Identity {
    pub(crate) fn chain(&self) -> Vec<CertificateDer<'static>> {
        vec![self.certificate.der().clone()]
    }

    pub(crate) fn key(&self) -> PrivateKeyDer<'static> {
        PrivateKeyDer::try_from(self.key.serialize_der()).unwrap()
    }
}

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.distinguished_name = named("test authority");
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        Self {
            certificate,
            issuer: Issuer::new(params, key),
        }
    }

    /// Signs a certificate that is valid now.
    pub(crate) fn issue(&self, names: &[&str]) -> Identity {
        self.sign(names, 1, OffsetDateTime::now_utc() + Duration::days(1))
    }

    /// Signs a certificate with this serial number.
    pub(crate) fn issue_numbered(&self, names: &[&str], serial: u64) -> Identity {
        self.sign(names, serial, OffsetDateTime::now_utc() + Duration::days(1))
    }

    /// Signs a certificate whose time is over.
    pub(crate) fn issue_expired(&self, names: &[&str]) -> Identity {
        self.sign(names, 1, OffsetDateTime::now_utc() - Duration::hours(1))
    }

    fn sign(&self, names: &[&str], serial: u64, until: OffsetDateTime) -> Identity {
        let mut params =
            CertificateParams::new(names.iter().map(ToString::to_string).collect::<Vec<_>>())
                .unwrap();
        params.distinguished_name = named("someone");
        params.serial_number = Some(serial.into());
        params.not_before = OffsetDateTime::now_utc() - Duration::days(2);
        params.not_after = until;
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        Identity {
            certificate,
            key,
            serial,
        }
    }

    /// Signs a certificate that has a common name and no subjectAltName.
    pub(crate) fn issue_without_alternatives(&self, name: &str) -> Identity {
        let mut params = CertificateParams::default();
        params.distinguished_name = named(name);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        Identity {
            certificate,
            key,
            serial: 0,
        }
    }

    /// Signs a certificate with a URI and a dNSName in its subjectAltName.
    pub(crate) fn issue_with_uri(&self, uri: &str, host: &str) -> Identity {
        let mut params = CertificateParams::default();
        params.distinguished_name = named("someone");
        params.subject_alt_names = vec![
            SanType::DnsName(host.try_into().unwrap()),
            SanType::URI(uri.try_into().unwrap()),
        ];
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        Identity {
            certificate,
            key,
            serial: 0,
        }
    }

    pub(crate) fn der(&self) -> CertificateDer<'static> {
        self.certificate.der().clone()
    }

    /// Writes a folder as a machine has it.
    pub(crate) fn furnish(&self, folder: &Path, identity: &Identity) {
        std::fs::write(folder.join("cert.pem"), identity.certificate.pem()).unwrap();
        std::fs::write(folder.join("ca.pem"), self.certificate.pem()).unwrap();
        let key = folder.join("key.pem");
        std::fs::write(&key, identity.key.serialize_pem()).unwrap();
        std::fs::set_permissions(&key, Permissions::from_mode(0o600)).unwrap();
    }

    /// Writes a list that revokes these.
    pub(crate) fn revoke(&self, folder: &Path, revoked: &[&Identity]) {
        let now = OffsetDateTime::now_utc();
        let entry = |identity: &&Identity| RevokedCertParams {
            serial_number: SerialNumber::from(identity.serial),
            revocation_time: now,
            reason_code: None,
            invalidity_date: None,
        };
        let params = CertificateRevocationListParams {
            this_update: now - Duration::hours(1),
            next_update: now + Duration::days(1),
            crl_number: SerialNumber::from(1_u64),
            issuing_distribution_point: None,
            revoked_certs: revoked.iter().map(entry).collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        std::fs::write(
            folder.join("crl.pem"),
            params.signed_by(&self.issuer).unwrap().pem().unwrap(),
        )
        .unwrap();
    }
}

fn named(name: &str) -> DistinguishedName {
    let mut distinguished = DistinguishedName::new();
    distinguished.push(DnType::CommonName, name);
    distinguished
}
