//! Idempotency keys: the first request that comes with one takes it, and every other learns who has it.

use sha2::{Digest, Sha256};
use sluice_ledger::RequestId;

/// A claim holds this long, in milliseconds, from when it was made.
pub const CLAIM_MS: u64 = 24 * 3_600_000;

/// SHA-256 of what is only ever compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// Of these very bytes: two bodies that mean the same in other words are different.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// As stored.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// One idempotency key of one bearer key. What the caller called it is not kept.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClaimId {
    /// Id of the bearer key.
    pub key: String,
    /// Of the value of the header.
    pub name: Fingerprint,
}

/// A request asks for an idempotency key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    pub id: ClaimId,
    /// Of the body of the request.
    pub body: Fingerprint,
    pub request: RequestId,
}

/// What became of a [`Claim`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claimed {
    /// It is this request's.
    Granted,
    /// A request with another body has it.
    OtherBody,
    /// This request has it: it runs, is complete, or may have cost its caller something.
    Taken(RequestId),
}
