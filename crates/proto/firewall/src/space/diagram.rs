//! Reduced ordered binary decision diagrams: sets of strings of bits, where equal sets are equal values.
//!
//! A node asks for one bit and leads on by its value; bits are asked in the order of their numbers, equal nodes exist
//! once, and a set and its complement share their nodes (a mark on the edge tells them apart; the edge for 1 never
//! carries it). So `==` compares sets, a complement costs nothing, and a set is empty exactly when it is
//! [`Set::NONE`].
//!
//! Bounds: a diagram has at most as many nodes as it was given room for. When there is no more room it is
//! [spent](Diagram::is_spent) for good and every answer from then on is without meaning, so its owner asks before it
//! believes. Nodes are never given back: a diagram lives as long as one question. A set that is kept by its caller
//! means something in the diagram that made it alone.
#![expect(
    clippy::indexing_slicing,
    reason = "nodes are indexed by sets that this diagram made, tables by numbers below their length"
)]

use std::ops::Not;

/// A set: where its diagram begins, and whether it is the complement of what stands there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Set(u32);

impl Set {
    /// Every string of bits.
    pub const ALL: Self = Self(0);
    /// None.
    pub const NONE: Self = Self(1);

    const fn index(self) -> usize {
        (self.0 >> 1) as usize
    }

    const fn is_complement(self) -> bool {
        self.0 & 1 == 1
    }

    const fn complement_if(self, wanted: bool) -> Self {
        Self(self.0 ^ wanted as u32)
    }
}

impl Not for Set {
    type Output = Self;

