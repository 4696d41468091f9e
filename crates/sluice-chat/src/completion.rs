//! The whole answer: `chat.completion`.

pub(crate) mod wire;

use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

use crate::Usage;
use crate::usage::{CompletionDetails, PromptDetails};
use wire::{Fields, entries, entry_if_some};

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

impl WireUsage {
    /// Reads a `usage` object; `None` where [`Usage::from_wire`] says so.
    pub fn from_value(value: Value) -> Option<Self> {
        let counts = Usage::from_wire(&value)?;
        let mut fields = Fields::of(value);
        let details = |value: Option<Value>, names: &[&str]| {
            let mut rest = Fields::of(value.unwrap_or_default()).rest();
            rest.retain(|name, _| !names.contains(&name.as_str()));
            rest
        };
        let prompt_rest = details(fields.take("prompt_tokens_details"), &PromptDetails::NAMES);
        let completion_rest = details(fields.take("completion_tokens_details"), &CompletionDetails::NAMES);
        let mut rest = fields.rest();
        rest.retain(|name, _| !COUNT_NAMES.contains(&name.as_str()));
        Some(Self { counts, rest, prompt_rest, completion_rest })
    }
}

const COUNT_NAMES: [&str; 3] = ["prompt_tokens", "completion_tokens", "total_tokens"];

impl Serialize for WireUsage {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut wire = self.counts.to_wire();
        merge(&mut wire["prompt_tokens_details"], &self.prompt_rest);
        merge(&mut wire["completion_tokens_details"], &self.completion_rest);
        merge(&mut wire, &self.rest);
        wire.serialize(serializer)
    }
}

fn merge(into: &mut Value, rest: &Map<String, Value>) {
    if let Value::Object(object) = into {
        object.extend(rest.clone());
    }
}

impl Completion {
    /// Reads any JSON value; what is not an object reads as an empty completion.
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
                .map(|(at, c)| Choice::read(c, at))
                .collect(),
            usage: fields.take("usage").and_then(WireUsage::from_value),
            service_tier: fields.word("service_tier"),
            system_fingerprint: fields.word("system_fingerprint"),
            rest: fields.rest(),
        }
    }
}

impl Choice {
    fn read(mut fields: Fields, position: usize) -> Self {
        Self {
            index: fields.index(position),
            message: AssistantMessage::read(Fields::of(fields.take("message").unwrap_or_default())),
            logprobs: fields.object("logprobs"),
            finish_reason: fields.word("finish_reason"),
            rest: fields.rest(),
        }
    }
}

impl AssistantMessage {
    fn read(mut fields: Fields) -> Self {
        fields.take("role");
        let mut tool_calls = fields.list("tool_calls").filter(|calls| !calls.is_empty());
        tool_calls.iter_mut().flatten().for_each(wire::settle_call);
        Self {
            content: fields.content("content"),
            refusal: fields.text("refusal"),
            reasoning_content: fields.content("reasoning_content"),
            tool_calls,
            function_call: fields.object("function_call"),
            annotations: fields.list("annotations"),
            audio: fields.object("audio"),
            rest: fields.rest(),
        }
    }
}

impl<'de> Deserialize<'de> for Completion {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Value::deserialize(deserializer).map(Self::from_value)
    }
}

impl Serialize for Completion {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("id", &self.id)?;
        map.serialize_entry("object", "chat.completion")?;
        map.serialize_entry("created", &self.created)?;
        map.serialize_entry("model", &self.model)?;
        map.serialize_entry("choices", &self.choices)?;
        entry_if_some(&mut map, "usage", self.usage.as_ref())?;
        entry_if_some(&mut map, "service_tier", self.service_tier.as_ref())?;
        entry_if_some(&mut map, "system_fingerprint", self.system_fingerprint.as_ref())?;
        entries(&mut map, &self.rest)?;
        map.end()
    }
}

impl Serialize for Choice {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("index", &self.index)?;
        map.serialize_entry("message", &self.message)?;
        map.serialize_entry("logprobs", &self.logprobs)?;
        map.serialize_entry("finish_reason", &self.finish_reason)?;
        entries(&mut map, &self.rest)?;
        map.end()
    }
}

impl Serialize for AssistantMessage {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("role", "assistant")?;
        map.serialize_entry("content", &self.content)?;
        entry_if_some(&mut map, "reasoning_content", self.reasoning_content.as_ref())?;
        map.serialize_entry("refusal", &self.refusal)?;
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
        let completion: Completion = serde_json::from_str(input).unwrap();
        assert_eq!(serde_json::to_string(&completion).unwrap(), expect, "{input}");
    }

    const FULL: &str = r#"{"id":"chatcmpl-1","object":"chat.completion","created":1730000000,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"hi","reasoning_content":"hm","refusal":null,"tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":"{}"},"extra_content":{}}],"function_call":{"name":"g","arguments":""},"annotations":[{"type":"url_citation","url_citation":{"start_index":0,"end_index":1,"url":"u","title":"t"}}],"audio":{"id":"a","expires_at":1,"data":"AA","transcript":"t"},"images":[]},"logprobs":{"content":[{"token":"hi","logprob":-0.5,"bytes":[104],"top_logprobs":[]}],"refusal":null},"finish_reason":"stop","native_finish_reason":"eos"}],"usage":{"prompt_tokens":5,"completion_tokens":3,"total_tokens":8,"prompt_tokens_details":{"cached_tokens":1,"cache_write_tokens":0,"text_tokens":0,"audio_tokens":0,"image_tokens":0,"vendor":1},"completion_tokens_details":{"text_tokens":0,"audio_tokens":0,"reasoning_tokens":2,"accepted_prediction_tokens":0,"rejected_prediction_tokens":0,"vendor":2},"cost":0.01},"service_tier":"default","system_fingerprint":"fp","x_groq":{"id":"r"}}"#;

    #[test]
    fn nothing_is_lost_and_the_order_is_openais() {
        check(FULL, FULL);
    }

    #[test]
    fn lenient_reading_and_the_types_of_the_pages() {
        let empty = r#"{"id":"","object":"chat.completion","created":0,"model":"","choices":[]}"#;
        check("{}", empty);
        check("[]", empty);
        check(r#"{"choices":null,"usage":null,"service_tier":"","system_fingerprint":null}"#, empty);
        let choice = |message: &str, reason: &str| {
            format!(
                r#"{{"id":"7","object":"chat.completion","created":5,"model":"m","choices":[{{"index":0,"message":{{"role":"assistant",{message}}},"logprobs":null,"finish_reason":{reason}}}]}}"#
            )
        };
        let from =
            |choice: &str| format!(r#"{{"id":7,"created":5.9,"model":"m","choices":[null,{choice}]}}"#);
        let nothing = choice(r#""content":null,"refusal":null"#, "null");
        check(&from("{}"), &nothing);
        check(&from(r#"{"message":null,"finish_reason":""}"#), &nothing);
        check(&from(r#"{"message":{"role":"model","content":null,"tool_calls":[]}}"#), &nothing);
        check(
            &from(
                r#"{"message":{"content":[{"type":"text","text":"a"},{"type":"x"},{"text":"b"}]},"finish_reason":"stop"}"#,
            ),
            &choice(r#""content":"ab","refusal":null"#, r#""stop""#),
        );
        check(
            &from(r#"{"message":{"tool_calls":[{"id":"c","function":{"name":"f","arguments":{"a":1}}}]}}"#),
            &choice(
                r#""content":null,"refusal":null,"tool_calls":[{"id":"c","function":{"name":"f","arguments":"{\"a\":1}"},"type":"function"}]"#,
                "null",
            ),
        );
    }
}
