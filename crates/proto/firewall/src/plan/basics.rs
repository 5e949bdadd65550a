//! What passes at every place beside the flows, and what becomes of the rest: the same everywhere.

use serde::Serialize;

use super::Direction;
use crate::Family;

/// A rule that belongs to no flow. In the order of the rules; [`Basic::Rest`] stands after the flows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Basic {
    /// What a machine says to itself.
    Loopback,
    /// What belongs to a connection that has begun, or is an error about one.
    Established,
    /// What belongs to none and does not begin one.
    Invalid,
    /// ICMP that says why a packet did not arrive, among it that it was too big.
    Errors,
    /// Echo requests, a bounded number a second.
    Echo,
    /// IPv6 only: neighbours and routers find each other, and say to which groups they listen.
    Neighbours,
    /// Everything that nothing admitted: dropped; on the way out rejected, so that programs hear at once.
    Rest,
}

/// Neighbour discovery, which never comes from beyond the link (RFC 4861).
pub const NEIGHBOURS: &[u8] = &[133, 134, 135, 136];
/// Who listens to which group (RFC 2710, RFC 3810).
pub const GROUPS: &[u8] = &[130, 131, 132, 143];

/// How many echo requests a second a place answers or passes, from everybody together.
pub const ECHO_PER_SECOND: u32 = 10;

impl Basic {
    /// All, in the order of the rules.
    pub const ALL: [Self; 7] = [
        Self::Loopback,
        Self::Established,
        Self::Invalid,
        Self::Errors,
        Self::Echo,
        Self::Neighbours,
        Self::Rest,
    ];

    /// Returns the word for it, which comments of rules carry after `basic`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Loopback => "loopback",
            Self::Established => "established",
            Self::Invalid => "invalid",
            Self::Errors => "errors",
            Self::Echo => "echo",
            Self::Neighbours => "neighbours",
            Self::Rest => "rest",
        }
    }

    /// Returns what it does, in a few words.
    #[must_use]
    pub const fn purpose(self) -> &'static str {
        match self {
            Self::Loopback => "what a machine says to itself passes",
            Self::Established => "answers, and errors about connections that have begun, pass",
            Self::Invalid => "what belongs to no connection and begins none is dropped",
            Self::Errors => "ICMP that says why a packet did not arrive passes",
            Self::Echo => "echo requests pass, 10 a second",
            Self::Neighbours => "IPv6 neighbours, routers and groups are found",
            Self::Rest => "everything else is dropped; on the way out it is rejected",
        }
    }

    /// Returns the types of ICMP that it lets pass, of one family; none where it is not about ICMP. Those of
    /// [`Basic::Neighbours`] are [`NEIGHBOURS`] and [`GROUPS`].
    #[must_use]
    pub const fn messages(self, family: Family) -> &'static [u8] {
        match (self, family) {
            (Self::Errors, Family::V4) => &[3, 11, 12],
            (Self::Errors, Family::V6) => &[1, 2, 3, 4],
            (Self::Echo, Family::V4) => &[8],
            (Self::Echo, Family::V6) => &[128],
            (Self::Neighbours, Family::V6) => &[130, 131, 132, 133, 134, 135, 136, 143],
            (Self::Neighbours, Family::V4)
            | (Self::Loopback | Self::Established | Self::Invalid | Self::Rest, _) => &[],
        }
    }

    /// Tells whether a chain of this direction has it: nothing that passes through a boundary is loopback or a neighbour.
    #[must_use]
    pub const fn applies(self, direction: Direction) -> bool {
        match self {
            Self::Loopback | Self::Neighbours => !matches!(direction, Direction::Through),
            Self::Established | Self::Invalid | Self::Errors | Self::Echo | Self::Rest => true,
        }
    }
}
