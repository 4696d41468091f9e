//! What a caller already has of a streamed answer, kept so that another answer can be compared with it.
//!
//! Texts are kept as they stand in JSON strings, escapes and all: keeping them costs a copy. They are read only when
//! a stream is repaired.

use serde_json::Value;
use smallvec::SmallVec;

/// A transcript that would grow beyond this is given up: its stream cannot be repaired any more.
pub const TRANSCRIPT_BYTES_MAX: usize = 64 * 1024;

/// Texts of one transcript: two for each call. More are given up like what is too long.
const PARTS_MAX: usize = 256;

/// A text of the first choice that grows from chunk to chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channel {
    Content,
    /// `reasoning_content` or `reasoning`.
    Reasoning,
    Refusal,
    /// The name of the tool call of this index, or of the deprecated `function_call`.
    CallName(Option<u32>),
    /// Its arguments, or the input of a custom tool.
    CallArguments(Option<u32>),
}

/// The texts of one answer so far.
#[derive(Clone, Debug, Default)]
pub struct Transcript {
    parts: SmallVec<[(Channel, Vec<u8>); 2]>,
    bytes: usize,
    /// Something went out that cannot be compared, or too much.
    lost: bool,
}

impl Transcript {
    /// Adds to a text. `json` is the inside of a JSON string, without its quotes.
    #[inline]
    pub(crate) fn add(&mut self, channel: Channel, json: &[u8]) {
        self.bytes += json.len();
        if self.lost || self.bytes > TRANSCRIPT_BYTES_MAX {
            self.give_up();
        } else if let Some((_, text)) = self.parts.iter_mut().find(|(known, _)| *known == channel) {
            // Some say the name with every piece of a call.
            if !matches!(channel, Channel::CallName(_)) || text != json {
                text.extend_from_slice(json);
            }
        } else if self.parts.len() == PARTS_MAX {
            self.give_up();
        } else if !json.is_empty() || matches!(channel, Channel::CallName(_)) {
            self.parts.push((channel, json.to_vec()));
        }
    }

    /// Adds what a chunk in the canonical form says.
    pub(crate) fn add_chunk(&mut self, chunk: &Value) {
        for choice in chunk.get("choices").and_then(Value::as_array).into_iter().flatten() {
            if choice.get("index").and_then(Value::as_u64).unwrap_or_default() != 0 || has(choice, "logprobs")
            {
                self.give_up();
            }
            let Some(delta) = choice.get("delta") else { continue };
            for (channel, text) in texts_of(delta) {
                self.add(channel, inside(text).as_bytes());
            }
            let odd = |key: &str| has(delta, key) && !delta[key].is_string();
            if UNCOMPARABLE.iter().any(|key| has(delta, key)) || TEXT_KEYS.iter().any(|key| odd(key)) {
                self.give_up();
            }
        }
    }

    /// Adds to a text that is not in a JSON string yet.
    pub(crate) fn add_text(&mut self, channel: Channel, text: &str) {
        if !self.lost {
            self.add(channel, inside(text).as_bytes());
        }
    }

    /// Something went out that cannot be compared.
    pub(crate) fn give_up(&mut self) {
        self.lost = true;
        self.parts.clear();
    }

    /// The texts, unescaped, unless they were given up.
    pub(crate) fn read(&self) -> Option<Vec<(Channel, String)>> {
        if self.lost {
            return None;
        }
        self.parts.iter().map(|(channel, json)| Some((*channel, outside(json)?))).collect()
    }

    /// Whether anything was added to a text.
    pub(crate) fn has(&self, channel: Channel) -> bool {
        self.parts.iter().any(|(known, _)| *known == channel)
    }

    /// Whether another answer can be compared with this one: nothing was given up, and no text ends within a character.
    pub fn is_kept(&self) -> bool {
        self.read().is_some()
    }
}

/// Parts of a delta that two answers never have in common.
pub(crate) const UNCOMPARABLE: [&str; 4] = ["audio", "images", "annotations", "thinking_blocks"];

/// Parts of a delta that are text; with some providers also lists of parts.
const TEXT_KEYS: [&str; 4] = ["content", "reasoning_content", "reasoning", "refusal"];

fn has(value: &Value, key: &str) -> bool {
    value
        .get(key)
        .is_some_and(|value| !value.is_null() && value.as_array().is_none_or(|list| !list.is_empty()))
}

