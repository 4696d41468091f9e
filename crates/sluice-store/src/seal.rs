//! Secrets of providers as they lie in the database: sealed with the master key, and bound to where they may be sent.
//!
//! XChaCha20-Poly1305. What is bound is not stored beside the secret but taken from the row when it is opened: a row
//! that was moved to another provider, vendor or host does not open.

use chacha20poly1305::{
    Key, KeyInit as _, XChaCha20Poly1305, XNonce,
    aead::{Aead as _, Payload},
};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

/// The form of what [`MasterKey::seal`] makes: version, id of the key, nonce, ciphertext with its tag.
const VERSION: u8 = 1;
const KEY_ID_BYTES: usize = 8;
const NONCE_BYTES: usize = 24;
const KEY_BYTES: usize = 32;
const HEADER_BYTES: usize = 1 + KEY_ID_BYTES + NONCE_BYTES;

/// Where a secret may be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Binding<'a> {
    /// Name of the provider.
    pub provider: &'a str,
    /// Its vendor kind.
    pub kind: &'a str,
    /// `host:port` of its address.
    pub host: &'a str,
}

impl Binding<'_> {
    /// With the length before each part, so that no two bindings read the same.
    fn associated_data(&self) -> Vec<u8> {
        let Self { provider, kind, host } = self;
        let mut data = b"sluicegate provider secret".to_vec();
        data.push(VERSION);
        for part in [provider, kind, host] {
            data.extend_from_slice(&(part.len() as u64).to_le_bytes());
            data.extend_from_slice(part.as_bytes());
        }
        data
    }
}

/// Why a secret does not open. No text shows anything of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// Sealed with another master key.
    #[error(
        "the stored secret was sealed with another master key: start with the `master.key` file or \
         SLUICEGATE_MASTER_KEY of the installation that stored it, or store the secret anew"
    )]
    OtherKey,
    /// The row was changed, or belongs to another provider, vendor or host.
    #[error(
        "the stored secret does not belong to this provider and host, or was damaged: store the secret anew"
    )]
    Moved,
    /// Not in a form that this release knows.
    #[error("the stored secret is in a form that this release does not know: use the release that stored it")]
    UnknownForm,
    /// Not 64 hexadecimal digits.
    #[error("a master key is 64 hexadecimal digits: make one with `openssl rand -hex 32`")]
    BadKey,
    /// Longer than the cipher takes.
    #[error("the secret is too long to be sealed")]
    TooLong,
}

/// The key of an installation. All nodes of one database have the same.
pub struct MasterKey {
    cipher: XChaCha20Poly1305,
    id: [u8; KEY_ID_BYTES],
}

impl std::fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MasterKey").finish_non_exhaustive()
    }
}

impl MasterKey {
    /// Reads 64 hexadecimal digits; white space around them is ignored.
    ///
    /// # Errors
    /// [`SealError::BadKey`].
    pub fn from_hex(text: &str) -> Result<Self, SealError> {
        let digits = text.trim().as_bytes();
        if digits.len() != 2 * KEY_BYTES {
            return Err(SealError::BadKey);
        }
        let mut key = Zeroizing::new([0u8; KEY_BYTES]);
        for (byte, pair) in key.iter_mut().zip(digits.chunks_exact(2)) {
            let digit = |b: u8| char::from(b).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
            let (Some(high), Some(low)) = (digit(pair[0]), digit(pair[1])) else {
                return Err(SealError::BadKey);
            };
            *byte = high << 4 | low;
        }
        // Tells keys apart without telling anything about them.
        let digest =
            Sha256::new().chain_update(b"sluicegate master key id").chain_update(&key[..]).finalize();
        let mut id = [0; KEY_ID_BYTES];
        id.copy_from_slice(&digest[..KEY_ID_BYTES]);
        Ok(Self { cipher: XChaCha20Poly1305::new(&Key::from(*key)), id })
    }

    /// Seals a secret for one place. The same `nonce` must never be used twice: take 24 random bytes.
    ///
    /// # Errors
    /// [`SealError::TooLong`], beyond any secret that exists.
    pub fn seal(
        &self,
        secret: &[u8],
        binding: &Binding<'_>,
        nonce: [u8; NONCE_BYTES],
    ) -> Result<Vec<u8>, SealError> {
        let data = binding.associated_data();
        let sealed = self.cipher.encrypt(&XNonce::from(nonce), Payload { msg: secret, aad: &data });
        let mut sealed = sealed.map_err(|_| SealError::TooLong)?;
        let mut out = Vec::with_capacity(HEADER_BYTES + sealed.len());
        out.push(VERSION);
        out.extend_from_slice(&self.id);
        out.extend_from_slice(&nonce);
        out.append(&mut sealed);
        Ok(out)
    }

