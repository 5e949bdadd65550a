//! The header that a balancer writes in front of the first byte, so that the member sees the client's address: the
//! PROXY protocol, version 2 (HAProxy's `proxy-protocol.txt`, section 2.2).
//!
//! Only the binary version is written and read: the text version of 1 is longer, slower, and nobody here speaks it.
//! Of the families TCP over IPv4 and IPv6 are understood; what follows the addresses (TLVs) is passed over.
//!
//! Who may send one is not decided here. A listener asks for it from balancers and from nobody else: a header that
//! anybody may send makes everybody whoever they like.
//!
//! Bounds: a header of at most [`LENGTH_MAX`] bytes; how long it may take is its reader's to say.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use tokio::io::{AsyncRead, AsyncReadExt as _};

const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";
/// Signature, version and command, family, length of the rest.
const FIXED: usize = 16;
const LOCAL: u8 = 0x20;
const PROXY: u8 = 0x21;
const TCP4: u8 = 0x11;
const TCP6: u8 = 0x21;
const TCP4_LENGTH: u16 = 12;
const TCP6_LENGTH: u16 = 36;

/// The longest header that is read. Ours have 28 or 52 bytes; the rest is room for what other balancers add.
pub const LENGTH_MAX: usize = 536;

/// Between whom the connection is that a balancer passes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ends {
    /// The client.
    pub source: SocketAddr,
    /// Where the client connected to.
    pub destination: SocketAddr,
}

/// What a header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Header {
    /// The connection is passed on for somebody.
    Passed(Ends),
    /// The balancer speaks for itself: a health check.
    Own,
}

/// What the first bytes of a connection are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begun {
    /// A header, this many bytes long.
    Whole(Header, usize),
    /// The beginning of one.
    Partly,
}

/// Why the first bytes of a connection are no header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoHeader {
    /// They begin with something else.
    #[error("the connection does not begin with a PROXY header, version 2")]
    Signature,
    /// Another version, or an unknown command.
    #[error("the PROXY header has version and command {0:#04x}, which are not known")]
    Command(u8),
    /// A family or transport other than TCP over IPv4 or IPv6.
    #[error("the PROXY header has family and transport {0:#04x}, which are not TCP")]
    Family(u8),
    /// Shorter than its addresses, or longer than is read.
    #[error("the PROXY header has {0} bytes after its fixed part, which do not fit it")]
    Length(u16),
}

/// Writes the header for a connection. Ends of different families are both written as IPv6.
#[must_use]
pub fn write(ends: &Ends) -> Vec<u8> {
    let mut header = Vec::with_capacity(FIXED + usize::from(TCP6_LENGTH));
    header.extend(SIGNATURE);
    header.push(PROXY);
    match (ends.source.ip(), ends.destination.ip()) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            header.push(TCP4);
            header.extend(TCP4_LENGTH.to_be_bytes());
            header.extend(source.octets());
            header.extend(destination.octets());
        }
        (source, destination) => {
            header.push(TCP6);
            header.extend(TCP6_LENGTH.to_be_bytes());
            header.extend(as_v6(source).octets());
            header.extend(as_v6(destination).octets());
        }
    }
    header.extend(ends.source.port().to_be_bytes());
    header.extend(ends.destination.port().to_be_bytes());
    header
}

const fn as_v6(address: IpAddr) -> Ipv6Addr {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped(),
        IpAddr::V6(address) => address,
    }
}

