//! Exact sets of addresses of one family, and the least list of networks that writes one down.
//!
//! A set is a list of closed ranges in ascending order that neither meet nor overlap, so equal sets are equal values.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde::Serialize;
use topology::Network;

/// IPv4 or IPv6.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

impl Family {
    /// Both, in the order of their listing.
    pub const ALL: [Self; 2] = [Self::V4, Self::V6];

    /// Returns the family of an address.
    #[must_use]
    pub const fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(_) => Self::V4,
            IpAddr::V6(_) => Self::V6,
        }
    }

    /// Returns how many bits an address has.
    #[must_use]
    pub const fn bits(self) -> u8 {
        match self {
            Self::V4 => 32,
            Self::V6 => 128,
        }
    }

    /// Returns the last address as a number.
    #[must_use]
    pub const fn last(self) -> u128 {
        match self {
            Self::V4 => u32::MAX as u128,
            Self::V6 => u128::MAX,
        }
    }

    /// Returns the address of this number; one past the last address of IPv4 is taken by its low bits.
    #[must_use]
    pub const fn address(self, number: u128) -> IpAddr {
        match self {
            Self::V4 => {
                let [.., a, b, c, d] = number.to_be_bytes();
                IpAddr::V4(Ipv4Addr::new(a, b, c, d))
            }
            Self::V6 => IpAddr::V6(Ipv6Addr::from_bits(number)),
        }
    }
}

/// Returns an address as a number of its family.
#[must_use]
pub fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => u128::from(v4.to_bits()),
        IpAddr::V6(v6) => v6.to_bits(),
    }
}

/// A set of addresses of one family.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AddressSet {
    family: Family,
    /// First and last of each range; ascending, with a gap between any two.
    ranges: Vec<(u128, u128)>,
}

impl AddressSet {
    /// Returns the set of no address.
    #[must_use]
    pub const fn empty(family: Family) -> Self {
        Self {
            family,
            ranges: Vec::new(),
        }
    }

    /// Returns the set of every address.
    #[must_use]
    pub fn all(family: Family) -> Self {
        Self {
            family,
            ranges: vec![(0, family.last())],
        }
    }

    /// Returns the set of these closed ranges; a range that ends before it begins is empty.
    #[must_use]
    pub fn from_ranges(family: Family, ranges: impl IntoIterator<Item = (u128, u128)>) -> Self {
        let inside = ranges
            .into_iter()
            .map(|(first, last)| (first, last.min(family.last())));
        let mut sorted: Vec<(u128, u128)> = inside.filter(|(first, last)| first <= last).collect();
        sorted.sort_unstable();
        let mut merged: Vec<(u128, u128)> = Vec::with_capacity(sorted.len());
        for (first, last) in sorted {
            match merged.last_mut() {
                Some(before) if first <= before.1.saturating_add(1) => {
                    before.1 = before.1.max(last)
                }
                _ => merged.push((first, last)),
            }
        }
        Self {
            family,
            ranges: merged,
        }
    }

    /// Returns the set of those of these addresses that are of the family.
    #[must_use]
    pub fn of(family: Family, addresses: impl IntoIterator<Item = IpAddr>) -> Self {
        let own = addresses.into_iter().filter(|a| Family::of(*a) == family);
        Self::from_ranges(family, own.map(|a| (number(a), number(a))))
    }

    /// Returns the set of those of these networks that are of the family.
    #[must_use]
    pub fn of_networks<'a>(
        family: Family,
        networks: impl IntoIterator<Item = &'a Network>,
    ) -> Self {
        let own = networks
            .into_iter()
            .filter(|network| Family::of(network.address) == family);
        Self::from_ranges(family, own.map(|network| range_of(*network)))
    }

    /// Returns the family.
    #[must_use]
    pub const fn family(&self) -> Family {
        self.family
    }

    /// Returns first and last of each range, ascending.
    #[must_use]
    pub fn ranges(&self) -> &[(u128, u128)] {
        &self.ranges
    }

    /// Tells whether there is no address in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// Tells whether every address of the family is in it.
    #[must_use]
    pub fn is_all(&self) -> bool {
        self.ranges == [(0, self.family.last())]
    }

    /// Tells whether an address is in it.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        let wanted = number(address);
        let within = |range: &(u128, u128)| (range.0..=range.1).contains(&wanted);
        Family::of(address) == self.family && self.ranges.iter().any(within)
    }

    /// Returns the addresses that are in one of two sets of the same family; those of another family are left out.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        let others = other.ranges.iter().filter(|_| other.family == self.family);
        Self::from_ranges(self.family, self.ranges.iter().chain(others).copied())
    }

    /// Returns the addresses that are in both.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        let mut both = Vec::new();
        let (mut ours, mut theirs) = (
            self.ranges.iter().peekable(),
            other.ranges.iter().peekable(),
        );
        while let (Some(a), Some(b)) = (ours.peek(), theirs.peek())
            && self.family == other.family
        {
            both.push((a.0.max(b.0), a.1.min(b.1)));
            // Whichever ends first meets nothing further.
            if a.1 < b.1 {
                ours.next();
            } else {
                theirs.next();
            }
        }
        Self::from_ranges(self.family, both)
    }

    /// Returns the addresses that are not in it.
    #[must_use]
    pub fn complement(&self) -> Self {
        let mut gaps = Vec::with_capacity(self.ranges.len() + 1);
        let mut next = Some(0);
        for (first, last) in &self.ranges {
            if let Some(begin) = next
                && begin < *first
            {
                gaps.push((begin, first - 1));
            }
            next = last.checked_add(1);
        }
        if let Some(begin) = next {
            gaps.push((begin, self.family.last()));
        }
        Self::from_ranges(self.family, gaps)
    }

    /// Returns the addresses that are in this set and not in the other.
    #[must_use]
    pub fn difference(&self, other: &Self) -> Self {
        if other.family == self.family {
            self.intersection(&other.complement())
        } else {
            self.clone()
        }
    }

    /// Returns a word for each range: an address, a network, or first and last address with a hyphen between.
    #[must_use]
    pub fn words(&self) -> Vec<String> {
        let word = |(first, last): &(u128, u128)| {
            let mut networks = Vec::new();
            split(self.family, *first, *last, &mut networks);
            let (first, last) = (self.family.address(*first), self.family.address(*last));
            match networks.as_slice() {
                _ if first == last => first.to_string(),
                [network] => network.to_string(),
                _ => format!("{first}-{last}"),
            }
        };
        self.ranges.iter().map(word).collect()
    }

    /// Returns the least list of networks whose union is the set.
    #[must_use]
    pub fn networks(&self) -> Vec<Network> {
        let mut found = Vec::new();
        for (first, last) in &self.ranges {
            split(self.family, *first, *last, &mut found);
        }
        found
    }
}

