//! Answers as canonical events, streamed and whole through one code path.

use std::sync::Arc;

use serde_json::{Map, Value};
use sluice_chat::event::FinishReason;
use sluice_chat::sse::SseReader;
use sluice_chat::{ChatEvent, Failure, FailureKind};

use super::answer_blocks::AnswerBlocks;
use super::failure;
use super::route::Route;
use super::usage::Counts;
use super::wire::{Delta, Event, Message, StopDetails};
use crate::aws_stream::{BadFrame, Frame, FrameReader};
use crate::base64;
use crate::dialect::{Decoder, DecoderTerms};
use crate::memory::Memory;
use crate::openai::failure as common;

/// Bound on a whole body, in bytes.
const BODY_BYTES_MAX: usize = 64 << 20;

/// What is kept of a body that turns out not to be a stream, in bytes.
const PRELUDE_BYTES_MAX: usize = 64 << 10;

pub(super) fn decoder(terms: &DecoderTerms<'_>, route: Route) -> Box<dyn Decoder> {
    let answer = Answer::new(terms);
    match (terms.streaming, route) {
        (false, _) => Box::new(WholeDecoder { answer, body: Vec::new() }),
        (true, Route::Bedrock) => {
            Box::new(FramedDecoder { reader: FrameReader::new(terms.max_event_bytes), answer, failed: false })
        }
        (true, _) => Box::new(StreamDecoder {
            reader: SseReader::new(terms.max_event_bytes),
            answer,
            prelude: Vec::new(),
            failed: false,
        }),
    }
}

/// One answer as it comes.
struct Answer {
    unix_s: u64,
    call_id: String,
    model: String,
    memory: Arc<dyn Memory>,
    blocks: AnswerBlocks,
    counts: Counts,
    started: bool,
    finished: bool,
    /// The message is over.
    stopped: bool,
    ended: bool,
}

impl Answer {
    fn new(terms: &DecoderTerms<'_>) -> Self {
        Self {
            unix_s: terms.unix_s,
            call_id: terms.call_id.to_owned(),
            model: terms.upstream_model.to_owned(),
            memory: Arc::clone(terms.memory),
            blocks: AnswerBlocks::new(terms.reading.clone(), terms.call_id),
            counts: Counts::default(),
            started: false,
            finished: false,
            stopped: false,
            ended: false,
        }
    }

