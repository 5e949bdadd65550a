//! Requests inside a dialog: they follow the route that was recorded, and no role looks further.
//!
//! The route proves itself: our Record-Route carried a token bound to the Call-ID, the caller's tag and both users, so
//! whoever sends one back is part of that dialog and says who they are. From a client that token, or having signed in
//! on the flow as the one whom From names, is what lets a request pass: a tag in To is easily made up, and must not free
//! anyone from being who they say. From an Edge only the token is, since an Edge's word about users counts for nothing.

use super::identity;
use super::route::{self, Routes};
use super::{Ask, Assert, Context, Decision, Plan, Target, Towards, may_assert};
use crate::msg::Method;
use base::net::Role;

/// Tells whether a request is inside a dialog: its To has a tag (RFC 3261 12.2).
pub(crate) fn is_inside(ask: &Ask<'_>) -> bool {
    ask.parts.to.tag.is_some()
}

/// Tells whether the sender may send inside this dialog without proving who they are.
pub(crate) fn is_admitted(context: &Context<'_>, ask: &Ask<'_>, routes: &Routes) -> bool {
    routes.dialog
        || identity::claimed(ask.request)
            .is_some_and(|claimed| identity::known_on_flow(context, ask, &claimed).is_some())
        || ask.is_from(Role::Director)
        || ask.is_from(Role::FrontEnd)
}

/// Sends a request on along its route. `None` if the route ends here without naming a flow.
pub(crate) fn follow<'r>(
    context: &mut Context<'_>,
    ask: &Ask<'r>,
    routes: Routes,
) -> Option<Decision<'r>> {
    follow_to(context, ask, routes, None)
}

/// The same with another Request-URI: the Contact that a GRUU stands for.
pub(crate) fn follow_to<'r>(
    context: &mut Context<'_>,
    ask: &Ask<'r>,
    routes: Routes,
    uri: Option<String>,
) -> Option<Decision<'r>> {
    let towards = match route::towards(context, &routes) {
        Ok(towards) => towards?,
        Err(why) => return Some(Decision::refuse(ask, why)),
    };
    let mut routes = routes;
    if uri.is_some() {
        routes.uri = uri;
    }
    Some(send(ask, routes.target(ask.request, towards)))
}

/// Sends a request on inside its dialog. State is kept only where another server could be tried, or where a message can
/// be lost on one side and nobody would repeat it on the other.
pub(crate) fn send<'r>(ask: &Ask<'r>, target: Target) -> Decision<'r> {
    let (one_way, reliable) = match &target.towards {
        Towards::Flow(flow) => (true, flow.transport().is_reliable()),
        Towards::Servers(hops) => (
            hops.len() < 2,
            hops.iter().all(|hop| hop.transport.is_reliable()),
        ),
        Towards::Partner(_) => (false, true),
    };
    let reliable = reliable && ask.link.transport.is_reliable();
    let stateless = (one_way && reliable) || ask.request.method() == Method::Ack;
    // Credentials are for us. A phone puts those of an INVITE into its ACK (RFC 3261 13.2.2.4), and whoever has them can
    // be that user for as long as the nonce lives.
    let strip_credentials = matches!(target.towards, Towards::Flow(_));
    Decision::Forward(Box::new(Plan {
        assert: assert_for(ask),
        strip_credentials,
        stateless,
        ..Plan::to(vec![target])
    }))
}

/// Only a Director or Front End may assert who somebody is.
pub(crate) fn assert_for(ask: &Ask<'_>) -> Assert {
    if may_assert(&ask.link.peer) {
        Assert::Keep
    } else {
        Assert::Strip
    }
}
