//! What passes at every place beside the flows, and what becomes of the rest: the same everywhere.

use serde::Serialize;

use super::Direction;

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

    /// Tells whether a chain of this direction has it: nothing that passes through a boundary is loopback or a neighbour.
    #[must_use]
    pub const fn applies(self, direction: Direction) -> bool {
        match self {
            Self::Loopback | Self::Neighbours => !matches!(direction, Direction::Through),
            Self::Established | Self::Invalid | Self::Errors | Self::Echo | Self::Rest => true,
        }
    }
}
