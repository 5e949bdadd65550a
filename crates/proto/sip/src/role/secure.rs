//! What `sips` asks for (RFC 5630): TLS on every hop, and no other scheme in its place.
//!
//! - A request for a `sips` URI that comes or would leave without TLS ends here.
//! - It reaches what was registered as `sips` and nothing else (5.3). A request for a `sip` URI reaches both; a `sips`
//!   Contact is then written as `sip`, and is still reached over TLS, since it was registered over it.
//! - Our entries in its Record-Route and Path are `sips` too.
//!
//! Whom a URI stands for is the same in both schemes ([`crate::msg::Uri::aor`]).

use super::{Ask, Decision, Target, Towards, Why};
use crate::msg::Message;
use base::net::Transport;
use std::borrow::Cow;

/// Tells whether a URI is `sips`.
pub(crate) fn is_sips(uri: &str) -> bool {
    uri.get(.."sips:".len())
        .is_some_and(|scheme| scheme.eq_ignore_ascii_case("sips:"))
}

/// Returns how an entry of ours begins in the route of what a request begins.
pub(crate) fn scheme_of(request: &Message) -> &'static str {
    if is_sips(request.uri()) {
        "sips:"
    } else {
        "sip:"
    }
}

/// Tells whether a request asks for TLS on every hop and has come to us without.
pub(super) fn came_in_the_clear(ask: &Ask<'_>) -> bool {
    ask.link.transport != Transport::Tls && is_sips(ask.request.uri())
}

/// A URI that a user has, in the scheme by which a request asks for it; `None` if a request for a `sips` URI would become
/// one for a `sip` URI.
pub(super) fn in_scheme_of<'u>(asked: &str, own: &'u str) -> Option<Cow<'u, str>> {
    match (is_sips(asked), is_sips(own)) {
        (true, true) | (false, false) => Some(Cow::Borrowed(own)),
        (true, false) => None,
        (false, true) => {
            let rest = own.get("sips".len()..)?;
            Some(Cow::Owned(["sip", rest].concat()))
        }
    }
}

/// Leaves out the ways of a `sips` request that have no TLS.
pub(super) fn only_secured<'r>(ask: &Ask<'r>, decision: Decision<'r>) -> Decision<'r> {
    let Decision::Forward(mut plan) = decision else {
        return decision;
    };
    if is_sips(ask.request.uri()) && !plan.targets.is_empty() {
        plan.targets.retain_mut(keep_secured);
        if plan.targets.is_empty() {
            return Decision::refuse(ask, Why::NotSecure);
        }
    }
    Decision::Forward(plan)
}

/// Takes from a target what has no TLS; false if nothing is left.
fn keep_secured(target: &mut Target) -> bool {
    target
        .alternatives
        .retain_mut(|way| is_secured(&mut way.towards));
    is_secured(&mut target.towards)
}

fn is_secured(towards: &mut Towards) -> bool {
    match towards {
        Towards::Flow(flow) => flow.transport() == Transport::Tls,
        Towards::Servers(hops) => {
            let was_empty = hops.is_empty();
            hops.retain(|hop| hop.transport == Transport::Tls);
            was_empty || !hops.is_empty()
        }
        // Nothing but TLS is spoken there.
        Towards::Partner(_) => true,
    }
}
