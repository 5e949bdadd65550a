//! Whether a certificate chains to an authority, judged by the same library that judges it at a TLS handshake.
//!
//! A revocation list is applied where there is one for the issuer; that it is past its next update does not make it
//! void here, since an old list still names what was revoked when it was made. [`crate::Finding`] reports its age.

use rustls_pki_types::{CertificateDer, CertificateRevocationListDer, TrustAnchor, UnixTime};
use time::OffsetDateTime;
use webpki::{
    ALL_VERIFICATION_ALGS, CertRevocationList, EndEntityCert, ExpirationPolicy, KeyUsage,
    OwnedCertRevocationList, RevocationCheckDepth, RevocationOptionsBuilder, UnknownStatusPolicy,
    anchor_from_trusted_cert,
};

/// Why a certificate does not chain to a trusted authority.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChainFault {
    /// No trusted authority signed it, or an intermediate certificate is missing.
    #[error("no authority in ca.pem signed it, or an intermediate certificate is missing")]
    UnknownIssuer,
    /// It, or an intermediate, has expired.
    #[error("a certificate of the chain has expired")]
    Expired,
    /// It, or an intermediate, is not valid yet.
    #[error("a certificate of the chain is not valid yet")]
    NotYetValid,
    /// The authority revoked it.
    #[error("it has been revoked")]
    Revoked,
    /// A revocation list cannot be used.
    #[error("a revocation list cannot be used")]
    BadCrl(#[source] webpki::Error),
    /// An authority's certificate cannot be used.
    #[error("a certificate in ca.pem cannot be used")]
    BadAnchor(#[source] webpki::Error),
    /// Something else, as the verifying library says.
    #[error("it does not verify ({0})")]
    Invalid(webpki::Error),
}

/// What is judged: the certificate first, then its intermediates; the authorities; the revocation lists.
pub(crate) struct Chain<'a> {
    pub(crate) certificates: &'a [CertificateDer<'static>],
    pub(crate) authorities: &'a [CertificateDer<'static>],
    pub(crate) crls: &'a [CertificateRevocationListDer<'static>],
}

impl Chain<'_> {
    /// Judges the chain at a point in time. The certificate's own names and usages are judged elsewhere.
    pub(crate) fn verify(&self, now: OffsetDateTime) -> Result<(), ChainFault> {
        let Some((leaf, intermediates)) = self.certificates.split_first() else {
            return Err(ChainFault::UnknownIssuer);
        };
        let anchors = self.anchors()?;
        let owned: Vec<CertRevocationList<'_>> = self
            .crls
            .iter()
            .map(|crl| OwnedCertRevocationList::from_der(crl).map(CertRevocationList::from))
            .collect::<Result<_, _>>()
            .map_err(ChainFault::BadCrl)?;
        let crls: Vec<&CertRevocationList<'_>> = owned.iter().collect();
        let revocation = RevocationOptionsBuilder::new(&crls).ok().map(|builder| {
            builder
                .with_depth(RevocationCheckDepth::EndEntity)
                .with_status_policy(UnknownStatusPolicy::Allow)
                .with_expiration_policy(ExpirationPolicy::Ignore)
                .build()
        });
        let leaf = EndEntityCert::try_from(leaf).map_err(ChainFault::Invalid)?;
        let seconds = u64::try_from(now.unix_timestamp()).unwrap_or(0);
        let time = UnixTime::since_unix_epoch(std::time::Duration::from_secs(seconds));
        // Either usage will do for the chain; `Finding` says which usages are missing.
        let verify = |usage| {
            leaf.verify_for_usage(
                ALL_VERIFICATION_ALGS,
                &anchors,
                intermediates,
                time,
                usage,
                revocation,
                None,
            )
            .map(|_| ())
        };
        verify(KeyUsage::server_auth())
            .or_else(|_| verify(KeyUsage::client_auth()))
            .map_err(fault)
    }

    fn anchors(&self) -> Result<Vec<TrustAnchor<'_>>, ChainFault> {
        self.authorities
            .iter()
            .map(|certificate| anchor_from_trusted_cert(certificate))
            .collect::<Result<_, _>>()
            .map_err(ChainFault::BadAnchor)
    }
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the library's enum is open; what is not named here is passed on as it is"
)]
fn fault(error: webpki::Error) -> ChainFault {
    match error {
        webpki::Error::UnknownIssuer => ChainFault::UnknownIssuer,
        webpki::Error::CertExpired { .. } => ChainFault::Expired,
        webpki::Error::CertNotValidYet { .. } => ChainFault::NotYetValid,
        webpki::Error::CertRevoked => ChainFault::Revoked,
        other => ChainFault::Invalid(other),
    }
}
