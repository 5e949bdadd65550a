//! Who watches a user: watcher information (RFC 3857, RFC 3858), always the full state.

use super::xml::Element;
use bytes::Bytes;

/// The media type.
pub const TYPE: &str = "application/watcherinfo+xml";

const WINFO: &str = "urn:ietf:params:xml:ns:watcherinfo";

/// One who watches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Watcher {
    /// Names the subscription as long as it lives.
    pub id: u64,
    /// Who, as `sip:user@host`.
    pub uri: String,
}

/// Writes who watches `resource`, as the `version`-th document of a subscription.
#[must_use]
pub fn write(resource: &str, watchers: &[Watcher], version: u32) -> Bytes {
    let mut list = Element::new(WINFO, "watcher-list")
        .with("resource", resource)
        .with("package", "presence");
    for watcher in watchers {
        let entry = Element::new(WINFO, "watcher")
            .with("id", format!("w{}", watcher.id))
            .with("status", "active")
            .with("event", "subscribe");
        list = list.child(entry.text(watcher.uri.as_str()));
    }
    let root = Element::new(WINFO, "watcherinfo")
        .with("version", version.to_string())
        .with("state", "full");
    root.child(list).write().into()
}
