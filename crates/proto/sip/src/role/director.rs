//! The Director: says who the user is, then sends them home.
//!
//! - From a client inside: after Digest, `301` to the home pool and its backup (q values 0.7 and 0.3),
//!   or, for those who cannot follow it, proxied with a Path that leads back to the client's flow.
//! - From an Edge: Digest here, since an Edge's word about users counts for nothing; then proxied to the home pool
//!   with the proven identity.
//! - Unknown users and failed credentials end here.
//!
//! It keeps no users and no dialogs. Inside a dialog it follows the recorded route.

use super::callee::{self, Callee};
use super::dialog;
use super::eventing;
use super::gruu::Wanted;
use super::identity::{self, Caller};
use super::route::{self, Leads, Routes};
use super::secure;
use super::{Ask, Assert, Context, Decision, Plan, Record, Target, Towards, Why};
use crate::config::InternalSignIn;
use crate::msg::{Method, Name, Reply};
use crate::token::Ticket;
use base::net::{Role, Transport};
use std::sync::Arc;

pub(crate) fn decide<'r>(context: &mut Context<'_>, ask: &Ask<'r>) -> Decision<'r> {
    let routes = match Routes::of(context, ask) {
        Ok(routes) => routes,
        Err(why) => return Decision::refuse(ask, why),
    };
    if ask.request.method() == Method::Register {
        return register(context, ask);
    }
    if dialog::is_inside(ask) && dialog::is_admitted(context, ask, &routes) {
        let Some(decision) = dialog::follow(context, ask, routes) else {
            return no_route(context, ask);
        };
        return decision;
    }
    if matches!(ask.request.method(), Method::Ack | Method::Cancel) {
        return Decision::refuse(ask, Why::Stray);
    }
    let caller = match identity::caller(context, ask) {
        Ok(caller) => caller,
        Err(decision) => return *decision,
    };
    if ask.is_from(Role::FrontEnd) {
        return to_client(ask, &routes, caller);
    }
    send_home(context, ask, caller)
}

/// Inside a dialog without a route a GRUU still says where its phone is at home (RFC 5627 5.4).
fn no_route<'r>(context: &mut Context<'_>, ask: &Ask<'r>) -> Decision<'r> {
    let home = match callee::named(context, ask) {
        Ok((aor, Wanted::Instance(_) | Wanted::Temporary(_))) => context.users.find(&aor),
        Ok((_, Wanted::Everyone)) | Err(_) => None,
    };
    let Some(account) = home.filter(|_| !ask.is_from(Role::FrontEnd)) else {
        return Decision::refuse(ask, Why::NoDialog);
    };
    let servers = route::home_servers(context, account.home.as_str());
    dialog::send(ask, Target::at(Towards::Servers(servers)))
}

/// A Front End sends to a client that signed in through us: our Path token names the flow. It asks nothing else of us;
/// to send home what leads nowhere would only bring it back, once for each binding.
fn to_client<'r>(ask: &Ask<'r>, routes: &Routes, caller: Caller) -> Decision<'r> {
    let flow = match routes.flow {
        _ if !routes.rest.is_empty() => return Decision::refuse(ask, Why::ForeignRoute),
        Some(Leads::To(flow)) => flow,
        Some(Leads::Nowhere) => return Decision::refuse(ask, Why::FlowGone),
        None => return Decision::refuse(ask, Why::NotServed),
    };
    let towards = Towards::Flow(flow);
    forward(Target::at(towards), caller, ask)
}

fn register<'r>(context: &mut Context<'_>, ask: &Ask<'r>) -> Decision<'r> {
    let user = match identity::settle(context, ask) {
        Ok(user) => user,
        Err(decision) => return *decision,
    };
    let account = match identity::bindings_of(context, ask, &user) {
        Ok(account) => account,
        Err(why) => return Decision::refuse(ask, why),
    };
    let home = account.home.as_str();
    let agent = ask.request.text(Name::UserAgent);
    let redirect = context.config.sign_in.internal_for(agent) == InternalSignIn::Redirect;
    if ask.is_from_client() && redirect {
        return redirect_home(context, ask, home, user);
    }
    let towards = Towards::Servers(route::home_servers(context, home));
    let path = ask.is_from_client().then(|| route::path_uri(context, ask));
    Decision::Forward(Box::new(Plan {
        assert: Assert::User(Arc::clone(&user)),
        path,
        user: Some(user),
        ..Plan::to(vec![Target::at(towards)])
    }))
}

