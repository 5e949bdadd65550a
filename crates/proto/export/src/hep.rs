//! HEP version 3 (Homer Encapsulation Protocol): a message with its addresses and time, for a collector.
//!
//! A packet is `HEP3`, its length (2, big endian), and chunks: vendor (2, 0 for the generic ones), type (2), length with
//! these six bytes (2), value. Over UDP a packet is a datagram; over TCP packets follow one another, told apart by their length.
//!
//! Bounds: a packet has [`LONGEST`] bytes at most; of a longer message the end is left out, and said.

use std::net::SocketAddr;

use base::net::Transport;

use crate::Message;

/// The longest packet: what a datagram of IPv4 carries.
pub const LONGEST: usize = 65_507;
/// What the collector is told that these are.
const SIP: u8 = 1;
/// All chunks but the message, at most: names are cut to [`NAME`].
const OVERHEAD: usize = 6 + 15 * 6 + 64 + 2 * NAME;
/// Names and keys are no longer, in bytes.
const NAME: usize = 255;

/// What the collector is told of whoever sends.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sender {
    /// The capture agent's number, which the collector's operator gives out.
    pub id: u32,
    /// The key that the collector wants to see, if any.
    pub key: Option<String>,
}

/// Adds the packet of a message; tells whether its end was left out.
pub fn write(message: &Message<'_>, sender: &Sender, out: &mut Vec<u8>) -> bool {
    let start = out.len();
    out.extend_from_slice(b"HEP3\0\0");
    let family = if message.from.is_ipv4() { 2 } else { 10 };
    chunk(out, 0x01, &[family]);
    // TLS is carried over TCP; there is no number of its own for it.
    let protocol = if message.transport == Transport::Udp {
        17
    } else {
        6
    };
    chunk(out, 0x02, &[protocol]);
    address(out, (0x03, 0x05), message.from);
    address(out, (0x04, 0x06), message.to);
    chunk(out, 0x07, &message.from.port().to_be_bytes());
    chunk(out, 0x08, &message.to.port().to_be_bytes());
    let micros = message.record.time.0;
    let seconds = u32::try_from(micros / 1_000_000).unwrap_or(u32::MAX);
    let rest = u32::try_from(micros % 1_000_000).unwrap_or(0);
    chunk(out, 0x09, &seconds.to_be_bytes());
    chunk(out, 0x0a, &rest.to_be_bytes());
    chunk(out, 0x0b, &[SIP]);
    chunk(out, 0x0c, &sender.id.to_be_bytes());
    if let Some(key) = &sender.key {
        chunk(out, 0x0e, name(key));
    }
    if let Some(correlation) = message.record.correlation {
        chunk(out, 0x11, correlation.to_string().as_bytes());
    }
    chunk(out, 0x13, name(&message.record.machine));
    let most = LONGEST - OVERHEAD;
    let kept = message.bytes.get(..most).unwrap_or(&message.bytes);
    chunk(out, 0x0f, kept);
    let length = u16::try_from(out.len() - start).unwrap_or(u16::MAX);
    if let Some(place) = out.get_mut(start + 4..start + 6) {
        place.copy_from_slice(&length.to_be_bytes());
    }
    kept.len() < message.bytes.len()
}

fn name(text: &str) -> &[u8] {
    text.as_bytes().get(..NAME).unwrap_or(text.as_bytes())
}

fn address(out: &mut Vec<u8>, (v4, v6): (u16, u16), address: SocketAddr) {
    match address {
        SocketAddr::V4(address) => chunk(out, v4, &address.ip().octets()),
        SocketAddr::V6(address) => chunk(out, v6, &address.ip().octets()),
    }
}

fn chunk(out: &mut Vec<u8>, kind: u16, value: &[u8]) {
    let length = u16::try_from(value.len() + 6).unwrap_or(u16::MAX);
    out.extend_from_slice(&[0, 0]);
    out.extend_from_slice(&kind.to_be_bytes());
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(value);
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use logs::{Component, Correlation, Direction, Flags, Level, Record, Time};

    use super::{LONGEST, Sender, write};
    use crate::Message;

    fn record(text: &str) -> Record {
        let mut record = Record::new(
            Time(1_790_000_000_123_456),
            "fe01.example.com".into(),
            Component::SipStack,
            Level::Info,
            Flags::PROTOCOL,
        );
        record.direction = Some(Direction::In);
        record.peer = Some("[2001:db8::1]:40000".parse().unwrap());
        record.local = Some("[2001:db8::2]:5061".parse().unwrap());
        record.correlation = Some(Correlation(0xabc));
        record.text = text.into();
        record
    }

    fn chunks(packet: &[u8]) -> BTreeMap<u16, Vec<u8>> {
        assert_eq!(&packet[..4], b"HEP3");
        let two = |at: usize| u16::from_be_bytes([packet[at], packet[at + 1]]);
        assert_eq!(usize::from(two(4)), packet.len());
        let mut found = BTreeMap::new();
        let mut at = 6;
        while at < packet.len() {
            let length = usize::from(two(at + 4));
            assert_eq!(two(at), 0);
            assert!(
                found
                    .insert(two(at + 2), packet[at + 6..at + length].to_vec())
                    .is_none()
            );
            at += length;
        }
        found
    }

    #[test]
    fn a_packet_has_the_chunks_of_its_message() {
        let record = record("OPTIONS sip:a SIP/2.0\n");
        let mut out = Vec::new();
        let sender = Sender {
            id: 2001,
            key: Some("k".into()),
        };
        assert!(!write(&Message::of(&record).unwrap(), &sender, &mut out));
        let chunks = chunks(&out);
        assert_eq!(chunks[&1], [10]);
        assert_eq!(chunks[&2], [6]);
        assert_eq!(chunks[&5][15], 1);
        assert_eq!(chunks[&6][15], 2);
        assert_eq!(chunks[&8], 5061_u16.to_be_bytes());
        assert_eq!(chunks[&9], 1_790_000_000_u32.to_be_bytes());
        assert_eq!(chunks[&10], 123_456_u32.to_be_bytes());
        assert_eq!(chunks[&12], 2001_u32.to_be_bytes());
        assert_eq!(chunks[&14], b"k");
        assert_eq!(chunks[&15], b"OPTIONS sip:a SIP/2.0\r\n\r\n");
        assert_eq!(chunks[&17], b"0000000000000abc");
        assert_eq!(chunks[&19], b"fe01.example.com");
    }

    #[test]
    fn the_longest_message_fits_a_datagram() {
        let record = record(&format!(
            "OPTIONS sip:a SIP/2.0\n{}",
            "X: 1\n".repeat(20_000)
        ));
        let mut out = Vec::new();
        let sender = Sender {
            id: 1,
            key: Some("k".repeat(9000)),
        };
        assert!(write(&Message::of(&record).unwrap(), &sender, &mut out));
        assert!(out.len() <= LONGEST);
        chunks(&out);
    }
}
