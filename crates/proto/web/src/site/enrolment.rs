//! A certificate for a user who holds a ticket: the signing request comes in as PEM (RFC 7468), the certificate goes out
//! as PEM (RFC 8555 section 9.1).
//!
//! Signing and publishing take a while and are not decided here: [`super::Answer::enrol`] says for whom they are to be
//! done, and [`super::Site::enrolled`] makes the answer of what came of it.

use directory::{Aor, Directory};
use http::{StatusCode, header};

use super::reply::Reply;
use super::{Answer, Ask, Backing, Resource, Site};

/// After how many seconds to try again when the master of the directory is away.
const AGAIN: &str = "10";

/// What came of asking for a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Enrolled {
    /// It is signed and published: the certificate, as PEM.
    Issued(String),
    /// The signing request cannot be used; why, for people.
    Refused(String),
    /// It could not be published at this time.
    Away,
}

impl Site {
    /// Says for whom a certificate may be made: the holder of the ticket, who must still have an account.
    pub(super) fn enrolment(
        &self,
        ask: &Ask<'_>,
        users: &Directory,
        backing: &impl Backing,
    ) -> Result<Aor, Box<Reply>> {
        let Some(place) = self.config.place(ask.location) else {
            return Err(Box::new(Reply::empty(StatusCode::NOT_FOUND)));
        };
        let aor = match self.ticket_holder(ask, backing) {
            Ok(aor) => aor,
            Err(sent) => return Err(Box::new(self.ask_for_ticket(place, sent))),
        };
        let user = users.find(aor.as_str()).filter(|user| user.enabled);
        user.map(|_| aor)
            .ok_or_else(|| Box::new(Reply::empty(StatusCode::FORBIDDEN)))
    }

    /// Answers whoever asked for a certificate.
    #[must_use]
    pub fn enrolled(&self, ask: &Ask<'_>, outcome: Enrolled) -> Answer {
        let reply = match outcome {
            Enrolled::Issued(pem) => Reply::new(
                StatusCode::CREATED,
                "application/pem-certificate-chain",
                pem.into_bytes(),
            ),
            Enrolled::Refused(why) => Reply::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "text/plain; charset=utf-8",
                format!("{why}\n").into_bytes(),
            ),
            Enrolled::Away => {
                Reply::empty(StatusCode::SERVICE_UNAVAILABLE).with(header::RETRY_AFTER, AGAIN)
            }
        };
        self.finish(ask, Some(Resource::Certificates), reply)
    }
}
