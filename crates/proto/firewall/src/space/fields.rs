//! Which bits of a diagram stand for what of a packet, and sets by the values of one field.
//!
//! The order of the fields was chosen by measuring (`docs/decisions/0057-packet-sets-as-decision-diagrams.md`).
//! Numbers are asked from their highest bit, so that a network is a path. An IPv4 address takes the first 32 bits of
//! its field.

use crate::Family;

use super::{Diagram, Set};

/// A part of a packet, or of what the system knows of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Field {
    /// 0 for IPv4, 1 for IPv6.
    Family,
    /// The number of the protocol above IP.
    Protocol,
    /// What connection tracking says: the number of a [`State`](crate::packet::State).
    State,
    /// The interface that it came in by, by its number in the list of interfaces; 0 where there is none.
    InInterface,
    /// The interface that it goes out by, in the same way.
    OutInterface,
    /// The destination port, or the type of an ICMP message.
    DestinationPort,
    /// The source port, or the code of an ICMP message.
    SourcePort,
    /// The flags of a TCP segment, FIN in the lowest bit.
    TcpFlags,
    /// The mark that the system keeps with it.
    Mark,
    /// The source address; a packet of the other family has none of its values.
    Source(Family),
    /// The destination address; a packet of the other family has none of its values.
    Destination(Family),
}

impl Field {
    /// Returns how many bits its values have.
    #[must_use]
    pub const fn width(self) -> u16 {
        match self {
            Self::Family => 1,
            Self::State => 3,
            Self::Protocol | Self::TcpFlags => 8,
            Self::InInterface | Self::OutInterface => INTERFACE_BITS,
            Self::DestinationPort | Self::SourcePort => 16,
            Self::Mark => 32,
            Self::Source(family) | Self::Destination(family) => family.bits() as u16,
        }
    }

    /// Returns its greatest value.
    #[must_use]
    pub const fn last(self) -> u128 {
        u128::MAX >> (128 - self.width())
    }

    /// Returns the family whose packets alone have it.
    #[must_use]
    pub const fn family(self) -> Option<Family> {
        match self {
            Self::Source(family) | Self::Destination(family) => Some(family),
            Self::Family
            | Self::Protocol
            | Self::State
            | Self::InInterface
            | Self::OutInterface
            | Self::DestinationPort
            | Self::SourcePort
            | Self::TcpFlags
            | Self::Mark => None,
        }
    }

    /// Returns the number of its highest bit.
    const fn first_bit(self) -> u16 {
        match self {
            Self::Family => 0,
            Self::Protocol => 1,
            Self::State => 9,
            Self::InInterface => 12,
            Self::OutInterface => 12 + INTERFACE_BITS,
            Self::DestinationPort => 12 + 2 * INTERFACE_BITS,
            Self::Destination(_) => 28 + 2 * INTERFACE_BITS,
            Self::Source(_) => 156 + 2 * INTERFACE_BITS,
            Self::SourcePort => 284 + 2 * INTERFACE_BITS,
            Self::TcpFlags => 300 + 2 * INTERFACE_BITS,
            Self::Mark => 308 + 2 * INTERFACE_BITS,
        }
    }

    /// Returns what bit of a diagram asks for this bit of a value.
    const fn bit(self, from_the_highest: u16) -> u16 {
        self.first_bit() + from_the_highest
    }
}

/// Bits for the number of an interface.
const INTERFACE_BITS: u16 = 10;
/// How many interfaces can be told apart.
pub const MOST_INTERFACES: usize = 1 << INTERFACE_BITS;

impl Diagram {
    /// Returns the packets whose value under a mask lies in one of these closed ranges, which ascend with gaps between.
    pub fn masked(&mut self, field: Field, mask: u128, ranges: &[(u128, u128)]) -> Set {
        let within = self.below(field, mask & field.last(), ranges, 0, 0);
        match field.family() {
            None => within,
            Some(Family::V4) => self.either(Field::Family.bit(0), within, Set::NONE),
            Some(Family::V6) => self.either(Field::Family.bit(0), Set::NONE, within),
        }
    }

    /// Returns the packets whose value lies in one of these closed ranges, which ascend with gaps between.
    pub fn within(&mut self, field: Field, ranges: &[(u128, u128)]) -> Set {
        self.masked(field, u128::MAX, ranges)
    }

    /// Returns the packets of one value.
    pub fn equal(&mut self, field: Field, value: u128) -> Set {
        self.within(field, &[(value, value)])
    }

    /// Looks at one bit after another: `base` are the bits so far, and under the mask only some values can follow.
    fn below(
        &mut self,
        field: Field,
        mask: u128,
        ranges: &[(u128, u128)],
        base: u128,
        depth: u16,
    ) -> Set {
        let left = field.width() - depth;
        let rest = match left {
            0 => 0,
            left => mask & (u128::MAX >> (128 - left)),
        };
        let (least, most) = (base, base | rest);
        let begin = ranges.partition_point(|(_, last)| *last < least);
        let end = ranges.partition_point(|(first, _)| *first <= most);
        let near = ranges.get(begin..end).unwrap_or_default();
        match near {
            [] => return Set::NONE,
            [(first, last)] if *first <= least && most <= *last => return Set::ALL,
            _ if left == 0 => return Set::ALL,
            _ => {}
        }
        let step = 1_u128 << (left - 1);
        let zero = self.below(field, mask, near, base, depth + 1);
        if mask & step == 0 {
            return zero;
        }
        let one = self.below(field, mask, near, base | step, depth + 1);
        self.either(field.bit(depth), zero, one)
    }
}

/// A packet as a string of bits, as far as fields have been written into it.
#[derive(Clone, Debug)]
pub(super) struct Bits([bool; LENGTH]);

/// One more than the last bit of the last field.
const LENGTH: usize = (Field::Mark.first_bit() + Field::Mark.width()) as usize;

impl Bits {
    pub(super) const fn zero() -> Self {
        Self([false; LENGTH])
    }

    pub(super) fn set(&mut self, bit: u16, value: bool) {
        if let Some(place) = self.0.get_mut(usize::from(bit)) {
            *place = value;
        }
    }

    pub(super) fn is_one(&self, bit: u16) -> bool {
        self.0.get(usize::from(bit)).is_some_and(|value| *value)
    }

    pub(super) fn write(&mut self, field: Field, value: u128) {
        for at in 0..field.width() {
            let is_one = value >> (field.width() - 1 - at) & 1 == 1;
            self.set(field.bit(at), is_one);
        }
    }

    pub(super) fn read(&self, field: Field) -> u128 {
        let bits = (0..field.width()).map(|at| self.is_one(field.bit(at)));
        bits.fold(0, |value, is_one| value << 1 | u128::from(is_one))
    }
}
