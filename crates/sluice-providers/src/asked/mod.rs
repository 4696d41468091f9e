//! What a caller asks, read once for the dialects that say it in other words: the tools on offer in one form, media as
//! bytes, and the fields that found no words.

pub(crate) mod calls;
pub(crate) mod media;
pub(crate) mod schema;
pub(crate) mod text;
pub(crate) mod tools;

use serde_json::{Map, Value};
use sluice_chat::message::{Content, Message, Part};
use sluice_chat::request::{AudioOptions, Prediction, ReasoningEffort, Stop, WebSearchOptions};
use sluice_chat::response_format::ResponseFormat;
use sluice_chat::scan::RequestScan;
use sluice_chat::{ApiError, ChatRequest};

use crate::dialect::Call;
use tools::ToolFields;

/// Names of request fields that an upstream cannot honour, in the order in which they were found.
#[derive(Debug, Default)]
pub(crate) struct Dropped(Vec<String>);

/// Fields of an assistant's messages that callers give back from answers, of this gateway or another. A model that
/// cannot take them back loses nothing that a request asks for: they are left out without a word.
pub(crate) const ECHOES: &[&str] = &[
    "thinking_blocks",
    "reasoning",
    "reasoning_details",
    "annotations",
    "extra_content",
    "provider_specific_fields",
];

impl Dropped {
    /// Reports a field by its path, once.
    pub(crate) fn add(&mut self, path: impl Into<String>) {
        let path = path.into();
        if !self.0.contains(&path) {
            self.0.push(path);
        }
    }

    /// Reports a field where it was set to something that acts.
    pub(crate) fn add_if(&mut self, acts: bool, path: &str) {
        if acts {
            self.add(path);
        }
    }

    /// Reports the fields that are left of an object, with `prefix` before their names. What is null or empty says
    /// nothing.
    pub(crate) fn rest(&mut self, prefix: &str, rest: &Map<String, Value>) {
        for (name, value) in rest {
            let says_nothing = match value {
                Value::Null => true,
                Value::Array(items) => items.is_empty(),
                Value::Object(pairs) => pairs.is_empty(),
                _ => false,
            };
            self.add_if(!says_nothing, &format!("{prefix}{name}"));
        }
    }

    /// Reports the fields that are left of the message at `path`, without those that were answers.
    pub(crate) fn rest_of_message(&mut self, path: &str, mut rest: Map<String, Value>) {
        rest.retain(|name, _| !ECHOES.contains(&name.as_str()));
        self.rest(&format!("{path}."), &rest);
    }

    pub(crate) fn into_vec(self) -> Vec<String> {
        self.0
    }
}

/// A request, taken apart: every field of the API is named, so that a new one does not compile before it has its place,
/// here or among the [`Unheard`]. A dialect takes this apart in the same way.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) messages: Vec<Message>,
    /// Tokens of output: the caller's limit, else ours.
    pub(crate) limit: Option<u64>,
    pub(crate) temperature: Option<f64>,
    pub(crate) top_p: Option<f64>,
    pub(crate) stop: Option<Stop>,
    pub(crate) reasoning_effort: Option<ReasoningEffort>,
    pub(crate) response_format: Option<ResponseFormat>,
    pub(crate) tools: ToolFields,
    /// What the API does not name, as [`extensions`] leaves it.
    pub(crate) extensions: Map<String, Value>,
    pub(crate) unheard: Unheard,
}

impl Asked {
    /// # Errors
    /// More than one choice is asked, or an answer that is not of text.
    pub(crate) fn of(request: ChatRequest, our_limit: Option<u64>) -> Result<Self, ApiError> {
        let limit = request.output_limit().or(our_limit);
        let ChatRequest {
            model: _,
            messages,
            temperature,
            top_p,
            n,
            stream: _,
            stream_options: _,
            stop,
            max_tokens: _,
            max_completion_tokens: _,
            presence_penalty,
            frequency_penalty,
            logit_bias,
            logprobs,
            top_logprobs,
            seed,
            user,
            safety_identifier,
            prompt_cache_key: _,
            metadata,
            store,
            service_tier,
            modalities,
            audio,
            prediction,
            reasoning_effort,
            verbosity,
            web_search_options,
            response_format,
            tools,
            tool_choice,
            parallel_tool_calls,
            functions,
            function_call,
            rest,
        } = request;
        one_text(n, modalities.as_deref())?;
        Ok(Self {
            messages,
            limit,
            temperature,
            top_p,
            stop,
            reasoning_effort,
            response_format,
            tools: ToolFields { tools, tool_choice, parallel_tool_calls, functions, function_call },
            extensions: extensions(rest),
            unheard: Unheard {
                presence_penalty,
                frequency_penalty,
                logit_bias,
                logprobs,
                top_logprobs,
                seed,
                user,
                safety_identifier,
                metadata,
                store,
                service_tier,
                audio,
                prediction,
                verbosity,
                web_search_options,
            },
        })
    }
}

