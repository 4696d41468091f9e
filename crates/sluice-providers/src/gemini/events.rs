//! Answers as canonical events. What belongs to the end of a choice waits for the end of the answer: older models
//! say `STOP` in every event of a stream.

use std::sync::Arc;

use serde_json::Value;
use serde_json::value::RawValue;
use sluice_chat::event::{FinishReason, ToolCallKind};
use sluice_chat::{ChatEvent, Failure, FailureKind};

use super::grounding::{Written, logprobs};
use super::usage::Tally;
use super::wire::{Answer, Blob, Candidate, FunctionCall, Part, compact};
use super::{failure, signature};
use crate::dialect::DecoderTerms;
use crate::hash::stable_hash;
use crate::memory::Memory;
use crate::openai::failure as common;
use crate::reading::Reading;

/// Choices of one answer, at most; Gemini gives up to 8.
const CHOICES_MAX: u32 = 128;

/// Makes events of the pieces of one answer.
#[derive(Debug)]
pub(super) struct Events {
    model: String,
    unix_s: u64,
    call_id: String,
    reading: Reading,
    memory: Arc<dyn Memory>,
    started: bool,
    choices: Vec<Choice>,
    /// The prompt was refused.
    blocked: bool,
    tally: Tally,
}

#[derive(Debug, Default)]
struct Choice {
    index: u32,
    calls: u32,
    /// Text, a call or media came, more than thoughts.
    answered: bool,
    finish: Option<String>,
    /// It went on after a finish reason: those that it gives mean nothing before the end.
    goes_on: bool,
    finish_message: Option<String>,
    written: Written,
    grounding: Option<Value>,
    citations: Vec<Value>,
    audio_started: bool,
}

impl Events {
    pub(super) fn new(terms: &DecoderTerms<'_>) -> Self {
        Self {
            model: terms.upstream_model.to_owned(),
            unix_s: terms.unix_s,
            call_id: terms.call_id.to_owned(),
            reading: terms.reading.clone(),
            memory: Arc::clone(terms.memory),
            started: false,
            choices: Vec::new(),
            blocked: false,
            tally: Tally::default(),
        }
    }

    /// Whether every choice has a finish reason.
    fn all_finished(&self) -> bool {
        !self.choices.is_empty() && self.choices.iter().all(|choice| choice.finish.is_some())
    }

    /// Whether nothing more is to be expected.
    pub(super) fn finished(&self) -> bool {
        self.all_finished() && !self.choices.iter().any(|choice| choice.goes_on)
    }

    pub(super) fn usage_absurd(&self) -> bool {
        self.tally.absurd()
    }

    /// Reads one event of a stream, or a whole answer; a list is a stream that was not asked for.
    pub(super) fn json(&mut self, data: &[u8], out: &mut Vec<ChatEvent>) -> Result<(), Failure> {
        if data.trim_ascii_start().first() == Some(&b'[') {
            let pieces: Vec<&RawValue> = serde_json::from_slice(data).map_err(|_| common::bad_event())?;
            return pieces.into_iter().try_for_each(|piece| self.json_object(piece.get().as_bytes(), out));
        }
        self.json_object(data, out)
    }

