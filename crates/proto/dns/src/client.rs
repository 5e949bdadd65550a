//! The other side: questions that we put to a name server, and what its answers say.
//!
//! One question, one answer, nothing followed: whoever compares a server with a plan, or shows how a phone finds its own,
//! wants to see what was said.

use base::random::Random;
use hickory_proto::op::{Edns, Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::{Name, RData, RecordType};

use crate::message::UDP_MAX;
use crate::record::Data;
use crate::zone::{ZoneError, parse, text};

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Addresses of IPv4.
    A,
    /// Addresses of IPv6.
    Aaaa,
    /// Services.
    Srv,
}

impl Kind {
    /// Returns the name on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::A => "A",
            Self::Aaaa => "AAAA",
            Self::Srv => "SRV",
        }
    }

    const fn wire(self) -> RecordType {
        match self {
            Self::A => RecordType::A,
            Self::Aaaa => RecordType::AAAA,
            Self::Srv => RecordType::SRV,
        }
    }
}

/// A question under way.
#[derive(Clone, Debug)]
pub struct Question {
    id: u16,
    name: Name,
    kind: Kind,
}

/// What a server said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// What came of it, as `NOERROR` or `NXDOMAIN`.
    pub code: String,
    /// The records of the kind that was asked for, in the order of the answer.
    pub data: Vec<Data>,
    /// The answer did not fit: ask over TCP.
    pub truncated: bool,
}

impl Question {
    /// Prepares a question; its number is drawn, so that nobody else can answer it easily.
    ///
    /// # Errors
    /// When the name cannot be one in DNS.
    pub fn new(name: &str, kind: Kind, random: &mut Random) -> Result<Self, ZoneError> {
        let mut id = [0; 2];
        random.fill(&mut id);
        Ok(Self {
            id: u16::from_be_bytes(id),
            name: parse(name)?,
            kind,
        })
    }

    /// Returns the bytes to send over TCP: their length goes before them (RFC 1035 section 4.2.2).
    #[must_use]
    pub fn framed(&self) -> Vec<u8> {
        let bytes = self.bytes();
        // A name has 255 bytes at most, so the length fits.
        let length = u16::try_from(bytes.len()).unwrap_or(u16::MAX);
        [&length.to_be_bytes(), bytes.as_slice()].concat()
    }

    /// Returns the bytes to send over UDP.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        let mut message = Message::new(self.id, MessageType::Query, OpCode::Query);
        message.metadata.recursion_desired = true;
        message.add_query(Query::query(self.name.clone(), self.kind.wire()));
        let mut edns = Edns::new();
        edns.set_max_payload(UDP_MAX);
        message.set_edns(edns);
        // A question of one name fits any message.
        message.to_vec().unwrap_or_default()
    }

    /// Reads an answer; `None` if it is not one to this question.
    #[must_use]
    pub fn read(&self, bytes: &[u8]) -> Option<Found> {
        let message = Message::from_vec(bytes).ok()?;
        let asked = message.queries.first()?;
        let is_ours = message.metadata.id == self.id
            && message.metadata.message_type == MessageType::Response
            && *asked.name() == self.name
            && asked.query_type() == self.kind.wire();
        if !is_ours {
            return None;
        }
        let code = message.metadata.response_code;
        let data = message
            .answers
            .iter()
            .filter_map(|record| data(&record.data));
        Some(Found {
            code: word(code),
            data: data.collect(),
            truncated: message.metadata.truncation,
        })
    }
}

fn data(from: &RData) -> Option<Data> {
    if let RData::SRV(service) = from {
        return Some(Data::Service {
            priority: service.priority,
            weight: service.weight,
            port: service.port,
            target: text(&service.target),
        });
    }
    from.ip_addr().map(Data::Address)
}

/// The usual word for a code, or its meaning for those that are rarely met.
pub(crate) fn word(code: ResponseCode) -> String {
    let words = [
        (ResponseCode::NoError, "NOERROR"),
        (ResponseCode::NXDomain, "NXDOMAIN"),
        (ResponseCode::Refused, "REFUSED"),
        (ResponseCode::ServFail, "SERVFAIL"),
    ];
    let usual = words.iter().find(|(known, _)| *known == code);
    usual.map_or_else(|| code.to_string(), |(_, word)| (*word).to_owned())
}
