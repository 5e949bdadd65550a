//! From the records of the topology to a zone.
//!
//! The domains for which a machine answers follow from the records: inside, the SIP domains and the domains in which
//! machines and pools stand; outside, the SIP domains. A record that lies elsewhere, as a web name that the file gives,
//! brings the domain in which it stands. Of two domains, one in the other, the outer one is kept.
//!
//! A domain of one label, as `com` above a machine called `example.com`, is never taken: the name then is a domain by
//! itself.

use base::net::{Face, Role};
use dns::{Data, Origin, Record, Zone, ZoneError};
use topology::{Dns, Fqdn, RecordData, View};

/// A name that is not there may come with the next topology.
const NEGATIVE_TTL: u32 = 30;

/// Returns the zone that a machine with the DNS role answers from.
///
/// # Errors
/// When a name of the topology grows too long for DNS, as a service of a very long domain.
pub fn zone(view: &View) -> Result<Zone, ZoneError> {
    let records = view.records.iter().map(|from| record(from, view.dns));
    let records: Vec<Record> = records.collect();
    let inside = origins(view, Face::Inside, &records);
    let outside = origins(view, Face::Outside, &records);
    Zone::new(inside.into_iter().chain(outside), records)
}

/// What a record of the topology says, as the name service answers it.
#[must_use]
pub fn data(from: &RecordData) -> Data {
    match from {
        RecordData::Address(address) => Data::Address(*address),
        RecordData::Service {
            priority,
            weight,
            port,
            target,
        } => Data::Service {
            priority: *priority,
            weight: *weight,
            port: *port,
            target: target.to_string(),
        },
    }
}

fn record(from: &topology::Record, times: Dns) -> Record {
    let ttl = match &from.data {
        RecordData::Address(_) => times.address_ttl,
        RecordData::Service { .. } => times.service_ttl,
    };
    let data = data(&from.data);
    Record {
        face: from.face,
        name: from.name.clone(),
        ttl: u32::try_from(ttl.as_secs()).unwrap_or(u32::MAX),
        data,
    }
}

fn origins(view: &View, face: Face, records: &[Record]) -> Vec<Origin> {
    let mut names: Vec<&str> = view.domains.iter().map(Fqdn::as_str).collect();
    if face == Face::Inside {
        let pools = view.pools.iter().map(|pool| &pool.pool.fqdn);
        let machines = view
            .pools
            .iter()
            .flat_map(|pool| &pool.members)
            .map(|member| &member.fqdn);
        names.extend(pools.chain(machines).map(|name| domain_of(name.as_str())));
    }
    let owners = records.iter().filter(|record| record.face == face);
    for owner in owners.map(|record| record.name.as_str()) {
        if !names.iter().any(|domain| is_in(owner, domain)) {
            names.push(domain_of(owner));
        }
    }
    names.sort_unstable();
    names.dedup();
    let all = names.clone();
    names.retain(|name| !all.iter().any(|other| other != name && is_in(name, other)));
    let origin = |name: &str| Origin {
        face,
        name: name.to_owned(),
        servers: servers(view, face),
        negative_ttl: NEGATIVE_TTL,
    };
    names.into_iter().map(origin).collect()
}

/// The machines that answer, for those who may know them: names of machines do not go out.
fn servers(view: &View, face: Face) -> Vec<String> {
    match face {
        Face::Inside => {
            let members = view.pools_of(Role::Dns).flat_map(|pool| &pool.members);
            members.map(|member| member.fqdn.to_string()).collect()
        }
        Face::Outside => Vec::new(),
    }
}

/// Returns what follows the first label, or the name itself if that is a single label.
fn domain_of(name: &str) -> &str {
    match name.split_once('.') {
        Some((_, parent)) if parent.contains('.') => parent,
        _ => name,
    }
}

fn is_in(name: &str, domain: &str) -> bool {
    let above = name.strip_suffix(domain);
    above.is_some_and(|above| above.is_empty() || above.ends_with('.'))
}
