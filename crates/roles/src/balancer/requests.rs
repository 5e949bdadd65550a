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
    /// How long a WebSocket may be silent.
    pub(super) idle: Duration,
}

impl http::Site for Site {
    async fn answer(
        self: Rc<Self>,
        caller: Rc<Caller>,
        request: Request<Incoming>,
    ) -> Response<Body> {
        match self.pass(&caller, request).await {
            Ok(response) => {
                self.stats.passed.add(1);
                response
            }
            Err(Unpassed::Refused(refusal)) => {
                tracing::debug!(%refusal, "a request at a VIP was refused");
                self.stats.refused.add(1);
                relay::refuse(refusal.status(), refusal.ends_connection())
            }
            Err(Unpassed::Unanswered(trouble)) => {
                tracing::debug!(error = %trouble, "a request at a VIP got no answer");
                self.stats.unanswered.add(1);
                // What is left of the request's body is not read.
                let status = trouble.status();
                relay::refuse(status, status.is_client_error())
            }
        }
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
        caller: &Caller,
        request: Request<Incoming>,
    ) -> Result<Response<Body>, Unpassed> {
        let site = self.pools.sites.get(caller.door);
        let site = site.ok_or(Refusal::Fault(Fault::Misdirected))?;
        let pool = self.pools.pools.get(site.pool);
        let pool = pool.ok_or(Trouble::NoServer(None))?;
        let (parts, body) = request.into_parts();
        let direct = caller.source.ip();
        let is_passed_on = site.outside && self.proxies.contains(&direct);
        let client = is_passed_on.then(|| forwarded_for(&parts.headers));
        let arrival = Arrival {
            source: client.flatten().unwrap_or(direct),
            secured: site.secured,
            // A reverse proxy calls the pool by one name, whatever its client asks for.
            server_name: caller.server_name.as_deref().filter(|_| !is_passed_on),
        };
        let Way::Pass { websocket, .. } = site.names.decide(&parts, arrival)? else {
            return Err(Refusal::Fault(Fault::Misdirected).into());
        };
        let errand = Errand {
            arrival,
            websocket,
            first: site.first,
            idle: self.idle,
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
        Ok(response)
    }
}
