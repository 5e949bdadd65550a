//! Where requests come from, for limits: one address of IPv4, one network of IPv6.
//!
//! One household of IPv6 has a /64 and could otherwise come as 2^64 sources. An IPv4 address written as IPv6 is itself.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

/// Whoever is behind one address (IPv6: one /64).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Source {
    addr: IpAddr,
    datagrams: bool,
}

impl Source {
    /// Returns the source to which an address belongs.
    #[must_use]
    pub fn of(addr: IpAddr) -> Self {
        let addr = match addr.to_canonical() {
            IpAddr::V6(addr) => {
                let prefix = u128::from(addr) >> 64 << 64;
                IpAddr::V6(Ipv6Addr::from(prefix))
            }
            v4 @ IpAddr::V4(_) => v4,
        };
        Self {
            addr,
            datagrams: false,
        }
    }

    /// Returns whoever says in datagrams that they are there: another source, as anybody can say so.
    #[must_use]
    pub fn of_datagrams(addr: IpAddr) -> Self {
        Self {
            datagrams: true,
            ..Self::of(addr)
        }
    }

    /// Returns its address; of an IPv6 network the first.
    #[must_use]
    pub const fn addr(self) -> IpAddr {
        self.addr
    }

    /// Returns bytes that no other source has, for a hash.
    #[must_use]
    pub fn to_bytes(self) -> [u8; 17] {
        let addr = match self.addr {
            IpAddr::V4(addr) => addr.to_ipv6_mapped(),
            IpAddr::V6(addr) => addr,
        };
        let mut bytes = [u8::from(self.datagrams); 17];
        if let Some(front) = bytes.first_chunk_mut() {
            *front = addr.octets();
        }
        bytes
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.addr {
            IpAddr::V4(addr) => write!(f, "{addr}")?,
            IpAddr::V6(addr) => write!(f, "{addr}/64")?,
        }
        f.write_str(if self.datagrams { " (UDP)" } else { "" })
    }
}

#[cfg(test)]
mod tests {
    use super::Source;

    fn source(text: &str) -> Source {
        Source::of(text.parse().unwrap())
    }

    #[test]
    fn one_ipv6_network_is_one_source_and_a_mapped_address_is_its_ipv4_self() {
        assert_eq!(source("2001:db8::1"), source("2001:db8::2:3:4"));
        assert_ne!(source("2001:db8::1"), source("2001:db8:0:1::1"));
        assert_eq!(source("::ffff:192.0.2.1"), source("192.0.2.1"));
        assert_eq!(source("2001:db8::1").to_string(), "2001:db8::/64");
    }

    #[test]
    fn who_only_says_in_datagrams_where_they_are_is_another_source() {
        let addr = "192.0.2.1".parse().unwrap();
        let (stream, datagrams) = (Source::of(addr), Source::of_datagrams(addr));
        assert_ne!(stream.to_bytes(), datagrams.to_bytes());
        assert_eq!(stream.addr(), datagrams.addr());
        assert_eq!(datagrams.to_string(), "192.0.2.1 (UDP)");
    }
}