/// The texts that a delta adds to.
fn texts_of<'v>(delta: &'v Value) -> SmallVec<[(Channel, &'v str); 4]> {
    let mut texts = SmallVec::new();
    let mut add = |channel, text: Option<&'v Value>| -> bool {
        let text = text.and_then(Value::as_str);
        texts.extend(text.map(|text| (channel, text)));
        text.is_some()
    };
    add(Channel::Content, delta.get("content"));
    let _ = add(Channel::Reasoning, delta.get("reasoning_content"))
        || add(Channel::Reasoning, delta.get("reasoning"));
    add(Channel::Refusal, delta.get("refusal"));
    if let Some(call) = delta.get("function_call") {
        add(Channel::CallName(None), call.get("name"));
        add(Channel::CallArguments(None), call.get("arguments"));
    }
    for call in delta.get("tool_calls").and_then(Value::as_array).into_iter().flatten() {
        let index = call.get("index").and_then(Value::as_u64).and_then(|index| u32::try_from(index).ok());
        let index = Some(index.unwrap_or_default());
        // The caller has its id, even where its name has not come.
        texts.push((Channel::CallName(index), ""));
        for (kind, arguments) in [("function", "arguments"), ("custom", "input")] {
            let mut add = |channel, text: Option<&'v Value>| {
                texts.extend(text.and_then(Value::as_str).map(|text| (channel, text)));
            };
            add(Channel::CallName(index), call.get(kind).and_then(|call| call.get("name")));
            add(Channel::CallArguments(index), call.get(kind).and_then(|call| call.get(arguments)));
        }
    }
    texts
}

/// The inside of a text's JSON string.
fn inside(text: &str) -> String {
    let quoted = Value::from(text).to_string();
    quoted.get(1..quoted.len().saturating_sub(1)).unwrap_or_default().to_owned()
}

/// The text whose JSON string has this inside; halves of surrogate pairs that came apart are together again here.
fn outside(json: &[u8]) -> Option<String> {
    if !json.contains(&b'\\') {
        return std::str::from_utf8(json).ok().map(str::to_owned);
    }
    let quoted = [b"\"", json, b"\""].concat();
    serde_json::from_slice(&quoted).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(chunks: &[&str], expect: Option<&[(Channel, &str)]>) {
        let mut transcript = Transcript::default();
        for chunk in chunks {
            let chunk = format!(r#"{{"choices":[{chunk}]}}"#);
            transcript.add_chunk(&serde_json::from_str(&chunk).unwrap());
        }
        let got = transcript.read();
        let got = got.as_ref().map(|parts| parts.iter().map(|(c, t)| (*c, &**t)).collect::<Vec<_>>());
        assert_eq!(got.as_deref(), expect, "{chunks:?}");
    }

    #[test]
    fn texts_are_kept_by_channel() {
        use Channel::*;
        check(&[], Some(&[]));
        check(
            &[r#"{"delta":{"role":"assistant","content":""}}"#, r#"{"delta":{"reasoning_content":"hm"}}"#],
            Some(&[(Reasoning, "hm")]),
        );
        check(
            &[r#"{"delta":{"content":"a\"\n"}}"#, r#"{"delta":{"content":"é"}}"#],
            Some(&[(Content, "a\"\né")]),
        );
        check(
            &[
                r#"{"delta":{"tool_calls":[{"index":1,"id":"x","function":{"name":"f","arguments":""}}]}}"#,
                r#"{"delta":{"tool_calls":[{"index":1,"function":{"arguments":"{}"}}]}}"#,
            ],
            Some(&[(CallName(Some(1)), "f"), (CallArguments(Some(1)), "{}")]),
        );
        check(&[r#"{"index":1,"delta":{"content":"a"}}"#], None);
        check(&[r#"{"delta":{"audio":{"id":"a"}}}"#], None);
    }

    #[test]
    fn what_is_too_long_is_given_up() {
        let mut transcript = Transcript::default();
        transcript.add(Channel::Content, &vec![b'a'; TRANSCRIPT_BYTES_MAX]);
        assert!(transcript.is_kept());
        transcript.add(Channel::Content, b"b");
        assert!(!transcript.is_kept() && transcript.read().is_none());
    }

    #[test]
    fn too_many_calls_are_given_up_however_little_they_say() {
        let mut transcript = Transcript::default();
        let mut begin = |index| transcript.add(Channel::CallName(Some(index)), b"");
        (0..PARTS_MAX as u32).for_each(&mut begin);
        begin(0);
        assert!(transcript.is_kept());
        transcript.add(Channel::CallName(Some(PARTS_MAX as u32)), b"");
        assert!(!transcript.is_kept());
    }

    #[test]
    fn escapes_that_came_apart_are_read_together() {
        let mut transcript = Transcript::default();
        transcript.add(Channel::Content, br"a\ud83d");
        transcript.add(Channel::Content, br"\ude00");
        assert_eq!(transcript.read(), Some(vec![(Channel::Content, "a😀".to_owned())]));
    }
}
