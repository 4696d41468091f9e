//! One answer of Cohere as events: the same for a stream and for a whole body.

use serde_json::{Value, json};
use sluice_chat::event::{FinishReason, ToolCallKind};
use sluice_chat::{ChatEvent, Failure, FailureKind, Usage};

use crate::asked::calls;
use crate::dialect::DecoderTerms;
use crate::openai::failure as common;
use crate::reading::Reading;

/// Bytes of a custom tool's input that are kept until its call is complete.
const KEPT_BYTES_MAX: usize = 4 << 20;

/// The state of one answer.
pub(super) struct Answer {
    reading: Reading,
    upstream_model: String,
    call_id: String,
    unix_s: u64,
    started: bool,
    /// Calls that have begun and not ended, by the upstream's index.
    open: Vec<(u64, Call)>,
    calls: u32,
    pub(super) finished: bool,
    pub(super) usage_absurd: bool,
}

/// A call that is under way.
struct Call {
    index: u32,
    said: bool,
    custom: Option<String>,
}

impl Answer {
    pub(super) fn new(terms: &DecoderTerms<'_>) -> Self {
        Self {
            reading: terms.reading.clone(),
            upstream_model: terms.upstream_model.to_owned(),
            call_id: terms.call_id.to_owned(),
            unix_s: terms.unix_s,
            started: false,
            open: Vec::new(),
            calls: 0,
            finished: false,
            usage_absurd: false,
        }
    }

    /// The head; answers name no model.
    pub(super) fn start(&mut self, id: Option<&Value>, out: &mut Vec<ChatEvent>) {
        if std::mem::replace(&mut self.started, true) {
            return;
        }
        let id = id.and_then(Value::as_str).filter(|id| !id.is_empty());
        out.push(ChatEvent::Started {
            id: id.map_or_else(|| format!("chatcmpl-{}", self.call_id), str::to_owned),
            created: self.unix_s,
            model: self.upstream_model.clone(),
            system_fingerprint: None,
            service_tier: None,
        });
    }

    /// A block of content, or a piece of one: text or thinking.
    pub(super) fn content(&mut self, block: &Value, out: &mut Vec<ChatEvent>) {
        self.start(None, out);
        let said = |name: &str| block.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
        if let Some(thought) = said("thinking") {
            self.plan(thought, out);
        }
        if let Some(text) = said("text") {
            out.push(ChatEvent::Text { choice: 0, text: text.to_owned() });
        }
    }

    /// Thinking, or the plan that a model without thinking makes before it calls.
    pub(super) fn plan(&mut self, text: &str, out: &mut Vec<ChatEvent>) {
        self.start(None, out);
        if !text.is_empty() {
            out.push(ChatEvent::Reasoning { choice: 0, text: text.to_owned() });
        }
    }

    pub(super) fn call_starts(&mut self, at: u64, call: &Value, out: &mut Vec<ChatEvent>) {
        self.start(None, out);
        let name = call.pointer("/function/name").and_then(Value::as_str).unwrap_or_default();
        let name = self.reading.callers_name(name).to_owned();
        let index = self.calls;
        let Some(kind) = calls::kind(&self.reading, &name, index) else { return };
        let id = call.get("id").and_then(Value::as_str).filter(|id| !id.is_empty());
        let id = id.map_or_else(|| format!("call_{}_{index}", self.call_id), str::to_owned);
        out.push(ChatEvent::ToolCallStarted { choice: 0, index, id, kind, name, extra_content: None });
        self.calls += 1;
        self.call_ends(at, out);
        let custom = (kind == ToolCallKind::Custom).then(String::new);
        self.open.push((at, Call { index, said: false, custom }));
        self.call_grows(at, call, out);
    }

    /// More of the arguments, in `function.arguments`.
    pub(super) fn call_grows(&mut self, at: u64, call: &Value, out: &mut Vec<ChatEvent>) {
        let fragment = call.pointer("/function/arguments").and_then(Value::as_str).unwrap_or_default();
        let open = self.open.iter_mut().find(|(other, _)| *other == at);
        let Some((_, call)) = open.filter(|_| !fragment.is_empty()) else { return };
        call.said = true;
        match &mut call.custom {
            Some(kept) if kept.len() + fragment.len() <= KEPT_BYTES_MAX => kept.push_str(fragment),
            Some(_) => {}
            None => {
                let (index, fragment) = (call.index, fragment.to_owned());
                out.push(ChatEvent::ToolCallArguments { choice: 0, index, fragment });
            }
        }
    }

