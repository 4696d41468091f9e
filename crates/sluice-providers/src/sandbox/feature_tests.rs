//! Every feature, asked for whole and streamed: both must say the same.

use serde_json::{Value, json};

use super::test_rig::{answer, asked, played};
use super::{Step, play};

/// Places of an answer and what stands there.
fn check(more: &Value, expect: &[(&str, Value)]) {
    let answer = answer(more, "echo");
    for (place, value) in expect {
        assert_eq!(answer.pointer(place).unwrap_or(&json!("absent")), value, "{place} of {more}\n{answer}");
    }
}

pub(super) fn user(text: &str) -> Value {
    json!([{ "role": "user", "content": text }])
}

const MESSAGE: &str = "/choices/0/message";

pub(super) fn tools() -> Value {
    json!([
        { "type": "function", "function": { "name": "weather", "parameters": {
            "type": "object", "properties": { "city": { "enum": ["Oslo"] } }, "required": ["city"] } } },
        { "type": "function", "function": { "name": "now" } },
        { "type": "custom", "custom": { "name": "free", "format": { "type": "text" } } },
        { "type": "custom", "custom": { "name": "digits", "format": { "type": "grammar",
            "grammar": { "syntax": "regex", "definition": "^7{3}$" } } } },
        { "type": "web_search" },
    ])
}

/// The calls in short, of the message or of the deprecated field.
fn check_calls(more: &Value, expect: &str) {
    let mut more = more.clone();
    if more.get("functions").is_none() {
        more["tools"] = tools();
    }
    let answer = answer(&more, "echo");
    let message = &answer["choices"][0]["message"];
    let shown = |call: &Value| {
        let body = call.get("function").or_else(|| call.get("custom")).unwrap_or(call);
        let said = body.get("arguments").or_else(|| body.get("input")).unwrap();
        format!("{}({})", body["name"].as_str().unwrap(), said.as_str().unwrap())
    };
    let calls = message["tool_calls"].as_array().into_iter().flatten().map(shown);
    let mut calls: Vec<String> = calls.collect();
    calls.extend(message.get("function_call").map(|call| format!("old {}", shown(call))));
    let reason = answer["choices"][0]["finish_reason"].as_str().unwrap();
    let content = message["content"].as_str().map(|text| format!("{text:?} ")).unwrap_or_default();
    assert_eq!(format!("{content}{} {reason}", calls.join(" ")), expect, "{more}");
}

const WEATHER: &str = r#"weather({"city":"Oslo"})"#;

#[test]
fn tool_calls() {
    let weather = format!("{WEATHER} tool_calls");
    let both = format!("{WEATHER} now({{}}) tool_calls");
    check_calls(&json!({ "messages": user("hello") }), "\"hello\"  stop");
    check_calls(&json!({ "messages": user("please call:") }), &weather);
    check_calls(&json!({ "messages": user("call: weather, now") }), &both);
    check_calls(&json!({ "messages": user("call: weather, unknown, now\nand more, free") }), &both);
    check_calls(&json!({ "messages": user("call: weather, now"), "parallel_tool_calls": false }), &weather);
    check_calls(&json!({ "messages": user("call: now"), "tool_choice": "none" }), "\"call: now\"  stop");
    check_calls(&json!({ "tool_choice": "required" }), &weather);
    check_calls(
        &json!({ "tool_choice": "auto", "messages": user("call: now, now") }),
        "now({}) now({}) tool_calls",
    );
    let named = json!({ "type": "function", "function": { "name": "now" } });
    check_calls(&json!({ "tool_choice": named, "messages": user("call: weather") }), "now({}) tool_calls");
    check_calls(&json!({ "tool_choice": { "type": "function", "name": "now" } }), "now({}) tool_calls");
    let custom = json!({ "type": "custom", "custom": { "name": "digits" } });
    check_calls(&json!({ "tool_choice": custom }), "digits(777) tool_calls");
    check_calls(&json!({ "messages": user("call: free") }), "free(sandbox input for free) tool_calls");
    let allowed = |mode: &str| {
        json!({ "type": "allowed_tools", "allowed_tools": { "mode": mode,
        "tools": [{ "type": "function", "function": { "name": "now" } }] } })
    };
    check_calls(&json!({ "tool_choice": allowed("required") }), "now({}) tool_calls");
    check_calls(&json!({ "tool_choice": allowed("auto") }), "\"one two three\"  stop");
    check_calls(
        &json!({ "tool_choice": allowed("auto"), "messages": user("call: weather") }),
        "now({}) tool_calls",
    );
    check_calls(
        &json!({ "tool_choice": "required", "max_tokens": 2 }),
        "weather({\"city\":\"Oslo\"}) tool_calls",
    );
    check_calls(&json!({ "tool_choice": "required", "max_tokens": 1 }), "weather() length");
}

