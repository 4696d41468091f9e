//! One piece of a streamed answer: `chat.completion.chunk`.

use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

use crate::completion::WireUsage;
use crate::completion::wire::{Fields, entries, entry_if_some, settle_arguments};

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
    Known(Box<WireUsage>),
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
        let mut fields = Fields::of(value);
        fields.take("object");
        Self {
            id: fields.text("id").unwrap_or_default(),
            created: fields.seconds("created"),
            model: fields.text("model").unwrap_or_default(),
            choices: fields
                .objects("choices")
                .into_iter()
                .enumerate()
                .map(|(at, c)| ChunkChoice::read(c, at))
                .collect(),
            usage: fields.take("usage").map_or(ChunkUsage::Absent, ChunkUsage::read),
            service_tier: fields.word("service_tier"),
            system_fingerprint: fields.word("system_fingerprint"),
            rest: fields.rest(),
        }
    }
}

impl ChunkUsage {
    fn read(value: Value) -> Self {
        WireUsage::from_value(value).map_or(Self::Null, |usage| Self::Known(Box::new(usage)))
    }
}

impl ChunkChoice {
    fn read(mut fields: Fields, position: usize) -> Self {
        Self {
            index: fields.index(position),
            delta: Delta::read(Fields::of(fields.take("delta").unwrap_or_default())),
            logprobs: fields.object("logprobs"),
            finish_reason: fields.word("finish_reason"),
            rest: fields.rest(),
        }
    }
}

impl Delta {
    fn read(mut fields: Fields) -> Self {
        let mut tool_calls = fields.list("tool_calls").filter(|calls| !calls.is_empty());
        tool_calls.iter_mut().flatten().for_each(settle_arguments);
        Self {
            role: fields.word("role"),
            content: fields.content_or_null("content"),
            refusal: fields.content_or_null("refusal"),
            reasoning_content: fields.content("reasoning_content"),
            tool_calls,
            function_call: fields.object("function_call"),
            annotations: fields.list("annotations"),
            audio: fields.object("audio"),
            rest: fields.rest(),
        }
    }
}

impl<'de> Deserialize<'de> for Chunk {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Value::deserialize(deserializer).map(Self::from_value)
    }
}

impl Serialize for Chunk {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("id", &self.id)?;
        map.serialize_entry("object", "chat.completion.chunk")?;
        map.serialize_entry("created", &self.created)?;
        map.serialize_entry("model", &self.model)?;
        entry_if_some(&mut map, "service_tier", self.service_tier.as_ref())?;
        entry_if_some(&mut map, "system_fingerprint", self.system_fingerprint.as_ref())?;
        map.serialize_entry("choices", &self.choices)?;
        match &self.usage {
            ChunkUsage::Absent => {}
            ChunkUsage::Null => map.serialize_entry("usage", &())?,
            ChunkUsage::Known(usage) => map.serialize_entry("usage", usage)?,
        }
        entries(&mut map, &self.rest)?;
        map.end()
    }
}

impl Serialize for ChunkChoice {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("index", &self.index)?;
        map.serialize_entry("delta", &self.delta)?;
        map.serialize_entry("logprobs", &self.logprobs)?;
        map.serialize_entry("finish_reason", &self.finish_reason)?;
        entries(&mut map, &self.rest)?;
        map.end()
    }
}

impl Serialize for Delta {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        entry_if_some(&mut map, "role", self.role.as_ref())?;
        entry_if_some(&mut map, "content", self.content.as_ref())?;
        entry_if_some(&mut map, "reasoning_content", self.reasoning_content.as_ref())?;
        entry_if_some(&mut map, "refusal", self.refusal.as_ref())?;
        entry_if_some(&mut map, "tool_calls", self.tool_calls.as_ref())?;
        entry_if_some(&mut map, "function_call", self.function_call.as_ref())?;
        entry_if_some(&mut map, "annotations", self.annotations.as_ref())?;
        entry_if_some(&mut map, "audio", self.audio.as_ref())?;
        entries(&mut map, &self.rest)?;
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `input` read and written again.
    fn check(input: &str, expect: &str) {
        let chunk: Chunk = serde_json::from_str(input).unwrap();
        assert_eq!(serde_json::to_string(&chunk).unwrap(), expect, "{input}");
    }

    fn check_kept(chunk: &str) {
        check(chunk, chunk);
    }

    fn with(rest: &str) -> String {
        format!(r#"{{"id":"c","object":"chat.completion.chunk","created":1,"model":"m",{rest}}}"#)
    }

    #[test]
    fn nothing_is_lost_and_the_order_is_openais() {
        check_kept(&with(
            r#""service_tier":"default","system_fingerprint":"fp","choices":[{"index":1,"delta":{"role":"assistant","content":"","reasoning_content":"r","refusal":null,"tool_calls":[{"index":0,"id":"a","type":"function","function":{"name":"f","arguments":""}}],"annotations":[],"audio":{"id":"x"},"vendor":1},"logprobs":null,"finish_reason":null,"native":2}],"usage":null,"obfuscation":"abc""#,
        ));
        check_kept(&with(
            r#""choices":[{"index":0,"delta":{"content":null},"logprobs":{"content":[],"refusal":null},"finish_reason":"stop"}]"#,
        ));
        check_kept(&with(
            r#""choices":[],"usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3,"prompt_tokens_details":{"cached_tokens":0,"cache_write_tokens":0,"text_tokens":0,"audio_tokens":0,"image_tokens":0},"completion_tokens_details":{"text_tokens":0,"audio_tokens":0,"reasoning_tokens":0,"accepted_prediction_tokens":0,"rejected_prediction_tokens":0},"cost":0.5}"#,
        ));
    }

    #[test]
    fn lenient_reading() {
        let empty = r#"{"id":"","object":"chat.completion.chunk","created":0,"model":"","choices":[]}"#;
        check("{}", empty);
        check(r#"{"choices":null}"#, empty);
        check("null", empty);
        let bare = with(r#""choices":[{"index":0,"delta":{},"logprobs":null,"finish_reason":null}]"#);
        check(r#"{"id":"c","created":"1","model":"m","choices":[{}]}"#, &bare);
        check(r#"{"id":"c","created":1,"model":"m","choices":[{"delta":null,"finish_reason":""}]}"#, &bare);
        check(
            r#"{"id":"c","created":1,"model":"m","choices":[{"delta":{"role":"","tool_calls":[]}}]}"#,
            &bare,
        );
        check(r#"{"usage":{}}"#, &empty.replace("[]}", r#"[],"usage":null}"#));
    }
}
