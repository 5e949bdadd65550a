//! The keep-alive of phones over UDP: a STUN binding request, answered with the address that it came from
//! (RFC 5626 3.5.2 and 4.4.2, RFC 8489).
//!
//! It is answered on the SIP port and nothing else of STUN is: no authentication, no fingerprint, no other method. A
//! request with an attribute that must be understood and is not gets error 420 (RFC 8489 6.3.1).

use bytes::{BufMut as _, Bytes, BytesMut};
use smallvec::SmallVec;
use std::net::{IpAddr, SocketAddr};

const BINDING_REQUEST: u16 = 0x0001;
const BINDING_SUCCESS: u16 = 0x0101;
const BINDING_ERROR: u16 = 0x0111;
const MAGIC: u32 = 0x2112_A442;
const XOR_MAPPED_ADDRESS: u16 = 0x0020;
const ERROR_CODE: u16 = 0x0009;
const UNKNOWN_ATTRIBUTES: u16 = 0x000A;
/// Attributes below this must be understood.
const OPTIONAL: u16 = 0x8000;
/// Attributes that must be understood, and are, as they ask nothing of us: USERNAME, MESSAGE-INTEGRITY, REALM, NONCE
/// come from clients that use one code for all servers.
const HARMLESS: [u16; 4] = [0x0006, 0x0008, 0x0014, 0x0015];
/// Unknown attributes that an error names; more are not looked for.
const NAMED_MAX: usize = 8;

/// A binding request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Request {
    transaction: [u8; 12],
    unknown: SmallVec<[u16; NAMED_MAX]>,
}

impl Request {
    /// Reads a datagram; `None` if it is no binding request in sound form.
    pub(crate) fn read(bytes: &[u8]) -> Option<Self> {
        let (kind, rest) = bytes.split_first_chunk()?;
        let (length, rest) = rest.split_first_chunk()?;
        let (magic, rest) = rest.split_first_chunk()?;
        let (transaction, attributes) = rest.split_first_chunk()?;
        let is_sound = u16::from_be_bytes(*kind) == BINDING_REQUEST
            && u32::from_be_bytes(*magic) == MAGIC
            && usize::from(u16::from_be_bytes(*length)) == attributes.len();
        if !is_sound {
            return None;
        }
        Some(Self {
            transaction: *transaction,
            unknown: unknown(attributes)?,
        })
    }

    /// Writes the answer to a request from this address.
    pub(crate) fn answer(&self, from: SocketAddr) -> Bytes {
        if self.unknown.is_empty() {
            self.write(BINDING_SUCCESS, &self.mapped(from))
        } else {
            self.write(BINDING_ERROR, &self.refusal())
        }
    }

    fn mapped(&self, from: SocketAddr) -> BytesMut {
        let mut value = BytesMut::with_capacity(20);
        let [high, low, ..] = MAGIC.to_be_bytes();
        let mask = MAGIC.to_be_bytes().into_iter().chain(self.transaction);
        let octets: SmallVec<[u8; 16]> = match from.ip().to_canonical() {
            IpAddr::V4(address) => address.octets().into_iter().collect(),
            IpAddr::V6(address) => address.octets().into_iter().collect(),
        };
        value.put_u8(0);
        value.put_u8(if octets.len() == 4 { 1 } else { 2 });
        value.put_u16(from.port() ^ u16::from_be_bytes([high, low]));
        octets
            .iter()
            .zip(mask)
            .for_each(|(octet, mask)| value.put_u8(octet ^ mask));
        attribute(XOR_MAPPED_ADDRESS, &value)
    }

    fn refusal(&self) -> BytesMut {
        let mut all = attribute(ERROR_CODE, b"\0\0\x04\x14Unknown Attribute");
        let mut names = BytesMut::new();
        self.unknown.iter().for_each(|name| names.put_u16(*name));
        all.extend_from_slice(&attribute(UNKNOWN_ATTRIBUTES, &names));
        all
    }

