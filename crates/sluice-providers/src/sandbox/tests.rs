//! What the sandbox plays, in short: one word a step.

use serde_json::{Value, json};

use super::*;

fn steps_of(body: &[u8], model: &str, faults: Option<&str>, attempt: u32) -> Vec<Step> {
    play(body, model, faults, attempt).collect()
}

/// A script in short: `c0:"x"` is content of choice 0, `f0:stop` its finish, `u1+2` usage.
fn short(steps: &[Step]) -> String {
    let shown = steps.iter().map(|step| match step {
        Step::WaitMs(ms) => format!("wait{ms}"),
        Step::Head { status, retry_after_s: Some(s), .. } => format!("{status}/{s}"),
        Step::Head { status, .. } => status.to_string(),
        Step::Bytes(bytes) => short_body(bytes),
        Step::End => "end".to_owned(),
        Step::Reset => "RESET".to_owned(),
        Step::Silent => "SILENT".to_owned(),
    });
    shown.collect::<Vec<_>>().join(" ")
}

fn short_body(bytes: &[u8]) -> String {
    let text = std::str::from_utf8(bytes).unwrap();
    let data = text.strip_prefix("data: ").and_then(|data| data.strip_suffix("\n\n"));
    if data == Some("[DONE]") {
        return "DONE".to_owned();
    }
    let Ok(body) = serde_json::from_str::<Value>(data.unwrap_or(text)) else { return "BROKEN".to_owned() };
    if let Some(error) = body.get("error") {
        return format!(
            "error:{}:{}",
            error["type"].as_str().unwrap(),
            error["code"].as_str().unwrap_or("-")
        );
    }
    let mut shown = Vec::new();
    for choice in body["choices"].as_array().unwrap() {
        let index = &choice["index"];
        let said = if data.is_some() { &choice["delta"] } else { &choice["message"] };
        if data.is_some() && said.get("role").is_some() {
            shown.push(format!("r{index}"));
        } else if let Some(content) = said.get("content") {
            shown.push(format!("c{index}:{content}"));
        }
        if let Some(reason) = choice["finish_reason"].as_str() {
            shown.push(format!("f{index}:{reason}"));
        }
    }
    match body.get("usage") {
        Some(Value::Null) => shown.push("u-".to_owned()),
        Some(usage) => shown.push(format!("u{}+{}", usage["prompt_tokens"], usage["completion_tokens"])),
        None => {}
    }
    shown.join(",")
}

fn asked(more: &Value) -> Vec<u8> {
    let mut body = json!({ "model": "echo", "messages": [{ "role": "user", "content": "one two three" }] });
    for (key, value) in more.as_object().unwrap() {
        body[key] = value.clone();
    }
    body.to_string().into_bytes()
}

fn check(more: &Value, faults: &str, expect: &str) {
    let body = asked(more);
    let steps = steps_of(&body, "echo", Some(faults), 1);
    assert_eq!(short(&steps), expect, "{more} {faults}");
    assert_eq!(steps, steps_of(&body, "echo", Some(faults), 1), "not deterministic");
}

