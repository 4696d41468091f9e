//! Requests as callers write them, against what vendors get.

use sluice_chat::scan::scan;

use super::*;
use crate::vendor::vendor;

struct Case {
    kind: &'static str,
    model: &'static str,
    injected: Option<u64>,
    ask_usage: bool,
}

const PLAIN: Case = Case { kind: "openai-compatible", model: "m", injected: None, ask_usage: true };

fn encoded(case: &Case, body: &str) -> (String, Vec<String>, bool) {
    let body = Bytes::copy_from_slice(body.as_bytes());
    let scan = scan(&body).unwrap_or_else(|_| panic!("{body:?}"));
    let row = vendor(case.kind).unwrap();
    let model = crate::UpstreamModel::new(case.model);
    let call = Call {
        injected_output_limit: case.injected,
        ask_usage: case.ask_usage,
        ..Call::plain(&body, &scan, &model, row)
    };
    let encoded = encode(&call).unwrap();
    assert_eq!(encoded.path, "/chat/completions");
    let bytes: Vec<u8> = encoded.body.iter().flat_map(|slice| slice.to_vec()).collect();
    (String::from_utf8(bytes).unwrap(), encoded.dropped, encoded.hide_usage)
}

fn check(case: &Case, body: &str, expect: &str) {
    let (got, dropped, _) = encoded(case, body);
    assert_eq!(got, expect, "{} {body}", case.kind);
    assert!(dropped.is_empty(), "{dropped:?}");
}

