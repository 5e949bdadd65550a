//! Exact sets of packets.
//!
//! A [`Space`] is a [`Diagram`] over the fields of a [`Packet`], with the interfaces that the rules in question can tell
//! apart. Every set is exact: two sets are equal when they have the same packets, and an empty one is known to be empty.
//!
//! Bounds: the room of the diagram; when it is spent, [`Diagram::is_spent`] says so and no answer counts.

mod diagram;
mod fields;
mod interfaces;

use crate::Family;
use crate::packet::{Packet, State, protocol};

pub use diagram::{Diagram, Set};
pub use fields::{Field, MOST_INTERFACES};
pub use interfaces::{Interfaces, Pattern};

use fields::Bits;

/// Where a packet is in a space.
#[derive(Clone, Debug)]
pub struct Point(Bits);

/// Sets of packets that belong together.
pub struct Space {
    diagram: Diagram,
    interfaces: Interfaces,
}

impl std::ops::Deref for Space {
    type Target = Diagram;

    fn deref(&self) -> &Diagram {
        &self.diagram
    }
}

impl std::ops::DerefMut for Space {
    fn deref_mut(&mut self) -> &mut Diagram {
        &mut self.diagram
    }
}

impl Space {
    /// Returns a space for these interfaces, with room for so many nodes.
    #[must_use]
    pub fn new(interfaces: Interfaces, room: usize) -> Self {
        Self {
            diagram: Diagram::new(room),
            interfaces,
        }
    }

    /// Returns the interfaces that are told apart.
    #[must_use]
    pub const fn interfaces(&self) -> &Interfaces {
        &self.interfaces
    }

    /// Returns the packets whose interface on a side ([`Field::InInterface`] or [`Field::OutInterface`]) fits a pattern.
    pub fn interface(&mut self, side: Field, pattern: &Pattern) -> Set {
        let numbers = self.interfaces.fitting(pattern);
        let ranges: Vec<(u128, u128)> = numbers
            .into_iter()
            .map(|number| (number as u128, number as u128))
            .collect();
        self.diagram.within(side, &ranges)
    }

    /// Returns every string of bits that is a packet: other numbers of states and interfaces stand for nothing, and
    /// types and codes of ICMP messages are shorter than ports.
    pub fn packets(&mut self) -> Set {
        let states = self
            .diagram
            .within(Field::State, &[(0, State::Untracked.number())]);
        let last = self.interfaces.names().len().saturating_sub(1) as u128;
        let input = self.diagram.within(Field::InInterface, &[(0, last)]);
        let output = self.diagram.within(Field::OutInterface, &[(0, last)]);
        let messages = self.diagram.within(
            Field::Protocol,
            &[protocol::ICMP, protocol::ICMPV6].map(|number| (number.into(), number.into())),
        );
        let kinds = self.diagram.within(Field::DestinationPort, &[(0, 0xFF)]);
        let codes = self.diagram.within(Field::SourcePort, &[(0, 0xFF)]);
        let short = self.diagram.and(kinds, codes);
        let ports = self.diagram.or(short, !messages);
        let both = self.diagram.and(input, output);
        let known = self.diagram.and(both, states);
        self.diagram.and(known, ports)
    }

    /// Tells whether a packet is in a set.
    #[must_use]
    pub fn has(&self, set: Set, point: &Point) -> bool {
        self.diagram.contains(set, |bit| point.0.is_one(bit))
    }

    /// Returns where a packet is, for as many questions as may come.
    #[must_use]
    pub fn point(&self, packet: &Packet) -> Point {
        Point(self.bits(packet))
    }

    /// Returns a packet of a set: one that is in as many of the preferred sets as can be, the first first.
    pub fn witness(&mut self, set: Set, preferred: &[Set]) -> Option<Packet> {
        let mut left = set;
        for wish in preferred {
            let fitting = self.diagram.and(left, *wish);
            if fitting != Set::NONE {
                left = fitting;
            }
        }
        let path = self.diagram.some(left)?;
        let mut bits = Bits::zero();
        for (bit, value) in path {
            bits.set(bit, value);
        }
        Some(self.packet(&bits))
    }

    fn bits(&self, packet: &Packet) -> Bits {
        let mut bits = Bits::zero();
        let interface = |name: &str| self.interfaces.number(name) as u128;
        bits.write(Field::Family, u128::from(packet.family == Family::V6));
        bits.write(Field::Protocol, packet.protocol.into());
        bits.write(Field::State, packet.state.number());
        bits.write(Field::InInterface, interface(&packet.input));
        bits.write(Field::OutInterface, interface(&packet.output));
        bits.write(Field::DestinationPort, packet.destination_port.into());
        bits.write(Field::SourcePort, packet.source_port.into());
        bits.write(Field::TcpFlags, packet.flags.into());
        bits.write(Field::Mark, packet.mark.into());
        let family = packet.family;
        bits.write(
            Field::Source(family),
            crate::addresses::number(packet.source),
        );
        bits.write(
            Field::Destination(family),
            crate::addresses::number(packet.destination),
        );
        bits
    }

    fn packet(&self, bits: &Bits) -> Packet {
        let family = match bits.read(Field::Family) {
            0 => Family::V4,
            _ => Family::V6,
        };
        let interface = |side| {
            let number = usize::try_from(bits.read(side)).unwrap_or(usize::MAX);
            self.interfaces
                .names()
                .get(number)
                .cloned()
                .unwrap_or_default()
        };
        let state = |number: &State| number.number() == bits.read(Field::State);
        let small = |field| u16::try_from(bits.read(field)).unwrap_or(u16::MAX);
        let byte = |field| u8::try_from(bits.read(field)).unwrap_or(u8::MAX);
        Packet {
            family,
            protocol: byte(Field::Protocol),
            source: family.address(bits.read(Field::Source(family))),
            destination: family.address(bits.read(Field::Destination(family))),
            source_port: small(Field::SourcePort),
            destination_port: small(Field::DestinationPort),
            flags: byte(Field::TcpFlags),
            state: State::ALL.into_iter().find(state).unwrap_or(State::Invalid),
            mark: u32::try_from(bits.read(Field::Mark)).unwrap_or(u32::MAX),
            input: interface(Field::InInterface),
            output: interface(Field::OutInterface),
        }
    }
}
