//! Passwords: argon2id, never on a worker's thread, and never more than a few at a time.

use std::time::Duration;

use argon2::{Algorithm, Argon2, Params, Version};
use base64::{Engine as _, engine::general_purpose::STANDARD_NO_PAD};
use tokio::{runtime::Handle, sync::Semaphore};

use super::random_bits;

/// Memory in KiB, passes and lanes of new hashes.
const MEMORY_KIB: u32 = 64 * 1024;
const PASSES: u32 = 3;
const LANES: u32 = 1;
/// What a stored hash may at most ask for, should somebody write one by hand.
const MEMORY_KIB_MAX: u32 = 1024 * 1024;
const PASSES_MAX: u32 = 20;
const HASH_BYTES: usize = 32;
const SALT_BYTES: usize = 16;
/// Hashes that are made at a time: each takes all of its memory and a core.
const AT_ONCE: usize = 2;
/// How long somebody waits for their turn.
const TURN: Duration = Duration::from_secs(10);

/// Shortest and longest password, in characters.
pub(crate) const SHORTEST_CHARS: usize = 12;
pub(crate) const LONGEST_CHARS: usize = 200;

/// Why no password was looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unhashed {
    /// Too many others are waiting.
    Busy,
    Failed,
}

/// Where hashes are made.
#[derive(Debug)]
pub(crate) struct Hashing {
    turns: Semaphore,
}

impl Default for Hashing {
    fn default() -> Self {
        Self { turns: Semaphore::new(AT_ONCE) }
    }
}

impl Hashing {
    /// The hash of a new password, as it is stored.
    pub(crate) async fn hash(&self, runtime: &Handle, password: String) -> Result<String, Unhashed> {
        let salt = random_bits().map_err(|_| Unhashed::Failed)?;
        let made = self.run(runtime, move || new_hash(&password, &salt[..SALT_BYTES])).await?;
        made.ok_or(Unhashed::Failed)
    }

    /// Whether the password is the one of `stored`. Without a stored one it takes as long, and is wrong.
    pub(crate) async fn verify(
        &self,
        runtime: &Handle,
        password: String,
        stored: Option<String>,
    ) -> Result<bool, Unhashed> {
        self.run(runtime, move || match stored {
            Some(stored) => matches(&password, &stored),
            None => new_hash(&password, &[0; SALT_BYTES]).is_some_and(|_| false),
        })
        .await
    }

    async fn run<T: Send + 'static>(
        &self,
        runtime: &Handle,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Unhashed> {
        let turn = tokio::time::timeout(TURN, self.turns.acquire()).await;
        // The semaphore is never closed.
        let Ok(Ok(_turn)) = turn else { return Err(Unhashed::Busy) };
        runtime.spawn_blocking(work).await.map_err(|error| {
            tracing::error!(%error, "a password could not be hashed");
            Unhashed::Failed
        })
    }
}

/// What is wrong with a new password.
pub(crate) fn problem(password: &str) -> Option<&'static str> {
    match password.chars().count() {
        ..SHORTEST_CHARS => Some("must have at least 12 characters"),
        SHORTEST_CHARS..=LONGEST_CHARS => None,
        _ => Some("must have at most 200 characters"),
    }
}

fn new_hash(password: &str, salt: &[u8]) -> Option<String> {
    let hash = argon2id(password, salt, (MEMORY_KIB, PASSES, LANES))?;
    let (salt, hash) = (STANDARD_NO_PAD.encode(salt), STANDARD_NO_PAD.encode(hash));
    Some(format!("$argon2id$v=19$m={MEMORY_KIB},t={PASSES},p={LANES}${salt}${hash}"))
}

fn argon2id(
    password: &str,
    salt: &[u8],
    (memory, passes, lanes): (u32, u32, u32),
) -> Option<[u8; HASH_BYTES]> {
    let params = Params::new(memory, passes, lanes, Some(HASH_BYTES)).ok()?;
    let mut hash = [0; HASH_BYTES];
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    argon2.hash_password_into(password.as_bytes(), salt, &mut hash).ok()?;
    Some(hash)
}

/// Whether `stored`, in the form that [`new_hash`] makes with whatever parameters, is of this password.
fn matches(password: &str, stored: &str) -> bool {
    let Some((terms, salt, hash)) = parts(stored) else {
        tracing::error!("the stored hash of a password is not one: set a new password");
        return false;
    };
    // Found out in the same time however many bytes are right: what is compared are hashes of secrets.
    argon2id(password, &salt, terms).is_some_and(|found| {
        super::sha256("password", &super::hex(&found)) == super::sha256("password", &super::hex(&hash))
    })
}

type Terms = (u32, u32, u32);

fn parts(stored: &str) -> Option<(Terms, Vec<u8>, Vec<u8>)> {
    let mut parts = stored.strip_prefix("$argon2id$v=19$")?.split('$');
    let (terms, salt, hash) = (parts.next()?, parts.next()?, parts.next()?);
    let mut terms = terms.split(',');
    let mut number = |name: &str, most: u32| -> Option<u32> {
        let number: u32 = terms.next()?.strip_prefix(name)?.parse().ok()?;
        (number <= most).then_some(number)
    };
    let terms = (number("m=", MEMORY_KIB_MAX)?, number("t=", PASSES_MAX)?, number("p=", 16)?);
    let decode = |text: &str| STANDARD_NO_PAD.decode(text).ok();
    parts.next().is_none().then_some((terms, decode(salt)?, decode(hash)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_hashed_matches_itself_alone() {
        let stored = new_hash("correct horse battery", &[7; SALT_BYTES]).unwrap();
        assert!(stored.starts_with("$argon2id$v=19$m=65536,t=3,p=1$BwcHBwcHBwcHBwcHBwcHBw$"), "{stored}");
        assert!(matches("correct horse battery", &stored));
        assert!(!matches("correct horse batterz", &stored));
        assert_ne!(new_hash("correct horse battery", &[8; SALT_BYTES]).unwrap(), stored);
    }

    #[test]
    fn hashes_of_others_are_read() {
        // Made by the reference implementation: echo -n password | argon2 somesalt -id -t 2 -m 16 -p 1
        let check = |stored: &str, expect: bool| assert_eq!(matches("password", stored), expect, "{stored}");
        check("$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc", true);
        check(
            "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPd",
            false,
        );
        for nonsense in [
            "",
            "password",
            "$argon2i$v=19$m=64,t=2,p=1$c29tZXNhbHQ$AAAA",
            "$argon2id$v=19$m=4294967295,t=2,p=1$c29tZXNhbHQ$AAAA",
            "$argon2id$v=19$m=64,t=9999,p=1$c29tZXNhbHQ$AAAA",
            "$argon2id$v=19$m=64,t=2,p=1$c29tZXNhbHQ$AAAA$AAAA",
            "$argon2id$v=19$m=64,t=2,p=1$c29tZXNhbHQ$!",
        ] {
            check(nonsense, false);
        }
    }

    #[test]
    fn new_passwords() {
        let check = |password: &str, fine: bool| assert_eq!(problem(password).is_none(), fine, "{password}");
        check("elf letters", false);
        check("twelve chars", true);
        check("密码密码密码密码密码密码", true);
        check(&"x".repeat(LONGEST_CHARS), true);
        check(&"x".repeat(LONGEST_CHARS + 1), false);
        check("", false);
    }
}
