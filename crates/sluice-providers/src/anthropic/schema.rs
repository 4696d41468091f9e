//! JSON Schemas as Claude takes them. Source: Anthropic's page on structured outputs ("JSON Schema limitations"), and
//! its SDKs, which say in the description what the schema may not say.

use serde_json::{Map, Value, json};

/// Deeper nesting is left as it is.
const DEPTH_MAX: usize = 64;

/// Keys whose value is a schema.
const OF_ONE: [&str; 1] = ["items"];
/// Keys whose value is a list of schemas.
const OF_LIST: [&str; 2] = ["anyOf", "allOf"];
/// Keys whose value maps names to schemas. The names are anybody's and are not keys of a schema.
const OF_MAP: [&str; 3] = ["properties", "$defs", "definitions"];
/// What may stay as it is beside these.
const PLAIN: [&str; 9] =
    ["type", "enum", "const", "default", "title", "description", "required", "$ref", "additionalProperties"];
/// What has no meaning for an answer.
const MEANINGLESS: [&str; 6] = ["$schema", "$id", "id", "$comment", "$anchor", "examples"];

/// The formats of texts that are kept.
const FORMATS: [&str; 9] =
    ["date-time", "time", "date", "duration", "email", "hostname", "uri", "ipv4", "ipv6"];

/// A schema for structured outputs: what cannot be demanded stands in descriptions.
pub(super) fn structured(schema: &Map<String, Value>) -> Value {
    clean(schema, 0)
}

/// Whether structured outputs take the schema as it is, which strict tools need.
pub(super) fn is_strict(schema: &Map<String, Value>) -> bool {
    !is_recursive(schema) && structured(schema) == Value::Object(schema.clone())
}

/// Whether a definition leads back to itself, which no structured output takes.
pub(super) fn is_recursive(schema: &Map<String, Value>) -> bool {
    let mut names: Vec<(String, Vec<String>)> = Vec::new();
    for key in ["$defs", "definitions"] {
        for (name, value) in schema.get(key).and_then(Value::as_object).into_iter().flatten() {
            let mut to = Vec::new();
            references(value, &mut to);
            names.push((format!("#/{key}/{name}"), to));
        }
    }
    let mut to = Vec::new();
    references(&Value::Object(schema.clone()), &mut to);
    names.push(("#".to_owned(), to));
    // Leads nowhere: a definition all of whose references lead nowhere. What is left over goes round.
    loop {
        let before = names.len();
        let known: Vec<String> = names.iter().map(|(name, _)| name.clone()).collect();
        names.retain(|(_, to)| to.iter().any(|target| known.contains(target)));
        if names.is_empty() || names.len() == before {
            return !names.is_empty();
        }
    }
}

fn references(value: &Value, to: &mut Vec<String>) {
    match value {
        Value::Object(object) => {
            to.extend(object.get("$ref").and_then(Value::as_str).map(str::to_owned));
            object.values().for_each(|value| references(value, to));
        }
        Value::Array(list) => list.iter().for_each(|value| references(value, to)),
        _ => {}
    }
}

fn clean(schema: &Map<String, Value>, depth: usize) -> Value {
    if depth > DEPTH_MAX {
        return Value::Object(schema.clone());
    }
    let mut out = Map::new();
    let mut said = Vec::new();
    for (key, value) in schema {
        let name = key.as_str();
        if MEANINGLESS.contains(&name) {
            continue;
        }
        let kept = if OF_ONE.contains(&name) {
            Some(clean_any(value, depth))
        } else if OF_LIST.contains(&name) || name == "oneOf" {
            value.as_array().map(|list| list.iter().map(|value| clean_any(value, depth)).collect())
        } else if OF_MAP.contains(&name) {
            value.as_object().map(|map| {
                map.iter().map(|(name, value)| (name.clone(), clean_any(value, depth))).collect::<Value>()
            })
        } else if may_stay(name, value) {
            Some(value.clone())
        } else {
            None
        };
        match kept {
            Some(kept) if name == "oneOf" => drop(out.insert("anyOf".to_owned(), kept)),
            Some(kept) => drop(out.insert(key.clone(), kept)),
            None => said.push(format!("{key}: {value}")),
        }
    }
    close(&mut out, &mut said);
    describe(&mut out, &said);
    Value::Object(out)
}

