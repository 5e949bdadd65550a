//! A capture file (pcapng) of messages: what Wireshark and tshark read.
//!
//! Packets have the link type 252 (exported PDU): no invented Ethernet, IP and TCP, but the name of the dissector, `sip`, the
//! addresses and ports, and the message. So a message that travelled in TLS to port 443 is SIP with its real addresses, and no
//! sequence number is made up. Every machine is an interface of its own. A message between two of our machines is there
//! twice, as each of them recorded it; `frame.interface_name` picks one. Where a body was not recorded, a comment says so; the
//! packet is not marked as cut, since Wireshark then reads only half of its head.
//!
//! What a machine decided about a request is a comment at the next message of the same request at that machine. Decisions
//! that no message follows are counted.
//!
//! Bounds: [`MOST_WAITING`] requests whose decisions wait for a message.

use std::collections::BTreeMap;

use base::net::Transport;
use logs::{Direction, Record, Value};

use crate::Message;

/// So many requests wait with what was decided about them; the oldest are given up.
pub const MOST_WAITING: usize = 10_000;
/// So many decisions are kept of one request.
const MOST_OF_ONE: usize = 16;
/// A comment is no longer, in bytes.
const LONGEST_COMMENT: usize = 4000;

/// Link type "exported PDU".
const UPPER_PDU: u16 = 252;
/// Times are in microseconds: ten to the power of minus six.
const RESOLUTION: u8 = 6;

/// Blocks of pcapng.
mod block {
    pub(super) const SECTION: u32 = 0x0a0d_0d0a;
    pub(super) const INTERFACE: u32 = 1;
    pub(super) const PACKET: u32 = 6;
}

/// Options of blocks.
mod option {
    pub(super) const COMMENT: u16 = 1;
    pub(super) const APPLICATION: u16 = 4;
    pub(super) const NAME: u16 = 2;
    pub(super) const RESOLUTION: u16 = 9;
    pub(super) const FLAGS: u16 = 2;
}

/// Tags of an exported PDU.
mod tag {
    pub(super) const DISSECTOR: u16 = 12;
    pub(super) const IPV4: (u16, u16) = (20, 21);
    pub(super) const IPV6: (u16, u16) = (22, 23);
    pub(super) const PORT_TYPE: u16 = 24;
    pub(super) const PORTS: (u16, u16) = (25, 26);
    pub(super) const TCP: u32 = 2;
    pub(super) const UDP: u32 = 3;
}

/// One request at one machine.
type Request = (Value, Value, u32);

/// A capture file that is being written.
#[derive(Debug, Default)]
pub struct Capture {
    interfaces: BTreeMap<Value, u32>,
    waiting: BTreeMap<Request, (u64, Vec<String>)>,
    /// The same requests in the order in which they began to wait.
    order: BTreeMap<u64, Request>,
    serial: u64,
    /// Decisions that no message followed.
    lost: u64,
}

impl Capture {
    /// Begins a file.
    #[must_use]
    pub fn begin(out: &mut Vec<u8>) -> Self {
        let mut body = Vec::new();
        body.extend_from_slice(&0x1a2b_3c4d_u32.to_le_bytes());
        body.extend_from_slice(&[1, 0, 0, 0]);
        body.extend_from_slice(&u64::MAX.to_le_bytes());
        let application = concat!("Vestibule ", env!("CARGO_PKG_VERSION"));
        push_option(&mut body, option::APPLICATION, application.as_bytes());
        end_options(&mut body);
        push_block(out, block::SECTION, &body);
        Self::default()
    }

    /// Adds a record, oldest first; tells whether it became a packet or waits to be the comment of one.
    pub fn add(&mut self, record: &Record, out: &mut Vec<u8>) -> bool {
        match Message::of(record) {
            Some(message) => {
                self.packet(&message, out);
                true
            }
            None => self.decision(record),
        }
    }

    /// Returns how many decisions stand nowhere, since no message of their request followed.
    #[must_use]
    pub fn decisions_lost(&self) -> u64 {
        let waiting = self
            .waiting
            .values()
            .map(|(_, decisions)| decisions.len() as u64);
        self.lost + waiting.sum::<u64>()
    }

    fn decision(&mut self, record: &Record) -> bool {
        let Some((request, decision)) = request(record).zip(record.decision.as_ref()) else {
            return false;
        };
        let mut text = format!("{}: {} {decision}", record.machine, record.component);
        if let Some(reason) = &record.reason {
            text.push_str(": ");
            text.push_str(reason);
        }
        if !self.waiting.contains_key(&request) {
            self.make_room();
            self.order.insert(self.serial, request.clone());
        }
        let serial = self.serial;
        let (_, decisions) = self.waiting.entry(request).or_insert((serial, Vec::new()));
        self.serial += 1;
        if decisions.len() < MOST_OF_ONE {
            decisions.push(text);
            return true;
        }
        self.lost += 1;
        false
    }

