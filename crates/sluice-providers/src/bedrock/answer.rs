//! One answer of Converse, block by block, as events: the same for a stream and for a whole body.

use std::sync::Arc;

use serde_json::{Value, json};
use sluice_chat::event::{FinishReason, ToolCallKind};
use sluice_chat::{ChatEvent, Failure, Usage};

use super::failure;
use crate::asked::calls;
use crate::dialect::DecoderTerms;
use crate::memory::Memory;
use crate::reading::Reading;

/// Bytes of thinking or of a custom tool's input that are kept until their block is complete.
const KEPT_BYTES_MAX: usize = 4 << 20;

/// The state of one answer.
pub(super) struct Answer {
    head: Option<ChatEvent>,
    call_id: String,
    reading: Reading,
    memory: Arc<dyn Memory>,
    /// Blocks that have begun and not ended, by their index.
    open: Vec<(u64, Block)>,
    calls: u32,
    /// Signed thinking so far, for the memory.
    thinking: Vec<Value>,
    /// Characters of text so far.
    chars: usize,
    finished: bool,
    usage: Option<Usage>,
    usage_given: bool,
    /// The last event came.
    closed: bool,
    pub(super) usage_absurd: bool,
}

/// A block that is under way.
enum Block {
    /// Text, or the input of the tool that gives the answer.
    Text { from_char: usize },
    Call {
        index: u32,
        said: bool,
        /// The input of a custom tool, which is taken out of its object at the end.
        custom: Option<String>,
    },
    /// `None` for what grew too large to be kept.
    Thinking { text: Option<String>, signature: String },
    /// Nothing that the API has words for.
    Silent,
}

impl Answer {
    pub(super) fn new(terms: &DecoderTerms<'_>) -> Self {
        let head = ChatEvent::Started {
            id: format!("chatcmpl-{}", terms.call_id),
            created: terms.unix_s,
            model: terms.upstream_model.to_owned(),
            system_fingerprint: None,
            service_tier: None,
        };
        Self {
            head: Some(head),
            call_id: terms.call_id.to_owned(),
            reading: terms.reading.clone(),
            memory: Arc::clone(terms.memory),
            open: Vec::new(),
            calls: 0,
            thinking: Vec::new(),
            chars: 0,
            finished: false,
            usage: None,
            usage_given: false,
            closed: false,
            usage_absurd: false,
        }
    }

    pub(super) fn finished(&self) -> bool {
        self.finished
    }

    /// Whether all came that comes: nothing follows the counts, and they follow the finish.
    pub(super) fn complete(&self) -> bool {
        self.finished && (self.closed || self.usage_given || self.usage_absurd)
    }

    pub(super) fn start(&mut self, out: &mut Vec<ChatEvent>) {
        out.extend(self.head.take());
    }

    /// `contentBlockStart`: only blocks of tools have one.
    pub(super) fn block_starts(&mut self, at: u64, start: &Value, out: &mut Vec<ChatEvent>) {
        if self.finished {
            return;
        }
        self.start(out);
        let block = match start.get("toolUse") {
            // A tool that the provider runs itself.
            Some(tool) if tool.get("type").is_some_and(|kind| kind == "server_tool_use") => Block::Silent,
            Some(tool) => self.call_starts(tool, out),
            None => Block::Silent,
        };
        self.open.retain(|(other, _)| *other != at);
        self.open.push((at, block));
    }

    fn call_starts(&mut self, tool: &Value, out: &mut Vec<ChatEvent>) -> Block {
        let text = |name: &str| tool.get(name).and_then(Value::as_str).unwrap_or_default();
        let name = text("name");
        if self.reading.answer_tool.as_deref() == Some(name) {
            return Block::Text { from_char: self.chars };
        }
        let name = self.reading.callers_name(name);
        let Some(kind) = calls::kind(&self.reading, name, self.calls) else { return Block::Silent };
        let id = match text("toolUseId") {
            "" => format!("call_{}_{}", self.call_id, self.calls),
            id => id.to_owned(),
        };
        if self.calls == 0 && !self.thinking.is_empty() {
            self.memory.keep(&id, &Value::from(std::mem::take(&mut self.thinking)).to_string());
        }
        let index = self.calls;
        self.calls += 1;
        out.push(ChatEvent::ToolCallStarted {
            choice: 0,
            index,
            id,
            kind,
            name: name.to_owned(),
            extra_content: None,
        });
        Block::Call { index, said: false, custom: (kind == ToolCallKind::Custom).then(String::new) }
    }

