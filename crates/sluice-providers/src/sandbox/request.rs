//! What the sandbox reads of a request. The request was checked before; what is odd all the same counts as absent.

use serde_json::Value;
use sluice_chat::ApiError;

use super::error::Refusal;
use super::fault::Faults;
use super::prose::count_tokens;
use crate::hash::stable_hash;

/// The content parts of the API.
const PART_TYPES: &[&str] = &["text", "image_url", "input_audio", "file", "video_url", "refusal"];

/// One request to the sandbox.
#[derive(Clone, Debug)]
pub(super) struct Request {
    pub(super) model: Model,
    pub(super) id: String,
    /// The text of the last user message; empty without one.
    pub(super) last_user_text: String,
    pub(super) prompt_tokens: u64,
    pub(super) stop: Vec<String>,
    /// Tokens that a choice may have.
    pub(super) limit: Option<u64>,
    pub(super) n: u32,
    pub(super) seed: i64,
    pub(super) stream: bool,
    pub(super) include_usage: bool,
    pub(super) service_tier: Option<String>,
    pub(super) faults: Faults,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Model {
    Echo,
    Text,
}

impl Model {
    /// The name that the answer reports.
    pub(super) fn reported(self) -> &'static str {
        match self {
            Self::Echo => "sandbox/echo",
            Self::Text => "sandbox/text",
        }
    }
}

impl Request {
    pub(super) fn read(
        body: &[u8],
        model: &str,
        fault_header: Option<&str>,
        attempt: u32,
    ) -> Result<Self, Refusal> {
        let refused = |error: ApiError| Refusal { status: 400, error };
        let request: Value = serde_json::from_slice(body)
            .map_err(|_| refused(ApiError::invalid("invalid_json", "the request is not JSON")))?;
        let model = match model.strip_prefix("sandbox/").unwrap_or(model) {
            "echo" => Model::Echo,
            "text" => Model::Text,
            _ => {
                let message = format!("The model '{model}' does not exist in the sandbox.");
                return Err(Refusal { status: 404, error: ApiError::invalid("model_not_found", message) });
            }
        };
        let mut faults = Faults::default();
        let metadata = request.get("metadata").and_then(|metadata| metadata.get("sandbox.fault"));
        if let Some(text) = metadata.and_then(Value::as_str) {
            let param = "metadata[\"sandbox.fault\"]";
            faults.add(text).map_err(|error| refused(error.with_param(param)))?;
        }
        faults.add(fault_header.unwrap_or_default()).map_err(refused)?;
        let faults = faults.of_attempt(attempt);
        let messages =
            request.get("messages").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        unknown_part(messages).map_or(Ok(()), |error| Err(refused(error)))?;
        let number = |key: &str| request.get(key).and_then(Value::as_u64);
        let flag = |place: &str| request.pointer(place) == Some(&Value::Bool(true));
        let said = serde_json::to_vec(messages).unwrap_or_default();
        let own_seed = || request.get("seed").and_then(Value::as_i64);
        let name = model.reported().as_bytes();
        let last_user = messages.iter().rev().find(|message| role(message) == "user");
        Ok(Self {
            model,
            id: format!("chatcmpl-{:016x}{:08x}", stable_hash(&[name, body]), stable_hash(&[body]) as u32),
            last_user_text: last_user.map(text_of).unwrap_or_default(),
            prompt_tokens: messages.iter().map(|message| count_tokens(&text_of(message))).sum(),
            stop: stop_strings(request.get("stop")),
            limit: number("max_completion_tokens").or_else(|| number("max_tokens")),
            n: number("n").and_then(|n| u32::try_from(n).ok()).unwrap_or(1).max(1),
            // Neither streaming nor limits change what is said.
            seed: faults.seed.or_else(own_seed).unwrap_or_else(|| stable_hash(&[name, &said]) as i64),
            stream: flag("/stream"),
            include_usage: flag("/stream_options/include_usage"),
            service_tier: request.get("service_tier").and_then(Value::as_str).map(tier),
            faults,
        })
    }
}

fn role(message: &Value) -> &str {
    message.get("role").and_then(Value::as_str).unwrap_or_default()
}

/// The text of a message: its content, or the text parts of it together.
fn text_of(message: &Value) -> String {
    match message.get("content") {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(parts)) => {
            parts.iter().filter_map(|part| part.get("text").and_then(Value::as_str)).collect()
        }
        _ => String::new(),
    }
}

fn stop_strings(stop: Option<&Value>) -> Vec<String> {
    let all = match stop {
        Some(Value::String(one)) => vec![one.clone()],
        Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        _ => Vec::new(),
    };
    all.into_iter().filter(|stop| !stop.is_empty()).collect()
}

/// The tier that serves what was asked for, as OpenAI answers it.
fn tier(asked: &str) -> String {
    match asked {
        "auto" | "" => "default",
        "fast" => "priority",
        other => other,
    }
    .to_owned()
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
