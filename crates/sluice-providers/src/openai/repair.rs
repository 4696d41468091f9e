//! Answers of vendors that differ, brought to the canonical form: one chunk, or one whole answer, at a time.

use serde_json::{Map, Value, json};
use sluice_chat::event::FinishReason;
use sluice_chat::{Failure, FailureKind};

use super::failure;
use super::tool_calls::ToolCalls;
use super::usage::UsageTally;
use crate::quirk::ResponseQuirk;
use crate::vendor::VendorRow;

/// Which differences to look for.
#[derive(Clone, Debug)]
pub(super) enum Repairs {
    /// Those of a vendor.
    Of(Vec<ResponseQuirk>),
    /// All: the reader does not know the vendor, and reads for itself alone.
    All,
}

impl Repairs {
    pub(super) fn of(row: &VendorRow) -> Self {
        Self::Of(row.response_quirks.clone())
    }

    fn has(&self, quirk: ResponseQuirk) -> bool {
        match self {
            Self::Of(quirks) => quirks.contains(&quirk),
            Self::All => true,
        }
    }
}

/// Repairs the chunks of one answer, or its one body.
#[derive(Clone, Debug)]
pub(super) struct Repairer {
    repairs: Repairs,
    /// The body is a whole answer: choices have a `message`.
    whole: bool,
    /// `id`, `created` and `model` as they came first.
    head: Map<String, Value>,
    choices: Vec<(u32, ChoiceState)>,
    pub(super) tally: UsageTally,
}

#[derive(Clone, Debug, Default, PartialEq)]
struct ChoiceState {
    role_given: bool,
    calls: ToolCalls,
    function_call: bool,
    finished: bool,
    /// An empty `finish_reason` came.
    finish_was_empty: bool,
}

impl Repairer {
    pub(super) fn new(repairs: Repairs, whole: bool) -> Self {
        Self { repairs, whole, head: Map::new(), choices: Vec::new(), tally: UsageTally::default() }
    }

    /// Both have come to the same point of the same answer: they make the same of whatever comes.
    pub(super) fn is_at(&self, other: &Self) -> bool {
        self.head == other.head && self.choices == other.choices && self.tally == other.tally
    }

    /// How many choices appeared.
    pub(super) fn choices_seen(&self) -> u32 {
        u32::try_from(self.choices.len()).unwrap_or(u32::MAX)
    }

    /// At least one choice appeared.
    pub(super) fn any_choice(&self) -> bool {
        !self.choices.is_empty()
    }

    /// At least one appeared, and every one that did is complete.
    pub(super) fn finished(&self) -> bool {
        self.any_choice() && self.choices.iter().all(|(_, choice)| choice.finished)
    }

    /// One chunk, repaired; `None` when nothing of it is left.
    pub(super) fn repair(
        &mut self,
        mut chunk: Map<String, Value>,
    ) -> Result<Option<Map<String, Value>>, Failure> {
        self.declared_failure(&chunk)?;
        let had_usage = self.take_usage(&mut chunk);
        let choices = match chunk.get_mut("choices").map(Value::take) {
            Some(Value::Array(choices)) => choices,
            _ => Vec::new(),
        };
        if choices.is_empty() && had_usage && self.repairs.has(ResponseQuirk::UsagePlacement) {
            return Ok(None);
        }
        self.envelope(&mut chunk, !choices.is_empty());
        let mut repaired = Vec::with_capacity(choices.len());
        let had_choices = !choices.is_empty();
        for choice in choices {
            if let Value::Object(choice) = choice {
                repaired.extend(self.choice(choice)?.map(Value::Object));
            }
        }
        if had_choices && repaired.is_empty() {
            return Ok(None);
        }
        chunk.insert("choices".to_owned(), Value::Array(repaired));
        Ok(Some(chunk))
    }

