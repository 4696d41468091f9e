//! The way back of a vendor that differs: every event is repaired and written anew, or like one that was.

use bytes::Bytes;
use serde_json::{Map, Value};
use sluice_chat::Failure;
use sluice_chat::sse::{DONE, SseReader, write_event};

use super::failure;
use super::recurring::Recurring;
use super::repair::{Repairer, Repairs};
use crate::passage::Progress;
use crate::quirk::ResponseQuirk;
use crate::vendor::VendorRow;

/// The passage of a normalised row.
#[derive(Debug)]
pub struct NormalisedPassage {
    reader: SseReader,
    state: State,
    /// Bytes of the body before its first event.
    prelude: Vec<u8>,
    failed: bool,
}

/// All that an event acts on.
#[derive(Debug)]
struct State {
    repairer: Repairer,
    recurring: Recurring,
    progress: Progress,
    hide_usage: bool,
    /// Usage is kept back until the end.
    usage_at_end: bool,
    started: bool,
    /// Events that are ready.
    ready: Vec<u8>,
}

/// What is kept of a body that turns out not to be a stream.
const PRELUDE_BYTES_MAX: usize = 64 * 1024;

impl NormalisedPassage {
    pub(crate) fn new(row: &VendorRow, hide_usage: bool, max_event_bytes: usize) -> Self {
        let state = State {
            repairer: Repairer::new(Repairs::of(row), false),
            recurring: Recurring::new(),
            progress: Progress::default(),
            hide_usage,
            usage_at_end: row.answers_with(ResponseQuirk::UsagePlacement),
            started: false,
            ready: Vec::new(),
        };
        Self { reader: SseReader::new(max_event_bytes), state, prelude: Vec::new(), failed: false }
    }

    pub(crate) fn progress(&self) -> &Progress {
        &self.state.progress
    }

    pub(crate) fn progress_mut(&mut self) -> &mut Progress {
        &mut self.state.progress
    }

    pub(crate) fn push(&mut self, data: &[u8], out: &mut Vec<Bytes>) -> Result<(), Failure> {
        if self.failed || self.state.progress.done.is_some() {
            return Ok(());
        }
        if !self.state.started && self.prelude.len() < PRELUDE_BYTES_MAX {
            let left = PRELUDE_BYTES_MAX - self.prelude.len();
            self.prelude.extend_from_slice(&data[..data.len().min(left)]);
        }
        let mut result = Ok(());
        let state = &mut self.state;
        let read = self.reader.feed(data, &mut |event| {
            if result.is_ok() && state.progress.done.is_none() {
                result = state.event(event.data);
            }
        });
        self.state.flush(out);
        // Events before one that is too large count before it.
        let result = result.and_then(|()| match read {
            Err(_) if self.state.progress.done.is_none() => Err(failure::event_too_large()),
            _ => Ok(()),
        });
        self.failed = result.is_err();
        result
    }

    pub(crate) fn end(&mut self, out: &mut Vec<Bytes>) -> Result<(), Failure> {
        if self.state.progress.done.is_some() {
            return Ok(());
        }
        if self.state.repairer.finished() {
            self.state.usage();
            self.state.flush(out);
            return Ok(());
        }
        self.failed = true;
        Err(if self.state.started { failure::truncated() } else { failure::of_no_stream(&self.prelude) })
    }
}

impl State {
    fn event(&mut self, data: &[u8]) -> Result<(), Failure> {
        self.started = true;
        let progress = &mut self.progress;
        let transcript = progress.transcript.as_deref_mut();
        if let Some(content_bytes) = self.recurring.write(data, &mut self.ready, transcript) {
            progress.has_content = true;
            progress.content_events += 1;
            progress.content_bytes += content_bytes;
            return Ok(());
        }
        if data.starts_with(b"[DONE]") {
            return self.done();
        }
        let Ok(chunk) = serde_json::from_slice::<Value>(data) else { return Err(failure::bad_event()) };
        let Value::Object(chunk) = chunk else { return Ok(()) };
        let repaired = self.repairer.repair(chunk)?;
        (self.progress.usage, self.progress.usage_absurd) = self.repairer.tally.read();
        self.progress.finished = self.repairer.finished();
        self.progress.choices = self.repairer.choices_seen();
        if let Some(chunk) = repaired {
            self.chunk(chunk);
        }
        self.learn(data);
        Ok(())
    }

