//! An answer as one body, made piece by piece.

use std::collections::VecDeque;

use bytes::Bytes;
use serde_json::{Value, json};
use sluice_chat::event::ToolCallKind;

use super::Step;
use super::answer::{Answer, Call, Choice, Section};
use super::escape::{inside_of_string, string};
use super::logprob;
use super::request::Request;
use super::script::{AUDIO_EXPIRES_S, JSON, envelope};
use super::sound::Sound;
use super::text::Text;

/// About how large a piece is, in bytes.
const PIECE_BYTES: usize = 32 << 10;

/// How much of a text is written at once, in bytes.
const TEXT_BYTES: usize = 8 << 10;

/// A body that is being written.
#[derive(Debug)]
pub(super) struct Whole {
    answer: Answer,
    top_logprobs: Option<u64>,
    /// The choice whose parts are written next.
    choice: usize,
    parts: VecDeque<Part>,
    /// What follows the choices; taken with the last piece.
    tail: Option<Vec<u8>>,
    /// How the body ends.
    last: Option<Step>,
    /// The head of the answer, before anything else.
    head: Option<Step>,
    /// The first piece breaks off in its middle.
    broken: bool,
}

/// A part of the body.
#[derive(Debug)]
enum Part {
    Raw(Vec<u8>),
    /// A JSON string without its quotes, from a byte on.
    Said(Text, usize),
    /// Entries of log probabilities of a text, from a byte on.
    Logprobs(Text, usize),
    Sound(Sound),
}

impl Whole {
    /// Faults of a stream that name a word act on the middle of the first piece.
    pub(super) fn new(request: &Request, answer: Answer) -> Self {
        let faults = &request.faults;
        let broken = match (faults.cut_after, faults.stall_after, faults.malformed_at) {
            (Some(_), _, _) => Some(Step::Reset),
            (None, Some(_), _) => Some(Step::Silent),
            (None, None, Some(_)) => Some(Step::End),
            (None, None, None) => None,
        };
        let mut start = envelope(request, "chat.completion");
        if let Some(metadata) = &request.metadata {
            start.extend_from_slice(b",\"metadata\":");
            start.extend_from_slice(metadata.to_string().as_bytes());
        }
        start.extend_from_slice(b",\"choices\":[");
        let mut tail = b"]".to_vec();
        if !faults.no_usage {
            tail.extend_from_slice(b",\"usage\":");
            tail.extend_from_slice(answer.usage.to_wire().to_string().as_bytes());
        }
        tail.push(b'}');
        Self {
            answer,
            top_logprobs: request.top_logprobs,
            choice: 0,
            parts: VecDeque::from([Part::Raw(start)]),
            tail: Some(tail),
            broken: broken.is_some(),
            last: Some(broken.unwrap_or(Step::End)),
            head: Some(Step::Head { status: 200, content_type: JSON, retry_after_s: None }),
        }
    }

    pub(super) fn next(&mut self) -> Option<Step> {
        if let Some(head) = self.head.take() {
            return Some(head);
        }
        let mut piece = Vec::new();
        while piece.len() < PIECE_BYTES && self.write(&mut piece) {}
        if self.broken && !piece.is_empty() {
            piece.truncate(piece.len() / 2);
            self.parts.clear();
            self.choice = self.answer.choices.len();
            self.tail = None;
        }
        if piece.is_empty() { self.last.take() } else { Some(Step::Bytes(Bytes::from(piece))) }
    }

    /// Writes a little more; false at the end.
    fn write(&mut self, out: &mut Vec<u8>) -> bool {
        let Some(part) = self.parts.front_mut() else {
            let Some(choice) = self.answer.choices.get(self.choice) else {
                let tail = self.tail.take();
                out.extend_from_slice(tail.as_deref().unwrap_or_default());
                return tail.is_some();
            };
            let parts = parts_of(choice, self.choice, self.top_logprobs.is_some());
            self.parts.extend(parts);
            self.choice += 1;
            return true;
        };
        if !part.write(self.top_logprobs.unwrap_or(0), out) {
            self.parts.pop_front();
        }
        true
    }
}

impl Part {
    /// Writes some of the part; false when all of it is written.
    fn write(&mut self, top_logprobs: u64, out: &mut Vec<u8>) -> bool {
        match self {
            Self::Raw(bytes) => {
                out.append(bytes);
                false
            }
            Self::Said(text, at) => {
                let piece = text.piece_at(*at, TEXT_BYTES);
                inside_of_string(piece, out);
                *at += piece.len();
                !piece.is_empty()
            }
            Self::Logprobs(text, at) => {
                let Some(token) = text.token_at(*at) else { return false };
                out.extend_from_slice(if *at > 0 { b"," } else { b"" });
                logprob::write_entry(token, *at as u64, top_logprobs, out);
                *at += token.len();
                true
            }
            Self::Sound(sound) => sound.write(out),
        }
    }
}