#[test]
fn deprecated_functions() {
    let functions = json!([{ "name": "f", "parameters": { "type": "object" } }, { "name": "g" }]);
    let with = |more: Value| {
        let mut all = json!({ "functions": functions });
        all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        all
    };
    check_calls(&with(json!({})), "\"one two three\"  stop");
    check_calls(&with(json!({ "messages": user("call: g, f") })), "old g({}) function_call");
    check_calls(&with(json!({ "function_call": { "name": "g" } })), "old g({}) function_call");
    check_calls(&with(json!({ "function_call": "none", "messages": user("call:") })), "\"call:\"  stop");
}

#[test]
fn after_the_tools() {
    let call = |id: &str, name: &str| json!({ "id": id, "type": "function", "function": { "name": name, "arguments": "{}" } });
    let messages = json!([
        { "role": "user", "content": "call: weather, now" },
        { "role": "assistant", "content": null, "tool_calls": [call("a", "weather"), call("b", "now")] },
        { "role": "tool", "tool_call_id": "a", "content": "18 degrees" },
        { "role": "tool", "tool_call_id": "b", "content": [{ "type": "text", "text": "call: noon" }] },
    ]);
    check_calls(&json!({ "messages": messages }), "\"weather: 18 degrees\\nnow: call: noon\"  stop");
    let old =
        json!([{ "role": "user", "content": "call:" }, { "role": "function", "name": "f", "content": "9" }]);
    let functions = json!([{ "name": "f" }]);
    check_calls(&json!({ "messages": old, "functions": functions }), "\"f: 9\"  stop");
}

#[test]
fn a_tool_choice_that_is_no_tool() {
    let body = asked(
        &json!({ "tools": tools(), "tool_choice": { "type": "function", "function": { "name": "x" } } }),
        false,
    );
    let (pieces, _) = played(&body, "echo", None);
    let error: Value = serde_json::from_slice(&pieces.concat()).unwrap();
    assert_eq!(
        (&error["error"]["param"], &error["error"]["code"]),
        (&json!("tool_choice"), &json!("invalid_value"))
    );
}

