//! Tools, the choice among them, and calls of them.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

/// One entry of `tools`.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Tool {
    /// Also when `type` is missing.
    Function(FunctionTool),
    /// A custom tool or one of a vendor's own, whole and with its `type`.
    #[serde(untagged)]
    Other(Map<String, Value>),
}

impl<'de> Deserialize<'de> for Tool {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut fields = Map::deserialize(deserializer)?;
        if type_or_function(&fields) != "function" {
            return Ok(Self::Other(fields));
        }
        fields.remove("type");
        serde_json::from_value(Value::Object(fields)).map(Self::Function).map_err(D::Error::custom)
    }
}

/// A missing or null `type` means a function.
fn type_or_function(fields: &Map<String, Value>) -> &str {
    fields.get("type").and_then(Value::as_str).unwrap_or("function")
}

/// `{"type":"function","function":{…}}`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FunctionTool {
    pub function: Function,
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// A function that the model may call. Also an entry of the deprecated `functions`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Function {
    /// 1 to 64 of `A-Z a-z 0-9 _ -`.
    pub name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// A JSON Schema; absent means that the function takes no arguments.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parameters: Option<Map<String, Value>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strict: Option<bool>,
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// `tool_choice`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum ToolChoice {
    Mode(ToolChoiceMode),
    /// An object with a `type`: `function`, `custom`, `allowed_tools`, nested or flat, or a vendor's own.
    Object(Map<String, Value>),
}

/// The words of `tool_choice`; `function_call` knows the first two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ToolChoiceMode {
    None,
    Auto,
    Required,
}

impl ToolChoice {
    /// The name of the one function that the choice forces, in the nested or the flat form.
    pub fn forced_function(&self) -> Option<&str> {
        let Self::Object(object) = self else { return None };
        if object.get("type").and_then(Value::as_str) != Some("function") {
            return None;
        }
        let nested = object.get("function").and_then(|function| function.get("name"));
        nested.or_else(|| object.get("name")).and_then(Value::as_str)
    }
}

/// The deprecated `function_call` of a request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum FunctionCallChoice {
    Mode(ToolChoiceMode),
    Named(NamedFunction),
}

/// `{"name": …}`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NamedFunction {
    pub name: String,
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// One call in an assistant message.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ToolCall {
    /// Also when `type` is missing.
    Function(FunctionToolCall),
    Custom(CustomToolCall),
    /// A vendor's own, whole and with its `type`.
    #[serde(untagged)]
    Other(Map<String, Value>),
}

impl<'de> Deserialize<'de> for ToolCall {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut fields = Map::deserialize(deserializer)?;
        let make: fn(Value) -> serde_json::Result<Self> = match type_or_function(&fields) {
            "function" => |v| serde_json::from_value(v).map(Self::Function),
            "custom" => |v| serde_json::from_value(v).map(Self::Custom),
            _ => return Ok(Self::Other(fields)),
        };
        fields.remove("type");
        make(Value::Object(fields)).map_err(D::Error::custom)
    }
}

/// `{"id":…,"type":"function","function":{…}}`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FunctionToolCall {
    pub id: String,
    pub function: FunctionCall,
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// The function called. `arguments` is a JSON text that may be empty or broken.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FunctionCall {
    pub name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arguments: Option<String>,
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// `{"id":…,"type":"custom","custom":{…}}`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CustomToolCall {
    pub id: String,
    pub custom: CustomCall,
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// The custom tool called. `input` is a raw text.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CustomCall {
    pub name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<String>,
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}
