use super::*;

fn read(request: &Value) -> (Result<Offer, ApiError>, Vec<String>) {
    let field = |name: &str| request.get(name).cloned();
    let fields = ToolFields {
        tools: field("tools").map(|v| serde_json::from_value(v).unwrap()),
        tool_choice: field("tool_choice").map(|v| serde_json::from_value(v).unwrap()),
        parallel_tool_calls: field("parallel_tool_calls").and_then(|v| v.as_bool()),
        functions: field("functions").map(|v| serde_json::from_value(v).unwrap()),
        function_call: field("function_call").map(|v| serde_json::from_value(v).unwrap()),
    };
    let mut dropped = Dropped::default();
    let offer = Offer::of(fields, &mut dropped);
    (offer, dropped.into_vec())
}

fn function(name: &str) -> Value {
    json!({ "type": "function", "function": { "name": name } })
}

#[test]
fn choices_of_every_form() {
    let check = |choice: Value, expect: Choice, names: &[&str]| {
        let request = json!({ "tools": [function("f"), function("g")], "tool_choice": choice });
        let offer = read(&request).0.unwrap();
        assert_eq!(offer.choice, expect, "{choice}");
        assert_eq!(offer.tools.iter().map(|tool| tool.name.as_str()).collect::<Vec<_>>(), names, "{choice}");
    };
    check(json!("auto"), Choice::Auto, &["f", "g"]);
    check(json!("none"), Choice::None, &["f", "g"]);
    check(json!("required"), Choice::Required, &["f", "g"]);
    check(function("g"), Choice::One("g".to_owned()), &["f", "g"]);
    check(json!({ "type": "function", "name": "g" }), Choice::One("g".to_owned()), &["f", "g"]);
    let allowed = json!({ "mode": "auto", "tools": [function("g")] });
    check(json!({ "type": "allowed_tools", "allowed_tools": allowed }), Choice::Auto, &["g"]);
    let flat = json!({ "type": "allowed_tools", "mode": "required", "tools": [{ "type": "function", "name": "f" }] });
    check(flat, Choice::Required, &["f"]);
}

#[test]
fn functions_of_old_and_custom_tools() {
    let old = json!({ "functions": [{ "name": "f", "parameters": {} }], "function_call": { "name": "f" } });
    let offer = read(&old).0.unwrap();
    assert!(offer.legacy && offer.choice == Choice::One("f".to_owned()));
    assert_eq!(Value::Object(offer.tools[0].schema.clone()), json!({ "type": "object", "properties": {} }));

    let grammar = json!({ "type": "grammar", "grammar": { "syntax": "lark", "definition": "start: /a/" } });
    let custom =
        json!({ "type": "custom", "custom": { "name": "c", "description": "d", "format": grammar } });
    let request = json!({
        "tools": [custom, { "type": "web_search" }],
        "tool_choice": { "type": "custom", "custom": { "name": "c" } },
    });
    let (offer, dropped) = read(&request);
    let offer = offer.unwrap();
    assert_eq!(offer.custom, ["c"]);
    assert_eq!(offer.choice, Choice::One("c".to_owned()));
    assert_eq!(offer.tools[0].description.as_deref(), Some("d\nThe input must match this lark:\nstart: /a/"));
    assert_eq!(dropped, ["tools[1]"]);
}

#[test]
fn what_is_not_there() {
    let check = |request: Value, expect: Offer| assert_eq!(read(&request).0.unwrap(), expect, "{request}");
    check(json!({}), Offer::default());
    check(json!({ "tools": [], "tool_choice": "auto", "parallel_tool_calls": false }), Offer::default());
    let missing = read(&json!({ "tools": [function("f")], "tool_choice": function("g") })).0.unwrap_err();
    assert_eq!(missing.param.as_deref(), Some("tool_choice"));
    let (offer, dropped) = read(&json!({
        "tools": [{ "function": { "name": "f", "description": " ", "x": 1, "strict": true } }],
        "tool_choice": { "type": "vendors" },
    }));
    let offer = offer.unwrap();
    assert!(offer.tools[0].strict && offer.tools[0].description.is_none());
    assert_eq!(dropped, ["tools[0].function.x", "tool_choice"]);
}

#[test]
fn arguments_are_what_a_model_wrote() {
    let check = |text: &str, object: Value, whole: bool| {
        let (got, all) = arguments(text);
        assert_eq!((Value::Object(got), all), (object, whole), "{text}");
    };
    check(r#"{"a":1}"#, json!({ "a": 1 }), true);
    for empty in ["", " {} \n", " ", "null"] {
        check(empty, json!({}), true);
    }
    for broken in ["oops", "[1]", r#"{"a":"#, "\"{}\""] {
        check(broken, json!({}), false);
    }
    for glued in [r#"{"a":1} trailing"#, r#"{"a":1}{"a":2}"#, r#"{"a":1}, {"a":2}"#] {
        check(glued, json!({ "a": 1 }), false);
    }
}
