//! Messages as contents: turns of user and model that take turns, tool results first and in the order of their calls.

use std::collections::HashMap;

use serde_json::{Map, Value, json};
use sluice_chat::ApiError;
use sluice_chat::message::{Content, Message, Part, Role};
use sluice_chat::tool::ToolCall;

use super::media::{Kind, MediaTerms, audio};
use super::model::Generation;
use super::signature;
use super::tools::sent_name;
use crate::asked::{ECHOES, tools};
use crate::memory::Memory;

/// In place of a user message that says nothing: an empty text is refused.
const EMPTY_MESSAGE: &str = "(empty message)";

/// Where the form wants a text and there is none.
const BLANK: &str = " ";

/// A conversation as it is sent.
#[derive(Debug, Default)]
pub(super) struct Contents {
    /// Parts of the system instruction.
    pub(super) system: Vec<Value>,
    pub(super) contents: Vec<Value>,
}

#[derive(Default)]
struct Turn {
    is_model: bool,
    /// Results of tools, by the order of their calls.
    results: Vec<(usize, Value)>,
    parts: Vec<Value>,
}

/// An earlier call, by the id under which the caller knows it.
struct Called {
    name: String,
    /// The id that the upstream gets.
    id: String,
    order: usize,
}

pub(super) struct Conversation<'a> {
    media: MediaTerms<'a>,
    memory: &'a dyn Memory,
    dropped: &'a mut Vec<String>,
    system: Vec<Value>,
    turns: Vec<Turn>,
    calls: HashMap<String, Called>,
    /// Calls of the deprecated kind that have no result yet.
    legacy: Vec<(String, usize)>,
    order: usize,
}

impl<'a> Conversation<'a> {
    pub(super) fn new(media: MediaTerms<'a>, memory: &'a dyn Memory, dropped: &'a mut Vec<String>) -> Self {
        let (turns, calls) = (Vec::new(), HashMap::new());
        Self { media, memory, dropped, system: Vec::new(), turns, calls, legacy: Vec::new(), order: 0 }
    }

    /// # Errors
    /// 400 for a part that cannot be said, or a tool result of a call that nobody made.
    pub(super) fn read(mut self, messages: &[Message]) -> Result<Contents, ApiError> {
        for (index, message) in messages.iter().enumerate() {
            self.message(index, message)?;
        }
        if self.turns.first().is_none_or(|turn| turn.is_model) {
            self.turns.insert(0, Turn { parts: vec![text_part(BLANK)], ..Turn::default() });
        }
        let contents = self.turns.into_iter().map(written).collect();
        Ok(Contents { system: self.system, contents })
    }

    fn message(&mut self, index: usize, message: &Message) -> Result<(), ApiError> {
        let Message {
            role,
            content,
            name,
            tool_calls: _,
            tool_call_id,
            // Thoughts without their signature say nothing, and are billed.
            reasoning_content: _,
            refusal: _,
            audio,
            function_call: _,
            rest,
        } = message;
        let at = format!("messages[{index}]");
        if name.is_some() && !matches!(role, Role::Tool | Role::Function) {
            self.dropped.push(format!("{at}.name"));
        }
        if audio.is_some() {
            self.dropped.push(format!("{at}.audio"));
        }
        self.report(&at, rest, ECHOES);
        match role {
            Role::System | Role::Developer => {
                self.system(&at, content.as_ref());
                Ok(())
            }
            Role::User => {
                let parts = self.content(&at, content.as_ref())?;
                self.turn(false).parts.extend(parts);
                Ok(())
            }
            Role::Assistant => self.assistant(&at, message),
            Role::Tool => self.result(&at, content.as_ref(), (tool_call_id.as_deref(), name.as_deref())),
            Role::Function => self.result(&at, content.as_ref(), (None, name.as_deref())),
        }
    }

    /// Names the fields that nothing is made of.
    fn report(&mut self, at: &str, rest: &Map<String, Value>, known: &[&str]) {
        let unknown = rest.iter().filter(|(name, value)| !value.is_null() && !known.contains(&name.as_str()));
        self.dropped.extend(unknown.map(|(name, _)| format!("{at}.{name}")));
    }

    /// The leading ones are the system instruction; what the system says later stays where it was said.
    fn system(&mut self, at: &str, content: Option<&Content>) {
        let texts = self.texts(at, content);
        if self.turns.is_empty() {
            self.system.extend(texts.iter().map(|text| text_part(text)));
        } else if !texts.is_empty() {
            let note = format!("<system>\n{}\n</system>", texts.join("\n"));
            self.turn(false).parts.push(text_part(&note));
        }
    }