    pub(super) fn call_ends(&mut self, at: u64, out: &mut Vec<ChatEvent>) {
        let Some(place) = self.open.iter().position(|(other, _)| *other == at) else { return };
        let (_, Call { index, said, custom }) = self.open.remove(place);
        let fragment = match custom {
            Some(kept) => calls::custom_input(kept),
            // A call without arguments still has an object of them.
            None if !said => "{}".to_owned(),
            None => return,
        };
        out.push(ChatEvent::ToolCallArguments { choice: 0, index, fragment });
    }

    /// A statement and its sources; only those with a URL are known to the API.
    pub(super) fn citation(&mut self, citation: &Value, out: &mut Vec<ChatEvent>) {
        self.start(None, out);
        let place = |name: &str| citation.get(name).and_then(Value::as_u64).unwrap_or_default();
        for source in citation.get("sources").and_then(Value::as_array).into_iter().flatten() {
            let said = |name: &str| source.pointer(&format!("/document/{name}")).and_then(Value::as_str);
            let Some(url) = said("url").filter(|url| !url.is_empty()) else { continue };
            let cited = json!({
                "start_index": place("start"), "end_index": place("end"),
                "url": url, "title": said("title").unwrap_or_default(),
            });
            let annotation = json!({ "type": "url_citation", "url_citation": cited });
            out.push(ChatEvent::Annotation { choice: 0, annotation });
        }
    }

    /// The end, by what stands in `finish_reason`, `usage` and `error` of `end`.
    ///
    /// # Errors
    /// When the reason is that it failed.
    pub(super) fn ends(&mut self, end: &Value, out: &mut Vec<ChatEvent>) -> Result<(), Failure> {
        self.start(None, out);
        let reason = end.get("finish_reason").and_then(Value::as_str).unwrap_or_default();
        let cut = match reason {
            "MAX_TOKENS" | "ERROR_LIMIT" => Some(FinishReason::Length),
            "ERROR_TOXIC" => Some(FinishReason::ContentFilter),
            "ERROR" | "TIMEOUT" | "USER_CANCEL" => return Err(failed(reason, end.get("error"))),
            _ => None,
        };
        if cut.is_none() {
            let open: Vec<u64> = self.open.iter().map(|(at, _)| *at).collect();
            open.into_iter().for_each(|at| self.call_ends(at, out));
        }
        let reason = cut.unwrap_or_else(|| calls::natural_end(&self.reading, self.calls));
        self.finished = true;
        out.push(ChatEvent::Finished { choice: 0, reason });
        match end.get("usage").map(usage) {
            None => {}
            Some(Ok(usage)) => out.extend(usage.map(ChatEvent::Usage)),
            Some(Err(NoCount)) => self.usage_absurd = true,
        }
        Ok(())
    }
}

fn failed(reason: &str, error: Option<&Value>) -> Failure {
    let text = error.and_then(Value::as_str).filter(|text| !text.is_empty());
    let message = text.map_or_else(|| format!("the model stopped: {reason}"), str::to_owned);
    let failure = common::of_stated(500, "", &message);
    match reason {
        "TIMEOUT" => Failure { kind: FailureKind::Stalled, ..failure },
        _ => failure,
    }
}

/// A count that cannot be.
struct NoCount;

/// `tokens` are what the model saw and said, `billed_units` what is paid for. Counts are written with a fraction.
fn usage(usage: &Value) -> Result<Option<Usage>, NoCount> {
    let count = |place: &str| match usage.pointer(place) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => whole(value).map(Some).ok_or(NoCount),
    };
    let (prompt, completion) = (count("/tokens/input_tokens")?, count("/tokens/output_tokens")?);
    let cached = count("/cached_tokens")?.unwrap_or_default();
    Ok(prompt.zip(completion).map(|(prompt_tokens, completion_tokens)| {
        let mut usage = Usage { prompt_tokens, completion_tokens, ..Usage::default() };
        usage.prompt.cached_tokens = cached.min(prompt_tokens);
        usage
    }))
}

fn whole(value: &Value) -> Option<u64> {
    if let Some(count) = value.as_u64() {
        return Some(count);
    }
    // Up to 2^53 every whole number is a float.
    let float = value.as_f64().filter(|count| (0.0..=9_007_199_254_740_992.0).contains(count))?;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "rounded and within range")]
    Some(float.round() as u64)
}