fn clean_any(value: &Value, depth: usize) -> Value {
    match value {
        Value::Object(schema) => clean(schema, depth + 1),
        other => other.clone(),
    }
}

fn may_stay(key: &str, value: &Value) -> bool {
    match key {
        "format" => value.as_str().is_some_and(|format| FORMATS.contains(&format) || format == "uuid"),
        "minItems" => matches!(value.as_u64(), Some(0 | 1)),
        "pattern" => value.as_str().is_some_and(|pattern| !pattern.contains("(?") && !has_reference(pattern)),
        _ => PLAIN.contains(&key),
    }
}

/// A reference back to a group, which no grammar can hold.
fn has_reference(pattern: &str) -> bool {
    let escapes = pattern.as_bytes().windows(2).filter(|pair| pair[0] == b'\\');
    escapes.into_iter().any(|pair| pair[1].is_ascii_digit() || pair[1].eq_ignore_ascii_case(&b'b'))
}

/// Objects have to be closed.
fn close(schema: &mut Map<String, Value>, said: &mut Vec<String>) {
    let names_object = |value: &Value| value.as_str() == Some("object");
    let of_object = schema
        .get("type")
        .is_some_and(|of| names_object(of) || of.as_array().is_some_and(|all| all.iter().any(names_object)));
    if !of_object && !schema.contains_key("properties") {
        schema.shift_remove("additionalProperties");
        return;
    }
    match schema.insert("additionalProperties".to_owned(), Value::Bool(false)) {
        None | Some(Value::Bool(_)) => {}
        Some(other) => said.push(format!("additionalProperties: {other}")),
    }
}

fn describe(schema: &mut Map<String, Value>, said: &[String]) {
    if said.is_empty() {
        return;
    }
    let constraints = format!("{{{}}}", said.join(", "));
    let description = match schema.get("description").and_then(Value::as_str) {
        Some(text) if !text.is_empty() => format!("{text}\n\n{constraints}"),
        _ => constraints,
    };
    schema.insert("description".to_owned(), description.into());
}

/// The parameters of a function as `input_schema`: an object at the root, without alternatives there.
pub(super) fn of_tool(parameters: Option<&Map<String, Value>>) -> Value {
    let mut schema = parameters.cloned().unwrap_or_default();
    schema.shift_remove("$schema");
    for key in ["anyOf", "oneOf", "allOf"] {
        if let Some(Value::Array(variants)) = schema.shift_remove(key) {
            join(&mut schema, &variants, key == "allOf");
        }
    }
    if schema.get("type").and_then(Value::as_str) != Some("object") {
        schema.insert("type".to_owned(), "object".into());
    }
    if !schema.get("properties").is_some_and(Value::is_object) {
        schema.insert("properties".to_owned(), json!({}));
    }
    Value::Object(schema)
}

