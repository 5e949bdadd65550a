//! Packets of every kind, made by hand: whatever a program cannot be made to send.
//!
//! IPv4 only. The kernel fills in the header's length and checksum; the rest is as it is written here, checksums of TCP,
//! UDP and ICMP among it, since connection tracking looks at them.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use firewall::packet::{Packet, protocol};
use socket2::{Domain, Protocol, Socket, Type};

/// The mark of everything that is made here.
const MARK: u32 = 7;

/// Sends any packet of IPv4.
pub(super) struct Maker(Socket);

impl Maker {
    /// Opens in the network of this thread. Needs root.
    pub(super) fn open() -> io::Result<Self> {
        let raw = Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::from(255)))?;
        raw.set_header_included_v4(true)?;
        raw.set_mark(MARK)?;
        Ok(Self(raw))
    }

    /// Sends a packet with this identification.
    pub(super) fn send(&self, packet: &Packet, identification: u16) -> io::Result<()> {
        let (IpAddr::V4(source), IpAddr::V4(destination)) = (packet.source, packet.destination)
        else {
            return Err(io::Error::other("only IPv4 is made here"));
        };
        let body = body(packet, source, destination);
        let mut bytes = vec![0x45, 0, 0, 0];
        bytes.extend(identification.to_be_bytes());
        bytes.extend([0x40, 0, 64, packet.protocol, 0, 0]);
        bytes.extend(source.octets());
        bytes.extend(destination.octets());
        bytes.extend(body);
        let to = SocketAddr::new(packet.destination, 0);
        self.0.send_to(&bytes, &to.into()).map(drop)
    }
}

fn body(packet: &Packet, source: Ipv4Addr, destination: Ipv4Addr) -> Vec<u8> {
    let ports = [
        packet.source_port.to_be_bytes(),
        packet.destination_port.to_be_bytes(),
    ]
    .concat();
    match packet.protocol {
        protocol::TCP => {
            let rest = [
                0,
                0,
                0,
                1,
                0,
                0,
                0,
                1,
                0x50,
                packet.flags,
                0x10,
                0,
                0,
                0,
                0,
                0,
            ];
            let segment = [ports, rest.to_vec()].concat();
            with_checksum(segment, 16, &pseudo(source, destination, protocol::TCP, 20))
        }
        protocol::UDP => {
            let datagram = [ports, vec![0, 9, 0, 0, b'x']].concat();
            with_checksum(datagram, 6, &pseudo(source, destination, protocol::UDP, 9))
        }
        _ => {
            let low = |number: u16| number.to_be_bytes()[1];
            let kind = [low(packet.destination_port), low(packet.source_port)];
            let message = [kind.to_vec(), vec![0, 0, 0, 7, 0, 1]].concat();
            with_checksum(message, 2, &[])
        }
    }
}

fn pseudo(source: Ipv4Addr, destination: Ipv4Addr, carrier: u8, length: u8) -> Vec<u8> {
    let ends = [source.octets(), destination.octets()].concat();
    [ends, vec![0, carrier, 0, length]].concat()
}

/// The Internet checksum (RFC 1071) over a pseudo header and the bytes, written into them at a place.
fn with_checksum(mut bytes: Vec<u8>, place: usize, pseudo: &[u8]) -> Vec<u8> {
    let both = [pseudo, &bytes].concat();
    let words = both
        .chunks(2)
        .map(|pair| u32::from(pair[0]) << 8 | pair.get(1).map_or(0, |low| u32::from(*low)));
    let mut sum: u32 = words.sum();
    while sum > 0xFFFF {
        sum = (sum & 0xFFFF) + (sum >> 16);
    }
    let [.., high, low] = (!sum).to_be_bytes();
    bytes[place] = high;
    bytes[place + 1] = low;
    bytes
}
