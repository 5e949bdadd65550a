//! Messages: from bytes to one question, and from the parts of an answer to bytes of the right size.
//!
//! The way in: whoever sends fewer bytes than a header, or an answer, hears nothing, so that two servers never talk to
//! each other for ever. Everything else gets an answer; what cannot be read gets a bare header with the reason. Counts
//! are looked at before anything is read, because a header may promise 65,535 records.
//!
//! The way out: what does not fit over UDP goes without the additional section, and if that is not enough, with TC and
//! nothing but the question (RFC 2181 section 9), so that the client comes again over TCP.

use std::net::IpAddr;

use base::net::{Face, Transport};
use hickory_proto::op::{Edns, Header, Message, MessageType, Metadata, OpCode, Query as Asked};
use hickory_proto::op::{HeaderCounts, ResponseCode};
use hickory_proto::rr::Record;
use hickory_proto::serialize::binary::{
    BinDecodable as _, BinDecoder, BinEncodable as _, BinEncoder,
};

/// The longest query that is read; a question with every option in use is shorter than a tenth of it.
pub const QUERY_MAX: usize = 4096;
/// The longest answer over UDP: what passes every usual network in one piece.
pub const UDP_MAX: u16 = 1232;
/// The longest answer over UDP to those who do not say what they take (RFC 1035 section 4.2.1).
const PLAIN_MAX: u16 = 512;
pub(crate) const HEADER: usize = 12;
/// What follows the labels in a question: the root, the type and the class.
pub(crate) const ROOT_KIND_CLASS: usize = 5;
/// A transfer request brings an SOA record (RFC 1995 section 3); no other query brings any.
const AUTHORITIES_MAX: u16 = 1;
/// Options and a signature are two; nobody has a reason for more than a few.
const ADDITIONALS_MAX: u16 = 4;

/// What arrived, and where.
#[derive(Clone, Copy, Debug)]
pub struct Query<'a> {
    /// The message, without the length that precedes it over TCP.
    pub bytes: &'a [u8],
    /// On which face; it chooses the view.
    pub face: Face,
    /// How; it bounds the answer.
    pub transport: Transport,
}

/// What goes back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The message, without the length that precedes it over TCP.
    pub bytes: Vec<u8>,
    /// How the query was taken.
    pub outcome: Outcome,
    /// Whether the answer did not fit, so that the client has to come over TCP.
    pub truncated: bool,
    /// The addresses that would belong to the answer and were left out, as they are not up.
    pub left_out: Vec<IpAddr>,
}

/// How a query was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// With records.
    Answered,
    /// The name exists, but has no records of this type.
    NoData,
    /// The name does not exist.
    NoSuchName,
    /// The name lies outside the zone.
    NotOurs,
    /// The name is ours, but the question is of a kind that is not answered: transfers, other classes.
    NotOffered,
    /// The message cannot be read.
    Malformed,
    /// The operation is not a query.
    NotImplemented,
    /// The version of EDNS is unknown.
    EdnsVersion,
    /// The answer cannot be written; a fault of the zone, not of the client.
    Failed,
}

/// Why nothing goes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Silence {
    /// Too short to be a message.
    TooShort,
    /// It is an answer, and no question was asked.
    NotAQuery,
}

/// The sections of an answer.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sections {
    pub(crate) answers: Vec<Record>,
    pub(crate) authorities: Vec<Record>,
    pub(crate) additionals: Vec<Record>,
    /// Addresses that are not up.
    pub(crate) left_out: Vec<IpAddr>,
}

/// A message that asks exactly one thing.
pub(crate) struct Request {
    pub(crate) asked: Asked,
    metadata: Metadata,
    edns: Option<Edns>,
}

/// A message that does not.
pub(crate) enum Unreadable {
    /// Nothing goes back.
    Silent(Silence),
    /// This goes back.
    Refused(Reply),
}

/// Returns the code that tells an outcome to the client.
const fn rcode_for(outcome: Outcome) -> ResponseCode {
    match outcome {
        Outcome::Answered | Outcome::NoData => ResponseCode::NoError,
        Outcome::NoSuchName => ResponseCode::NXDomain,
        Outcome::NotOurs | Outcome::NotOffered => ResponseCode::Refused,
        Outcome::Malformed => ResponseCode::FormErr,
        Outcome::NotImplemented => ResponseCode::NotImp,
        Outcome::EdnsVersion => ResponseCode::BADVERS,
        Outcome::Failed => ResponseCode::ServFail,
    }
}

/// Tells whether the answer is said with authority: only about names of ours.
const fn is_authoritative(outcome: Outcome) -> bool {
    matches!(
        outcome,
        Outcome::Answered | Outcome::NoData | Outcome::NoSuchName
    )
}

impl Request {
    /// Reads a message.
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, Unreadable> {
        let mut decoder = BinDecoder::new(bytes);
        let Ok(header) = Header::read(&mut decoder) else {
            return Err(Unreadable::Silent(Silence::TooShort));
        };
        if header.message_type == MessageType::Response {
            return Err(Unreadable::Silent(Silence::NotAQuery));
        }
        let refused = |outcome| Unreadable::Refused(bare(&header.metadata, outcome));
        if header.op_code != OpCode::Query {
            return Err(refused(Outcome::NotImplemented));
        }
        let counts = &header.counts;
        let is_plain = counts.queries == 1
            && counts.answers == 0
            && counts.authorities <= AUTHORITIES_MAX
            && counts.additionals <= ADDITIONALS_MAX
            && bytes.len() <= QUERY_MAX;
        let read = if is_plain {
            sections(&mut decoder, counts)
        } else {
            None
        };
        let Some((asked, edns)) = read else {
            return Err(refused(Outcome::Malformed));
        };
        Ok(Self {
            asked,
            metadata: header.metadata,
            edns,
        })
    }

