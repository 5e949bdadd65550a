//! Gateways: names of their own, a Front End pool to speak with, patterns that can match.

use base::net::Role;

use super::machines;
use super::pools::Known;
use crate::fault::{Rule, Sink};
use crate::raw::{At, Raw, RawGateway};
use crate::{Fqdn, Gateway, Machine, PlainTransport, Port, role_name};

/// Returns the gateways that are right. That an address belongs to nobody else is checked with all others.
pub(super) fn gateways(
    raw: &Raw,
    known: &Known<'_>,
    placed: &[Machine],
    sink: &mut Sink,
) -> Vec<Gateway> {
    let usual = raw.ports.0.get(&Port::SipPlain).map(|at| at.value);
    let usual = usual.unwrap_or_else(|| Port::SipPlain.default_number());
    let mut found: Vec<Gateway> = Vec::new();
    for At { value: gateway, .. } in &raw.gateway {
        let fqdn = gateway.fqdn.as_ref();
        let fqdn = fqdn.and_then(|text| name(text, known, placed, &found, sink));
        let address = gateway.address.as_ref();
        let address = address.and_then(|text| machines::address(text, sink));
        let pool = pool(gateway, known, sink);
        let users = users(gateway, sink);
        if let (Some(fqdn), Some(address), Some(pool)) = (fqdn, address, pool) {
            found.push(Gateway {
                fqdn,
                address,
                transport: gateway.transport.unwrap_or(PlainTransport::Udp),
                port: gateway.port.as_ref().map_or(usual, |at| at.value),
                pool,
                users,
            });
        }
    }
    found
}

fn name(
    text: &At<String>,
    known: &Known<'_>,
    placed: &[Machine],
    gateways: &[Gateway],
    sink: &mut Sink,
) -> Option<Fqdn> {
    let fqdn = super::name(text, sink)?;
    let taken = known.drafts.iter().any(|draft| draft.fqdn == fqdn)
        || placed.iter().any(|machine| machine.fqdn == fqdn)
        || gateways.iter().any(|gateway| gateway.fqdn == fqdn);
    if taken {
        let message = format!("\"{fqdn}\" is the name of something else already");
        let help = "give the gateway a name of its own";
        sink.report(&text.span, Rule::Duplicate, message, help);
        return None;
    }
    Some(fqdn)
}

fn pool(gateway: &RawGateway, known: &Known<'_>, sink: &mut Sink) -> Option<Fqdn> {
    let Some(text) = &gateway.pool else {
        let mut front_ends = known.drafts.iter().filter(|d| d.role == Role::FrontEnd);
        return front_ends.next().map(|draft| draft.fqdn.clone());
    };
    let draft = known.find(text, sink)?;
    if draft.role != Role::FrontEnd {
        let message = format!("{} is a pool of {}", draft.fqdn, role_name(draft.role));
        let help = "name a front_end pool: it alone speaks with gateways";
        sink.report(&text.span, Rule::WrongRole, message, help);
        return None;
    }
    Some(draft.fqdn.clone())
}

fn users(gateway: &RawGateway, sink: &mut Sink) -> Vec<String> {
    let mut users: Vec<String> = Vec::new();
    for text in gateway.users.iter().flatten() {
        let pattern = &text.value;
        let odd = |c: char| c == '@' || c.is_whitespace() || c.is_control();
        if pattern.is_empty() || pattern.contains(odd) {
            let message = format!("\"{pattern}\" matches no user");
            let help =
                "write what stands before the @, with `*` for any characters, as in \"+82*\"";
            sink.report(&text.span, Rule::Pattern, message, help);
        } else if users.contains(pattern) {
            super::twice(&text.span, "pattern", pattern, sink);
        } else {
            users.push(pattern.clone());
        }
    }
    users
}
