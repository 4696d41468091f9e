//! What the sandbox reads of a request. The request was checked before; what is odd all the same counts as absent.

use std::sync::Arc;

use serde_json::{Map, Value};
use sluice_chat::ApiError;
use sluice_chat::usage::PromptDetails;

use super::call::{self, Callable};
use super::conversation::Conversation;
use super::dice::HashWriter;
use super::error::Refusal;
use super::fault::Faults;
use super::search::Search;
use super::sound::SpeechFormat;
use crate::hash::stable_hash;

/// One request to the sandbox.
#[derive(Clone, Debug)]
pub(super) struct Request {
    pub(super) model: Model,
    pub(super) id: String,
    pub(super) last_user_text: Arc<String>,
    pub(super) tool_results: Option<Arc<String>>,
    pub(super) prompt: PromptDetails,
    pub(super) stop: Vec<String>,
    /// Tokens that a choice may have.
    pub(super) limit: Option<u64>,
    pub(super) n: u32,
    pub(super) seed: i64,
    pub(super) stream: bool,
    pub(super) include_usage: bool,
    pub(super) service_tier: Option<String>,
    pub(super) metadata: Option<Value>,
    /// Words of reasoning, by `reasoning_effort`.
    pub(super) reasoning_words: u64,
    /// How the answer is spoken, if it is.
    pub(super) speech: Option<SpeechFormat>,
    pub(super) format: Format,
    pub(super) search: Option<Search>,
    pub(super) prediction: Option<String>,
    /// How many alternatives a token has, if log probabilities are wanted.
    pub(super) top_logprobs: Option<u64>,
    pub(super) calls: Vec<Callable>,
    pub(super) faults: Faults,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Model {
    Echo,
    Text,
}

/// `response_format`.
#[derive(Clone, Debug)]
pub(super) enum Format {
    Text,
    JsonObject,
    JsonSchema(Value),
}

impl Model {
    fn of_name(name: &str) -> Result<Self, Refusal> {
        match name.strip_prefix("sandbox/").unwrap_or(name) {
            "echo" => Ok(Self::Echo),
            "text" => Ok(Self::Text),
            _ => {
                let message = format!("The model '{name}' does not exist in the sandbox.");
                Err(Refusal { status: 404, error: ApiError::invalid("model_not_found", message) })
            }
        }
    }

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
        let not_json = || refused(ApiError::invalid("invalid_json", "the request is not JSON"));
        let request: Value = serde_json::from_slice(body).map_err(|_| not_json())?;
        let model = Model::of_name(model)?;
        let Value::Object(mut request) = request else { return Err(not_json()) };
        let faults = faults(&request, fault_header, attempt)?;
        let name = model.reported().as_bytes();
        let mut messages = match request.remove("messages") {
            Some(Value::Array(messages)) => messages,
            _ => Vec::new(),
        };
        let own_seed = || request.get("seed").and_then(Value::as_i64);
        // Neither streaming nor limits change what is said.
        let seed = faults.seed.or_else(own_seed).unwrap_or_else(|| hash_of_messages(name, &messages));
        let cached = request.get("prompt_cache_key").is_some_and(Value::is_string);
        let conversation = Conversation::take(&mut messages, cached).map_err(refused)?;
        drop(messages);
        let calls = call::wanted(&request, &conversation).map_err(refused)?;
        let number = |key: &str| request.get(key).and_then(Value::as_u64);
        let flag = |key: &str| request.get(key) == Some(&Value::Bool(true));
        let stream = flag("stream");
        let usage_asked = request.get("stream_options").and_then(|options| options.get("include_usage"));
        Ok(Self {
            model,
            id: format!("chatcmpl-{:016x}", stable_hash(&[name, body])),
            stop: stop_strings(request.get("stop")),
            limit: number("max_completion_tokens").or_else(|| number("max_tokens")),
            n: number("n").and_then(|n| u32::try_from(n).ok()).unwrap_or(1).max(1),
            seed,
            stream,
            include_usage: usage_asked == Some(&Value::Bool(true)),
            service_tier: request.get("service_tier").and_then(Value::as_str).map(tier),
            metadata: request.get("metadata").filter(|metadata| metadata.is_object()).cloned(),
            reasoning_words: reasoning_words(request.get("reasoning_effort")),
            speech: speech(&request, stream).map_err(refused)?,
            format: format_of(request.get("response_format")),
            search: request.get("web_search_options").and_then(Search::read),
            prediction: prediction(request.get("prediction")),
            top_logprobs: flag("logprobs").then(|| number("top_logprobs").unwrap_or(0).min(20)),
            last_user_text: conversation.last_user_text,
            tool_results: conversation.tool_results,
            prompt: conversation.prompt,
            calls,
            faults,
        })
    }
}

