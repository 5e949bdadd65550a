//! What a rule asks of a packet.

use std::collections::BTreeSet;

use crate::Family;
use crate::packet::{State, protocol};
use crate::space::{Field, Pattern};

/// A question about one packet. What is [`Test::Beyond`] the model may be answered either way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Test {
    /// All of them are so; of none, always.
    All(Vec<Self>),
    /// One of them is so; of none, never.
    Any(Vec<Self>),
    /// It is not so.
    Not(Box<Self>),
    /// The value of a field under a mask lies in one of these closed ranges, which ascend with gaps between them.
    ///
    /// A packet of another family than that of the field has no value and so never fits.
    Is {
        /// The field.
        field: Field,
        /// The bits that count.
        mask: u128,
        /// First and last of each range.
        ranges: Vec<(u128, u128)>,
    },
    /// The interface that it came in or goes out by fits.
    Interface {
        /// [`Field::InInterface`] or [`Field::OutInterface`].
        side: Field,
        /// Which interfaces.
        pattern: Pattern,
    },
    /// What the routing table says of an address (`fib daddr type`, `-m addrtype`).
    Type {
        /// Which address.
        of: End,
        /// Any of these kinds.
        kinds: BTreeSet<Kind>,
    },
    /// It belongs to a connection whose destination was translated.
    Translated,
    /// A rate, asked by a packet that comes alone; the value says whether it fits. Others may fit or not.
    Alone(bool),
    /// Something of this name, which cannot be answered from a packet and the rules.
    Beyond(String),
}

/// One of the two addresses of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum End {
    /// The source.
    Source,
    /// The destination.
    Destination,
}

impl End {
    /// Returns the field of the address in packets of a family.
    #[must_use]
    pub const fn field(self, family: Family) -> Field {
        match self {
            Self::Source => Field::Source(family),
            Self::Destination => Field::Destination(family),
        }
    }
}

/// What kind of address one is to the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// One of its own.
    Local,
    /// Everybody on a network.
    Broadcast,
    /// A group.
    Multicast,
    /// Any other kind.
    Other,
}

impl Test {
    /// Always so.
    pub const ALWAYS: Self = Self::All(Vec::new());
    /// Never so.
    pub const NEVER: Self = Self::Any(Vec::new());

    /// The field has a value in one of these closed ranges, in any order.
    #[must_use]
    pub fn within(field: Field, ranges: Vec<(u128, u128)>) -> Self {
        Self::masked(field, field.last(), ranges)
    }

    /// The field has a value in one of these closed ranges, in any order, as far as the mask lets it be seen.
    #[must_use]
    pub fn masked(field: Field, mask: u128, mut ranges: Vec<(u128, u128)>) -> Self {
        ranges.retain(|(first, last)| first <= last);
        ranges.sort_unstable();
        let mut merged: Vec<(u128, u128)> = Vec::with_capacity(ranges.len());
        for (first, last) in ranges {
            match merged.last_mut() {
                Some(before) if first <= before.1.saturating_add(1) => {
                    before.1 = before.1.max(last)
                }
                _ => merged.push((first, last)),
            }
        }
        Self::Is {
            field,
            mask,
            ranges: merged,
        }
    }

    /// The field has this value.
    #[must_use]
    pub fn equal(field: Field, value: u128) -> Self {
        Self::within(field, vec![(value, value)])
    }

    /// The packet is of this family.
    #[must_use]
    pub fn family(family: Family) -> Self {
        Self::equal(Field::Family, u128::from(family == Family::V6))
    }

    /// The packet is of this protocol.
    #[must_use]
    pub fn protocol(number: u8) -> Self {
        Self::equal(Field::Protocol, number.into())
    }

    /// It is a message by which IPv6 neighbours find each other. Every machine drops those that do not arrive with the
    /// hop limit of 255 (RFC 4861, section 6.1 and 7.1), so a question for this limit is always answered with yes.
    #[must_use]
    pub fn neighbours() -> Self {
        Self::All(vec![
            Self::family(Family::V6),
            Self::protocol(protocol::ICMPV6),
            Self::within(Field::DestinationPort, vec![(133, 137)]),
        ])
    }

    /// Connection tracking says one of these.
    #[must_use]
    pub fn states(states: impl IntoIterator<Item = State>) -> Self {
        let ranges = states
            .into_iter()
            .map(|state| (state.number(), state.number()));
        Self::within(Field::State, ranges.collect())
    }

    /// It is not so.
    #[must_use]
    pub fn negated(self) -> Self {
        if let Self::Not(inner) = self {
            return *inner;
        }
        Self::Not(Box::new(self))
    }

    /// Negates where asked.
    #[must_use]
    pub fn negated_if(self, wanted: bool) -> Self {
        if wanted { self.negated() } else { self }
    }

    /// Tells whether it asks how often packets come.
    #[must_use]
    pub fn is_of_rates(&self) -> bool {
        match self {
            Self::Alone(_) => true,
            Self::Not(inner) => inner.is_of_rates(),
            Self::All(_)
            | Self::Any(_)
            | Self::Is { .. }
            | Self::Interface { .. }
            | Self::Type { .. }
            | Self::Translated
            | Self::Beyond(_) => false,
        }
    }

    /// Shows every part of the question to someone.
    pub fn visit(&self, see: &mut impl FnMut(&Self)) {
        see(self);
        match self {
            Self::All(parts) | Self::Any(parts) => parts.iter().for_each(|part| part.visit(see)),
            Self::Not(inner) => inner.visit(see),
            Self::Is { .. }
            | Self::Interface { .. }
            | Self::Type { .. }
            | Self::Translated
            | Self::Alone(_)
            | Self::Beyond(_) => {}
        }
    }
}
