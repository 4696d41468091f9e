//! What one chunk does to a stream, or a whole body to an answer, read without building a tree where the chunk has the usual shape.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use smallvec::SmallVec;

use super::failure::truthy;
use super::template::{Hole, Holes, string_end};

/// What one chunk says, as far as relaying and accounting need it.
#[derive(Debug, Default)]
pub(crate) struct Facts {
    /// The declared failure, when there is one.
    pub(crate) error: Option<Value>,
    /// The texts of usage objects, from every known place.
    pub(crate) usages: SmallVec<[String; 1]>,
    /// The choices that it mentions, and whether it finishes them.
    pub(crate) choices: SmallVec<[(u32, bool); 2]>,
    pub(crate) has_content: bool,
    /// It has content that is not text: a call, audio.
    pub(crate) always_content: bool,
    /// UTF-8 bytes of text, unescaped.
    pub(crate) content_bytes: u64,
    /// The strings that the next chunk may have different; empty when this chunk does more than carry content.
    pub(crate) holes: Holes,
}

/// Reads a chunk that goes on byte by byte, `None` when it is not JSON. Bytes that are not UTF-8 in its strings are
/// not ours to judge.
pub(crate) fn facts_of_bytes(data: &[u8]) -> Option<Facts> {
    match std::str::from_utf8(data) {
        Ok(text) => facts(text),
        Err(_) => {
            let mut facts = facts(&String::from_utf8_lossy(data))?;
            facts.holes.clear();
            Some(facts)
        }
    }
}

/// Reads a chunk, `None` when it is not JSON. Offsets of holes are those in `text`.
fn facts(text: &str) -> Option<Facts> {
    match serde_json::from_str::<Chunk<'_>>(text) {
        Ok(chunk) => Some(chunk.facts(text)),
        Err(error) if error.is_syntax() || error.is_eof() => None,
        // Not the usual shape, but perhaps JSON all the same.
        Err(_) => serde_json::from_str::<Value>(text).ok().map(|value| facts_of_value(&value)),
    }
}

#[derive(Deserialize)]
struct Chunk<'a> {
    #[serde(borrow, default)]
    choices: Option<Vec<Choice<'a>>>,
    #[serde(borrow, default)]
    usage: Option<&'a RawValue>,
    #[serde(borrow, default)]
    error: Option<&'a RawValue>,
    #[serde(borrow, default)]
    x_groq: Option<&'a RawValue>,
    #[serde(borrow, default)]
    obfuscation: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Choice<'a> {
    #[serde(default)]
    index: Option<u32>,
    /// Of a whole answer: its message.
    #[serde(borrow, default, alias = "message")]
    delta: Option<Delta<'a>>,
    #[serde(borrow, default)]
    finish_reason: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    usage: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Delta<'a> {
    #[serde(borrow, default)]
    content: Option<&'a RawValue>,
    #[serde(borrow, default)]
    reasoning_content: Option<&'a RawValue>,
    #[serde(borrow, default)]
    reasoning: Option<&'a RawValue>,
    #[serde(borrow, default)]
    refusal: Option<&'a RawValue>,
    #[serde(borrow, default)]
    tool_calls: Option<Vec<ToolCall<'a>>>,
    #[serde(borrow, default)]
    function_call: Option<Function<'a>>,
    #[serde(borrow, default)]
    audio: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct ToolCall<'a> {
    #[serde(borrow, default)]
    function: Option<Function<'a>>,
}

#[derive(Deserialize)]
struct Function<'a> {
    #[serde(borrow, default)]
    arguments: Option<&'a RawValue>,
}

/// Gathers the strings of one chunk.
struct Strings<'t> {
    text: &'t str,
    content_bytes: u64,
    holes: Holes,
    /// Something that is not a string stands where one was expected.
    odd: bool,
}

impl Strings<'_> {
    fn take(&mut self, value: Option<&RawValue>, content: bool) {
        let Some(value) = value else { return };
        let raw = value.get();
        let end = raw.strip_prefix('"').and_then(|inside| string_end(inside.as_bytes()));
        let Some((bytes, unescaped_bytes)) = end else {
            self.odd = true;
            return;
        };
        if content {
            self.content_bytes += unescaped_bytes;
        }
        let start = raw.as_ptr() as usize - self.text.as_ptr() as usize + 1;
        self.holes.push(Hole { start, end: start + bytes, content });
    }
}

impl Chunk<'_> {
    fn facts(&self, text: &str) -> Facts {
        let value = |raw: &RawValue| serde_json::from_str::<Value>(raw.get()).unwrap_or_default();
        let mut facts = Facts { error: self.error.map(value).filter(truthy), ..Facts::default() };
        let groq = self.x_groq.map(value).unwrap_or_default();
        let object = |raw: &RawValue| Some(raw.get().to_owned()).filter(|text| text.starts_with('{'));
        facts
            .usages
            .extend(self.choices.iter().flatten().filter_map(|choice| choice.usage).filter_map(object));
        facts.usages.extend(groq.get("usage").filter(|usage| usage.is_object()).map(Value::to_string));
        facts.usages.extend(self.usage.and_then(object));
        if facts.error.is_none() {
            facts.error = groq.get("error").filter(|error| truthy(error)).cloned();
        }
        let mut strings = Strings { text, content_bytes: 0, holes: Holes::new(), odd: false };
        for choice in self.choices.iter().flatten() {
            let finishes = choice.finish_reason.as_deref().is_some_and(|reason| !reason.is_empty());
            facts.choices.push((choice.index.unwrap_or_default(), finishes));
            let Some(delta) = &choice.delta else { continue };
            for part in [delta.content, delta.reasoning_content, delta.reasoning, delta.refusal] {
                strings.take(part, true);
            }
            for call in delta.tool_calls.iter().flatten().filter_map(|call| call.function.as_ref()) {
                strings.take(call.arguments, true);
            }
            strings.take(delta.function_call.as_ref().and_then(|call| call.arguments), true);
            facts.always_content |= delta.audio.is_some()
                || delta.function_call.is_some()
                || delta.tool_calls.as_ref().is_some_and(|calls| !calls.is_empty());
        }
        strings.take(self.obfuscation, false);
        facts.content_bytes = strings.content_bytes;
        facts.has_content = strings.content_bytes > 0 || strings.odd || facts.always_content;
        let only_content = facts.has_content
            && !strings.odd
            && facts.error.is_none()
            && facts.usages.is_empty()
            && facts.choices.iter().all(|(_, finishes)| !finishes);
        if only_content {
            facts.holes = strings.holes;
            facts.holes.sort_unstable_by_key(|hole| hole.start);
        }
        facts
    }
}

