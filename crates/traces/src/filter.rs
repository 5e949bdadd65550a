//! What a group of records can be asked without reading it: two bit maps.
//!
//! - *Keys*: values of fields (`logs::Key`), four bits each of 2^13. A value that no record has is ruled out wrongly in one
//!   of a thousand groups or less.
//! - *Grams*: each run of four bytes of the text, letters in lower case, one bit of 2^15. One run rules out little, but
//!   words have many: of ten letters seven, which all must be there.
//!
//! The two are part of the file format (`docs/trace-format.md`).

use logs::{Key, Plan, Record, keys_of};

/// Bits of the map of keys.
pub(crate) const KEY_BITS: usize = 1 << 13;
/// Bits of the map of grams.
pub(crate) const GRAM_BITS: usize = 1 << 15;
/// Of a long text so many grams are asked for: more rule out nothing that these do not.
const MOST_GRAMS: usize = 24;
/// Bytes of a gram.
const GRAM: usize = 4;
const WORD: usize = 64;

/// One of the two maps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Map {
    Keys,
    Grams,
}

/// The maps of one group.
#[derive(Clone, Debug)]
pub(crate) struct Filter {
    pub(crate) keys: Box<[u64; KEY_BITS / WORD]>,
    pub(crate) grams: Box<[u64; GRAM_BITS / WORD]>,
}

impl Filter {
    pub(crate) fn new() -> Self {
        Self {
            keys: Box::new([0; KEY_BITS / WORD]),
            grams: Box::new([0; GRAM_BITS / WORD]),
        }
    }

    /// Adds the keys of a record.
    pub(crate) fn add_keys(&mut self, record: &Record) {
        keys_of(record, &mut |key| {
            for bit in key_bits(key) {
                self.keys[bit / WORD] |= 1 << (bit % WORD);
            }
        });
    }

    /// Adds the grams of a line.
    pub(crate) fn add_line(&mut self, line: &[u8]) {
        let Some((first, rest)) = line.split_first_chunk::<{ GRAM - 1 }>() else {
            return;
        };
        let lower = |gram: u32, byte: &u8| gram << 8 | u32::from(byte.to_ascii_lowercase());
        let mut gram = first.iter().fold(0, lower);
        for byte in rest {
            gram = lower(gram, byte);
            let bit = gram_bit(gram);
            self.grams[bit / WORD] |= 1 << (bit % WORD);
        }
    }

    /// Tells whether a bit is set.
    pub(crate) fn has(&self, map: Map, bit: usize) -> bool {
        let words = match map {
            Map::Keys => self.keys.as_slice(),
            Map::Grams => self.grams.as_slice(),
        };
        words
            .get(bit / WORD)
            .is_some_and(|word| word >> (bit % WORD) & 1 == 1)
    }
}

fn key_bits(key: Key) -> [usize; 4] {
    // Sixteen bits of the hash each; the map has fewer, so the lower ones count.
    let [a, b, c, d, e, f, g, h] = key.0.to_le_bytes();
    [[a, b], [c, d], [e, f], [g, h]]
        .map(|bits| usize::from(u16::from_le_bytes(bits)) & (KEY_BITS - 1))
}

fn gram_bit(gram: u32) -> usize {
    // Fibonacci hashing: the upper bits of the product are well mixed.
    (gram.wrapping_mul(0x9e37_79b1) >> (u32::BITS - GRAM_BITS.trailing_zeros())) as usize
}

/// Which groups may hold a match: one bit each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Groups(Vec<u64>);

impl Groups {
    pub(crate) fn all(number: usize) -> Self {
        let mut words = vec![u64::MAX; number.div_ceil(WORD)];
        if let Some(last) = words.last_mut().filter(|_| !number.is_multiple_of(WORD)) {
            *last = (1 << (number % WORD)) - 1;
        }
        Self(words)
    }

    pub(crate) fn none(number: usize) -> Self {
        Self(vec![0; number.div_ceil(WORD)])
    }

    /// Keeps those that are among the bits of a row too, eight to a byte, the first in the lowest bit.
    pub(crate) fn keep(&mut self, row: &[u8]) {
        for (word, bytes) in self.0.iter_mut().zip(row.chunks(8)) {
            let mut whole = [0; 8];
            whole
                .iter_mut()
                .zip(bytes)
                .for_each(|(to, from)| *to = *from);
            *word &= u64::from_le_bytes(whole);
        }
    }

