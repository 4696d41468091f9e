//! The fields of a request. Sources: the requirement pages and OpenAI's published schema; limits beyond them are
//! OpenAI's.

use super::{FieldRule, Need, RoleRule, Rule, Shape};

const fn optional(name: &'static str, rule: Rule) -> FieldRule {
    FieldRule { name, rule, need: Need::Optional, once: false }
}

const fn required(name: &'static str, rule: Rule) -> FieldRule {
    FieldRule { name, rule, need: Need::Required, once: false }
}

/// A field that stands under the name of the type it belongs to.
const fn of_type(name: &'static str, rule: Rule) -> FieldRule {
    FieldRule { name, rule, need: Need::OfType(name), once: false }
}

const fn once(mut field: FieldRule) -> FieldRule {
    field.once = true;
    field
}

const fn shape(fields: &'static [FieldRule]) -> Shape {
    Shape::new(fields, None)
}

const fn decimal(min: f64, max: f64) -> Rule {
    Rule::Decimal { min, max }
}

const fn integer(min: i64, max: u64) -> Rule {
    Rule::Integer { min, max }
}

const fn list(of: &'static Rule) -> Rule {
    Rule::List { min: 0, max: usize::MAX, of }
}

const fn text_or(other: &'static Rule) -> Rule {
    Rule::TextOr { text: &Rule::Text, other }
}

/// The top level. The order is about that of frequency: it is searched from the front.
pub(crate) static REQUEST: Shape = shape(&[
    once(required("model", Rule::Text)),
    once(required("messages", Rule::Messages)),
    once(optional("stream", Rule::Bool)),
    optional("temperature", decimal(0.0, 2.0)),
    once(optional("max_tokens", integer(1, u64::MAX))),
    once(optional("stream_options", Rule::Object(&STREAM_OPTIONS))),
    once(optional("max_completion_tokens", integer(1, u64::MAX))),
    optional("top_p", decimal(0.0, 1.0)),
    once(optional("tools", list(&Rule::Object(&TOOL)))),
    once(optional("tool_choice", Rule::TextOr { text: &TOOL_CHOICE_WORD, other: &TYPED_OBJECT })),
    once(optional("n", integer(1, 128))),
    optional("stop", text_or(&STOP_LIST)),
    optional("presence_penalty", decimal(-2.0, 2.0)),
    optional("frequency_penalty", decimal(-2.0, 2.0)),
    optional("response_format", Rule::Object(&RESPONSE_FORMAT)),
    optional("user", Rule::Text),
    optional("seed", integer(i64::MIN, i64::MAX.unsigned_abs())),
    optional("reasoning_effort", text_or(&EFFORT_OBJECT)),
    optional("parallel_tool_calls", Rule::Bool),
    optional("metadata", METADATA),
    optional("store", Rule::Bool),
    optional("service_tier", Rule::Text),
    optional("prompt_cache_key", Rule::Text),
    optional("safety_identifier", Rule::Text),
    optional("logprobs", Rule::Bool),
    optional("top_logprobs", integer(0, 20)),
    optional("logit_bias", LOGIT_BIAS),
    optional("modalities", list(&Rule::Word(&["text", "audio", "image"]))),
    optional("audio", Rule::Object(&AUDIO_OUTPUT)),
    optional("prediction", Rule::Object(&PREDICTION)),
    optional("verbosity", Rule::Word(LEVELS)),
    optional("web_search_options", Rule::Object(&WEB_SEARCH)),
    optional("functions", Rule::List { min: 1, max: 128, of: &Rule::Object(&FUNCTION) }),
    optional("function_call", Rule::TextOr { text: &FUNCTION_CALL_WORD, other: &NAMED_OBJECT }),
]);

const LEVELS: &[&str] = &["low", "medium", "high"];
static ANY_OBJECT: Rule = Rule::Object(&NO_FIELDS);
static NO_FIELDS: Shape = shape(&[]);
static TOOL_CHOICE_WORD: Rule = Rule::Word(&["none", "auto", "required"]);
static FUNCTION_CALL_WORD: Rule = Rule::Word(&["none", "auto"]);
static TYPED_OBJECT: Rule = Rule::Object(&TYPED);
static TYPED: Shape = shape(&[required("type", Rule::Text)]);
static NAMED_OBJECT: Rule = Rule::Object(&NAMED);
static NAMED: Shape = shape(&[required("name", Rule::Text)]);
static STOP_LIST: Rule = Rule::List { min: 1, max: 4, of: &Rule::Text };
static EFFORT_OBJECT: Rule = Rule::Object(&EFFORT);
static EFFORT: Shape = shape(&[required("effort", Rule::Text)]);
const METADATA: Rule =
    Rule::Map { max_pairs: 16, max_key_chars: 64, of: &Rule::ShortText { max_chars: 512 } };
const LOGIT_BIAS: Rule = Rule::Map { max_pairs: usize::MAX, max_key_chars: usize::MAX, of: &Rule::Number };