    fn make_room(&mut self) {
        if self.waiting.len() < MOST_WAITING {
            return;
        }
        let oldest = self
            .order
            .pop_first()
            .and_then(|(_, request)| self.waiting.remove(&request));
        self.lost += oldest.map_or(0, |(_, decisions)| decisions.len() as u64);
    }

    fn packet(&mut self, message: &Message<'_>, out: &mut Vec<u8>) {
        let interface = self.interface(&message.record.machine, out);
        let mut data = exported(message);
        let captured = data.len();
        pad(&mut data);
        let micros = message.record.time.0;
        let mut body = Vec::with_capacity(data.len() + 64);
        // The time is two halves of one number.
        let (high, low) = (micros >> 32, micros & u64::from(u32::MAX));
        for number in [
            u64::from(interface),
            high,
            low,
            captured as u64,
            captured as u64,
        ] {
            body.extend_from_slice(&u32::try_from(number).unwrap_or(u32::MAX).to_le_bytes());
        }
        body.extend_from_slice(&data);
        for comment in self.comments(message) {
            push_option(&mut body, option::COMMENT, comment.as_bytes());
        }
        let way: u32 = match message.record.direction {
            Some(Direction::Out) => 2,
            Some(Direction::In) | None => 1,
        };
        push_option(&mut body, option::FLAGS, &way.to_le_bytes());
        end_options(&mut body);
        push_block(out, block::PACKET, &body);
    }

    /// What was decided about the request that a message belongs to, and what the message's own record says.
    fn comments(&mut self, message: &Message<'_>) -> Vec<String> {
        let record = message.record;
        let waiting = request(record).and_then(|request| self.waiting.remove(&request));
        if let Some((serial, _)) = &waiting {
            self.order.remove(serial);
        }
        let mut comments = waiting.map(|(_, decisions)| decisions).unwrap_or_default();
        if let Some(correlation) = record.correlation {
            comments.push(format!("{}: request {correlation}", record.machine));
        }
        if message.missing > 0 {
            let (machine, missing) = (&record.machine, message.missing);
            comments.push(format!(
                "{machine}: {missing} bytes of the message were not recorded"
            ));
        }
        for comment in &mut comments {
            while comment.len() > LONGEST_COMMENT {
                comment.pop();
            }
        }
        comments
    }

    /// The number of a machine's interface, which is described where it is first needed.
    fn interface(&mut self, machine: &Value, out: &mut Vec<u8>) -> u32 {
        if let Some(number) = self.interfaces.get(machine) {
            return *number;
        }
        let number = u32::try_from(self.interfaces.len()).unwrap_or(u32::MAX);
        self.interfaces.insert(machine.clone(), number);
        let mut body = Vec::new();
        body.extend_from_slice(&UPPER_PDU.to_le_bytes());
        body.extend_from_slice(&[0; 6]);
        push_option(&mut body, option::NAME, machine.as_bytes());
        push_option(&mut body, option::RESOLUTION, &[RESOLUTION]);
        end_options(&mut body);
        push_block(out, block::INTERFACE, &body);
        number
    }
}

/// Which request a record belongs to at its machine.
fn request(record: &Record) -> Option<Request> {
    let call = record.call_id.clone()?;
    Some((record.machine.clone(), call, record.cseq?))
}

/// The tags that say what follows, and the message.
fn exported(message: &Message<'_>) -> Vec<u8> {
    let mut data = Vec::with_capacity(message.bytes.len() + 96);
    // Tags are big endian, whatever the file is.
    let mut put = |tag: u16, value: &[u8]| {
        data.extend_from_slice(&tag.to_be_bytes());
        let length = u16::try_from(value.len()).unwrap_or(u16::MAX);
        data.extend_from_slice(&length.to_be_bytes());
        data.extend_from_slice(value);
    };
    put(tag::DISSECTOR, b"sip\0");
    for (address, is_source) in [(message.from, true), (message.to, false)] {
        let pick = |(source, destination): (u16, u16)| if is_source { source } else { destination };
        match address.ip() {
            std::net::IpAddr::V4(ip) => put(pick(tag::IPV4), &ip.octets()),
            std::net::IpAddr::V6(ip) => put(pick(tag::IPV6), &ip.octets()),
        }
        put(pick(tag::PORTS), &u32::from(address.port()).to_be_bytes());
    }
    let kind = match message.transport {
        Transport::Udp => tag::UDP,
        Transport::Tcp | Transport::Tls => tag::TCP,
    };
    put(tag::PORT_TYPE, &kind.to_be_bytes());
    put(0, &[]);
    data.extend_from_slice(&message.bytes);
    data
}