    /// The upstream said that it is done: a choice with calls that it finished with an empty reason gets the reason
    /// that it meant.
    pub(super) fn finish_on_done(&mut self) -> Option<Map<String, Value>> {
        if !self.repairs.has(ResponseQuirk::FinishReasons) {
            return None;
        }
        let meant = |choice: &ChoiceState| !choice.finished && choice.finish_was_empty && choice.calls.any();
        let mut chunk = self.head.clone();
        let mut finished = Vec::new();
        for (index, choice) in self.choices.iter_mut().filter(|(_, choice)| meant(choice)) {
            choice.finished = true;
            let reason = FinishReason::ToolCalls.as_str();
            finished.push(json!({ "index": index, "delta": {}, "logprobs": null, "finish_reason": reason }));
        }
        chunk.insert("choices".to_owned(), Value::Array(finished));
        chunk.get("choices").and_then(Value::as_array).is_some_and(|list| !list.is_empty()).then_some(chunk)
    }

    /// `id`, `object`, `created` and `model` as every chunk of this answer has them.
    pub(super) fn head(&self) -> &Map<String, Value> {
        &self.head
    }

    fn declared_failure(&self, chunk: &Map<String, Value>) -> Result<(), Failure> {
        let groq = || chunk.get("x_groq").and_then(|groq| groq.get("error"));
        for error in [chunk.get("error"), groq()].into_iter().flatten() {
            if failure::truthy(error) {
                return Err(failure::of_error_event(error));
            }
        }
        if !self.repairs.has(ResponseQuirk::StatusInBody) {
            return Ok(());
        }
        let base = chunk.get("base_resp");
        let code = base.and_then(|base| base.get("status_code")).or_else(|| chunk.get("error_code"));
        let Some(code) = code.and_then(Value::as_i64).filter(|code| *code != 0) else { return Ok(()) };
        let message = base.and_then(|base| base.get("status_msg")).or_else(|| chunk.get("error_msg"));
        let message = message.and_then(Value::as_str).unwrap_or("the upstream reported an error");
        // MiniMax's and Baidu's own numbers.
        let status = match code {
            1002 | 1041 | 17..=19 | 336_501..=336_503 => 429,
            1004 | 2049 | 6 | 110 | 111 => 401,
            1008 | 4 => 402,
            1026 | 1027 | 1039 | 2013 | 336_003 | 336_006 | 336_007 | 336_103 => 400,
            _ => 500,
        };
        Err(failure::of_stated(status, &code.to_string(), message))
    }

    /// Reads usage from every known place, and takes it away where it is to be given at the end. Whether there
    /// was a place for it.
    fn take_usage(&mut self, chunk: &mut Map<String, Value>) -> bool {
        let takes_away = self.repairs.has(ResponseQuirk::UsagePlacement) && !self.whole;
        let mut found = Vec::new();
        let choices = chunk.get_mut("choices").and_then(Value::as_array_mut);
        for choice in choices.into_iter().flatten().filter_map(Value::as_object_mut) {
            found.extend(choice.get("usage").cloned());
            choice.shift_remove("usage");
        }
        if let Some(groq) = chunk.get_mut("x_groq").and_then(Value::as_object_mut) {
            found.extend(groq.get("usage").cloned());
        }
        found.extend(chunk.get("usage").cloned());
        let had_a_place = !found.is_empty();
        found.into_iter().for_each(|usage| self.tally.observe(usage));
        if self.repairs.has(ResponseQuirk::ReasoningOutsideCompletion) {
            self.tally.fold_reasoning_in();
        }
        if takes_away {
            chunk.shift_remove("usage");
            if let Some(groq) = chunk.get_mut("x_groq").and_then(Value::as_object_mut) {
                groq.shift_remove("usage");
            }
        }
        had_a_place
    }

