//! JSON Schemas as constrained decoding takes them: what it does not know goes into the description, where the model
//! still reads it.
//!
//! Source: Bedrock User Guide, "Structured outputs" (supported JSON Schema features).

use serde_json::{Map, Value};

/// Keys that are refused, and worth telling the model.
const CONSTRAINTS: &[&str] = &[
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "minLength",
    "maxLength",
    "pattern",
    "minItems",
    "maxItems",
    "uniqueItems",
    "contains",
    "minProperties",
    "maxProperties",
    "patternProperties",
    "propertyNames",
    "not",
];

/// Keys that are refused and say nothing to a model.
const SILENT: &[&str] = &["$schema", "$id", "$comment", "examples"];

/// Schemas within schemas deeper than this stay as they are; requests are no deeper.
const DEPTH_MAX: usize = 128;

/// The schema in the narrower form. The keys of `properties` are names, not keywords.
pub(crate) fn narrowed(schema: &Map<String, Value>) -> Map<String, Value> {
    narrow(schema, DEPTH_MAX)
}

fn narrow(schema: &Map<String, Value>, depth: usize) -> Map<String, Value> {
    let mut out = Map::new();
    let mut told = Vec::new();
    for (key, value) in schema {
        let one_item = key == "minItems" && value.as_u64().is_some_and(|items| items <= 1);
        match key.as_str() {
            key if SILENT.contains(&key) => {}
            key if CONSTRAINTS.contains(&key) && !one_item => told.push(format!("{key}: {value}")),
            "properties" | "$defs" | "definitions" => drop(out.insert(key.clone(), each(value, depth))),
            "oneOf" => drop(out.insert("anyOf".to_owned(), inner(value, depth))),
            "items" | "anyOf" | "allOf" => drop(out.insert(key.clone(), inner(value, depth))),
            _ => drop(out.insert(key.clone(), value.clone())),
        }
    }
    if out.get("type").is_some_and(is_object) || out.contains_key("properties") {
        out.insert("additionalProperties".to_owned(), false.into());
    }
    if !told.is_empty() {
        let before = out.get("description").and_then(Value::as_str).map(|text| format!("{text} "));
        let text = format!("{}({})", before.unwrap_or_default(), told.join(", "));
        out.insert("description".to_owned(), text.into());
    }
    out
}

fn is_object(kind: &Value) -> bool {
    kind == "object" || kind.as_array().is_some_and(|kinds| kinds.iter().any(|kind| kind == "object"))
}

/// A schema, or a list of them.
fn inner(value: &Value, depth: usize) -> Value {
    match value {
        Value::Object(schema) if depth > 0 => Value::Object(narrow(schema, depth - 1)),
        Value::Array(all) if depth > 0 => all.iter().map(|schema| inner(schema, depth - 1)).collect(),
        other => other.clone(),
    }
}

/// Schemas by name.
fn each(value: &Value, depth: usize) -> Value {
    let Value::Object(named) = value else { return value.clone() };
    named.iter().map(|(name, schema)| (name.clone(), inner(schema, depth))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(schema: &str, expect: &str) {
        let schema: Map<String, Value> = serde_json::from_str(schema).unwrap();
        let expect: Value = serde_json::from_str(expect).unwrap();
        assert_eq!(Value::Object(narrowed(&schema)), expect);
    }

    #[test]
    fn constraints_are_told_and_names_are_no_keywords() {
        check(
            r#"{"$schema":"x","type":"object","properties":{
                "minLength":{"type":"string","minLength":3,"description":"d"},
                "pattern":{"type":"array","minItems":1,"maxItems":9,"items":{"type":"integer","minimum":0}}
            },"required":["minLength"],"additionalProperties":true}"#,
            r#"{"type":"object","properties":{
                "minLength":{"type":"string","description":"d (minLength: 3)"},
                "pattern":{"type":"array","minItems":1,"description":"(maxItems: 9)",
                    "items":{"type":"integer","description":"(minimum: 0)"}}
            },"required":["minLength"],"additionalProperties":false}"#,
        );
    }

    #[test]
    fn alternatives_and_definitions() {
        check(
            r##"{"oneOf":[{"type":["object","null"]},{"$ref":"#/$defs/a"}],"$defs":{"a":{"type":"object","uniqueItems":true}}}"##,
            r##"{"anyOf":[{"type":["object","null"],"additionalProperties":false},{"$ref":"#/$defs/a"}],
                "$defs":{"a":{"type":"object","description":"(uniqueItems: true)","additionalProperties":false}}}"##,
        );
        check("{}", "{}");
        check(
            r#"{"properties":3,"items":true}"#,
            r#"{"properties":3,"items":true,"additionalProperties":false}"#,
        );
    }

    #[test]
    fn depth_has_a_bound() {
        let mut schema = serde_json::json!({ "type": "string" });
        for _ in 0..DEPTH_MAX * 2 {
            schema = serde_json::json!({ "items": schema });
        }
        let Value::Object(schema) = schema else { panic!() };
        assert_eq!(narrowed(&schema), schema);
    }
}
