use serde_json::json;

use super::*;

fn check(schema: &Value, native_form: &Value, subset_form: &Value) {
    let schema = schema.as_object().unwrap();
    assert_eq!(native(schema), *native_form, "native of {schema:?}");
    assert_eq!(subset(schema), *subset_form, "subset of {schema:?}");
}

#[test]
fn plain_schemas() {
    check(
        &json!({ "type": "object", "properties": { "city": { "type": "string", "description": "d" } }, "required": ["city"] }),
        &json!({ "type": "object", "properties": { "city": { "type": "string", "description": "d" } }, "required": ["city"] }),
        &json!({ "type": "OBJECT", "properties": { "city": { "type": "STRING", "description": "d" } }, "required": ["city"] }),
    );
    check(
        &json!({ "type": "object", "properties": {}, "required": ["x"], "additionalProperties": false, "$schema": "s", "strict": true }),
        &json!({ "type": "object", "properties": {}, "additionalProperties": false }),
        &json!({ "type": "OBJECT" }),
    );
    check(&json!({}), &json!({}), &json!({ "type": "OBJECT" }));
    check(
        &json!({ "type": "array" }),
        &json!({ "type": "array" }),
        &json!({ "type": "ARRAY", "items": { "type": "STRING" } }),
    );
}

#[test]
fn names_of_properties_are_not_words() {
    check(
        &json!({ "type": "object", "properties": { "type": { "type": "string" }, "$schema": { "type": "integer" }, "const": { "type": "boolean" }, "default": true } }),
        &json!({ "type": "object", "properties": { "type": { "type": "string" }, "$schema": { "type": "integer" }, "const": { "type": "boolean" }, "default": {} } }),
        &json!({ "type": "OBJECT", "properties": { "type": { "type": "STRING" }, "$schema": { "type": "INTEGER" }, "const": { "type": "BOOLEAN" }, "default": { "type": "OBJECT" } } }),
    );
}

#[test]
fn null() {
    check(
        &json!({ "type": ["string", "null"] }),
        &json!({ "type": ["string", "null"] }),
        &json!({ "type": "STRING", "nullable": true }),
    );
    check(
        &json!({ "type": "integer", "nullable": true }),
        &json!({ "type": ["integer", "null"] }),
        &json!({ "type": "INTEGER", "nullable": true }),
    );
    check(
        &json!({ "title": "T", "anyOf": [{ "type": "string" }, { "type": "null" }], "default": null }),
        &json!({ "title": "T", "anyOf": [{ "type": "string" }, { "type": "null" }] }),
        &json!({ "type": "STRING", "title": "T", "nullable": true }),
    );
    check(
        &json!({ "type": ["string", "null"], "enum": ["a", null], "description": "d" }),
        &json!({ "description": "d", "anyOf": [{ "type": "string", "enum": ["a"] }, { "type": "null" }] }),
        &json!({ "type": "STRING", "nullable": true, "description": "d", "enum": ["a"] }),
    );
}

#[test]
fn alternatives() {
    check(
        &json!({ "description": "d", "oneOf": [{ "type": "string" }, { "type": "integer", "title": "I" }, { "type": "null" }] }),
        &json!({ "description": "d", "anyOf": [{ "type": "string" }, { "type": "integer", "title": "I" }, { "type": "null" }] }),
        &json!({ "anyOf": [{ "type": "STRING", "description": "d", "nullable": true }, { "type": "INTEGER", "title": "I", "description": "d" }] }),
    );
    check(
        &json!({ "type": ["string", "integer"], "description": "d" }),
        &json!({ "type": ["string", "integer"], "description": "d" }),
        &json!({ "anyOf": [{ "type": "STRING", "description": "d" }, { "type": "INTEGER", "description": "d" }] }),
    );
    check(
        &json!({ "allOf": [{ "type": "object", "properties": { "a": { "type": "string" } }, "required": ["a"] }, { "properties": { "b": { "type": "number" } }, "required": ["b"] }] }),
        &json!({ "type": "object", "properties": { "a": { "type": "string" }, "b": { "type": "number" } }, "required": ["a", "b"] }),
        &json!({ "type": "OBJECT", "properties": { "a": { "type": "STRING" }, "b": { "type": "NUMBER" } }, "required": ["a", "b"] }),
    );
}

