//! From a question to the records that answer it.
//!
//! ```text
//! class, type --not offered--> REFUSED       outside our domains --> REFUSED
//!      |                                                ^
//!      v                                                |
//! name in the zone of the face? ------------------------+
//!      | alias: take it, go on with its target, at most ALIASES_MAX times
//!      | records of the type: those that are up, in random order; for SRV and NS the hosts' addresses too
//!      | no such records: nothing, with the SOA (NODATA)
//!      +- no such name: NXDOMAIN, with the SOA
//! ```
//!
//! If nothing of a name is up, all of it is given out: a wrong belief of ours about others must not erase a name, and
//! whoever connects finds out for himself.

use base::random::Random;
use hickory_proto::rr::rdata::{CNAME, HINFO, NS};
use hickory_proto::rr::{DNSClass, Name, RData, Record, RecordType};

use crate::message::{Outcome, Query, Reply, Request, Sections, Silence, Unreadable};
use crate::record::Health;
use crate::zone::{Node, Set, Side, Zone};

/// The longest chain of aliases that is followed; the topology makes none longer than one.
pub const ALIASES_MAX: usize = 8;
/// The types of addresses, in the order in which they are added.
const ADDRESSES: [RecordType; 2] = [RecordType::A, RecordType::AAAA];
/// What ANY is answered with, and for how long others may remember it (RFC 8482 section 4.2).
const ANY_ANSWER: &str = "RFC8482";
const ANY_TTL: u32 = 3600;

impl Zone {
    /// Answers a query.
    ///
    /// # Errors
    /// Why nothing goes back.
    pub fn answer(
        &self,
        query: Query<'_>,
        health: &dyn Health,
        random: &mut Random,
    ) -> Result<Reply, Silence> {
        let request = match Request::read(query.bytes) {
            Ok(request) => request,
            Err(Unreadable::Refused(reply)) => return Ok(reply),
            Err(Unreadable::Silent(why)) => return Err(why),
        };
        let mut search = Search {
            side: self.side(query.face),
            health,
            random,
            found: Sections::default(),
        };
        let outcome = if request.has_unknown_edns() {
            Outcome::EdnsVersion
        } else {
            search.run(
                request.asked.name(),
                request.asked.query_type(),
                request.asked.query_class(),
            )
        };
        Ok(request.reply(outcome, search.found, query.transport))
    }
}

/// One question under way.
struct Search<'a> {
    side: &'a Side,
    health: &'a dyn Health,
    random: &'a mut Random,
    found: Sections,
}

impl<'a> Search<'a> {
    fn run(&mut self, name: &Name, kind: RecordType, class: DNSClass) -> Outcome {
        if kind == RecordType::OPT {
            return Outcome::Malformed;
        }
        if self.side.origin(name).is_none() {
            return Outcome::NotOurs;
        }
        let is_transfer = matches!(kind, RecordType::AXFR | RecordType::IXFR);
        if class != DNSClass::IN || is_transfer {
            return Outcome::NotOffered;
        }
        let mut name = name.clone();
        for _ in 0..=ALIASES_MAX {
            let Some(origin) = self.side.origin(&name) else {
                // The alias leads out of our domains; the client goes on from there.
                return Outcome::Answered;
            };
            let Some(node) = self.side.node(&name) else {
                self.found.authorities.push(origin.clone());
                return Outcome::NoSuchName;
            };
            if kind == RecordType::ANY {
                self.answer_any(&name);
                return Outcome::Answered;
            }
            if let Some(set) = node.set(kind) {
                self.take(&name, node, set);
                return Outcome::Answered;
            }
            let Some((ttl, target)) = alias_of(node) else {
                self.found.authorities.push(origin.clone());
                return Outcome::NoData;
            };
            let alias = RData::CNAME(CNAME(target.clone()));
            self.found
                .answers
                .push(Record::from_rdata(name, ttl, alias));
            name = target.clone();
        }
        Outcome::Answered
    }

    /// Takes a set for the answer, under the name as it was asked, so that the client finds its own spelling.
    fn take(&mut self, name: &Name, node: &Node, set: &Set) {
        let data = self.up(node, set);
        for host in data.iter().filter_map(|data| host_of(data)) {
            self.add_addresses(host);
        }
        let records = data
            .into_iter()
            .map(|data| Record::from_rdata(name.clone(), set.ttl, data.clone()));
        self.found.answers.extend(records);
    }

    fn add_addresses(&mut self, target: &Name) {
        let Some(node) = self.side.node(target) else {
            return;
        };
        if self
            .found
            .additionals
            .iter()
            .any(|record| record.name == *target)
        {
            return;
        }
        for set in ADDRESSES.iter().filter_map(|kind| node.set(*kind)) {
            let data = self.up(node, set);
            let records = data
                .into_iter()
                .map(|data| Record::from_rdata(target.clone(), set.ttl, data.clone()));
            self.found.additionals.extend(records);
        }
    }

    /// Returns what of a set is up, in random order; all of it if nothing is.
    fn up<'s>(&mut self, node: &Node, set: &'s Set) -> Vec<&'s RData> {
        let is_up = |data: &&RData| {
            data.ip_addr()
                .is_none_or(|address| self.health.is_up(&node.name, address))
        };
        let (mut data, down): (Vec<&RData>, Vec<&RData>) = set.data.iter().partition(is_up);
        if data.is_empty() {
            data = down;
        } else {
            let down = down.into_iter().filter_map(RData::ip_addr);
            self.found.left_out.extend(down);
        }
        self.random.shuffle(&mut data);
        data
    }

    fn answer_any(&mut self, name: &Name) {
        let data = RData::HINFO(HINFO::new(ANY_ANSWER.to_owned(), String::new()));
        self.found
            .answers
            .push(Record::from_rdata(name.clone(), ANY_TTL, data));
    }
}

fn alias_of(node: &Node) -> Option<(u32, &Name)> {
    let set = node.set(RecordType::CNAME)?;
    let Some(RData::CNAME(CNAME(target))) = set.data.first() else {
        return None;
    };
    Some((set.ttl, target))
}

/// Returns the host to which a service or a domain is left, whose addresses the client asks for next.
const fn host_of(data: &RData) -> Option<&Name> {
    if let RData::SRV(service) = data {
        Some(&service.target)
    } else if let RData::NS(NS(server)) = data {
        Some(server)
    } else {
        None
    }
}
