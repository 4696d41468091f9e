//! Short words for the schemas that occur again and again.
#![expect(clippy::needless_pass_by_value, reason = "schemas are built in place and read by `json!`")]

use serde_json::{Value, json};

/// A reference to a schema of the document.
pub(super) fn schema(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

/// A value of one JSON type.
pub(super) fn plain(kind: &str, description: &str) -> Value {
    json!({ "type": kind, "description": description })
}

/// A value of one JSON type that may be null, which means that it is absent.
pub(super) fn optional(kind: &str, description: &str) -> Value {
    json!({ "type": [kind, "null"], "description": description })
}

/// One of a few words, or null.
pub(super) fn words(list: &[&str], description: &str) -> Value {
    let mut all: Vec<Value> = list.iter().map(|word| json!(word)).collect();
    all.push(Value::Null);
    json!({ "type": ["string", "null"], "enum": all, "description": description })
}

/// One word and no other.
pub(super) fn only(word: &str) -> Value {
    json!({ "type": "string", "const": word })
}

/// Adds what further holds of a value.
pub(super) fn with(mut schema: Value, more: Value) -> Value {
    if let (Some(schema), Value::Object(more)) = (schema.as_object_mut(), more) {
        schema.extend(more);
    }
    schema
}

/// An object that may have more fields than those named.
pub(super) fn object(required: &[&str], properties: Value) -> Value {
    let mut schema = json!({ "type": "object" });
    if !required.is_empty() {
        schema["required"] = json!(required);
    }
    schema["properties"] = properties;
    schema
}

/// A list.
pub(super) fn list(items: Value, description: &str) -> Value {
    json!({ "type": "array", "items": items, "description": description })
}

/// A list, or null.
pub(super) fn optional_list(items: Value, description: &str) -> Value {
    json!({ "type": ["array", "null"], "items": items, "description": description })
}
