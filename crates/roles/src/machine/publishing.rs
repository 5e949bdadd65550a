//! Certificates of users on their way into the directory: written here, or at the machine that masters it.

use directory_admin::{ListedCertificate, UserReply, UserRequest};

use super::Shared;
use crate::directory_admin;
use crate::replication::writing::{Publication, Refusal};

impl Shared {
    /// Writes a publication; only on the machine that masters the directory. Waits for the disk.
    pub(super) fn publish(&self, publication: Publication) -> Result<(), Refusal> {
        let refused = |reason: String| Err(Refusal { reason });
        let Some(admin) = &self.admin else {
            return refused("this machine does not master the directory".to_owned());
        };
        let certificate = ListedCertificate {
            fingerprint: publication.fingerprint,
            issued: publication.issued,
            expires: publication.expires,
        };
        let request = UserRequest::Publish {
            aor: publication.aor,
            certificate,
        };
        match admin.handle(self.clock.wall(), request) {
            UserReply::Done => Ok(()),
            UserReply::Refused(refusal) => refused(refusal.to_string()),
            UserReply::Imported(_) | UserReply::Users { .. } | UserReply::Contacts(_) => {
                refused("the directory answered something else than was asked".to_owned())
            }
        }
    }
}