#[test]
fn streams() {
    let stream = |expect| check(&json!({ "stream": true }), "", expect);
    stream(r#"200 r0 c0:"one" c0:" two" c0:" three" f0:stop DONE end"#);
    check(
        &json!({ "stream": true, "stream_options": { "include_usage": true } }),
        "",
        r#"200 r0,u- c0:"one",u- c0:" two",u- c0:" three",u- f0:stop,u- u3+3 DONE end"#,
    );
    check(
        &json!({ "stream": true, "n": 2, "max_tokens": 1 }),
        "",
        r#"200 r0 r1 c0:"one" c1:"one" f0:length f1:length DONE end"#,
    );
    check(
        &json!({ "stream": true, "messages": [{ "role": "system", "content": "x" }] }),
        "",
        "200 r0 f0:stop DONE end",
    );
}

#[test]
fn whole_answers() {
    check(&json!({}), "", r#"200 c0:"one two three",f0:stop,u3+3 end"#);
    check(&json!({ "n": 2 }), "", r#"200 c0:"one two three",f0:stop,c1:"one two three",f1:stop,u3+6 end"#);
    check(&json!({ "max_tokens": 2 }), "", r#"200 c0:"one two",f0:length,u3+2 end"#);
    check(&json!({ "max_tokens": 3 }), "", r#"200 c0:"one two three",f0:stop,u3+3 end"#);
    check(
        &json!({ "max_tokens": 1, "max_completion_tokens": 2 }),
        "",
        r#"200 c0:"one two",f0:length,u3+2 end"#,
    );
    check(&json!({ "stop": " three" }), "", r#"200 c0:"one two",f0:stop,u3+2 end"#);
    check(&json!({ "stop": ["three", "ne t", ""] }), "", r#"200 c0:"o",f0:stop,u3+1 end"#);
    check(&json!({ "stop": "three", "max_tokens": 2 }), "", r#"200 c0:"one two",f0:length,u3+2 end"#);
    check(&json!({ "messages": [] }), "", r#"200 c0:"",f0:stop,u0+0 end"#);
    let parts = json!([{ "type": "text", "text": "a" }, { "type": "image_url", "image_url": { "url": "u" } }, { "type": "text", "text": " b" }]);
    let messages = json!([{ "role": "user", "content": "not this" }, { "role": "user", "content": parts }, { "role": "assistant", "content": "c" }]);
    check(&json!({ "messages": messages }), "", r#"200 c0:"a b",f0:stop,u770+2 end"#);
}

#[test]
fn faults_of_streams() {
    let stream = |faults, expect| check(&json!({ "stream": true }), faults, expect);
    stream("status=429,retry_after=2", "429/2 error:requests:rate_limit_exceeded end");
    stream("status=500", "500 error:server_error:- end");
    stream("status=301", "301 end");
    stream("reset", "RESET");
    stream("silent", "SILENT");
    stream("first_token_delay_ms=9", r#"200 wait9 r0 c0:"one" c0:" two" c0:" three" f0:stop DONE end"#);
    stream("chunk_delay_ms=5", r#"200 r0 c0:"one" wait5 c0:" two" wait5 c0:" three" f0:stop DONE end"#);
    stream("cut_after=0", "200 r0 RESET");
    stream("cut_after=2", r#"200 r0 c0:"one" c0:" two" RESET"#);
    stream("cut_after=99", r#"200 r0 c0:"one" c0:" two" c0:" three" RESET"#);
    stream("stall_after=1", r#"200 r0 c0:"one" SILENT"#);
    stream("malformed_at=2", r#"200 r0 c0:"one" BROKEN c0:" three" f0:stop DONE end"#);
    stream("malformed_at=9", r#"200 r0 c0:"one" c0:" two" c0:" three" BROKEN f0:stop DONE end"#);
    stream("error_event_after=1", r#"200 r0 c0:"one" error:server_error:- end"#);
    stream("no_done", r#"200 r0 c0:"one" c0:" two" c0:" three" f0:stop end"#);
    check(
        &json!({ "stream": true, "max_tokens": 1, "stream_options": { "include_usage": true } }),
        "no_usage",
        r#"200 r0 c0:"one" f0:length DONE end"#,
    );
}

#[test]
fn faults_of_whole_answers() {
    let whole = |faults, expect| check(&json!({}), faults, expect);
    whole("status=503", "503 error:service_unavailable_error:server_is_overloaded end");
    whole("reset", "RESET");
    whole("silent", "SILENT");
    whole("first_token_delay_ms=9,no_usage", r#"wait9 200 c0:"one two three",f0:stop end"#);
    whole("cut_after=2", "200 BROKEN RESET");
    whole("stall_after=2", "200 BROKEN SILENT");
    whole("malformed_at=2", "200 BROKEN end");
    whole("error_event_after=2", "200 error:server_error:- end");
    whole("no_done,chunk_delay_ms=5", r#"200 c0:"one two three",f0:stop,u3+3 end"#);
}

#[test]
fn faults_come_by_header_or_metadata() {
    let metadata = json!({ "metadata": { "sandbox.fault": "status=500,once" } });
    check(&metadata, "", "500 error:server_error:- end");
    check(&metadata, "status=503", "503 error:service_unavailable_error:server_is_overloaded end");
    let second = steps_of(&asked(&metadata), "echo", None, 2);
    assert_eq!(short(&second), r#"200 c0:"one two three",f0:stop,u3+3 end"#);
    check(
        &json!({ "metadata": { "sandbox.fault": "explode" } }),
        "",
        "400 error:invalid_request_error:invalid_value end",
    );
    check(&json!({}), "explode", "400 error:invalid_request_error:invalid_value end");
}

#[test]
fn unknown_parts_and_models_are_refused() {
    let content = json!([{ "type": "text", "text": "a" }, { "type": "hologram" }]);
    let body = asked(
        &json!({ "messages": [{ "role": "system", "content": "s" }, { "role": "user", "content": content }] }),
    );
    let steps = steps_of(&body, "echo", None, 1);
    let Step::Bytes(answer) = &steps[1] else { panic!("{steps:?}") };
    let answer: Value = serde_json::from_slice(answer).unwrap();
    assert_eq!(answer["error"]["param"], "messages[1].content[1].type");
    assert_eq!(answer["error"]["code"], "invalid_value");
    assert_eq!(
        short(&steps_of(&asked(&json!({})), "nope", None, 1)),
        "404 error:invalid_request_error:model_not_found end"
    );
    assert_eq!(short(&steps_of(b"{", "echo", None, 1)), "400 error:invalid_request_error:invalid_json end");
}

#[test]
fn prose_is_seeded() {
    let said = |more: &Value, faults: Option<&str>, attempt: u32| {
        let steps = steps_of(&asked(more), "text", faults, attempt);
        let Step::Bytes(answer) = &steps[1] else { panic!("{steps:?}") };
        let answer: Value = serde_json::from_slice(answer).unwrap();
        answer["choices"][0]["message"]["content"].as_str().unwrap().to_owned()
    };
    let plain = said(&json!({}), None, 1);
    assert_eq!(plain, said(&json!({ "temperature": 0 }), None, 2));
    assert_ne!(plain, said(&json!({ "seed": 1 }), None, 1));
    assert_eq!(said(&json!({ "seed": 7 }), None, 1), said(&json!({}), Some("seed=7"), 1));
    assert_eq!(said(&json!({ "seed": 1 }), Some("seed=7"), 1), said(&json!({ "seed": 7 }), None, 1));
}

#[test]
fn every_field_of_the_pages_is_there() {
    let check = |more: &Value, expect: &str| {
        let steps = steps_of(&asked(more), "echo", None, 1);
        let bodies: Vec<&[u8]> = steps
            .iter()
            .filter_map(|s| if let Step::Bytes(b) = s { Some(b.as_ref()) } else { None })
            .collect();
        let text = std::str::from_utf8(bodies[0]).unwrap();
        let id_end = text.find("\",\"object").unwrap();
        let id_start = text.find("chatcmpl-").unwrap();
        assert_eq!(format!("{}ID{}", &text[..id_start], &text[id_end..]), expect, "{more}");
    };
    check(
        &json!({ "stream": true, "service_tier": "auto", "stream_options": { "include_usage": true } }),
        concat!(
            r#"data: {"id":"ID","object":"chat.completion.chunk","created":1730000000,"model":"sandbox/echo","#,
            r#""service_tier":"default","system_fingerprint":"fp_sandbox_1","choices":[{"index":0,"delta":"#,
            r#"{"role":"assistant","content":"","refusal":null},"logprobs":null,"finish_reason":null}],"usage":null}"#,
            "\n\n"
        ),
    );
    let steps = steps_of(&asked(&json!({ "service_tier": "flex" })), "echo", None, 1);
    let Step::Bytes(answer) = &steps[1] else { panic!("{steps:?}") };
    let answer: Value = serde_json::from_slice(answer).unwrap();
    assert_eq!(answer["service_tier"], "flex");
    assert_eq!(
        answer["choices"][0]["message"],
        json!({"role": "assistant", "content": "one two three", "refusal": null, "annotations": []})
    );
    assert_eq!(answer["choices"][0]["logprobs"], Value::Null);
    assert_eq!(answer["usage"]["total_tokens"], 6);
    assert_eq!(answer["usage"]["prompt_tokens_details"]["cached_tokens"], 0);
    assert_eq!(answer["usage"]["completion_tokens_details"]["reasoning_tokens"], 0);
}
