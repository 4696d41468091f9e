//! What the sandbox reads of the messages.

use std::sync::Arc;

use serde_json::Value;
use sluice_chat::ApiError;
use sluice_chat::usage::PromptDetails;

use super::prose::count_tokens;

/// The content parts of the API.
const PART_TYPES: &[&str] = &["text", "image_url", "input_audio", "file", "video_url", "refusal"];

/// Tokens of an image, and of one whose `detail` is `low`.
const IMAGE_TOKENS: u64 = 765;
const LOW_IMAGE_TOKENS: u64 = 85;
/// Tokens of a video.
const VIDEO_TOKENS: u64 = 1_000;
/// Tokens of a file that was uploaded before.
const UPLOADED_FILE_TOKENS: u64 = 250;
/// Bytes of inline sound, and of an inline file, that make one token.
const AUDIO_BYTES_PER_TOKEN: u64 = 1_000;
const FILE_BYTES_PER_TOKEN: u64 = 100;

/// The messages of a request.
#[derive(Clone, Debug, Default)]
pub(super) struct Conversation {
    /// The text of the last user message; empty without one.
    pub(super) last_user_text: Arc<String>,
    pub(super) prompt: PromptDetails,
    /// What the tools answered, when the last message is one of theirs.
    pub(super) tool_results: Option<Arc<String>>,
    /// What follows `call:` in the last message, up to the end of its line.
    pub(super) called_for: Option<String>,
}

impl Conversation {
    /// Takes what it needs out of the messages: texts are not copied.
    pub(super) fn take(messages: &mut [Value], cached: bool) -> Result<Self, ApiError> {
        unknown_part(messages).map_or(Ok(()), Err)?;
        let mut prompt = PromptDetails::default();
        for message in messages.iter() {
            prompt.cached_tokens = prompt.text_tokens;
            count(message.get("content"), &mut prompt);
        }
        if !cached {
            prompt.cached_tokens = 0;
        }
        let tool_results = tool_results(messages).map(Arc::new);
        let last = messages.last().map(text_of).unwrap_or_default();
        let called_for = last.find("call:").map(|at| {
            let rest = &last[at + "call:".len()..];
            rest.lines().next().unwrap_or_default().to_owned()
        });
        drop(last);
        let user = messages.iter_mut().rev().find(|message| role(message) == "user");
        let last_user_text = Arc::new(user.map(take_text).unwrap_or_default());
        Ok(Self { last_user_text, prompt, tool_results, called_for })
    }
}

fn role(message: &Value) -> &str {
    message.get("role").and_then(Value::as_str).unwrap_or_default()
}

fn text_parts(content: Option<&Value>) -> impl Iterator<Item = &str> {
    let whole = content.and_then(Value::as_str);
    let parts = content.and_then(Value::as_array).into_iter().flatten();
    whole.into_iter().chain(parts.filter_map(|part| part.get("text").and_then(Value::as_str)))
}

/// The text of a message: its content, or the text parts of it together.
fn text_of(message: &Value) -> std::borrow::Cow<'_, str> {
    match message.get("content").and_then(Value::as_str) {
        Some(text) => text.into(),
        None => text_parts(message.get("content")).collect::<String>().into(),
    }
}

fn take_text(message: &mut Value) -> String {
    match message.get_mut("content") {
        Some(Value::String(text)) => std::mem::take(text),
        _ => text_of(message).into_owned(),
    }
}

/// Adds what a content has to the counts.
fn count(content: Option<&Value>, prompt: &mut PromptDetails) {
    prompt.text_tokens += text_parts(content).map(count_tokens).sum::<u64>();
    for part in content.and_then(Value::as_array).into_iter().flatten() {
        let text = |place: &str| part.pointer(place).and_then(Value::as_str);
        match part.get("type").and_then(Value::as_str) {
            Some("image_url") => {
                let low = text("/image_url/detail") == Some("low");
                prompt.image_tokens += if low { LOW_IMAGE_TOKENS } else { IMAGE_TOKENS };
            }
            Some("input_audio") => {
                let data = text("/input_audio/data").unwrap_or_default();
                prompt.audio_tokens += inline_tokens(data, AUDIO_BYTES_PER_TOKEN);
            }
            Some("video_url") => prompt.video_tokens += VIDEO_TOKENS,
            Some("file") => {
                prompt.file_tokens += match text("/file/file_data") {
                    Some(data) => inline_tokens(data, FILE_BYTES_PER_TOKEN),
                    None => UPLOADED_FILE_TOKENS,
                };
            }
            _ => {}
        }
    }
}

/// Tokens of data in base64, by itself or in a `data:` URL: one for every so many bytes that were begun, at least 1.
fn inline_tokens(data: &str, bytes_per_token: u64) -> u64 {
    let base64 = data.split_once(";base64,").map_or(data, |(_, base64)| base64);
    let bytes = base64.trim_end_matches('=').len() as u64 * 3 / 4;
    bytes.div_ceil(bytes_per_token).max(1)
}

/// What the tools answered since the assistant last spoke, a line each: `name: result`. `None` when the last message
/// is not an answer of a tool.
fn tool_results(messages: &[Value]) -> Option<String> {
    let is_result = |message: &&Value| matches!(role(message), "tool" | "function");
    let from = messages.iter().rposition(|message| !is_result(&message)).map_or(0, |at| at + 1);
    let (before, results) = messages.split_at(from);
    if results.is_empty() {
        return None;
    }
    let lines = results.iter().map(|result| {
        let text = |key: &str| result.get(key).and_then(Value::as_str);
        let called = text("tool_call_id").and_then(|id| name_of_call(before, id));
        let name = text("name").or(called).or(text("tool_call_id")).unwrap_or("function");
        format!("{name}: {}", text_of(result))
    });
    Some(lines.collect::<Vec<_>>().join("\n"))
}

/// The name of the tool that was called with an id.
fn name_of_call<'a>(messages: &'a [Value], id: &str) -> Option<&'a str> {
    let calls = messages.iter().rev().filter_map(|message| message.get("tool_calls")?.as_array()).flatten();
    let mut ours = calls.filter(|call| call.get("id").and_then(Value::as_str) == Some(id));
    let call = ours.next()?;
    call.get("function").or_else(|| call.get("custom"))?.get("name")?.as_str()
}

fn unknown_part(messages: &[Value]) -> Option<ApiError> {
    for (i, message) in messages.iter().enumerate() {
        let parts = message.get("content").and_then(Value::as_array);
        for (j, part) in parts.into_iter().flatten().enumerate() {
            let kind = part.get("type").and_then(Value::as_str).unwrap_or_default();
            if !PART_TYPES.contains(&kind) {
                let known = PART_TYPES.join("', '");
                let message = format!("Invalid value: '{kind}'. Supported values are: '{known}'.");
                let param = format!("messages[{i}].content[{j}].type");
                return Some(ApiError::invalid("invalid_value", message).with_param(param));
            }
        }
    }
    None
}