    /// `contentBlockDelta`: a union of text, input of a tool, thinking, citation.
    pub(super) fn block_grows(&mut self, at: u64, delta: &Value, out: &mut Vec<ChatEvent>) {
        if self.finished {
            return;
        }
        self.start(out);
        if let Some(text) = delta.get("text").and_then(Value::as_str) {
            self.text(at, text, out);
        } else if let Some(fragment) = delta.pointer("/toolUse/input").and_then(Value::as_str) {
            self.input(at, fragment, out);
        } else if let Some(thought) = delta.get("reasoningContent") {
            self.thought(at, thought, out);
        } else if let Some(citation) = delta.get("citation") {
            self.citation(at, citation, out);
        }
    }

    /// A block that has begun, or begins with this.
    fn block(&mut self, at: u64, make: impl FnOnce() -> Block) -> &mut Block {
        let found = self.open.iter().position(|(other, _)| *other == at);
        let place = found.unwrap_or_else(|| {
            self.open.push((at, make()));
            self.open.len() - 1
        });
        &mut self.open[place].1
    }

    fn text(&mut self, at: u64, text: &str, out: &mut Vec<ChatEvent>) {
        let from_char = self.chars;
        self.block(at, || Block::Text { from_char });
        self.said(text, out);
    }

    fn said(&mut self, text: &str, out: &mut Vec<ChatEvent>) {
        if !text.is_empty() {
            self.chars += text.chars().count();
            out.push(ChatEvent::Text { choice: 0, text: text.to_owned() });
        }
    }

    fn input(&mut self, at: u64, fragment: &str, out: &mut Vec<ChatEvent>) {
        if fragment.is_empty() {
            return;
        }
        match self.block(at, || Block::Silent) {
            Block::Call { said, custom: Some(kept), .. } => {
                *said = true;
                if kept.len() + fragment.len() <= KEPT_BYTES_MAX {
                    kept.push_str(fragment);
                }
            }
            Block::Call { index, said, custom: None } => {
                *said = true;
                let (index, fragment) = (*index, fragment.to_owned());
                out.push(ChatEvent::ToolCallArguments { choice: 0, index, fragment });
            }
            // The input of the tool that gives the answer is the answer.
            Block::Text { .. } => self.said(fragment, out),
            Block::Thinking { .. } | Block::Silent => {}
        }
    }

    fn thought(&mut self, at: u64, thought: &Value, out: &mut Vec<ChatEvent>) {
        let said = |name: &str| thought.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
        if let Some(data) = said("redactedContent") {
            self.signed(json!({ "type": "redacted_thinking", "data": data }), out);
            return;
        }
        let block =
            self.block(at, || Block::Thinking { text: Some(String::new()), signature: String::new() });
        let Block::Thinking { text: kept, signature } = block else { return };
        if let Some(more) = said("signature").filter(|more| signature.len() + more.len() <= KEPT_BYTES_MAX) {
            signature.push_str(more);
        }
        if let Some(text) = said("text") {
            match kept {
                Some(all) if all.len() + text.len() <= KEPT_BYTES_MAX => all.push_str(text),
                _ => *kept = None,
            }
            out.push(ChatEvent::Reasoning { choice: 0, text: text.to_owned() });
        }
    }

    fn signed(&mut self, block: Value, out: &mut Vec<ChatEvent>) {
        self.thinking.push(block.clone());
        out.push(ChatEvent::ThinkingBlock { choice: 0, block });
    }

    /// Where a statement was found; only what stands in the web has a URL.
    fn citation(&mut self, at: u64, citation: &Value, out: &mut Vec<ChatEvent>) {
        let url = citation.pointer("/location/web/url").and_then(Value::as_str);
        let Some(url) = url.filter(|url| !url.is_empty()) else { return };
        let from = match self.open.iter().find(|(other, _)| *other == at) {
            Some((_, Block::Text { from_char })) => *from_char,
            _ => self.chars,
        };
        let title = citation.get("title").and_then(Value::as_str).unwrap_or_default();
        let cited = json!({ "start_index": from, "end_index": self.chars, "url": url, "title": title });
        let annotation = json!({ "type": "url_citation", "url_citation": cited });
        out.push(ChatEvent::Annotation { choice: 0, annotation });
    }

