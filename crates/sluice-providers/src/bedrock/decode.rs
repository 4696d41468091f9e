//! Answers of Converse: frames of a stream, or one body.

use serde_json::Value;
use sluice_chat::{ChatEvent, Failure};

use super::answer::Answer;
use super::failure;
use crate::aws_stream::{BadFrame, Frame, FrameReader};
use crate::dialect::{Decoder, DecoderTerms};
use crate::openai::failure as common;

/// Bound on a whole body, in bytes.
const BODY_BYTES_MAX: usize = 64 << 20;

/// What is kept of a body that is no stream, in bytes.
const DOCUMENT_BYTES_MAX: usize = 64 << 10;

/// Reads a stream.
pub(super) struct StreamDecoder {
    reader: FrameReader,
    answer: Answer,
    state: State,
}

enum State {
    /// Nothing came yet.
    Waiting,
    /// A page or a JSON body came in place of frames.
    Document(Vec<u8>),
    Frames,
    /// Nothing more is read: all came, or something failed.
    Done,
    Failed,
}

impl StreamDecoder {
    pub(super) fn new(terms: &DecoderTerms<'_>) -> Self {
        let reader = FrameReader::new(terms.max_event_bytes);
        Self { reader, answer: Answer::new(terms), state: State::Waiting }
    }

    fn frames(&mut self, bytes: &[u8], out: &mut Vec<ChatEvent>) -> Result<(), Failure> {
        let mut result = Ok(());
        let Self { reader, answer, .. } = self;
        let read = reader.feed(bytes, &mut |frame| {
            if result.is_ok() && !answer.complete() {
                result = read_frame(frame, answer, out);
            }
        });
        result?;
        if answer.complete() {
            self.state = State::Done;
            return Ok(());
        }
        read.map_err(|bad| match bad {
            BadFrame::TooLarge => common::event_too_large(),
            BadFrame::Checksum | BadFrame::Malformed => failure::bad_frame(bad),
        })
    }
}

impl Decoder for StreamDecoder {
    fn feed(&mut self, bytes: &[u8], out: &mut Vec<ChatEvent>) -> Result<(), Failure> {
        // The length of a frame begins with zero: no frame is as large as what a text would mean.
        let is_text = |byte: &u8| byte.is_ascii_graphic() || byte.is_ascii_whitespace();
        match (&mut self.state, bytes.first()) {
            (_, None) | (State::Done | State::Failed, _) => return Ok(()),
            (State::Waiting, Some(first)) if is_text(first) => self.state = State::Document(Vec::new()),
            (State::Waiting, _) => self.state = State::Frames,
            (State::Document(_) | State::Frames, _) => {}
        }
        if let State::Document(kept) = &mut self.state {
            let room = DOCUMENT_BYTES_MAX - kept.len();
            kept.extend_from_slice(&bytes[..bytes.len().min(room)]);
            return Ok(());
        }
        let result = self.frames(bytes, out);
        if result.is_err() {
            self.state = State::Failed;
        }
        result
    }

    fn end(&mut self, _: &mut Vec<ChatEvent>) -> Result<(), Failure> {
        match &self.state {
            State::Done => Ok(()),
            State::Waiting => Err(common::empty_answer()),
            State::Document(kept) => Err(common::of_no_stream(kept)),
            State::Frames if self.answer.finished() => Ok(()),
            State::Frames | State::Failed => Err(common::truncated()),
        }
    }

    fn done(&self) -> bool {
        matches!(self.state, State::Done)
    }

    fn usage_absurd(&self) -> bool {
        self.answer.usage_absurd
    }
}

fn read_frame(frame: &Frame<'_>, answer: &mut Answer, out: &mut Vec<ChatEvent>) -> Result<(), Failure> {
    let header = |name: &str| frame.header(name).unwrap_or_default();
    match header(":message-type") {
        "event" => {
            let payload: Value = serde_json::from_slice(frame.payload).map_err(|_| common::bad_event())?;
            event(header(":event-type"), &payload, answer, out)
        }
        "exception" => Err(failure::of_exception(header(":exception-type"), frame.payload)),
        "error" => Err(failure::of_error(header(":error-code"), header(":error-message"))),
        _ => Ok(()),
    }
}

/// The payload is the event itself; keys that pad it (`p`), and events of later versions, mean nothing.
fn event(name: &str, payload: &Value, answer: &mut Answer, out: &mut Vec<ChatEvent>) -> Result<(), Failure> {
    let at = payload.get("contentBlockIndex").and_then(Value::as_u64).unwrap_or_default();
    match name {
        "messageStart" => answer.start(out),
        "contentBlockStart" => answer.block_starts(at, &payload["start"], out),
        "contentBlockDelta" => answer.block_grows(at, &payload["delta"], out),
        "contentBlockStop" => answer.block_ends(at, out),
        "messageStop" => {
            let reason = payload.get("stopReason").and_then(Value::as_str).unwrap_or_default();
            return answer.stops(reason, out);
        }
        "metadata" => answer.counts(payload.get("usage"), out),
        _ => {}
    }
    Ok(())
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
        let Some(content) = body.pointer("/output/message/content").and_then(Value::as_array) else {
            return Err(common::of_no_completion(&self.body));
        };
        let answer = &mut self.answer;
        answer.start(out);
        for (at, block) in (0..).zip(content) {
            whole_block(at, block, answer, out);
        }
        answer.stops(body.get("stopReason").and_then(Value::as_str).unwrap_or_default(), out)?;
        answer.counts(body.get("usage"), out);
        Ok(())
    }

    fn usage_absurd(&self) -> bool {
        self.answer.usage_absurd
    }
}

/// A block that is there at once, in the steps in which a stream would give it.
fn whole_block(at: u64, block: &Value, answer: &mut Answer, out: &mut Vec<ChatEvent>) {
    if block.get("text").is_some() {
        answer.block_grows(at, block, out);
    } else if let Some(tool) = block.get("toolUse") {
        answer.block_starts(at, block, out);
        let input = tool.get("input").filter(|input| !input.is_null()).map(Value::to_string);
        let delta = serde_json::json!({ "toolUse": { "input": input.unwrap_or_default() } });
        answer.block_grows(at, &delta, out);
    } else if let Some(thought) = block.get("reasoningContent") {
        let thought = thought.get("reasoningText").unwrap_or(thought);
        answer.block_grows(at, &serde_json::json!({ "reasoningContent": thought }), out);
    } else if let Some(cited) = block.get("citationsContent") {
        let list = |name: &str| cited.get(name).and_then(Value::as_array).into_iter().flatten();
        list("content").for_each(|text| answer.block_grows(at, text, out));
        for citation in list("citations") {
            answer.block_grows(at, &serde_json::json!({ "citation": citation }), out);
        }
    }
    answer.block_ends(at, out);
}
