//! The Front End: registrar and home of users, and the proxy that finds them.
//!
//! - REGISTER from a client: Digest, then the registrar; a user of another pool is redirected there. Through a
//!   Director: its asserted identity is enough. Straight from an Edge (a deployment without Directors): Digest here.
//! - Other requests: the caller proves who they are or a server asserts it; the callee's bindings become the targets,
//!   in groups of equal q. Who is not found here may be at home, or with the pool that stands in for the home.
//! - Subscriptions and publications of users at home here are answered here (`eventing`).
//! - Inside a dialog: along the recorded route; if the client's flow is gone, to where it registered again.

use super::callee::{self, Callee};
use super::dialog;
use super::director::redirect_home;
use super::eventing;
use super::gateway;
use super::gruu::Wanted;
use super::identity::{self, Caller};
use super::keeping;
use super::located;
use super::route::{self, Leads, Routes};
use super::{Ask, Context, Decision, Keeping, Plan, Record, Registering, Target, Towards, Why};
use super::{refuse_tags, unsupported_tags};
use crate::msg::{Method, Name};
use base::net::{Peer, Role};
use directory::User;
use std::sync::Arc;

pub(crate) fn decide<'r>(context: &mut Context<'_>, ask: &Ask<'r>) -> Decision<'r> {
    let routes = match Routes::of(context, ask) {
        Ok(routes) => routes,
        Err(why) => return Decision::refuse(ask, why),
    };
    if let Peer::Gateway(name) = &ask.link.peer {
        return gateway::decide(context, ask, routes, name);
    }
    if ask.request.method() == Method::Register {
        return register(context, ask);
    }
    if dialog::is_inside(ask) && dialog::is_admitted(context, ask, &routes) {
        let own = eventing::inside(context, ask, &routes);
        if let Some(decision) = own.or_else(|| eventing::told(context, ask, &routes)) {
            return decision;
        }
        return inside(context, ask, routes);
    }
    if matches!(ask.request.method(), Method::Ack | Method::Cancel) {
        return Decision::refuse(ask, Why::Stray);
    }
    let caller = match identity::caller(context, ask) {
        Ok(caller) => caller,
        Err(decision) => return *decision,
    };
    if routes.rest.is_empty()
        && let Some(Leads::To(flow)) = routes.flow
    {
        let target = Target::at(Towards::Flow(flow));
        return forward(ask, caller, vec![target]);
    }
    if let Some(decision) = eventing::begins(context, ask, &caller) {
        return decision;
    }
    locate(context, ask, caller)
}

/// What a REGISTER may require of the registrar (RFC 3327, RFC 5626, RFC 5627).
const SUPPORTED: [&str; 3] = ["path", "outbound", "gruu"];

fn register<'r>(context: &mut Context<'_>, ask: &Ask<'r>) -> Decision<'r> {
    let unknown = unsupported_tags(ask.request, &SUPPORTED);
    if !unknown.is_empty() {
        return refuse_tags(ask, unknown);
    }
    let known = identity::asserted(context, ask).or_else(|| identity::ticketed(context, ask));
    let user = match known.map_or_else(|| identity::settle(context, ask), Ok) {
        Ok(user) => user,
        Err(decision) => return *decision,
    };
    if identity::claimed(ask.request).as_deref() != Some(&*user) {
        return Decision::refuse(ask, Why::WrongIdentity);
    }
    let account = match identity::bindings_of(context, ask, &user) {
        Ok(account) => account,
        Err(why) => return Decision::refuse(ask, why),
    };
    if serves(context, &account) {
        let aor = Arc::from(account.aor.as_str());
        return Decision::Register(registering(context, ask, aor, user));
    }
    if ask.is_from_client() {
        return redirect_home(context, ask, account.home.as_str(), user);
    }
    Decision::refuse(ask, Why::NotServed)
}

/// Whether registrations of this user are kept here: at home, or in the pool that stands in for the home.
pub(crate) fn serves(context: &Context<'_>, account: &User) -> bool {
    let config = context.config;
    let home = account.home.as_str();
    let backup = config.pool(home).and_then(|pool| pool.backup.as_deref());
    [Some(home), backup]
        .into_iter()
        .flatten()
        .any(|pool| config.server.pool.eq_ignore_ascii_case(pool))
}

