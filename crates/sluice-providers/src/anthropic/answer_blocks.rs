//! The blocks of an answer, told apart by their indexes, as text, thinking and calls.

use serde_json::{Map, Value, json};
use sluice_chat::ChatEvent;
use sluice_chat::event::{FinishReason, ToolCallKind};

use super::wire::Delta;
use crate::memory::Memory;
use crate::reading::Reading;

/// Bytes of thinking or of a custom tool's input that are kept until their block is complete.
const KEPT_BYTES_MAX: usize = 4 << 20;

/// Blocks that are open at a time. Anthropic has one; where there are more the first is taken to have ended.
const OPEN_MAX: usize = 64;

/// The blocks of one answer.
#[derive(Debug)]
pub(super) struct AnswerBlocks {
    reading: Reading,
    /// What the ids begin with that the upstream does not give.
    call_id: String,
    open: Vec<(u32, Block)>,
    /// Calls so far: the next one's index.
    calls: u32,
    first_call: Option<String>,
    /// Signed thinking, for the next turn.
    thinking: Vec<Value>,
    /// Characters of the text so far, in which citations are counted.
    characters: u64,
}

/// A block whose end has not come.
#[derive(Debug)]
enum Block {
    Text {
        from: u64,
        citations: Vec<Value>,
    },
    /// The text is `None` when it grew too large to be kept.
    Thinking {
        text: Option<String>,
        signature: String,
    },
    /// `arguments` is what the start of the block said already; `said` whether anything has come since.
    Call {
        index: u32,
        arguments: String,
        said: bool,
    },
    /// A custom tool, whose text stands inside of its arguments.
    Custom {
        index: u32,
        arguments: String,
    },
    /// The tool whose arguments are the answer.
    Answer {
        arguments: String,
        said: bool,
    },
    /// Anything else: what it says is not for the caller.
    Other,
}

impl AnswerBlocks {
    pub(super) fn new(reading: Reading, call_id: &str) -> Self {
        Self {
            reading,
            call_id: call_id.to_owned(),
            open: Vec::new(),
            calls: 0,
            first_call: None,
            thinking: Vec::new(),
            characters: 0,
        }
    }

    pub(super) fn start(&mut self, index: u32, mut block: Map<String, Value>, out: &mut Vec<ChatEvent>) {
        self.stop(index, out);
        let mut text = |key: &str| match block.get_mut(key).map(Value::take) {
            Some(Value::String(text)) => text,
            _ => String::new(),
        };
        let kind = text("type");
        let opened = match kind.as_str() {
            "text" => {
                let said = text("text");
                let citations = match block.get_mut("citations").map(Value::take) {
                    Some(Value::Array(citations)) => citations,
                    _ => Vec::new(),
                };
                let from = self.characters;
                self.say(said, out);
                Block::Text { from, citations }
            }
            "thinking" => {
                let (thought, signature) = (text("thinking"), text("signature"));
                if !thought.is_empty() {
                    out.push(ChatEvent::Reasoning { choice: 0, text: thought.clone() });
                }
                Block::Thinking { text: Some(thought), signature }
            }
            "redacted_thinking" => {
                self.keep(json!({ "type": "redacted_thinking", "data": text("data") }), out);
                Block::Other
            }
            "tool_use" => {
                let (id, name) = (text("id"), text("name"));
                let input = block.get("input").and_then(Value::as_object).filter(|input| !input.is_empty());
                let arguments = input.map(|input| json!(input).to_string()).unwrap_or_default();
                self.call(id, &name, arguments, out)
            }
            _ => Block::Other,
        };
        self.open(index, opened, out);
    }

    fn open(&mut self, index: u32, block: Block, out: &mut Vec<ChatEvent>) {
        if self.open.len() == OPEN_MAX {
            self.stop(self.open[0].0, out);
        }
        self.open.push((index, block));
    }

    /// A block that is there at once.
    pub(super) fn whole(&mut self, index: u32, block: Map<String, Value>, out: &mut Vec<ChatEvent>) {
        self.start(index, block, out);
        self.stop(index, out);
    }

    fn call(&mut self, id: String, name: &str, arguments: String, out: &mut Vec<ChatEvent>) -> Block {
        if self.reading.answer_tool.as_deref() == Some(name) {
            return Block::Answer { arguments, said: false };
        }
        let name = self.reading.callers_name(name).to_owned();
        let index = self.calls;
        self.calls += 1;
        let id = if id.is_empty() { format!("call_{}_{index}", self.call_id) } else { id };
        let custom = self.reading.is_custom(&name);
        let kind = match custom {
            true => ToolCallKind::Custom,
            false if self.reading.legacy_functions => ToolCallKind::LegacyFunction,
            false => ToolCallKind::Function,
        };
        self.first_call.get_or_insert_with(|| id.clone());
        out.push(ChatEvent::ToolCallStarted { choice: 0, index, id, kind, name, extra_content: None });
        match custom {
            true => Block::Custom { index, arguments },
            false => Block::Call { index, arguments, said: false },
        }
    }