    /// Opens what was sealed for the same place. What it returns is wiped when it is dropped.
    ///
    /// # Errors
    /// [`SealError::OtherKey`], [`SealError::Moved`], [`SealError::UnknownForm`].
    pub fn open(&self, sealed: &[u8], binding: &Binding<'_>) -> Result<Zeroizing<Vec<u8>>, SealError> {
        let Some((header, body)) = sealed.split_at_checked(HEADER_BYTES) else {
            return Err(SealError::UnknownForm);
        };
        let (form, nonce) = header.split_at(1 + KEY_ID_BYTES);
        if form[0] != VERSION {
            return Err(SealError::UnknownForm);
        }
        if form[1..] != self.id {
            return Err(SealError::OtherKey);
        }
        let nonce: [u8; NONCE_BYTES] = nonce.try_into().map_err(|_| SealError::UnknownForm)?;
        let data = binding.associated_data();
        let opened = self.cipher.decrypt(&XNonce::from(nonce), Payload { msg: body, aad: &data });
        opened.map(Zeroizing::new).map_err(|_| SealError::Moved)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
    const OTHER: &str = "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff";
    const HERE: Binding<'_> = Binding { provider: "openai", kind: "openai", host: "api.openai.com:443" };

    #[test]
    fn opens_only_where_it_was_sealed_for() {
        let key = MasterKey::from_hex(KEY).unwrap();
        let sealed = key.seal(b"sk-secret", &HERE, [7; 24]).unwrap();
        assert!(!sealed.windows(9).any(|window| window == b"sk-secret"));
        let check = |binding: Binding<'_>, expect: Result<&[u8], SealError>| {
            let opened = key.open(&sealed, &binding);
            assert_eq!(
                opened.as_ref().map(|secret| secret.as_slice()),
                expect.as_ref().map(|secret| *secret)
            );
        };
        check(HERE, Ok(b"sk-secret"));
        check(Binding { provider: "other", ..HERE }, Err(SealError::Moved));
        check(Binding { kind: "openai-compatible", ..HERE }, Err(SealError::Moved));
        check(Binding { host: "evil.example:443", ..HERE }, Err(SealError::Moved));
        check(Binding { host: "api.openai.com:8443", ..HERE }, Err(SealError::Moved));
        // The same letters, cut elsewhere.
        check(Binding { provider: "openaio", kind: "penai", ..HERE }, Err(SealError::Moved));
    }

    #[test]
    fn damage_and_other_keys_are_told_apart() {
        let key = MasterKey::from_hex(KEY).unwrap();
        let sealed = key.seal(b"sk-secret", &HERE, [7; 24]).unwrap();
        let other = MasterKey::from_hex(OTHER).unwrap();
        assert_eq!(other.open(&sealed, &HERE).unwrap_err(), SealError::OtherKey);
        for at in 0..sealed.len() {
            let mut damaged = sealed.clone();
            damaged[at] ^= 1;
            let expect = match at {
                0 => SealError::UnknownForm,
                1..=8 => SealError::OtherKey,
                _ => SealError::Moved,
            };
            assert_eq!(key.open(&damaged, &HERE).unwrap_err(), expect, "{at}");
            let expect = if at < HEADER_BYTES { SealError::UnknownForm } else { SealError::Moved };
            assert_eq!(key.open(&sealed[..at], &HERE).unwrap_err(), expect, "{at}");
        }
    }

    #[test]
    fn nothing_is_sealed_twice_alike() {
        let key = MasterKey::from_hex(KEY).unwrap();
        let [one, two] = [[1; 24], [2; 24]].map(|nonce| key.seal(b"", &HERE, nonce).unwrap());
        assert_ne!(one[HEADER_BYTES..], two[HEADER_BYTES..]);
        assert!(key.open(&one, &HERE).unwrap().is_empty());
    }

    #[test]
    fn master_keys_are_64_digits() {
        let check = |text: &str, good: bool| assert_eq!(MasterKey::from_hex(text).is_ok(), good, "{text}");
        check(KEY, true);
        check(&format!("  {}\n", KEY.to_uppercase()), true);
        check(&KEY[1..], false);
        check(&KEY.replace('0', "g"), false);
        check("", false);
        check(&"é".repeat(32), false);
        assert!(!format!("{:?}", MasterKey::from_hex(KEY)).contains("00"));
    }
}