    fn json_object(&mut self, data: &[u8], out: &mut Vec<ChatEvent>) -> Result<(), Failure> {
        match serde_json::from_slice::<Answer<'_>>(data) {
            Ok(answer) => self.answer(answer, out),
            Err(_) => Err(match failure::error_in(data) {
                Some(error) => failure::of_error_event(&error),
                None => common::bad_event(),
            }),
        }
    }

    fn answer(&mut self, answer: Answer<'_>, out: &mut Vec<ChatEvent>) -> Result<(), Failure> {
        let Answer { candidates, prompt_feedback, usage_metadata, model_version, response_id, error } =
            answer;
        if let Some(error) = error.filter(common::truthy) {
            return Err(failure::of_error_event(&error));
        }
        if let Some(usage) = &usage_metadata {
            self.tally.observe(usage);
        }
        self.blocked |= prompt_feedback.and_then(|feedback| feedback.block_reason).is_some();
        let candidates = candidates.unwrap_or_default();
        if !self.started && (self.blocked || !candidates.is_empty()) {
            self.started = true;
            let id = response_id.filter(|id| !id.is_empty());
            out.push(ChatEvent::Started {
                id: id.map_or_else(|| format!("chatcmpl-{}", self.call_id), |id| format!("chatcmpl-{id}")),
                created: self.unix_s,
                model: model_version.filter(|name| !name.is_empty()).unwrap_or_else(|| self.model.clone()),
                system_fingerprint: None,
                service_tier: None,
            });
        }
        candidates.into_iter().try_for_each(|candidate| self.candidate(candidate, out))
    }

    fn candidate(&mut self, candidate: Candidate<'_>, out: &mut Vec<ChatEvent>) -> Result<(), Failure> {
        let index = candidate.index.unwrap_or(0);
        if index >= CHOICES_MAX {
            return Err(common::bad_event());
        }
        let at = self.choices.partition_point(|choice| choice.index < index);
        if self.choices.get(at).is_none_or(|choice| choice.index != index) {
            self.choices.insert(at, Choice { index, ..Choice::default() });
        }
        let parts = candidate.content.and_then(|content| content.parts).unwrap_or_default();
        let choice = &mut self.choices[at];
        choice.goes_on |= choice.finish.is_some() && !parts.is_empty();
        for part in parts {
            self.part(at, part, out);
        }
        let choice = &mut self.choices[at];
        let value = |raw: Option<&RawValue>| serde_json::from_str::<Value>(raw?.get()).ok();
        if let Some(logprobs) = value(candidate.logprobs_result).as_ref().and_then(logprobs) {
            out.push(ChatEvent::Logprobs { choice: index, logprobs });
        }
        // What a later event has is the whole of it.
        choice.grounding =
            value(candidate.grounding_metadata).filter(Value::is_object).or(choice.grounding.take());
        choice.citations.extend(value(candidate.citation_metadata).filter(Value::is_object));
        choice.finish = candidate.finish_reason.filter(|reason| !reason.is_empty()).or(choice.finish.take());
        choice.finish_message = candidate.finish_message.or(choice.finish_message.take());
        Ok(())
    }

    fn part(&mut self, at: usize, part: Part<'_>, out: &mut Vec<ChatEvent>) {
        let choice = &mut self.choices[at];
        if let Some(text) = part.text.filter(|text| !text.is_empty()) {
            if part.thought == Some(true) {
                out.push(ChatEvent::Reasoning { choice: choice.index, text });
            } else {
                choice.say(text, out);
            }
        }
        if let Some(blob) = part.inline_data.filter(|_| part.thought != Some(true)) {
            choice.media(blob, (&self.call_id, self.unix_s), out);
        }
        if let Some(code) = part.executable_code {
            let language = code.language.unwrap_or_default().to_ascii_lowercase();
            choice.say(format!("\n```{language}\n{}\n```\n", code.code.unwrap_or_default().trim_end()), out);
        }
        if let Some(result) = part.code_execution_result {
            choice.say(format!("\n```\n{}\n```\n", result.output.unwrap_or_default().trim_end()), out);
        }
        if let Some(call) = part.function_call {
            self.call(at, &call, part.thought_signature, out);
        }
    }

    fn call(
        &mut self,
        at: usize,
        call: &FunctionCall<'_>,
        signature: Option<String>,
        out: &mut Vec<ChatEvent>,
    ) {
        let choice = &mut self.choices[at];
        let (number, index) = (choice.index, choice.calls);
        choice.calls += 1;
        choice.answered = true;
        let name = self.reading.callers_name(call.name.as_deref().unwrap_or_default()).to_owned();
        let kind = match () {
            () if self.reading.legacy_functions => ToolCallKind::LegacyFunction,
            () if self.reading.is_custom(&name) => ToolCallKind::Custom,
            () => ToolCallKind::Function,
        };
        // The old form has room for one call.
        if kind == ToolCallKind::LegacyFunction && index > 0 {
            return;
        }
        let id = match call.id.as_deref().filter(|id| !id.is_empty()) {
            Some(id) => id.to_owned(),
            None => {
                let place = [self.call_id.as_bytes(), &number.to_le_bytes(), &index.to_le_bytes()];
                format!("call_{:016x}", stable_hash(&place))
            }
        };
        let signature = signature.filter(|signature| !signature.is_empty());
        if let Some(signature) = &signature {
            self.memory.keep(&id, signature);
        }
        let extra_content = signature.as_deref().map(signature::extra_content);
        out.push(ChatEvent::ToolCallStarted { choice: number, index, id, kind, name, extra_content });
        let arguments = call.args.map(compact).filter(|args| args != "null");
        let fragment = match kind {
            ToolCallKind::Custom => input(arguments.as_deref().unwrap_or_default()),
            _ => arguments.unwrap_or_else(|| "{}".to_owned()),
        };
        out.push(ChatEvent::ToolCallArguments { choice: number, index, fragment });
    }

    /// The answer is over. A `whole` one that names no finish reason has one all the same, if it has content; a stream
    /// without one was cut off.
    pub(super) fn end(&mut self, whole: bool, out: &mut Vec<ChatEvent>) -> Result<(), Failure> {
        if self.choices.is_empty() && self.blocked {
            // What was refused is an answer: one that has no content.
            self.choices.push(Choice { finish: Some("PROHIBITED_CONTENT".to_owned()), ..Choice::default() });
        }
        if self.choices.is_empty() {
            return Err(common::bad_response("the upstream's answer has no candidates"));
        }
        if whole {
            let unsaid = self.choices.iter_mut().filter(|choice| choice.finish.is_none() && choice.answered);
            unsaid.for_each(|choice| choice.finish = Some("FINISH_REASON_UNSPECIFIED".to_owned()));
        }
        if !self.all_finished() {
            return Err(common::truncated());
        }
        if !self.choices.iter().any(|choice| choice.answered)
            && let Some(broken) = self.choices.iter().find(|choice| choice.is_broken())
        {
            return Err(broken.failure());
        }
        for choice in &mut self.choices {
            choice.end(self.reading.legacy_functions, out);
        }
        out.extend(self.tally.read().map(ChatEvent::Usage));
        Ok(())
    }
}

