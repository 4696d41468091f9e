//! Instances of a corpus of schemas, one a line, judged by a real validator.

use proptest::prelude::*;

use super::*;

#[test]
fn instances_are_valid() {
    let mut wrong = Vec::new();
    let mut schemas = 0;
    for line in include_str!("corpus.jsonl").lines() {
        let schema: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        let validator = jsonschema::options()
            .should_validate_formats(true)
            .build(&schema)
            .unwrap_or_else(|error| panic!("{error}: {line}"));
        schemas += 1;
        for seed in (0..12).map(|seed| seed * 7_919) {
            let value = instance(&schema, seed);
            assert_eq!(value, instance(&schema, seed), "not deterministic: {line}");
            if let Some(error) = validator.iter_errors(&value).next() {
                wrong.push(format!("{line}\n  {value}\n  {error}"));
                break;
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(schemas >= 100, "{schemas}");
}

/// What cannot be satisfied, or is no schema, gets some value that is not too large.
#[test]
fn nothing_is_too_much() {
    let deep = (0..100).fold(json!({}), |inner, _| json!({ "type": "array", "minItems": 3, "items": inner }));
    let wide: Map<String, Value> =
        (0..4_000).map(|i| (format!("p{i}"), json!({ "type": "string" }))).collect();
    let many: Vec<Value> = (0..60).map(|_| json!({ "$ref": "#" })).collect();
    for schema in [
        json!(false),
        json!(null),
        json!("text"),
        json!([1]),
        json!({ "type": "nobody" }),
        json!({ "type": 7, "properties": 8, "required": "x", "items": 9, "enum": 3, "allOf": {}, "minItems": -1 }),
        json!({ "allOf": [{ "type": "string" }, { "type": "integer" }] }),
        json!({ "enum": [] }),
        json!({ "$ref": "#" }),
        json!({ "$ref": "#/nowhere" }),
        json!({ "$ref": "https://example.com/elsewhere" }),
        json!({ "$defs": { "a": { "$ref": "#/$defs/b" }, "b": { "$ref": "#/$defs/a" } }, "$ref": "#/$defs/a" }),
        json!({ "type": "object", "properties": { "a": { "$ref": "#" } }, "required": ["a"] }),
        json!({ "type": "array", "items": { "$ref": "#" }, "minItems": 2 }),
        json!({ "type": "array", "minItems": 1_000_000_000_u64, "items": { "type": "integer" } }),
        json!({ "type": "array", "minItems": 1_000_000_000_u64, "uniqueItems": true, "items": { "const": 1 } }),
        json!({ "type": "object", "minProperties": 1_000_000_000_u64 }),
        json!({ "type": "string", "minLength": 1_000_000_000_u64 }),
        json!({ "type": "string", "pattern": "^(a+)+$", "minLength": 1_000_000_000_u64 }),
        json!({ "type": "string", "pattern": "^(((a{1000}){1000}){1000}){4000000000}$" }),
        json!({ "type": "string", "pattern": "(?=a)b" }),
        json!({ "type": "string", "pattern": "[z-a" }),
        json!({ "type": "string", "minLength": 5, "maxLength": 2 }),
        json!({ "type": "integer", "minimum": 1e300, "multipleOf": 1e-300 }),
        json!({ "type": "integer", "minimum": 5, "maximum": 4 }),
        json!({ "type": "number", "multipleOf": 0 }),
        json!({ "anyOf": &many }),
        json!({ "type": "object", "properties": { "a": { "allOf": many } } }),
        json!({ "type": "object", "properties": wide }),
        deep,
    ] {
        let value = instance(&schema, 1);
        assert!(value.to_string().len() < 2_000_000, "{schema}");
    }
}

#[test]
fn patterns_that_are_asked_for() {
    for pattern in
        ["^[a-z]{3}[0-9]+$", "a|b", "(?<year>\\d{4})-\\d\\d", "[^a]{2}", "\\bword\\b", "x{2,}y?", "^$"]
    {
        let text = matching(pattern, 3).unwrap_or_else(|| panic!("{pattern}"));
        let schema = json!({ "pattern": pattern });
        assert!(jsonschema::is_valid(&schema, &json!(text)), "{pattern} {text}");
    }
    assert_eq!(matching("(a", 1), None);
    assert_eq!(matching("(a)\\1", 1), None);
}

/// Schemas that are put together from keywords in any way.
fn any_schema() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(json!(true)),
        Just(json!({ "$ref": "#" })),
        prop::sample::select(vec!["string", "integer", "number", "object", "array", "boolean", "null"])
            .prop_map(|kind| json!({ "type": kind })),
        (any::<i8>(), any::<i8>()).prop_map(|(low, high)| json!({ "minimum": low, "maximum": high })),
        (0..9_u8, 0..9_u8).prop_map(|(low, high)| json!({ "minLength": low, "maxLength": high })),
        "\\PC{0,6}".prop_map(|pattern| json!({ "pattern": pattern })),
        "\\PC{0,6}".prop_map(|text| json!({ "enum": [text, 1] })),
    ];
    leaf.prop_recursive(4, 40, 4, |inner| {
        let list = || prop::collection::vec(inner.clone(), 1..4);
        let map = || prop::collection::btree_map("[abc]", inner.clone(), 0..3);
        prop_oneof![
            list().prop_map(|all| json!({ "allOf": all })),
            list().prop_map(|all| json!({ "anyOf": all })),
            list().prop_map(|all| json!({ "oneOf": all })),
            inner.clone().prop_map(|one| json!({ "not": one })),
            (map(), prop::collection::vec("[abc]", 0..3), 0..3_u8)
                .prop_map(|(properties, required, fewest)| json!({
                    "properties": properties, "required": required, "minProperties": fewest,
                })),
            (map(), inner.clone()).prop_map(|(patterns, more)| json!({
                "type": "object", "patternProperties": patterns, "additionalProperties": more,
            })),
            (inner.clone(), inner.clone(), 0..4_u8, any::<bool>()).prop_map(|(items, one, fewest, unique)| json!({
                "type": "array", "items": items, "contains": one, "minItems": fewest, "uniqueItems": unique,
            })),
            (list(), inner.clone()).prop_map(|(first, rest)| json!({ "prefixItems": first, "items": rest })),
            (inner.clone(), inner.clone(), inner.clone())
                .prop_map(|(a, b, c)| json!({ "if": a, "then": b, "else": c })),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]
    #[test]
    fn no_schema_is_too_odd(schema in any_schema(), seed in any::<u64>()) {
        prop_assert_eq!(instance(&schema, seed), instance(&schema, seed));
    }
}