#[test]
fn structured_outputs() {
    let format = |schema: Value| json!({ "type": "json_schema", "json_schema": { "name": "n", "strict": true, "schema": schema } });
    check(
        &json!({ "response_format": { "type": "json_object" } }),
        &[
            ("/choices/0/message/content", json!(r#"{"text":"one two three"}"#)),
            ("/usage/completion_tokens", json!(3)),
        ],
    );
    let schema = json!({ "type": "object", "properties": { "a": { "const": 5 } }, "required": ["a"], "additionalProperties": false });
    check(
        &json!({ "response_format": format(schema.clone()), "n": 2 }),
        &[
            ("/choices/0/message/content", json!(r#"{"a":5}"#)),
            ("/choices/1/message/content", json!(r#"{"a":5}"#)),
        ],
    );
    check(
        &json!({ "response_format": format(schema), "stop": "5" }),
        &[("/choices/0/message/content", json!(r#"{"a":"#)), ("/choices/0/finish_reason", json!("stop"))],
    );
    check(
        &json!({ "response_format": { "type": "json_object" }, "max_tokens": 1 }),
        &[
            ("/choices/0/message/content", json!(r#"{"text":"one"#)),
            ("/choices/0/finish_reason", json!("length")),
        ],
    );
    check(
        &json!({ "response_format": { "type": "json_schema", "json_schema": { "name": "n" } } }),
        &[("/choices/0/message/content", json!("{}"))],
    );
    check(
        &json!({ "response_format": { "type": "text", "json_schema": {} } }),
        &[("/choices/0/message/content", json!("one two three"))],
    );
}

#[test]
fn reasoning() {
    let words = |effort: Value, expect: u64| {
        let answer = answer(&json!({ "reasoning_effort": effort }), "echo");
        let message = &answer["choices"][0]["message"];
        let count =
            message["reasoning_content"].as_str().map_or(0, |text| text.split_whitespace().count() as u64);
        assert_eq!(count, expect, "{message}");
        assert_eq!(answer["usage"]["completion_tokens_details"]["reasoning_tokens"], expect);
        assert_eq!(message["content"], "one two three");
        assert_eq!(message.get("reasoning_content").is_some(), expect > 0);
    };
    for (effort, expect) in [
        ("none", 0),
        ("minimal", 8),
        ("low", 16),
        ("medium", 32),
        ("high", 64),
        ("xhigh", 96),
        ("max", 128),
        ("own", 32),
    ] {
        words(json!(effort), expect);
    }
    words(json!({ "effort": "low" }), 16);
    check(
        &json!({ "reasoning_effort": "low", "max_completion_tokens": 17 }),
        &[("/choices/0/message/content", json!("one")), ("/choices/0/finish_reason", json!("length"))],
    );
    check(
        &json!({ "reasoning_effort": "low", "max_completion_tokens": 3 }),
        &[
            ("/choices/0/message/content", json!("")),
            ("/choices/0/finish_reason", json!("length")),
            ("/usage/completion_tokens", json!(3)),
        ],
    );
}

fn base64_decoded(text: &str) -> Vec<u8> {
    let digit = |c: u8| match c {
        b'A'..=b'Z' => c - b'A',
        b'a'..=b'z' => c - b'a' + 26,
        b'0'..=b'9' => c - b'0' + 52,
        b'+' => 62,
        _ => 63,
    };
    let digits: Vec<u8> = text.bytes().filter(|c| *c != b'=').map(digit).collect();
    let bytes = digits.chunks(4).flat_map(|group| {
        let bits =
            group.iter().enumerate().fold(0_u32, |bits, (at, d)| bits | u32::from(*d) << (18 - 6 * at));
        bits.to_be_bytes()[1..group.len()].to_vec()
    });
    bytes.collect()
}

#[test]
fn sound() {
    let spoken = |format: &str| json!({ "modalities": ["text", "audio"], "audio": { "voice": "alloy", "format": format } });
    check(
        &spoken("pcm16"),
        &[
            ("/choices/0/message/content", Value::Null),
            ("/choices/0/message/audio/transcript", json!("one two three")),
            ("/choices/0/message/audio/expires_at", json!(1_730_003_600)),
            ("/usage/completion_tokens_details/audio_tokens", json!(3)),
            ("/usage/completion_tokens_details/text_tokens", json!(3)),
        ],
    );
    let whole = |more: &Value| {
        let (pieces, _) = played(&asked(more, false), "echo", None);
        let answer: Value = serde_json::from_slice(&pieces.concat()).unwrap();
        base64_decoded(answer["choices"][0]["message"]["audio"]["data"].as_str().unwrap())
    };
    let (wav, pcm) = (whole(&spoken("wav")), whole(&spoken("pcm16")));
    assert_eq!(wav, whole(&json!({ "modalities": ["audio"] })), "wav is the default");
    assert_eq!((&wav[..4], &wav[8..16], &wav[44..]), (&b"RIFF"[..], &b"WAVEfmt "[..], &pcm[..]));
    let number = |at: usize| u32::from_le_bytes(wav[at..at + 4].try_into().unwrap()) as usize;
    assert_eq!((number(4) + 8, number(24), number(40)), (wav.len(), 24_000, pcm.len()));
    assert_eq!(pcm.len(), 3 * 2_400);
    let mut limited = spoken("pcm16");
    limited["max_tokens"] = json!(4);
    check(
        &limited,
        &[
            ("/choices/0/message/audio/transcript", json!("one two")),
            ("/choices/0/finish_reason", json!("length")),
        ],
    );
    for (format, stream, status) in
        [("mp3", false, 400), ("flac", true, 400), ("wav", true, 400), ("wav", false, 200)]
    {
        let mut steps = play(&asked(&spoken(format), stream), "echo", None, 1);
        let Some(Step::Head { status: got, .. }) = steps.next() else { panic!("{format}") };
        assert_eq!(got, status, "{format} {stream}");
        if let (400, Some(Step::Bytes(body))) = (status, steps.next()) {
            let error: Value = serde_json::from_slice(&body).unwrap();
            assert_eq!(
                (&error["error"]["param"], &error["error"]["code"]),
                (&json!("audio.format"), &json!("invalid_value"))
            );
        }
    }
}

#[test]
fn sources() {
    let searched = |options: Value, sources: usize, near: &str| {
        let more = json!({ "web_search_options": options, "messages": user("größer als 漢字") });
        let answer = answer(&more, "echo");
        let message = &answer["choices"][0]["message"];
        let content: Vec<char> = message["content"].as_str().unwrap().chars().collect();
        let annotations = message["annotations"].as_array().unwrap();
        assert_eq!(annotations.len(), sources, "{message}");
        for annotation in annotations {
            assert_eq!(annotation["type"], "url_citation");
            let cited = &annotation["url_citation"];
            let at = |key: &str| cited[key].as_u64().unwrap() as usize;
            let link: String = content[at("start_index")..at("end_index")].iter().collect();
            let (title, url) = (cited["title"].as_str().unwrap(), cited["url"].as_str().unwrap());
            assert_eq!(link, format!("([{title}]({url}))"));
            assert!(title.ends_with(near), "{title}");
        }
    };
    searched(json!({}), 2, "");
    searched(json!({ "search_context_size": "low" }), 1, "");
    let place = json!({ "type": "approximate", "approximate": { "country": "NO", "city": "Oslo" } });
    searched(json!({ "search_context_size": "high", "user_location": place }), 3, " near Oslo");
    check(
        &json!({ "web_search_options": {}, "max_tokens": 3 }),
        &[("/choices/0/message/annotations", json!([]))],
    );
    check(&json!({}), &[("/choices/0/message/annotations", json!([]))]);
}

#[test]
fn predictions() {
    let predicted = |content: Value, accepted: u64, rejected: u64| {
        check(
            &json!({ "prediction": { "type": "content", "content": content } }),
            &[
                ("/usage/completion_tokens_details/accepted_prediction_tokens", json!(accepted)),
                ("/usage/completion_tokens_details/rejected_prediction_tokens", json!(rejected)),
                ("/usage/completion_tokens", json!(3 + rejected)),
            ],
        );
    };
    predicted(json!("one two three"), 3, 0);
    predicted(json!("one one four"), 1, 2);
    predicted(json!([{ "type": "text", "text": "two " }, { "type": "text", "text": "three" }]), 2, 0);
}

#[test]
fn log_probabilities() {
    for (more, of, other) in [
        (json!({ "logprobs": true, "top_logprobs": 3, "n": 2 }), "content", "refusal"),
        (
            json!({ "logprobs": true, "top_logprobs": 0, "messages": user("refuse: not that one") }),
            "refusal",
            "content",
        ),
    ] {
        let answer = answer(&more, "echo");
        for choice in answer["choices"].as_array().unwrap() {
            let entries = choice["logprobs"][of].as_array().unwrap();
            let text: String = entries.iter().map(|entry| entry["token"].as_str().unwrap()).collect();
            assert_eq!(choice["message"][of], text);
            assert_eq!(choice["logprobs"][other], Value::Null);
            assert!(
                entries
                    .iter()
                    .all(|entry| entry["top_logprobs"].as_array().unwrap().len() as u64
                        == more["top_logprobs"])
            );
        }
    }
    check(&json!({ "top_logprobs": 5 }), &[("/choices/0/logprobs", Value::Null)]);
    check(&json!({ "logprobs": true, "messages": user("") }), &[("/choices/0/logprobs", Value::Null)]);
}

#[test]
fn refusals_and_filters() {
    check(
        &json!({ "messages": user("refuse: no") }),
        &[
            ("/choices/0/message/refusal", json!("no")),
            ("/choices/0/message/content", Value::Null),
            ("/choices/0/finish_reason", json!("stop")),
        ],
    );
    check(
        &json!({ "messages": user("refuse:") }),
        &[("/choices/0/message/refusal", json!("I cannot help with that."))],
    );
    check(
        &json!({ "messages": user("filter: a b c d"), "tools": tools(), "tool_choice": "required" }),
        &[
            ("/choices/0/message/content", json!("a b")),
            ("/choices/0/finish_reason", json!("content_filter")),
        ],
    );
    check(&json!({ "messages": user("filter:") }), &[("/choices/0/finish_reason", json!("content_filter"))]);
}

#[test]
fn what_is_counted() {
    let parts = json!([
        { "type": "text", "text": "one two" },
        { "type": "image_url", "image_url": { "url": "https://example.com/a.png" } },
        { "type": "image_url", "image_url": { "url": "https://example.com/b.png", "detail": "low" } },
        { "type": "image_url", "image_url": "https://example.com/c.png" },
        { "type": "input_audio", "input_audio": { "data": "A".repeat(1_336), "format": "wav" } },
        { "type": "video_url", "video_url": { "url": "https://example.com/v.mp4" } },
        { "type": "file", "file": { "file_data": format!("data:application/pdf;base64,{}", "A".repeat(400)) } },
        { "type": "file", "file": { "file_id": "file-1" } },
    ]);
    let details = "/usage/prompt_tokens_details";
    let messages = json!([{ "role": "system", "content": "be brief" }, { "role": "user", "content": parts }]);
    check(
        &json!({ "messages": messages, "prompt_cache_key": "k" }),
        &[
            (&format!("{details}/text_tokens"), json!(4)),
            (&format!("{details}/image_tokens"), json!(765 + 85 + 765)),
            (&format!("{details}/audio_tokens"), json!(2)),
            (&format!("{details}/video_tokens"), json!(1_000)),
            (&format!("{details}/file_tokens"), json!(3 + 250)),
            (&format!("{details}/cached_tokens"), json!(2)),
            ("/choices/0/message/content", json!("one two")),
        ],
    );
    check(&json!({ "messages": messages }), &[(&format!("{details}/cached_tokens"), json!(0))]);
}

#[test]
fn what_is_echoed() {
    for (asked, served) in
        [("auto", "default"), ("fast", "priority"), ("flex", "flex"), ("default", "default")]
    {
        check(&json!({ "service_tier": asked }), &[("/service_tier", json!(served))]);
    }
    let metadata = json!({ "metadata": { "a": "b" }, "user": "u", "store": true, "seed": 3, "temperature": 0,
        "safety_identifier": "s", "logit_bias": { "5": 1 }, "verbosity": "low", "presence_penalty": 1 });
    check(&metadata, &[("/metadata", json!({ "a": "b" })), ("/system_fingerprint", json!("fp_sandbox_1"))]);
    let (stream, _) = played(&asked(&metadata, true), "echo", None);
    let with = |event: &&Vec<u8>| std::str::from_utf8(event).unwrap().contains(r#""metadata":{"a":"b"}"#);
    assert_eq!(stream.iter().filter(with).count(), 1);
    assert!(with(&&stream[0]));
    check(
        &json!({}),
        &[
            ("/metadata", json!("absent")),
            ("/service_tier", json!("absent")),
            (
                MESSAGE,
                json!({
        "role": "assistant", "content": "one two three", "refusal": null, "annotations": [] }),
            ),
        ],
    );
}