    pub(super) fn delta(&mut self, index: u32, delta: Delta, out: &mut Vec<ChatEvent>) {
        let Some(at) = self.open.iter().rposition(|(known, _)| *known == index) else {
            // A block of text may begin without a word.
            if delta.text.is_some() {
                let begun = Block::Text { from: self.characters, citations: Vec::new() };
                self.open(index, begun, out);
                self.say(delta.text.unwrap_or_default(), out);
            }
            return;
        };
        let Delta { text, thinking, signature, partial_json, citation, .. } = delta;
        match &mut self.open[at].1 {
            Block::Text { citations, .. } => {
                citations.extend(citation.map(|citation| *citation));
                self.say(text.unwrap_or_default(), out);
            }
            Block::Thinking { text, signature: kept } => {
                grow(kept, &signature.unwrap_or_default());
                if let Some(thought) = thinking.filter(|thought| !thought.is_empty()) {
                    if !text.as_mut().is_some_and(|text| grow(text, &thought)) {
                        *text = None;
                    }
                    out.push(ChatEvent::Reasoning { choice: 0, text: thought });
                }
            }
            Block::Call { index, said, .. } => {
                if let Some(fragment) = partial_json.filter(|fragment| !fragment.is_empty()) {
                    *said = true;
                    out.push(ChatEvent::ToolCallArguments { choice: 0, index: *index, fragment });
                }
            }
            Block::Custom { arguments, .. } => {
                grow(arguments, &partial_json.unwrap_or_default());
            }
            Block::Answer { said, .. } => {
                let fragment = partial_json.unwrap_or_default();
                *said |= !fragment.is_empty();
                self.say(fragment, out);
            }
            Block::Other => {}
        }
    }

    pub(super) fn stop(&mut self, index: u32, out: &mut Vec<ChatEvent>) {
        let Some(at) = self.open.iter().rposition(|(known, _)| *known == index) else { return };
        let (_, block) = self.open.remove(at);
        let or_empty = |arguments: String| if arguments.is_empty() { "{}".to_owned() } else { arguments };
        match block {
            Block::Text { from, citations } => self.cite(from, &citations, out),
            Block::Thinking { text, signature } => {
                if let Some(text) = text.filter(|_| !signature.is_empty()) {
                    let block = json!({ "type": "thinking", "thinking": text, "signature": signature });
                    self.keep(block, out);
                }
            }
            Block::Call { index, arguments, said } => {
                if !said {
                    let fragment = or_empty(arguments);
                    out.push(ChatEvent::ToolCallArguments { choice: 0, index, fragment });
                }
            }
            Block::Custom { index, arguments } => {
                let read = serde_json::from_str::<Value>(&arguments).unwrap_or_default();
                // Arguments that are no object, or cut off, are better than none.
                let fragment = read.get("input").and_then(Value::as_str).map_or(arguments, str::to_owned);
                if !fragment.is_empty() {
                    out.push(ChatEvent::ToolCallArguments { choice: 0, index, fragment });
                }
            }
            Block::Answer { arguments, said } => {
                if !said {
                    self.say(or_empty(arguments), out);
                }
            }
            Block::Other => {}
        }
    }

    /// Ends what has not ended.
    pub(super) fn stop_all(&mut self, out: &mut Vec<ChatEvent>) {
        while let Some((index, _)) = self.open.first() {
            self.stop(*index, out);
        }
    }

    /// The reason of an answer that ended of itself.
    pub(super) fn usual_reason(&self) -> FinishReason {
        match self.calls {
            0 => FinishReason::Stop,
            _ if self.reading.legacy_functions => FinishReason::FunctionCall,
            _ => FinishReason::ToolCalls,
        }
    }

    /// Keeps the thinking before calls for a caller who does not send it back.
    pub(super) fn remember(&self, memory: &dyn Memory) {
        if let Some(id) = self.first_call.as_ref().filter(|_| !self.thinking.is_empty()) {
            memory.keep(id, &json!(self.thinking).to_string());
        }
    }

    fn say(&mut self, text: String, out: &mut Vec<ChatEvent>) {
        if !text.is_empty() {
            self.characters += text.chars().count() as u64;
            out.push(ChatEvent::Text { choice: 0, text });
        }
    }

    fn keep(&mut self, block: Value, out: &mut Vec<ChatEvent>) {
        self.thinking.push(block.clone());
        out.push(ChatEvent::ThinkingBlock { choice: 0, block });
    }

    /// The sources of a text that has an address.
    fn cite(&self, from: u64, citations: &[Value], out: &mut Vec<ChatEvent>) {
        for citation in citations {
            let text = |key: &str| citation.get(key).and_then(Value::as_str);
            let Some(url) = text("url") else { continue };
            let title = text("title").unwrap_or_default();
            let cited =
                json!({ "start_index": from, "end_index": self.characters, "url": url, "title": title });
            let annotation = json!({ "type": "url_citation", "url_citation": cited });
            out.push(ChatEvent::Annotation { choice: 0, annotation });
        }
    }
}

/// Adds to what is kept; false when that would be too much.
fn grow(kept: &mut String, more: &str) -> bool {
    let fits = kept.len() + more.len() <= KEPT_BYTES_MAX;
    if fits {
        kept.push_str(more);
    }
    fits
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delta(delta: Value) -> Delta {
        serde_json::from_value(delta).unwrap()
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let mut blocks = AnswerBlocks::new(Reading::default(), "c");
        let mut out = Vec::new();
        blocks.start(0, json!({ "type": "thinking" }).as_object().unwrap().clone(), &mut out);
        let thought = "x".repeat(KEPT_BYTES_MAX / 2);
        for _ in 0..3 {
            blocks.delta(0, delta(json!({ "thinking": thought })), &mut out);
        }
        blocks.delta(0, delta(json!({ "signature": "s" })), &mut out);
        blocks.stop(0, &mut out);
        let said = out.iter().filter(|event| matches!(event, ChatEvent::Reasoning { .. })).count();
        assert_eq!(
            (said, out.len(), blocks.thinking.len()),
            (3, 3, 0),
            "all is said, and no half of it kept"
        );
        for index in 0..1_000 {
            blocks.delta(index, delta(json!({ "text": "a" })), &mut out);
        }
        assert_eq!((blocks.open.len(), blocks.characters), (OPEN_MAX, 1_000));
    }
}