    /// The texts of a content, without the blank ones.
    fn texts(&mut self, at: &str, content: Option<&Content>) -> Vec<String> {
        let mut texts = Vec::new();
        match content {
            None => {}
            Some(Content::Text(text)) => texts.push(text.clone()),
            Some(Content::Parts(parts)) => {
                for (index, part) in parts.iter().enumerate() {
                    match part {
                        Part::Text(part) => {
                            self.report(&format!("{at}.content[{index}]"), &part.rest, &[]);
                            texts.push(part.text.clone());
                        }
                        Part::Refusal(part) => texts.push(part.refusal.clone()),
                        _ => self.dropped.push(format!("{at}.content[{index}]")),
                    }
                }
            }
        }
        texts.retain(|text| !text.trim().is_empty());
        texts
    }

    /// What a message of user or assistant says, without the blank texts.
    fn content(&mut self, at: &str, content: Option<&Content>) -> Result<Vec<Value>, ApiError> {
        match content {
            Some(Content::Parts(parts)) => self.parts(at, parts),
            Some(Content::Text(text)) if !text.trim().is_empty() => Ok(vec![text_part(text)]),
            _ => Ok(Vec::new()),
        }
    }

    fn parts(&mut self, at: &str, parts: &[Part]) -> Result<Vec<Value>, ApiError> {
        let mut out = Vec::new();
        for (index, part) in parts.iter().enumerate() {
            let at = format!("{at}.content[{index}]");
            let rest = match part {
                Part::Text(part) => {
                    out.extend((!part.text.trim().is_empty()).then(|| text_part(&part.text)));
                    &part.rest
                }
                Part::ImageUrl(part) => {
                    out.push(self.media.image(part, &at)?);
                    &part.rest
                }
                Part::InputAudio(part) => {
                    out.push(audio(part));
                    &part.rest
                }
                Part::File(part) => {
                    out.push(self.media.file(&part.file, &at)?);
                    &part.rest
                }
                Part::VideoUrl(part) => {
                    let param = format!("{at}.video_url.url");
                    out.push(self.media.url(part.video_url.url(), Kind::Video, &param)?);
                    &part.rest
                }
                Part::Refusal(part) => {
                    out.extend((!part.refusal.trim().is_empty()).then(|| text_part(&part.refusal)));
                    &part.rest
                }
                Part::Unknown(fields) => {
                    let kind = fields.get("type").and_then(Value::as_str).unwrap_or_default();
                    let message = format!("This model's provider has no content part of type '{kind}'.");
                    return Err(ApiError::invalid("invalid_value", message).with_param(format!("{at}.type")));
                }
            };
            self.report(&at, rest, &[]);
        }
        Ok(out)
    }

    /// The turn of the one who is speaking.
    fn turn(&mut self, is_model: bool) -> &mut Turn {
        if self.turns.last().is_none_or(|turn| turn.is_model != is_model) {
            self.turns.push(Turn { is_model, ..Turn::default() });
        }
        let last = self.turns.len() - 1;
        &mut self.turns[last]
    }

    fn assistant(&mut self, at: &str, message: &Message) -> Result<(), ApiError> {
        let Message { content, refusal, tool_calls, function_call, rest, .. } = message;
        let calls = tool_calls.as_deref().unwrap_or_default();
        let mut parts = self.content(at, content.as_ref())?;
        parts.extend(refusal.as_deref().filter(|text| !text.trim().is_empty()).map(text_part));
        // A signature of the text belongs to its last part; beside calls, theirs would be billed twice.
        if calls.is_empty()
            && self.media.model.generation >= Generation::TwoFive
            && let (Some(signature), Some(last)) = (signature::in_extra_content(rest), parts.last_mut())
        {
            last["thoughtSignature"] = signature.into();
        }
        let first_call = parts.len();
        for (index, call) in calls.iter().enumerate() {
            let part = self.call(&format!("{at}.tool_calls[{index}]"), call);
            parts.extend(part);
        }
        if let Some(call) = function_call {
            let order = self.next_order();
            self.legacy.push((call.name.clone(), order));
            let args = self.arguments(&format!("{at}.function_call"), call.arguments.as_deref());
            parts.push(json!({ "functionCall": { "name": sent_name(&call.name), "args": args } }));
        }
        if self.media.model.generation == Generation::Three {
            signature::complete(&mut parts[first_call..]);
        }
        if parts.is_empty() {
            return Ok(());
        }
        self.turn(true).parts.append(&mut parts);
        Ok(())
    }

    fn next_order(&mut self) -> usize {
        self.order += 1;
        self.order
    }

