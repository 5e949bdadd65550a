//! Cookies by which a client comes back to its member, where a balancer reads requests.
//!
//! The rules are those that older pools of this kind expect of a balancer: the cookie is called exactly [`NAME`], it has no
//! expiry, scripts may read it, and it stands in every answer whose request did not bring the one of the member that
//! answers, never once for a connection. It is for the path by TLS from outside alone.
//!
//! A value is a keyed hash (HMAC-SHA-256, cut to 128 bits) of pool and member: nobody can make one up, and it tells no
//! name of the inside. It proves nothing of whoever brings it; a copied one leads to a member, as any request does.
//!
//! Bounds: one value for each member; heads, and so cookies, are bounded by the codec.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::Mac as _;
use http::HeaderMap;
use http::header::{COOKIE, HeaderValue};

use crate::balance::MemberId;
use crate::keyed::keyed;

/// What the cookie is called.
pub const NAME: &str = "MS-WSMAN";

/// Sets these keyed hashes apart from any other use of the same secret.
const CONTEXT: &[u8] = b"cookie of a member 1";
/// How much of a hash is a value.
const LENGTH: usize = 16;

/// The cookies of one pool.
#[derive(Debug)]
pub struct Cookies {
    /// By the places of the members.
    values: Vec<String>,
}

impl Cookies {
    /// Makes the value of each member.
    #[must_use]
    pub fn new<'a>(key: &[u8; 32], pool: &str, members: impl IntoIterator<Item = &'a str>) -> Self {
        let value = |member: &str| {
            let mut mac = keyed(key);
            for part in [CONTEXT, pool.as_bytes(), member.as_bytes()] {
                mac.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
                mac.update(part);
            }
            let hash = mac.finalize().into_bytes();
            URL_SAFE_NO_PAD.encode(hash.get(..LENGTH).unwrap_or_default())
        };
        Self {
            values: members.into_iter().map(value).collect(),
        }
    }

    /// Returns the member whose cookie a request brings; the first, if it brings several.
    #[must_use]
    pub fn named(&self, headers: &HeaderMap) -> Option<MemberId> {
        let lines = headers.get_all(COOKIE).iter();
        let lines = lines.filter_map(|line| line.to_str().ok());
        let pairs = lines.flat_map(|line| line.split(';'));
        let named = pairs.filter_map(|pair| pair.trim().split_once('='));
        let ours = named.filter(|(name, _)| *name == NAME);
        let member = |value: &str| self.values.iter().position(|one| one == value);
        ours.filter_map(|(_, value)| member(value))
            .map(MemberId)
            .next()
    }

    /// Returns what an answer of a member sets, if its request brought the cookie of `named`.
    #[must_use]
    pub fn set(&self, member: MemberId, named: Option<MemberId>) -> Option<HeaderValue> {
        let value = self
            .values
            .get(member.0)
            .filter(|_| named != Some(member))?;
        HeaderValue::try_from(format!("{NAME}={value}; Path=/; Secure")).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MEMBERS: [&str; 2] = ["dir01.contoso.net", "dir02.contoso.net"];

    fn cookies(key: u8) -> Cookies {
        Cookies::new(&[key; 32], "dirpool01.contoso.net", MEMBERS)
    }

    fn bringing(lines: &[&str]) -> HeaderMap {
        let values = lines.iter().map(|line| (COOKIE, line.parse().unwrap()));
        values.collect()
    }

    fn text(cookies: &Cookies, member: usize) -> String {
        let set = cookies.set(MemberId(member), None).unwrap();
        set.to_str().unwrap().to_owned()
    }

    fn pair(cookies: &Cookies, member: usize) -> String {
        let text = text(cookies, member);
        text.split(';').next().unwrap().to_owned()
    }

    #[test]
    fn the_cookie_has_the_name_that_is_asked_for_no_expiry_and_is_not_hidden_from_scripts() {
        let set = text(&cookies(1), 0);
        assert!(set.starts_with("MS-WSMAN="), "{set}");
        let lower = set.to_ascii_lowercase();
        for word in ["expires", "max-age", "httponly", "domain"] {
            assert!(!lower.contains(word), "{set}");
        }
    }

    #[test]
    fn a_value_names_its_member_to_its_balancer_and_tells_nothing_to_others() {
        let own = cookies(1);
        for member in 0..2 {
            let brought = pair(&own, member);
            assert_eq!(own.named(&bringing(&[&brought])), Some(MemberId(member)));
            assert_eq!(cookies(2).named(&bringing(&[&brought])), None);
            assert!(!brought.contains("dir"), "{brought}");
        }
        assert_ne!(pair(&own, 0), pair(&own, 1));
        let other = Cookies::new(&[1; 32], "dirpool02.contoso.net", MEMBERS);
        assert_ne!(pair(&own, 0), pair(&other, 0));
    }

    #[test]
    fn it_is_found_among_others_and_nothing_else_is_taken_for_it() {
        let own = cookies(1);
        let brought = pair(&own, 1);
        let among = format!("a=b; MS-WSMAN=made-up;{brought}; c=d");
        assert_eq!(own.named(&bringing(&[&among])), Some(MemberId(1)));
        assert_eq!(own.named(&bringing(&["x=y", &brought])), Some(MemberId(1)));
        let value = brought.split_once('=').unwrap().1;
        for line in [
            "MS-WSMAN=",
            "MS-WSMAN",
            &format!("ms-wsman={value}"),
            &format!("MS-WSMAN2={value}"),
            &format!("MS-WSMAN={value}A"),
            "MS-WSMAN=dir01.contoso.net",
        ] {
            assert_eq!(own.named(&bringing(&[line])), None, "{line}");
        }
    }

    #[test]
    fn it_is_set_unless_the_request_brought_that_of_the_member_that_answers() {
        let own = cookies(1);
        assert!(own.set(MemberId(0), None).is_some());
        assert!(own.set(MemberId(0), Some(MemberId(1))).is_some());
        assert!(own.set(MemberId(0), Some(MemberId(0))).is_none());
        assert!(own.set(MemberId(2), None).is_none());
    }
}