    fn not(self) -> Self {
        self.complement_if(true)
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
struct Node {
    bit: u16,
    zero: Set,
    one: Set,
}

/// The bit of the node that stands for every string: behind all others.
const END: u16 = u16::MAX;
/// Nodes that a diagram has room for at first.
const FIRST_ROOM: usize = 1 << 12;
/// Answers that are remembered, at most; a new one takes the place of an old one.
const MOST_REMEMBERED: usize = 1 << 20;

/// All nodes, and what has been worked out.
pub struct Diagram {
    nodes: Vec<Node>,
    /// Indices of nodes by their content; 0 is a free place. Its length is a power of two.
    places: Vec<u32>,
    /// Intersections by their operands. Its length is a power of two.
    answers: Vec<(Set, Set, Set)>,
    room: usize,
    spent: bool,
    steps: u64,
}

impl Diagram {
    /// Returns a diagram of no more than this many nodes.
    #[must_use]
    pub fn new(room: usize) -> Self {
        let end = Node {
            bit: END,
            zero: Set::ALL,
            one: Set::ALL,
        };
        Self {
            nodes: vec![end],
            places: vec![0; FIRST_ROOM * 2],
            answers: vec![(Set::ALL, Set::ALL, Set::ALL); FIRST_ROOM],
            room: room.min((u32::MAX >> 1) as usize),
            spent: false,
            steps: 0,
        }
    }

    /// Tells whether there was too little room, so that no answer can be believed.
    #[must_use]
    pub const fn is_spent(&self) -> bool {
        self.spent
    }

    /// Returns how many nodes there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Tells whether nothing but the two trivial sets has been made.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.nodes.len() == 1
    }

    /// Returns how many pairs of nodes have been worked through: the measure of the work.
    #[must_use]
    pub const fn steps(&self) -> u64 {
        self.steps
    }

    /// Returns the strings of `zero` where the bit is 0 and those of `one` where it is 1; both ask only for later bits.
    pub fn either(&mut self, bit: u16, zero: Set, one: Set) -> Set {
        if zero == one {
            return zero;
        }
        let turned = one.is_complement();
        let node = Node {
            bit,
            zero: zero.complement_if(turned),
            one: one.complement_if(turned),
        };
        self.place(node).complement_if(turned)
    }

    /// Returns what is in both.
    pub fn and(&mut self, a: Set, b: Set) -> Set {
        if a == b || b == Set::ALL {
            return a;
        }
        if a == Set::ALL {
            return b;
        }
        if a == Set::NONE || b == Set::NONE || a == !b || self.spent {
            return Set::NONE;
        }
        let (a, b) = if a < b { (a, b) } else { (b, a) };
        let slot = self.slot(a, b);
        let (first, second, answer) = self.answers[slot];
        if (first, second) == (a, b) {
            return answer;
        }
        self.steps += 1;
        let bit = self.bit(a).min(self.bit(b));
        let (a_zero, a_one) = self.split(a, bit);
        let (b_zero, b_one) = self.split(b, bit);
        let zero = self.and(a_zero, b_zero);
        let one = self.and(a_one, b_one);
        let answer = self.either(bit, zero, one);
        // The table may have grown meanwhile.
        let slot = self.slot(a, b);
        self.answers[slot] = (a, b, answer);
        answer
    }

    /// Returns what is in one or both.
    pub fn or(&mut self, a: Set, b: Set) -> Set {
        !self.and(!a, !b)
    }

    /// Returns what is in the first and not in the second.
    pub fn minus(&mut self, a: Set, b: Set) -> Set {
        self.and(a, !b)
    }

    /// Tells whether nothing is in both.
    pub fn are_apart(&mut self, a: Set, b: Set) -> bool {
        self.and(a, b) == Set::NONE
    }

    /// Returns what is in any of many; neighbours are joined first, which keeps the sets on the way small.
    pub fn any(&mut self, mut sets: Vec<Set>) -> Set {
        while sets.len() > 1 {
            sets = sets
                .chunks(2)
                .map(|pair| match *pair {
                    [a, b] => self.or(a, b),
                    _ => pair[0],
                })
                .collect();
        }
        sets.pop().unwrap_or(Set::NONE)
    }

    /// Tells whether a string is in a set; `value` answers for each bit that is asked.
    #[must_use]
    pub fn contains(&self, set: Set, value: impl Fn(u16) -> bool) -> bool {
        let mut at = set;
        while at.index() != 0 {
            let (zero, one) = self.split(at, self.bit(at));
            at = if value(self.bit(at)) { one } else { zero };
        }
        at == Set::ALL
    }

    /// Returns the bits that lead to some string of a set, in their order; a bit that is not named may have any value.
    #[must_use]
    pub fn some(&self, set: Set) -> Option<Vec<(u16, bool)>> {
        let mut bits = Vec::new();
        let mut at = set;
        while at.index() != 0 {
            let bit = self.bit(at);
            let (zero, one) = self.split(at, bit);
            // Only the empty set has no string, so whichever edge does not lead to it will do.
            let value = zero == Set::NONE;
            bits.push((bit, value));
            at = if value { one } else { zero };
        }
        (at == Set::ALL).then_some(bits)
    }

    fn bit(&self, set: Set) -> u16 {
        self.nodes[set.index()].bit
    }

    fn split(&self, set: Set, bit: u16) -> (Set, Set) {
        let node = self.nodes[set.index()];
        if node.bit == bit {
            let turned = set.is_complement();
            (
                node.zero.complement_if(turned),
                node.one.complement_if(turned),
            )
        } else {
            (set, set)
        }
    }

    fn slot(&self, a: Set, b: Set) -> usize {
        mixed(u64::from(a.0) << 32 | u64::from(b.0)) & (self.answers.len() - 1)
    }

    fn place(&mut self, node: Node) -> Set {
        let mut at = hash(node) & (self.places.len() - 1);
        while self.places[at] != 0 {
            let index = self.places[at];
            if self.nodes[index as usize] == node {
                return Set(index << 1);
            }
            at = (at + 1) & (self.places.len() - 1);
        }
        match u32::try_from(self.nodes.len()) {
            Ok(index) if self.nodes.len() < self.room => {
                self.places[at] = index;
                self.nodes.push(node);
                self.grow();
                Set(index << 1)
            }
            _ => {
                self.spent = true;
                Set::NONE
            }
        }
    }

    /// Keeps at least half of the places free, and remembers the more answers the more nodes there are.
    fn grow(&mut self) {
        if self.nodes.len() * 2 <= self.places.len() {
            return;
        }
        let mut places = vec![0; self.places.len() * 2];
        for (index, node) in (0_u32..).zip(&self.nodes).skip(1) {
            let mut at = hash(*node) & (places.len() - 1);
            while places[at] != 0 {
                at = (at + 1) & (places.len() - 1);
            }
            places[at] = index;
        }
        self.places = places;
        if self.answers.len() < MOST_REMEMBERED {
            let length = self.answers.len() * 2;
            let old = std::mem::replace(
                &mut self.answers,
                vec![(Set::ALL, Set::ALL, Set::ALL); length],
            );
            for (a, b, answer) in old {
                let slot = self.slot(a, b);
                self.answers[slot] = (a, b, answer);
            }
        }
    }
}

fn hash(node: Node) -> usize {
    let edges = u64::from(node.zero.0) << 32 | u64::from(node.one.0);
    mixed(edges ^ u64::from(node.bit).wrapping_mul(0xD6E8_FEB8_6659_FD93))
}

/// Spreads a number over all bits (the last rounds of a common 64-bit mixer).
#[expect(
    clippy::cast_possible_truncation,
    reason = "the low bits of a hash are as good as any"
)]
const fn mixed(number: u64) -> usize {
    let number = (number ^ (number >> 32)).wrapping_mul(0xD6E8_FEB8_6659_FD93);
    let number = (number ^ (number >> 32)).wrapping_mul(0xD6E8_FEB8_6659_FD93);
    (number ^ (number >> 32)) as usize
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BITS: u16 = 6;

    /// A set over six bits by its 64 strings.
    fn of_strings(diagram: &mut Diagram, bit: u16, strings: u64) -> Set {
        if bit == BITS {
            return if strings & 1 == 1 {
                Set::ALL
            } else {
                Set::NONE
            };
        }
        let half = 1 << (BITS - bit - 1);
        let low = strings & (u64::MAX >> (64 - half));
        let zero = of_strings(diagram, bit + 1, low);
        let one = of_strings(diagram, bit + 1, strings >> half);
        diagram.either(bit, zero, one)
    }

    proptest! {
        #[test]
        fn sets_are_equal_exactly_when_their_strings_are(a in any::<u64>(), b in any::<u64>()) {
            let mut diagram = Diagram::new(10_000);
            let (x, y) = (of_strings(&mut diagram, 0, a), of_strings(&mut diagram, 0, b));
            prop_assert_eq!(diagram.and(x, y), of_strings(&mut diagram, 0, a & b));
            prop_assert_eq!(diagram.or(x, y), of_strings(&mut diagram, 0, a | b));
            prop_assert_eq!(diagram.minus(x, y), of_strings(&mut diagram, 0, a & !b));
            prop_assert_eq!(!x, of_strings(&mut diagram, 0, !a));
            prop_assert_eq!(x == y, a == b);
            for string in 0..64_u64 {
                let value = |bit: u16| string >> (BITS - 1 - bit) & 1 == 1;
                prop_assert_eq!(diagram.contains(x, value), a >> string & 1 == 1);
            }
        }

        #[test]
        fn some_string_of_a_set_is_in_it(a in 1_u64..) {
            let mut diagram = Diagram::new(10_000);
            let set = of_strings(&mut diagram, 0, a);
            let some = diagram.some(set).expect("the set is not empty");
            let value = |bit| some.contains(&(bit, true));
            prop_assert!(diagram.contains(set, value));
        }
    }

    #[test]
    fn the_empty_set_has_no_string() {
        let diagram = Diagram::new(10);
        assert_eq!(diagram.some(Set::NONE), None);
        assert_eq!(diagram.some(Set::ALL), Some(Vec::new()));
    }

    #[test]
    fn a_diagram_without_room_says_so() {
        let mut diagram = Diagram::new(20);
        assert!(!diagram.is_spent());
        of_strings(&mut diagram, 0, 0x1234_5678_9ABC_DEF0);
        assert!(diagram.is_spent());
        assert!(diagram.len() <= 20);
    }
}