/// Takes the header off a connection, and not a byte of what follows.
///
/// # Errors
/// When the connection ends early, and with [`NoHeader`] inside when it begins otherwise.
pub async fn receive(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Header> {
    let mut bytes = vec![0; FIXED];
    stream.read_exact(&mut bytes).await?;
    loop {
        match read(&bytes).map_err(io::Error::other)? {
            Begun::Whole(header, _) => return Ok(header),
            Begun::Partly => {
                let length = bytes.last_chunk::<2>().copied().map(u16::from_be_bytes);
                bytes.resize(FIXED + usize::from(length.unwrap_or_default()), 0);
                stream
                    .read_exact(bytes.get_mut(FIXED..).unwrap_or_default())
                    .await?;
            }
        }
    }
}

/// Returns the header of a balancer that speaks for itself.
#[must_use]
pub fn own() -> Vec<u8> {
    let mut header = SIGNATURE.to_vec();
    header.extend([LOCAL, 0, 0, 0]);
    header
}

/// Reads the first bytes of a connection.
///
/// # Errors
/// [`NoHeader`] as soon as they cannot become one.
pub fn read(bytes: &[u8]) -> Result<Begun, NoHeader> {
    if bytes
        .iter()
        .zip(&SIGNATURE)
        .any(|(one, other)| one != other)
    {
        return Err(NoHeader::Signature);
    }
    let Some((fixed, rest)) = bytes.split_first_chunk::<FIXED>() else {
        return Ok(Begun::Partly);
    };
    let [.., command, family, high, low] = *fixed;
    let length = u16::from_be_bytes([high, low]);
    let needed = match (command, family) {
        (LOCAL, _) => 0,
        (PROXY, TCP4) => TCP4_LENGTH,
        (PROXY, TCP6) => TCP6_LENGTH,
        (PROXY, _) => return Err(NoHeader::Family(family)),
        _ => return Err(NoHeader::Command(command)),
    };
    let whole = FIXED + usize::from(length);
    if length < needed || whole > LENGTH_MAX {
        return Err(NoHeader::Length(length));
    }
    let Some(body) = rest.get(..usize::from(length)) else {
        return Ok(Begun::Partly);
    };
    let header = match command {
        LOCAL => Header::Own,
        _ => Header::Passed(ends(family, body).ok_or(NoHeader::Length(length))?),
    };
    Ok(Begun::Whole(header, whole))
}

fn ends(family: u8, body: &[u8]) -> Option<Ends> {
    let (source, destination, ports) = if family == TCP4 {
        let (source, rest) = body.split_first_chunk::<4>()?;
        let (destination, ports) = rest.split_first_chunk::<4>()?;
        let v4 = |octets: &[u8; 4]| IpAddr::V4(Ipv4Addr::from(*octets));
        (v4(source), v4(destination), ports)
    } else {
        let (source, rest) = body.split_first_chunk::<16>()?;
        let (destination, ports) = rest.split_first_chunk::<16>()?;
        let v6 = |octets: &[u8; 16]| Ipv6Addr::from(*octets).to_canonical();
        (v6(source), v6(destination), ports)
    };
    let [a, b, c, d] = *ports.first_chunk::<4>()?;
    Some(Ends {
        source: SocketAddr::new(source, u16::from_be_bytes([a, b])),
        destination: SocketAddr::new(destination, u16::from_be_bytes([c, d])),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ends(source: &str, destination: &str) -> Ends {
        Ends {
            source: source.parse().unwrap(),
            destination: destination.parse().unwrap(),
        }
    }

    #[test]
    fn a_header_has_the_bytes_that_the_specification_gives() {
        let header = write(&ends("192.0.2.1:4660", "198.51.100.2:443"));
        let wanted =
            b"\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x0c\xc0\x00\x02\x01\xc6\x33\x64\x02\x12\x34\x01\xbb";
        assert_eq!(header, wanted);
    }

    #[test]
    fn what_follows_the_addresses_is_passed_over_and_what_follows_the_header_is_left() {
        let ends = ends("[2001:db8::1]:1", "[2001:db8::2]:2");
        let mut bytes = write(&ends);
        bytes[15] = 36 + 5;
        bytes.extend([0x04, 0x00, 0x02, 0xaa, 0xbb]);
        bytes.extend(b"GET / HTTP/1.1");
        assert_eq!(read(&bytes), Ok(Begun::Whole(Header::Passed(ends), 57)));
    }

    #[test]
    fn a_balancer_may_speak_for_itself() {
        let bytes = b"\r\n\r\n\0\r\nQUIT\n\x20\x00\x00\x00";
        assert_eq!(read(bytes), Ok(Begun::Whole(Header::Own, 16)));
    }

    #[test]
    fn what_cannot_become_a_header_is_refused_at_once() {
        let with = |at: usize, value: u8| {
            let mut bytes = write(&ends("192.0.2.1:1", "192.0.2.2:2"));
            bytes[at] = value;
            read(&bytes)
        };
        assert_eq!(read(b"GET / HTTP/1.1"), Err(NoHeader::Signature));
        assert_eq!(read(b"PROXY TCP4 192.0.2.1"), Err(NoHeader::Signature));
        assert_eq!(with(12, 0x11), Err(NoHeader::Command(0x11)));
        assert_eq!(with(13, 0x12), Err(NoHeader::Family(0x12)));
        assert_eq!(with(15, 11), Err(NoHeader::Length(11)));
        assert_eq!(with(14, 0xff), Err(NoHeader::Length(0xff0c)));
    }

    fn address() -> impl Strategy<Value = SocketAddr> {
        prop_oneof![
            any::<([u8; 4], u16)>().prop_map(SocketAddr::from),
            any::<([u16; 8], u16)>().prop_map(SocketAddr::from),
        ]
    }

    proptest! {
        #[test]
        fn what_was_written_is_read_from_any_number_of_pieces(
            source in address(), destination in address(), rest in any::<Vec<u8>>(),
        ) {
            let mut bytes = write(&Ends { source, destination });
            let length = bytes.len();
            for cut in 0..length {
                prop_assert_eq!(read(&bytes[..cut]), Ok(Begun::Partly));
            }
            bytes.extend(rest);
            let plain = |end: SocketAddr| SocketAddr::new(end.ip().to_canonical(), end.port());
            let ends = Ends { source: plain(source), destination: plain(destination) };
            prop_assert_eq!(read(&bytes), Ok(Begun::Whole(Header::Passed(ends), length)));
        }

        #[test]
        fn any_bytes_are_read_without_a_fault(bytes in any::<Vec<u8>>()) {
            let _ = read(&bytes);
            let _ = read(&[&SIGNATURE[..], &bytes].concat());
        }
    }
}
