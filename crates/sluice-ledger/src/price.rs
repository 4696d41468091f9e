//! Prices of a model, in nano-dollars per million tokens. A component that is `None` is not priced apart: it costs
//! what its parent costs (cached and cache-write as input, reasoning as output, audio as its text side).

use crate::NanoUsd;

/// Prices per million tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Price {
    pub input: NanoUsd,
    pub output: NanoUsd,
    pub cache_read: Option<NanoUsd>,
    /// Writing to the provider's cache with its five-minute lifetime.
    pub cache_write: Option<NanoUsd>,
    /// Writing to the provider's cache with its one-hour lifetime.
    pub cache_write_1h: Option<NanoUsd>,
    pub reasoning: Option<NanoUsd>,
    pub audio_input: Option<NanoUsd>,
    pub audio_output: Option<NanoUsd>,
    pub long_context: Option<LongContextPrice>,
}

/// Prices that hold for the whole request once its prompt is longer than `above_tokens`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LongContextPrice {
    pub above_tokens: u64,
    pub input: NanoUsd,
    pub output: NanoUsd,
    pub cache_read: Option<NanoUsd>,
}
