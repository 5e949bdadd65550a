//! Which subscriptions and publications a Front End answers itself.
//!
//! Those to the packages that we know, for users whose home is this pool. The pool that stands in for the home answers
//! when somebody who tried the home first sends here, while the user is registered here, or while the home does not
//! answer. What is for other packages goes to the user's phones like any request.

use super::callee;
use super::front_end::serves;
use super::gruu::Wanted;
use super::identity::Caller;
use super::route::{self, Routes};
use super::{Ask, Context, Decision, Eventing, Why};
use crate::event::Package;
use crate::msg::{Method, Name, Uri};
use crate::token::Subscriber;
use base::net::Role;
use std::sync::Arc;

/// Returns the package that a request names, without parameters.
pub(crate) fn package_name<'r>(ask: &Ask<'r>) -> Option<&'r str> {
    let event = ask.request.text(Name::Event)?;
    event.split(';').next().map(str::trim)
}

/// A request that begins something.
pub(crate) fn begins<'r>(
    context: &mut Context<'_>,
    ask: &Ask<'r>,
    asker: &Caller,
) -> Option<Decision<'r>> {
    let method = ask.request.method();
    if !matches!(method, Method::Publish | Method::Subscribe) {
        return None;
    }
    let publish = method == Method::Publish;
    let Some(name) = package_name(ask) else {
        return Some(Decision::refuse(ask, Why::BadEvent));
    };
    let known = Package::named(name);
    let Some(asker) = asker.user() else {
        // A visitor neither watches our users nor speaks for them.
        return known.map(|_| Decision::refuse(ask, Why::Forbidden));
    };
    if publish && known != Some(Package::Presence) {
        return Some(Decision::refuse(ask, Why::BadEvent));
    }
    let aor = match callee::named(context, ask) {
        Ok((aor, Wanted::Everyone)) => aor,
        // A GRUU means one phone, which answers for itself.
        Ok(_) => return None,
        Err(why) => return Some(Decision::refuse(ask, why)),
    };
    if is_list(context, &aor) {
        if known != Some(Package::Presence) || publish {
            return Some(Decision::refuse(ask, Why::BadEvent));
        }
        return at_home(
            context,
            ask,
            asker,
            &Arc::clone(asker),
            Some(Arc::from(aor)),
        );
    }
    if known.is_none() {
        // Of one's own phones nobody asks through us: who subscribes to themself means the service.
        return (aor == **asker).then(|| Decision::refuse(ask, Why::BadEvent));
    }
    at_home(context, ask, asker, &Arc::from(aor), None)
}

/// The user part of the addresses to which lists are sent, in each domain that has no user of this name.
const LISTS: &str = "sip:rls@";

/// Tells whether an address-of-record of our domains stands for whatever list a request brings.
pub(crate) fn is_list(context: &Context<'_>, aor: &str) -> bool {
    aor.starts_with(LISTS) && context.users.find(aor).is_none()
}

fn at_home<'r>(
    context: &mut Context<'_>,
    ask: &Ask<'r>,
    asker: &Arc<str>,
    aor: &Arc<str>,
    list: Option<Arc<str>>,
) -> Option<Decision<'r>> {
    let account = context.users.find(aor)?;
    let home = account.home.as_str();
    let here = context.config.server.pool.eq_ignore_ascii_case(home);
    (serves(context, &account) && (here || stands_in(context, ask, home, aor))).then(|| {
        Decision::Event(Eventing {
            aor: Arc::clone(aor),
            asker: Some(Arc::clone(asker)),
            list,
        })
    })
}

/// A request that we sent to the home of the one whom it is about, and no server there answered: whether we answer it now.
pub(crate) fn stands_in_after_all<'r>(
    context: &mut Context<'_>,
    ask: &Ask<'r>,
    asker: &Arc<str>,
) -> Option<Eventing> {
    if context.config.server.role != Role::FrontEnd {
        return None;
    }
    let decision = begins(context, ask, &Caller::User(Arc::clone(asker)))?;
    if let Decision::Event(eventing) = decision {
        return Some(eventing);
    }
    None
}

/// Whether we answer for a user of the pool that we stand in for.
fn stands_in(context: &mut Context<'_>, ask: &Ask<'_>, home: &str, aor: &str) -> bool {
    if !ask.is_from_client() || !context.locations.find(aor, context.now.wall).is_empty() {
        return true;
    }
    let servers = route::home_servers(context, home);
    servers
        .iter()
        .all(|hop| context.flows.is_resting(&hop.name, context.now.mono))
}

/// A NOTIFY for a subscription of ours at another pool: our Contact is its Request-URI, and a server of ours sends it.
pub(crate) fn told<'r>(
    context: &Context<'_>,
    ask: &Ask<'r>,
    routes: &Routes,
) -> Option<Decision<'r>> {
    let is_from_home = ask.request.method() == Method::Notify && ask.is_from(Role::FrontEnd);
    if !is_from_home || !routes.rest.is_empty() {
        return None;
    }
    let uri = ask.parts.uri.filter(|uri| context.config.is_me(uri.host))?;
    let (call_id, tag) = (ask.parts.call_id, ask.parts.to.tag?);
    let key = &context.config.keys.branch;
    Subscriber::read(uri.user?, call_id, tag, key).map(Decision::Told)
}

/// A SUBSCRIBE inside a dialog that ends with us: our Contact is its Request-URI.
pub(crate) fn inside<'r>(
    context: &Context<'_>,
    ask: &Ask<'r>,
    routes: &Routes,
) -> Option<Decision<'r>> {
    if ask.request.method() != Method::Subscribe || !routes.rest.is_empty() {
        return None;
    }
    let uri = Uri::parse(ask.request.uri()).ok()?;
    if uri.user.is_some() || !context.config.is_me(uri.host) {
        return None;
    }
    if package_name(ask).and_then(Package::named).is_none() {
        return Some(Decision::refuse(ask, Why::BadEvent));
    }
    let to = ask.request.to().ok()?;
    let aor = Uri::parse(to.uri).ok()?.aor()?;
    let host = Uri::parse(to.uri).ok()?.host;
    let mut eventing = Eventing {
        aor: Arc::from(aor),
        asker: None,
        list: None,
    };
    if is_list(context, &eventing.aor) && context.config.is_our_domain(host) {
        let from = ask.request.from().ok()?;
        let watcher = Arc::from(Uri::parse(from.uri).ok()?.aor()?);
        eventing.list = Some(std::mem::replace(&mut eventing.aor, watcher));
    }
    Some(Decision::Event(eventing))
}
