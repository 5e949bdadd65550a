//! Loopback addresses that no other test uses at the same time: one `127.x.y.0/24` per test.
//!
//! A block is held by a socket bound to one of its addresses, so two test processes cannot hold the same one, and it
//! is free again when its holder ends in whatever way.

use std::net::{Ipv4Addr, UdpSocket};

/// The last byte and the port of the address whose socket holds a block.
const HELD_AT: (u8, u16) = (254, 40_127);
/// Blocks are taken from `127.64.0.0` up to `127.127.255.0`, away from what other software uses.
const FIRST: u8 = 64;
const COUNT: u32 = 64 * 256;

/// A network `127.x.y.0/24` that this process holds until the value is dropped.
#[derive(Debug)]
pub struct Block {
    network: [u8; 3],
    _held: UdpSocket,
}

impl Block {
    /// Takes a free block.
    ///
    /// # Panics
    /// Panics when every block is taken, which means that something else is wrong.
    #[must_use]
    pub fn take() -> Self {
        // Starting at different places keeps parallel test processes from trying the same blocks in turn.
        let start = std::process::id().wrapping_mul(7919);
        (0..COUNT)
            .find_map(|step| Self::hold(start.wrapping_add(step) % COUNT))
            .expect("a free loopback block")
    }

    /// Returns the network address, `127.x.y.0`.
    #[must_use]
    pub fn network(&self) -> Ipv4Addr {
        self.address(0)
    }

    /// Returns the address of the block with this last byte.
    #[must_use]
    pub fn address(&self, last: u8) -> Ipv4Addr {
        let [a, b, c] = self.network;
        Ipv4Addr::new(a, b, c, last)
    }

    fn hold(number: u32) -> Option<Self> {
        let [_, _, x, y] = number.to_be_bytes();
        let network = [127, FIRST + x, y];
        let (last, port) = HELD_AT;
        let held = UdpSocket::bind((Ipv4Addr::new(127, network[1], y, last), port)).ok()?;
        Some(Self {
            network,
            _held: held,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Block;

    #[test]
    fn two_blocks_are_never_the_same() {
        let (one, other) = (Block::take(), Block::take());
        assert_ne!(one.network(), other.network());
        assert!(one.network().is_loopback());
    }
}
