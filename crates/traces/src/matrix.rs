//! The maps of all groups of a file, turned on their side: a row for each bit, in it a bit for each group.
//!
//! To ask one bit of all groups is then to read one short row, instead of a bit here and there in every map. A file with
//! few groups has none: reading all of it costs less. A map in which few bits are set is folded, half upon half, until
//! [`FULL`] of its bits are set: so quiet traffic, which says the same again and again, has small maps.

use std::sync::Arc;

use crate::filter::{Filter, GRAM_BITS, KEY_BITS, Map};

/// A file with fewer groups has no maps.
pub(crate) const FEWEST_GROUPS: usize = 8;
/// A map is folded while no more than one of so many bits would be set.
const FULL: u64 = 4;
/// It is not folded further.
const FEWEST_ROWS: usize = 1 << 8;
const WORD: usize = 64;

/// How long a row is.
pub(crate) const fn row_len(groups: usize) -> usize {
    groups.div_ceil(8)
}

/// Which row has a bit, in a map that was folded to so many rows.
pub(crate) const fn row_of(bit: usize, rows: usize) -> usize {
    bit & (rows - 1)
}

/// Turns one map of all groups on its side. Returns the rows; there are none for few groups.
pub(crate) fn turn(filters: &[Arc<Filter>], map: Map) -> (usize, Vec<u8>) {
    if filters.len() < FEWEST_GROUPS {
        return (0, Vec::new());
    }
    let maps = filters.iter().map(|filter| match map {
        Map::Keys => filter.keys.to_vec(),
        Map::Grams => filter.grams.to_vec(),
    });
    let mut maps: Vec<Vec<u64>> = maps.collect();
    let mut rows = match map {
        Map::Keys => KEY_BITS,
        Map::Grams => GRAM_BITS,
    };
    while rows > FEWEST_ROWS && ones(&maps) * 2 * FULL <= bits(rows, maps.len()) {
        maps.iter_mut().for_each(fold);
        rows /= 2;
    }
    (rows, transpose(&maps, rows))
}

fn ones(maps: &[Vec<u64>]) -> u64 {
    let words = maps.iter().flatten();
    words.map(|word| u64::from(word.count_ones())).sum()
}

fn bits(rows: usize, maps: usize) -> u64 {
    u64::try_from(rows * maps).unwrap_or(u64::MAX)
}

fn fold(map: &mut Vec<u64>) {
    let upper = map.split_off(map.len() / 2);
    map.iter_mut()
        .zip(upper)
        .for_each(|(low, high)| *low |= high);
}

fn transpose(maps: &[Vec<u64>], rows: usize) -> Vec<u8> {
    let row = row_len(maps.len());
    let mut out = vec![0; rows * row];
    for (batch, maps) in maps.chunks(WORD).enumerate() {
        for word in 0..rows / WORD {
            let mut square = [0; WORD];
            for (line, map) in square.iter_mut().zip(maps) {
                *line = map.get(word).copied().unwrap_or(0);
            }
            flip(&mut square);
            for (line, bits) in square.iter().enumerate() {
                let start = (word * WORD + line) * row + batch * 8;
                let place = out.get_mut(start..).into_iter().flatten();
                // The last batch of groups may end before its eighth byte, and so does the row.
                let room = 8.min(row - batch * 8);
                place
                    .take(room)
                    .zip(bits.to_le_bytes())
                    .for_each(|(to, from)| *to = from);
            }
        }
    }
    out
}

/// Turns a square of 64 times 64 bits on its side: halves change places, then quarters within them, and so on.
fn flip(square: &mut [u64; WORD]) {
    let (mut half, mut mask) = (WORD / 2, u64::from(u32::MAX));
    while half > 0 {
        let mut line = 0;
        while line < WORD {
            let swapped = (square[line] >> half ^ square[line + half]) & mask;
            square[line] ^= swapped << half;
            square[line + half] ^= swapped;
            line = (line + half + 1) & !half;
        }
        half /= 2;
        mask ^= mask << half;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::{FEWEST_ROWS, row_len, row_of, turn};
    use crate::filter::{Filter, KEY_BITS, Map};

    fn filters(groups: usize, bits_each: usize) -> Vec<Arc<Filter>> {
        let mut seed = 7_u64;
        let filter = |_| {
            let mut filter = Filter::new();
            for _ in 0..bits_each {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                let bit = usize::try_from(seed >> 33).unwrap() % KEY_BITS;
                filter.keys[bit / 64] |= 1 << (bit % 64);
            }
            Arc::new(filter)
        };
        (0..groups).map(filter).collect()
    }

    #[test]
    fn every_bit_is_in_its_row_and_in_no_other_unless_rows_are_folded() {
        for (groups, bits_each) in [(8, 5000), (9, 2250), (64, 5000), (130, 5000)] {
            let filters = filters(groups, bits_each);
            let (rows, matrix) = turn(&filters, Map::Keys);
            let row = row_len(groups);
            assert_eq!(matrix.len(), rows * row);
            for (group, filter) in filters.iter().enumerate() {
                for bit in 0..KEY_BITS {
                    let at = row_of(bit, rows) * row + group / 8;
                    let set = matrix[at] >> (group % 8) & 1 == 1;
                    assert!(set || !filter.has(Map::Keys, bit));
                    if rows == KEY_BITS {
                        assert_eq!(set, filter.has(Map::Keys, bit));
                    }
                }
            }
        }
    }

    #[test]
    fn maps_are_folded_as_far_as_they_stay_useful() {
        let rows = |bits_each| turn(&filters(10, bits_each), Map::Keys).0;
        assert_eq!(rows(2500), KEY_BITS);
        assert_eq!(rows(1000), KEY_BITS / 2);
        assert_eq!(rows(1), FEWEST_ROWS);
        assert_eq!(turn(&filters(7, 100), Map::Keys).0, 0);
    }
}
