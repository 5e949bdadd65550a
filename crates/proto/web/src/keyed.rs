//! Keyed hashes, for what is handed out and comes back.

use hmac::{Hmac, KeyInit as _};
use sha2::Sha256;

/// Begins a hash under a key. HMAC fills a key up to the block with zeros (RFC 2104 2).
pub(crate) fn keyed(key: &[u8; 32]) -> Hmac<Sha256> {
    let mut block = [0; 64];
    if let Some(front) = block.first_chunk_mut() {
        *front = *key;
    }
    Hmac::new(&block.into())
}