/// The parts of one choice, in OpenAI's order of keys.
fn parts_of(choice: &Choice, index: usize, with_logprobs: bool) -> Vec<Part> {
    let raw = |text: String| Part::Raw(text.into_bytes());
    let comma = if index > 0 { "," } else { "" };
    let mut parts =
        vec![raw(format!("{comma}{{\"index\":{index},\"message\":{{\"role\":\"assistant\",\"content\":"))];
    let said = |parts: &mut Vec<Part>, before: &str, text: Option<&Text>, after: &str| match text {
        Some(text) => {
            parts.extend([raw(format!("{before}\"")), Part::Said(text.clone(), 0), raw(format!("\"{after}"))])
        }
        None => parts.push(raw(format!("{before}null{after}"))),
    };
    let content =
        choice.text_of(|section| if let Section::Content(text) = section { Some(text) } else { None });
    let refusal =
        choice.text_of(|section| if let Section::Refusal(text) = section { Some(text) } else { None });
    let reasoning =
        choice.text_of(|section| if let Section::Reasoning(text) = section { Some(text) } else { None });
    said(&mut parts, "", content, "");
    if reasoning.is_some() {
        said(&mut parts, ",\"reasoning_content\":", reasoning, "");
    }
    said(&mut parts, ",\"refusal\":", refusal, "");
    rest_of_message(choice, &mut parts);
    let logged = content.or(refusal).filter(|text| with_logprobs && text.tokens() > 0);
    let (before, after) = match logged {
        None => ("},\"logprobs\":null", ""),
        Some(_) if content.is_some() => ("},\"logprobs\":{\"content\":[", "],\"refusal\":null}"),
        Some(_) => ("},\"logprobs\":{\"content\":null,\"refusal\":[", "]}"),
    };
    parts.push(raw(before.to_owned()));
    parts.extend(logged.map(|text| Part::Logprobs(text.clone(), 0)));
    parts.push(raw(format!("{after},\"finish_reason\":\"{}\"}}", choice.finish.as_str())));
    parts
}

/// Calls, annotations and sound.
fn rest_of_message(choice: &Choice, parts: &mut Vec<Part>) {
    let calls: Vec<&Call> = choice
        .sections
        .iter()
        .filter_map(|section| if let Section::Call(call) = section { Some(call) } else { None })
        .collect();
    let mut out = Vec::new();
    match calls.first() {
        Some(call) if call.kind == ToolCallKind::LegacyFunction => {
            out.extend_from_slice(b",\"function_call\":");
            out.extend_from_slice(call_of(call).to_string().as_bytes());
        }
        Some(_) => {
            let calls: Value = calls.into_iter().map(call_of).collect();
            out.extend_from_slice(b",\"tool_calls\":");
            out.extend_from_slice(calls.to_string().as_bytes());
        }
        None => {}
    }
    let mut annotations = &Vec::new();
    for section in &choice.sections {
        match section {
            Section::Annotations(those) => annotations = those,
            Section::Speech(speech) => {
                out.extend_from_slice(b",\"audio\":{\"id\":");
                string(&speech.id, &mut out);
                out.extend_from_slice(format!(",\"expires_at\":{AUDIO_EXPIRES_S},\"data\":\"").as_bytes());
                parts.push(Part::Raw(std::mem::take(&mut out)));
                parts.push(Part::Sound(Sound::new(speech.transcript.clone(), speech.format)));
                parts.push(Part::Raw(b"\",\"transcript\":\"".to_vec()));
                parts.push(Part::Said(speech.transcript.clone(), 0));
                out.extend_from_slice(b"\"}");
            }
            _ => {}
        }
    }
    out.extend_from_slice(b",\"annotations\":");
    out.extend_from_slice(json!(annotations).to_string().as_bytes());
    parts.push(Part::Raw(out));
}

/// A whole call.
fn call_of(call: &Call) -> Value {
    let arguments = call.arguments.as_str();
    match call.kind {
        ToolCallKind::LegacyFunction => json!({ "name": call.name, "arguments": arguments }),
        ToolCallKind::Function => json!({
            "id": call.id, "type": "function", "function": { "name": call.name, "arguments": arguments },
        }),
        ToolCallKind::Custom => json!({
            "id": call.id, "type": "custom", "custom": { "name": call.name, "input": arguments },
        }),
    }
}
