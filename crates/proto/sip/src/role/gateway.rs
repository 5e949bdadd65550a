//! Gateways: who calls from them, and which users are reached by them.
//!
//! A gateway is known by its address and believed as far as that goes: it needs no Digest, may call every user of ours
//! and what its patterns of other gateways allow. Who calls is a user of the default domain by the name in From, and
//! never one of the directory: a telephone network that says it is alice does not make it so.
//!
//! Gateways write our address where others write a domain, and many know nothing of Route. So our own address means the
//! default domain, and inside a dialog the Request-URI counts where no route is left.

use super::dialog;
use super::front_end;
use super::identity::Caller;
use super::route::{self, Routes};
use super::secure;
use super::{Ask, Context, Decision, Target, Towards, Why};
use crate::config::Gateway;
use crate::msg::{Method, Reply, Uri};
use base::net::{Hop, Peer, Role};
use std::sync::Arc;

/// Decides about a request of the gateway of this name; only Front Ends are asked.
pub(crate) fn decide<'r>(
    context: &mut Context<'_>,
    ask: &Ask<'r>,
    routes: Routes,
    name: &str,
) -> Decision<'r> {
    if dialog::is_inside(ask) {
        return front_end::inside(context, ask, routes);
    }
    let method = ask.request.method();
    if method == Method::Register {
        // It signs nobody in; a phone behind its address would have to be told from it.
        return Decision::refuse(ask, Why::Forbidden);
    }
    if matches!(method, Method::Ack | Method::Cancel) {
        return Decision::refuse(ask, Why::Stray);
    }
    if method == Method::Options && is_own_address(context, ask) {
        return Decision::Reply(Reply::to(ask.request, 200), Why::Answered);
    }
    match caller(context, ask, name) {
        Some(caller) => front_end::locate(context, ask, Caller::User(caller)),
        None => Decision::refuse(ask, Why::WrongIdentity),
    }
}

/// The user of the default domain as whom the caller is known; `None` if that would be a user of the directory.
fn caller(context: &Context<'_>, ask: &Ask<'_>, name: &str) -> Option<Arc<str>> {
    let from = ask.request.from().ok()?;
    let domain = context.config.domains.first()?;
    let user = Uri::parse(from.uri).ok().and_then(|uri| uri.user);
    let named = |user: &str| Uri::parse(&format!("sip:{user}@{domain}")).ok()?.aor();
    let free = |aor: &String| context.users.find(aor).is_none();
    let aor = user.and_then(named).filter(free);
    aor.or_else(|| named(name).filter(free)).map(Arc::from)
}

/// Whom a request with our own address in its Request-URI is for, if a gateway sent it.
pub(crate) fn callee(context: &Context<'_>, ask: &Ask<'_>, uri: &Uri<'_>) -> Option<String> {
    let domain = context.config.domains.first()?;
    let means_us = is_from_gateway(ask) && context.config.is_me(uri.host);
    let user = uri.user.filter(|_| means_us)?;
    Uri::parse(&format!("sip:{user}@{domain}")).ok()?.aor()
}

/// The Request-URI for servers of ours, which know the domain and not the address that a gateway wrote.
pub(crate) fn uri_for(context: &Context<'_>, ask: &Ask<'_>, aor: &str) -> Option<String> {
    let bare = aor.strip_prefix("sip:").unwrap_or(aor);
    is_own_address(context, ask).then(|| [secure::scheme_of(ask.request), bare].concat())
}

/// A target for who is not of the directory and is reached by a gateway: the gateway itself from a Front End of its
/// pool, that pool from everywhere else. Only users of ours and gateways may call there.
pub(crate) fn target(
    context: &mut Context<'_>,
    ask: &Ask<'_>,
    aor: &str,
    caller: &str,
) -> Option<Target> {
    let is_user = || context.users.find(caller).is_some_and(|user| user.enabled);
    if !is_from_gateway(ask) && !is_user() {
        return None;
    }
    let towards = towards(context, ask, aor)?;
    Some(Target {
        uri: uri_for(context, ask, aor),
        ..Target::at(towards)
    })
}

fn towards(context: &mut Context<'_>, ask: &Ask<'_>, aor: &str) -> Option<Towards> {
    let config = context.config;
    let user = Uri::parse(aor).ok()?.user?;
    let own_pool = &config.server.pool;
    let is_other = |gateway: &&Gateway| !is_sender(ask, gateway);
    let fitting = || {
        let fitting = config.gateways.iter().filter(|g| g.reaches(user));
        fitting.filter(is_other)
    };
    let ours = fitting().filter(|g| g.pool.eq_ignore_ascii_case(own_pool));
    let ours: Vec<Hop> = ours.map(|gateway| gateway.hop.clone()).collect();
    if !ours.is_empty() {
        return Some(Towards::Servers(ours));
    }
    // Front Ends ask no further.
    let first = fitting().next().filter(|_| !ask.is_from(Role::FrontEnd))?;
    let pool = config.pool(&first.pool)?;
    Some(Towards::Servers(route::members(context, pool)))
}

/// Where a request inside a dialog goes that no route leads on: to the gateway that its Request-URI names, or from a
/// gateway to where the call that it writes anew would go.
pub(crate) fn again(context: &mut Context<'_>, ask: &Ask<'_>) -> Option<Target> {
    let uri = Uri::parse(ask.request.uri()).ok()?;
    let own_pool = &context.config.server.pool;
    let is_named = |gateway: &&Gateway| {
        let hop = &gateway.hop;
        let address = hop.addr.ip();
        let by_address = uri.host.trim_matches(['[', ']']).parse() == Ok(address);
        gateway.pool.eq_ignore_ascii_case(own_pool)
            && (by_address || hop.name.eq_ignore_ascii_case(uri.host))
    };
    let mut gateways = context.config.gateways.iter();
    let towards = match gateways.find(is_named) {
        Some(gateway) => Towards::Servers(vec![gateway.hop.clone()]),
        None => {
            let aor = callee(context, ask, &uri)?;
            towards(context, ask, &aor)?
        }
    };
    Some(Target::at(towards))
}

fn is_from_gateway(ask: &Ask<'_>) -> bool {
    matches!(ask.link.peer, Peer::Gateway(_))
}

fn is_sender(ask: &Ask<'_>, gateway: &Gateway) -> bool {
    matches!(&ask.link.peer, Peer::Gateway(name) if *name == gateway.hop.name)
}

fn is_own_address(context: &Context<'_>, ask: &Ask<'_>) -> bool {
    is_from_gateway(ask)
        && Uri::parse(ask.request.uri()).is_ok_and(|uri| context.config.is_me(uri.host))
}
