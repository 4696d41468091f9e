//! An answer as events, made one by one: a step costs as much as the token that it carries.

use std::collections::VecDeque;

use bytes::Bytes;
use serde_json::{Value, json};
use sluice_chat::event::ToolCallKind;
use sluice_chat::sse::{DONE, error_event};

use super::Step;
use super::answer::{Answer, Call, Choice, Section, Speech};
use super::error::in_stream;
use super::escape::string;
use super::fault::Faults;
use super::logprob;
use super::request::Request;
use super::script::{AUDIO_EXPIRES_S, EVENTS, envelope};
use super::sound::{base64, tone};
use super::text::Text;

/// A stream that is being written.
#[derive(Debug)]
pub(super) struct Stream {
    answer: Answer,
    faults: Faults,
    /// Asked number of alternatives, if log probabilities were asked for.
    top_logprobs: Option<u64>,
    /// All of an event up to its choices.
    head: Vec<u8>,
    /// The first event has this too.
    metadata: Option<Vec<u8>>,
    /// The begin of the id in an event that breaks off.
    broken_head: Vec<u8>,
    shows_usage: bool,
    cursors: Vec<Cursor>,
    /// Choices that have more to say.
    talking: Vec<usize>,
    /// Whose turn it is among them.
    turn: usize,
    /// Words that were sent.
    words: u64,
    stage: Stage,
    ready: VecDeque<Step>,
}

#[derive(Clone, Copy, Debug)]
enum Stage {
    Head,
    Opening(usize),
    Talking,
    Finishing(usize),
    Closing,
    Over,
}

/// How far a choice has come.
#[derive(Clone, Copy, Debug, Default)]
struct Cursor {
    section: usize,
    /// Bytes of the section's text that were sent.
    at: usize,
    /// What of the section comes next; each kind of section has its own numbers.
    step: u8,
}

/// What one chunk says.
#[derive(Debug, Default)]
struct Piece {
    delta: Vec<u8>,
    logprobs: Option<Vec<u8>>,
    /// It is a word that faults count.
    word: bool,
}

impl Stream {
    pub(super) fn new(request: &Request, answer: Answer) -> Self {
        let broken_head = format!("data: {{\"id\":\"{}\",\"object\":\"chat.comp\n\n", request.id);
        let talking: Vec<usize> = (0..answer.choices.len()).collect();
        Self {
            faults: request.faults,
            top_logprobs: request.top_logprobs,
            head: [b"data: ".as_slice(), &envelope(request, "chat.completion.chunk")].concat(),
            metadata: request.metadata.as_ref().map(|metadata| metadata.to_string().into_bytes()),
            broken_head: broken_head.into_bytes(),
            shows_usage: request.include_usage && !request.faults.no_usage,
            cursors: vec![Cursor::default(); answer.choices.len()],
            answer,
            talking,
            turn: 0,
            words: 0,
            stage: Stage::Head,
            ready: VecDeque::new(),
        }
    }

    pub(super) fn next(&mut self) -> Option<Step> {
        while self.ready.is_empty() {
            match self.stage {
                Stage::Head => {
                    self.push(Step::Head { status: 200, content_type: EVENTS, retry_after_s: None });
                    if self.faults.first_token_delay_ms > 0 {
                        self.push(Step::WaitMs(self.faults.first_token_delay_ms));
                    }
                    self.stage = Stage::Opening(0);
                }
                Stage::Opening(index) => self.open(index),
                Stage::Talking => self.talk(),
                Stage::Finishing(index) => self.finish(index),
                Stage::Closing => self.close(),
                Stage::Over => return None,
            }
        }
        self.ready.pop_front()
    }

    fn push(&mut self, step: Step) {
        self.ready.push_back(step);
    }

    fn open(&mut self, index: usize) {
        let Some(choice) = self.answer.choices.get(index) else {
            self.stage = Stage::Talking;
            return;
        };
        let delta = opening(choice);
        self.cursors[index].step = u8::from(matches!(choice.sections.first(), Some(Section::Call(_))));
        self.chunk(index, &Piece { delta, ..Piece::default() }, None);
        self.stage = Stage::Opening(index + 1);
    }

    /// The next piece of the choice whose turn it is; one of each in turns.
    fn talk(&mut self) {
        let Some(index) = self.talking.get(self.turn).copied() else {
            self.turn = 0;
            if self.talking.is_empty() {
                self.end_of_talk();
            }
            return;
        };
        let cursor = &mut self.cursors[index];
        let Some(piece) = cursor.next(&self.answer.choices[index], self.top_logprobs) else {
            self.talking.remove(self.turn);
            return;
        };
        self.turn += 1;
        if !piece.word {
            return self.chunk(index, &piece, None);
        }
        if let Some(step) = self.broken(false) {
            return self.break_off(step);
        }
        if self.faults.chunk_delay_ms > 0 && self.words > 0 {
            self.push(Step::WaitMs(self.faults.chunk_delay_ms));
        }
        self.words += 1;
        if self.faults.malformed_at == Some(self.words) {
            self.malformed();
        } else {
            self.chunk(index, &piece, None);
        }
    }

