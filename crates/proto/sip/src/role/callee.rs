//! Whom a request is for: the ways to somebody, in the order in which they are looked at, for the roles inside.
//!
//! 1. A user of a partner, by the domain of the Request-URI ([`border`]).
//! 2. A user of the directory, or one of their phones ([`gruu`]).
//! 3. Who is reached by a gateway ([`gateway`]).
//!
//! Where a user of the directory is reached is for each role to find out.

use super::border;
use super::gateway;
use super::gruu::{self, Wanted};
use super::identity::Caller;
use super::{Ask, Context, Target, Why};
use base::net::Peer;
use directory::User;
use std::sync::Arc;

/// Whom a request is for.
pub(crate) enum Callee {
    /// A user of the directory.
    Ours {
        aor: String,
        /// Which of their phones.
        wanted: Wanted,
        account: Arc<User>,
    },
    /// Somebody else, with the way there.
    Beyond(Target),
}

/// Finds whom a request is for. Only users of ours and gateways reach anybody beyond the directory.
pub(crate) fn find(
    context: &mut Context<'_>,
    ask: &Ask<'_>,
    caller: &Caller,
) -> Result<Callee, Why> {
    let from_gateway = matches!(ask.link.peer, Peer::Gateway(_));
    if !from_gateway
        && caller.user().is_some()
        && let Some(target) = border::way_out(context, ask)
    {
        context.notes.add(|| "for a partner, by our Edge");
        return Ok(Callee::Beyond(target));
    }
    let (aor, wanted) = named(context, ask)?;
    if let Some(account) = context.users.find(&aor) {
        let note = || format!("{aor} is at home in {}", account.home.as_str());
        context.notes.add(note);
        return Ok(Callee::Ours {
            aor,
            wanted,
            account,
        });
    }
    let way = caller
        .user()
        .and_then(|user| gateway::target(context, ask, &aor, user));
    let note = || match way {
        Some(_) => format!("{aor} is reached by a gateway"),
        None => format!("{aor} does not exist"),
    };
    context.notes.add(note);
    way.map(Callee::Beyond).ok_or(Why::UnknownUser)
}

/// The address-of-record that the Request-URI stands for, if we serve its domain, and which of the user's phones it
/// means.
pub(crate) fn named(context: &Context<'_>, ask: &Ask<'_>) -> Result<(String, Wanted), Why> {
    let uri = ask.parts.uri.ok_or(Why::Malformed)?;
    if !context.config.is_our_domain(uri.host) {
        context.notes.add(|| format!("for {}", uri.host));
        return gateway::callee(context, ask, &uri)
            .map(|aor| (aor, Wanted::Everyone))
            .ok_or(Why::NotOurDomain);
    }
    gruu::read(&uri, &context.config.keys.ticket).ok_or(Why::UnknownUser)
}