/// A request with these pairs beside model and messages.
fn with(pairs: &str) -> String {
    let comma = if pairs.is_empty() { "" } else { "," };
    format!(r#"{{"model":"m","messages":[{{"role":"user","content":"hi"}}]{comma}{pairs}}}"#)
}

#[test]
fn nothing_else_changes_a_byte() {
    let body = "{ \"messages\" : [ {\"content\":\"\\u00e9\", \"role\":\"user\", \"x\":1.50e3} ],\n\"model\":\"m\",\"odd\":{\"a\":[null,1E2]},\"temperature\":0,\"top_p\":0,\"seed\":0,\"max_tokens\":0001 }";
    let body = &body.replace("0001", "1");
    check(&PLAIN, body, body);
    check(
        &Case { model: "other \"x\"", ..PLAIN },
        body,
        &body.replace("\"model\":\"m\"", "\"model\":\"other \\\"x\\\"\""),
    );
}

#[test]
fn usage_is_asked_of_every_stream() {
    let check = |pairs: &str, expect: &str, hide: bool| {
        let (got, _, hides) = encoded(&PLAIN, &with(pairs));
        assert_eq!((got, hides), (with(expect), hide), "{pairs}");
    };
    check("", "", false);
    check(r#""stream":false"#, r#""stream":false"#, false);
    check(r#""stream":true"#, r#""stream":true,"stream_options":{"include_usage":true}"#, true);
    check(
        r#""stream":true,"stream_options":null"#,
        r#""stream":true,"stream_options":{"include_usage":true}"#,
        true,
    );
    check(
        r#""stream_options":{"include_obfuscation":false},"stream":true"#,
        r#""stream_options":{"include_obfuscation":false,"include_usage":true},"stream":true"#,
        true,
    );
    check(
        r#""stream":true,"stream_options":{"include_usage":false}"#,
        r#""stream":true,"stream_options":{"include_usage":true}"#,
        true,
    );
    let asked = r#""stream":true,"stream_options":{"include_usage":true, "x":1}"#;
    check(asked, asked, false);
    let (got, _, hides) = encoded(&Case { ask_usage: false, ..PLAIN }, &with(r#""stream":true"#));
    assert_eq!((got, hides), (with(r#""stream":true"#), false));
    let (got, _, hides) = encoded(
        &Case { ask_usage: false, ..PLAIN },
        &with(r#""stream":true,"stream_options":{"include_usage":true}"#),
    );
    assert_eq!((got, hides), (with(r#""stream":true"#), false));
    let mistral = Case { kind: "mistral", ..PLAIN };
    let (got, _, hides) =
        encoded(&mistral, &with(r#""stream":true,"stream_options":{"include_usage":true}"#));
    assert_eq!((got, hides), (with(r#""stream":true"#), false));
    let (_, _, hides) = encoded(&mistral, &with(r#""stream":true"#));
    assert!(hides, "a normalised stream has usage on its own chunk, which nobody asked for");
}

#[test]
fn stream_options_leave_where_they_are_refused() {
    let openai = Case { kind: "openai", ..PLAIN };
    check(
        &openai,
        &with(r#""stream":false,"stream_options":{"include_usage":true}"#),
        &with(r#""stream":false"#),
    );
    let kept = with(r#""stream_options":{"include_usage":true}"#);
    check(&PLAIN, &kept, &kept);
}

#[test]
fn an_output_limit_is_put_in_only_where_there_is_none() {
    let case = Case { injected: Some(99), ..PLAIN };
    check(&case, &with(""), &with(r#""max_tokens":99"#));
    check(&case, &with(r#""max_tokens":null"#), &with(r#""max_tokens":99"#));
    check(&case, &with(r#""max_tokens":5"#), &with(r#""max_tokens":5"#));
    check(&case, &with(r#""max_completion_tokens":5"#), &with(r#""max_completion_tokens":5"#));
    let reasoning = Case { kind: "openai", model: "gpt-5-mini", ..case };
    let named = |pairs: &str| with(pairs).replace("\"m\"", "\"gpt-5-mini\"");
    check(&reasoning, &named(""), &named(r#""max_completion_tokens":99"#));
}

#[test]
fn reasoning_models_of_openai_get_max_completion_tokens() {
    let check_for = |model: &'static str, renamed: bool| {
        let case = Case { kind: "openai", model, ..PLAIN };
        let body = with(r#""max_tokens":5"#).replace("\"m\"", &format!("\"{model}\""));
        let expect = if renamed { body.replace("max_tokens", "max_completion_tokens") } else { body.clone() };
        check(&case, &body, &expect);
    };
    for model in [
        "gpt-5",
        "gpt-5-chat-latest",
        "gpt-5.1",
        "gpt-6-sol",
        "o1",
        "o3-mini",
        "o4-mini-2025",
        "ft:gpt-5:x",
        "gpt-10",
    ] {
        check_for(model, true);
    }
    for model in ["gpt-4o", "gpt-4.1", "gpt-35-turbo", "omni", "o", "other", "gpt-oss", "o1x"] {
        check_for(model, false);
    }
    let both = Case { kind: "openai", model: "o1", ..PLAIN };
    let body = with(r#""max_tokens":5,"max_completion_tokens":7"#).replace("\"m\"", "\"o1\"");
    check(&both, &body, &body.replace(r#""max_tokens":5,"#, ""));
    check(
        &both,
        &body.replace(":7", ":null"),
        &with(r#""max_completion_tokens":5"#).replace("\"m\"", "\"o1\""),
    );
}

#[test]
fn other_vendors_get_max_tokens() {
    let case = Case { kind: "deepseek", ..PLAIN };
    check(&case, &with(r#""max_completion_tokens":7"#), &with(r#""max_tokens":7"#));
    check(&case, &with(r#""max_completion_tokens":7,"max_tokens":9"#), &with(r#""max_tokens":7"#));
    check(&case, &with(r#""max_tokens":9"#), &with(r#""max_tokens":9"#));
}

#[test]
fn empty_tools_leave_with_what_hangs_on_them() {
    let openai = Case { kind: "openai", ..PLAIN };
    let pairs = r#""tools":[],"tool_choice":"auto","parallel_tool_calls":true,"n":1"#;
    check(&openai, &with(pairs), &with(r#""n":1"#));
    check(&PLAIN, &with(pairs), &with(pairs));
}

#[test]
fn fields_that_a_vendor_refuses_are_reported() {
    let (got, dropped, _) =
        encoded(&Case { kind: "groq", ..PLAIN }, &with(r#""logit_bias":{"1":2},"logprobs":null,"seed":1"#));
    assert_eq!(got, with(r#""seed":1"#));
    assert_eq!(dropped, ["logit_bias"]);
}

#[test]
fn seeds_are_random_at_mistral() {
    let check = |pairs: &str, expect: &str| {
        check(&Case { kind: "mistral", ..PLAIN }, &with(pairs), &with(expect));
    };
    check(r#""seed":0"#, r#""random_seed":0"#);
    check(r#""random_seed":5"#, r#""random_seed":5"#);
    check(r#""random_seed":null"#, r#""random_seed":null"#);
    // The vendor's own name wins; the other one is a field that it refuses.
    check(r#""seed":1,"random_seed":2"#, r#""random_seed":2"#);
    check(r#""random_seed":2,"n":1,"s\u0065ed":1"#, r#""random_seed":2,"n":1"#);
    // A null is no seed, and its key is not written a second time.
    check(r#""seed":1,"random_seed":null"#, r#""random_seed":1"#);
    check(r#""random_seed":null,"seed":1,"random_s\u0065ed":null,"n":1"#, r#""random_seed":1,"n":1"#);
    check(r#""seed":1,"n":1,"seed":2"#, r#""n":1,"random_seed":2"#);
}

#[test]
fn messages_are_edited_only_where_a_vendor_refuses_them() {
    let check = |kind: &'static str, message: &str, expect: &str| {
        let list = |message: &str| {
            format!(r#"{{"model":"m","messages":[ {{"role":"user","content":"hi"}} , {message} ]}}"#)
        };
        check(&Case { kind, ..PLAIN }, &list(message), &list(expect));
    };
    let developer = r#"{"role":"developer", "content":"be kind"}"#;
    check("vllm", developer, r#"{"role":"system","content":"be kind"}"#);
    check("openai", developer, developer);
    let escaped = r#"{"role":"dev\u0065loper", "content":"be kind"}"#;
    check("vllm", escaped, r#"{"role":"system","content":"be kind"}"#);
    check("openai", escaped, escaped);
    let other = r#"{"role":"us\u0065r", "content":"developer"}"#;
    check("vllm", other, other);
    let named = r#"{"role":"user","name":"ann","content":"hi","x":1}"#;
    check("groq", named, r#"{"role":"user","content":"hi","x":1}"#);
    check("openai-compatible", named, named);
    let tool = r#"{"role":"tool", "name":"f","tool_call_id":"c","content":"null"}"#;
    check("groq", tool, tool);
    let nulls = r#"{"role":"assistant","content":null,"function_call":null,"tool_calls":null}"#;
    check("groq", nulls, r#"{"role":"assistant","content":null}"#);
    let parts = r#"{"role":"user","content":[{"type":"text","text":"a"},{"type":"text","text":"b"}]}"#;
    check("deepseek", parts, r#"{"role":"user","content":"a\nb"}"#);
    let image = r#"{"role":"user","content":[{"type":"text","text":"a"}, {"type":"image_url","image_url":{"url":"u"}}]}"#;
    check("deepseek", image, image);
}

#[test]
fn calls_and_reasoning_of_earlier_turns_go_back_unchanged() {
    let turn = r#"{"role":"assistant","content":null,"reasoning_content":"hm","tool_calls":[{"id":"call_Ab-1","type":"function","function":{"name":"f","arguments":"{\"a\": 1}"}}]},{"role":"tool","tool_call_id":"call_Ab-1","content":"x"}"#;
    let body = format!(r#"{{"model":"m","messages":[{{"role":"user","content":"hi"}},{turn}]}}"#);
    for row in crate::vendors().iter().filter(|row| row.kind != "groq") {
        check(&Case { kind: &row.kind, ..PLAIN }, &body, &body);
    }
}