    /// `contentBlockStop`.
    pub(super) fn block_ends(&mut self, at: u64, out: &mut Vec<ChatEvent>) {
        let Some(place) = self.open.iter().position(|(other, _)| *other == at) else { return };
        let (_, block) = self.open.remove(place);
        self.close(block, out);
    }

    fn close(&mut self, block: Block, out: &mut Vec<ChatEvent>) {
        match block {
            Block::Call { index, custom: Some(kept), .. } => {
                let fragment = calls::custom_input(kept);
                out.push(ChatEvent::ToolCallArguments { choice: 0, index, fragment });
            }
            Block::Call { index, said: false, custom: None } => {
                // A call without arguments still has an object of them.
                out.push(ChatEvent::ToolCallArguments { choice: 0, index, fragment: "{}".to_owned() });
            }
            Block::Thinking { text: Some(text), signature } if !signature.is_empty() => {
                self.signed(json!({ "type": "thinking", "thinking": text, "signature": signature }), out);
            }
            Block::Call { .. } | Block::Thinking { .. } | Block::Text { .. } | Block::Silent => {}
        }
    }

    /// `messageStop`.
    ///
    /// # Errors
    /// When the provider could not make sense of what the model wrote.
    pub(super) fn stops(&mut self, reason: &str, out: &mut Vec<ChatEvent>) -> Result<(), Failure> {
        self.start(out);
        let after_calls = calls::natural_end(&self.reading, self.calls);
        let reason = match reason {
            "max_tokens" | "model_context_window_exceeded" => FinishReason::Length,
            "guardrail_intervened" | "content_filtered" => FinishReason::ContentFilter,
            "malformed_model_output" | "malformed_tool_use" => return Err(failure::malformed(reason)),
            _ => after_calls,
        };
        // A block that did not end is cut; its call keeps what it has.
        let open = std::mem::take(&mut self.open);
        if reason == after_calls {
            open.into_iter().for_each(|(_, block)| self.close(block, out));
        }
        if !std::mem::replace(&mut self.finished, true) {
            out.push(ChatEvent::Finished { choice: 0, reason });
        }
        self.settle(out);
        Ok(())
    }

    /// `metadata`: the counts.
    pub(super) fn counts(&mut self, usage: Option<&Value>, out: &mut Vec<ChatEvent>) {
        self.closed |= self.finished;
        let Some(usage) = usage.filter(|usage| usage.is_object()) else { return };
        match counted(usage) {
            Some(usage) => self.usage = Some(usage),
            None => self.usage_absurd = true,
        }
        self.settle(out);
    }

    /// Usage comes once, behind the finish.
    fn settle(&mut self, out: &mut Vec<ChatEvent>) {
        if self.finished && !self.usage_given && !self.usage_absurd {
            self.usage_given = self.usage.is_some();
            out.extend(self.usage.take().map(ChatEvent::Usage));
        }
    }
}

/// `inputTokens` leaves out what the cache had or took; `None` for counts that cannot be.
fn counted(usage: &Value) -> Option<Usage> {
    let count = |name: &str| match usage.get(name) {
        None | Some(Value::Null) => Some(0),
        Some(value) => value.as_u64(),
    };
    let (read, written) = (count("cacheReadInputTokens")?, count("cacheWriteInputTokens")?);
    let mut counts = Usage {
        prompt_tokens: count("inputTokens")?.checked_add(read)?.checked_add(written)?,
        completion_tokens: count("outputTokens")?,
        ..Usage::default()
    };
    counts.prompt.cached_tokens = read;
    counts.prompt.cache_write_tokens = written;
    let details = usage.get("cacheDetails").and_then(Value::as_array).into_iter().flatten();
    let kept_1h = details.filter(|detail| detail.get("ttl").is_some_and(|ttl| ttl == "1h"));
    let kept_1h = kept_1h.filter_map(|detail| detail.get("inputTokens")?.as_u64());
    counts.prompt.cache_write_1h_tokens = kept_1h.fold(0, u64::saturating_add).min(written);
    Some(counts)
}