static STREAM_OPTIONS: Shape =
    shape(&[optional("include_usage", Rule::Bool), optional("include_obfuscation", Rule::Bool)]);

static AUDIO_OUTPUT: Shape = shape(&[
    optional("voice", text_or(&ANY_OBJECT)),
    optional("format", Rule::Word(&["wav", "aac", "mp3", "flac", "opus", "pcm16"])),
]);

static PREDICTION: Shape =
    shape(&[required("type", Rule::Word(&["content"])), required("content", text_or(&PREDICTED_PARTS))]);
static PREDICTED_PARTS: Rule = list(&Rule::Object(&TEXT_PART));
static TEXT_PART: Shape = shape(&[required("type", Rule::Word(&["text"])), required("text", Rule::Text)]);

static WEB_SEARCH: Shape = shape(&[
    optional("search_context_size", Rule::Word(LEVELS)),
    optional("user_location", Rule::Object(&NO_FIELDS)),
]);

static RESPONSE_FORMAT: Shape = shape(&[
    required("type", Rule::Word(&["text", "json_object", "json_schema"])),
    of_type("json_schema", Rule::Object(&JSON_SCHEMA)),
]);
static JSON_SCHEMA: Shape = shape(&[
    required("name", Rule::Name),
    optional("description", Rule::Text),
    optional("schema", Rule::Object(&NO_FIELDS)),
    optional("strict", Rule::Bool),
]);

static TOOL: Shape = Shape::new(
    &[optional("type", Rule::Text), of_type("function", Rule::Object(&FUNCTION))],
    Some("function"),
);
static FUNCTION: Shape = shape(&[
    required("name", Rule::Name),
    optional("description", Rule::Text),
    optional("parameters", Rule::Object(&NO_FIELDS)),
    optional("strict", Rule::Bool),
]);

/// One message. What it needs beyond `role` depends on the role: [`ROLES`].
pub(crate) static MESSAGE: Shape = shape(&[
    required("role", Rule::Word(&ROLE_WORDS)),
    optional("content", Rule::Content),
    optional("tool_calls", list(&Rule::Object(&TOOL_CALL))),
    optional("tool_call_id", Rule::Text),
    optional("name", Rule::Prose),
    optional("reasoning_content", Rule::Prose),
    optional("refusal", Rule::Prose),
    optional("audio", Rule::Object(&NO_FIELDS)),
    optional("function_call", Rule::Object(&FUNCTION_CALL)),
]);

static TOOL_CALL: Shape = Shape::new(
    &[
        optional("type", Rule::Text),
        required("id", Rule::Text),
        of_type("function", Rule::Object(&FUNCTION_CALL)),
        of_type("custom", Rule::Object(&CUSTOM_CALL)),
    ],
    Some("function"),
);
static FUNCTION_CALL: Shape = shape(&[required("name", Rule::Prose), optional("arguments", Rule::Prose)]);
static CUSTOM_CALL: Shape = shape(&[required("name", Rule::Prose), optional("input", Rule::Prose)]);

/// One content part. Parts of other types pass unchecked.
pub(crate) static PART: Shape = shape(&[
    required("type", Rule::Text),
    of_type("text", Rule::Prose),
    of_type("image_url", text_or(&URL_OBJECT)),
    of_type("input_audio", Rule::Object(&INPUT_AUDIO)),
    of_type("file", Rule::Object(&FILE)),
    of_type("video_url", text_or(&URL_OBJECT)),
    of_type("refusal", Rule::Prose),
]);
static URL_OBJECT: Rule = Rule::Object(&URL);
static URL: Shape = shape(&[required("url", Rule::Text), optional("detail", Rule::Text)]);
static INPUT_AUDIO: Shape = shape(&[required("data", Rule::Text), optional("format", Rule::Text)]);
static FILE: Shape = shape(&[
    optional("filename", Rule::Text),
    optional("file_data", Rule::Text),
    optional("file_id", Rule::Text),
]);

const PLAIN: RoleRule = RoleRule {
    word: "user",
    needs_content: true,
    takes_parts: true,
    takes_no_parts: false,
    needs_field: None,
};

/// The roles, the most frequent first.
pub(crate) static ROLES: [RoleRule; 6] = [
    PLAIN,
    RoleRule { word: "assistant", needs_content: false, takes_no_parts: true, ..PLAIN },
    RoleRule { word: "system", ..PLAIN },
    RoleRule { word: "tool", needs_field: Some("tool_call_id"), ..PLAIN },
    RoleRule { word: "developer", ..PLAIN },
    RoleRule {
        word: "function",
        needs_content: false,
        takes_parts: false,
        needs_field: Some("name"),
        ..PLAIN
    },
];

static ROLE_WORDS: [&str; 6] =
    [ROLES[0].word, ROLES[1].word, ROLES[2].word, ROLES[3].word, ROLES[4].word, ROLES[5].word];
