//! The names of the deployment, checked once and sorted, one side for each face.
//!
//! Each side is a tree of names: owners of records, the origins themselves (with SOA and NS), and the empty names
//! between an origin and an owner, as `_tls` between `contoso.com` and `_sip._tls.contoso.com`. The empty names matter:
//! saying that one does not exist denies everything beneath it (RFC 8020).
//!
//! Invariants: every name of a side lies in one of its origins; a name with an alias has nothing else; all records of a
//! set have the same time to live.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use base::net::Face;
use hickory_proto::rr::rdata::{A, AAAA, CNAME, NS, SOA, SRV, TXT};
use hickory_proto::rr::{Name, RData, Record as WireRecord, RecordType};

use crate::record::{Data, Origin, Record};

/// The longest piece of text in a TXT record (RFC 1035 section 3.3).
const TEXT_MAX: usize = 255;
/// Nobody copies the zone, so its number has nothing to tell and stays the same.
const SERIAL: u32 = 1;
/// What the SOA tells to secondaries, of which there are none: values within the usual (RFC 1912 section 2.2).
const REFRESH: i32 = 3600;
const RETRY: i32 = 600;
const EXPIRE: i32 = 604_800;

/// Records do not make a zone.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ZoneError {
    /// A name has an empty or overlong label or is too long; correct it where it comes from.
    #[error("{name:?} cannot be a name in DNS")]
    Name {
        /// The name.
        name: String,
    },
    /// A record lies in no origin of its face; add the origin or leave the record out.
    #[error("{name:?} lies in none of the zone's domains")]
    NoOrigin {
        /// The owner.
        name: String,
    },
    /// A name that is an alias has other records too; keep one of the two.
    #[error("{name:?} is an alias and something else too")]
    AliasNotAlone {
        /// The owner.
        name: String,
    },
    /// A piece of text is longer than 255 bytes; cut it.
    #[error("a text of {name:?} is longer than 255 bytes")]
    Text {
        /// The owner.
        name: String,
    },
}

/// The names for which the deployment answers, as both faces see them.
#[derive(Clone, Debug, Default)]
pub struct Zone {
    inside: Side,
    outside: Side,
}

/// What one face sees.
#[derive(Clone, Debug, Default)]
pub(crate) struct Side {
    /// The SOA records, of deeper domains first.
    origins: Vec<WireRecord>,
    nodes: BTreeMap<Name, Node>,
}

/// One name with its sets of records; none if it only stands between others.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    /// The name as [`Health`](crate::Health) knows it: lower case, no dot at the end.
    pub(crate) name: Arc<str>,
    sets: Vec<Set>,
}

/// All records of one name and type.
#[derive(Clone, Debug)]
pub(crate) struct Set {
    pub(crate) kind: RecordType,
    pub(crate) ttl: u32,
    pub(crate) data: Vec<RData>,
}

impl Zone {
    /// Checks and sorts; records that say the same are kept once.
    ///
    /// # Errors
    /// The first record or origin that does not fit.
    pub fn new(
        origins: impl IntoIterator<Item = Origin>,
        records: impl IntoIterator<Item = Record>,
    ) -> Result<Self, ZoneError> {
        let mut zone = Self::default();
        for origin in origins {
            zone.side_mut(origin.face).add_origin(&origin)?;
        }
        // The deepest domain that holds a name answers for it.
        for side in [&mut zone.inside, &mut zone.outside] {
            side.origins
                .sort_by_key(|soa| std::cmp::Reverse(soa.name.num_labels()));
        }
        for record in records {
            zone.side_mut(record.face).add(&record)?;
        }
        for side in [&zone.inside, &zone.outside] {
            side.check_aliases()?;
        }
        Ok(zone)
    }

    /// Returns the domains of one face, in lower case, those with more labels first.
    pub fn origins(&self, face: Face) -> impl Iterator<Item = String> {
        self.side(face).origins.iter().map(|soa| text(&soa.name))
    }

    /// Tells whether a face has this name, be it only as one between others.
    #[must_use]
    pub fn has(&self, face: Face, name: &str) -> bool {
        parse(name).is_ok_and(|name| self.side(face).node(&name).is_some())
    }

    pub(crate) const fn side(&self, face: Face) -> &Side {
        match face {
            Face::Inside => &self.inside,
            Face::Outside => &self.outside,
        }
    }

    const fn side_mut(&mut self, face: Face) -> &mut Side {
        match face {
            Face::Inside => &mut self.inside,
            Face::Outside => &mut self.outside,
        }
    }
}

impl Side {
    /// Returns the SOA record of the domain that answers for a name.
    pub(crate) fn origin(&self, name: &Name) -> Option<&WireRecord> {
        self.origins.iter().find(|soa| soa.name.zone_of(name))
    }

