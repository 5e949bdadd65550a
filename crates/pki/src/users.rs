//! Certificates of users, by which a phone signs in without a password.
//!
//! Any Director or Front End issues them, so the issuer's key is derived from a key that all of them share. What makes a
//! certificate good is that it is published for its user; nobody verifies who signed it. The issuer exists because a
//! certificate must have one, and so that two machines give theirs the same name.
//!
//! A signing request may name its user and nothing else: as common name `user@domain`, as alternative name
//! `sip:user@domain` (RFC 5922 section 7.1) or `user@domain` (rfc822Name). It need not name anybody.

use rcgen::{
    CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose, SanType,
    SerialNumber,
};
use rustls_pki_types::PrivatePkcs8KeyDer;
use sha2::{Digest as _, Sha256};
use time::{Duration, OffsetDateTime};
use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::extensions::ParsedExtension;
use x509_parser::prelude::{FromDer as _, GeneralName};

use crate::ca::profile;
use crate::error::{CertError, Error};
use crate::pem;

/// How long a user's certificate is valid.
pub const USER_VALIDITY: Duration = Duration::days(180);

/// What the PKCS #8 form of a P-256 key without its public half begins with; the 32 bytes of the key follow (RFC 5915
/// section 3, RFC 5958). Phones read certificates of this kind; not all of them know Ed25519.
const P256: [u8; 35] = [
    0x30, 0x41, 0x02, 0x01, 0x00, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01,
    0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x04, 0x27, 0x30, 0x25, 0x02, 0x01,
    0x01, 0x04, 0x20,
];
/// How often a key is derived anew; one in four thousand millions is none on the curve.
const TRIES: u8 = 4;
const ISSUER: &str = "Users of this deployment";

/// Signs certificates of users.
pub struct UserIssuer(Issuer<'static, KeyPair>);

/// A certificate of a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserCertificate {
    /// The certificate.
    pub pem: String,
    /// SHA-256 of it.
    pub fingerprint: [u8; 32],
    /// Until when it is valid.
    pub not_after: OffsetDateTime,
}

impl UserIssuer {
    /// Makes the issuer that belongs to a key; the same key makes the same issuer on every machine.
    ///
    /// # Errors
    /// When the cryptographic library refuses the key.
    pub fn of(key: &[u8; 32]) -> Result<Self, Error> {
        let derived = |round: u8| {
            let mut seed = Sha256::new();
            seed.update(b"issuer of users' certificates");
            seed.update([round]);
            seed.update(key);
            let der = [&P256[..], &seed.finalize()].concat();
            KeyPair::try_from(&PrivatePkcs8KeyDer::from(der))
        };
        let first = (1..TRIES).fold(derived(0), |found, round| found.or_else(|_| derived(round)));
        let key = first.map_err(Error::MakeKey)?;
        let mut params = CertificateParams::default();
        params.distinguished_name = profile::common_name(ISSUER);
        Ok(Self(Issuer::new(params, key)))
    }

    /// Signs a certificate for the key of a signing request.
    ///
    /// `user` is the address without `sip:`.
    ///
    /// # Errors
    /// [`Error::BadMaterial`] when the request is damaged, not signed by its own key, or names somebody else.
    pub fn sign(
        &self,
        user: &str,
        csr_pem: &str,
        now: OffsetDateTime,
    ) -> Result<UserCertificate, Error> {
        let refused = |source| Error::BadMaterial {
            what: "signing request",
            source,
        };
        let der = pem::signing_request(csr_pem).map_err(refused)?;
        let (_, request) =
            X509CertificationRequest::from_der(&der).map_err(|_| refused(CertError::BadRequest))?;
        let key = profile::key_of(&request).map_err(refused)?;
        if let Some(name) = foreign_name(user, &request) {
            return Err(refused(CertError::UnwantedName { name }));
        }
        let not_after = now + USER_VALIDITY;
        let params = described(user, now, not_after)?;
        let certificate = params.signed_by(&key, &self.0).map_err(Error::Sign)?;
        Ok(UserCertificate {
            pem: certificate.pem(),
            fingerprint: Sha256::digest(certificate.der()).into(),
            not_after,
        })
    }
}

fn described(
    user: &str,
    now: OffsetDateTime,
    not_after: OffsetDateTime,
) -> Result<CertificateParams, Error> {
    let mut params = CertificateParams::default();
    let uri = format!("sip:{user}").try_into().map_err(Error::Sign)?;
    params.subject_alt_names = vec![SanType::URI(uri)];
    params.distinguished_name = profile::common_name(user);
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    params.not_before = now - profile::BACKDATE;
    params.not_after = not_after;
    params.serial_number = Some(SerialNumber::from_slice(&profile::random_serial()?));
    Ok(params)
}

