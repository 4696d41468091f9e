//! Messages and their content parts.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

use crate::tool::{FunctionCall, ToolCall};

/// Who speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    Developer,
    System,
    User,
    Assistant,
    Tool,
    /// Deprecated: the result of a `function_call`.
    Function,
}

/// One message of the conversation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Message {
    pub role: Role,
    /// Absent and `null` are the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<Content>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool_calls: Option<Vec<ToolCall>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool_call_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reasoning_content: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refusal: Option<String>,
    /// An earlier audio answer of the assistant, `{"id": …}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audio: Option<Map<String, Value>>,
    /// Deprecated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub function_call: Option<FunctionCall>,
    /// Everything else, as it came.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// What a message says: one text, or parts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Content {
    Text(String),
    Parts(Vec<Part>),
}

/// One part of a content, by its `type`.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Part {
    Text(TextPart),
    ImageUrl(ImagePart),
    InputAudio(AudioPart),
    File(FilePart),
    VideoUrl(VideoPart),
    Refusal(RefusalPart),
    /// A type that the API does not name, whole and with its `type`.
    #[serde(untagged)]
    Unknown(Map<String, Value>),
}

impl<'de> Deserialize<'de> for Part {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut fields = Map::deserialize(deserializer)?;
        let known =
            fields.get("type").and_then(Value::as_str).and_then(|word| KNOWN.iter().find(|k| k.0 == word));
        let Some((_, make)) = known else { return Ok(Self::Unknown(fields)) };
        fields.remove("type");
        make(Value::Object(fields)).map_err(D::Error::custom)
    }
}

type MakePart = fn(Value) -> serde_json::Result<Part>;

const KNOWN: [(&str, MakePart); 6] = [
    ("text", |v| serde_json::from_value(v).map(Part::Text)),
    ("image_url", |v| serde_json::from_value(v).map(Part::ImageUrl)),
    ("input_audio", |v| serde_json::from_value(v).map(Part::InputAudio)),
    ("file", |v| serde_json::from_value(v).map(Part::File)),
    ("video_url", |v| serde_json::from_value(v).map(Part::VideoUrl)),
    ("refusal", |v| serde_json::from_value(v).map(Part::Refusal)),
];

/// `{"type":"text","text":…}`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TextPart {
    pub text: String,
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// `{"type":"image_url","image_url":…}`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ImagePart {
    pub image_url: MediaUrl,
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// `{"type":"input_audio","input_audio":…}`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AudioPart {
    pub input_audio: InputAudio,
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// `{"type":"file","file":…}`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FilePart {
    pub file: File,
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// `{"type":"video_url","video_url":…}`, of page `001`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VideoPart {
    pub video_url: MediaUrl,
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// `{"type":"refusal","refusal":…}`, in assistant messages.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RefusalPart {
    pub refusal: String,
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// A URL (`https:` or `data:`), as an object or as the plain string that some clients send.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum MediaUrl {
    Plain(String),
    Object(MediaUrlObject),
}

impl MediaUrl {
    /// The URL itself.
    pub fn url(&self) -> &str {
        match self {
            Self::Plain(url) => url,
            Self::Object(object) => &object.url,
        }
    }
}

/// `{"url": …, "detail": …}`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MediaUrlObject {
    pub url: String,
    /// `auto`, `low`, `high`, or what a newer model takes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// Audio in base64.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct InputAudio {
    pub data: String,
    /// `wav`, `mp3`, or what a provider takes beyond them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<String>,
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// A file, inline (`file_data`, base64 or a `data:` URL) or uploaded earlier (`file_id`).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct File {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filename: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file_data: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file_id: Option<String>,
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}
