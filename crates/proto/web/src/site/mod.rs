//! The web services of a Director or Front End: what a request gets.
//!
//! ```text
//! one meaning (crate::check)? -> host of this site? -> resource -> method -> TLS, where it must be -> the answer
//! ```
//!
//! A pool has two sites, and on which of them a request came is known from the listener ([`Location`]): what a document
//! says, which names are of the site and what may be told depend on it. [`Site`] answers from plain configuration, the
//! directory of users and what its machine tells ([`Backing`]). It keeps nothing between requests, so every thread and
//! every member of a pool gives the same answers.
//!
//! Who asks without having proven who they are learns nothing of a user: not whether there is one, nor where they are at
//! home (`docs/decisions/0048-proof-before-home.md`).

mod autodiscover;
mod config;
mod document;
mod enrolment;
mod health;
mod pages;
mod query;
mod reply;
mod route;
mod sign_in;
mod text;

#[cfg(test)]
mod tests;

use base::{Source, UnixMillis};
use directory::{Aor, Directory, User};
use http::request::Parts;
use http::{HeaderValue, Response, StatusCode, header};

use crate::Location;
use crate::ticket::{self, Keys};
use reply::{Body, Reply};
use route::{Found, Lost};

pub use config::{Config, Home, Place, Server, Short};
pub use enrolment::Enrolled;
pub use health::{DirectoryFacts, DiskFacts, Facts, SipFacts};
pub use route::Resource;

/// A request, with what is known of how it came.
#[derive(Clone, Copy, Debug)]
pub struct Ask<'a> {
    /// Which site it reached.
    pub location: Location,
    /// Whether it came by TLS.
    pub secure: bool,
    /// Who sent it.
    pub source: Source,
    /// When.
    pub now: UnixMillis,
    /// Its head. The body is of use to one resource only, and is not looked at here ([`Answer::enrol`]).
    pub head: &'a Parts,
}

/// What a password turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is the user's.
    Proven,
    /// It is not, or there is no such user; the two are told apart nowhere.
    Wrong,
    /// The source has failed too often; the password was not looked at.
    Slowed,
}

/// What a site asks of the machine that it runs on.
pub trait Backing {
    /// Checks a password of a user, or of nobody, which takes as long, and counts what failed.
    fn prove(&self, from: Source, aor: &Aor, user: Option<&User>, password: &str) -> Verdict;
    /// Counts a ticket that none of us has minted.
    fn forged(&self, from: Source);
    /// Says how the machine is.
    fn facts(&self) -> Facts;
}

/// What came of a request.
#[derive(Debug)]
pub struct Answer {
    /// What it was for, if it found anything.
    pub resource: Option<Resource>,
    /// The response; [`Site::enrolled`] makes another one where a certificate is asked for.
    pub response: Response<Vec<u8>>,
    /// Whose certificate is asked for, by a signing request in the body.
    pub enrol: Option<Aor>,
}

/// After how long somebody who failed too often may try again.
const PATIENCE: &str = "60";

/// The web services of a pool, as one of its members gives them.
#[derive(Debug)]
pub struct Site {
    config: Config,
    keys: Keys,
    policy: HeaderValue,
}

impl Site {
    /// Takes what is known of the deployment and the keys of tickets.
    #[must_use]
    pub fn new(config: Config, keys: Keys) -> Self {
        let policy = HeaderValue::from_str(&pages::policy());
        Self {
            config,
            keys,
            policy: policy.unwrap_or_else(|_| HeaderValue::from_static("default-src 'none'")),
        }
    }

    /// Answers a request.
    #[must_use]
    pub fn answer(&self, ask: &Ask<'_>, users: &Directory, backing: &impl Backing) -> Answer {
        let found = match route::find(&self.config, ask.location, ask.head) {
            Ok(found) => found,
            Err(lost) => return self.finish(ask, None, lost_reply(lost)),
        };
        let resource = found.resource;
        let mut enrol = None;
        let reply = if !resource.allows(&ask.head.method) {
            Reply::empty(StatusCode::METHOD_NOT_ALLOWED).with(header::ALLOW, resource.allow())
        } else if ask.secure && resource == Resource::Certificates {
            let holder = self.enrolment(ask, users, backing);
            enrol = holder.as_ref().ok().cloned();
            holder.map_or_else(|refusal| *refusal, |_| Reply::empty(StatusCode::ACCEPTED))
        } else if ask.secure {
            self.secure(ask, &found, users, backing)
        } else {
            self.plain(ask, &found, backing)
        };
        Answer {
            enrol,
            ..self.finish(ask, Some(resource), reply)
        }
    }

