//! Answers as canonical events, streamed and whole through one code path. Reads whatever any vendor is known to send.

use serde_json::{Map, Value};
use sluice_chat::event::{FinishReason, ToolCallKind};
use sluice_chat::sse::SseReader;
use sluice_chat::{ChatEvent, Failure};

use super::failure;
use super::repair::{Repairer, Repairs};
use super::whole;
use crate::dialect::Decoder;

/// Bound on one event, in bytes.
const EVENT_BYTES_MAX: usize = 8 << 20;

/// Bound on a whole body, in bytes.
const BODY_BYTES_MAX: usize = 64 << 20;

/// What is kept of a body that turns out not to be a stream, in bytes.
const PRELUDE_BYTES_MAX: usize = 64 << 10;

/// Reads a stream.
pub(super) struct StreamDecoder {
    reader: SseReader,
    repairer: Repairer,
    events: Events,
    prelude: Vec<u8>,
    started: bool,
    done: bool,
    failed: bool,
}

impl StreamDecoder {
    pub(super) fn new() -> Self {
        Self {
            reader: SseReader::new(EVENT_BYTES_MAX),
            repairer: Repairer::new(Repairs::All, false),
            events: Events::default(),
            prelude: Vec::new(),
            started: false,
            done: false,
            failed: false,
        }
    }

    fn read(&mut self, bytes: &[u8], out: &mut Vec<ChatEvent>) -> Result<(), Failure> {
        let mut result = Ok(());
        let Self { reader, repairer, events, started, done, .. } = self;
        let read = reader.feed(bytes, &mut |event| {
            if result.is_err() || *done {
                return;
            }
            *started = true;
            if event.data.starts_with(b"[DONE]") {
                *done = true;
                result = finish(repairer, events, out);
            } else {
                result = chunk(repairer, events, event.data, out);
            }
        });
        result.and_then(|()| if read.is_err() && !*done { Err(failure::event_too_large()) } else { Ok(()) })
    }
}

impl Decoder for StreamDecoder {
    fn feed(&mut self, bytes: &[u8], out: &mut Vec<ChatEvent>) -> Result<(), Failure> {
        if self.done || self.failed {
            return Ok(());
        }
        if !self.started && self.prelude.len() < PRELUDE_BYTES_MAX {
            let left = PRELUDE_BYTES_MAX - self.prelude.len();
            self.prelude.extend_from_slice(&bytes[..bytes.len().min(left)]);
        }
        let result = self.read(bytes, out);
        self.failed = result.is_err();
        result
    }

    fn end(&mut self, out: &mut Vec<ChatEvent>) -> Result<(), Failure> {
        if self.failed {
            return Err(failure::truncated());
        }
        if std::mem::replace(&mut self.done, true) {
            return Ok(());
        }
        if self.repairer.finished() {
            return finish(&mut self.repairer, &mut self.events, out);
        }
        Err(if self.started { failure::truncated() } else { failure::of_no_stream(&self.prelude) })
    }
}

fn chunk(
    repairer: &mut Repairer,
    events: &mut Events,
    data: &[u8],
    out: &mut Vec<ChatEvent>,
) -> Result<(), Failure> {
    let Ok(chunk) = serde_json::from_slice::<Value>(data) else { return Err(failure::bad_event()) };
    let Value::Object(chunk) = chunk else { return Ok(()) };
    if let Some(chunk) = repairer.repair(chunk)? {
        events.of_chunk(&chunk, repairer.head(), "delta", out);
    }
    Ok(())
}

/// The answer is complete, if every choice is.
fn finish(repairer: &mut Repairer, events: &mut Events, out: &mut Vec<ChatEvent>) -> Result<(), Failure> {
    if let Some(chunk) = repairer.finish_on_done() {
        events.of_chunk(&chunk, repairer.head(), "delta", out);
    }
    match (repairer.finished(), repairer.any_choice()) {
        (true, _) => out.extend(repairer.tally.read().0.map(ChatEvent::Usage)),
        (false, true) => return Err(failure::done_without_finish()),
        (false, false) => return Err(failure::empty_answer()),
    }
    Ok(())
}

/// Reads a whole body.
pub(super) struct WholeDecoder {
    body: Vec<u8>,
}

impl WholeDecoder {
    pub(super) fn new() -> Self {
        Self { body: Vec::new() }
    }
}

impl Decoder for WholeDecoder {
    fn feed(&mut self, bytes: &[u8], _: &mut Vec<ChatEvent>) -> Result<(), Failure> {
        if self.body.len() + bytes.len() > BODY_BYTES_MAX {
            return Err(failure::bad_response("the upstream's answer is larger than the bound"));
        }
        self.body.extend_from_slice(bytes);
        Ok(())
    }

