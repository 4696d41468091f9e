//! What one chunk does to a stream, or a whole body to an answer, read without building a tree where the chunk has the usual shape.

mod pass;

use serde::de::IgnoredAny;
use serde_json::Value;
use smallvec::SmallVec;

use self::pass::Stop;
use super::failure::truthy;
use super::template::Holes;
use super::usage::GivenUsage;

/// What one chunk says, as far as relaying and accounting need it.
#[derive(Debug, Default)]
pub(crate) struct Facts {
    /// The declared failure, when there is one.
    pub(crate) error: Option<Value>,
    /// The usage object of the top level.
    pub(crate) usage: Option<GivenUsage>,
    /// Those of the choices and of `x_groq`, which go before it.
    pub(crate) other_usages: Vec<GivenUsage>,
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
/// not ours to judge, nor are halves of surrogate pairs.
pub(crate) fn facts_of_bytes(data: &[u8]) -> Option<Facts> {
    let mut facts = Facts::default();
    match pass::read(data, &mut facts) {
        Ok(()) => Some(facts),
        Err(Stop::Odd) => serde_json::from_slice(data).ok().map(|value| facts_of_value(&value)),
        Err(Stop::NotJson) => facts_of_repaired(data),
    }
}

/// Reads a chunk whose only fault is in the characters of its strings. Each is read as U+FFFD.
#[cold]
fn facts_of_repaired(data: &[u8]) -> Option<Facts> {
    let text = String::from_utf8_lossy(data);
    serde_json::from_str::<IgnoredAny>(&text).ok()?;
    let value = serde_json::from_str(&without_lone_surrogates(&text)).ok()?;
    Some(facts_of_value(&value))
}

/// The JSON text with every escape of half a surrogate pair replaced.
fn without_lone_surrogates(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    // Backslashes stand in strings alone, and always before what they escape.
    while let Some((plain, escape)) = rest.split_once('\\') {
        out.push_str(plain);
        let low = escape.get(5..).and_then(|next| next.strip_prefix('\\'));
        let (written, taken_bytes) = match (surrogate(escape), low.and_then(surrogate)) {
            (None, _) => (None, escape.chars().next().map_or(0, char::len_utf8)),
            (Some(0xD800..0xDC00), Some(0xDC00..0xE000)) => (None, "uD800\\uDC00".len()),
            (Some(_), _) => (Some("uFFFD"), "uD800".len()),
        };
        let (taken, behind) = escape.split_at(taken_bytes);
        out.push('\\');
        out.push_str(written.unwrap_or(taken));
        rest = behind;
    }
    out + rest
}

/// The half of a surrogate pair that `u` and four hexadecimal digits at the beginning of the text means.
fn surrogate(escape: &str) -> Option<u16> {
    let half = u16::from_str_radix(escape.strip_prefix('u')?.get(..4)?, 16).ok()?;
    (0xD800..0xE000).contains(&half).then_some(half)
}

/// Reads a chunk of any shape.
fn facts_of_value(chunk: &Value) -> Facts {
    let mut facts = Facts::default();
    let errors = [chunk.get("error"), chunk.pointer("/x_groq/error")];
    facts.error = errors.into_iter().flatten().find(|error| truthy(error)).cloned();
    let choices = chunk.get("choices").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let given = |usage: &Value| usage.is_object().then(|| GivenUsage::Other(usage.to_string()));
    let others = choices.iter().map(|choice| choice.get("usage"));
    let others = others.chain([chunk.pointer("/x_groq/usage")]);
    facts.other_usages.extend(others.flatten().filter_map(given));
    facts.usage = chunk.get("usage").and_then(given);
    for choice in choices.iter().filter(|choice| choice.is_object()) {
        let index = choice.get("index").and_then(Value::as_u64).and_then(|index| u32::try_from(index).ok());
        let reason = choice.get("finish_reason").and_then(Value::as_str);
        facts.choices.push((index.unwrap_or_default(), reason.is_some_and(|reason| !reason.is_empty())));
        if let Some(delta) = choice.get("delta").or_else(|| choice.get("message")) {
            facts.add_delta(delta);
        }
    }
    facts.has_content |= facts.content_bytes > 0 || facts.always_content;
    facts
}

impl Facts {
    /// It counts something.
    pub(crate) fn has_usage(&self) -> bool {
        self.usage.is_some() || !self.other_usages.is_empty()
    }

    fn add_delta(&mut self, delta: &Value) {
        for text in ["content", "reasoning_content", "reasoning", "refusal"] {
            let text = delta.get(text);
            self.has_content |= text.is_some_and(truthy);
            self.add_text(text);
        }
        let calls = delta.get("tool_calls");
        self.always_content |= calls.is_some_and(truthy);
        for call in calls.and_then(Value::as_array).into_iter().flatten() {
            self.add_text(call.pointer("/function/arguments"));
        }
        self.add_text(delta.pointer("/function_call/arguments"));
        let there = |key: &str| delta.get(key).is_some_and(|value| !value.is_null());
        self.always_content |= there("function_call") || there("audio");
    }

    fn add_text(&mut self, text: Option<&Value>) {
        self.content_bytes += text.and_then(Value::as_str).map_or(0, |text| text.len() as u64);
    }
}

#[cfg(test)]
#[path = "peek_tests.rs"]
mod tests;
