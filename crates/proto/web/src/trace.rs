//! Which request of which one a request is: `traceparent` (W3C Trace Context), by which the records that our machines make
//! of one request are found together.
//!
//! The first of our roles that sees a request makes it. Those behind carry it on, each with a number of its own for its
//! part; they believe it from machines of ours only ([`arrived`]). Whoever stands outside can neither set it nor see it:
//! it is taken off what comes from there, and off every answer ([`strip`]).
//!
//! Where it leaves the recommendation: a value that is not ours is not carried on, and neither is `tracestate`, as what
//! outsiders write has no business inside (`docs/decisions/0068-traceparent.md`). Version 00 alone is read.

use std::fmt::Write as _;

use base::random::Random;
use http::HeaderMap;
use http::header::{HeaderName, HeaderValue};

/// The header.
pub const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");
/// Of a later draft: what a server says of it in its answer.
const TRACERESPONSE: HeaderName = HeaderName::from_static("traceresponse");

/// The length of a value of version 00.
const LENGTH: usize = 55;

/// Names one request, on its way through our machines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trace {
    /// Of the request: the half that fills the name up, and the half that tells it.
    id: [u64; 2],
    /// Of the part of whoever sends it on.
    part: u64,
}

impl Trace {
    /// Makes one for a request that nobody has named.
    #[must_use]
    pub fn begin(random: &mut Random) -> Self {
        Self {
            id: [random.next_u64(), one(random)],
            part: one(random),
        }
    }

    /// Reads a value.
    #[must_use]
    pub fn read(value: &[u8]) -> Option<Self> {
        let text = str::from_utf8(value).ok().filter(|it| it.len() == LENGTH)?;
        let mut parts = text.split('-');
        let (version, id, part) = (parts.next()?, parts.next()?, parts.next()?);
        let flags = parts.next()?;
        let is_whole = version == "00" && flags.len() == 2 && parts.next().is_none();
        number(flags)?;
        let (filling, telling) = id.split_at_checked(16).filter(|_| id.len() == 32)?;
        let id = [number(filling)?, number(telling)?];
        let part = number(part).filter(|part| *part != 0 && is_whole)?;
        // One that ends in zeros would not be told from others by us.
        (id[1] != 0).then_some(Self { id, part })
    }

    /// Writes the value for the next machine: the same request, another part.
    #[must_use]
    pub fn onward(self, random: &mut Random) -> HeaderValue {
        let mut text = String::with_capacity(LENGTH);
        let [filling, telling] = self.id;
        // Writing to a String cannot fail. The last number says that the request is recorded.
        let _ = write!(
            text,
            "00-{filling:016x}{telling:016x}-{:016x}-01",
            one(random)
        );
        HeaderValue::try_from(text).unwrap_or_else(|_| HeaderValue::from_static(""))
    }

    /// Returns the number by which records tell the request.
    #[must_use]
    pub const fn number(self) -> u64 {
        self.id[1]
    }
}

/// Takes off what a request says of its name, and returns it if it came from a machine of ours and is whole; else makes one.
pub fn arrived(headers: &mut HeaderMap, from_ours: bool, random: &mut Random) -> Trace {
    let mut values = headers.get_all(TRACEPARENT).iter();
    let said = match (values.next(), values.next()) {
        (Some(one), None) if from_ours => Trace::read(one.as_bytes()),
        (Some(_), _) | (None, _) => None,
    };
    strip(headers);
    said.unwrap_or_else(|| Trace::begin(random))
}

/// Takes off every word about it.
pub fn strip(headers: &mut HeaderMap) {
    for name in [TRACEPARENT, TRACESTATE, TRACERESPONSE] {
        headers.remove(name);
    }
}

/// Any number but none.
fn one(random: &mut Random) -> u64 {
    random.next_u64() | 1
}

/// Reads sixteen or fewer digits, small letters alone.
fn number(text: &str) -> Option<u64> {
    let digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    let whole = !text.is_empty() && text.len() <= 16 && text.bytes().all(digit);
    u64::from_str_radix(text, 16).ok().filter(|_| whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the recommendation.
    const EXAMPLE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    fn headers(values: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(TRACEPARENT, value.parse().unwrap());
        }
        headers.insert(TRACESTATE, HeaderValue::from_static("a=b"));
        headers
    }

    #[test]
    fn what_a_machine_of_ours_says_is_carried_on_with_another_part() {
        let mut random = Random::new([1; 32]);
        let trace = arrived(&mut headers(&[EXAMPLE]), true, &mut random);
        assert_eq!(trace.number(), 0xa3ce_929d_0e0e_4736);
        let onward = trace.onward(&mut random);
        let text = onward.to_str().unwrap();
        assert!(text.starts_with("00-4bf92f3577b34da6a3ce929d0e0e4736-") && text.ends_with("-01"));
        assert!(!text.contains("00f067aa0ba902b7"));
        let next = arrived(&mut headers(&[text]), true, &mut random);
        assert_eq!(next.number(), trace.number());
    }

    #[test]
    fn what_others_say_is_taken_off_and_not_believed() {
        let mut random = Random::new([1; 32]);
        let mut said = headers(&[EXAMPLE]);
        let trace = arrived(&mut said, false, &mut random);
        assert_ne!(trace.number(), 0xa3ce_929d_0e0e_4736);
        assert!(said.is_empty(), "{said:?}");
        let twice = arrived(&mut headers(&[EXAMPLE, EXAMPLE]), true, &mut random);
        assert_ne!(twice.number(), 0xa3ce_929d_0e0e_4736);
    }

    #[test]
    fn a_malformed_value_is_none() {
        assert!(Trace::read(EXAMPLE.as_bytes()).is_some());
        for bad in [
            "",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e473-600f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0g",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-",
            "00-+bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        ] {
            assert_eq!(Trace::read(bad.as_bytes()), None, "{bad}");
        }
    }
}
