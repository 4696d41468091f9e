//! Messages as Ollama has them: one text, and pictures beside it.

use serde_json::{Map, Value, json};
use sluice_chat::ApiError;
use sluice_chat::message::{Content, Message, Part, Role};
use sluice_chat::tool::ToolCall;

use crate::asked::calls::{Called, legacy_id};
use crate::asked::media::{image_format, of_file_data, of_url};
use crate::asked::tools::arguments;
use crate::asked::{Dropped, unsaid};
use crate::media::Inlined;

/// All messages.
///
/// # Errors
/// When one cannot be said.
pub(super) fn written(
    messages: Vec<Message>,
    fetched: &Inlined,
    dropped: &mut Dropped,
) -> Result<Vec<Value>, ApiError> {
    let mut called = Called::default();
    let mut out = Vec::with_capacity(messages.len());
    for (index, message) in messages.into_iter().enumerate() {
        called.note(&message, index);
        out.push(one(message, index, fetched, &called, dropped)?);
    }
    Ok(out)
}

fn one(
    message: Message,
    index: usize,
    fetched: &Inlined,
    called: &Called,
    dropped: &mut Dropped,
) -> Result<Value, ApiError> {
    let path = format!("messages[{index}]");
    let Message {
        role,
        content,
        name,
        tool_calls,
        tool_call_id,
        reasoning_content,
        refusal,
        audio,
        function_call,
        rest,
    } = message;
    let gives_a_result = matches!(role, Role::Tool | Role::Function);
    dropped.add_if(name.is_some() && !gives_a_result, &format!("{path}.name"));
    dropped.add_if(audio.is_some(), &format!("{path}.audio"));
    dropped.rest_of_message(&path, rest);
    let mut said = Said::default();
    said.content(content, &path, fetched, dropped)?;
    said.texts.extend(refusal);
    let word = match role {
        Role::System | Role::Developer => "system",
        Role::User => "user",
        Role::Assistant => "assistant",
        Role::Tool | Role::Function => "tool",
    };
    let mut out = Map::new();
    out.insert("role".to_owned(), word.into());
    out.insert("content".to_owned(), said.texts.join("\n").into());
    if !said.images.is_empty() {
        out.insert("images".to_owned(), said.images.into());
    }
    if let Some(thinking) = reasoning_content.filter(|text| !text.is_empty() && role == Role::Assistant) {
        out.insert("thinking".to_owned(), thinking.into());
    }
    let mut calls = calls(tool_calls, &path, dropped)?;
    if let Some(call) = function_call {
        let path = format!("{path}.function_call.arguments");
        let arguments = object(call.arguments.as_deref(), &path, dropped);
        calls.push(written_call(&legacy_id(index), &call.name, &arguments));
    }
    if !calls.is_empty() {
        out.insert("tool_calls".to_owned(), calls.into());
    }
    if gives_a_result {
        let name = name.or_else(|| called.name_of(tool_call_id.as_deref()?).map(str::to_owned));
        let id = match (role, &name) {
            (Role::Function, Some(name)) => called.legacy_id(name).map(str::to_owned),
            _ => tool_call_id,
        };
        out.extend(name.map(|name| ("tool_name".to_owned(), name.into())));
        out.extend(id.map(|id| ("tool_call_id".to_owned(), id.into())));
    }
    Ok(out.into())
}

/// A content as texts and pictures.
#[derive(Default)]
struct Said {
    texts: Vec<String>,
    /// In base64, without a media type.
    images: Vec<Value>,
}

impl Said {
    fn content(
        &mut self,
        content: Option<Content>,
        path: &str,
        fetched: &Inlined,
        dropped: &mut Dropped,
    ) -> Result<(), ApiError> {
        match content {
            None => {}
            Some(Content::Text(text)) => self.texts.push(text),
            Some(Content::Parts(parts)) => {
                for (index, part) in parts.into_iter().enumerate() {
                    self.part(part, &format!("{path}.content[{index}]"), fetched, dropped)?;
                }
            }
        }
        Ok(())
    }

    fn part(
        &mut self,
        part: Part,
        path: &str,
        fetched: &Inlined,
        dropped: &mut Dropped,
    ) -> Result<(), ApiError> {
        let rest = match part {
            Part::Text(part) => {
                self.texts.push(part.text);
                part.rest
            }
            Part::Refusal(part) => {
                self.texts.push(part.refusal);
                part.rest
            }
            Part::ImageUrl(part) => {
                let media = of_url(part.image_url.url(), fetched).ok_or_else(|| {
                    let text = "This provider does not fetch URLs: send the bytes in a base64 data: URL.";
                    unsaid(format!("{path}.image_url.url"), text)
                })?;
                self.images.push(media.base64.as_ref().into());
                part.rest
            }
            Part::File(part) => {
                let data = part.file.file_data.as_deref().and_then(of_file_data);
                let image = data.filter(|media| image_format(media).is_some());
                let image = image.ok_or_else(|| unknown(&format!("{path}.file")))?;
                self.images.push(image.base64.as_ref().into());
                part.rest
            }
            Part::InputAudio(_) | Part::VideoUrl(_) | Part::Unknown(_) => {
                return Err(unknown(&format!("{path}.type")));
            }
        };
        dropped.rest(&format!("{path}."), &rest);
        Ok(())
    }
}

fn unknown(path: &str) -> ApiError {
    unsaid(path, "This provider takes only text and images.")
}

fn calls(
    tool_calls: Option<Vec<ToolCall>>,
    path: &str,
    dropped: &mut Dropped,
) -> Result<Vec<Value>, ApiError> {
    let mut calls = Vec::new();
    for (at, call) in tool_calls.into_iter().flatten().enumerate() {
        let path = format!("{path}.tool_calls[{at}]");
        calls.push(match call {
            ToolCall::Function(call) => {
                let path = format!("{path}.function.arguments");
                let arguments = object(call.function.arguments.as_deref(), &path, dropped);
                written_call(&call.id, &call.function.name, &arguments)
            }
            ToolCall::Custom(call) => {
                let arguments = json!({ "input": call.custom.input.unwrap_or_default() });
                written_call(&call.id, &call.custom.name, &arguments)
            }
            ToolCall::Other(_) => {
                return Err(unsaid(format!("{path}.type"), "This provider does not know this type of call."));
            }
        });
    }
    Ok(calls)
}

fn written_call(id: &str, name: &str, arguments: &Value) -> Value {
    json!({ "id": id, "function": { "name": name, "arguments": arguments } })
}

fn object(text: Option<&str>, path: &str, dropped: &mut Dropped) -> Value {
    let (object, whole) = arguments(text.unwrap_or_default());
    dropped.add_if(!whole, path);
    object.into()
}