fn registering(context: &Context<'_>, ask: &Ask<'_>, aor: Arc<str>, by: Arc<str>) -> Registering {
    let path = ask
        .request
        .elements(Name::Path)
        .filter_map(|hop| hop.text().map(str::to_owned));
    let mut path: Vec<String> = path.collect();
    let remote = path
        .iter()
        .any(|hop| route::role_of(context, hop) == Some(Role::Edge));
    if ask.is_from_client() {
        path = vec![route::path_uri(context, ask)];
    }
    // The first hop wrote its entry first, so it is the last (RFC 3327 5.2).
    let outbound = path
        .last()
        .and_then(|hop| route::uri_of(hop))
        .is_some_and(|uri| uri.params.has("ob"));
    Registering {
        aor,
        by,
        route: path,
        remote,
        outbound,
    }
}

/// Finds where the callee is.
pub(crate) fn locate<'r>(context: &mut Context<'_>, ask: &Ask<'r>, caller: Caller) -> Decision<'r> {
    let (aor, wanted, account) = match callee::find(context, ask, &caller) {
        Ok(Callee::Beyond(target)) => return forward(ask, caller, vec![target]),
        Ok(Callee::Ours {
            aor,
            wanted,
            account,
        }) => (aor, wanted, account),
        Err(why) => return Decision::refuse(ask, why),
    };
    if !account.enabled {
        context.notes.add(|| format!("{aor} is disabled"));
        return Decision::refuse(ask, Why::Unreachable);
    }
    let targets = located::targets(context, ask.request, &aor, &wanted);
    if !targets.is_empty() {
        return forward(ask, caller, targets);
    }
    let bound = || context.locations.find(&aor, context.now.wall).len();
    context.notes.add(|| match bound() {
        0 => "not registered here".to_owned(),
        some => format!("none of the {some} phones registered here can be reached"),
    });
    if located::is_insecure(context, ask, &aor) {
        return Decision::refuse(ask, Why::NotSecure);
    }
    // RFC 5627 5.4: a temporary GRUU ends with its registration, a public one never does.
    let not_here = match wanted {
        Wanted::Temporary(_) => Why::UnknownUser,
        Wanted::Everyone | Wanted::Instance(_) => Why::Unreachable,
    };
    elsewhere(context, ask, caller, &aor, account.home.as_str(), not_here)
}

/// Who is not here is at home, or with the pool that stands in for it. One Front End asks another; only the home asks
/// once more, the pool that stands in for it, so that whoever asked the home finds those who signed in there.
fn elsewhere<'r>(
    context: &mut Context<'_>,
    ask: &Ask<'r>,
    caller: Caller,
    aor: &str,
    home: &str,
    not_here: Why,
) -> Decision<'r> {
    let at_home = context.config.server.pool.eq_ignore_ascii_case(home);
    let others = if at_home {
        route::stand_ins(context, home)
    } else {
        route::home_servers(context, home)
    };
    let also = || match others.first() {
        None => "no other pool could have them".to_owned(),
        Some(hop) => format!("{} may have them", hop.name),
    };
    context.notes.add(also);
    if others.is_empty() || (ask.is_from(Role::FrontEnd) && !at_home) {
        return match keeping::instead(context, ask, &caller.assert()) {
            Some(kept) => Decision::Keep(Box::new(Keeping {
                user: caller.on_flow(ask),
                ..kept
            })),
            None => Decision::refuse(ask, not_here),
        };
    }
    let unreached = if at_home { not_here } else { Why::NoServer };
    let target = Target {
        uri: gateway::uri_for(context, ask, aor),
        ..Target::at(Towards::Servers(others))
    };
    forward_unless(ask, caller, vec![target], unreached)
}

fn forward<'r>(ask: &Ask<'r>, caller: Caller, targets: Vec<Target>) -> Decision<'r> {
    forward_unless(ask, caller, targets, Why::NoServer)
}

fn forward_unless<'r>(
    ask: &Ask<'r>,
    caller: Caller,
    targets: Vec<Target>,
    unreached: Why,
) -> Decision<'r> {
    Decision::Forward(Box::new(Plan {
        assert: caller.assert(),
        record: Record::of_new(ask.request.method()),
        unreached,
        user: caller.on_flow(ask),
        ..Plan::to(targets)
    }))
}

pub(crate) fn inside<'r>(context: &mut Context<'_>, ask: &Ask<'r>, routes: Routes) -> Decision<'r> {
    let gone = routes.rest.is_empty() && routes.flow == Some(Leads::Nowhere);
    let uri = routes.uri.clone();
    let contact = located::contact_by_gruu(context, ask);
    if !gone && let Some(decision) = dialog::follow_to(context, ask, routes, contact) {
        return decision;
    }
    let why = if gone { Why::FlowGone } else { Why::NoDialog };
    let again = located::registered_again(context, ask, uri.as_deref());
    match again.or_else(|| gateway::again(context, ask)) {
        Some(target) => dialog::send(ask, target),
        None => Decision::refuse(ask, why),
    }
}
