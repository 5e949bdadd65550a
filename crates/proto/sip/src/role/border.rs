//! The border to other organisations: what an Edge lets in from a partner, and how it sends to one.
//!
//! - In: the certificate of the connection proves domains (RFC 5922); From must be of one of them, the Request-URI of
//!   ours. Nobody is registered from there. What comes is sent to the next hop as any other request from outside.
//! - Out: only Directors and Front Ends send, having proven their user. The domain in the Request-URI decides where to;
//!   inside a dialog the one in To, whatever a partner's route names: its servers are found and proven as its domain's,
//!   and its route goes along for them (`docs/decisions/0026-routes-of-partners.md`).
//! - Identity (RFC 3325): a partner is outside our trust domain unless the topology says that it is `trusted`. Without
//!   trust, asserted identities do not come in, and go out only for who asks for no privacy; with it, only those of the
//!   sender's own domain come in.
//! - Privacy (RFC 3323) is the same towards everybody outside ([`crate::hiding`]).

use super::dialog;
use super::route::{self, Routes};
use super::{Ask, Assert, Context, Decision, Plan, Record, Target, Towards, Why};
use crate::config::Partner;
use crate::msg::{Message, Method, Name, Uri};
use std::sync::Arc;

/// A request from a partner that has proven `domains`.
pub(crate) fn inwards<'r>(
    context: &mut Context<'_>,
    ask: &Ask<'r>,
    routes: Routes,
    domains: &[Arc<str>],
) -> Decision<'r> {
    if dialog::is_inside(ask) && routes.dialog {
        return super::edge::inside_dialog(context, ask, routes);
    }
    if matches!(ask.request.method(), Method::Ack | Method::Cancel) {
        return Decision::refuse(ask, Why::Stray);
    }
    if ask.request.method() == Method::Register {
        return Decision::refuse(ask, Why::Forbidden);
    }
    let proven = host_of(ask.request.from().ok().map(|from| from.uri))
        .and_then(|host| domains.iter().find(|one| one.eq_ignore_ascii_case(host)));
    let Some(partner) = proven.and_then(|domain| context.config.partner(domain)) else {
        let note = || {
            format!(
                "the certificate proves {}, and not what From says",
                domains.join(", ")
            )
        };
        context.notes.add(note);
        return Decision::refuse(ask, Why::WrongIdentity);
    };
    let ours = host_of(Some(ask.request.uri())).is_some_and(|h| context.config.is_our_domain(h));
    if !ours || !routes.rest.is_empty() {
        return Decision::refuse(ask, Why::NotOurDomain);
    }
    let assert = if partner.trusted && asserts_only(ask.request, domains) {
        Assert::Keep
    } else {
        Assert::Strip
    };
    let pool = context.config.next_hop.clone();
    let Some(hops) = pool.and_then(|pool| route::servers_named(context, &pool)) else {
        return Decision::refuse(ask, Why::NoServer);
    };
    let plan = plan(ask, Towards::Servers(hops), assert);
    Decision::Forward(Box::new(plan))
}

/// The way of a user of ours to the Edges, when they ask for somebody of a partner; `None` if we do not speak with that
/// domain.
pub(crate) fn way_out(context: &mut Context<'_>, ask: &Ask<'_>) -> Option<Target> {
    context.config.partner(host_of(Some(ask.request.uri()))?)?;
    let edge = Arc::clone(&context.config.federation.as_ref()?.edge);
    let hops = route::servers_named(context, &edge)?;
    Some(Target::at(Towards::Servers(hops)))
}