    /// Learns from an event that was repaired what those like it become.
    fn learn(&mut self, data: &[u8]) {
        self.recurring.keep_while(&self.repairer);
        let Some(probe) = self.recurring.probe(data) else { return };
        let Ok(Value::Object(chunk)) = serde_json::from_slice(&probe.data) else { return };
        let mut repairer = self.repairer.clone();
        let Ok(Some(chunk)) = repairer.repair(chunk) else { return };
        if let Some(chunk) = self.shaped(chunk).filter(|_| repairer.is_at(&self.repairer)) {
            self.recurring.learn(&probe, &Value::Object(chunk), &self.repairer);
        }
    }

    /// A repaired chunk as this caller gets it; `None` for one that was not asked for.
    fn shaped(&self, mut chunk: Map<String, Value>) -> Option<Map<String, Value>> {
        let usage_alone = chunk.get("usage").is_some_and(Value::is_object)
            && chunk.get("choices").and_then(Value::as_array).is_none_or(Vec::is_empty);
        if usage_alone && self.hide_usage {
            return None;
        }
        if self.usage_at_end && !self.hide_usage {
            chunk.insert("usage".to_owned(), Value::Null);
        } else if let Some(usage) = chunk.get_mut("usage").filter(|usage| usage.is_object()) {
            *usage = self.repairer.tally.canonical().unwrap_or_else(|| usage.take());
        }
        Some(chunk)
    }

    fn chunk(&mut self, chunk: Map<String, Value>) {
        let Some(chunk) = self.shaped(chunk) else { return };
        let content_bytes = content_bytes(&chunk, "delta");
        if let Some(content_bytes) = content_bytes {
            self.progress.has_content = true;
            self.progress.content_events += 1;
            self.progress.content_bytes += content_bytes;
        }
        let chunk = Value::Object(chunk);
        if let Some(transcript) = &mut self.progress.transcript {
            transcript.add_chunk(&chunk);
        }
        write_event(&mut self.ready, chunk.to_string().as_bytes());
    }

    fn done(&mut self) -> Result<(), Failure> {
        if let Some(chunk) = self.repairer.finish_on_done() {
            self.chunk(chunk);
        }
        self.progress.finished = self.repairer.finished();
        if !self.progress.finished {
            let any = self.repairer.any_choice();
            return Err(if any { failure::done_without_finish() } else { failure::empty_answer() });
        }
        self.usage();
        self.progress.done = Some(Bytes::from_static(DONE));
        Ok(())
    }

    /// The one chunk with usage, for a caller who asked.
    fn usage(&mut self) {
        if !std::mem::take(&mut self.usage_at_end) || self.hide_usage {
            return;
        }
        if let Some(usage) = self.repairer.tally.canonical() {
            let mut chunk = self.repairer.head().clone();
            chunk.insert("choices".to_owned(), Value::Array(Vec::new()));
            chunk.insert("usage".to_owned(), usage);
            write_event(&mut self.ready, Value::Object(chunk).to_string().as_bytes());
        }
    }

    fn flush(&mut self, out: &mut Vec<Bytes>) {
        if !self.ready.is_empty() {
            out.push(Bytes::from(std::mem::take(&mut self.ready)));
        }
    }
}

/// UTF-8 bytes of text in a chunk of a stream; `None` when nothing in it is content.
pub(super) fn content_bytes_of(chunk: &Value) -> Option<u64> {
    content_bytes(chunk.as_object()?, "delta")
}

/// UTF-8 bytes of text in a chunk (`said` is `delta`) or a whole answer (`message`); `None` when nothing in it is
/// content.
pub(super) fn content_bytes(chunk: &Map<String, Value>, said: &str) -> Option<u64> {
    let mut bytes = None;
    let choices = chunk.get("choices").and_then(Value::as_array);
    for delta in choices.into_iter().flatten().filter_map(|choice| choice.get(said)) {
        let mut add = |more: usize| bytes = Some(bytes.unwrap_or(0) + more as u64);
        for key in ["content", "reasoning_content", "reasoning", "refusal"] {
            if let Some(value) = delta.get(key).filter(|value| failure::truthy(value)) {
                add(value.as_str().map_or(0, str::len));
            }
        }
        for key in ["tool_calls", "function_call", "audio", "annotations", "images"] {
            if let Some(value) = delta.get(key).filter(|value| failure::truthy(value)) {
                let calls = value.as_array().map(Vec::as_slice).unwrap_or_default();
                let arguments = calls.iter().filter_map(|call| call.pointer("/function/arguments"));
                let own = value.get("arguments");
                add(arguments.chain(own).filter_map(Value::as_str).map(str::len).sum());
            }
        }
    }
    bytes
}

#[cfg(test)]
#[path = "normal_tests.rs"]
mod tests;
