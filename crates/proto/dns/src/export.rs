//! Zones as files in the format of RFC 1035 section 5, for those who keep another name server.
//!
//! A file is not what we answer: it has every member of a pool, since nobody who reads a file knows who is up.

use std::fmt::Write as _;

use base::net::Face;
use hickory_proto::rr::rdata::{NS, SOA};
use hickory_proto::rr::{Name, RData, RecordType};

use crate::zone::{Side, Zone, ZoneError, parse};

/// What a file has that follows from no topology.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileFacts {
    /// The names of the servers that will answer for the zone; the first is the primary. If there are none, those of the
    /// zone stand.
    pub servers: Vec<String>,
    /// The number by which secondaries see that the zone has changed (RFC 1912 section 2.2).
    pub serial: u32,
}

/// A zone as a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ZoneFile {
    /// The domain, without a dot at the end.
    pub origin: String,
    /// Whether it names a server that answers for it; a name server takes no file without one.
    pub has_servers: bool,
    /// The text.
    pub text: String,
}

impl Zone {
    /// Writes the zones of one face, in alphabetical order.
    ///
    /// # Errors
    /// When a server has no name.
    pub fn files(&self, face: Face, facts: &FileFacts) -> Result<Vec<ZoneFile>, ZoneError> {
        let servers: Result<Vec<Name>, ZoneError> =
            facts.servers.iter().map(|name| parse(name)).collect();
        let servers = servers?;
        let side = self.side(face);
        let mut origins: Vec<String> = self.origins(face).collect();
        origins.sort_unstable();
        let write = |origin: String| {
            let apex = parse(&origin)?;
            Ok(write(side, origin, &apex, &servers, facts.serial))
        };
        origins.into_iter().map(write).collect()
    }
}

fn write(side: &Side, origin: String, apex: &Name, servers: &[Name], serial: u32) -> ZoneFile {
    let mut text = format!("; {origin}: what follows from the topology, and nothing else\n");
    let mut has_servers = !servers.is_empty();
    let mut line = |name: &Name, ttl: u32, data: &RData| {
        let kind = data.record_type();
        // Writing to a String does not fail.
        let _ = writeln!(text, "{name} {ttl} IN {kind} {data}");
    };
    for (name, node) in side.nodes() {
        if side.origin(name).is_none_or(|soa| soa.name != *apex) {
            continue;
        }
        // SOA first, as the format wants it.
        let soa = node.set(RecordType::SOA).into_iter();
        let sets = soa.chain(node.sets().iter().filter(|set| set.kind != RecordType::SOA));
        for set in sets {
            for data in &set.data {
                if let RData::SOA(soa) = data {
                    line(name, set.ttl, &RData::SOA(dated(soa, servers, serial)));
                } else if set.kind != RecordType::NS || servers.is_empty() {
                    has_servers |= set.kind == RecordType::NS;
                    line(name, set.ttl, data);
                }
            }
            if set.kind == RecordType::SOA {
                for server in servers {
                    line(name, set.ttl, &RData::NS(NS(server.clone())));
                }
            }
        }
    }
    ZoneFile {
        origin,
        has_servers,
        text,
    }
}

fn dated(soa: &SOA, servers: &[Name], serial: u32) -> SOA {
    let primary = servers.first().unwrap_or(&soa.mname).clone();
    SOA::new(
        primary,
        soa.rname.clone(),
        serial,
        soa.refresh,
        soa.retry,
        soa.expire,
        soa.minimum,
    )
}
