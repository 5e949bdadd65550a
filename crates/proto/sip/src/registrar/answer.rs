//! The 200 to a REGISTER: all bindings of the user (RFC 3261 10.3 step 8), and what the extensions that the client
//! knows add to it.
//!
//! - Path as it came (RFC 3327 5.3), for a client that says `path`.
//! - Service-Route (RFC 3608): the name by which the client reaches the proxy that it came through. Requests that take
//!   it go where those go that do not.
//! - `Require: outbound` and Flow-Timer (RFC 5626 6, 4.4.1) when a flow was bound.
//! - Both GRUUs of each instance (RFC 5627 5.3), for a client that says `gruu`.

use super::{contact_value, flow_number};
use crate::location::Binding;
use crate::msg::{Message, Name, Reply, date};
use crate::role::{gruu, route, secure};
use crate::token::Key;
use base::UnixMillis;
use base::random::Random;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

/// How often a client with a flow is asked to give a sign of life (RFC 5626 4.4.1 recommends 120 s for streams).
pub(crate) const FLOW_TIMER: Duration = Duration::from_secs(120);

/// What the answer to a REGISTER is made of.
pub(crate) struct Answer<'a> {
    pub(crate) aor: &'a str,
    pub(crate) bindings: &'a [Arc<Binding>],
    pub(crate) now: UnixMillis,
    /// Seals temporary GRUUs.
    pub(crate) key: &'a Key,
}

impl Answer<'_> {
    /// Writes the answer.
    pub(crate) fn write<'m>(&self, request: &'m Message, random: &mut Random) -> Reply<'m> {
        let mut reply = Reply::to(request, 200).header(Name::Date, date(self.now.as_secs()));
        let wants_gruu = request.has_token(Name::Supported, "gruu");
        for binding in self.bindings {
            let mut contact = contact_value(binding, self.now);
            if wants_gruu {
                self.add_gruus(&mut contact, binding, random.next_u64());
            }
            reply = reply.header(Name::Contact, contact);
        }
        if request.has_token(Name::Supported, "path") {
            for path in request.all(Name::Path).filter_map(|field| field.text()) {
                reply = reply.header(Name::Path, path);
            }
        }
        if let Some(route) = service_route(request) {
            reply = reply.header(Name::ServiceRoute, route);
        }
        if binds_flow(request) {
            reply = reply
                .header(Name::Require, "outbound")
                .header(Name::FlowTimer, FLOW_TIMER.as_secs());
        }
        reply.header(Name::Supported, "path, outbound, gruu")
    }

    fn add_gruus(&self, contact: &mut String, binding: &Binding, nonce: u64) {
        let Some(instance) = &binding.instance else {
            return;
        };
        // RFC 5627 3.1: they are `sips` where the Contact is.
        let s = if secure::is_sips(&binding.contact) {
            "s"
        } else {
            ""
        };
        let secured = |gruu: &str| gruu.replacen("sip:", &format!("sip{s}:"), 1);
        let public = secured(&gruu::public(self.aor, instance));
        // Writing to a string does not fail.
        let _ = write!(contact, ";pub-gruu=\"{public}\"");
        if let Some(temporary) = gruu::temporary(self.aor, binding, nonce, self.key) {
            let _ = write!(contact, ";temp-gruu=\"{}\"", secured(&temporary));
        }
    }
}

/// Tells whether a REGISTER in order binds a flow (RFC 5626 6).
pub(crate) fn binds_flow(request: &Message) -> bool {
    request.elements(Name::Contact).any(|contact| {
        contact
            .address()
            .is_ok_and(|address| flow_number(request, &address) > 0)
    })
}

/// The first hop's name as the client knows it; `None` if it came straight to us or the hop does not say.
fn service_route(request: &Message) -> Option<String> {
    let first_hop = request.elements(Name::Path).last()?;
    let uri = route::uri_of(first_hop.text()?)?;
    let face = uri.params.value(route::FACE)?;
    let scheme = secure::scheme_of(request);
    Some(format!("<{scheme}{face};transport=tls;lr>"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_have_their_names_and_dates() {
        for (seconds, expected) in [
            (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
            (951_782_400, "Tue, 29 Feb 2000 00:00:00 GMT"),
            (1_289_690_940, "Sat, 13 Nov 2010 23:29:00 GMT"),
            (1_735_689_599, "Tue, 31 Dec 2024 23:59:59 GMT"),
            (4_107_542_400, "Mon, 01 Mar 2100 00:00:00 GMT"),
        ] {
            assert_eq!(date(seconds).to_string(), expected);
        }
    }
}