fn push_option(body: &mut Vec<u8>, code: u16, value: &[u8]) {
    body.extend_from_slice(&code.to_le_bytes());
    body.extend_from_slice(&u16::try_from(value.len()).unwrap_or(u16::MAX).to_le_bytes());
    body.extend_from_slice(value);
    pad(body);
}

fn end_options(body: &mut Vec<u8>) {
    body.extend_from_slice(&[0; 4]);
}

/// Everything in the file begins at a multiple of four.
fn pad(bytes: &mut Vec<u8>) {
    bytes.resize(bytes.len().next_multiple_of(4), 0);
}

fn push_block(out: &mut Vec<u8>, kind: u32, body: &[u8]) {
    let length = u32::try_from(body.len() + 12)
        .unwrap_or(u32::MAX)
        .to_le_bytes();
    out.extend_from_slice(&kind.to_le_bytes());
    out.extend_from_slice(&length);
    out.extend_from_slice(body);
    out.extend_from_slice(&length);
}

#[cfg(test)]
mod tests {
    use logs::{Component, Direction, Flags, Level, Record, Time};
    use proptest::prelude::*;

    use super::{Capture, MOST_WAITING};

    fn record(machine: &str, cseq: u32) -> Record {
        let mut record = Record::new(
            Time(1_790_000_000_123_456),
            machine.into(),
            Component::SipStack,
            Level::Info,
            Flags::PROTOCOL,
        );
        record.call_id = Some("a".into());
        record.cseq = Some(cseq);
        record
    }

    fn message(machine: &str, cseq: u32, text: &str) -> Record {
        let mut record = record(machine, cseq);
        record.direction = Some(Direction::Out);
        record.peer = Some("10.0.0.1:5061".parse().unwrap());
        record.local = Some("10.0.0.2:5061".parse().unwrap());
        record.text = text.into();
        record
    }

    fn decision(machine: &str, cseq: u32) -> Record {
        let mut record = record(machine, cseq);
        record.component = Component::Routing;
        record.decision = Some("relayed".into());
        record
    }

    /// The kinds of the blocks; each begins and ends with its length.
    fn blocks(file: &[u8]) -> Vec<u32> {
        let four = |at: usize| u32::from_le_bytes(file[at..at + 4].try_into().unwrap());
        let mut kinds = Vec::new();
        let mut at = 0;
        while at < file.len() {
            let length = four(at + 4) as usize;
            assert_eq!(length % 4, 0);
            assert_eq!(four(at + length - 4) as usize, length);
            kinds.push(four(at));
            at += length;
        }
        kinds
    }

    #[test]
    fn each_machine_is_an_interface_and_decisions_are_comments() {
        let mut out = Vec::new();
        let mut capture = Capture::begin(&mut out);
        assert!(capture.add(&message("a", 1, "OPTIONS sip:a SIP/2.0\n"), &mut out));
        assert!(capture.add(&decision("b", 1), &mut out));
        assert!(capture.add(&message("b", 1, "OPTIONS sip:a SIP/2.0\n"), &mut out));
        assert!(capture.add(&message("a", 2, "OPTIONS sip:a SIP/2.0\n"), &mut out));
        assert_eq!(blocks(&out), [0x0a0d_0d0a, 1, 6, 1, 6, 6]);
        let comments = out
            .windows(18)
            .filter(|bytes| bytes == b"b: Routing relayed");
        assert_eq!(comments.count(), 1);
        assert_eq!(capture.decisions_lost(), 0);
        assert!(!capture.add(&record("a", 3), &mut out));
    }

    #[test]
    fn decisions_that_no_message_follows_are_counted_and_bounded() {
        let mut out = Vec::new();
        let mut capture = Capture::begin(&mut out);
        for cseq in 0..20_000 {
            capture.add(&decision("a", cseq), &mut out);
        }
        assert_eq!(capture.waiting.len(), MOST_WAITING);
        assert_eq!(capture.order.len(), MOST_WAITING);
        assert_eq!(capture.decisions_lost(), 20_000);
        assert!(capture.add(&message("a", 19_999, "OPTIONS sip:a SIP/2.0\n"), &mut out));
        assert_eq!(
            (capture.decisions_lost(), capture.order.len()),
            (19_999, MOST_WAITING - 1)
        );
    }

    proptest! {
        #[test]
        fn any_text_makes_whole_blocks(texts in prop::collection::vec("\\PC{0,300}", 0..5), reason in "\\PC{0,3000}") {
            let mut out = Vec::new();
            let mut capture = Capture::begin(&mut out);
            for text in &texts {
                let mut decided = decision("a", 1);
                decided.reason = Some((&*reason).into());
                capture.add(&decided, &mut out);
                capture.add(&message("a", 1, text), &mut out);
            }
            let packets = texts.iter().filter(|text| !text.is_empty()).count();
            prop_assert_eq!(blocks(&out).iter().filter(|kind| **kind == 6).count(), packets);
        }
    }
}
