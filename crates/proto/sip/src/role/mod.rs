//! What each role decides about a request. Decisions only: nothing here sends, stores or waits.
//!
//! A role sees a request and who sent it ([`Ask`]) and answers with a [`Decision`]. The node carries it out. What
//! several roles share is beside them: who the user is ([`identity`]), where a request goes next ([`route`]) and what
//! holds inside a dialog ([`dialog`]).

pub(crate) mod border;
pub(crate) mod callee;
mod decision;
pub(crate) mod dialog;
pub(crate) mod director;
pub(crate) mod edge;
pub(crate) mod eventing;
pub(crate) mod front_end;
pub(crate) mod gateway;
pub(crate) mod gruu;
pub(crate) mod identity;
pub(crate) mod keeping;
pub(crate) mod located;
pub(crate) mod loops;
pub(crate) mod notes;
pub(crate) mod route;
pub(crate) mod secure;

pub use decision::Why;
pub(crate) use decision::{
    Ask, Assert, Context, Decision, Eventing, Keeping, Plan, Record, Registering, Target, Towards,
};

use crate::hiding;
use crate::msg::{Message, Method, Name, Reply};
use base::net::{Peer, Role};

/// What a server of ours can be asked under its own name.
const OWN_METHODS: &str = "OPTIONS, REGISTER";

/// Lets the node's role decide.
pub(crate) fn decide<'r>(context: &mut Context<'_>, ask: &Ask<'r>) -> Decision<'r> {
    if let Some(decision) = common(context, ask) {
        return decision;
    }
    let decision = match context.config.server.role {
        Role::Director => director::decide(context, ask),
        Role::Edge => edge::decide(context, ask),
        Role::FrontEnd => front_end::decide(context, ask),
        Role::ReverseProxy | Role::LoadBalancer | Role::Dns => {
            Decision::refuse(ask, Why::NotServed)
        }
    };
    let decision = secure::only_secured(ask, decision);
    let is_too_far =
        has_no_hops_left(ask.request) || hiding::is_too_long(context.config, ask.request);
    if matches!(decision, Decision::Forward(_)) && is_too_far {
        return Decision::refuse(ask, Why::TooManyHops);
    }
    decision
}

/// What every role does alike (RFC 3261 16.3): `sips` only over TLS, Max-Forwards, loops, Proxy-Require, and being asked how it is.
fn common<'r>(context: &Context<'_>, ask: &Ask<'r>) -> Option<Decision<'r>> {
    let request = ask.request;
    if !may_speak_sip(context.config.server.role, &ask.link.peer) {
        return Some(Decision::refuse(ask, Why::Forbidden));
    }
    if secure::came_in_the_clear(ask) {
        return Some(Decision::refuse(ask, Why::NotSecure));
    }
    if is_for_me(context, ask)
        && let Some(decision) = to_ourselves(context, ask)
    {
        return Some(decision);
    }
    if only_asks(&ask.link.peer) {
        return Some(Decision::refuse(ask, Why::Forbidden));
    }
    // A REGISTER and the like may be for us, who need not send it on.
    let goes_on = matches!(request.method(), Method::Invite | Method::Message);
    if goes_on && has_no_hops_left(request) {
        return Some(Decision::refuse(ask, Why::TooManyHops));
    }
    if loops::has_looped(context.config, ask) {
        return Some(Decision::refuse(ask, Why::Loop));
    }
    // What cannot be answered, or undoes something, is understood as it is (RFC 3261 8.2.2.3).
    if matches!(request.method(), Method::Ack | Method::Cancel) {
        return None;
    }
    unsupported(ask, Name::ProxyRequire)
}

/// What we answer as the one who is asked, not as a proxy (RFC 3261 8.2): how we are, and that we know no such method.
///
/// While we drain, the answer about how we are is 503, so that whoever chooses among servers leaves us out.
fn to_ourselves<'r>(context: &Context<'_>, ask: &Ask<'r>) -> Option<Decision<'r>> {
    let request = ask.request;
    if request.method() == Method::Options {
        let (status, why) = if context.draining {
            (503, Why::Draining)
        } else {
            (200, Why::Answered)
        };
        let fine = || Some(Decision::Reply(Reply::to(request, status), why));
        return unsupported(ask, Name::Require).or_else(fine);
    }
    let reply = Reply::to(request, 405).header(Name::Allow, OWN_METHODS);
    let refused = || Decision::Reply(reply, Why::NotServed);
    (request.method() == Method::Other).then(refused)
}

/// Refuses a request that demands an extension in this header: there is none that we must know to do our part.
fn unsupported<'r>(ask: &Ask<'r>, demand: Name) -> Option<Decision<'r>> {
    ask.request.get(demand)?;
    let tags = ask.request.elements(demand);
    Some(refuse_tags(ask, tags.filter_map(|tag| tag.text())))
}

/// Answers 420 and names these extensions (RFC 3261 8.2.2.3).
fn refuse_tags<'r>(ask: &Ask<'r>, tags: impl IntoIterator<Item = &'r str>) -> Decision<'r> {
    let reply = tags
        .into_iter()
        .fold(Reply::to(ask.request, 420), |reply, tag| {
            reply.header(Name::Unsupported, tag)
        });
    Decision::Reply(reply, Why::Unsupported)
}

/// The extensions that a request requires and that are none of these.
pub(crate) fn unsupported_tags<'r>(request: &'r Message, known: &[&str]) -> Vec<&'r str> {
    let required = request.elements(Name::Require);
    required
        .filter_map(|tag| tag.text())
        .filter(|tag| !known.iter().any(|one| one.eq_ignore_ascii_case(tag)))
        .collect()
}

/// Tells whether a request may be sent no further (RFC 3261 16.3 step 3).
fn has_no_hops_left(request: &Message) -> bool {
    request.max_forwards().ok().flatten() == Some(0)
}

/// Tells whether this peer's word about who somebody is counts: an Edge's does not, nor does a client's.
pub(crate) fn may_assert(peer: &Peer) -> bool {
    matches!(peer, Peer::Server(server) if matches!(server.role, Role::Director | Role::FrontEnd))
}

/// Machines that choose among servers ask us how we are, and do nothing else with SIP.
pub(crate) fn only_asks(peer: &Peer) -> bool {
    matches!(peer, Peer::Server(server) if matches!(server.role, Role::LoadBalancer | Role::Dns))
}

/// Machines that have no business with SIP are refused, good certificate or not; so are partners, except by an Edge.
fn may_speak_sip(own: Role, peer: &Peer) -> bool {
    match peer {
        Peer::Client => true,
        Peer::Server(server) => server.role != Role::ReverseProxy,
        Peer::Partner(_) => own == Role::Edge,
        Peer::Gateway(_) => own == Role::FrontEnd,
    }
}

fn is_for_me(context: &Context<'_>, ask: &Ask<'_>) -> bool {
    let is_ours = |uri: &crate::msg::Uri<'_>| uri.user.is_none() && context.config.is_me(uri.host);
    if !ask.parts.uri.as_ref().is_some_and(is_ours) {
        return false;
    }
    let mut routes = ask.request.elements(Name::Route);
    !routes.any(|element| {
        let host = element
            .address()
            .ok()
            .and_then(|route| crate::msg::Uri::parse(route.uri).ok());
        host.is_none_or(|uri| !context.config.is_me(uri.host))
    })
}
