//! Machines: names, addresses, and whether their pools fit together on one machine.

use std::net::{IpAddr, Ipv4Addr};
use std::ops::Range;

use base::net::Role;

use super::pools::{Draft, Known};
use crate::fault::{Rule, Sink};
use crate::raw::{At, Raw, RawMachine};
use crate::view::has_sip;
use crate::{Fqdn, Machine, role_name, units};

/// The machines of a file.
pub(super) struct Machines {
    /// Those that have a name.
    pub(super) placed: Vec<Machine>,
    /// Whether that is all of them, each in every pool that it names.
    pub(super) complete: bool,
}

/// Returns the machines with their pools and addresses.
pub(super) fn machines(raw: &Raw, known: &Known<'_>, sink: &mut Sink) -> Machines {
    let mut placed: Vec<Machine> = Vec::new();
    let mut complete = true;
    for At {
        value: machine,
        span,
    } in &raw.machine
    {
        let named = named_pools(machine, span, sink);
        let pools = pools(&named, known, sink);
        complete &= !named.is_empty() && pools.len() == named.len();
        let roles: Vec<Role> = pools.iter().map(|pool| pool.role).collect();
        let address = machine
            .address
            .as_ref()
            .and_then(|text| address(text, sink));
        let (external, published) = outside(machine, span, &roles, sink);
        let name = machine
            .fqdn
            .as_ref()
            .and_then(|text| Some((text, super::name(text, sink)?)));
        let Some((text, fqdn)) = name else {
            complete = false;
            continue;
        };
        sip_roles(text, &pools, sink);
        foreign_name(text, &fqdn, &pools, known, sink);
        if placed.iter().any(|other| other.fqdn == fqdn) {
            super::twice(&text.span, "machine", &text.value, sink);
            complete = false;
            continue;
        }
        // A machine without a right address still counts as a member, so that its pool is not called empty.
        let address = address.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
        let pools = pools.iter().map(|pool| pool.fqdn.clone()).collect();
        placed.push(Machine {
            fqdn,
            pools,
            address,
            external,
            published,
        });
    }
    Machines { placed, complete }
}

fn named_pools<'m>(
    machine: &'m RawMachine,
    span: &Range<usize>,
    sink: &mut Sink,
) -> Vec<&'m At<String>> {
    match (&machine.pool, &machine.pools) {
        (Some(one), None) => vec![one],
        (None, Some(several)) if several.value.is_empty() => {
            let help = "name the pools that the machine belongs to";
            sink.report(&several.span, Rule::Empty, "`pools` is empty", help);
            Vec::new()
        }
        (None, Some(several)) => several.value.iter().collect(),
        (Some(one), Some(several)) => {
            let help = "write all of them under `pools`";
            sink.report(
                &one.span,
                Rule::Duplicate,
                "both `pool` and `pools` are written",
                help,
            );
            several.value.iter().collect()
        }
        (None, None) => {
            let help = "add `pool = ...` (the pool that it belongs to)";
            sink.report(span, Rule::MissingKey, "`machine` has no `pool`", help);
            Vec::new()
        }
    }
}

fn pools<'a, 'r>(
    names: &[&At<String>],
    known: &'a Known<'r>,
    sink: &mut Sink,
) -> Vec<&'a Draft<'r>> {
    let mut found: Vec<&Draft<'_>> = Vec::new();
    for name in names {
        let Some(draft) = known.find(name, sink) else {
            continue;
        };
        if found.iter().any(|other| other.fqdn == draft.fqdn) {
            super::twice(&name.span, "pool", &name.value, sink);
        } else {
            found.push(draft);
        }
    }
    found
}

/// The outside addresses: Edges and reverse proxies must have them, a name service may, and nobody else.
fn outside(
    machine: &RawMachine,
    span: &Range<usize>,
    roles: &[Role],
    sink: &mut Sink,
) -> (Option<IpAddr>, Option<IpAddr>) {
    let (edge, proxy) = (
        roles.contains(&Role::Edge),
        roles.contains(&Role::ReverseProxy),
    );
    let names = roles.contains(&Role::Dns);
    let keys = [
        (
            "external",
            &machine.external,
            edge || proxy || names,
            "edge, reverse_proxy and dns",
        ),
        ("published", &machine.published, proxy, "reverse_proxy"),
    ];
    for (key, value, fits, whose) in keys {
        if let Some(at) = value.as_ref().filter(|_| !fits && !roles.is_empty()) {
            let message = format!("a machine of these roles has no use for `{key}`");
            let help = format!("remove it; it belongs to machines of {whose}");
            sink.report(&at.span, Rule::KeyOfOtherRole, message, help);
        }
    }
    if (edge || proxy) && machine.external.is_none() {
        let help = "add `external = ...` (its address outside)";
        sink.report(span, Rule::MissingKey, "`machine` has no `external`", help);
    }
    let external = machine
        .external
        .as_ref()
        .and_then(|text| address(text, sink));
    let published = machine
        .published
        .as_ref()
        .and_then(|text| address(text, sink));
    let published = published.or(external).filter(|_| proxy);
    (external.filter(|_| edge || proxy || names), published)
}

fn sip_roles(at: &At<String>, pools: &[&Draft<'_>], sink: &mut Sink) {
    let roles: Vec<Role> = pools
        .iter()
        .map(|pool| pool.role)
        .filter(|role| has_sip(*role))
        .collect();
    if roles.len() > 1 {
        let names: Vec<&str> = roles.iter().map(|role| role_name(*role)).collect();
        let message = format!(
            "{} has several roles that speak SIP: {}",
            at.value,
            names.join(", ")
        );
        let help = "leave it one of them; without a director the front end does a director's work";
        sink.report(&at.span, Rule::SipRoles, message, help);
    }
}

/// A machine may be called as its own pool, never as another one: its certificate would speak for that pool.
fn foreign_name(
    at: &At<String>,
    fqdn: &Fqdn,
    own: &[&Draft<'_>],
    known: &Known<'_>,
    sink: &mut Sink,
) {
    let foreign = |draft: &&Draft<'_>| draft.fqdn == *fqdn && !own.iter().any(|o| o.fqdn == *fqdn);
    if known.drafts.iter().any(|draft| foreign(&draft)) && !own.is_empty() {
        let message =
            format!("machine \"{fqdn}\" has the name of a pool that it does not belong to");
        sink.report(
            &at.span,
            Rule::Duplicate,
            message,
            "give the machine or the pool another name",
        );
    }
}

/// Reads an address, telling what is wrong with it.
pub(super) fn address(text: &At<String>, sink: &mut Sink) -> Option<IpAddr> {
    let found = units::address(&text.value);
    if found.is_none() {
        let message = format!(
            "\"{}\" is not an address that a machine can have",
            text.value
        );
        let help = "write an IPv4 or IPv6 address, no wildcard, multicast or broadcast";
        sink.report(&text.span, Rule::Address, message, help);
    }
    found
}