    fn secure(
        &self,
        ask: &Ask<'_>,
        found: &Found<'_>,
        users: &Directory,
        backing: &impl Backing,
    ) -> Reply {
        match found.resource {
            Resource::Root => self.root(ask),
            Resource::Domain => self.domain(ask),
            Resource::User => self.user(ask, users, backing),
            Resource::Ticket => self.ticket(ask, users, backing),
            // Answered by `enrolment`, which asks for a ticket first.
            Resource::Certificates => Reply::empty(StatusCode::NOT_FOUND),
            Resource::Health => self.health(ask, backing),
            Resource::Meet => {
                let domain = found.domain.unwrap_or_default();
                let page = pages::meet(domain, found.rest);
                page.map_or_else(|| Reply::empty(StatusCode::NOT_FOUND), Reply::page)
            }
            Resource::Dialin => Reply::page(pages::dialin(self.config.realm())),
            Resource::Admin => {
                let (_, report) =
                    health::report(&backing.facts(), ask.location, &self.config.machine);
                Reply::page(pages::admin(&self.config.machine, &report))
            }
        }
    }

    /// Without TLS: where discovery goes on, how the machine is, and the way to TLS. A password that comes here is not
    /// looked at; sending its bearer on would only teach clients to send it.
    fn plain(&self, ask: &Ask<'_>, found: &Found<'_>, backing: &impl Backing) -> Reply {
        match found.resource {
            Resource::Root => self.plain_root(ask),
            Resource::Health => self.health(ask, backing),
            Resource::Ticket | Resource::Certificates => Reply::empty(StatusCode::FORBIDDEN),
            Resource::User | Resource::Domain => self.plain_service(ask),
            Resource::Meet | Resource::Dialin | Resource::Admin => {
                let path = ask.head.uri.path();
                self.moved(ask, found.host, path)
            }
        }
    }

    fn moved(&self, ask: &Ask<'_>, host: &str, path: &str) -> Reply {
        let place = self.config.place(ask.location);
        let link = place.map(|place| place.link(host, path));
        match link {
            Some(link) => Reply::empty(StatusCode::MOVED_PERMANENTLY).with(header::LOCATION, &link),
            None => Reply::empty(StatusCode::NOT_FOUND),
        }
    }

    fn health(&self, ask: &Ask<'_>, backing: &impl Backing) -> Reply {
        let (status, report) = health::report(&backing.facts(), ask.location, &self.config.machine);
        Reply::new(status, "application/health+json", report)
    }

    /// Exchanges a password for a ticket (the flow of MS-OCAUTHWS with a signed token for a SAML assertion; the form of
    /// the answer is that of RFC 6749 5.1).
    fn ticket(&self, ask: &Ask<'_>, users: &Directory, backing: &impl Backing) -> Reply {
        let Some(sent) = sign_in::password(&ask.head.headers, self.config.realm()) else {
            return self.challenge();
        };
        let user = users.find(sent.aor.as_str());
        let verdict = backing.prove(ask.source, &sent.aor, user.as_deref(), &sent.password);
        match verdict {
            Verdict::Proven => {
                let token = self.keys.mint(ask.now, sent.aor.as_str(), ask.location);
                let body = serde_json::json!({
                    "access_token": token,
                    "token_type": "Bearer",
                    "expires_in": ticket::LIFE.as_secs(),
                });
                Reply::new(
                    StatusCode::OK,
                    "application/json",
                    body.to_string().into_bytes(),
                )
            }
            Verdict::Wrong => self.challenge(),
            Verdict::Slowed => {
                let slowed = Reply::empty(StatusCode::SERVICE_UNAVAILABLE);
                slowed.with(header::RETRY_AFTER, PATIENCE)
            }
        }
    }

    fn challenge(&self) -> Reply {
        let realm = self.config.realm();
        let challenge = format!("Basic realm=\"{realm}\", charset=\"UTF-8\"");
        Reply::empty(StatusCode::UNAUTHORIZED).with(header::WWW_AUTHENTICATE, &challenge)
    }

    /// Adds what goes out with every answer, and takes off the body where only the head was asked for.
    fn finish(&self, ask: &Ask<'_>, resource: Option<Resource>, reply: Reply) -> Answer {
        let is_page = reply.body == Body::Page;
        let mut response = reply.into_response(ask.head.method == http::Method::HEAD);
        if is_page {
            let headers = response.headers_mut();
            headers.insert(header::CONTENT_SECURITY_POLICY, self.policy.clone());
        }
        Answer {
            resource,
            response,
            enrol: None,
        }
    }
}

fn lost_reply(lost: Lost) -> Reply {
    Reply::empty(match lost {
        Lost::Bad(fault) => fault.status(),
        Lost::Misdirected => StatusCode::MISDIRECTED_REQUEST,
        Lost::Nothing => StatusCode::NOT_FOUND,
    })
}
