//! One request from outside: decided, passed on, answered.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::{Request, Response, StatusCode};
use runtime::http::client::Client;
use runtime::http::{Body, Caller, Site};
use web::balance::Persistence;
use web::check::Fault;
use web::publish::{Arrival, Refusal, Way};

use super::{Publishing, Stats};
use crate::relay::{self, Errand, Trouble, Wanted};
use crate::requests::{Asked, Came, Clerk, Outcome};

/// The reverse proxy on one thread.
pub(super) struct Proxy {
    pub(super) publishing: Arc<Publishing>,
    /// Whether each door has TLS.
    pub(super) secured: Vec<bool>,
    pub(super) client: Client,
    pub(super) stats: Arc<Stats>,
    pub(super) clerk: Clerk,
    /// How long a WebSocket may be silent.
    pub(super) idle: Duration,
}

impl Site for Proxy {
    async fn answer(
        self: Rc<Self>,
        caller: Rc<Caller>,
        request: Request<Incoming>,
    ) -> Response<Body> {
        let arrival = Arrival {
            source: caller.source.ip(),
            secured: self.secured.get(caller.door) == Some(&true),
            server_name: caller.server_name.as_deref(),
        };
        let (mut parts, body) = request.into_parts();
        let asked = self.clerk.begin(
            &mut parts,
            Came {
                caller: &caller,
                secured: arrival.secured,
                passed_on: None,
                // Here is where requests come in: whatever they say of themselves, outsiders say.
                from_ours: false,
            },
        );
        let (response, outcome) = match self.publishing.publication().decide(&parts, arrival) {
            Ok(Way::Pass { target, websocket }) => {
                let request = Request::from_parts(parts, body);
                let passed = self.pass(target, (websocket, arrival), &asked, request);
                passed.await.unwrap_or_else(|trouble| {
                    (self.unanswered(&trouble), Outcome::unanswered(&trouble))
                })
            }
            Ok(Way::Redirect { location, status }) => {
                self.stats.redirected.add(1);
                let response = relay::redirect(status, location);
                (response, Outcome::of("redirected"))
            }
            Err(refusal) => (self.refused(refusal), Outcome::refused(refusal)),
        };
        self.clerk.end(asked, outcome, &response);
        response
    }
}

impl Proxy {
    async fn pass(
        &self,
        target: usize,
        (websocket, arrival): (bool, Arrival<'_>),
        asked: &Asked,
        request: Request<Incoming>,
    ) -> Result<(Response<Body>, Outcome), Trouble> {
        let target = self.publishing.target_at(target);
        let target = target.ok_or(Trouble::NoServer(None))?;
        let errand = Errand {
            arrival,
            websocket,
            first: target.first(arrival.secured),
            idle: self.idle,
            noted: (&self.clerk, asked),
        };
        let mut choice = target.servers.choice(Wanted {
            source: arrival.source,
            persistence: Persistence::None,
        });
        let answer = relay::pass(&self.client, &mut choice, errand, request).await?;
        let switched = answer.status() == StatusCode::SWITCHING_PROTOCOLS;
        self.stats.passed.add(1);
        self.stats.websockets.add(u64::from(switched));
        let first = target.first(arrival.secured);
        let member = choice.member();
        let hop = member.and_then(|member| self.client.server(first + member.0));
        let name = hop.map_or("", |hop| &hop.name);
        Ok((answer, Outcome::passed(name, hop)))
    }

    fn refused(&self, refusal: Refusal) -> Response<Body> {
        tracing::debug!(%refusal, "a request from outside was refused");
        if refusal == Refusal::Fault(Fault::Misdirected) {
            self.stats.misdirected.add(1);
        } else {
            self.stats.refused.add(1);
        }
        relay::refuse(refusal.status(), refusal.ends_connection())
    }

    fn unanswered(&self, trouble: &Trouble) -> Response<Body> {
        self.stats.unanswered.add(1);
        let cause = std::error::Error::source(trouble).map(ToString::to_string);
        tracing::debug!(error = %trouble, cause, "a request from outside got no answer");
        // What is left of the request's body is not read.
        let status = trouble.status();
        relay::refuse(status, status.is_client_error())
    }
}