/// The first name of a request that is not its user's.
fn foreign_name(user: &str, request: &X509CertificationRequest<'_>) -> Option<String> {
    let is_user = |name: &str| {
        let bare = name.strip_prefix("sip:").unwrap_or(name);
        bare.eq_ignore_ascii_case(user)
    };
    let subject = &request.certification_request_info.subject;
    let common = subject
        .iter_common_name()
        .map(|name| name.as_str().unwrap_or("?"));
    if let Some(other) = common.into_iter().find(|name| !is_user(name)) {
        return Some(other.to_owned());
    }
    let names = request
        .requested_extensions()
        .into_iter()
        .flatten()
        .filter_map(alternative_names);
    let other = names
        .flatten()
        .find(|name| address(name).is_none_or(|name| !is_user(name)));
    other.map(ToString::to_string)
}

fn alternative_names<'a>(extension: &'a ParsedExtension<'a>) -> Option<&'a [GeneralName<'a>]> {
    if let ParsedExtension::SubjectAlternativeName(names) = extension {
        return Some(&names.general_names);
    }
    None
}

/// What of a name can be the address of a user.
fn address<'a>(name: &GeneralName<'a>) -> Option<&'a str> {
    if let GeneralName::URI(name) | GeneralName::RFC822Name(name) = name {
        return Some(name);
    }
    None
}

#[cfg(test)]
mod tests {
    use rcgen::DnType;
    use rustls_pki_types::CertificateDer;
    use rustls_pki_types::pem::PemObject as _;
    use x509_parser::prelude::X509Certificate;

    use super::*;

    const ALICE: &str = "alice@contoso.com";

    fn request(common: &str, alternative: Option<SanType>) -> String {
        let mut params = CertificateParams::default();
        params.distinguished_name = rcgen::DistinguishedName::new();
        if !common.is_empty() {
            params.distinguished_name.push(DnType::CommonName, common);
        }
        params.subject_alt_names = alternative.into_iter().collect();
        let key = KeyPair::generate().unwrap();
        params.serialize_request(&key).unwrap().pem().unwrap()
    }

    fn issuer() -> UserIssuer {
        UserIssuer::of(&[3; 32]).unwrap()
    }

    #[test]
    fn a_certificate_names_its_user_and_may_only_call() {
        let now = OffsetDateTime::now_utc();
        let signed = issuer().sign(ALICE, &request(ALICE, None), now).unwrap();
        let der = CertificateDer::from_pem_slice(signed.pem.as_bytes()).unwrap();
        let (_, parsed) = X509Certificate::from_der(&der).unwrap();
        assert_eq!(parsed.subject().to_string(), "CN=alice@contoso.com");
        assert_eq!(parsed.issuer().to_string(), format!("CN={ISSUER}"));
        let usage = parsed.extended_key_usage().unwrap().unwrap().value;
        assert!(usage.client_auth && !usage.server_auth);
        assert!(signed.pem.starts_with("-----BEGIN CERTIFICATE-----"));
        assert_eq!(<[u8; 32]>::from(Sha256::digest(&der)), signed.fingerprint);
        assert_eq!(signed.not_after - now, USER_VALIDITY);
    }

    #[test]
    fn a_request_may_name_its_user_or_nobody() {
        let uri = SanType::URI("sip:Alice@contoso.com".to_owned().try_into().unwrap());
        let mail = SanType::Rfc822Name(ALICE.to_owned().try_into().unwrap());
        for (common, alternative) in [
            ("", None),
            ("sip:alice@contoso.com", Some(uri)),
            ("", Some(mail)),
        ] {
            let csr = request(common, alternative);
            assert!(
                issuer()
                    .sign(ALICE, &csr, OffsetDateTime::now_utc())
                    .is_ok()
            );
        }
    }

    #[test]
    fn a_request_that_names_somebody_else_is_refused() {
        let host = SanType::DnsName("dir01.contoso.net".to_owned().try_into().unwrap());
        let bob = SanType::URI("sip:bob@contoso.com".to_owned().try_into().unwrap());
        for (common, alternative) in [
            ("bob@contoso.com", None),
            ("", Some(host)),
            (ALICE, Some(bob)),
        ] {
            let csr = request(common, alternative);
            let refused = issuer().sign(ALICE, &csr, OffsetDateTime::now_utc());
            assert!(
                matches!(
                    refused,
                    Err(Error::BadMaterial {
                        source: CertError::UnwantedName { .. },
                        ..
                    })
                ),
                "{refused:?}"
            );
        }
        let nothing = issuer().sign(ALICE, "hello", OffsetDateTime::now_utc());
        assert!(matches!(
            nothing,
            Err(Error::BadMaterial {
                source: CertError::NoRequest,
                ..
            })
        ));
    }

    #[test]
    fn machines_with_the_same_key_are_the_same_issuer() {
        let key = |issuer: &UserIssuer| issuer.0.key().serialize_der();
        let other = UserIssuer::of(&[4; 32]).unwrap();
        assert_eq!(key(&issuer()), key(&issuer()));
        assert_ne!(key(&issuer()), key(&other));
    }
}