    fn end_of_talk(&mut self) {
        self.stage = Stage::Finishing(0);
        if let Some(step) = self.broken(true) {
            self.break_off(step);
        } else if self.faults.malformed_at.is_some_and(|at| at == 0 || at > self.words) {
            self.malformed();
        }
    }

    fn finish(&mut self, index: usize) {
        let Some(choice) = self.answer.choices.get(index) else {
            self.stage = Stage::Closing;
            return;
        };
        let reason = choice.finish.as_str();
        self.chunk(index, &Piece { delta: b"{}".to_vec(), ..Piece::default() }, Some(reason));
        self.stage = Stage::Finishing(index + 1);
    }

    fn close(&mut self) {
        if self.shows_usage {
            let usage = self.answer.usage.to_wire().to_string();
            let mut event = self.head.clone();
            event.extend_from_slice(b",\"choices\":[],\"usage\":");
            event.extend_from_slice(usage.as_bytes());
            event.extend_from_slice(b"}\n\n");
            self.push(Step::Bytes(Bytes::from(event)));
        }
        if !self.faults.no_done {
            self.push(Step::Bytes(Bytes::from_static(DONE)));
        }
        self.push(Step::End);
        self.stage = Stage::Over;
    }

    /// The fault that breaks the stream off here; after the last word also those that were to come later.
    fn broken(&self, after_all: bool) -> Option<Step> {
        let here = |after: Option<u64>| after.is_some_and(|after| after == self.words || after_all);
        if here(self.faults.cut_after) {
            Some(Step::Reset)
        } else if here(self.faults.stall_after) {
            Some(Step::Silent)
        } else {
            here(self.faults.error_event_after).then(|| Step::Bytes(Bytes::from(error_event(&in_stream()))))
        }
    }

    fn break_off(&mut self, step: Step) {
        let declared = matches!(step, Step::Bytes(_));
        self.push(step);
        if declared {
            self.push(Step::End);
        }
        self.stage = Stage::Over;
    }

    /// An event whose second half is missing.
    fn malformed(&mut self) {
        self.push(Step::Bytes(Bytes::copy_from_slice(&self.broken_head)));
    }

    fn chunk(&mut self, index: usize, piece: &Piece, finish: Option<&str>) {
        let logprobs = piece.logprobs.as_deref().unwrap_or(b"null");
        let mut event = Vec::with_capacity(self.head.len() + piece.delta.len() + logprobs.len() + 96);
        event.extend_from_slice(&self.head);
        if let Some(metadata) = self.metadata.take() {
            event.extend_from_slice(b",\"metadata\":");
            event.extend_from_slice(&metadata);
        }
        event.extend_from_slice(b",\"choices\":[{\"index\":");
        event.extend_from_slice(index.to_string().as_bytes());
        event.extend_from_slice(b",\"delta\":");
        event.extend_from_slice(&piece.delta);
        event.extend_from_slice(b",\"logprobs\":");
        event.extend_from_slice(logprobs);
        event.extend_from_slice(b",\"finish_reason\":");
        match finish {
            Some(reason) => string(reason, &mut event),
            None => event.extend_from_slice(b"null"),
        }
        event.extend_from_slice(if self.shows_usage { b"}],\"usage\":null}\n\n" } else { b"}]}\n\n" });
        self.push(Step::Bytes(Bytes::from(event)));
    }
}

/// The first delta of a choice: its role, and the head of its first call or of its sound.
fn opening(choice: &Choice) -> Vec<u8> {
    let content = if choice.without_content() { Value::Null } else { json!("") };
    let mut delta = json!({ "role": "assistant", "content": content, "refusal": null });
    match choice.sections.first() {
        Some(Section::Call(call)) if call.kind == ToolCallKind::LegacyFunction => {
            delta["function_call"] = call_head(call);
        }
        Some(Section::Call(call)) => delta["tool_calls"] = json!([call_head(call)]),
        _ => {}
    }
    delta.to_string().into_bytes()
}

/// The first fragment of a call, without arguments.
fn call_head(call: &Call) -> Value {
    match call.kind {
        ToolCallKind::LegacyFunction => json!({ "name": call.name, "arguments": "" }),
        ToolCallKind::Function => json!({
            "index": call.index, "id": call.id, "type": "function",
            "function": { "name": call.name, "arguments": "" },
        }),
        ToolCallKind::Custom => json!({
            "index": call.index, "id": call.id, "type": "custom",
            "custom": { "name": call.name, "input": "" },
        }),
    }
}

