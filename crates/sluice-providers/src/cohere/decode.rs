//! Answers of Cohere: events with a `type`, or one body.

use serde_json::Value;
use sluice_chat::sse::SseReader;
use sluice_chat::{ChatEvent, Failure};

use super::answer::Answer;
use crate::dialect::{Decoder, DecoderTerms};
use crate::openai::failure as common;

/// Bound on a whole body, in bytes.
const BODY_BYTES_MAX: usize = 64 << 20;

/// What is kept of a body that turns out not to be a stream, in bytes.
const PRELUDE_BYTES_MAX: usize = 64 << 10;

/// Reads a stream.
pub(super) struct StreamDecoder {
    reader: SseReader,
    answer: Answer,
    prelude: Vec<u8>,
    /// An event came.
    began: bool,
    failed: bool,
}

impl StreamDecoder {
    pub(super) fn new(terms: &DecoderTerms<'_>) -> Self {
        let reader = SseReader::new(terms.max_event_bytes);
        Self { reader, answer: Answer::new(terms), prelude: Vec::new(), began: false, failed: false }
    }

    fn events(&mut self, bytes: &[u8], out: &mut Vec<ChatEvent>) -> Result<(), Failure> {
        let mut result = Ok(());
        let Self { reader, answer, began, .. } = self;
        let read = reader.feed(bytes, &mut |event| {
            if result.is_ok() && !answer.finished && !event.data.starts_with(b"[DONE]") {
                *began = true;
                result = read_event(event.data, answer, out);
            }
        });
        result?;
        if read.is_err() && !answer.finished { Err(common::event_too_large()) } else { Ok(()) }
    }
}

fn read_event(data: &[u8], answer: &mut Answer, out: &mut Vec<ChatEvent>) -> Result<(), Failure> {
    let event: Value = serde_json::from_slice(data).map_err(|_| common::bad_event())?;
    let at = event.get("index").and_then(Value::as_u64).unwrap_or_default();
    let message = &event["delta"]["message"];
    match event.get("type").and_then(Value::as_str).unwrap_or_default() {
        "message-start" => answer.start(event.get("id"), out),
        "content-start" | "content-delta" => answer.content(&message["content"], out),
        "tool-plan-delta" => answer.plan(message["tool_plan"].as_str().unwrap_or_default(), out),
        "tool-call-start" => answer.call_starts(at, &message["tool_calls"], out),
        "tool-call-delta" => answer.call_grows(at, &message["tool_calls"], out),
        "tool-call-end" => answer.call_ends(at, out),
        "citation-start" => answer.citation(&message["citations"], out),
        "message-end" => return answer.ends(&event["delta"], out),
        // An error in place of an event has no type.
        "" if event.get("message").is_some_and(Value::is_string) || event.get("error").is_some() => {
            return Err(common::of_no_completion(data));
        }
        _ => {}
    }
    Ok(())
}

impl Decoder for StreamDecoder {
    fn feed(&mut self, bytes: &[u8], out: &mut Vec<ChatEvent>) -> Result<(), Failure> {
        if self.failed || self.answer.finished {
            return Ok(());
        }
        if !self.began && self.prelude.len() < PRELUDE_BYTES_MAX {
            let room = PRELUDE_BYTES_MAX - self.prelude.len();
            self.prelude.extend_from_slice(&bytes[..bytes.len().min(room)]);
        }
        let result = self.events(bytes, out);
        self.failed = result.is_err();
        result
    }

    fn end(&mut self, _: &mut Vec<ChatEvent>) -> Result<(), Failure> {
        if self.answer.finished {
            return Ok(());
        }
        Err(if self.began || self.failed { common::truncated() } else { common::of_no_stream(&self.prelude) })
    }

    fn done(&self) -> bool {
        self.answer.finished
    }

    fn usage_absurd(&self) -> bool {
        self.answer.usage_absurd
    }
}

/// Reads a whole body.
pub(super) struct WholeDecoder {
    body: Vec<u8>,
    answer: Answer,
}

impl WholeDecoder {
    pub(super) fn new(terms: &DecoderTerms<'_>) -> Self {
        Self { body: Vec::new(), answer: Answer::new(terms) }
    }
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
        let body = serde_json::from_slice::<Value>(&self.body).unwrap_or_default();
        let Some(message) = body.get("message").filter(|message| message.is_object()) else {
            return Err(common::of_no_completion(&self.body));
        };
        let answer = &mut self.answer;
        answer.start(body.get("id"), out);
        let list = |name: &str| message.get(name).and_then(Value::as_array).into_iter().flatten();
        answer.plan(message.get("tool_plan").and_then(Value::as_str).unwrap_or_default(), out);
        list("content").for_each(|block| answer.content(block, out));
        list("citations").for_each(|citation| answer.citation(citation, out));
        for (at, call) in (0..).zip(list("tool_calls")) {
            answer.call_starts(at, call, out);
        }
        answer.ends(&body, out)
    }

    fn usage_absurd(&self) -> bool {
        self.answer.usage_absurd
    }
}