    fn envelope(&mut self, chunk: &mut Map<String, Value>, has_choices: bool) {
        if self.repairs.has(ResponseQuirk::EmptyStrings) {
            for key in ["service_tier", "system_fingerprint"] {
                if chunk.get(key).is_some_and(|value| value == "") {
                    chunk.shift_remove(key);
                }
            }
        }
        // A prelude without choices (Azure's filter results) has an empty head of its own.
        if has_choices && self.head.is_empty() {
            let object = if self.whole { "chat.completion" } else { "chat.completion.chunk" };
            let text = |key: &str| chunk.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
            let created = chunk.get("created").and_then(Value::as_u64).unwrap_or_default();
            self.head.insert("id".to_owned(), json!(text("id")));
            self.head.insert("object".to_owned(), json!(object));
            self.head.insert("created".to_owned(), json!(created));
            self.head.insert("model".to_owned(), json!(text("model")));
        }
        for (key, value) in &mut self.head {
            let came = chunk.get(key);
            let empty = |value: &Value| *value == json!("") || *value == json!(0);
            if empty(value)
                && let Some(came) = came.filter(|came| came.is_string() || came.is_u64())
            {
                *value = came.clone();
            }
        }
        if !self.head.is_empty() && self.repairs.has(ResponseQuirk::Envelope) {
            let rest = std::mem::replace(chunk, self.head.clone());
            chunk.extend(rest.into_iter().filter(|(key, _)| !self.head.contains_key(key)));
        }
    }

    /// One choice, repaired; `None` when it only finishes what has finished.
    fn choice(&mut self, mut choice: Map<String, Value>) -> Result<Option<Map<String, Value>>, Failure> {
        let index = choice.get("index").and_then(Value::as_u64).and_then(|index| u32::try_from(index).ok());
        let index = index.unwrap_or_default();
        let at = match self.choices.iter().position(|(seen, _)| *seen == index) {
            Some(at) => at,
            None => {
                self.choices.push((index, ChoiceState::default()));
                self.choices.len() - 1
            }
        };
        let said = if self.whole { "message" } else { "delta" };
        let message = choice.get_mut("message").map(Value::take);
        let delta = choice.get_mut("delta").map(Value::take);
        if self.repairs.has(ResponseQuirk::RepeatedMessage) && !self.whole {
            choice.shift_remove("message");
        }
        let [first, second] = if self.whole { [message, delta] } else { [delta, message] };
        let mut delta = match first.filter(Value::is_object).or(second) {
            Some(Value::Object(delta)) => delta,
            _ => Map::new(),
        };
        let id = self.head.get("id").and_then(Value::as_str).unwrap_or_default();
        let answer = format!("{id}/{index}");
        let mut shaping = Shaping {
            repairs: &self.repairs,
            whole: self.whole,
            state: &mut self.choices[at].1,
            answer: &answer,
        };
        shaping.delta(&mut delta);
        let finished_before = shaping.state.finished;
        let reason = shaping.finish(choice.get("finish_reason"), &mut delta)?;
        let says_nothing = delta.values().all(|value| !failure::truthy(value));
        if finished_before && says_nothing && self.repairs.has(ResponseQuirk::FinishReasons) {
            return Ok(None);
        }
        choice.shift_insert(0, "index".to_owned(), json!(index));
        choice.insert(said.to_owned(), Value::Object(delta));
        choice.insert("finish_reason".to_owned(), json!(reason.map(FinishReason::as_str)));
        Ok(Some(choice))
    }
}

/// The repair of one choice of one chunk.
struct Shaping<'a> {
    repairs: &'a Repairs,
    whole: bool,
    state: &'a mut ChoiceState,
    answer: &'a str,
}

