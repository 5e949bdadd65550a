//! Where a user is registered: registration information (RFC 3680), always the full state.

use super::xml::Element;
use crate::location::Binding;
use crate::token::Key;
use base::UnixMillis;
use bytes::Bytes;
use std::sync::Arc;

/// The media type.
pub const TYPE: &str = "application/reginfo+xml";

const REGINFO: &str = "urn:ietf:params:xml:ns:reginfo";

/// Writes where `user` is registered, as the `version`-th document of a subscription. `key` makes ids of Contacts that
/// stay the same from one document to the next, `place` what is said of where a binding is.
#[must_use]
pub fn write(
    user: &str,
    bindings: &[Arc<Binding>],
    place: impl Fn(&Binding) -> String,
    version: u32,
    now: UnixMillis,
    key: &Key,
) -> Bytes {
    let id = |parts: &[&[u8]]| format!("{:016x}", key.checksum(parts));
    let state = if bindings.is_empty() {
        "terminated"
    } else {
        "active"
    };
    let mut registration = Element::new(REGINFO, "registration")
        .with("aor", user)
        .with("id", id(&[b"aor", user.as_bytes()]))
        .with("state", state);
    for binding in bindings {
        let left = binding.expires_at.saturating_sub(now.0).div_ceil(1_000);
        let contact = Element::new(REGINFO, "contact")
            .with("id", id(&[user.as_bytes(), binding.contact.as_bytes()]))
            .with("state", "active")
            .with("event", "registered")
            .with("expires", left.to_string())
            .with(
                "q",
                format!("{}.{:03}", binding.q / 1_000, binding.q % 1_000),
            )
            .with("callid", binding.call_id.as_str())
            .with("cseq", binding.cseq.to_string());
        let uri = Element::new(REGINFO, "uri").text(place(binding));
        registration = registration.child(contact.child(uri));
    }
    let root = Element::new(REGINFO, "reginfo")
        .with("version", version.to_string())
        .with("state", "full");
    root.child(registration).write().into()
}
