//! Certificates of users: signed on the machine that was asked, written by the one that masters the directory.
//!
//! An answer is given when the certificate is durable at the master and this machine has heard of it, so that whoever
//! signs in with it here at once is known. Others hear of it within the second that the directory takes.

use std::sync::Arc;
use std::time::Duration;

use base::UnixMillis;
use base::net::Hop;
use directory::{Aor, CertificateId, Directory};
use pki::{Error, UserCertificate, UserIssuer};
use runtime::clock::Clock;
use runtime::tls::Store;
use time::OffsetDateTime;
use tokio::time::{sleep, timeout};
use web::site::Enrolled;

use crate::directory_admin::{Admin, ListedCertificate, UserReply, UserRequest};
use crate::replication::writing::{self, Publication, PublishError, Refusal};

/// How long the master may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long a copy may take to hear of what the master has written.
const COPIED: Duration = Duration::from_secs(2);
/// How often it is looked at meanwhile.
const LOOK: Duration = Duration::from_millis(10);

/// Makes certificates of users.
pub(super) struct Enrolment {
    pub(super) issuer: UserIssuer,
    pub(super) master: Master,
    pub(super) users: Directory,
    pub(super) clock: Clock,
}

/// Who writes the directory.
pub(super) enum Master {
    /// This machine.
    Own(Arc<Admin>),
    /// Another one, reached with these credentials.
    Other(Hop, Arc<Store>),
}

impl Enrolment {
    /// Signs a request of a user and has the certificate published.
    pub(super) async fn enrol(&self, aor: Aor, csr: &str) -> Enrolled {
        let now = self.clock.wall();
        let user = aor.as_str().trim_start_matches("sip:");
        let signed = match date(now).map(|now| self.issuer.sign(user, csr, now)) {
            Some(Ok(signed)) => signed,
            Some(Err(Error::BadMaterial { source, .. })) => {
                return Enrolled::Refused(source.to_string());
            }
            Some(Err(error)) => {
                tracing::error!(%error, "a certificate of a user could not be signed");
                return Enrolled::Away;
            }
            None => return Enrolled::Away,
        };
        match self.publish(publication(&aor, &signed, now)).await {
            Ok(()) => {}
            Err(PublishError::Refused(why)) => return Enrolled::Refused(why),
            Err(error @ (PublishError::Connect(_) | PublishError::Answer(_))) => {
                tracing::warn!(%error, "a certificate of a user could not be published");
                return Enrolled::Away;
            }
        }
        if self.heard(&aor, &signed).await {
            Enrolled::Issued(signed.pem)
        } else {
            Enrolled::Away
        }
    }

    async fn publish(&self, publication: Publication) -> Result<(), PublishError> {
        match &self.master {
            Master::Other(hop, store) => writing::publish(hop, store, &publication, PATIENCE).await,
            Master::Own(admin) => {
                let (admin, now) = (Arc::clone(admin), self.clock.wall());
                let written =
                    tokio::task::spawn_blocking(move || write(&admin, now, publication)).await;
                match written {
                    Ok(written) => written.map_err(|refusal| PublishError::Refused(refusal.reason)),
                    Err(_panicked) => Err(PublishError::Answer(None)),
                }
            }
        }
    }

    /// Waits until our own view of the directory has the certificate.
    async fn heard(&self, aor: &Aor, signed: &UserCertificate) -> bool {
        let known = || {
            let user = self.users.find(aor.as_str());
            user.is_some_and(|user| user.holds(&signed.fingerprint, self.clock.wall()))
        };
        let waited = async {
            while !known() {
                sleep(LOOK).await;
            }
        };
        timeout(COPIED, waited).await.is_ok()
    }
}

/// Writes a publication into the directory that this machine masters. Waits for the disk.
pub(super) fn write(
    admin: &Admin,
    now: UnixMillis,
    publication: Publication,
) -> Result<(), Refusal> {
    let refused = |reason: String| Err(Refusal { reason });
    let request = UserRequest::Publish {
        aor: publication.aor,
        certificate: ListedCertificate {
            fingerprint: publication.fingerprint,
            issued: publication.issued,
            expires: publication.expires,
        },
    };
    match admin.handle(now, request) {
        UserReply::Done => Ok(()),
        UserReply::Refused(refusal) => refused(refusal.to_string()),
        UserReply::Imported(_) | UserReply::Users { .. } | UserReply::Contacts(_) => {
            refused("the directory answered something else than was asked".to_owned())
        }
    }
}

fn publication(aor: &Aor, signed: &UserCertificate, now: UnixMillis) -> Publication {
    let expires = signed.not_after.unix_timestamp_nanos() / 1_000_000;
    Publication {
        aor: aor.clone(),
        fingerprint: CertificateId(signed.fingerprint),
        issued: now.0,
        expires: u64::try_from(expires).unwrap_or(now.0),
    }
}

fn date(now: UnixMillis) -> Option<OffsetDateTime> {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(now.0) * 1_000_000).ok()
}
