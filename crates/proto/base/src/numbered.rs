//! Tables whose keys are numbers of our own making: names of flows, keyed checksums.
//!
//! Nobody outside chooses such a key, so nobody can make many of them meet in one place, and mixing their bits a little
//! is enough. Keys that come from outside belong into the standard table, whose hash is keyed.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// A table whose keys are numbers of our own making.
pub type NumberMap<K, V> = HashMap<K, V, BuildHasherDefault<NumberHasher>>;

/// Mixes the bits of a number: multiplies by the golden ratio, as Fibonacci hashing does, and folds the halves.
#[derive(Clone, Copy, Debug, Default)]
pub struct NumberHasher(u64);

/// 2^64 divided by the golden ratio, made odd.
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

impl Hasher for NumberHasher {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = (self.0 ^ number).wrapping_mul(GOLDEN);
    }

    fn finish(&self) -> u64 {
        self.0 ^ (self.0 >> 32)
    }
}

#[cfg(test)]
mod tests {
    use super::NumberHasher;
    use std::collections::BTreeSet;
    use std::hash::Hasher as _;

    /// Names of flows count up, and have the worker's number in their high bits.
    #[test]
    fn numbers_that_count_up_spread_over_the_places_of_a_table() {
        let place = |number: u64| {
            let mut hasher = NumberHasher::default();
            hasher.write_u64(number);
            hasher.finish() % 4096
        };
        for high in [0, 1 << 40, 3 << 56] {
            let places: BTreeSet<u64> = (0..2048).map(|low| place(high + low)).collect();
            assert!(places.len() > 1500, "{} places of 2048", places.len());
        }
    }
}