    fn write(&self, kind: u16, attributes: &[u8]) -> Bytes {
        let mut out = BytesMut::with_capacity(20 + attributes.len());
        out.put_u16(kind);
        out.put_u16(u16::try_from(attributes.len()).unwrap_or(0));
        out.put_u32(MAGIC);
        out.extend_from_slice(&self.transaction);
        out.extend_from_slice(attributes);
        out.freeze()
    }
}

/// The attributes that we would have to understand; `None` if their lengths do not add up.
fn unknown(mut attributes: &[u8]) -> Option<SmallVec<[u16; NAMED_MAX]>> {
    let mut found = SmallVec::new();
    while !attributes.is_empty() {
        let (kind, rest) = attributes.split_first_chunk()?;
        let (length, rest) = rest.split_first_chunk()?;
        let kind = u16::from_be_bytes(*kind);
        let padded = usize::from(u16::from_be_bytes(*length)).next_multiple_of(4);
        attributes = rest.get(padded..)?;
        if kind < OPTIONAL && !HARMLESS.contains(&kind) && found.len() < NAMED_MAX {
            found.push(kind);
        }
    }
    Some(found)
}

/// One attribute, padded to whole words.
fn attribute(kind: u16, value: &[u8]) -> BytesMut {
    let mut out = BytesMut::with_capacity(8 + value.len());
    out.put_u16(kind);
    out.put_u16(u16::try_from(value.len()).unwrap_or(0));
    out.extend_from_slice(value);
    out.resize(out.len().next_multiple_of(4), 0);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(attributes: &[u8]) -> Vec<u8> {
        let mut bytes = vec![
            0,
            1,
            0,
            u8::try_from(attributes.len()).unwrap(),
            0x21,
            0x12,
            0xA4,
            0x42,
        ];
        bytes.extend_from_slice(&[7; 12]);
        bytes.extend_from_slice(attributes);
        bytes
    }

    #[test]
    fn the_answer_says_where_the_request_came_from() {
        let from: SocketAddr = "192.0.2.1:32853".parse().unwrap();
        let answer = Request::read(&request(&[])).unwrap().answer(from);
        assert_eq!(&answer[..8], [1, 1, 0, 12, 0x21, 0x12, 0xA4, 0x42]);
        assert_eq!(&answer[8..20], [7; 12]);
        // RFC 5769 2.2: this address and port look so once they are masked.
        assert_eq!(
            &answer[20..],
            [0, 0x20, 0, 8, 0, 1, 0xA1, 0x47, 0xE1, 0x12, 0xA6, 0x43]
        );
        let from: SocketAddr = "[2001:db8::1]:5060".parse().unwrap();
        let answer = Request::read(&request(&[])).unwrap().answer(from);
        assert_eq!(&answer[20..26], [0, 0x20, 0, 20, 0, 2]);
    }

    #[test]
    fn what_must_be_understood_and_is_not_is_named() {
        let asked = [0x80, 0x22, 0, 1, b'x', 0, 0, 0, 0, 3, 0, 4, 0, 0, 0, 1];
        let answer = Request::read(&request(&asked))
            .unwrap()
            .answer("192.0.2.1:1".parse().unwrap());
        assert_eq!(&answer[..2], [1, 0x11]);
        assert_eq!(&answer[24..28], [0, 0, 4, 20]);
        assert!(answer.ends_with(&[0, 10, 0, 2, 0, 3, 0, 0]));
    }

    #[test]
    fn what_is_no_binding_request_is_left_alone() {
        assert_eq!(Request::read(b"OPTIONS sip:contoso.com SIP/2.0\r\n"), None);
        assert_eq!(Request::read(&[]), None);
        assert_eq!(Request::read(&request(&[])[..19]), None);
        assert_eq!(Request::read(&request(&[0, 3, 0, 9, 0, 0, 0, 0])), None);
        let mut other = request(&[]);
        other[1] = 3;
        assert_eq!(Request::read(&other), None);
    }
}
