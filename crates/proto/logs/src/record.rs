//! One event, as a role captured it.

use std::fmt;
use std::hash::Hasher as _;
use std::net::SocketAddr;
use std::str::FromStr;

use base::net::{FlowId, Transport};
use serde::{Deserialize, Serialize};
use siphasher::sip::SipHasher24;

use crate::{Component, Flags, Level, Text, Time, Value};

/// Names one request on its way through all our machines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Correlation(pub u64);

/// The key of [`Correlation::of_request`]: fixed, since every machine of every version must come to the same.
const KEY: (u64, u64) = (0x7665_7374_6962_756c, 0x6c6f_6773_0000_0001);

impl Correlation {
    /// Names a SIP request by what no hop changes: Call-ID, the number of CSeq, and the method, where ACK and CANCEL count
    /// as the INVITE that they belong to. `SipHash-2-4` over the Call-ID, a zero, the number (big-endian) and the method.
    ///
    /// Two requests for which a client takes the same three have the same name: it confuses the search for its own.
    #[must_use]
    pub fn of_request(call_id: &str, cseq: u32, method: &str) -> Self {
        let method = match method {
            "ACK" | "CANCEL" => "INVITE",
            other => other,
        };
        let mut hasher = SipHasher24::new_with_keys(KEY.0, KEY.1);
        hasher.write(call_id.as_bytes());
        hasher.write(&[0]);
        hasher.write(&cseq.to_be_bytes());
        hasher.write(method.as_bytes());
        Self(hasher.finish())
    }
}

/// Names a connection, or a flow of SIP, within one run of one process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Flow(pub u64);

impl From<FlowId> for Flow {
    fn from(flow: FlowId) -> Self {
        Self(flow.to_bits())
    }
}

/// Makes the text form of a number that names something: hexadecimal, sixteen digits.
macro_rules! hexadecimal {
    ($($type:ident),+) => {$(
        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:016x}", self.0)
            }
        }

        impl FromStr for $type {
            type Err = std::num::ParseIntError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                u64::from_str_radix(text, 16).map(Self)
            }
        }
    )+};
}

hexadecimal!(Correlation, Flow);

/// Whether a message came or went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// To us.
    In,
    /// From us.
    Out,
}

/// One event: what a role captured, in the words that people search by.
///
/// Every field but the first five may be missing. What is filled in should be what the component knows anyway: a record
/// is made on the path of a message. Names of machines and users are as the product spells them (lower case).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// When, by the machine's wall clock.
    pub time: Time,
    /// The FQDN of the machine.
    pub machine: Value,
    /// Which part of the product.
    pub component: Component,
    /// How grave.
    pub level: Level,
    /// Of what kinds.
    pub flags: Flags,
    /// The request that it belongs to, the same on every machine.
    pub correlation: Option<Correlation>,
    /// The connection.
    pub flow: Option<Flow>,
    /// How bytes travel on it.
    pub transport: Option<Transport>,
    /// Whether the message came or went.
    pub direction: Option<Direction>,
    /// The other end's address.
    pub peer: Option<SocketAddr>,
    /// Who the other end has proven to be: a machine, a partner's domain, a gateway, a user.
    pub peer_name: Option<Value>,
    /// Our end's address.
    pub local: Option<SocketAddr>,
    /// The Call-ID.
    pub call_id: Option<Value>,
    /// The URI in From.
    pub from: Option<Value>,
    /// The URI in To.
    pub to: Option<Value>,
    /// The Request-URI, or the target of an HTTP request.
    pub request: Option<Value>,
    /// The method; of a response, that of its request.
    pub method: Option<Value>,
    /// The number in CSeq: with method and Call-ID it tells a retransmission from a new request.
    pub cseq: Option<u32>,
    /// The status of a response.
    pub status: Option<u16>,
    /// What was decided, in one word.
    pub decision: Option<Value>,
    /// Why, for people.
    pub reason: Option<Value>,
    /// The message, without credentials ([`crate::redact`]), or words for people.
    pub text: Text,
}

impl Record {
    /// Begins a record that says who, when and of what kind, and nothing yet.
    #[must_use]
    pub fn new(
        time: Time,
        machine: Value,
        component: Component,
        level: Level,
        flags: Flags,
    ) -> Self {
        Self {
            time,
            machine,
            component,
            level,
            flags,
            correlation: None,
            flow: None,
            transport: None,
            direction: None,
            peer: None,
            peer_name: None,
            local: None,
            call_id: None,
            from: None,
            to: None,
            request: None,
            method: None,
            cseq: None,
            status: None,
            decision: None,
            reason: None,
            text: Text::default(),
        }
    }

    /// The bytes that it takes in a queue, about: what bounds on memory are counted in.
    #[must_use]
    pub fn weight(&self) -> usize {
        let words = [
            &self.call_id,
            &self.from,
            &self.to,
            &self.request,
            &self.decision,
            &self.reason,
        ];
        let words: usize = words.into_iter().flatten().map(|word| word.len()).sum();
        size_of::<Self>() + words + self.text.len()
    }

    /// The URIs in From, To and the request line, as far as they are known.
    pub fn uris(&self) -> impl Iterator<Item = &Value> {
        [&self.from, &self.to, &self.request].into_iter().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::Correlation;

    /// Records of older versions must be found by the same name.
    #[test]
    fn the_name_of_a_request_never_changes() {
        let name = |call_id, cseq, method| Correlation::of_request(call_id, cseq, method).0;
        // As SipHash-2-4 in another language says.
        let invite = name("a84b4c76e66710@pc33.atlanta.com", 314_159, "INVITE");
        assert_eq!(invite, 0xc16d_b5e0_d392_aa32);
        assert_eq!(name("", 0, ""), 0xe226_1030_af7e_e95e);
    }

    #[test]
    fn what_ends_an_invite_has_its_name_and_nothing_else_has() {
        let invite = Correlation::of_request("a@b", 7, "INVITE");
        for method in ["ACK", "CANCEL"] {
            assert_eq!(Correlation::of_request("a@b", 7, method), invite);
        }
        for (call_id, cseq, method) in [
            ("a@b", 8, "INVITE"),
            ("A@b", 7, "INVITE"),
            ("a@b", 7, "PRACK"),
            ("a@b", 7, "invite"),
            ("a@b\0", 7, "INVITE"),
        ] {
            assert_ne!(Correlation::of_request(call_id, cseq, method), invite);
        }
    }
}
