//! The Front End: registrar and home of users, and the proxy that finds them.
//!
//! - REGISTER from a client: Digest, then the registrar; a user of another pool is redirected there. Through a
//!   Director: its asserted identity is enough. Straight from an Edge (a deployment without Directors): Digest here.
//! - Other requests: the caller proves who they are or a server asserts it; the callee's bindings become the targets,
//!   in groups of equal q. Who is not found here may be at home, or with the pool that stands in for the home.
//! - Inside a dialog: along the recorded route; if the client's flow is gone, to where it registered again.

use super::border;
use super::dialog;
use super::director::{callee, record_for, redirect_home};
use super::identity::{self, Caller};
use super::route::{self, Leads, Routes};
use super::{Ask, Context, Decision, Plan, Registering, Target, Towards, Why};
use crate::location::Binding;
use crate::msg::{Method, Name, Reply, Uri};
use base::net::Role;
use directory::User;
use std::sync::Arc;

pub(crate) fn decide<'r>(context: &mut Context<'_>, ask: &Ask<'r>) -> Decision<'r> {
    let routes = match Routes::of(context, ask.request, Some(ask.flow)) {
        Ok(routes) => routes,
        Err(why) => return Decision::refuse(ask, why),
    };
    if ask.request.method() == Method::Register {
        return register(context, ask);
    }
    if dialog::is_inside(ask) && dialog::is_admitted(context, ask, &routes) {
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
    locate(context, ask, caller)
}

/// What a REGISTER may require of the registrar (RFC 3327, RFC 5626).
const SUPPORTED: [&str; 2] = ["path", "outbound"];

fn register<'r>(context: &mut Context<'_>, ask: &Ask<'r>) -> Decision<'r> {
    let mut required = ask.request.elements(Name::Require);
    let unknown = |tag: &&str| {
        !SUPPORTED
            .iter()
            .any(|known| known.eq_ignore_ascii_case(tag))
    };
    if let Some(tag) = required.find_map(|tag| tag.text().filter(unknown)) {
        let reply = Reply::to(ask.request, 420).header(Name::Unsupported, tag);
        return Decision::Reply(reply, Why::Unsupported);
    }
    let known = identity::asserted(context, ask).or_else(|| identity::ticketed(context, ask));
    let user = match known.map_or_else(|| identity::settle(context, ask), Ok) {
        Ok(user) => user,
        Err(decision) => return *decision,
    };
    if identity::claimed(ask.request).as_deref() != Some(&*user) {
        return Decision::refuse(ask, Why::WrongIdentity);
    }
    let Some(account) = context.users.find(&user) else {
        return Decision::refuse(ask, Why::BadCredentials);
    };
    if serves(context, &account) {
        return Decision::Register(registering(context, ask, user));
    }
    if ask.is_from_client() {
        return redirect_home(context, ask, account.home.as_str(), user);
    }
    Decision::refuse(ask, Why::NotServed)
}

/// Whether registrations of this user are kept here: at home, or in the pool that stands in for the home.
fn serves(context: &Context<'_>, account: &User) -> bool {
    let config = context.config;
    let home = account.home.as_str();
    let backup = config.pool(home).and_then(|pool| pool.backup.as_deref());
    [Some(home), backup]
        .into_iter()
        .flatten()
        .any(|pool| config.server.pool.eq_ignore_ascii_case(pool))
}

fn registering(context: &Context<'_>, ask: &Ask<'_>, aor: Arc<str>) -> Registering {
    let path = ask
        .request
        .elements(Name::Path)
        .filter_map(|hop| hop.text().map(str::to_owned));
    let mut path: Vec<String> = path.collect();
    let remote = path
        .iter()
        .any(|hop| route::role_of(context, hop) == Some(Role::Edge));
    if ask.is_from_client() {
        path = vec![route::path_uri(context, ask.flow)];
    }
    Registering {
        aor,
        route: path,
        remote,
    }
}

/// Finds where the callee is.
fn locate<'r>(context: &mut Context<'_>, ask: &Ask<'r>, caller: Caller) -> Decision<'r> {
    if matches!(caller, Caller::User(_))
        && let Some(target) = border::way_out(context, ask)
    {
        return forward(ask, caller, vec![target]);
    }
    let aor = match callee(context, ask) {
        Ok(aor) => aor,
        Err(why) => return Decision::refuse(ask, why),
    };
    let Some(account) = context.users.find(&aor) else {
        return Decision::refuse(ask, Why::UnknownUser);
    };
    let bindings = context.locations.find(&aor, context.now.wall);
    let targets: Vec<Target> = bindings
        .iter()
        .filter_map(|binding| target_for(context, binding))
        .collect();
    if !targets.is_empty() {
        return forward(ask, caller, targets);
    }
    // Not here: at home, or with the pool that stands in for it while the home was away. Front Ends ask no further.
    let others = route::home_servers(context, account.home.as_str());
    if others.is_empty() || ask.is_from(Role::FrontEnd) {
        return Decision::refuse(ask, Why::Unreachable);
    }
    let at_home = context
        .config
        .server
        .pool
        .eq_ignore_ascii_case(account.home.as_str());
    let target = Target::at(Towards::Servers(others));
    let unreached = if at_home {
        Why::Unreachable
    } else {
        Why::NoServer
    };
    forward_unless(ask, caller, vec![target], unreached)
}

/// The highest q, in thousandths.
const Q_MAX: u16 = 1_000;

/// A target for a binding; `None` if its flow is gone.
fn target_for(context: &mut Context<'_>, binding: &Binding) -> Option<Target> {
    let routes = Routes::take_own(context, &[], binding.route.clone(), None).ok()?;
    let towards = route::towards(context, &routes).ok()??;
    Some(Target {
        uri: Some(binding.contact.clone()),
        route: routes.rest,
        order: Q_MAX.saturating_sub(binding.q),
        ..Target::at(towards)
    })
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
        targets,
        assert: caller.assert(),
        record: record_for(ask.request.method()),
        path: None,
        strip_credentials: true,
        stateless: false,
        unreached,
        user: caller.on_flow(ask),
    }))
}

fn inside<'r>(context: &mut Context<'_>, ask: &Ask<'r>, routes: Routes) -> Decision<'r> {
    let gone = routes.rest.is_empty() && routes.flow == Some(Leads::Nowhere);
    if !gone && let Some(decision) = dialog::follow(context, ask, routes) {
        return decision;
    }
    let why = if gone { Why::FlowGone } else { Why::NoDialog };
    match registered_again(context, ask) {
        Some(target) => dialog::send(ask, target.route, target.towards),
        None => Decision::refuse(ask, why),
    }
}

/// The binding of the dialog's other end whose Contact is the Request-URI: the client has come back on a new flow.
fn registered_again(context: &mut Context<'_>, ask: &Ask<'_>) -> Option<Target> {
    let to = ask.request.to().ok()?;
    let aor = Uri::parse(to.uri).ok()?.aor()?;
    let wanted = Uri::parse(ask.request.uri()).ok()?;
    let bindings = context.locations.find(&aor, context.now.wall);
    let same = |binding: &&Arc<Binding>| {
        Uri::parse(&binding.contact).is_ok_and(|contact| contact.matches(&wanted))
    };
    let binding = bindings.iter().find(same)?;
    target_for(context, binding)
}