fn refused(error: ApiError) -> Refusal {
    Refusal { status: 400, error }
}

fn faults(request: &Map<String, Value>, header: Option<&str>, attempt: u32) -> Result<Faults, Refusal> {
    let mut faults = Faults::default();
    let metadata = request.get("metadata").and_then(|metadata| metadata.get("sandbox.fault"));
    if let Some(text) = metadata.and_then(Value::as_str) {
        let param = "metadata[\"sandbox.fault\"]";
        faults.add(text).map_err(|error| refused(error.with_param(param)))?;
    }
    faults.add(header.unwrap_or_default()).map_err(refused)?;
    Ok(faults.of_attempt(attempt))
}

fn hash_of_messages(name: &[u8], messages: &[Value]) -> i64 {
    let mut hasher = HashWriter::new(name);
    // Writing into the hash does not fail.
    let _ = serde_json::to_writer(&mut hasher, messages);
    hasher.finish() as i64
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

/// None without an effort; a word that is not known counts as `medium`.
fn reasoning_words(effort: Option<&Value>) -> u64 {
    let word = effort.and_then(|effort| effort.get("effort").unwrap_or(effort).as_str());
    match word {
        None | Some("none" | "") => 0,
        Some("minimal") => 8,
        Some("low") => 16,
        Some("high") => 64,
        Some("xhigh") => 96,
        Some("max") => 128,
        Some(_) => 32,
    }
}

/// How the answer is spoken. Streams carry raw samples only, as OpenAI's do.
fn speech(request: &Map<String, Value>, stream: bool) -> Result<Option<SpeechFormat>, ApiError> {
    let modalities = request.get("modalities").and_then(Value::as_array);
    if !modalities.is_some_and(|list| list.iter().any(|one| one == "audio")) {
        return Ok(None);
    }
    let asked = request.get("audio").and_then(|audio| audio.get("format")).and_then(Value::as_str);
    let default = if stream { "pcm16" } else { "wav" };
    let name = asked.unwrap_or(default);
    match SpeechFormat::of_name(name) {
        Some(format) if !stream || format == SpeechFormat::Pcm16 => Ok(Some(format)),
        _ => {
            let able = if stream { &["pcm16"] } else { SpeechFormat::NAMES }.join("', '");
            let mode = if stream { "when stream=true" } else { "in the sandbox" };
            let message =
                format!("audio.format does not support '{name}' {mode}. Supported values are: '{able}'.");
            Err(ApiError::invalid("invalid_value", message).with_param("audio.format"))
        }
    }
}

fn format_of(format: Option<&Value>) -> Format {
    let text = |key: &str| format.and_then(|format| format.get(key));
    match text("type").and_then(Value::as_str) {
        Some("json_object") => Format::JsonObject,
        Some("json_schema") => {
            let schema = text("json_schema").and_then(|named| named.get("schema"));
            Format::JsonSchema(schema.cloned().unwrap_or_else(|| serde_json::json!({ "type": "object" })))
        }
        _ => Format::Text,
    }
}

fn prediction(prediction: Option<&Value>) -> Option<String> {
    match prediction?.get("content")? {
        Value::String(text) => Some(text.clone()),
        Value::Array(parts) => {
            Some(parts.iter().filter_map(|part| part.get("text").and_then(Value::as_str)).collect())
        }
        _ => None,
    }
}
