//! From the shape of a file to its meaning: every rule that the types alone cannot hold.
//!
//! The steps: names of domains and sites; pools by name and role ([`pools`]); machines ([`machines`]); what refers to
//! pools and follows from convention ([`links`]); gateways ([`gateways`]); delegates ([`delegates`]); settings ([`settings`]); partners
//! ([`federation`]); whom packet filters have to know ([`firewall`]); logging ([`logging`]); last, what only the whole can break: two roles that would open the same port. Each step tells what
//! is wrong and goes on with what is right, so that one run tells everything; a fault that only follows from another one
//! is left out where that can be known.

mod delegates;
mod federation;
mod firewall;
mod gateways;
mod links;
mod logging;
mod machines;
mod pools;
mod settings;
mod vips;

use std::ops::Range;

use crate::fault::{Rule, Sink};
use crate::raw::{At, Raw};
use crate::{Fqdn, Port, Ports, Topology};

/// The version of the format that this program reads.
const VERSION: u32 = 1;
/// Bounds on the size of a deployment.
const DOMAINS_MAX: usize = 100;
const POOLS_MAX: usize = 500;
const MACHINES_MAX: usize = 1000;

/// Tells what is wrong and returns what the file means as far as it is right.
pub(crate) fn check(raw: &Raw, sink: &mut Sink) -> Topology {
    version(raw, sink);
    bounds(raw, sink);
    let domains = domains(raw, sink);
    let sites = sites(raw, sink);
    let known = pools::known(raw, &sites, sink);
    let machines = machines::machines(raw, &known, sink);
    let pools = links::pools(&known, &machines, &domains, sink);
    links::addresses(raw, &pools, &known.drafts, sink);
    let topology = Topology {
        simple_urls: settings::simple_urls(raw, &domains, &known.drafts, sink),
        sip: settings::sip(raw, sink),
        limits: settings::limits(raw, sink),
        federation: federation::federation(raw, &domains, &pools, sink),
        dns: settings::dns(raw, sink),
        firewall: firewall::firewall(raw, sink),
        logging: logging::logging(raw, sink),
        client_networks: settings::client_networks(raw, sink),
        ports: Ports::new(
            raw.ports
                .0
                .iter()
                .map(|(port, at)| (*port, at.value))
                .collect(),
        ),
        gateways: gateways::gateways(raw, &known, &machines.placed, sink),
        delegates: delegates::delegates(raw, &domains, sink),
        machines: machines.placed,
        domains,
        sites,
        pools,
    };
    // Pools and machines that are not yet right would only repeat themselves as clashes.
    if sink.is_empty() {
        clashes(raw, &topology, sink);
    }
    topology
}

fn version(raw: &Raw, sink: &mut Sink) {
    if let Some(version) = raw
        .version
        .as_ref()
        .filter(|version| version.value != VERSION)
    {
        let message = format!("version {} is not known to this program", version.value);
        sink.report(
            &version.span,
            Rule::Version,
            message,
            format!("write `version = {VERSION}`"),
        );
    }
}

fn bounds(raw: &Raw, sink: &mut Sink) {
    let pool = raw
        .pool
        .get(POOLS_MAX)
        .map(|pool| (&pool.span, "pools", POOLS_MAX));
    let machine = raw
        .machine
        .get(MACHINES_MAX)
        .map(|m| (&m.span, "machines", MACHINES_MAX));
    let domains = raw
        .domains
        .as_ref()
        .and_then(|domains| domains.value.get(DOMAINS_MAX));
    let domain = domains.map(|domain| (&domain.span, "domains", DOMAINS_MAX));
    for (span, what, most) in [pool, machine, domain].into_iter().flatten() {
        let message = format!("there are more than {most} {what}");
        sink.report(span, Rule::TooMany, message, "split the deployment");
    }
}

fn domains(raw: &Raw, sink: &mut Sink) -> Vec<Fqdn> {
    let Some(list) = &raw.domains else {
        return Vec::new();
    };
    if list.value.is_empty() {
        let help = "name at least one SIP domain, as in `domains = [\"contoso.com\"]`";
        sink.report(&list.span, Rule::Empty, "there is no SIP domain", help);
    }
    let mut domains = Vec::new();
    for text in &list.value {
        let Some(domain) = name(text, sink) else {
            continue;
        };
        if domains.contains(&domain) {
            twice(&text.span, "domain", &text.value, sink);
        } else {
            domains.push(domain);
        }
    }
    domains
}

fn sites(raw: &Raw, sink: &mut Sink) -> Vec<String> {
    let mut sites: Vec<String> = Vec::new();
    for name in raw.site.iter().filter_map(|site| site.name.as_ref()) {
        if sites.contains(&name.value) {
            twice(&name.span, "site", &name.value, sink);
        } else {
            sites.push(name.value.clone());
        }
    }
    if raw.site.is_empty() {
        sites.push("main".to_owned());
    }
    sites
}

/// Two different ports of the flow table on one socket: told at the override if there is one, else at the machine.
fn clashes(raw: &Raw, topology: &Topology, sink: &mut Sink) {
    for clash in topology.port_clashes() {
        let overridden = |port: Port| raw.ports.0.get(&port).map(|number| &number.span);
        let owner = clash.machine.as_ref().map(Fqdn::as_str);
        let at = overridden(clash.second)
            .or_else(|| overridden(clash.first))
            .or_else(|| {
                raw.machine
                    .iter()
                    .find(|m| is_named(&m.value.fqdn, owner))
                    .map(|m| &m.span)
            })
            .unwrap_or(&(0..0))
            .clone();
        let message = format!(
            "ports `{}` and `{}` meet on {} of {}",
            clash.first,
            clash.second,
            clash.socket,
            owner.unwrap_or("a balancer"),
        );
        let help = "give one of them another number under [ports], or its role another address \
                    (`published` for a reverse proxy beside an edge) or another machine";
        sink.report(&at, Rule::PortClash, message, help);
    }
}

fn is_named(fqdn: &Option<At<String>>, name: Option<&str>) -> bool {
    fqdn.as_ref()
        .zip(name)
        .is_some_and(|(fqdn, name)| fqdn.value.eq_ignore_ascii_case(name))
}

/// Reads a name, telling what is wrong with it.
fn name(text: &At<String>, sink: &mut Sink) -> Option<Fqdn> {
    Fqdn::new(&text.value)
        .map_err(|why| {
            let message = format!("\"{}\" is not a fully qualified name", text.value);
            sink.report(&text.span, Rule::Name, message, why.to_string());
        })
        .ok()
}

fn twice(span: &Range<usize>, what: &str, value: &str, sink: &mut Sink) {
    let message = format!("{what} \"{value}\" stands twice");
    sink.report(
        span,
        Rule::Duplicate,
        message,
        "remove one, or give it another name",
    );
}
