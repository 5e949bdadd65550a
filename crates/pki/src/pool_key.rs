//! The key that the members of a pool share, so that each can check what another signed.

use std::path::Path;

use zeroize::{Zeroize as _, Zeroizing};

use crate::error::Error;
use crate::files::{self, FileError};

/// 32 random bytes. The file holds them as 64 hexadecimal digits and a line end, so that they can be carried by hand.
#[derive(Clone, PartialEq, Eq)]
pub struct PoolKey([u8; 32]);

impl PoolKey {
    /// Makes a key from the randomness of the operating system.
    ///
    /// # Errors
    /// When there is none.
    pub fn generate() -> Result<Self, Error> {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes).map_err(Error::Random)?;
        Ok(Self(bytes))
    }

    /// Reads a key from its file.
    ///
    /// # Errors
    /// When it is not there, open to others or not 64 hexadecimal digits.
    pub fn read(path: &Path) -> Result<Self, FileError> {
        let text = files::read_private(path)?;
        from_hex(text.trim_end()).ok_or_else(|| FileError::NotKey {
            path: path.to_owned(),
        })
    }

    /// Returns the bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Writes the key into its file, making the directory.
    pub(crate) fn write(&self, path: &Path) -> Result<(), FileError> {
        if let Some(parent) = path.parent() {
            files::private_dir(parent)?;
        }
        let mut text = Zeroizing::new(String::with_capacity(65));
        for byte in self.0 {
            for digit in [byte >> 4, byte & 15] {
                text.push(char::from_digit(u32::from(digit), 16).unwrap_or('0'));
            }
        }
        text.push('\n');
        files::write_private(path, &text)
    }
}

impl Drop for PoolKey {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl std::fmt::Debug for PoolKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PoolKey(..)")
    }
}

fn from_hex(text: &str) -> Option<PoolKey> {
    if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let mut key = PoolKey([0; 32]);
    for (byte, start) in key.0.iter_mut().zip((0..64).step_by(2)) {
        *byte = u8::from_str_radix(text.get(start..start + 2)?, 16).ok()?;
    }
    Some(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back_and_never_shown() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("secrets/pool.key");
        let key = PoolKey::generate().unwrap();
        key.write(&path).unwrap();
        assert_eq!(PoolKey::read(&path).unwrap(), key);
        assert_ne!(PoolKey::generate().unwrap(), key);
        assert_eq!(format!("{key:?}"), "PoolKey(..)");
    }

    #[test]
    fn anything_but_64_hexadecimal_digits_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("pool.key");
        for text in [
            "",
            "00",
            &"0".repeat(63),
            &"g".repeat(64),
            &"é".repeat(32),
            &"+0".repeat(32),
        ] {
            files::write_private(&path, text).unwrap();
            assert!(
                matches!(PoolKey::read(&path), Err(FileError::NotKey { .. })),
                "{text}"
            );
        }
    }
}