/// A request from inside that leads to no flow of ours: to the partner whose domain it names.
pub(crate) fn outwards<'r>(context: &Context<'_>, ask: &Ask<'r>, routes: Routes) -> Decision<'r> {
    let inside = dialog::is_inside(ask);
    if inside != routes.dialog {
        let why = if inside {
            Why::NoDialog
        } else {
            Why::ForeignRoute
        };
        return Decision::refuse(ask, why);
    }
    if !inside && !routes.rest.is_empty() {
        return Decision::refuse(ask, Why::ForeignRoute);
    }
    let named = if inside {
        ask.request.to().ok().map(|to| to.uri)
    } else {
        Some(ask.request.uri())
    };
    let host = host_of(named);
    let Some(partner) = host.and_then(|host| context.config.partner(host)) else {
        let host = host.unwrap_or_default();
        context.notes.add(|| format!("{host} is no partner"));
        return Decision::refuse(ask, Why::NotServed);
    };
    let domain: Arc<str> = host.unwrap_or_default().to_ascii_lowercase().into();
    let written = named.and_then(|uri| Uri::parse(uri).ok()?.port);
    let port = written.filter(|_| !inside && partner.servers.is_empty());
    let towards = Towards::Partner((domain, port));
    let mut plan = plan(ask, towards, assert_towards(partner, ask.request));
    if let Some(target) = plan.targets.first_mut() {
        target.route = routes.rest;
    }
    plan.strip_credentials = true;
    plan.unreached = Why::PartnerAway;
    Decision::Forward(Box::new(plan))
}

fn plan(ask: &Ask<'_>, towards: Towards, assert: Assert) -> Plan {
    let record = if dialog::is_inside(ask) {
        Record::No
    } else {
        Record::of_new(ask.request.method())
    };
    Plan {
        assert,
        record,
        strip_credentials: false,
        stateless: ask.request.method() == Method::Ack,
        ..Plan::to(vec![Target::at(towards)])
    }
}

/// Whether every asserted identity is of one of these domains.
pub(crate) fn asserts_only(request: &Message, domains: &[Arc<str>]) -> bool {
    request.elements(Name::PAssertedIdentity).all(|element| {
        let uri = element.address().ok().map(|address| address.uri);
        host_of(uri).is_some_and(|host| domains.iter().any(|d| d.eq_ignore_ascii_case(host)))
    })
}

/// RFC 3325 5 and 7: whom we trust is told the asserted identity, and keeps it as private as Privacy says; others are
/// told only where the sender asks for no privacy whatsoever.
fn assert_towards(partner: &Partner, request: &Message) -> Assert {
    let open = request.privacy().is_ok_and(|wishes| wishes.none);
    if partner.trusted || open {
        Assert::Keep
    } else {
        Assert::Strip
    }
}

fn host_of(uri: Option<&str>) -> Option<&str> {
    Uri::parse(uri?).ok().map(|uri| uri.host)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::msg::Limits;

    #[test]
    fn who_is_told_an_asserted_identity() {
        let towards = |trusted: bool, privacy: &str| {
            let partner = Partner {
                domain: Arc::from("fabrikam.com"),
                servers: Vec::new(),
                trusted,
                requests: 1,
                connections: 1,
            };
            let text = format!(
                "MESSAGE sip:bob@fabrikam.com SIP/2.0\r\nVia: SIP/2.0/TLS a;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\n\
                 To: <sip:bob@fabrikam.com>\r\nCall-ID: 1\r\nCSeq: 1 MESSAGE\r\n{privacy}Content-Length: 0\r\n\r\n"
            );
            let request = Message::parse(text.into_bytes().into(), &Limits::SERVER).unwrap();
            matches!(assert_towards(&partner, &request), Assert::Keep)
        };
        for privacy in [
            "",
            "Privacy: id\r\n",
            "Privacy: none\r\n",
            "Privacy: \"\r\n",
        ] {
            assert!(towards(true, privacy), "trusted, {privacy:?}");
        }
        assert!(towards(false, "Privacy: none\r\n"));
        for privacy in [
            "",
            "Privacy: id\r\n",
            "Privacy: none;id\r\n",
            "Privacy: \"\r\n",
        ] {
            assert!(!towards(false, privacy), "not trusted, {privacy:?}");
        }
    }
}
