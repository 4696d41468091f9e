//! Messages as Cohere has them.

use serde_json::{Map, Value, json};
use sluice_chat::ApiError;
use sluice_chat::message::{Content, MediaUrl, Message, Part, Role};
use sluice_chat::tool::{FunctionCall, ToolCall};

use crate::asked::calls::{Called, legacy_id};
use crate::asked::text::{is_blank, texts};
use crate::asked::{Dropped, unsaid};

/// What a user says who says nothing: an empty message is refused.
const PLACEHOLDER: &str = ".";

/// All messages. Of the assistant's and the system's those that say nothing are left out.
///
/// # Errors
/// When one cannot be said.
pub(super) fn written(
    messages: Vec<Message>,
    model_thinks: bool,
    dropped: &mut Dropped,
) -> Result<Vec<Value>, ApiError> {
    let mut called = Called::default();
    let mut out = Vec::with_capacity(messages.len());
    for (index, message) in messages.into_iter().enumerate() {
        called.note(&message, index);
        let path = format!("messages[{index}]");
        out.extend(match message.role {
            Role::System | Role::Developer => system(message, &path, dropped)?,
            Role::User => Some(user(message, &path, dropped)?),
            Role::Assistant => assistant(message, index, model_thinks, dropped)?,
            Role::Tool | Role::Function => Some(result(message, &path, &called, dropped)?),
        });
    }
    Ok(out)
}

/// The fields that no role has words for.
fn beside(name: Option<&str>, rest: Map<String, Value>, path: &str, dropped: &mut Dropped) {
    dropped.add_if(name.is_some(), &format!("{path}.name"));
    dropped.rest_of_message(path, rest);
}

fn system(message: Message, path: &str, dropped: &mut Dropped) -> Result<Option<Value>, ApiError> {
    beside(message.name.as_deref(), message.rest, path, dropped);
    let texts = texts(message.content, &format!("{path}.content"), dropped)?;
    Ok((!texts.is_empty()).then(|| json!({ "role": "system", "content": texts.join("\n") })))
}

fn user(message: Message, path: &str, dropped: &mut Dropped) -> Result<Value, ApiError> {
    beside(message.name.as_deref(), message.rest, path, dropped);
    let parts = match message.content {
        Some(Content::Text(text)) if !is_blank(&text) => {
            return Ok(json!({ "role": "user", "content": text }));
        }
        Some(Content::Parts(parts)) => parts,
        Some(Content::Text(_)) | None => Vec::new(),
    };
    let mut content = Vec::new();
    for (index, part) in parts.into_iter().enumerate() {
        content.extend(user_part(part, &format!("{path}.content[{index}]"), dropped)?);
    }
    if content.is_empty() {
        return Ok(json!({ "role": "user", "content": PLACEHOLDER }));
    }
    Ok(json!({ "role": "user", "content": content }))
}

fn user_part(part: Part, path: &str, dropped: &mut Dropped) -> Result<Option<Value>, ApiError> {
    let (written, rest) = match part {
        Part::Text(part) => {
            let said = !is_blank(&part.text);
            (said.then(|| json!({ "type": "text", "text": part.text })), part.rest)
        }
        // It takes URLs of the web and `data:` URLs, and knows the degrees of detail.
        Part::ImageUrl(part) => {
            let mut image = json!({ "url": part.image_url.url() });
            if let MediaUrl::Object(object) = &part.image_url
                && let Some(detail) = &object.detail
            {
                image["detail"] = detail.as_str().into();
            }
            (Some(json!({ "type": "image_url", "image_url": image })), part.rest)
        }
        _ => return Err(unsaid(format!("{path}.type"), "This provider takes only text and images.")),
    };
    dropped.rest(&format!("{path}."), &rest);
    Ok(written)
}

fn assistant(
    message: Message,
    index: usize,
    model_thinks: bool,
    dropped: &mut Dropped,
) -> Result<Option<Value>, ApiError> {
    let path = format!("messages[{index}]");
    let Message {
        role: _,
        content,
        name,
        tool_calls,
        tool_call_id: _,
        reasoning_content,
        refusal,
        audio,
        function_call,
        rest,
    } = message;
    beside(name.as_deref(), rest, &path, dropped);
    dropped.add_if(audio.is_some(), &format!("{path}.audio"));
    let mut texts = texts(content, &format!("{path}.content"), dropped)?;
    texts.extend(refusal.filter(|text| !is_blank(text)));
    let mut calls = calls(tool_calls, &path)?;
    if let Some(FunctionCall { name, arguments, rest: _ }) = function_call {
        calls.push(function(&legacy_id(index), &name, arguments));
    }
    let mut out = Map::new();
    let mut content: Vec<Value> = Vec::new();
    if let Some(thought) = reasoning_content.filter(|text| !is_blank(text)) {
        match (model_thinks, calls.is_empty()) {
            (true, _) => content.push(json!({ "type": "thinking", "thinking": thought })),
            // What a model without thinking thought before it called was its plan.
            (false, false) => drop(out.insert("tool_plan".to_owned(), thought.into())),
            (false, true) => {}
        }
    }
    content.extend(texts.into_iter().map(|text| json!({ "type": "text", "text": text })));
    if content.is_empty() && calls.is_empty() {
        return Ok(None);
    }
    let mut whole = Map::new();
    whole.insert("role".to_owned(), "assistant".into());
    if !content.is_empty() {
        whole.insert("content".to_owned(), content.into());
    }
    whole.append(&mut out);
    if !calls.is_empty() {
        whole.insert("tool_calls".to_owned(), calls.into());
    }
    Ok(Some(whole.into()))
}

fn calls(tool_calls: Option<Vec<ToolCall>>, path: &str) -> Result<Vec<Value>, ApiError> {
    let mut calls = Vec::new();
    for (at, call) in tool_calls.into_iter().flatten().enumerate() {
        calls.push(match call {
            ToolCall::Function(call) => function(&call.id, &call.function.name, call.function.arguments),
            ToolCall::Custom(call) => {
                let input = json!({ "input": call.custom.input.unwrap_or_default() });
                function(&call.id, &call.custom.name, Some(input.to_string()))
            }
            ToolCall::Other(_) => {
                let path = format!("{path}.tool_calls[{at}].type");
                return Err(unsaid(path, "This provider does not know this type of call."));
            }
        });
    }
    Ok(calls)
}

/// Arguments travel as a text, which must not be empty.
fn function(id: &str, name: &str, arguments: Option<String>) -> Value {
    let arguments = arguments.filter(|text| !is_blank(text)).unwrap_or_else(|| "{}".to_owned());
    json!({ "id": id, "type": "function", "function": { "name": name, "arguments": arguments } })
}

fn result(message: Message, path: &str, called: &Called, dropped: &mut Dropped) -> Result<Value, ApiError> {
    let name = message.name.unwrap_or_default();
    beside(None, message.rest, path, dropped);
    let id = match message.tool_call_id.filter(|_| message.role == Role::Tool) {
        Some(id) => id,
        None => called.legacy_id(&name).unwrap_or(&name).to_owned(),
    };
    let texts = texts(message.content, &format!("{path}.content"), dropped)?;
    Ok(json!({ "role": "tool", "tool_call_id": id, "content": texts.join("\n") }))
}
