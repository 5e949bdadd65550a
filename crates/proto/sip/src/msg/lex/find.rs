//! Finding bytes in blocks of sixteen.
//!
//! Header lines are short: setting out to use the widest vectors costs more than these two searches do, which the
//! compiler turns into a few instructions for each block.

use memchr::memchr;

/// Returns where the first byte below 16 is. CR, LF and NUL are such bytes, and of what heads hold besides only tab.
///
/// Whole blocks are compared at once, which the compiler turns into a few vector instructions.
pub(crate) fn low_byte(bytes: &[u8]) -> Option<usize> {
    let is_low = |byte: &u8| *byte < 16;
    let (blocks, rest) = bytes.as_chunks::<16>();
    let has_none = |block: &&[u8; 16]| !block.iter().fold(false, |any, byte| any | is_low(byte));
    let clean = blocks.iter().take_while(has_none).count();
    let place = match blocks.get(clean) {
        Some(block) => first_low(*block, 16),
        None => rest.iter().position(is_low)?,
    };
    Some(16 * clean + place)
}

/// Returns where the byte is, which is expected to be among the first ones.
pub(crate) fn find_near(byte: u8, bytes: &[u8]) -> Option<usize> {
    let near = bytes.first_chunk().map(|block: &[u8; 16]| {
        let differences = u128::from_le_bytes(*block) ^ (EACH * u128::from(byte));
        first_low(differences.to_le_bytes(), 1)
    });
    match near {
        Some(place @ 0..16) => Some(place),
        _ => memchr(byte, bytes),
    }
}

/// One in each byte.
const EACH: u128 = u128::MAX / 255;

/// Returns where the first byte below this number, at most 128, is; 16 if there is none.
///
/// Subtracting the number from each byte borrows from the top bit of those that are smaller. A borrow may spill over
/// into the bytes behind such a one, but not into one before it.
const fn first_low(block: [u8; 16], number: u128) -> usize {
    let block = u128::from_le_bytes(block);
    let low = block.wrapping_sub(number * EACH) & !block & (0x80 * EACH);
    low.trailing_zeros() as usize / 8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_byte_below_16_is_found_wherever_it_is() {
        for len in 0..50 {
            assert_eq!(low_byte(&vec![16; len]), None);
            assert_eq!(low_byte(&vec![0xff; len]), None);
            for place in 0..len {
                for (filling, low) in [(16, 15), (b'a', 0), (0xff, b'\r'), (0x80, b'\n')] {
                    let mut bytes = vec![filling; len];
                    bytes[place..].fill(low);
                    assert_eq!(low_byte(&bytes), Some(place), "{bytes:?}");
                    bytes[place + 1..].fill(filling);
                    assert_eq!(low_byte(&bytes), Some(place), "{bytes:?}");
                }
            }
        }
    }

    #[test]
    fn a_byte_is_found_near_and_far() {
        for len in 0..40 {
            for place in 0..len {
                for filling in [0, b'a', b':' - 1, b':' + 1, b':' | 0x80, 0xff] {
                    let mut bytes = vec![filling; len];
                    assert_eq!(find_near(b':', &bytes), None);
                    bytes[place] = b':';
                    assert_eq!(find_near(b':', &bytes), Some(place), "{bytes:?}");
                    bytes[place..].fill(b':');
                    assert_eq!(find_near(b':', &bytes), Some(place), "{bytes:?}");
                }
            }
        }
    }
}
