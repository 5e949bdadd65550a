//! Autodiscover: where a user's server is (MS-OCDISCWS 3.1.5).
//!
//! The root says where to go on and asks for nothing. The document of a user asks for a ticket, and says where to sign in
//! if the user is at home here, else only where they are: a Director, which is nobody's home, sends everybody on.

use directory::{Aor, Directory};
use http::StatusCode;
use http::header::{HeaderName, VARY, WWW_AUTHENTICATE};

use super::config::{Place, Server};
use super::document::{About, Document, Form};
use super::query::{self, BadQuery};
use super::reply::Reply;
use super::route::{DOMAIN, ROOT, TICKET, USER};
use super::{Ask, Backing, Site, sign_in};
use crate::Location;
use crate::ticket::Refusal;

/// Where the ticket service is, in an answer that asks for a ticket (MS-OCAUTHWS).
const TICKET_URL: HeaderName = HeaderName::from_static("x-ms-webticketurl");

impl Site {
    pub(super) fn root(&self, ask: &Ask<'_>) -> Reply {
        self.public(ask, |place, aor| {
            let user = place.link(&place.web, &query::with_user(USER, aor));
            let domain = place.link(&place.web, DOMAIN);
            let links = vec![("User", user), ("Domain", domain)];
            self.document(ask, About::Root, Vec::new(), links)
        })
    }

    /// Without TLS: the same resource with TLS, at the name that every certificate of the pool has.
    pub(super) fn plain_root(&self, ask: &Ask<'_>) -> Reply {
        self.public(ask, |place, aor| {
            let link = place.link(&place.web, &query::with_user(ROOT, aor));
            self.document(ask, About::Root, Vec::new(), vec![("Redirect", link)])
        })
    }

    /// Other services without TLS: begin again with TLS.
    pub(super) fn plain_service(&self, ask: &Ask<'_>) -> Reply {
        self.public(ask, |place, aor| {
            self.moved(ask, &place.web, &query::with_user(ROOT, aor))
        })
    }

    /// What anybody may know who looks for a server of the deployment.
    pub(super) fn domain(&self, ask: &Ask<'_>) -> Reply {
        self.public(ask, |place, _| {
            let links = self.sites(place, ask.location);
            self.document(ask, About::Domain, self.access(ask.location), links)
        })
    }

    /// The document of the user who holds the ticket.
    pub(super) fn user(&self, ask: &Ask<'_>, users: &Directory, backing: &impl Backing) -> Reply {
        let Some(place) = self.config.place(ask.location) else {
            return Reply::empty(StatusCode::NOT_FOUND);
        };
        let Ok(wanted) = query::user(ask.head.uri.query()) else {
            return Reply::empty(StatusCode::BAD_REQUEST);
        };
        let aor = match self.ticket_holder(ask, backing) {
            Ok(aor) => aor,
            Err(sent) => return self.ask_for_ticket(place, sent),
        };
        if wanted.is_some_and(|wanted| wanted != aor) {
            return Reply::empty(StatusCode::FORBIDDEN);
        }
        let user = users.find(aor.as_str()).filter(|user| user.enabled);
        let home = user.as_ref().map(|user| user.home.as_str());
        let Some(home) = home else {
            return Reply::empty(StatusCode::NOT_FOUND);
        };
        if home == &*self.config.pool {
            let own = query::with_user(USER, Some(&aor));
            let mut links = vec![("Self", place.link(&place.web, &own))];
            links.extend(self.sites(place, ask.location));
            return self.document(ask, About::User, self.access(ask.location), links);
        }
        let Some(home) = self.config.homes.get(home) else {
            return Reply::empty(StatusCode::NOT_FOUND);
        };
        let there = place.link(home.web(ask.location), &query::with_user(ROOT, Some(&aor)));
        self.document(ask, About::User, Vec::new(), vec![("Redirect", there)])
    }

    /// The user whose ticket came with a request; else whether one came at all.
    pub(super) fn ticket_holder(&self, ask: &Ask<'_>, backing: &impl Backing) -> Result<Aor, bool> {
        let ticket = sign_in::ticket(&ask.head.headers).ok_or(false)?;
        let claims = self.keys.verify(ask.now, ticket);
        if claims == Err(Refusal::Forged) {
            backing.forged(ask.source);
        }
        // A ticket is for the site at which it was given: one that is taken outside opens nothing inside.
        let claims = claims.ok().filter(|claims| claims.location == ask.location);
        Aor::parse(&claims.ok_or(true)?.aor).map_err(|_| true)
    }

    pub(super) fn ask_for_ticket(&self, place: &Place, sent: bool) -> Reply {
        let realm = self.config.realm();
        let error = if sent {
            ", error=\"invalid_token\""
        } else {
            ""
        };
        let challenge = format!("Bearer realm=\"{realm}\"{error}");
        Reply::empty(StatusCode::UNAUTHORIZED)
            .with(WWW_AUTHENTICATE, &challenge)
            .with(TICKET_URL, &place.link(&place.web, TICKET))
    }

    /// Answers what needs no proof: the same for every user of ours, whether there is one or not.
    fn public(&self, ask: &Ask<'_>, answer: impl FnOnce(&Place, Option<&Aor>) -> Reply) -> Reply {
        let Some(place) = self.config.place(ask.location) else {
            return Reply::empty(StatusCode::NOT_FOUND);
        };
        match query::user(ask.head.uri.query()) {
            Err(BadQuery) => Reply::empty(StatusCode::BAD_REQUEST),
            Ok(Some(aor)) if !self.config.is_ours(aor.domain()) => {
                Reply::empty(StatusCode::NOT_FOUND)
            }
            Ok(aor) => answer(place, aor.as_ref()),
        }
    }

    /// Where SIP is spoken. Clients outside are told nothing of the inside.
    fn access(&self, location: Location) -> Vec<(&'static str, Server)> {
        let inside = &self.config.inside;
        let outside = self.config.outside.as_ref();
        let all = [
            ("SipServerInternalAccess", inside.server.clone()),
            ("SipClientInternalAccess", inside.client.clone()),
            (
                "SipServerExternalAccess",
                outside.and_then(|place| place.server.clone()),
            ),
            (
                "SipClientExternalAccess",
                outside.and_then(|place| place.client.clone()),
            ),
        ];
        let hidden = if location == Location::Inside { 0 } else { 2 };
        let told = all.into_iter().skip(hidden);
        told.filter_map(|(name, server)| Some((name, server?)))
            .collect()
    }

    /// Where autodiscover is on both sites, as far as a client may know.
    fn sites(&self, place: &Place, location: Location) -> Vec<(&'static str, String)> {
        let of = |place: &Place| place.link(&place.web, ROOT);
        match (location, &self.config.outside) {
            (Location::Outside, _) => vec![("External/Autodiscover", of(place))],
            (Location::Inside, None) => vec![("Internal/Autodiscover", of(place))],
            (Location::Inside, Some(outside)) => vec![
                ("Internal/Autodiscover", of(place)),
                ("External/Autodiscover", of(outside)),
            ],
        }
    }

    fn document(
        &self,
        ask: &Ask<'_>,
        about: About,
        access: Vec<(&'static str, Server)>,
        links: Vec<(&'static str, String)>,
    ) -> Reply {
        let form = Form::wanted(&ask.head.headers);
        let document = Document {
            about,
            location: ask.location,
            access,
            links,
        };
        let body = document.write(form);
        Reply::new(StatusCode::OK, form.media_type(), body).with(VARY, "Accept")
    }
}
