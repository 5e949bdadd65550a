//! A SIP message as it was on the wire, as far as its record keeps it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use base::net::Transport;
use logs::{Component, Direction, Record};

/// How redaction marks a body that was left out.
const BODY: (&str, &str) = ("[body: ", " bytes]");
/// How a text is marked that was too long.
const CUT: (&str, &str) = ("[", " bytes more]");

/// A message that can become a packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message<'a> {
    /// The record that it comes from.
    pub record: &'a Record,
    /// Whence it came.
    pub from: SocketAddr,
    /// Where it went.
    pub to: SocketAddr,
    /// How it travelled.
    pub transport: Transport,
    /// Its bytes: lines end with CR LF, credentials are starred, a body that was not recorded is missing.
    pub bytes: Vec<u8>,
    /// So many bytes of it were not recorded.
    pub missing: usize,
}

impl<'a> Message<'a> {
    /// Takes a record; `None` if it is no SIP message that came or went, has no text, or lacks the other end's address.
    #[must_use]
    pub fn of(record: &'a Record) -> Option<Self> {
        if record.component != Component::SipStack || record.text.is_empty() {
            return None;
        }
        let other = record.peer?;
        // What is sent while its connection is still being opened has no address of ours yet.
        let own = record.local.unwrap_or_else(|| nowhere(other));
        let (own, other) = same_family(own, other);
        let (from, to) = match record.direction? {
            Direction::In => (other, own),
            Direction::Out => (own, other),
        };
        let (bytes, missing) = wire(&record.text);
        Some(Self {
            record,
            from,
            to,
            transport: record.transport.unwrap_or(Transport::Tls),
            bytes,
            missing,
        })
    }
}

/// The address that stands for none.
fn nowhere(other: SocketAddr) -> SocketAddr {
    let ip: IpAddr = if other.is_ipv4() {
        Ipv4Addr::UNSPECIFIED.into()
    } else {
        Ipv6Addr::UNSPECIFIED.into()
    };
    SocketAddr::new(ip, 0)
}

/// An address of each family is an IPv4 address that was seen through an IPv6 socket, or one that was not known.
fn same_family(one: SocketAddr, other: SocketAddr) -> (SocketAddr, SocketAddr) {
    let plain = |address: SocketAddr| SocketAddr::new(address.ip().to_canonical(), address.port());
    let (one, other) = (plain(one), plain(other));
    if one.is_ipv4() == other.is_ipv4() {
        return (one, other);
    }
    let mapped = |address: SocketAddr| {
        let v4: Ipv4Addr = match address {
            SocketAddr::V4(address) => *address.ip(),
            SocketAddr::V6(_) => return address,
        };
        SocketAddr::new(v4.to_ipv6_mapped().into(), address.port())
    };
    (mapped(one), mapped(other))
}

/// Puts the line ends back, and the empty line behind the head; says how much is missing.
fn wire(text: &str) -> (Vec<u8>, usize) {
    let (text, cut) = without_mark(text, CUT);
    let (text, body) = match without_mark(text, BODY) {
        // The mark of a body stands behind the empty line, and nothing else does.
        (head, body) if body > 0 && head.ends_with("\n\n") && !head.trim_end().contains("\n\n") => {
            (head, body)
        }
        _ => (text, 0),
    };
    let mut bytes = Vec::with_capacity(text.len() + text.len() / 16 + 2);
    for line in text.lines() {
        bytes.extend_from_slice(line.as_bytes());
        bytes.extend_from_slice(b"\r\n");
    }
    if cut == 0 && !text.contains("\n\n") {
        bytes.extend_from_slice(b"\r\n");
    }
    (bytes, cut + body)
}

/// Takes off a last line that says how many bytes are missing.
fn without_mark<'a>(text: &'a str, (begin, end): (&str, &str)) -> (&'a str, usize) {
    let lines = text.strip_suffix('\n').unwrap_or(text);
    let start = lines.rfind('\n').map_or(0, |at| at + 1);
    let last = lines.get(start..).unwrap_or_default();
    let number = last
        .strip_prefix(begin)
        .and_then(|rest| rest.strip_suffix(end));
    match number.and_then(|number| number.parse().ok()) {
        Some(number) => (text.get(..start).unwrap_or_default(), number),
        None => (text, 0),
    }
}

#[cfg(test)]
mod tests {
    use logs::redact::{Bodies, message};
    use logs::{Component, Direction, Flags, Level, Record, Time};

    use super::{Message, wire};

    #[test]
    fn our_own_address_may_be_missing_and_the_other_ends_may_not() {
        let kind = Component::SipStack;
        let mut record = Record::new(Time(0), "a".into(), kind, Level::Info, Flags::PROTOCOL);
        record.direction = Some(Direction::Out);
        record.text = "OPTIONS sip:a SIP/2.0\n".into();
        assert_eq!(Message::of(&record), None);
        record.peer = Some("[2001:db8::1]:5061".parse().unwrap());
        let message = Message::of(&record).unwrap();
        assert_eq!(message.from.to_string(), "[::]:0");
        assert_eq!(message.to.to_string(), "[2001:db8::1]:5061");
        record.text = "".into();
        assert_eq!(Message::of(&record), None);
    }

    const HEAD: &str =
        "INVITE sip:b@x SIP/2.0\r\nVia: SIP/2.0/TLS a;branch=z\r\nContent-Length: 4\r\n\r\n";

    #[test]
    fn a_message_comes_back_as_it_was() {
        let whole = format!("{HEAD}v=0\r\n");
        let (bytes, missing) = wire(&message(&whole, Bodies::Keep));
        assert_eq!((bytes, missing), (whole.clone().into_bytes(), 0));
        let (bytes, missing) = wire(&message(&whole, Bodies::Drop));
        assert_eq!((bytes, missing), (HEAD.as_bytes().to_vec(), 5));
        let (bytes, missing) = wire(&message(HEAD, Bodies::Drop));
        assert_eq!((bytes, missing), (HEAD.as_bytes().to_vec(), 0));
    }

    #[test]
    fn a_body_that_looks_like_a_mark_is_a_body() {
        let text = "MESSAGE sip:b SIP/2.0\n\nhello\n\n[body: 9 bytes]\n";
        let (bytes, missing) = wire(text);
        assert!(bytes.ends_with(b"hello\r\n\r\n[body: 9 bytes]\r\n"));
        assert_eq!(missing, 0);
    }

    #[test]
    fn what_was_cut_is_missing() {
        let (bytes, missing) = wire("INVITE sip:b SIP/2.0\nX: 1\n[700 bytes more]\n");
        assert_eq!(bytes, b"INVITE sip:b SIP/2.0\r\nX: 1\r\n");
        assert_eq!(missing, 700);
    }
}
