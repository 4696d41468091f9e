//! The whole answer: `chat.completion`.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

use crate::Usage;

/// A completion. Reading is tolerant: what is missing or of a wrong type is as if absent; what the pages do not
/// name stays in `rest`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Completion {
    pub id: String,
    /// Unix time in seconds.
    pub created: u64,
    pub model: String,
    pub choices: Vec<Choice>,
    pub usage: Option<WireUsage>,
    pub service_tier: Option<String>,
    pub system_fingerprint: Option<String>,
    pub rest: Map<String, Value>,
}

/// One answer among `n`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Choice {
    pub index: u32,
    pub message: AssistantMessage,
    /// `{"content": […]|null, "refusal": […]|null}`
    pub logprobs: Option<Value>,
    /// As the upstream wrote it; `None` is written as null.
    pub finish_reason: Option<String>,
    pub rest: Map<String, Value>,
}

/// The message of a choice; its role is always `assistant`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AssistantMessage {
    /// Written as null when `None`.
    pub content: Option<String>,
    /// Written as null when `None`.
    pub refusal: Option<String>,
    pub reasoning_content: Option<String>,
    /// As they came: `{id, type, function:{name, arguments}}` and the like.
    pub tool_calls: Option<Vec<Value>>,
    /// Deprecated: `{name, arguments}`.
    pub function_call: Option<Value>,
    pub annotations: Option<Vec<Value>>,
    /// `{id, data, transcript, expires_at}`
    pub audio: Option<Value>,
    pub rest: Map<String, Value>,
}

/// The `usage` object: the counts, and what a provider said beyond them (cost, timings).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct WireUsage {
    pub counts: Usage,
    pub rest: Map<String, Value>,
    /// What `prompt_tokens_details` held beyond the counts.
    pub prompt_rest: Map<String, Value>,
    /// What `completion_tokens_details` held beyond the counts.
    pub completion_rest: Map<String, Value>,
}

impl From<Usage> for WireUsage {
    fn from(counts: Usage) -> Self {
        Self { counts, ..Self::default() }
    }
}

impl Completion {
    /// Reads any JSON value; what is not an object reads as an empty completion.
    pub fn from_value(value: Value) -> Self {
        let _ = value;
        Self::default()
    }
}

impl<'de> Deserialize<'de> for Completion {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Value::deserialize(deserializer).map(Self::from_value)
    }
}

impl Serialize for Completion {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.rest.serialize(serializer)
    }
}
