//! Partners: each domain once and none of ours, servers and name servers that can be reached, and an Edge to cross by.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use base::net::Role;

use super::{name, twice};
use crate::fault::{Rule, Sink};
use crate::raw::{At, Raw, RawPartner};
use crate::{Federation, FederationMode, Fqdn, Partner, PartnerLimits, Pool, Port};

/// A partner's users together; one phone sends a few requests a minute.
const REQUESTS: u32 = 100;
/// A partner's servers times their workers.
const CONNECTIONS: u32 = 32;
/// More are not looked at when one is called.
const SERVERS_MAX: usize = 8;
const PARTNERS_MAX: usize = 1000;

/// Returns with whom calls and messages are exchanged.
pub(super) fn federation(
    raw: &Raw,
    domains: &[Fqdn],
    pools: &[Pool],
    sink: &mut Sink,
) -> Federation {
    let written = &raw.federation;
    let mode = written
        .mode
        .as_ref()
        .map_or(FederationMode::Off, |at| at.value);
    if let Some(at) = &written.mode
        && mode != FederationMode::Off
        && !pools.iter().any(|pool| pool.role == Role::Edge)
    {
        let help = "add an edge pool, or write `mode = \"off\"`";
        let message = "there is no edge through which partners could be reached";
        sink.report(&at.span, Rule::UnknownReference, message, help);
    }
    if let Some(extra) = written.partner.get(PARTNERS_MAX) {
        let message = format!("there are more than {PARTNERS_MAX} partners");
        sink.report(&extra.span, Rule::TooMany, message, "use `mode = \"open\"`");
    }
    let mut partners: Vec<Partner> = Vec::new();
    for at in &written.partner {
        let Some(partner) = partner(&at.value, domains, sink) else {
            continue;
        };
        if partners.iter().any(|other| other.domain == partner.domain) {
            twice(&at.span, "partner", partner.domain.as_str(), sink);
        } else {
            partners.push(partner);
        }
    }
    let resolvers = written.resolvers.iter().flat_map(|list| &list.value);
    Federation {
        mode,
        resolvers: resolvers
            .filter_map(|text| name_server(text, sink))
            .collect(),
        ca: written.ca.as_ref().map(|at| PathBuf::from(&at.value)),
        partners,
        other: PartnerLimits {
            requests: REQUESTS,
            connections: CONNECTIONS,
        },
    }
}

fn partner(raw: &RawPartner, domains: &[Fqdn], sink: &mut Sink) -> Option<Partner> {
    let text = raw.domain.as_ref()?;
    let domain = name(text, sink)?;
    if domains.contains(&domain) {
        let message = format!("{domain} is a domain of our own");
        let help = "name a domain of another organisation";
        sink.report(&text.span, Rule::Duplicate, message, help);
    }
    let list = raw.servers.iter().flat_map(|list| &list.value);
    let servers = list.filter_map(|text| server(text, sink)).collect();
    if let Some(extra) = raw.servers.as_ref().and_then(|l| l.value.get(SERVERS_MAX)) {
        let message = format!("there are more than {SERVERS_MAX} servers");
        sink.report(&extra.span, Rule::TooMany, message, "publish them by SRV");
    }
    let mut count = |at: &Option<At<u32>>, usual| match at {
        Some(at) if at.value == 0 => {
            let help = "write at least 1, or leave the partner out";
            sink.report(&at.span, Rule::Range, "nothing would be let in", help);
            usual
        }
        Some(at) => at.value,
        None => usual,
    };
    Some(Partner {
        domain,
        servers,
        trusted: raw.trusted.unwrap_or(false),
        limits: PartnerLimits {
            requests: count(&raw.requests_per_second, REQUESTS),
            connections: count(&raw.connections, CONNECTIONS),
        },
    })
}

/// Takes `host` or `host:port` apart; an IPv6 address stands in brackets.
fn server(text: &At<String>, sink: &mut Sink) -> Option<(String, u16)> {
    let usual = Port::EdgeFederation.default_number();
    let value = text.value.as_str();
    let bare = |text: &str| text.trim_matches(['[', ']']).parse::<IpAddr>().ok();
    if let Some(ip) = bare(value) {
        return Some((ip.to_string(), usual));
    }
    if let Ok(socket) = value.parse::<SocketAddr>() {
        return Some((socket.ip().to_string(), socket.port()));
    }
    let (host, port) = match value.rsplit_once(':') {
        Some((host, port)) => (host, port.parse().ok().filter(|port| *port > 0)),
        None => (value, Some(usual)),
    };
    match (Fqdn::new(host), port) {
        (Ok(host), Some(port)) => Some((host.to_string(), port)),
        (_, _) => {
            let message = format!("\"{value}\" is not a server");
            let help = "write a name or an address, and a port if it is not 5061";
            sink.report(&text.span, Rule::Address, message, help);
            None
        }
    }
}

fn name_server(text: &At<String>, sink: &mut Sink) -> Option<SocketAddr> {
    let usual = Port::Dns.default_number();
    let value = text.value.as_str();
    let ip = value.parse::<IpAddr>().ok();
    let found = ip.map(|ip| SocketAddr::new(ip, usual));
    let found = found.or_else(|| value.parse::<SocketAddr>().ok());
    if found.is_none() {
        let message = format!("\"{value}\" is not the address of a name server");
        let help = "write an address, and a port if it is not 53";
        sink.report(&text.span, Rule::Address, message, help);
    }
    found
}
