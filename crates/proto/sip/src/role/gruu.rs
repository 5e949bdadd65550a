//! Globally routable addresses of one phone (RFC 5627): what a Request-URI asks for, and how the two kinds are written.
//!
//! A public GRUU is the address-of-record with `gr=<instance>`; a temporary one has a sealed user part and an empty `gr`
//! ([`TempGruu`]). Both are found by the address-of-record, so Directors and Edges send them home as they do any other.

use crate::location::Binding;
use crate::msg::Uri;
use crate::token::{Key, TempGruu};
use std::fmt::Write as _;

/// Which of a user's phones a request is for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// All of them.
    Everyone,
    /// The one with this instance.
    Instance(String),
    /// The one that was given this temporary address.
    Temporary(TempGruu),
}

/// Reads whose address a URI is and which phone it means; `None` if it names no user.
pub(crate) fn read(uri: &Uri<'_>, key: &Key) -> Option<(String, Wanted)> {
    let aor = uri.aor()?;
    let Some(gr) = uri.params.get("gr") else {
        return Some((aor, Wanted::Everyone));
    };
    if let Some(instance) = gr.filter(|gr| !gr.is_empty()) {
        return Some((aor, Wanted::Instance(unescape(instance))));
    }
    match uri.user.and_then(|user| TempGruu::read(user, key)) {
        // Sealed for another of our domains it would reach a user whom the URI does not name.
        Some(temp) if same_domain(&temp.aor, &aor) => {
            Some((temp.aor.clone(), Wanted::Temporary(temp)))
        }
        Some(_) | None => Some((aor, Wanted::Everyone)),
    }
}

fn same_domain(one: &str, other: &str) -> bool {
    let domain = |aor: &str| aor.rsplit_once('@').map(|(_, host)| host.to_owned());
    domain(one) == domain(other)
}

impl Wanted {
    /// Tells whether a request for this reaches that binding.
    pub(crate) fn takes(&self, binding: &Binding, key: &Key) -> bool {
        let instance = binding.instance.as_deref();
        match self {
            Self::Everyone => true,
            Self::Instance(wanted) => instance.is_some_and(|own| bare(own) == bare(wanted)),
            Self::Temporary(temp) => {
                instance.is_some_and(|own| temp.is_of(own, &binding.call_id, key))
            }
        }
    }
}

/// Writes the public GRUU of an instance.
pub(crate) fn public(aor: &str, instance: &str) -> String {
    let mut uri = format!("{aor};gr=");
    for byte in bare(instance).bytes() {
        let is_plain = byte.is_ascii_alphanumeric() || b"-_.!~*'()[]/:&+$".contains(&byte);
        if is_plain {
            uri.push(char::from(byte));
        } else {
            // Writing to a string does not fail.
            let _ = write!(uri, "%{byte:02X}");
        }
    }
    uri
}

/// Writes a temporary GRUU; `None` if the address is too long for one.
pub(crate) fn temporary(aor: &str, binding: &Binding, nonce: u64, key: &Key) -> Option<String> {
    let instance = binding.instance.as_deref()?;
    let (_, host) = aor.rsplit_once('@')?;
    let user = TempGruu::mint(aor, instance, &binding.call_id, nonce, key)?;
    Some(format!("sip:{user}@{host};gr"))
}

/// An instance without the angle brackets that `+sip.instance` puts around it.
fn bare(instance: &str) -> &str {
    let inner = instance
        .strip_prefix('<')
        .and_then(|rest| rest.strip_suffix('>'));
    inner.unwrap_or(instance)
}

fn unescape(text: &str) -> String {
    let mut plain = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        let escaped = (*first == b'%')
            .then(|| tail.split_first_chunk::<2>())
            .flatten()
            .and_then(|(digits, tail)| {
                let digits = std::str::from_utf8(digits).ok()?;
                Some((u8::from_str_radix(digits, 16).ok()?, tail))
            });
        let (byte, tail) = escaped.unwrap_or((*first, tail));
        plain.push(byte);
        rest = tail;
    }
    String::from_utf8_lossy(&plain).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instance_comes_back_out_of_its_public_address() {
        let key = Key::derive(&[1; 32], "a");
        for instance in ["<urn:uuid:1>", "<odd;one=2 %>", "plain"] {
            let text = public("sip:a@x", instance);
            let uri = Uri::parse(&text).unwrap();
            let expected = Wanted::Instance(bare(instance).to_owned());
            assert_eq!(read(&uri, &key), Some(("sip:a@x".to_owned(), expected)));
        }
    }

    #[test]
    fn a_sealed_address_counts_in_its_own_domain_only() {
        let key = Key::derive(&[1; 32], "a");
        let user = TempGruu::mint("sip:a@x", "i", "c", 1, &key).unwrap();
        for (host, aor) in [("x", "sip:a@x".to_owned()), ("y", format!("sip:{user}@y"))] {
            let text = format!("sip:{user}@{host};gr");
            let uri = Uri::parse(&text).unwrap();
            assert_eq!(read(&uri, &key).unwrap().0, aor);
        }
    }
}