/// The input of a custom tool, which Gemini knows as a function of one text.
fn input(arguments: &str) -> String {
    let value: Value = serde_json::from_str(arguments).unwrap_or_default();
    value.get("input").and_then(Value::as_str).map_or_else(|| arguments.to_owned(), str::to_owned)
}

impl Choice {
    fn say(&mut self, text: String, out: &mut Vec<ChatEvent>) {
        self.answered = true;
        self.written.push(&text);
        out.push(ChatEvent::Text { choice: self.index, text });
    }

    /// Sound goes where the API has it; images have no place of their own and go into the text.
    fn media(&mut self, blob: Blob, (call_id, unix_s): (&str, u64), out: &mut Vec<ChatEvent>) {
        let Some(data) = blob.data.filter(|data| !data.is_empty()) else { return };
        let mime = blob.mime_type.unwrap_or_default();
        if !mime.starts_with("audio/") {
            let mime = if mime.is_empty() { "image/png" } else { &mime };
            return self.say(format!("![image](data:{mime};base64,{data})"), out);
        }
        self.answered = true;
        let audio = if std::mem::replace(&mut self.audio_started, true) {
            serde_json::json!({ "data": data })
        } else {
            let id = format!("audio_{call_id}_{}", self.index);
            // It is kept nowhere, and so has expired when it arrives.
            serde_json::json!({ "id": id, "data": data, "transcript": "", "expires_at": unix_s })
        };
        out.push(ChatEvent::Audio { choice: self.index, audio });
    }

    fn reason(&self) -> &str {
        self.finish.as_deref().unwrap_or_default()
    }

    /// The model tried to say something that the provider could not read.
    fn is_broken(&self) -> bool {
        matches!(
            self.reason(),
            "MALFORMED_FUNCTION_CALL"
                | "UNEXPECTED_TOOL_CALL"
                | "TOO_MANY_TOOL_CALLS"
                | "MISSING_THOUGHT_SIGNATURE"
                | "MALFORMED_RESPONSE"
        )
    }

    fn failure(&self) -> Failure {
        let said = self.finish_message.as_deref().map(|text| format!(": {text}")).unwrap_or_default();
        let message = format!("the upstream ended its answer with {}{said}", self.reason());
        Failure::ours(FailureKind::BadResponse, "upstream_bad_response", message)
    }

    fn end(&mut self, legacy: bool, out: &mut Vec<ChatEvent>) {
        let mut annotations =
            self.grounding.take().map(|grounding| self.written.grounded(&grounding)).unwrap_or_default();
        for annotation in self.citations.iter().flat_map(|metadata| self.written.cited(metadata)) {
            if !annotations.contains(&annotation) {
                annotations.push(annotation);
            }
        }
        let choice = self.index;
        out.extend(annotations.into_iter().map(|annotation| ChatEvent::Annotation { choice, annotation }));
        let called = if legacy { FinishReason::FunctionCall } else { FinishReason::ToolCalls };
        let reason = match self.reason() {
            "MAX_TOKENS" | "CONTINUATION" => FinishReason::Length,
            "STOP" | "FINISH_REASON_UNSPECIFIED" if self.calls > 0 => called,
            "STOP" | "FINISH_REASON_UNSPECIFIED" => FinishReason::Stop,
            _ if self.is_broken() && self.calls > 0 => called,
            _ if self.is_broken() => FinishReason::Stop,
            // Safety, recitation and all that withholds an answer, be it new.
            _ => FinishReason::ContentFilter,
        };
        out.push(ChatEvent::Finished { choice, reason });
    }
}
