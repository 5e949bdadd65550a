//! One packet as a packet filter sees it: its headers, and what the system knows of it.
//!
//! It is written as `10.0.0.10:40000 -> 10.0.0.11:5061 tcp new`, followed by what is out of the ordinary (an interface
//! that rules name, a mark, flags other than those of an opening segment).

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use serde::{Serialize, Serializer};

use crate::Family;

/// What connection tracking says of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// It belongs to nothing and begins nothing.
    Invalid,
    /// It belongs to a connection that has seen an answer.
    Established,
    /// It begins something that belongs to a connection, or is an error about one.
    Related,
    /// It begins a connection, or nobody has answered yet.
    New,
    /// Nobody looked.
    Untracked,
}

impl State {
    /// All, in the order of their numbers.
    pub const ALL: [Self; 5] = [
        Self::Invalid,
        Self::Established,
        Self::Related,
        Self::New,
        Self::Untracked,
    ];

    /// Returns its number in a set of packets.
    #[must_use]
    pub const fn number(self) -> u128 {
        self as u128
    }

    /// Returns the word that rules use for it, in lower case.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Invalid => "invalid",
            Self::Established => "established",
            Self::Related => "related",
            Self::New => "new",
            Self::Untracked => "untracked",
        }
    }
}

/// Numbers of protocols above IP.
pub mod protocol {
    /// ICMP.
    pub const ICMP: u8 = 1;
    /// TCP.
    pub const TCP: u8 = 6;
    /// UDP.
    pub const UDP: u8 = 17;
    /// DCCP.
    pub const DCCP: u8 = 33;
    /// ICMPv6.
    pub const ICMPV6: u8 = 58;
    /// SCTP.
    pub const SCTP: u8 = 132;
    /// UDP-Lite.
    pub const UDPLITE: u8 = 136;
    /// Those whose header begins with a source and a destination port.
    pub const WITH_PORTS: [u8; 5] = [TCP, UDP, DCCP, SCTP, UDPLITE];
}

/// The flags of the segment that opens a TCP connection.
pub const SYN: u8 = 0x02;

/// One packet.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Packet {
    /// IPv4 or IPv6; both addresses are of it.
    pub family: Family,
    /// Number of the protocol above IP.
    pub protocol: u8,
    /// Source address.
    pub source: IpAddr,
    /// Destination address.
    pub destination: IpAddr,
    /// Source port; the code of an ICMP message.
    pub source_port: u16,
    /// Destination port; the type of an ICMP message.
    pub destination_port: u16,
    /// TCP flags, FIN in the lowest bit.
    pub flags: u8,
    /// What connection tracking says of it.
    pub state: State,
    /// The mark that the system keeps with it.
    pub mark: u32,
    /// The interface it came in by; empty for what the machine sends itself.
    pub input: String,
    /// The interface it goes out by; empty for what stays on the machine.
    pub output: String,
}

impl Packet {
    /// Tells whether the ports are ports.
    #[must_use]
    pub fn has_ports(&self) -> bool {
        protocol::WITH_PORTS.contains(&self.protocol)
    }

    fn is_icmp(&self) -> bool {
        matches!(self.protocol, protocol::ICMP | protocol::ICMPV6)
    }

    fn carrier(&self) -> String {
        match self.protocol {
            protocol::ICMP => "icmp".to_owned(),
            protocol::TCP => "tcp".to_owned(),
            protocol::UDP => "udp".to_owned(),
            protocol::DCCP => "dccp".to_owned(),
            protocol::ICMPV6 => "icmpv6".to_owned(),
            protocol::SCTP => "sctp".to_owned(),
            protocol::UDPLITE => "udplite".to_owned(),
            other => format!("protocol {other}"),
        }
    }
}

impl fmt::Display for Packet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.has_ports() {
            let source = SocketAddr::new(self.source, self.source_port);
            let destination = SocketAddr::new(self.destination, self.destination_port);
            write!(f, "{source} -> {destination}")?;
        } else {
            write!(f, "{} -> {}", self.source, self.destination)?;
        }
        write!(f, " {}", self.carrier())?;
        if self.is_icmp() {
            write!(
                f,
                " type {} code {}",
                self.destination_port, self.source_port
            )?;
        }
        write!(f, " {}", self.state.name())?;
        if self.protocol == protocol::TCP && self.flags != SYN && self.state == State::New {
            write!(f, " flags 0x{:02x}", self.flags)?;
        }
        for (word, name) in [("in by", &self.input), ("out by", &self.output)] {
            if !name.is_empty() && name != ANOTHER_INTERFACE {
                write!(f, " {word} {name}")?;
            }
        }
        if self.mark != 0 {
            write!(f, " mark 0x{:x}", self.mark)?;
        }
        Ok(())
    }
}

/// The name that stands for every interface that no rule names.
pub const ANOTHER_INTERFACE: &str = "(another)";

impl Serialize for Packet {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        /// The same in the words of the output.
        #[derive(Serialize)]
        struct Fields<'a> {
            text: String,
            source: IpAddr,
            destination: IpAddr,
            protocol: u8,
            #[serde(skip_serializing_if = "Option::is_none")]
            source_port: Option<u16>,
            #[serde(skip_serializing_if = "Option::is_none")]
            destination_port: Option<u16>,
            #[serde(skip_serializing_if = "Option::is_none")]
            icmp_type: Option<u16>,
            #[serde(skip_serializing_if = "Option::is_none")]
            icmp_code: Option<u16>,
            state: State,
            mark: u32,
            input: &'a str,
            output: &'a str,
        }
        Fields {
            text: self.to_string(),
            source: self.source,
            destination: self.destination,
            protocol: self.protocol,
            source_port: self.has_ports().then_some(self.source_port),
            destination_port: self.has_ports().then_some(self.destination_port),
            icmp_type: self.is_icmp().then_some(self.destination_port),
            icmp_code: self.is_icmp().then_some(self.source_port),
            state: self.state,
            mark: self.mark,
            input: &self.input,
            output: &self.output,
        }
        .serialize(serializer)
    }
}
