//! Who may come in to the console: sign-in, sessions, and what a browser has to show for each.
//!
//! The admin token is no part of this: whoever holds it is an owner, see [`admin`](crate::admin).

pub(crate) mod attempts;
pub(crate) mod channel;
pub(crate) mod jwt;
pub(crate) mod link;
pub(crate) mod oidc;
pub(crate) mod password;
pub(crate) mod session;
pub(crate) mod totp;

use std::sync::{Mutex, MutexGuard, PoisonError};

use ring::digest::{SHA256, digest};

use self::{attempts::Attempts, link::Link, password::Hashing};

/// What all threads know of those who want to come in. It is this process's alone: every node counts failures for
/// itself, and has its own one-time link.
#[derive(Debug)]
pub(crate) struct Access {
    pub(crate) hashing: Hashing,
    pub(crate) oidc: oidc::Remembered,
    attempts: Mutex<Attempts>,
    link: Mutex<Option<Link>>,
}

impl Access {
    pub(crate) fn new(link: Option<Link>) -> Self {
        Self {
            hashing: Hashing::default(),
            oidc: oidc::Remembered::default(),
            attempts: Mutex::default(),
            link: Mutex::new(link),
        }
    }

    pub(crate) fn attempts(&self) -> MutexGuard<'_, Attempts> {
        self.attempts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn link(&self) -> MutexGuard<'_, Option<Link>> {
        self.link.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// SHA-256 over a word that says what it is for, and a text.
fn sha256(purpose: &str, text: &str) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest(&SHA256, format!("sluicegate {purpose}\0{text}").as_bytes()).as_ref());
    hash
}

/// Hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// 256 random bits as digits.
pub(crate) fn new_token() -> Result<String, String> {
    random_bits().map(|bits| hex(&bits))
}

/// 256 random bits.
#[expect(
    clippy::disallowed_methods,
    reason = "the one source of the tokens of sessions and links, and of salts"
)]
pub(crate) fn random_bits() -> Result<[u8; 32], String> {
    let mut bits = [0; 32];
    getrandom::fill(&mut bits).map_err(|error| error.to_string())?;
    Ok(bits)
}