/// `301` with the home pool first and its backup second; order and q agree, since some clients look at one only.
///
/// A client without TLS is sent to the plain port of its home and gets no ticket: whoever reads it on the way could sign
/// in with it, so it proves itself again there.
pub(crate) fn redirect_home<'r>(
    context: &Context<'_>,
    ask: &Ask<'r>,
    home: &str,
    user: Arc<str>,
) -> Decision<'r> {
    context.notes.add(|| format!("at home in {home}"));
    let Some(pool) = context.config.pool(home) else {
        return Decision::refuse(ask, Why::NoServer);
    };
    let until = context.now.wall.after(context.config.ticket_life).as_secs();
    let ticket = Ticket::mint(&user, until, &context.config.keys.ticket);
    let plain_port = context.config.plain.as_ref().map(|plain| plain.port);
    let scheme = secure::scheme_of(ask.request);
    let contact = |name: &str, port: u16, q: &str| {
        let (port, params) = match (ask.link.transport, plain_port) {
            (Transport::Tls, _) | (_, None) => {
                (port, ["tls;", Ticket::PARAM, "=", &ticket].concat())
            }
            (Transport::Tcp, Some(plain)) => (plain, "tcp".to_owned()),
            (Transport::Udp, Some(plain)) => (plain, "udp".to_owned()),
        };
        // Whoever came with a certificate is to be asked for it at home too.
        let holder = ask
            .link
            .certificate
            .map(|_| [&context.config.sign_in.certificate_label, "."]);
        let label = holder.map(|label| label.concat()).unwrap_or_default();
        format!("<{scheme}{label}{name}:{port};transport={params}>;q={q}")
    };
    let mut reply =
        Reply::to(ask.request, 301).header(Name::Contact, contact(&pool.name, pool.port, "0.7"));
    if let Some(backup) = pool
        .backup
        .as_deref()
        .and_then(|name| context.config.pool(name))
    {
        reply = reply.header(Name::Contact, contact(&backup.name, backup.port, "0.3"));
    }
    Decision::Welcome(reply, user)
}

/// Sends a request home to the user whom it is for, or out of our users' circle.
fn send_home<'r>(context: &mut Context<'_>, ask: &Ask<'r>, caller: Caller) -> Decision<'r> {
    if let Some(home) = home_of_list(context, ask, &caller) {
        let servers = route::home_servers(context, &home);
        return forward(Target::at(Towards::Servers(servers)), caller, ask);
    }
    let target = match callee::find(context, ask, &caller) {
        Ok(Callee::Beyond(target)) => target,
        Ok(Callee::Ours { account, .. }) => {
            let servers = route::home_servers(context, account.home.as_str());
            Target::at(Towards::Servers(servers))
        }
        Err(why) => return Decision::refuse(ask, why),
    };
    forward(target, caller, ask)
}

/// The subscription to a list lives at the home of the one who asks.
fn home_of_list(context: &Context<'_>, ask: &Ask<'_>, caller: &Caller) -> Option<String> {
    if ask.request.method() != Method::Subscribe {
        return None;
    }
    let (aor, wanted) = callee::named(context, ask).ok()?;
    let is_list = matches!(wanted, Wanted::Everyone) && eventing::is_list(context, &aor);
    let asker = caller.user().filter(|_| is_list)?;
    Some(context.users.find(asker)?.home.as_str().to_owned())
}

fn forward<'r>(target: Target, caller: Caller, ask: &Ask<'r>) -> Decision<'r> {
    Decision::Forward(Box::new(Plan {
        assert: caller.assert(),
        record: Record::of_new(ask.request.method()),
        user: caller.on_flow(ask),
        ..Plan::to(vec![target])
    }))
}