/// Variants of an object as one object: all their properties, and what all of them (or, of parts, any) require.
fn join(schema: &mut Map<String, Value>, variants: &[Value], parts: bool) {
    let mut properties = schema.get("properties").and_then(Value::as_object).cloned().unwrap_or_default();
    let names = |of: Option<&Value>| -> Vec<String> {
        let list = of.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        list.iter().filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let mut required = names(schema.get("required"));
    let mut common: Option<Vec<String>> = None;
    for variant in variants.iter().filter_map(Value::as_object) {
        for (name, value) in variant.get("properties").and_then(Value::as_object).into_iter().flatten() {
            properties.entry(name.clone()).or_insert_with(|| value.clone());
        }
        let needs = names(variant.get("required"));
        common = Some(match common {
            None => needs,
            Some(before) if parts => before.into_iter().chain(needs).collect(),
            Some(before) => before.into_iter().filter(|name| needs.contains(name)).collect(),
        });
    }
    for name in common.unwrap_or_default() {
        if !required.contains(&name) {
            required.push(name);
        }
    }
    schema.insert("properties".to_owned(), Value::Object(properties));
    if !required.is_empty() {
        schema.insert("required".to_owned(), json!(required));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(make: impl Fn(&Map<String, Value>) -> Value, schema: &Value, expect: &Value) {
        let got = make(schema.as_object().unwrap());
        assert_eq!(&got, expect, "{schema}");
    }

    #[test]
    fn constraints_move_to_the_description() {
        check(
            structured,
            &json!({ "$schema": "s", "type": "object", "properties": {
                "minLength": { "type": "string", "minLength": 2, "description": "a text" },
                "oneOf": { "oneOf": [{ "type": "integer", "minimum": 1 }, { "type": "null" }] },
                "list": { "type": "array", "items": { "type": "string", "format": "phone" }, "minItems": 2,
                    "uniqueItems": true },
            }, "required": ["minLength"] }),
            &json!({ "type": "object", "properties": {
                "minLength": { "type": "string", "description": "a text\n\n{minLength: 2}" },
                "oneOf": { "anyOf": [{ "type": "integer", "description": "{minimum: 1}" }, { "type": "null" }] },
                "list": { "type": "array", "items": { "type": "string", "description": "{format: \"phone\"}" },
                    "description": "{minItems: 2, uniqueItems: true}" },
            }, "required": ["minLength"], "additionalProperties": false }),
        );
        check(
            structured,
            &json!({ "type": ["object", "null"], "additionalProperties": { "type": "string" } }),
            &json!({ "type": ["object", "null"], "additionalProperties": false,
                "description": "{additionalProperties: {\"type\":\"string\"}}" }),
        );
        check(
            structured,
            &json!({ "$defs": { "a": { "type": "string", "pattern": "^(?=x)" } }, "$ref": "#/$defs/a" }),
            &json!({ "$defs": { "a": { "type": "string", "description": "{pattern: \"^(?=x)\"}" } },
                "$ref": "#/$defs/a" }),
        );
    }

    #[test]
    fn recursion() {
        let check = |schema: &Value, expect: bool| {
            assert_eq!(is_recursive(schema.as_object().unwrap()), expect, "{schema}");
        };
        check(&json!({ "type": "object" }), false);
        check(&json!({ "properties": { "a": { "$ref": "#" } } }), true);
        check(&json!({ "$ref": "#/$defs/a", "$defs": { "a": { "$ref": "#/$defs/b" }, "b": {} } }), false);
        check(&json!({ "$ref": "#/$defs/a", "$defs": { "a": { "items": { "$ref": "#/$defs/a" } } } }), true);
        check(
            &json!({ "definitions": { "a": { "$ref": "#/definitions/b" }, "b": { "anyOf": [{ "$ref": "#/definitions/a" }] } } }),
            true,
        );
    }

    #[test]
    fn strictness_needs_a_schema_that_stays_as_it_is() {
        let strict = json!({ "type": "object", "properties": { "a": { "type": "string", "format": "date" } },
            "required": ["a"], "additionalProperties": false });
        assert!(is_strict(strict.as_object().unwrap()));
        let open = json!({ "type": "object", "properties": {} });
        assert!(!is_strict(open.as_object().unwrap()));
    }

    #[test]
    fn roots_of_tools_are_objects() {
        let of_tool = |schema: &Map<String, Value>| of_tool(Some(schema));
        check(of_tool, &json!({}), &json!({ "type": "object", "properties": {} }));
        check(
            of_tool,
            &json!({ "$schema": "x", "properties": { "a": {} } }),
            &json!({ "properties": { "a": {} }, "type": "object" }),
        );
        let variants = json!([
            { "properties": { "a": { "type": "string" }, "k": {} }, "required": ["a", "k"] },
            { "properties": { "b": { "type": "string" } }, "required": ["k"] },
        ]);
        check(
            of_tool,
            &json!({ "type": "object", "anyOf": variants }),
            &json!({ "type": "object", "properties": { "a": { "type": "string" }, "k": {}, "b": { "type": "string" } },
                "required": ["k"] }),
        );
        check(
            of_tool,
            &json!({ "allOf": variants }),
            &json!({ "properties": { "a": { "type": "string" }, "k": {}, "b": { "type": "string" } },
                "required": ["a", "k"], "type": "object" }),
        );
    }
}