fn facts_of_value(chunk: &Value) -> Facts {
    let mut facts =
        Facts { error: chunk.get("error").filter(|error| truthy(error)).cloned(), ..Facts::default() };
    let choices = chunk.get("choices").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let usages = choices.iter().map(|choice| choice.get("usage"));
    let usages = usages.chain([chunk.pointer("/x_groq/usage"), chunk.get("usage")]);
    facts.usages.extend(usages.flatten().filter(|usage| usage.is_object()).map(Value::to_string));
    for choice in choices.iter().filter(|choice| choice.is_object()) {
        let index = choice.get("index").and_then(Value::as_u64).and_then(|index| u32::try_from(index).ok());
        let reason = choice.get("finish_reason").and_then(Value::as_str);
        facts.choices.push((index.unwrap_or_default(), reason.is_some_and(|reason| !reason.is_empty())));
        let delta = choice.get("delta").or_else(|| choice.get("message")).and_then(Value::as_object);
        for (key, value) in delta.into_iter().flatten().filter(|(key, _)| *key != "role") {
            facts.has_content |= truthy(value);
            if matches!(key.as_str(), "content" | "reasoning_content" | "reasoning" | "refusal") {
                facts.content_bytes += value.as_str().map_or(0, |text| text.len() as u64);
            }
        }
    }
    facts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(chunk: &str, expect: &str) {
        let got = facts(chunk).map(|f| {
            let holes: Vec<&str> = f.holes.iter().map(|hole| &chunk[hole.start..hole.end]).collect();
            format!(
                "{:?} content={} {} usage={} error={} holes={}",
                f.choices,
                f.has_content,
                f.content_bytes,
                f.usages.join("+"),
                f.error.is_some(),
                holes.join("|")
            )
        });
        assert_eq!(got.as_deref().unwrap_or("not JSON"), expect, "{chunk}");
    }

    #[test]
    fn what_a_chunk_says() {
        check(
            r#"{"choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}],"usage":null}"#,
            "[(0, false)] content=false 0 usage= error=false holes=",
        );
        check(
            r#"{"choices":[{"index":0,"delta":{"content":"h\u00e9\n"}}],"obfuscation":"xx"}"#,
            r"[(0, false)] content=true 4 usage= error=false holes=h\u00e9\n|xx",
        );
        check(
            r#"{"obfuscation":"xx","choices":[{"delta":{"reasoning_content":"a","content":null}}]}"#,
            "[(0, false)] content=true 1 usage= error=false holes=xx|a",
        );
        check(
            r#"{"choices":[{"index":1,"delta":{"tool_calls":[{"index":0,"id":"c","function":{"name":"f","arguments":""}}]}}]}"#,
            "[(1, false)] content=true 0 usage= error=false holes=",
        );
        check(
            r#"{"choices":[{"index":0,"delta":{},"finish_reason":"stop","usage":{"a":1}}],"x_groq":{"usage":{"b":2}},"usage":{"c":3}}"#,
            r#"[(0, true)] content=false 0 usage={"a":1}+{"b":2}+{"c":3} error=false holes="#,
        );
        check(
            r#"{"choices":[{"delta":{},"finish_reason":""}]}"#,
            "[(0, false)] content=false 0 usage= error=false holes=",
        );
        check(r#"{"error":{"message":"m"}}"#, "[] content=false 0 usage= error=true holes=");
        check(r#"{"error":null,"choices":null}"#, "[] content=false 0 usage= error=false holes=");
        check(r#"{"x_groq":{"error":"e"}}"#, "[] content=false 0 usage= error=true holes=");
    }

    #[test]
    fn odd_shapes_are_read_all_the_same() {
        check(
            r#"{"choices":[null,{"index":"1","delta":{"content":"ab"}}]}"#,
            "[(0, false)] content=true 2 usage= error=false holes=",
        );
        check(r#"{"choices":{},"usage":{"a":1}}"#, r#"[] content=false 0 usage={"a":1} error=false holes="#);
        check(
            r#"{"choices":[{"delta":{"content":[{"type":"text"}]}}]}"#,
            "[(0, false)] content=true 0 usage= error=false holes=",
        );
        check("[1]", "[] content=false 0 usage= error=false holes=");
        check("{", "not JSON");
        check("hello", "not JSON");
        check(r#"{"choices":[]} x"#, "not JSON");
        check(r#"{"choices":5, x}"#, "not JSON");
    }
}
