//! Every field: what is taken, what is refused, and in which words.

use super::*;
use crate::message::{Content, MediaUrl, Part, Role};
use crate::scan::scan;
use crate::tool::{ToolCall, ToolChoiceMode};

const MINIMAL: &str = r#""model":"m","messages":[{"role":"user","content":"hi"}]"#;

fn parse_fields(fields: &str) -> Result<ChatRequest, ApiError> {
    let body = format!("{{{MINIMAL},{fields}}}");
    let parsed = ChatRequest::parse(body.as_bytes());
    assert_eq!(parsed.is_ok(), scan(body.as_bytes()).is_ok(), "the passes differ on {body}");
    parsed
}

fn parse_message(message: &str) -> Result<Message, ApiError> {
    let body = format!(r#"{{"model":"m","messages":[{message}]}}"#);
    let parsed = ChatRequest::parse(body.as_bytes());
    assert_eq!(parsed.is_ok(), scan(body.as_bytes()).is_ok(), "the passes differ on {body}");
    parsed.map(|mut request| request.messages.remove(0))
}

/// `fields` beside a minimal request are taken, and written back as they were.
fn check_taken(fields: &str) {
    let request = parse_fields(fields).unwrap_or_else(|error| panic!("{fields}: {error:?}"));
    let written = serde_json::to_value(&request).unwrap();
    let mut expect: Map<String, Value> = serde_json::from_str(&format!("{{{MINIMAL},{fields}}}")).unwrap();
    expect.retain(|_, value| !value.is_null());
    assert_eq!(written, Value::Object(expect), "{fields}");
}

fn check_refused(fields: &str, code: &str, param: &str) {
    let error = parse_fields(fields).expect_err(fields);
    assert_eq!(
        (error.code.as_deref(), error.param.as_deref()),
        (Some(code), Some(param)),
        "{fields}: {error:?}"
    );
    assert_eq!(error.kind, "invalid_request_error");
}

fn check_message_taken(message: &str) {
    let parsed = parse_message(message).unwrap_or_else(|error| panic!("{message}: {error:?}"));
    let mut expect: Map<String, Value> = serde_json::from_str(message).unwrap();
    expect.retain(|_, value| !value.is_null());
    assert_eq!(serde_json::to_value(&parsed).unwrap(), Value::Object(expect), "{message}");
}

fn check_message_refused(message: &str, code: &str, param: &str) {
    let error = parse_message(message).expect_err(message);
    assert_eq!(
        (error.code.as_deref(), error.param.as_deref()),
        (Some(code), Some(param)),
        "{message}: {error:?}"
    );
}

fn check_body(body: &[u8], code: &str, param: Option<&str>) {
    let error = ChatRequest::parse(body).expect_err("refused");
    assert_eq!((error.code.as_deref(), error.param.as_deref()), (Some(code), param), "{error:?}");
    assert!(scan(body).is_err());
}

fn check_words(fields: &str, message: &str) {
    assert_eq!(parse_fields(fields).expect_err(fields).message, message);
}

#[test]
fn numbers_and_their_ranges() {
    for (field, min, max) in
        [("temperature", 0, 2), ("top_p", 0, 1), ("presence_penalty", -2, 2), ("frequency_penalty", -2, 2)]
    {
        check_taken(&format!(r#""{field}":{min}.0"#));
        check_taken(&format!(r#""{field}":{max}.0"#));
        check_taken(&format!(r#""{field}":null"#));
        check_refused(&format!(r#""{field}":{}"#, min - 1), "decimal_below_min_value", field);
        check_refused(&format!(r#""{field}":{max}.0001"#), "decimal_above_max_value", field);
        check_refused(&format!(r#""{field}":"1""#), "invalid_type", field);
    }
    for (field, min, max) in [("n", 1_i64, 128_i64), ("top_logprobs", 0, 20)] {
        check_taken(&format!(r#""{field}":{min}"#));
        check_taken(&format!(r#""{field}":{max}"#));
        check_refused(&format!(r#""{field}":{}"#, min - 1), "integer_below_min_value", field);
        check_refused(&format!(r#""{field}":{}"#, max + 1), "integer_above_max_value", field);
        check_refused(&format!(r#""{field}":1.0"#), "invalid_type", field);
        check_refused(&format!(r#""{field}":1e1"#), "invalid_type", field);
    }
    for field in ["max_tokens", "max_completion_tokens"] {
        check_taken(&format!(r#""{field}":1"#));
        check_taken(&format!(r#""{field}":18446744073709551615"#));
        check_taken(&format!(r#""{field}":null"#));
        check_refused(&format!(r#""{field}":0"#), "integer_below_min_value", field);
        check_refused(&format!(r#""{field}":-1"#), "integer_below_min_value", field);
        check_refused(&format!(r#""{field}":18446744073709551616"#), "invalid_type", field);
    }
    check_taken(r#""seed":-9223372036854775808"#);
    check_taken(r#""seed":9223372036854775807"#);
    check_refused(r#""seed":9223372036854775808"#, "integer_above_max_value", "seed");
    check_refused(r#""seed":-0"#, "invalid_type", "seed");
}

#[test]
fn zero_and_false_are_values() {
    check_taken(r#""temperature":0.0,"top_p":0.0,"seed":0,"stream":false,"logprobs":false,"top_logprobs":0"#);
    check_taken(r#""parallel_tool_calls":false,"store":false,"presence_penalty":0.0"#);
    assert_eq!(parse_fields(r#""temperature":0"#).unwrap().temperature, Some(0.0));
}

#[test]
fn the_words_of_refusals() {
    check_words(
        r#""temperature":3"#,
        "Invalid 'temperature': decimal above maximum value. Expected a value <= 2, but got 3 instead.",
    );
    check_words(
        r#""n":0"#,
        "Invalid 'n': integer below minimum value. Expected a value >= 1, but got 0 instead.",
    );
    check_words(
        r#""stream":"yes""#,
        "Invalid type for 'stream': expected a boolean, but got a string instead.",
    );
    check_words(r#""n":1.5"#, "Invalid type for 'n': expected an integer, but got a decimal number instead.");
    check_words(
        r#""verbosity":"loud""#,
        "Invalid value: 'loud'. Supported values are: 'low', 'medium', and 'high'.",
    );
    check_words(r#""response_format":{}"#, "Missing required parameter: 'response_format.type'.");
    check_words(
        r#""stop":["1","2","3","4","5"]"#,
        "Invalid 'stop': array too long. Expected an array with maximum length 4, but got an array with length 5 instead.",
    );
    check_words(
        r#""stop":7"#,
        "Invalid type for 'stop': expected one of a string or array of strings, but got an integer instead.",
    );
}

#[test]
fn stops() {
    check_taken(r#""stop":" ""#);
    check_taken(r#""stop":["a","b","c","d"]"#);
    check_refused(r#""stop":[]"#, "empty_array", "stop");
    check_refused(r#""stop":["a",null]"#, "invalid_type", "stop[1]");
    check_refused(r#""stop":{}"#, "invalid_type", "stop");
}

#[test]
fn metadata_and_biases() {
    check_taken(r#""metadata":{"a":"b"},"logit_bias":{"50256":-100,"1":0.5}"#);
    check_taken(r#""metadata":{},"logit_bias":{}"#);
    let pairs: Vec<_> = (0..17).map(|i| format!(r#""k{i}":"v""#)).collect();
    check_taken(&format!(r#""metadata":{{{}}}"#, pairs[..16].join(",")));
    check_refused(
        &format!(r#""metadata":{{{}}}"#, pairs.join(",")),
        "object_above_max_properties",
        "metadata",
    );
    let long = "é".repeat(513);
    check_taken(&format!(r#""metadata":{{"k":"{}"}}"#, "é".repeat(512)));
    check_taken(&format!(r#""metadata":{{"{}":""}}"#, "é".repeat(64)));
    check_refused(&format!(r#""metadata":{{"k":"{long}"}}"#), "string_above_max_length", "metadata.k");
    check_refused(
        &format!(r#""metadata":{{"{}":""}}"#, "é".repeat(65)),
        "string_above_max_length",
        "metadata",
    );
    check_refused(r#""metadata":{"k":null}"#, "invalid_type", "metadata.k");
    check_refused(r#""metadata":{"k":1}"#, "invalid_type", "metadata.k");
    check_refused(r#""logit_bias":{"1":"x"}"#, "invalid_type", "logit_bias.1");
    check_refused(r#""logit_bias":[]"#, "invalid_type", "logit_bias");
}

#[test]
fn output_forms() {
    check_taken(r#""response_format":{"type":"text","json_schema":{}}"#);
    check_taken(r#""response_format":{"type":"json_object","json_schema":7}"#);
    check_taken(
        r#""response_format":{"type":"json_schema","json_schema":{"name":"a-B_9","schema":{},"strict":true,"x":1},"y":2}"#,
    );
    check_refused(r#""response_format":{"type":"xml"}"#, "invalid_value", "response_format.type");
    check_refused(
        r#""response_format":{"type":"json_schema"}"#,
        "missing_required_parameter",
        "response_format.json_schema",
    );
    check_refused(
        r#""response_format":{"json_schema":{},"type":"json_schema"}"#,
        "missing_required_parameter",
        "response_format.json_schema.name",
    );
    check_refused(
        r#""response_format":{"type":"json_schema","json_schema":{"name":"a b"}}"#,
        "invalid_value",
        "response_format.json_schema.name",
    );
    check_refused(r#""response_format":"json""#, "invalid_type", "response_format");
    check_taken(r#""modalities":["text","audio","image"],"audio":{}"#);
    check_taken(r#""modalities":[],"audio":{"voice":"alloy","format":"pcm16","x":1}"#);
    check_taken(r#""audio":{"voice":{"id":"v"}}"#);
    check_refused(r#""audio":{"voice":1}"#, "invalid_type", "audio.voice");
    check_refused(r#""audio":{"format":"ogg"}"#, "invalid_value", "audio.format");
    check_refused(r#""modalities":["smell"]"#, "invalid_value", "modalities[0]");
    check_taken(r#""prediction":{"type":"content","content":"x"}"#);
    check_taken(r#""prediction":{"type":"content","content":[{"text":"x","type":"text"}]}"#);
    check_refused(r#""prediction":{"type":"content"}"#, "missing_required_parameter", "prediction.content");
    check_refused(
        r#""prediction":{"type":"content","content":[{"type":"text"}]}"#,
        "missing_required_parameter",
        "prediction.content[0].text",
    );
}

#[test]
fn small_fields() {
    check_taken(r#""user":"u","safety_identifier":"s","prompt_cache_key":"p","service_tier":"any""#);
    check_taken(r#""reasoning_effort":"whatever","verbosity":"low""#);
    check_taken(r#""reasoning_effort":{"effort":"low","summary":"auto"}"#);
    check_refused(r#""reasoning_effort":{"effort":1}"#, "invalid_type", "reasoning_effort.effort");
    check_refused(r#""reasoning_effort":{}"#, "missing_required_parameter", "reasoning_effort.effort");
    check_taken(r#""stream_options":{"include_usage":true,"include_obfuscation":false,"x":1}"#);
    check_taken(r#""stream":false,"stream_options":{}"#);
    check_refused(r#""stream_options":{"include_usage":1}"#, "invalid_type", "stream_options.include_usage");
    check_taken(r#""web_search_options":{}"#);
    check_taken(
        r#""web_search_options":{"search_context_size":"high","user_location":{"type":"approximate"}}"#,
    );
    check_refused(
        r#""web_search_options":{"search_context_size":"x"}"#,
        "invalid_value",
        "web_search_options.search_context_size",
    );
    check_refused(r#""user":1"#, "invalid_type", "user");
    check_refused(r#""store":"x""#, "invalid_type", "store");
}

#[test]
fn tools_and_choices() {
    check_taken(r#""tools":[]"#);
    check_taken(
        r#""tools":[{"type":"function","function":{"name":"f","description":"d","parameters":{},"strict":false,"x":0},"cache_control":{}}]"#,
    );
    check_taken(r#""tools":[{"type":"custom","custom":{"name":"c"}},{"type":"web_search","function":7}]"#);
    assert!(parse_fields(r#""tools":[{"function":{"name":"f"}}]"#).is_ok());
    check_refused(r#""tools":[{}]"#, "missing_required_parameter", "tools[0].function");
    check_refused(
        r#""tools":[{"type":"function","function":{}}]"#,
        "missing_required_parameter",
        "tools[0].function.name",
    );
    check_refused(r#""tools":[{"type":1}]"#, "invalid_type", "tools[0].type");
    check_refused(r#""tools":["f"]"#, "invalid_type", "tools[0]");
    let named = |name: &str| format!(r#""tools":[{{"type":"function","function":{{"name":"{name}"}}}}]"#);
    check_refused(&named("a.b"), "invalid_value", "tools[0].function.name");
    check_refused(&named(""), "invalid_value", "tools[0].function.name");
    check_taken(&named(&"a".repeat(64)));
    check_refused(&named(&"a".repeat(65)), "string_above_max_length", "tools[0].function.name");
    check_refused(
        r#""tools":[{"type":"function","function":{"name":"f","parameters":[]}}]"#,
        "invalid_type",
        "tools[0].function.parameters",
    );
    for word in ["none", "auto", "required"] {
        check_taken(&format!(r#""tool_choice":"{word}""#));
    }
    check_taken(r#""tool_choice":{"type":"function","function":{"name":"f"}}"#);
    check_taken(r#""tool_choice":{"type":"allowed_tools","mode":"auto","tools":[]}"#);
    check_refused(r#""tool_choice":{}"#, "missing_required_parameter", "tool_choice.type");
    check_refused(r#""tool_choice":"any""#, "invalid_value", "tool_choice");
    check_refused(r#""tool_choice":1"#, "invalid_type", "tool_choice");
    check_taken(r#""functions":[{"name":"f","x":1}],"function_call":"auto""#);
    check_taken(r#""function_call":{"name":"f"}"#);
    check_refused(r#""functions":[]"#, "empty_array", "functions");
    check_refused(r#""function_call":"required""#, "invalid_value", "function_call");
    check_refused(r#""function_call":{}"#, "missing_required_parameter", "function_call.name");
}

#[test]
fn what_a_choice_forces() {
    let forced = |choice: &str| {
        let request = parse_fields(&format!(r#""tool_choice":{choice}"#)).unwrap();
        request.tool_choice.unwrap().forced_function().map(str::to_owned)
    };
    assert_eq!(forced(r#"{"type":"function","function":{"name":"f"}}"#).as_deref(), Some("f"));
    assert_eq!(forced(r#"{"type":"function","name":"g"}"#).as_deref(), Some("g"));
    assert_eq!(forced(r#"{"type":"custom","name":"g"}"#), None);
    assert_eq!(forced(r#""required""#), None);
    assert_eq!(
        parse_fields(r#""tool_choice":"none""#).unwrap().tool_choice,
        Some(ToolChoice::Mode(ToolChoiceMode::None))
    );
}

#[test]
fn contents_by_role() {
    for role in ["user", "system", "developer"] {
        check_message_taken(&format!(r#"{{"role":"{role}","content":"x","name":"n"}}"#));
        check_message_taken(&format!(r#"{{"content":[{{"type":"text","text":"x"}}],"role":"{role}"}}"#));
        let refused = |content: &str, code| {
            check_message_refused(&format!(r#"{{{content}"role":"{role}"}}"#), code, "messages[0].content");
        };
        refused("", "missing_required_parameter");
        refused(r#""content":null,"#, "missing_required_parameter");
        refused(r#""content":[],"#, "empty_array");
        refused(r#""content":7,"#, "invalid_type");
    }
    for content in ["", r#","content":null"#, r#","content":"""#, r#","content":[]"#] {
        check_message_taken(&format!(r#"{{"role":"assistant"{content}}}"#));
    }
    check_message_taken(r#"{"role":"tool","tool_call_id":"c","content":"x"}"#);
    check_message_refused(
        r#"{"role":"tool","content":"x"}"#,
        "missing_required_parameter",
        "messages[0].tool_call_id",
    );
    check_message_refused(
        r#"{"role":"tool","content":"x","tool_call_id":null}"#,
        "missing_required_parameter",
        "messages[0].tool_call_id",
    );
    check_message_taken(r#"{"role":"function","name":"f","content":null}"#);
    check_message_refused(
        r#"{"role":"function","content":"x"}"#,
        "missing_required_parameter",
        "messages[0].name",
    );
    check_message_refused(
        r#"{"role":"function","name":"f","content":[{"type":"text","text":"x"}]}"#,
        "invalid_type",
        "messages[0].content",
    );
    check_message_refused(r#"{"content":"x"}"#, "missing_required_parameter", "messages[0].role");
    check_message_refused(r#"{"role":"robot","content":"x"}"#, "invalid_value", "messages[0].role");
    check_message_refused(r#""hi""#, "invalid_type", "messages[0]");
}

#[test]
fn content_parts() {
    let part = |part: &str| format!(r#"{{"role":"user","content":[{part}]}}"#);
    for taken in [
        r#"{"type":"text","text":"x","cache_control":{"type":"ephemeral"}}"#,
        r#"{"type":"image_url","image_url":{"url":"https://e/x.png","detail":"low","x":1}}"#,
        r#"{"type":"image_url","image_url":"https://e/x.png"}"#,
        r#"{"type":"input_audio","input_audio":{"data":"AA==","format":"wav"}}"#,
        r#"{"type":"file","file":{"filename":"f","file_data":"d"}}"#,
        r#"{"type":"file","file":{"file_id":"i"}}"#,
        r#"{"type":"video_url","video_url":{"url":"u"}}"#,
        r#"{"type":"refusal","refusal":"no"}"#,
        r#"{"type":"something","text":7,"image_url":[]}"#,
        r#"{"type":"text","text":"x","image_url":7}"#,
    ] {
        check_message_taken(&part(taken));
    }
    let refused = |text: &str, code, place: &str| {
        check_message_refused(&part(text), code, &format!("messages[0].content[0]{place}"))
    };
    refused(r#"{"text":"x"}"#, "missing_required_parameter", ".type");
    refused(r#"{"type":7}"#, "invalid_type", ".type");
    refused(r#"{"type":"text"}"#, "missing_required_parameter", ".text");
    refused(r#"{"text":7,"type":"text"}"#, "invalid_type", ".text");
    refused(r#"{"type":"image_url","image_url":{}}"#, "missing_required_parameter", ".image_url.url");
    refused(r#"{"type":"image_url","image_url":7}"#, "invalid_type", ".image_url");
    refused(
        r#"{"type":"input_audio","input_audio":{"format":"wav"}}"#,
        "missing_required_parameter",
        ".input_audio.data",
    );
    refused(r#"{"type":"file","file":"x"}"#, "invalid_type", ".file");
    refused(r#""x""#, "invalid_type", "");
    let message = parse_message(&part(r#"{"type":"image_url","image_url":"u"}"#)).unwrap();
    let Some(Content::Parts(parts)) = message.content else { panic!("parts") };
    assert!(matches!(&parts[0], Part::ImageUrl(image) if image.image_url == MediaUrl::Plain("u".into())));
}

#[test]
fn calls_in_messages() {
    let calls = |calls: &str| format!(r#"{{"role":"assistant","tool_calls":{calls}}}"#);
    check_message_taken(&calls(
        r#"[{"id":"c","type":"function","function":{"name":"f","arguments":"{\"a\":"},"extra_content":{}}]"#,
    ));
    check_message_taken(&calls(r#"[{"id":"c","type":"custom","custom":{"name":"f","input":"x"}}]"#));
    check_message_taken(&calls(r#"[{"id":"c","type":"builtin","x":1}]"#));
    check_message_taken(&calls("null"));
    let refused = |text: &str, code, place: &str| {
        check_message_refused(&calls(text), code, &format!("messages[0].tool_calls{place}"))
    };
    refused(r#"[{"type":"function","function":{"name":"f"}}]"#, "missing_required_parameter", "[0].id");
    refused(r#"[{"id":"c","function":{}}]"#, "missing_required_parameter", "[0].function.name");
    refused(r#"[{"id":"c"}]"#, "missing_required_parameter", "[0].function");
    refused(
        r#"[{"id":"c","function":{"name":"f","arguments":{}}}]"#,
        "invalid_type",
        "[0].function.arguments",
    );
    refused("{}", "invalid_type", "");
    let message = parse_message(&calls(r#"[{"id":"c","function":{"name":"f","arguments":null}}]"#)).unwrap();
    assert!(
        matches!(&message.tool_calls.unwrap()[0], ToolCall::Function(call) if call.function.arguments.is_none())
    );
    check_message_taken(
        r#"{"role":"assistant","reasoning_content":"r","refusal":"no","audio":{"id":"a"},"function_call":{"name":"f","arguments":""},"prefix":true}"#,
    );
    check_message_refused(
        r#"{"role":"assistant","reasoning_content":7}"#,
        "invalid_type",
        "messages[0].reasoning_content",
    );
}

#[test]
fn the_first_error_in_document_order_and_what_is_missing_last() {
    check_body(br#"{"temperature":9,"n":0}"#, "decimal_above_max_value", Some("temperature"));
    check_body(br#"{"n":0,"temperature":9}"#, "integer_below_min_value", Some("n"));
    check_body(br#"{"n":1}"#, "missing_required_parameter", Some("model"));
    check_body(br#"{"model":"m"}"#, "missing_required_parameter", Some("messages"));
    check_body(br#"{"model":null,"messages":[]}"#, "empty_array", Some("messages"));
    check_body(
        br#"{"model":"m","messages":[{"role":"user","content":[],"name":1},{"role":"x"}]}"#,
        "empty_array",
        Some("messages[0].content"),
    );
    check_body(
        br#"{"model":"m","messages":[{"role":"user","content":"a"},{"content":[{"type":"text","text":1}],"role":"x"}]}"#,
        "invalid_type",
        Some("messages[1].content[0].text"),
    );
}

#[test]
fn repeated_keys() {
    for field in
        [r#""stream":true"#, r#""n":1"#, r#""max_tokens":1"#, r#""tools":[]"#, r#""stream_options":null"#]
    {
        let name = field[1..].split('"').next().unwrap();
        check_refused(&format!("{field},{field}"), "duplicate_parameter", name);
    }
    check_refused(r#""mod\u0065l":"x""#, "duplicate_parameter", "model");
    check_refused(r#""messages":7"#, "duplicate_parameter", "messages");
    assert_eq!(parse_fields(r#""user":"a","user":"b""#).unwrap().user.as_deref(), Some("b"));
    check_refused(r#""user":7,"user":"b""#, "invalid_type", "user");
    check_message_refused(
        r#"{"role":"user","content":[],"content":"x"}"#,
        "empty_array",
        "messages[0].content",
    );
    check_message_refused(
        r#"{"role":"user","content":"x","content":null}"#,
        "missing_required_parameter",
        "messages[0].content",
    );
}

#[test]
fn what_is_not_json() {
    for body in [
        &b""[..],
        b" ",
        b"{",
        br#"{"a":1,}"#,
        br#"{"a" 1}"#,
        b"{\"a\":\"\n\"}",
        b"{\"a\":\"\xff\"}",
        br#"{"a":"\ud800"}"#,
        br#"{"a":01}"#,
        br#"{"a":1e999}"#,
        br#"{} {}"#,
        b"\xef\xbb\xbf{}",
    ] {
        check_body(body, "invalid_json", None);
    }
    let deep = format!(r#"{{"x":{}{}}}"#, "[".repeat(127), "]".repeat(127));
    check_body(deep.as_bytes(), "invalid_json", None);
    check_body("[".repeat(100_000).as_bytes(), "invalid_json", None);
    check_body(b"[1]", "invalid_type", None);
    check_body(b"\"x\"", "invalid_type", None);
    check_taken(&format!(r#""x":{}{}"#, "[".repeat(126), "]".repeat(126)));
}

#[test]
fn roles_and_the_rest() {
    let message = parse_message(r#"{"role":"developer","content":"x","custom":1}"#).unwrap();
    assert_eq!(message.role, Role::Developer);
    assert_eq!(message.rest["custom"], 1);
    let request = parse_fields(r#""top_k":40,"thinking":{"type":"enabled"}"#).unwrap();
    assert_eq!(request.rest.len(), 2);
}
