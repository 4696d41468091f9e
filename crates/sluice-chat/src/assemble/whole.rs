//! One whole completion.

use serde_json::{Map, Value, json};

use crate::completion::Choice;
use crate::event::ToolCallKind;
use crate::{ApiError, ChatEvent, Completion};

/// Puts a whole answer together.
///
/// # Errors
/// The error that the events declare ([`ChatEvent::Failed`]).
pub fn completion(events: &[ChatEvent]) -> Result<Completion, ApiError> {
    let mut whole = Completion::default();
    let mut drafts: Vec<Draft> = Vec::new();
    for event in events {
        match event {
            ChatEvent::Started { id, created, model, system_fingerprint, service_tier } => {
                whole.id.clone_from(id);
                whole.created = *created;
                whole.model.clone_from(model);
                whole.system_fingerprint.clone_from(system_fingerprint);
                whole.service_tier.clone_from(service_tier);
            }
            ChatEvent::Usage(usage) => whole.usage = Some((*usage).into()),
            ChatEvent::Failed(error) => return Err(error.clone()),
            of_choice => {
                if let Some(choice) = choice_of(of_choice) {
                    draft(&mut drafts, choice).add(of_choice);
                }
            }
        }
    }
    whole.choices = drafts.into_iter().map(Draft::finish).collect();
    Ok(whole)
}

/// The choice that an event belongs to.
pub(super) fn choice_of(event: &ChatEvent) -> Option<u32> {
    match event {
        ChatEvent::Text { choice, .. }
        | ChatEvent::Reasoning { choice, .. }
        | ChatEvent::Refusal { choice, .. }
        | ChatEvent::ToolCallStarted { choice, .. }
        | ChatEvent::ToolCallArguments { choice, .. }
        | ChatEvent::ThinkingBlock { choice, .. }
        | ChatEvent::Annotation { choice, .. }
        | ChatEvent::Audio { choice, .. }
        | ChatEvent::Logprobs { choice, .. }
        | ChatEvent::Finished { choice, .. } => Some(*choice),
        ChatEvent::Started { .. } | ChatEvent::Usage(_) | ChatEvent::Failed(_) => None,
    }
}

/// A choice that is being put together.
#[derive(Default)]
struct Draft {
    choice: Choice,
    calls: Vec<Call>,
}

struct Call {
    index: u32,
    id: String,
    kind: ToolCallKind,
    name: String,
    arguments: String,
    extra_content: Option<Value>,
}

/// Where blocks of thinking stand in a message and in a delta.
pub(super) const THINKING_BLOCKS: &str = "thinking_blocks";

/// The draft of a choice, made where it belongs by its index.
fn draft(drafts: &mut Vec<Draft>, index: u32) -> &mut Draft {
    let at = drafts.partition_point(|draft| draft.choice.index < index);
    if drafts.get(at).is_none_or(|draft| draft.choice.index != index) {
        let choice = Choice { index, ..Choice::default() };
        drafts.insert(at, Draft { choice, calls: Vec::new() });
    }
    &mut drafts[at]
}

impl Draft {
    fn add(&mut self, event: &ChatEvent) {
        let message = &mut self.choice.message;
        match event {
            ChatEvent::Text { text, .. } => message.content.get_or_insert_default().push_str(text),
            ChatEvent::Reasoning { text, .. } => {
                message.reasoning_content.get_or_insert_default().push_str(text)
            }
            ChatEvent::Refusal { text, .. } => message.refusal.get_or_insert_default().push_str(text),
            ChatEvent::ToolCallStarted { index, id, kind, name, extra_content, .. } => {
                self.calls.push(Call {
                    index: *index,
                    id: id.clone(),
                    kind: *kind,
                    name: name.clone(),
                    arguments: String::new(),
                    extra_content: extra_content.clone(),
                })
            }
            ChatEvent::ToolCallArguments { index, fragment, .. } => {
                if let Some(call) = self.calls.iter_mut().rfind(|call| call.index == *index) {
                    call.arguments.push_str(fragment);
                }
            }
            ChatEvent::ThinkingBlock { block, .. } => {
                let blocks = message.rest.entry(THINKING_BLOCKS).or_insert_with(|| json!([]));
                blocks.as_array_mut().into_iter().for_each(|blocks| blocks.push(block.clone()));
            }
            ChatEvent::Annotation { annotation, .. } => {
                message.annotations.get_or_insert_default().push(annotation.clone());
            }
            ChatEvent::Audio { audio, .. } => {
                join_audio(message.audio.get_or_insert_with(|| json!({})), audio)
            }
            ChatEvent::Logprobs { logprobs, .. } => join_logprobs(&mut self.choice.logprobs, logprobs),
            ChatEvent::Finished { reason, .. } => {
                self.choice.finish_reason = Some(reason.as_str().to_owned())
            }
            ChatEvent::Started { .. } | ChatEvent::Usage(_) | ChatEvent::Failed(_) => {}
        }
    }

    fn finish(self) -> Choice {
        let mut choice = self.choice;
        for call in self.calls {
            let mut written = match call.kind {
                ToolCallKind::LegacyFunction => {
                    choice.message.function_call =
                        Some(json!({ "name": call.name, "arguments": call.arguments }));
                    continue;
                }
                ToolCallKind::Function => json!({
                    "id": call.id, "type": "function",
                    "function": { "name": call.name, "arguments": call.arguments },
                }),
                ToolCallKind::Custom => json!({
                    "id": call.id, "type": "custom",
                    "custom": { "name": call.name, "input": call.arguments },
                }),
            };
            add_extra_content(Some(&mut written), call.extra_content.as_ref());
            choice.message.tool_calls.get_or_insert_default().push(written);
        }
        choice
    }
}

/// What a provider wants back with a call stands beside it.
pub(super) fn add_extra_content(call: Option<&mut Value>, extra: Option<&Value>) {
    if let (Some(Value::Object(call)), Some(extra)) = (call, extra) {
        call.insert("extra_content".to_owned(), extra.clone());
    }
}

/// Texts that come in pieces grow; everything else is what it was last said to be.
fn join_audio(whole: &mut Value, update: &Value) {
    let (Value::Object(whole), Value::Object(update)) = (whole, update) else { return };
    for (name, value) in update {
        match (name.as_str(), whole.get_mut(name), value) {
            ("data" | "transcript", Some(Value::String(grown)), Value::String(piece)) => {
                grown.push_str(piece)
            }
            (_, _, Value::Null) => {}
            _ => drop(whole.insert(name.clone(), value.clone())),
        }
    }
}

/// The lists under `content` and `refusal` grow.
fn join_logprobs(whole: &mut Option<Value>, update: &Value) {
    let Value::Object(update) = update else { return };
    let whole = whole.get_or_insert_with(|| json!({ "content": null, "refusal": null }));
    let Value::Object(whole) = whole else { return };
    for (name, value) in update {
        join_list(whole, name, value);
    }
}

fn join_list(whole: &mut Map<String, Value>, name: &str, value: &Value) {
    match (whole.get_mut(name), value) {
        (Some(Value::Array(grown)), Value::Array(items)) => grown.extend(items.iter().cloned()),
        (Some(_), Value::Null) => {}
        _ => drop(whole.insert(name.to_owned(), value.clone())),
    }
}