    /// Tells whether the options are of a version that nobody has defined yet.
    pub(crate) fn has_unknown_edns(&self) -> bool {
        self.edns.as_ref().is_some_and(|edns| edns.version() > 0)
    }

    /// Writes the answer in the size that the way back takes.
    pub(crate) fn reply(&self, outcome: Outcome, sections: Sections, over: Transport) -> Reply {
        let mut metadata = Metadata::response_from_request(&self.metadata);
        metadata.authoritative = is_authoritative(outcome);
        metadata.response_code = rcode_for(outcome);
        let mut message = Message::response(metadata.id, metadata.op_code);
        message.metadata = metadata;
        message.queries = vec![self.asked.clone()];
        message.answers = sections.answers;
        message.authorities = sections.authorities;
        message.additionals = sections.additionals;
        message.edns = self.edns.as_ref().map(|_| own_edns());
        let left_out = sections.left_out;
        let limit = self.limit(over);
        if let Some(bytes) = write(&message, limit) {
            return Reply {
                bytes,
                outcome,
                truncated: false,
                left_out,
            };
        }
        message.additionals.clear();
        if let Some(bytes) = write(&message, limit) {
            return Reply {
                bytes,
                outcome,
                truncated: false,
                left_out,
            };
        }
        match write(&message.truncate(), limit) {
            Some(bytes) => Reply {
                bytes,
                outcome,
                truncated: true,
                left_out,
            },
            None => bare(&self.metadata, Outcome::Failed),
        }
    }

    /// Says nothing but that the answer is to be had over TCP.
    fn cut(&self) -> Option<Vec<u8>> {
        let mut metadata = Metadata::response_from_request(&self.metadata);
        metadata.authoritative = true;
        metadata.truncation = true;
        let mut message = Message::response(metadata.id, metadata.op_code);
        message.metadata = metadata;
        message.queries = vec![self.asked.clone()];
        message.edns = self.edns.as_ref().map(|_| own_edns());
        write(&message, UDP_MAX)
    }

    fn limit(&self, over: Transport) -> u16 {
        match (over, &self.edns) {
            (Transport::Tcp | Transport::Tls, _) => u16::MAX,
            (Transport::Udp, Some(edns)) => edns.max_payload().clamp(PLAIN_MAX, UDP_MAX),
            (Transport::Udp, None) => PLAIN_MAX,
        }
    }
}

/// Returns the answer to a query that says nothing but that it is to be had over TCP, and is no longer than the query;
/// `None` if that is not one that can be read.
#[must_use]
pub fn cut(query: &[u8]) -> Option<Vec<u8>> {
    Request::read(query).ok()?.cut()
}

/// Reads what follows the header; `None` if it is not well formed to the last byte.
fn sections(decoder: &mut BinDecoder<'_>, counts: &HeaderCounts) -> Option<(Asked, Option<Edns>)> {
    let asked = Asked::read(decoder).ok()?;
    // Nothing that could be pointed at stands before the question; whoever points all the same wants a longer answer.
    let labels: usize = asked.name.iter().map(|label| label.len() + 1).sum();
    if decoder.index() != HEADER + labels + ROOT_KIND_CLASS {
        return None;
    }
    let records = |decoder: &mut BinDecoder<'_>, count: u16, is_last: bool| {
        Message::read_records(decoder, usize::from(count), is_last, OpCode::Query).ok()
    };
    records(decoder, counts.authorities, false)?;
    let (_, edns, _) = records(decoder, counts.additionals, true)?;
    decoder.is_empty().then_some((asked, edns))
}

fn own_edns() -> Edns {
    let mut edns = Edns::new();
    edns.set_max_payload(UDP_MAX);
    edns
}

/// Writes a message; `None` if it is longer than the limit.
fn write(message: &Message, limit: u16) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(usize::from(PLAIN_MAX));
    let mut encoder = BinEncoder::new(&mut bytes);
    encoder.set_max_size(limit);
    message.emit(&mut encoder).ok()?;
    // The encoder leaves out what does not fit and says so in the header.
    let cut = !message.metadata.truncation && is_cut(&bytes);
    (!cut).then_some(bytes)
}

/// Tells whether TC is set.
fn is_cut(bytes: &[u8]) -> bool {
    const TC: u8 = 0b10;
    bytes.get(2).is_some_and(|flags| flags & TC != 0)
}

/// A header without anything, for whoever did not ask properly.
fn bare(asked: &Metadata, outcome: Outcome) -> Reply {
    let mut metadata = Metadata::response_from_request(asked);
    metadata.response_code = rcode_for(outcome);
    let header = Header {
        metadata,
        counts: HeaderCounts::default(),
    };
    let mut bytes = Vec::with_capacity(HEADER);
    // Twelve bytes always fit.
    let _ = header.emit(&mut BinEncoder::new(&mut bytes));
    Reply {
        bytes,
        outcome,
        truncated: false,
        left_out: Vec::new(),
    }
}