    /// Reads one event of a stream.
    fn event(&mut self, data: &[u8], out: &mut Vec<ChatEvent>) -> Result<(), Failure> {
        let event: Event<'_> = serde_json::from_slice(data).map_err(|_| common::bad_event())?;
        let Event { r#type, index, delta, content_block, message, usage, error } = event;
        let index = index.unwrap_or_default();
        if self.finished && r#type.0.starts_with("content_block") {
            return Ok(());
        }
        match &*r#type.0 {
            "message_start" => {
                let message = *message.unwrap_or_default();
                self.start(&message, out);
                // Some servers say here already what they have.
                let said = message.content.into_iter().flatten().filter(|_| !self.finished);
                for (index, block) in said.enumerate() {
                    self.blocks.whole(index as u32, block, out);
                }
            }
            "content_block_start" => {
                self.start(&Message::default(), out);
                self.blocks.start(index, *content_block.unwrap_or_default(), out);
            }
            "content_block_delta" => {
                self.start(&Message::default(), out);
                self.blocks.delta(index, delta.unwrap_or_default(), out);
            }
            "content_block_stop" => self.blocks.stop(index, out),
            "message_delta" => {
                self.observe(usage.as_deref());
                self.message_delta(delta.unwrap_or_default(), out);
            }
            "message_stop" => {
                self.stopped = self.started;
                if self.started && !self.finished {
                    self.finish(None, None, out);
                }
            }
            "error" => return Err(failure::of_event(&error.unwrap_or_default())),
            // `ping`, and what is newer than this.
            _ => {}
        }
        Ok(())
    }

    fn observe(&mut self, usage: Option<&Map<String, Value>>) {
        if let Some(usage) = usage {
            self.counts.observe(usage);
        }
    }

    fn start(&mut self, message: &Message, out: &mut Vec<ChatEvent>) {
        self.observe(message.usage.as_ref());
        if std::mem::replace(&mut self.started, true) {
            return;
        }
        let text = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        let tier = message.usage.as_ref().and_then(|usage| usage.get("service_tier")).and_then(Value::as_str);
        out.push(ChatEvent::Started {
            id: text(&message.id).unwrap_or_else(|| format!("chatcmpl-{}", self.call_id)),
            created: self.unix_s,
            model: text(&message.model).unwrap_or_else(|| self.model.clone()),
            system_fingerprint: None,
            service_tier: tier.and_then(|tier| match tier {
                "standard" => Some("default".to_owned()),
                "priority" => Some("priority".to_owned()),
                _ => None,
            }),
        });
    }

    fn message_delta(&mut self, delta: Delta, out: &mut Vec<ChatEvent>) {
        if delta.stop_reason.as_deref().is_some_and(|reason| !reason.is_empty()) && self.started {
            let details = delta.stop_details.map(|details| *details);
            self.finish(delta.stop_reason.as_deref(), details, out);
        }
    }

    fn finish(&mut self, reason: Option<&str>, details: Option<StopDetails>, out: &mut Vec<ChatEvent>) {
        if std::mem::replace(&mut self.finished, true) {
            return;
        }
        self.blocks.stop_all(out);
        let refused = reason == Some("refusal");
        let explanation = details.and_then(|details| details.explanation).filter(|text| !text.is_empty());
        out.extend(explanation.filter(|_| refused).map(|text| ChatEvent::Refusal { choice: 0, text }));
        self.blocks.remember(&*self.memory);
        let reason = match reason.unwrap_or_default() {
            "max_tokens" | "model_context_window_exceeded" | "pause_turn" => FinishReason::Length,
            "refusal" => FinishReason::ContentFilter,
            _ => self.blocks.usual_reason(),
        };
        out.push(ChatEvent::Finished { choice: 0, reason });
    }

    /// Nothing more comes.
    fn end(&mut self, out: &mut Vec<ChatEvent>) -> Result<(), Failure> {
        if std::mem::replace(&mut self.ended, true) {
            return Ok(());
        }
        if !self.finished {
            return Err(if self.started { common::truncated() } else { common::empty_answer() });
        }
        out.extend(self.counts.read().map(ChatEvent::Usage));
        Ok(())
    }
}

/// Reads server-sent events.
struct StreamDecoder {
    reader: SseReader,
    answer: Answer,
    prelude: Vec<u8>,
    failed: bool,
}

impl Decoder for StreamDecoder {
    fn feed(&mut self, bytes: &[u8], out: &mut Vec<ChatEvent>) -> Result<(), Failure> {
        if self.failed || self.answer.stopped {
            return Ok(());
        }
        if !self.answer.started && self.prelude.len() < PRELUDE_BYTES_MAX {
            let left = PRELUDE_BYTES_MAX - self.prelude.len();
            self.prelude.extend_from_slice(&bytes[..bytes.len().min(left)]);
        }
        let mut result = Ok(());
        let answer = &mut self.answer;
        let read = self.reader.feed(bytes, &mut |event| {
            // Proxies of OpenAI's dialect end every stream like this.
            if result.is_ok() && !answer.stopped && event.data != b"[DONE]" {
                result = answer.event(event.data, out);
            }
        });
        let too_large = read.is_err() && !self.answer.stopped;
        let result = result.and_then(|()| if too_large { Err(common::event_too_large()) } else { Ok(()) });
        self.failed = result.is_err();
        result
    }

    fn end(&mut self, out: &mut Vec<ChatEvent>) -> Result<(), Failure> {
        if self.failed {
            return Err(common::truncated());
        }
        if !self.answer.started && !self.answer.ended {
            return Err(not_a_stream(&self.prelude));
        }
        self.answer.end(out)
    }

    fn done(&self) -> bool {
        self.answer.stopped
    }

    fn usage_absurd(&self) -> bool {
        self.answer.counts.is_absurd()
    }
}

