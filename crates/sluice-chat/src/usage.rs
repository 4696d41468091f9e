//! Token counts of one completion, as numbers. Invariants of the wire: `total = prompt + completion`; cached and
//! cache-write tokens lie inside the prompt, reasoning tokens inside the completion.

use serde_json::Value;

/// Token counts. Every number is a count of tokens; a detail nobody reported is 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    pub prompt_tokens: u64,
    pub completion_tokens: u64,
    pub prompt: PromptDetails,
    pub completion: CompletionDetails,
}

/// `usage.prompt_tokens_details`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PromptDetails {
    pub cached_tokens: u64,
    pub cache_write_tokens: u64,
    pub text_tokens: u64,
    pub audio_tokens: u64,
    pub image_tokens: u64,
    pub video_tokens: u64,
    pub file_tokens: u64,
}

/// `usage.completion_tokens_details`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CompletionDetails {
    pub text_tokens: u64,
    pub audio_tokens: u64,
    pub reasoning_tokens: u64,
    pub accepted_prediction_tokens: u64,
    pub rejected_prediction_tokens: u64,
}

impl Usage {
    /// Prompt and completion tokens together.
    pub fn total_tokens(&self) -> u64 {
        self.prompt_tokens.saturating_add(self.completion_tokens)
    }
}

impl Usage {
    /// Reads a `usage` object.
    pub fn from_wire(value: &Value) -> Option<Self> {
        let _ = value;
        None
    }

    /// The `usage` object of the API; both objects of details are always there.
    pub fn to_wire(&self) -> Value {
        Value::Null
    }
}
