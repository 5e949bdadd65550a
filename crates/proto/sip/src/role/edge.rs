//! The Edge: the one SIP crossing point of the perimeter, in both directions.
//!
//! - From outside: it authenticates nobody. It takes off what a stranger may not say (asserted identities), puts its
//!   own URI with a token of the client's flow in front of the Path, and sends to the next hop, the Director.
//! - From inside: only Directors and Front Ends may send, and only to a flow that a token of ours names. State is kept
//!   of an INVITE that begins a call, so that neither end rings on when the other is lost; of nothing else.
//! - From and to partners: [`border`].
//! - Inside a dialog it follows the recorded route. From outside the route must lead to a Director or Front End.

use super::border;
use super::dialog;
use super::route::{self, Routes};
use super::{Ask, Assert, Context, Decision, Plan, Record, Target, Towards, Why};
use crate::hiding;
use crate::msg::{Method, Uri};
use base::net::{Peer, Role};

pub(crate) fn decide<'r>(context: &mut Context<'_>, ask: &Ask<'r>) -> Decision<'r> {
    let routes = match Routes::of(context, ask) {
        Ok(routes) => routes,
        Err(why) => return Decision::refuse(ask, why),
    };
    // What cannot be answered, or undoes something, hides nothing.
    let is_new = !matches!(ask.request.method(), Method::Ack | Method::Cancel);
    if let Some(why) = hiding::privacy_refused(ask.request).filter(|_| is_new) {
        return Decision::refuse(ask, why);
    }
    if ask.is_from(Role::Director) || ask.is_from(Role::FrontEnd) {
        return outwards(context, ask, routes);
    }
    if let Peer::Partner(domains) = &ask.link.peer {
        return border::inwards(context, ask, routes, domains);
    }
    if ask.is_from_client() {
        return inwards(context, ask, routes);
    }
    Decision::refuse(ask, Why::Forbidden)
}

fn outwards<'r>(context: &mut Context<'_>, ask: &Ask<'r>, routes: Routes) -> Decision<'r> {
    if routes.flow.is_none() && context.config.federation.is_some() {
        return border::outwards(context, ask, routes);
    }
    if !routes.rest.is_empty() {
        return Decision::refuse(ask, Why::ForeignRoute);
    }
    let towards = match route::towards(context, &routes) {
        Ok(Some(towards)) => towards,
        Ok(None) => return Decision::refuse(ask, Why::NotServed),
        Err(why) => return Decision::refuse(ask, why),
    };
    let begins = !dialog::is_inside(ask);
    // A call that rings outside is cancelled when whoever placed it is lost, and refused when the phone is.
    let call = begins && ask.request.method() == Method::Invite;
    let record = if begins {
        Record::of_new(ask.request.method())
    } else {
        Record::No
    };
    Decision::Forward(Box::new(Plan {
        assert: Assert::Keep,
        record,
        stateless: !call,
        ..Plan::to(vec![routes.target(ask.request, towards)])
    }))
}

fn inwards<'r>(context: &mut Context<'_>, ask: &Ask<'r>, routes: Routes) -> Decision<'r> {
    if dialog::is_inside(ask) && routes.dialog {
        return inside_dialog(context, ask, routes);
    }
    if matches!(ask.request.method(), Method::Ack | Method::Cancel) {
        return Decision::refuse(ask, Why::Stray);
    }
    if !concerns_us(context, ask) {
        context.notes.add(|| "neither end is of our domains");
        return Decision::refuse(ask, Why::NotOurDomain);
    }
    let register = ask.request.method() == Method::Register;
    let hops = context
        .config
        .next_hop
        .clone()
        .and_then(|pool| route::servers_named(context, &pool));
    let Some(hops) = hops else {
        return Decision::refuse(ask, Why::NoServer);
    };
    Decision::Forward(Box::new(Plan {
        record: Record::of_new(ask.request.method()),
        path: register.then(|| route::path_uri(context, ask)),
        strip_credentials: false,
        ..Plan::to(vec![Target::at(Towards::Servers(hops))])
    }))
}

pub(super) fn inside_dialog<'r>(
    context: &mut Context<'_>,
    ask: &Ask<'r>,
    routes: Routes,
) -> Decision<'r> {
    let inside = routes
        .rest
        .first()
        .and_then(|entry| route::role_of(context, entry));
    match inside {
        Some(Role::Director | Role::FrontEnd) => {}
        Some(_) | None if routes.rest.is_empty() && routes.flow.is_some() => {}
        Some(_) | None => return Decision::refuse(ask, Why::ForeignRoute),
    }
    let decision = dialog::follow(context, ask, routes);
    decision.unwrap_or_else(|| Decision::refuse(ask, Why::NoDialog))
}

/// Whether either end is a user of ours. What is between others is none of our business. With federation the sender must
/// be: inside, a request from somebody else's user is taken for one of a partner, and a client proves no domain.
fn concerns_us(context: &Context<'_>, ask: &Ask<'_>) -> bool {
    let ours = |uri: &str| Uri::parse(uri).is_ok_and(|uri| context.config.is_our_domain(uri.host));
    let from = ask.request.from().is_ok_and(|from| ours(from.uri));
    from || (context.config.federation.is_none() && ours(ask.request.uri()))
}