/// What came in place of a stream.
fn not_a_stream(prelude: &[u8]) -> Failure {
    match serde_json::from_slice::<Value>(prelude) {
        Ok(value) if value.get("error").is_some_and(Value::is_object) => failure::of_event(&value["error"]),
        _ => common::of_no_stream(prelude),
    }
}

/// Reads AWS's frames, each of which holds an event in base64.
struct FramedDecoder {
    reader: FrameReader,
    answer: Answer,
    failed: bool,
}

impl Decoder for FramedDecoder {
    fn feed(&mut self, bytes: &[u8], out: &mut Vec<ChatEvent>) -> Result<(), Failure> {
        if self.failed || self.answer.stopped {
            return Ok(());
        }
        let mut result = Ok(());
        let answer = &mut self.answer;
        let read = self.reader.feed(bytes, &mut |frame| {
            if result.is_ok() && !answer.stopped {
                result = framed(answer, frame, out);
            }
        });
        let bad = read.err().filter(|_| !self.answer.stopped);
        let result = result.and_then(|()| match bad {
            None => Ok(()),
            Some(BadFrame::TooLarge) => Err(common::event_too_large()),
            Some(bad) => Err(Failure::ours(
                FailureKind::BadEvent,
                "upstream_bad_event",
                format!("the upstream sent: {bad}"),
            )),
        });
        self.failed = result.is_err();
        result
    }

    fn end(&mut self, out: &mut Vec<ChatEvent>) -> Result<(), Failure> {
        if self.failed {
            return Err(common::truncated());
        }
        self.answer.end(out)
    }

    fn done(&self) -> bool {
        self.answer.stopped
    }

    fn usage_absurd(&self) -> bool {
        self.answer.counts.is_absurd()
    }
}

fn framed(answer: &mut Answer, frame: &Frame<'_>, out: &mut Vec<ChatEvent>) -> Result<(), Failure> {
    let header = |name: &str| frame.header(name).unwrap_or_default();
    match header(":message-type") {
        "exception" => return Err(failure::of_exception(header(":exception-type"), frame.payload)),
        "error" => {
            let said = serde_json::json!({ "message": header(":error-message") }).to_string();
            return Err(failure::of_exception(header(":error-code"), said.as_bytes()));
        }
        _ => {}
    }
    if header(":event-type") != "chunk" {
        return Ok(());
    }
    #[derive(serde::Deserialize)]
    struct Chunk<'a> {
        #[serde(borrow)]
        bytes: std::borrow::Cow<'a, str>,
    }
    let chunk: Chunk<'_> = serde_json::from_slice(frame.payload).map_err(|_| common::bad_event())?;
    let event = base64::decoded(chunk.bytes.as_bytes()).ok_or_else(common::bad_event)?;
    answer.event(&event, out)
}

/// Reads a whole body.
struct WholeDecoder {
    answer: Answer,
    body: Vec<u8>,
}

impl Decoder for WholeDecoder {
    fn feed(&mut self, bytes: &[u8], _: &mut Vec<ChatEvent>) -> Result<(), Failure> {
        if self.body.len() + bytes.len() > BODY_BYTES_MAX {
            return Err(common::bad_response("the upstream's answer is larger than the bound"));
        }
        self.body.extend_from_slice(bytes);
        Ok(())
    }

    fn end(&mut self, out: &mut Vec<ChatEvent>) -> Result<(), Failure> {
        let read = serde_json::from_slice::<Message>(&self.body);
        let message = match read {
            Ok(message) if message.r#type.as_deref() == Some("message") || message.content.is_some() => {
                message
            }
            _ => return Err(not_a_message(&self.body)),
        };
        let answer = &mut self.answer;
        answer.start(&message, out);
        for (index, block) in message.content.into_iter().flatten().enumerate() {
            answer.blocks.whole(index as u32, block, out);
        }
        answer.finish(message.stop_reason.as_deref(), message.stop_details, out);
        answer.end(out)
    }

    fn usage_absurd(&self) -> bool {
        self.answer.counts.is_absurd()
    }
}

fn not_a_message(body: &[u8]) -> Failure {
    match serde_json::from_slice::<Value>(body) {
        Ok(value) if value.get("error").is_some_and(Value::is_object) => failure::of_event(&value["error"]),
        _ => common::of_no_completion(body),
    }
}
