//! The table as data: what text and JSON both are written from.

use topology::flows::Carrier;

use crate::plan::{Direction, Rate};
use crate::{AddressSet, Family};

/// All that is loaded.
pub(super) struct Table {
    pub(super) sets: Vec<Set>,
    pub(super) chains: Vec<Chain>,
}

/// A set with a name.
pub(super) struct Set {
    pub(super) name: String,
    pub(super) family: Family,
    pub(super) content: Content,
}

/// What a set holds.
pub(super) enum Content {
    /// Addresses that several rules need.
    Addresses(AddressSet),
    /// How much each source has opened of late; an entry is forgotten after so many seconds of silence.
    Sources {
        /// When a source that is silent is as good as new.
        seconds: u32,
    },
}

/// The rules of one hook.
pub(super) struct Chain {
    pub(super) direction: Direction,
    pub(super) rules: Vec<Rule>,
}

/// One rule: all of these in their order.
pub(super) struct Rule {
    pub(super) parts: Vec<Part>,
    pub(super) comment: String,
}

/// Which address of a packet.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Source,
    Destination,
}

impl Side {
    /// Returns the field of the header.
    pub(super) const fn field(self) -> &'static str {
        match self {
            Self::Source => "saddr",
            Self::Destination => "daddr",
        }
    }
}

/// A match or a statement.
pub(super) enum Part {
    /// It comes in on loopback, or goes out on it.
    Loopback(Direction),
    /// Connection tracking says one of these.
    State(&'static [&'static str]),
    /// It is ICMP of that family, of one of these types.
    Icmp(Family, &'static [u8]),
    /// It comes from the same link.
    OwnLink,
    /// One of its addresses is in a set, or in none of it.
    Address {
        side: Side,
        family: Family,
        not: bool,
        of: Addresses,
    },
    /// It goes to one of these ports.
    Ports(Carrier, Vec<u16>),
    /// Its source, which a set remembers, has opened more than the rate.
    Over {
        set: String,
        family: Family,
        rate: Rate,
    },
    /// There have been fewer than so many a second.
    AtMost(u32),
    Counter,
    Accept,
    Drop,
    /// Dropped, and the sender is told.
    Reject,
}

/// Addresses by name or in place.
pub(super) enum Addresses {
    Named(String),
    Listed(AddressSet),
}

/// Returns the word of an address family in a rule.
pub(super) const fn ip(family: Family) -> &'static str {
    match family {
        Family::V4 => "ip",
        Family::V6 => "ip6",
    }
}

/// Returns the word of the family's ICMP.
pub(super) const fn icmp(family: Family) -> &'static str {
    match family {
        Family::V4 => "icmp",
        Family::V6 => "icmpv6",
    }
}

/// Returns the words of nftables for types of ICMP; one that has none stands as its number.
pub(super) fn icmp_types(family: Family, types: &[u8]) -> Vec<String> {
    let word = |kind: &u8| {
        let word = match (family, kind) {
            (Family::V4, 3) | (Family::V6, 1) => "destination-unreachable",
            (Family::V6, 2) => "packet-too-big",
            (Family::V4, 11) | (Family::V6, 3) => "time-exceeded",
            (Family::V4, 12) | (Family::V6, 4) => "parameter-problem",
            (Family::V4, 8) | (Family::V6, 128) => "echo-request",
            (Family::V6, 130) => "mld-listener-query",
            (Family::V6, 131) => "mld-listener-report",
            (Family::V6, 132) => "mld-listener-done",
            (Family::V6, 133) => "nd-router-solicit",
            (Family::V6, 134) => "nd-router-advert",
            (Family::V6, 135) => "nd-neighbor-solicit",
            (Family::V6, 136) => "nd-neighbor-advert",
            (Family::V6, 143) => "mld2-listener-report",
            (Family::V4 | Family::V6, other) => return other.to_string(),
        };
        word.to_owned()
    };
    types.iter().map(word).collect()
}

/// Returns the type of a set of addresses.
pub(super) const fn element(family: Family) -> &'static str {
    match family {
        Family::V4 => "ipv4_addr",
        Family::V6 => "ipv6_addr",
    }
}

/// Returns the hook of a direction, which is the name of its chain as well.
pub(super) const fn hook(direction: Direction) -> &'static str {
    match direction {
        Direction::In => "input",
        Direction::Out => "output",
        Direction::Through => "forward",
    }
}

/// A provider gives one customer at least a /64, whose addresses are one source.
pub(super) const V6_SOURCE: &str = "ffff:ffff:ffff:ffff::";
