//! Where each request goes at a VIP that ends TLS.
//!
//! A request is read once here, as every element of ours reads it (`web::check`), and given to a member over a kept
//! connection, so members hear of the client in `X-Forwarded-For` and `Forwarded`, and of nobody before the first byte.
//! Behind a reverse proxy of the topology the client is whom that one names. Where cookies are asked for, a client that
//! brings one is with its member, and every other answer sets one (`web::affinity`).

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::header::SET_COOKIE;
use hyper::{Request, Response};
use runtime::http::client::Client;
use runtime::http::{self, Body, Caller};
use web::balance::Persistence;
use web::check::Fault;
use web::publish::{Arrival, Refusal, Way, forwarded_for};

use super::Pools;
use crate::relay::{self, Errand, Trouble, Wanted};
use crate::requests::{Asked, Came, Clerk, Outcome};

runtime::counters! {
    /// What is counted of requests at VIPs that end TLS, by all threads together.
    pub Stats;
    passed: Counter, "Requests given to a member and answered by it.";
    refused: Counter, "Requests that can be read in more than one way, are too large, or are for no name of the pool.";
    unanswered: Counter, "Requests that no member answered.";
}

/// The VIPs on one thread.
pub(super) struct Site {
    pub(super) pools: Arc<Pools>,
    pub(super) client: Client,
    /// Reverse proxies, which say whose request they pass on.
    pub(super) proxies: Arc<BTreeSet<IpAddr>>,
    pub(super) stats: Arc<Stats>,
    pub(super) clerk: Clerk,
    /// How long a WebSocket may be silent.
    pub(super) idle: Duration,
}

impl http::Site for Site {
    async fn answer(
        self: Rc<Self>,
        caller: Rc<Caller>,
        request: Request<Incoming>,
    ) -> Response<Body> {
        let (mut parts, body) = request.into_parts();
        let site = self.pools.sites.get(caller.door);
        let from_ours =
            site.is_some_and(|it| it.outside) && self.proxies.contains(&caller.source.ip());
        let passed_on = from_ours.then(|| forwarded_for(&parts.headers)).flatten();
        let came = Came {
            caller: &caller,
            secured: site.is_some_and(|site| site.secured),
            passed_on,
            from_ours,
        };
        let asked = self.clerk.begin(&mut parts, came);
        let request = Request::from_parts(parts, body);
        let (response, outcome) = match self.pass(came, &asked, request).await {
            Ok(passed) => {
                self.stats.passed.add(1);
                passed
            }
            Err(Unpassed::Refused(refusal)) => {
                tracing::debug!(%refusal, "a request at a VIP was refused");
                self.stats.refused.add(1);
                let response = relay::refuse(refusal.status(), refusal.ends_connection());
                (response, Outcome::refused(refusal))
            }
            Err(Unpassed::Unanswered(trouble)) => {
                tracing::debug!(error = %trouble, "a request at a VIP got no answer");
                self.stats.unanswered.add(1);
                // What is left of the request's body is not read.
                let status = trouble.status();
                let response = relay::refuse(status, status.is_client_error());
                (response, Outcome::unanswered(&trouble))
            }
        };
        self.clerk.end(asked, outcome, &response);
        response
    }
}

enum Unpassed {
    Refused(Refusal),
    Unanswered(Trouble),
}

impl From<Refusal> for Unpassed {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<Trouble> for Unpassed {
    fn from(trouble: Trouble) -> Self {
        Self::Unanswered(trouble)
    }
}

impl Site {
    async fn pass(
        &self,
        came: Came<'_>,
        asked: &Asked,
        request: Request<Incoming>,
    ) -> Result<(Response<Body>, Outcome), Unpassed> {
        let caller = came.caller;
        let site = self.pools.sites.get(caller.door);
        let site = site.ok_or(Refusal::Fault(Fault::Misdirected))?;
        let pool = self.pools.pools.get(site.pool);
        let pool = pool.ok_or(Trouble::NoServer(None))?;
        let (parts, body) = request.into_parts();
        let arrival = Arrival {
            source: came.passed_on.unwrap_or_else(|| caller.source.ip()),
            secured: site.secured,
            // A reverse proxy calls the pool by one name, whatever its client asks for.
            server_name: caller.server_name.as_deref().filter(|_| !came.from_ours),
        };
        let Way::Pass { websocket, .. } = site.names.decide(&parts, arrival)? else {
            return Err(Refusal::Fault(Fault::Misdirected).into());
        };
        let errand = Errand {
            arrival,
            websocket,
            first: site.first,
            idle: self.idle,
            noted: (&self.clerk, asked),
        };
        let named = site
            .cookies
            .as_ref()
            .and_then(|all| all.named(&parts.headers));
        let mut choice = pool.servers.choice(Wanted {
            source: arrival.source,
            persistence: named.map_or(site.persistence, Persistence::Member),
        });
        let request = Request::from_parts(parts, body);
        let mut response = relay::pass(&self.client, &mut choice, errand, request).await?;
        let set = site.cookies.as_ref().zip(choice.member());
        if let Some(cookie) = set.and_then(|(all, member)| all.set(member, named)) {
            response.headers_mut().append(SET_COOKIE, cookie);
        }
        let member = choice.member();
        let hop = member.and_then(|member| self.client.server(site.first + member.0));
        let name = member.and_then(|member| pool.members.get(member.0));
        let name = name.map_or("", |(name, _)| name.as_str());
        Ok((response, Outcome::passed(name, hop).since(&choice.why())))
    }
}