    fn end(&mut self, out: &mut Vec<ChatEvent>) -> Result<(), Failure> {
        let (answer, repairer) = whole::repaired(Repairs::All, &self.body)?;
        Events::default().of_chunk(&answer, repairer.head(), "message", out);
        out.extend(repairer.tally.read().0.map(ChatEvent::Usage));
        Ok(())
    }
}

/// Turns repaired chunks into events.
#[derive(Debug, Default)]
struct Events {
    started: bool,
    /// Choices whose deprecated function call began.
    function_calls: Vec<u32>,
}

impl Events {
    fn of_chunk(
        &mut self,
        chunk: &Map<String, Value>,
        head: &Map<String, Value>,
        said: &str,
        out: &mut Vec<ChatEvent>,
    ) {
        let choices = chunk.get("choices").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        if choices.is_empty() {
            return;
        }
        if !std::mem::replace(&mut self.started, true) {
            let text =
                |map: &Map<String, Value>, key: &str| map.get(key).and_then(Value::as_str).map(str::to_owned);
            out.push(ChatEvent::Started {
                id: text(head, "id").unwrap_or_default(),
                created: head.get("created").and_then(Value::as_u64).unwrap_or_default(),
                model: text(head, "model").unwrap_or_default(),
                system_fingerprint: text(chunk, "system_fingerprint"),
                service_tier: text(chunk, "service_tier"),
            });
        }
        for choice in choices {
            let index = choice.get("index").and_then(Value::as_u64).unwrap_or_default() as u32;
            if let Some(delta) = choice.get(said).and_then(Value::as_object) {
                self.of_delta(index, delta, out);
            }
            if let Some(logprobs) = choice.get("logprobs").filter(|logprobs| logprobs.is_object()) {
                out.push(ChatEvent::Logprobs { choice: index, logprobs: logprobs.clone() });
            }
            let reason =
                choice.get("finish_reason").and_then(Value::as_str).and_then(FinishReason::from_wire);
            out.extend(reason.map(|reason| ChatEvent::Finished { choice: index, reason }));
        }
    }

    fn of_delta(&mut self, choice: u32, delta: &Map<String, Value>, out: &mut Vec<ChatEvent>) {
        let text =
            |key: &str| delta.get(key).and_then(Value::as_str).filter(|t| !t.is_empty()).map(str::to_owned);
        let list =
            |key: &str| delta.get(key).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        out.extend(text("reasoning_content").map(|text| ChatEvent::Reasoning { choice, text }));
        out.extend(text("content").map(|text| ChatEvent::Text { choice, text }));
        out.extend(text("refusal").map(|text| ChatEvent::Refusal { choice, text }));
        for (position, call) in list("tool_calls").iter().enumerate() {
            tool_call(choice, position as u32, call, out);
        }
        if let Some(call) = delta.get("function_call").filter(|call| call.is_object()) {
            self.function_call(choice, call, out);
        }
        for annotation in list("annotations") {
            out.push(ChatEvent::Annotation { choice, annotation: annotation.clone() });
        }
        if let Some(audio) = delta.get("audio").filter(|audio| audio.is_object()) {
            out.push(ChatEvent::Audio { choice, audio: audio.clone() });
        }
    }

    fn function_call(&mut self, choice: u32, call: &Value, out: &mut Vec<ChatEvent>) {
        let text = |key: &str| call.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        if !self.function_calls.contains(&choice) {
            self.function_calls.push(choice);
            let (id, name) = (String::new(), text("name"));
            out.push(ChatEvent::ToolCallStarted {
                choice,
                index: 0,
                id,
                kind: ToolCallKind::LegacyFunction,
                name,
                extra_content: None,
            });
        }
        arguments(choice, 0, text("arguments"), out);
    }
}

/// A repaired fragment; those of a whole answer have no index but their position.
fn tool_call(choice: u32, position: u32, call: &Value, out: &mut Vec<ChatEvent>) {
    let index = call.get("index").and_then(Value::as_u64).map_or(position, |index| index as u32);
    let custom = call.get("custom");
    let body = custom.or_else(|| call.get("function"));
    let text = |key: &str| {
        body.and_then(|body| body.get(key)).and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    if let Some(id) = call.get("id").and_then(Value::as_str) {
        let kind = if custom.is_some() { ToolCallKind::Custom } else { ToolCallKind::Function };
        out.push(ChatEvent::ToolCallStarted {
            choice,
            index,
            id: id.to_owned(),
            kind,
            name: text("name"),
            extra_content: call.get("extra_content").filter(|extra| extra.is_object()).cloned(),
        });
    }
    arguments(choice, index, text(if custom.is_some() { "input" } else { "arguments" }), out);
}

fn arguments(choice: u32, index: u32, fragment: String, out: &mut Vec<ChatEvent>) {
    if !fragment.is_empty() {
        out.push(ChatEvent::ToolCallArguments { choice, index, fragment });
    }
}
