//! The request, typed: what the API's pages name, and `rest` for what they do not.
//!
//! Field names, ranges and defaults: pages `000` to `004` of the requirements and OpenAI's published schema.
//! `null` is the same as absent in every optional field; zero and `false` are values.

mod check;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::ApiError;
use crate::json::cursor;
use crate::json::node::Anything;
use crate::message::{Message, TextPart};
use crate::response_format::ResponseFormat;
use crate::rules::{MESSAGE, PART, REQUEST};
use crate::scan::MAX_BODY_BYTES;
use crate::tool::{Function, FunctionCallChoice, Tool, ToolChoice};

macro_rules! wire_struct {
    ($(#[$meta:meta])* pub struct $name:ident {
        required { $($(#[$rmeta:meta])* $req:ident: $rty:ty,)* }
        optional { $($(#[$ometa:meta])* $opt:ident: $oty:ty,)* }
    }) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        pub struct $name {
            $($(#[$rmeta])* pub $req: $rty,)*
            $($(#[$ometa])* #[serde(default, skip_serializing_if = "Option::is_none")] pub $opt: Option<$oty>,)*
            /// Everything else, as it came.
            #[serde(flatten)]
            pub rest: Map<String, Value>,
        }
    };
}

wire_struct! {
    /// `POST /v1/chat/completions`.
    pub struct ChatRequest {
        required {
            model: String,
            /// At least one.
            messages: Vec<Message>,
        }
        optional {
            /// 0 to 2.
            temperature: f64,
            /// 0 to 1.
            top_p: f64,
            /// Choices: 1 to 128.
            n: u32,
            stream: bool,
            stream_options: StreamOptions,
            stop: Stop,
            /// Tokens, at least 1. Deprecated: `max_completion_tokens` wins.
            max_tokens: u64,
            /// Tokens, at least 1; reasoning included.
            max_completion_tokens: u64,
            /// -2 to 2.
            presence_penalty: f64,
            /// -2 to 2.
            frequency_penalty: f64,
            /// Token id to bias; any number.
            logit_bias: Map<String, Value>,
            logprobs: bool,
            /// 0 to 20.
            top_logprobs: u32,
            seed: i64,
            user: String,
            safety_identifier: String,
            prompt_cache_key: String,
            /// At most 16 pairs; keys of at most 64 characters, strings of at most 512.
            metadata: Map<String, Value>,
            store: bool,
            service_tier: String,
            /// `text`, `audio`, `image`.
            modalities: Vec<String>,
            audio: AudioOptions,
            prediction: Prediction,
            reasoning_effort: ReasoningEffort,
            /// `low`, `medium`, `high`.
            verbosity: String,
            /// Present and empty asks for a search.
            web_search_options: WebSearchOptions,
            response_format: ResponseFormat,
            tools: Vec<Tool>,
            tool_choice: ToolChoice,
            parallel_tool_calls: bool,
            /// Deprecated: `tools`.
            functions: Vec<Function>,
            /// Deprecated: `tool_choice`.
            function_call: FunctionCallChoice,
        }
    }
}

wire_struct! {
    /// `stream_options`.
    pub struct StreamOptions {
        required {}
        optional {
            include_usage: bool,
            include_obfuscation: bool,
        }
    }
}

wire_struct! {
    /// `audio`: how spoken output shall be.
    pub struct AudioOptions {
        required {}
        optional {
            /// A name, or an object with the `id` of a custom voice.
            voice: Value,
            /// `wav`, `aac`, `mp3`, `flac`, `opus`, `pcm16`.
            format: String,
        }
    }
}

wire_struct! {
    /// `prediction`: what much of the answer will be.
    pub struct Prediction {
        required {
            /// Always `content`.
            r#type: String,
            content: PredictionContent,
        }
        optional {}
    }
}

wire_struct! {
    /// `web_search_options`.
    pub struct WebSearchOptions {
        required {}
        optional {
            /// `low`, `medium`, `high`.
            search_context_size: String,
            /// `{"type":"approximate","approximate":{country, region, city, timezone}}`
            user_location: Map<String, Value>,
        }
    }
}

/// A predicted text, whole or in parts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum PredictionContent {
    Text(String),
    /// Each part keeps its `type` in `rest`.
    Parts(Vec<TextPart>),
}

/// `stop`: one string, or 1 to 4 of them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Stop {
    One(String),
    Many(Vec<String>),
}

impl Stop {
    /// The strings.
    pub fn as_slice(&self) -> &[String] {
        match self {
            Self::One(text) => std::slice::from_ref(text),
            Self::Many(texts) => texts,
        }
    }
}

/// `reasoning_effort`: a word, or the object that some clients send.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum ReasoningEffort {
    Word(String),
    Object(ReasoningEffortObject),
}

impl ReasoningEffort {
    /// The word: `none`, `minimal`, `low`, `medium`, `high`, `xhigh`, or any other.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Word(word) => word,
            Self::Object(object) => &object.effort,
        }
    }
}

wire_struct! {
    /// `{"effort": …}`
    pub struct ReasoningEffortObject {
        required { effort: String, }
        optional {}
    }
}

/// The paths of all fields that the API names: those of the top level (`seed`), of messages (`messages[].name`) and
/// the types of content parts (`messages[].content[].file`). Every dialect says what becomes of each.
pub fn field_paths() -> Vec<String> {
    let top = REQUEST.fields.iter().map(|field| field.name.to_owned());
    let messages = MESSAGE.fields.iter().map(|field| format!("messages[].{}", field.name));
    let parts = PART.fields.iter().filter(|field| field.name != "type");
    top.chain(messages).chain(parts.map(|field| format!("messages[].content[].{}", field.name))).collect()
}

impl ChatRequest {
    /// Reads a request body.
    ///
    /// # Errors
    /// The first thing wrong in document order, with its `param`; what is missing at the top level comes last.
    /// Always an `invalid_request_error` with one of OpenAI's codes, or `invalid_json`, or `duplicate_parameter`.
    pub fn parse(body: &[u8]) -> Result<Self, ApiError> {
        if body.len() > MAX_BODY_BYTES {
            return Err(ApiError::invalid("request_too_large", "The request body is too large."));
        }
        let text = cursor::json(body).map_err(|_| not_json(body))?;
        check::request(text)?;
        // What the check lets through fits the types; a property test holds the two together. The detour by way of
        // a value is for repeated keys, of which the last one counts.
        let value = serde_json::from_str::<Value>(text);
        value.and_then(serde_json::from_value).map_err(|error| {
            ApiError::invalid(
                "invalid_type",
                format!("The request does not have the expected form: {error}."),
            )
        })
    }

    /// The caller's limit on output tokens: `max_completion_tokens` wins over `max_tokens`.
    pub fn output_limit(&self) -> Option<u64> {
        self.max_completion_tokens.or(self.max_tokens)
    }
}

fn not_json(body: &[u8]) -> ApiError {
    let reason = match serde_json::from_slice::<Anything>(body) {
        Err(error) => format!(": {error}"),
        Ok(Anything) => String::new(),
    };
    ApiError::invalid("invalid_json", format!("We could not parse the JSON body of your request{reason}."))
}
