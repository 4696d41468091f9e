//! `response_format`.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The form that the answer must have.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ResponseFormat {
    /// A `json_schema` beside it, as the example of page `003` sends, is kept and means nothing.
    Text(Unadorned),
    JsonObject(Unadorned),
    JsonSchema(JsonSchemaFormat),
}

/// Whatever stood beside a `type` that needs nothing else.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Unadorned {
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// `{"type":"json_schema","json_schema":{…}}`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct JsonSchemaFormat {
    pub json_schema: JsonSchema,
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// A named JSON Schema.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct JsonSchema {
    /// 1 to 64 of `A-Z a-z 0-9 _ -`.
    pub name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<Map<String, Value>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strict: Option<bool>,
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}