impl fmt::Debug for AddressSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words: Vec<String> = self.networks().iter().map(ToString::to_string).collect();
        write!(f, "{{{}}}", words.join(", "))
    }
}

fn range_of(network: Network) -> (u128, u128) {
    let bits = u32::from(Family::of(network.address).bits());
    let host = bits.saturating_sub(u32::from(network.prefix));
    let first = number(network.address);
    let size_less_one = 1_u128.checked_shl(host).map_or(u128::MAX, |size| size - 1);
    (first, first | size_less_one)
}

/// Takes the largest network that begins at `first` and ends by `last`, again and again.
fn split(family: Family, mut first: u128, last: u128, found: &mut Vec<Network>) {
    loop {
        let mut host = first.trailing_zeros().min(u32::from(family.bits()));
        let end = |host: u32| first | 1_u128.checked_shl(host).map_or(u128::MAX, |size| size - 1);
        while end(host) > last {
            host -= 1;
        }
        let prefix = family.bits() - u8::try_from(host).unwrap_or_else(|_| family.bits());
        found.push(Network {
            address: family.address(first),
            prefix,
        });
        match end(host).checked_add(1) {
            Some(next) if next <= last => first = next,
            _ => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn v4(ranges: &[(u128, u128)]) -> AddressSet {
        AddressSet::from_ranges(Family::V4, ranges.iter().copied())
    }

    fn words(set: &AddressSet) -> Vec<String> {
        set.networks().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn neighbours_become_one_network() {
        let set = AddressSet::of(
            Family::V4,
            ["10.0.0.11", "10.0.0.10"].map(|a| a.parse().unwrap()),
        );
        assert_eq!(words(&set), ["10.0.0.10/31"]);
        assert_eq!(words(&AddressSet::all(Family::V4)), ["0.0.0.0/0"]);
        assert_eq!(words(&AddressSet::all(Family::V6)), ["::/0"]);
        assert!(words(&AddressSet::empty(Family::V6)).is_empty());
        assert_eq!(
            words(&AddressSet::all(Family::V6).difference(&v4(&[(0, 1)]))),
            ["::/0"]
        );
    }

    #[test]
    fn the_last_address_belongs_to_a_range() {
        let last = Family::V6.last();
        let set = AddressSet::from_ranges(Family::V6, [(last - 1, last)]);
        assert_eq!(set.networks().len(), 1);
        assert_eq!(set.complement().complement(), set);
    }

    fn any_set() -> impl Strategy<Value = AddressSet> {
        let range = (0_u128..64, 0_u128..64).prop_map(|(a, b)| (a.min(b), a.max(b)));
        proptest::collection::vec(range, 0..6).prop_map(|ranges| v4(&ranges))
    }

    proptest! {
        #[test]
        fn sets_do_what_membership_says(a in any_set(), b in any_set()) {
            for n in 0..70_u128 {
                let ip = Family::V4.address(n);
                let (in_a, in_b) = (a.contains(ip), b.contains(ip));
                prop_assert_eq!(a.union(&b).contains(ip), in_a || in_b);
                prop_assert_eq!(a.intersection(&b).contains(ip), in_a && in_b);
                prop_assert_eq!(a.difference(&b).contains(ip), in_a && !in_b);
                prop_assert_eq!(a.networks().iter().filter(|net| net.contains(ip)).count(), usize::from(in_a));
            }
        }
    }
}