    fn call(&mut self, at: &str, call: &ToolCall) -> Option<Value> {
        let (id, name, args, rest, inner) = match call {
            ToolCall::Function(call) => {
                let place = format!("{at}.function");
                let args = self.arguments(&place, call.function.arguments.as_deref());
                (&call.id, &call.function.name, args, &call.rest, &call.function.rest)
            }
            ToolCall::Custom(call) => {
                let input = call.custom.input.clone().unwrap_or_default();
                (&call.id, &call.custom.name, json!({ "input": input }), &call.rest, &call.custom.rest)
            }
            ToolCall::Other(_) => {
                self.dropped.push(at.to_owned());
                return None;
            }
        };
        let (own_id, _) = signature::split_id(id);
        let order = self.next_order();
        let called = Called { name: sent_name(name).into_owned(), id: own_id.to_owned(), order };
        let mut sent = json!({ "name": called.name, "args": args });
        if self.media.model.generation == Generation::Three {
            sent["id"] = called.id.as_str().into();
        }
        self.calls.insert(id.clone(), called);
        let mut part = json!({ "functionCall": sent });
        if self.media.model.generation >= Generation::TwoFive {
            let known = signature::of_call(id, rest, inner).or_else(|| self.memory.recall(id));
            if let Some(signature) = known {
                part["thoughtSignature"] = signature.into();
            }
        }
        Some(part)
    }

    fn arguments(&mut self, at: &str, arguments: Option<&str>) -> Value {
        let (object, whole) = tools::arguments(arguments.unwrap_or_default());
        if !whole {
            self.dropped.push(format!("{at}.arguments"));
        }
        object.into()
    }

    fn result(
        &mut self,
        at: &str,
        content: Option<&Content>,
        (id, name): (Option<&str>, Option<&str>),
    ) -> Result<(), ApiError> {
        let (name, id, order) = match id.and_then(|id| self.calls.get(id)) {
            Some(called) => (called.name.clone(), Some(called.id.clone()), called.order),
            None => {
                let Some(name) = name else {
                    let message = "No earlier message has a tool call with this id.";
                    let param = format!("{at}.tool_call_id");
                    return Err(ApiError::invalid("invalid_value", message).with_param(param));
                };
                let unanswered = self.legacy.iter().position(|(called, _)| called == name);
                let order = unanswered.map_or(usize::MAX, |position| self.legacy.remove(position).1);
                (sent_name(name).into_owned(), id.map(str::to_owned), order)
            }
        };
        let text = result_text(content);
        let media = self.result_media(at, content)?;
        let mut sent = json!({ "name": name, "response": response(&text) });
        let three = self.media.model.generation == Generation::Three;
        if three && let Some(id) = id {
            sent["id"] = id.into();
        }
        let beside = if three && !media.is_empty() {
            sent["parts"] = media.into();
            Vec::new()
        } else {
            media
        };
        let turn = self.turn(false);
        turn.results.push((order, json!({ "functionResponse": sent })));
        turn.parts.extend(beside);
        Ok(())
    }

    /// Images and files that a tool gave back.
    fn result_media(&mut self, at: &str, content: Option<&Content>) -> Result<Vec<Value>, ApiError> {
        let Some(Content::Parts(parts)) = content else { return Ok(Vec::new()) };
        let mut all = self.parts(at, parts)?;
        all.retain(|part| part.get("text").is_none());
        Ok(all)
    }
}

fn result_text(content: Option<&Content>) -> String {
    let text = |part: &Part| match part {
        Part::Text(part) => Some(part.text.clone()),
        Part::Refusal(part) => Some(part.refusal.clone()),
        _ => None,
    };
    match content {
        None => String::new(),
        Some(Content::Text(text)) => text.clone(),
        Some(Content::Parts(parts)) => parts.iter().filter_map(text).collect::<Vec<_>>().join("\n"),
    }
}

/// What a function gave: an object as it is, unless it has a `$ref` somewhere, which would be read as a pointer to a
/// part; anything else under `output`.
fn response(text: &str) -> Value {
    match serde_json::from_str::<Value>(text) {
        Ok(object @ Value::Object(_)) if !has_reference(&object) => object,
        _ => json!({ "output": text }),
    }
}

fn has_reference(value: &Value) -> bool {
    match value {
        Value::Object(pairs) => pairs.iter().any(|(key, value)| key == "$ref" || has_reference(value)),
        Value::Array(items) => items.iter().any(has_reference),
        _ => false,
    }
}

fn text_part(text: &str) -> Value {
    json!({ "text": text })
}

fn written(turn: Turn) -> Value {
    let Turn { is_model, mut results, mut parts } = turn;
    if is_model {
        return json!({ "role": "model", "parts": parts });
    }
    results.sort_by_key(|(order, _)| *order);
    if results.is_empty() && parts.iter().all(|part| part.get("text").is_none()) {
        // Some models refuse media without a word.
        parts.push(text_part(if parts.is_empty() { EMPTY_MESSAGE } else { BLANK }));
    }
    let results = results.into_iter().map(|(_, result)| result);
    json!({ "role": "user", "parts": results.chain(parts).collect::<Vec<_>>() })
}
