//! What routing knows of a model's targets and of the terms of one request.

use std::time::{Duration, Instant};

/// One eligible target of the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Position in the model's list of targets; every other place names the target by it.
    pub target: usize,
    /// A number that stays the same when the list changes: stickiness goes by it.
    pub identity: u64,
    /// Targets with the same number run the same upstream model: they are *equals*, all others *fallbacks*.
    pub same_model: u32,
    /// Tier: targets of a higher number are called when none of a lower one can be.
    pub priority: u32,
    /// Share of the requests within the tier. 0: only when the others of the tier can not be called.
    pub weight: u32,
    /// Declared tokens of prompt and answer together.
    pub context_length: Option<u64>,
    /// Has no health (the sandbox): it is always ready and needs no retry budget.
    pub healthless: bool,
}

/// What holds for all attempts of one request.
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    /// Most calls, hedges and repairs included.
    pub max_attempts: u32,
    /// Longest `Retry-After` that is waited for, once.
    pub retry_after_wait: Duration,
    /// When the whole request must be over.
    pub deadline: Instant,
    /// The answer is a stream: only then there are hedges.
    pub stream: bool,
    /// `None`: no hedges.
    pub hedge: Option<HedgeTerms>,
    /// A stream that broke after content may be started again.
    pub repair: bool,
    /// Requests with the same number go to the same target while it has room: a hash of what the caches of providers
    /// go by. `None`: by weight alone.
    pub sticky: Option<u64>,
}

/// When a second call is started beside a slow one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HedgeTerms {
    /// Not before so long without a first token.
    pub min_delay: Duration,
}
