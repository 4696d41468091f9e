//! The secret of a key: its shape, and the hash under which it is stored and looked up.
//!
//! A secret carries 256 random bits, so a fast hash is the right one: there is nothing to guess.

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// SHA-256 of a key's secret.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyHash([u8; 32]);

impl std::fmt::Debug for KeyHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("KeyHash(..)")
    }
}

impl KeyHash {
    /// Hashes a secret.
    pub fn of(secret: &str) -> Self {
        Self(Sha256::digest(secret.as_bytes()).into())
    }

    /// A hash read back from the store.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The hash as stored.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Compares in constant time.
    pub fn matches(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

/// Characters of a secret that may be shown to tell keys apart.
pub const SHOWN_PREFIX_CHARS: usize = 10;

/// Writes 256 random bits as a secret: `sk-`, 43 characters of the bits, 4 of checksum.
pub fn from_random(random: [u8; 32]) -> String {
    let mut secret = String::with_capacity(50);
    secret.push_str("sk-");
    push_base62(&mut secret, &random, 43);
    let checksum = Sha256::digest(secret.as_bytes());
    push_base62(&mut secret, &checksum[..3], 4);
    secret
}

/// What may be shown of a secret.
pub fn shown_prefix(secret: &str) -> String {
    secret.chars().take(SHOWN_PREFIX_CHARS).collect()
}

/// Writes `bytes`, read as one big-endian number, as `digits` base-62 digits.
fn push_base62(out: &mut String, bytes: &[u8], digits: usize) {
    const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let mut number = bytes.to_vec();
    let mut text = Vec::with_capacity(digits);
    for _ in 0..digits {
        let mut rest = 0u32;
        for byte in &mut number {
            let part = rest * 256 + u32::from(*byte);
            *byte = (part / 62) as u8;
            rest = part % 62;
        }
        text.push(ALPHABET[rest as usize]);
    }
    out.extend(text.iter().rev().map(|b| char::from(*b)));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_have_a_fixed_shape() {
        for random in [[0u8; 32], [255u8; 32], [7u8; 32]] {
            let secret = from_random(random);
            assert_eq!(secret.len(), 50, "{secret}");
            assert!(secret.starts_with("sk-") && secret[3..].chars().all(|c| c.is_ascii_alphanumeric()));
        }
        assert_ne!(from_random([1; 32]), from_random([2; 32]));
    }

    #[test]
    fn hashes_match_only_themselves() {
        let hash = KeyHash::of("sk-a");
        assert!(hash.matches(&KeyHash::of("sk-a")) && !hash.matches(&KeyHash::of("sk-b")));
        assert_eq!(format!("{hash:?}"), "KeyHash(..)");
    }
}