    /// Returns every name with what it has, in order.
    pub(crate) fn nodes(&self) -> impl Iterator<Item = (&Name, &Node)> {
        self.nodes.iter()
    }

    pub(crate) fn node(&self, name: &Name) -> Option<&Node> {
        self.nodes.get(name)
    }

    fn add_origin(&mut self, origin: &Origin) -> Result<(), ZoneError> {
        let apex = parse(&origin.name)?;
        if self.origins.iter().any(|soa| soa.name == apex) {
            return Ok(());
        }
        let mut servers = Vec::new();
        for server in &origin.servers {
            servers.push(parse(server)?);
        }
        let bad = || ZoneError::Name {
            name: origin.name.clone(),
        };
        let contact = apex.prepend_label("hostmaster").map_err(|_| bad())?;
        let first = servers.first().unwrap_or(&apex).clone();
        let ttl = origin.negative_ttl;
        let soa = SOA::new(first, contact, SERIAL, REFRESH, RETRY, EXPIRE, ttl);
        let soa = RData::SOA(soa);
        self.origins
            .push(WireRecord::from_rdata(apex.clone(), ttl, soa.clone()));
        let node = self.node_mut(&apex);
        node.add(ttl, soa);
        for server in servers {
            node.add(ttl, RData::NS(NS(server)));
        }
        Ok(())
    }

    fn add(&mut self, record: &Record) -> Result<(), ZoneError> {
        let name = parse(&record.name)?;
        let data = wire_data(record)?;
        let Some(apex) = self.origin(&name).map(|soa| soa.name.clone()) else {
            return Err(ZoneError::NoOrigin {
                name: record.name.clone(),
            });
        };
        self.node_mut(&name).add(record.ttl, data);
        let mut above = name.base_name();
        while apex.num_labels() < above.num_labels() {
            self.node_mut(&above);
            above = above.base_name();
        }
        Ok(())
    }

    fn node_mut(&mut self, name: &Name) -> &mut Node {
        let empty = || Node {
            name: text(name).into(),
            sets: Vec::new(),
        };
        self.nodes.entry(name.clone()).or_insert_with(empty)
    }

    fn check_aliases(&self) -> Result<(), ZoneError> {
        let alone = |node: &Node| match node.set(RecordType::CNAME) {
            Some(alias) => node.sets.len() == 1 && alias.data.len() == 1,
            None => true,
        };
        match self.nodes.values().find(|node| !alone(node)) {
            Some(node) => Err(ZoneError::AliasNotAlone {
                name: node.name.to_string(),
            }),
            None => Ok(()),
        }
    }
}

impl Node {
    pub(crate) fn sets(&self) -> &[Set] {
        &self.sets
    }

    pub(crate) fn set(&self, kind: RecordType) -> Option<&Set> {
        self.sets.iter().find(|set| set.kind == kind)
    }

    fn add(&mut self, ttl: u32, data: RData) {
        let kind = data.record_type();
        match self.sets.iter_mut().find(|set| set.kind == kind) {
            Some(set) => {
                set.ttl = set.ttl.min(ttl);
                if !set.data.contains(&data) {
                    set.data.push(data);
                }
            }
            None => self.sets.push(Set {
                kind,
                ttl,
                data: vec![data],
            }),
        }
    }
}

fn wire_data(record: &Record) -> Result<RData, ZoneError> {
    Ok(match &record.data {
        Data::Address(IpAddr::V4(address)) => RData::A(A(*address)),
        Data::Address(IpAddr::V6(address)) => RData::AAAA(AAAA(*address)),
        Data::Service {
            priority,
            weight,
            port,
            target,
        } => RData::SRV(SRV::new(*priority, *weight, *port, parse(target)?)),
        Data::Alias(target) => RData::CNAME(CNAME(parse(target)?)),
        Data::Text(pieces) => {
            if pieces.iter().any(|piece| piece.len() > TEXT_MAX) {
                return Err(ZoneError::Text {
                    name: record.name.clone(),
                });
            }
            RData::TXT(TXT::new(pieces.clone()))
        }
    })
}

/// Reads a name as a whole one; text in backslashes and the root are refused, since no topology has them.
pub(crate) fn parse(text: &str) -> Result<Name, ZoneError> {
    let bad = || ZoneError::Name {
        name: text.to_owned(),
    };
    let bare = text.strip_suffix('.').unwrap_or(text);
    if bare.contains('\\') || bare.split('.').any(str::is_empty) {
        return Err(bad());
    }
    let mut name = Name::from_ascii(bare).map_err(|_| bad())?;
    name.set_fqdn(true);
    Ok(name.to_lowercase())
}

pub(crate) fn text(name: &Name) -> String {
    let text = name.to_lowercase().to_ascii();
    text.strip_suffix('.').unwrap_or(&text).to_owned()
}