    fn unite(&mut self, other: &Self) {
        self.0.iter_mut().zip(&other.0).for_each(|(a, b)| *a |= b);
    }

    fn is_empty(&self) -> bool {
        self.0.iter().all(|word| *word == 0)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = usize> {
        let words = self.0.iter().enumerate();
        words.flat_map(|(place, word)| {
            (0..WORD).filter_map(move |bit| (word >> bit & 1 == 1).then_some(place * WORD + bit))
        })
    }
}

/// The maps of several groups, asked bit by bit.
pub(crate) trait Maps {
    /// How many groups there are.
    fn groups(&self) -> usize;

    /// Keeps those of the groups that have the bit set.
    fn keep(&self, map: Map, bit: usize, groups: &mut Groups) -> std::io::Result<()>;
}

/// Returns the groups that may hold what satisfies a plan.
pub(crate) fn candidates(plan: &Plan, maps: &dyn Maps) -> std::io::Result<Groups> {
    narrow(plan, maps, Groups::all(maps.groups()))
}

/// Returns those of the groups that may hold it. Where none is left nothing more is read of the maps.
fn narrow(plan: &Plan, maps: &dyn Maps, mut groups: Groups) -> std::io::Result<Groups> {
    if groups.is_empty() {
        return Ok(groups);
    }
    match plan {
        Plan::Anything => {}
        Plan::Key(key) => keep(Map::Keys, key_bits(*key).into_iter(), maps, &mut groups)?,
        Plan::Words(words) => {
            let grams = words.windows(GRAM).take(MOST_GRAMS);
            let grams = grams.filter_map(|gram| gram.try_into().ok());
            let bits = grams.map(|gram| gram_bit(u32::from_be_bytes(gram)));
            keep(Map::Grams, bits, maps, &mut groups)?;
        }
        Plan::All(plans) => {
            for plan in plans {
                groups = narrow(plan, maps, groups)?;
            }
        }
        Plan::Any(plans) => {
            let mut any = Groups::none(maps.groups());
            for plan in plans {
                any.unite(&narrow(plan, maps, groups.clone())?);
            }
            groups = any;
        }
    }
    Ok(groups)
}

fn keep(
    map: Map,
    bits: impl Iterator<Item = usize>,
    maps: &dyn Maps,
    groups: &mut Groups,
) -> std::io::Result<()> {
    for bit in bits {
        maps.keep(map, bit, groups)?;
        if groups.is_empty() {
            break;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{Filter, Groups, Map, Maps, candidates};
    use logs::Plan;

    impl Maps for Vec<Filter> {
        fn groups(&self) -> usize {
            self.len()
        }

        fn keep(&self, map: Map, bit: usize, groups: &mut Groups) -> std::io::Result<()> {
            let row = self.iter().enumerate();
            let row = row.map(|(place, filter)| u8::from(filter.has(map, bit)) << place);
            groups.keep(&[row.sum()]);
            Ok(())
        }
    }

    fn words(text: &str) -> Plan {
        Plan::Words(text.as_bytes().to_vec())
    }

    #[test]
    fn words_are_found_in_any_case_and_rule_out_groups_without_them() {
        let filters: Vec<Filter> = ["INVITE sip:Alice@example.com", "BYE", ""]
            .map(|text| {
                let mut filter = Filter::new();
                filter.add_line(text.as_bytes());
                filter
            })
            .to_vec();
        let found = |plan: &Plan| {
            candidates(plan, &filters)
                .unwrap()
                .iter()
                .collect::<Vec<_>>()
        };
        assert_eq!(found(&words("alice@")), [0]);
        assert_eq!(found(&words("bye")), [0, 1, 2], "three bytes say nothing");
        assert_eq!(found(&words("elsewhere")), [0; 0]);
        let either = Plan::Any(vec![words("alice"), words("elsewhere")]);
        assert_eq!(found(&either), [0]);
        let both = Plan::All(vec![words("alice"), words("elsewhere")]);
        assert_eq!(found(&both), [0; 0]);
    }

    #[test]
    fn sets_of_groups_end_where_the_groups_end() {
        for number in [0, 1, 63, 64, 65, 200] {
            assert_eq!(Groups::all(number).iter().count(), number);
            assert_eq!(Groups::none(number).iter().count(), 0);
        }
    }
}