impl Cursor {
    /// The next piece of a choice.
    fn next(&mut self, choice: &Choice, top_logprobs: Option<u64>) -> Option<Piece> {
        loop {
            let section = choice.sections.get(self.section)?;
            if let Some(piece) = self.of_section(section, top_logprobs) {
                return Some(piece);
            }
            *self = Self { section: self.section + 1, ..Self::default() };
        }
    }

    fn of_section(&mut self, section: &Section, top_logprobs: Option<u64>) -> Option<Piece> {
        match section {
            Section::Reasoning(text) => {
                let token = self.token(text)?;
                Some(Piece { delta: field("reasoning_content", token), word: true, ..Piece::default() })
            }
            Section::Content(text) => self.logged(text, "content", top_logprobs),
            Section::Refusal(text) => self.logged(text, "refusal", top_logprobs),
            Section::Call(call) => self.of_call(call),
            Section::Speech(speech) => self.of_speech(speech),
            Section::Annotations(annotations) => {
                let delta = json!({ "annotations": annotations }).to_string().into_bytes();
                self.once().then(|| Piece { delta, ..Piece::default() })
            }
        }
    }

    fn token<'a>(&mut self, text: &'a Text) -> Option<&'a str> {
        let token = text.token_at(self.at)?;
        self.at += token.len();
        Some(token)
    }

    /// True the first time.
    fn once(&mut self) -> bool {
        std::mem::replace(&mut self.step, 1) == 0
    }

    fn logged(&mut self, text: &Text, name: &str, top_logprobs: Option<u64>) -> Option<Piece> {
        let place = self.at as u64;
        let token = self.token(text)?;
        let logprobs = top_logprobs.map(|top| {
            let (before, after) = if name == "content" {
                ("{\"content\":[", "],\"refusal\":null}")
            } else {
                ("{\"content\":null,\"refusal\":[", "]}")
            };
            let mut logprobs = before.as_bytes().to_vec();
            logprob::write_entry(token, place, top, &mut logprobs);
            logprobs.extend_from_slice(after.as_bytes());
            logprobs
        });
        Some(Piece { delta: field(name, token), logprobs, word: true })
    }

    fn of_call(&mut self, call: &Call) -> Option<Piece> {
        let legacy = call.kind == ToolCallKind::LegacyFunction;
        if self.once() {
            let head = call_head(call);
            let delta =
                if legacy { json!({ "function_call": head }) } else { json!({ "tool_calls": [head] }) };
            return Some(Piece { delta: delta.to_string().into_bytes(), ..Piece::default() });
        }
        let token = self.token(&call.arguments)?;
        let delta = match call.kind {
            ToolCallKind::LegacyFunction => json!({ "function_call": { "arguments": token } }),
            ToolCallKind::Function => {
                json!({ "tool_calls": [{ "index": call.index, "function": { "arguments": token } }] })
            }
            ToolCallKind::Custom => {
                json!({ "tool_calls": [{ "index": call.index, "custom": { "input": token } }] })
            }
        };
        Some(Piece { delta: delta.to_string().into_bytes(), word: true, ..Piece::default() })
    }

    /// First the id, then every word and after it its sound, last until when the sound is kept.
    fn of_speech(&mut self, speech: &Speech) -> Option<Piece> {
        let audio = |key: &str, value: &str| {
            let mut delta = b"{\"audio\":".to_vec();
            delta.extend_from_slice(&field(key, value));
            delta.push(b'}');
            delta
        };
        let (step, delta) = match (self.step, speech.transcript.token_at(self.at)) {
            (0, _) => {
                let begun = json!({ "audio": { "id": speech.id, "data": "", "transcript": "" } });
                (1, begun.to_string().into_bytes())
            }
            (1, Some(token)) => (2, audio("transcript", token)),
            (2, Some(token)) => {
                self.at += token.len();
                let mut samples = Vec::new();
                tone(token, &mut samples);
                let mut delta = b"{\"audio\":{\"data\":\"".to_vec();
                base64(&samples, &mut delta);
                delta.extend_from_slice(b"\"}}");
                (1, delta)
            }
            (1, None) => (3, json!({ "audio": { "expires_at": AUDIO_EXPIRES_S } }).to_string().into_bytes()),
            _ => return None,
        };
        let word = (self.step, step) == (1, 2);
        self.step = step;
        Some(Piece { delta, word, ..Piece::default() })
    }
}

/// `{"name":"text"}`
fn field(name: &str, text: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(name.len() + text.len() + 8);
    out.push(b'{');
    string(name, &mut out);
    out.push(b':');
    string(text, &mut out);
    out.push(b'}');
    out
}
