//! A binding as the table keeps it: one allocation, nothing in it but what was registered.
//!
//! A [`Binding`] has seven strings and as many allocations, most of it slack. Of a million bindings a handful is read at
//! any moment, so the table keeps bytes and takes a binding apart when somebody asks. What the table itself looks at
//! while it searches stands beside the bytes.

use super::Binding;
use base::UnixMillis;
use std::sync::Arc;

/// A binding in few bytes.
pub(super) struct Packed {
    pub(super) expires_at: u64,
    pub(super) q: u16,
    bytes: Box<[u8]>,
}

impl Packed {
    /// Packs a binding; `None` never happens, as strings and numbers can always be written.
    pub(super) fn new(binding: &Binding) -> Option<Self> {
        let bytes = postcard::to_extend(binding, Vec::new()).ok()?;
        Some(Self {
            expires_at: binding.expires_at,
            q: binding.q,
            bytes: bytes.into_boxed_slice(),
        })
    }

    /// Takes the binding out again.
    pub(super) fn unpack(&self) -> Option<Binding> {
        postcard::from_bytes(&self.bytes).ok()
    }

    pub(super) fn shared(&self) -> Option<Arc<Binding>> {
        self.unpack().map(Arc::new)
    }

    pub(super) const fn is_alive(&self, now: UnixMillis) -> bool {
        self.expires_at > now.0
    }
}
