//! Temporary GRUUs (RFC 5627 3.2): what their user part says, sealed.
//!
//! Any Director or Front End reads the address-of-record out of it, so none needs a table; nobody else can tell whose
//! it is, nor that two are of one user. A nonce makes each unlike all others; one that is drawn twice does no harm
//! ([`Seal`]).

use super::{Key, Seal};

/// Nonce, instance, Call-ID; the address follows.
const FIXED: usize = 8 + 8 + 8;
/// No address-of-record is longer; more is not read.
const AOR_MAX: usize = 255;
/// What the key is used for.
const PURPOSE: &str = "gruu";

/// What a temporary GRUU stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TempGruu {
    /// The user, as `sip:user@host`.
    pub aor: String,
    instance: u64,
    call: u64,
}

impl TempGruu {
    /// The user part begins with this.
    pub const PREFIX: &'static str = "tgruu.";

    /// Writes the user part for an instance that registered in this call; `nonce` makes it unlike all others.
    ///
    /// `None` if the address is too long to travel in a user part.
    #[must_use]
    pub fn mint(aor: &str, instance: &str, call_id: &str, nonce: u64, key: &Key) -> Option<String> {
        if aor.len() > AOR_MAX {
            return None;
        }
        let (instance, call) = marks(instance, call_id, key);
        let mut plain = Vec::with_capacity(FIXED + aor.len());
        for part in [nonce, instance, call] {
            plain.extend_from_slice(&part.to_be_bytes());
        }
        plain.extend_from_slice(aor.as_bytes());
        let sealed = Seal::new(key, PURPOSE).close(plain, b"");
        Some(format!("{}{sealed}", Self::PREFIX))
    }

    /// Reads a user part; `None` if it is none of ours.
    #[must_use]
    pub fn read(user: &str, key: &Key) -> Option<Self> {
        let text = user.strip_prefix(Self::PREFIX)?;
        let plain = Seal::new(key, PURPOSE).open(text, b"", FIXED + AOR_MAX)?;
        let (_nonce, rest) = plain.split_first_chunk::<8>()?;
        let (instance, rest) = rest.split_first_chunk()?;
        let (call, aor) = rest.split_first_chunk()?;
        Some(Self {
            aor: std::str::from_utf8(aor).ok()?.to_owned(),
            instance: u64::from_be_bytes(*instance),
            call: u64::from_be_bytes(*call),
        })
    }

    /// Tells whether it was made for this instance in this call (RFC 5627 3.2: a new Call-ID ends the earlier ones).
    #[must_use]
    pub fn is_of(&self, instance: &str, call_id: &str, key: &Key) -> bool {
        (self.instance, self.call) == marks(instance, call_id, key)
    }
}

fn marks(instance: &str, call_id: &str, key: &Key) -> (u64, u64) {
    let mark = |what: &[u8], text: &str| key.checksum(&[what, text.as_bytes()]);
    (
        mark(b"gruu instance", instance),
        mark(b"gruu call", call_id),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_sealed_is_read_by_the_key_alone_and_no_two_are_alike() {
        let key = Key::derive(&[1; 32], "a");
        let mint =
            |nonce| TempGruu::mint("sip:alice@contoso.com", "<urn:uuid:1>", "c", nonce, &key);
        let (one, two) = (mint(1).unwrap(), mint(2).unwrap());
        let alike = one.bytes().zip(two.bytes()).filter(|(a, b)| a == b).count();
        assert!(alike < 24, "{alike} characters of {one} and {two}");
        assert!(!one.contains("alice"));
        let read = TempGruu::read(&one, &key).unwrap();
        assert_eq!(read.aor, "sip:alice@contoso.com");
        assert!(read.is_of("<urn:uuid:1>", "c", &key));
        assert!(!read.is_of("<urn:uuid:2>", "c", &key));
        assert!(!read.is_of("<urn:uuid:1>", "d", &key));
        assert_eq!(TempGruu::read(&one, &Key::derive(&[2; 32], "a")), None);
    }

    #[test]
    fn one_changed_character_makes_it_nothing() {
        let key = Key::derive(&[1; 32], "a");
        let good = TempGruu::mint("sip:a@x", "i", "c", 7, &key).unwrap();
        for at in TempGruu::PREFIX.len()..good.len() - 1 {
            let mut bad = good.clone().into_bytes();
            bad[at] = if bad[at] == b'A' { b'B' } else { b'A' };
            let bad = String::from_utf8(bad).unwrap();
            assert_eq!(TempGruu::read(&bad, &key), None, "{at}");
        }
        assert_eq!(TempGruu::read("tgruu.", &key), None);
        assert_eq!(TempGruu::read("alice", &key), None);
    }
}