#[test]
fn values_of_every_type() {
    check(
        &json!({ "type": "string", "enum": ["", "a"] }),
        &json!({ "type": "string", "enum": ["", "a"] }),
        &json!({ "type": "STRING", "enum": ["a"] }),
    );
    check(
        &json!({ "type": "integer", "enum": [1, 2] }),
        &json!({ "type": "integer", "enum": [1, 2] }),
        &json!({ "type": "INTEGER", "description": "(one of [1,2])" }),
    );
    check(
        &json!({ "const": "x" }),
        &json!({ "type": "string", "enum": ["x"] }),
        &json!({ "type": "STRING", "enum": ["x"] }),
    );
    check(
        &json!({ "type": "boolean", "const": true }),
        &json!({ "type": "boolean", "description": "(one of [true])" }),
        &json!({ "type": "BOOLEAN", "description": "(one of [true])" }),
    );
}

#[test]
fn limits_go_into_the_description() {
    check(
        &json!({ "type": "string", "minLength": 1, "pattern": "^a", "format": "uuid", "description": "d", "examples": ["a"] }),
        &json!({ "type": "string", "format": "uuid", "description": "d (minLength: 1, pattern: \"^a\")" }),
        &json!({ "type": "STRING", "minLength": 1, "pattern": "^a", "description": "d" }),
    );
    check(
        &json!({ "type": "integer", "exclusiveMinimum": 0, "maximum": 9, "format": "int32" }),
        &json!({ "type": "integer", "maximum": 9, "format": "int32", "description": "(exclusiveMinimum: 0)" }),
        &json!({ "type": "INTEGER", "maximum": 9, "format": "int32", "description": "(exclusiveMinimum: 0)" }),
    );
}

#[test]
fn references() {
    check(
        &json!({ "type": "object", "properties": { "p": { "$ref": "#/definitions/P", "description": "d" } }, "definitions": { "P": { "type": "string", "$comment": "c" } } }),
        &json!({ "type": "object", "properties": { "p": { "$ref": "#/$defs/P" } }, "$defs": { "P": { "type": "string" } } }),
        &json!({ "type": "OBJECT", "properties": { "p": { "type": "STRING", "description": "d" } } }),
    );
    check(
        &json!({ "type": "object", "properties": { "p": { "$ref": "#/$defs/None" }, "q": { "$ref": "https://e.example/s" }, "r": { "ref": "x" } } }),
        &json!({ "type": "object", "properties": { "p": {}, "q": {}, "r": {} } }),
        &json!({ "type": "OBJECT", "properties": { "p": { "type": "OBJECT" }, "q": { "type": "OBJECT" }, "r": { "type": "OBJECT" } } }),
    );
    check(
        &json!({ "$ref": "#/$defs/N", "$defs": { "N": { "type": "object", "properties": { "next": { "$ref": "#/$defs/N" } } } } }),
        &json!({ "$ref": "#/$defs/N", "$defs": { "N": { "type": "object", "properties": { "next": { "$ref": "#/$defs/N" } } } } }),
        &json!({ "type": "OBJECT", "properties": { "next": { "type": "OBJECT" } } }),
    );
    check(
        &json!({ "type": "object", "properties": { "p": { "allOf": [{ "$ref": "#/$defs/P" }], "description": "d" } }, "$defs": { "P": { "type": "integer" } } }),
        &json!({ "type": "object", "properties": { "p": { "description": "d", "type": "integer" } }, "$defs": { "P": { "type": "integer" } } }),
        &json!({ "type": "OBJECT", "properties": { "p": { "type": "INTEGER", "description": "d" } } }),
    );
}

/// Each schema refers to the next one many times: written out in full, they would be 8^12 schemas.
#[test]
fn what_grows_without_bound_is_cut_off() {
    let mut defs = Object::new();
    for level in 0..12 {
        let next = json!({ "$ref": format!("#/$defs/L{}", level + 1) });
        let properties: Object = (0..8).map(|n| (format!("p{n}"), next.clone())).collect();
        defs.insert(format!("L{level}"), json!({ "type": "object", "properties": properties }));
    }
    defs.insert("L12".to_owned(), json!({ "type": "string" }));
    let all_of: Vec<Value> = (0..8).map(|_| json!({ "$ref": "#/$defs/A" })).collect();
    defs.insert("A".to_owned(), json!({ "allOf": all_of }));
    let schema = json!({ "type": "object", "properties": { "p": { "$ref": "#/$defs/L0" }, "a": { "$ref": "#/$defs/A" } }, "$defs": defs });
    assert!(subset(schema.as_object().unwrap()).to_string().len() < 2 * COPIED_BYTES_MAX);
    assert!(native(schema.as_object().unwrap()).to_string().len() < 100_000);
}