/// Fields for which a dialect has no words. What it does have words for it takes out before it reports the others.
#[derive(Debug)]
pub(crate) struct Unheard {
    pub(crate) presence_penalty: Option<f64>,
    pub(crate) frequency_penalty: Option<f64>,
    pub(crate) logit_bias: Option<Map<String, Value>>,
    pub(crate) logprobs: Option<bool>,
    pub(crate) top_logprobs: Option<u32>,
    pub(crate) seed: Option<i64>,
    pub(crate) user: Option<String>,
    pub(crate) safety_identifier: Option<String>,
    pub(crate) metadata: Option<Map<String, Value>>,
    pub(crate) store: Option<bool>,
    pub(crate) service_tier: Option<String>,
    pub(crate) audio: Option<AudioOptions>,
    pub(crate) prediction: Option<Prediction>,
    pub(crate) verbosity: Option<String>,
    pub(crate) web_search_options: Option<WebSearchOptions>,
}

impl Unheard {
    /// Reports those that were set to something that acts.
    pub(crate) fn report(self, dropped: &mut Dropped) {
        let penalty = |penalty: Option<f64>| penalty.is_some_and(|penalty| penalty != 0.0);
        let tier = |tier: &str| !matches!(tier, "" | "auto" | "default");
        for (name, acts) in [
            ("presence_penalty", penalty(self.presence_penalty)),
            ("frequency_penalty", penalty(self.frequency_penalty)),
            ("logit_bias", self.logit_bias.is_some_and(|bias| !bias.is_empty())),
            ("logprobs", self.logprobs == Some(true)),
            ("top_logprobs", self.top_logprobs.is_some_and(|top| top > 0)),
            ("seed", self.seed.is_some()),
            ("user", self.user.is_some()),
            ("safety_identifier", self.safety_identifier.is_some()),
            ("metadata", self.metadata.is_some_and(|pairs| !pairs.is_empty())),
            ("store", self.store == Some(true)),
            ("service_tier", self.service_tier.as_deref().is_some_and(tier)),
            ("audio", self.audio.is_some()),
            ("prediction", self.prediction.is_some()),
            ("verbosity", self.verbosity.is_some()),
            ("web_search_options", self.web_search_options.is_some()),
        ] {
            dropped.add_if(acts, name);
        }
    }
}

/// Refuses what only some providers can answer with.
///
/// # Errors
/// More than one choice, or an answer that is not of text.
fn one_text(n: Option<u32>, modalities: Option<&[String]>) -> Result<(), ApiError> {
    if n.is_some_and(|n| n > 1) {
        return Err(unsaid("n", "This provider gives one choice."));
    }
    if modalities.is_some_and(|all| all.iter().any(|modality| modality != "text")) {
        return Err(unsaid("modalities", "This provider answers in text."));
    }
    Ok(())
}

/// The fields of a request that the API does not name. `extra_body`, which some clients send as it is, counts as if
/// its fields stood at the top; `extra_headers`, `extra_query` and `timeout` were meant for the client itself.
fn extensions(mut rest: Map<String, Value>) -> Map<String, Value> {
    for name in ["extra_headers", "extra_query", "timeout"] {
        rest.shift_remove(name);
    }
    if let Some(Value::Object(extra)) = rest.shift_remove("extra_body") {
        for (name, value) in extra {
            rest.entry(name).or_insert(value);
        }
    }
    rest.retain(|_, value| !value.is_null());
    rest
}

/// A part of a request for which a dialect has no words.
pub(crate) fn unsaid(param: impl Into<String>, message: impl Into<String>) -> ApiError {
    ApiError::invalid("unsupported_value", message).with_param(param)
}

/// What a dialect takes that gives one choice, of text, and knows the API's own types of content.
pub(crate) fn text_of_one_choice(scan: &RequestScan) -> Result<(), &'static str> {
    if scan.n > 1 {
        return Err("n");
    }
    if scan.features.audio_output || scan.features.image_output {
        return Err("modalities");
    }
    if scan.features.unknown_part.is_some() {
        return Err("messages");
    }
    Ok(())
}

/// URLs of images and videos that stand in the web.
pub(crate) fn web_media(call: &Call<'_>) -> Vec<String> {
    if !(call.scan.features.image || call.scan.features.video) {
        return Vec::new();
    }
    let Ok(request) = ChatRequest::parse(call.body) else { return Vec::new() };
    let contents = request.messages.iter().filter_map(|message| message.content.as_ref());
    let parts = contents.flat_map(|content| match content {
        Content::Parts(parts) => parts.as_slice(),
        Content::Text(_) => &[],
    });
    let urls = parts.filter_map(|part| match part {
        Part::ImageUrl(part) => Some(part.image_url.url()),
        Part::VideoUrl(part) => Some(part.video_url.url()),
        _ => None,
    });
    urls.filter(|url| media::is_web(url)).map(str::to_owned).collect()
}