impl Shaping<'_> {
    fn delta(&mut self, delta: &mut Map<String, Value>) {
        if self.repairs.has(ResponseQuirk::Envelope) {
            let role = delta.shift_remove("role");
            if !self.state.role_given {
                let role = role.filter(Value::is_string).unwrap_or_else(|| json!("assistant"));
                delta.shift_insert(0, "role".to_owned(), role);
            }
        }
        self.state.role_given = true;
        if self.repairs.has(ResponseQuirk::ContentParts) {
            split_parts(delta);
        }
        if self.repairs.has(ResponseQuirk::ReasoningField)
            && let Some(reasoning) = delta.shift_remove("reasoning").filter(Value::is_string)
        {
            let known = delta.get("reasoning_content").and_then(Value::as_str).unwrap_or_default();
            if known.is_empty() {
                delta.insert("reasoning_content".to_owned(), reasoning);
            }
        }
        self.calls(delta);
    }

    fn calls(&mut self, delta: &mut Map<String, Value>) {
        self.state.function_call |= delta.get("function_call").is_some_and(Value::is_object);
        let Some(given) = delta.get_mut("tool_calls") else { return };
        let fragments = match given.take() {
            Value::Array(fragments) => fragments,
            one @ Value::Object(_) => vec![one],
            _ => Vec::new(),
        };
        let mut unrepaired = fragments.clone();
        let mut repaired = self.state.calls.repair(fragments, self.answer);
        if !self.repairs.has(ResponseQuirk::ToolCalls) {
            repaired = std::mem::take(&mut unrepaired);
        } else if self.whole {
            repaired.extend(self.state.calls.unnamed(self.answer));
            for call in repaired.iter_mut().filter_map(Value::as_object_mut) {
                call.shift_remove("index");
            }
        }
        if repaired.is_empty() {
            delta.shift_remove("tool_calls");
        } else {
            delta.insert("tool_calls".to_owned(), Value::Array(repaired));
        }
    }

    fn finish(
        &mut self,
        given: Option<&Value>,
        delta: &mut Map<String, Value>,
    ) -> Result<Option<FinishReason>, Failure> {
        let given = given.and_then(Value::as_str);
        self.state.finish_was_empty |= given == Some("");
        let repairs = self.repairs.has(ResponseQuirk::FinishReasons);
        let mut reason = match given {
            None | Some("") if self.whole && repairs => Some(FinishReason::Stop),
            None | Some("") => None,
            Some(word) => Some(read_reason(word)?),
        };
        if repairs {
            if self.state.finished {
                reason = None;
            }
            if reason == Some(FinishReason::Stop) && self.state.calls.any() {
                reason = Some(FinishReason::ToolCalls);
            } else if reason == Some(FinishReason::Stop) && self.state.function_call {
                reason = Some(FinishReason::FunctionCall);
            }
        }
        if reason.is_some() && !self.whole && self.repairs.has(ResponseQuirk::ToolCalls) {
            let unnamed = self.state.calls.unnamed(self.answer);
            if !unnamed.is_empty() {
                delta.insert("tool_calls".to_owned(), Value::Array(unnamed));
            }
        }
        self.state.finished |= reason.is_some() || self.whole;
        Ok(reason)
    }
}

/// Content that is a list of typed parts: text becomes `content`, thinking `reasoning_content`.
fn split_parts(delta: &mut Map<String, Value>) {
    let Some(Value::Array(parts)) = delta.get("content") else { return };
    let mut text = String::new();
    let mut thinking = String::new();
    for part in parts {
        match part.get("type").and_then(Value::as_str) {
            Some("thinking") => match part.get("thinking") {
                Some(Value::Array(inner)) => {
                    let inner = inner.iter().filter_map(|part| part.get("text").and_then(Value::as_str));
                    inner.for_each(|text| thinking.push_str(text));
                }
                Some(Value::String(inner)) => thinking.push_str(inner),
                _ => {}
            },
            _ => text.push_str(part.get("text").and_then(Value::as_str).unwrap_or_default()),
        }
    }
    if !thinking.is_empty() {
        delta.insert("reasoning_content".to_owned(), thinking.into());
    }
    delta.insert("content".to_owned(), text.into());
}

/// A finish reason in the words of vendors. Words that say that the answer was not completed are failures: a broken
/// answer is not given as a complete one.
fn read_reason(word: &str) -> Result<FinishReason, Failure> {
    if let Some(reason) = FinishReason::from_wire(word) {
        return Ok(reason);
    }
    Ok(match word {
        "max_tokens" | "model_length" | "model_context_window_exceeded" => FinishReason::Length,
        "sensitive" | "safety" | "content_filtered" | "SAFETY" => FinishReason::ContentFilter,
        "tool_use" | "tool_call" => FinishReason::ToolCalls,
        "insufficient_system_resource" => return Err(broken_off(FailureKind::Overloaded, word)),
        "error" | "network_error" | "abort" => return Err(broken_off(FailureKind::ServerError, word)),
        // eos, end_turn, stop_sequence and whatever else means that the model stopped.
        _ => FinishReason::Stop,
    })
}

fn broken_off(kind: FailureKind, word: &str) -> Failure {
    let message = format!("the upstream broke its answer off with finish_reason \"{word}\"");
    Failure::ours(kind, "upstream_truncated", message)
}
