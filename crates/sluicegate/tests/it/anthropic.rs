//! An upstream that speaks Anthropic's words, and callers who do not notice.

use serde_json::{Value, json};
use sluice_testkit::{
    answers,
    client::{Client, post},
    process::Gateway,
    upstream::{Script, Upstream},
};

use crate::rig::{KEY, assert_error, base_config, chat, chat_with_usage, launch, model};

const MODEL: &str = "claude-sonnet-4-5";

async fn gateway(upstream: &Upstream, provider: &str, options: &str) -> Gateway {
    let place = format!("http://{}", upstream.addr());
    let provider = format!(
        "[[providers]]\nname = \"a\"\nkind = \"anthropic\"\nbase_url = \"{place}\"\napi_key = \"ant-canary\"\n{provider}"
    );
    launch().config(&(base_config() + &provider + &model("m", &[("a", MODEL)], options))).serve().await
}

fn message(content: &Value, reason: &str) -> String {
    json!({
        "id": "msg_1", "type": "message", "role": "assistant", "model": MODEL, "content": content,
        "stop_reason": reason, "stop_sequence": null,
        "usage": { "input_tokens": 3, "cache_read_input_tokens": 4, "output_tokens": 2 },
    })
    .to_string()
}

fn event(data: &Value) -> String {
    format!("event: {}\ndata: {data}\n\n", data["type"].as_str().unwrap_or_default())
}

fn start() -> String {
    let usage = json!({ "input_tokens": 3, "cache_read_input_tokens": 4, "output_tokens": 1 });
    event(&json!({ "type": "message_start",
        "message": { "id": "msg_1", "role": "assistant", "model": MODEL, "content": [], "usage": usage } }))
}

fn block(index: u32, block: &Value, deltas: &[Value]) -> String {
    let mut text = event(&json!({ "type": "content_block_start", "index": index, "content_block": block }));
    for delta in deltas {
        text += &event(&json!({ "type": "content_block_delta", "index": index, "delta": delta }));
    }
    text + &event(&json!({ "type": "content_block_stop", "index": index }))
}

fn says(text: &str) -> String {
    block(0, &json!({ "type": "text", "text": "" }), &[json!({ "type": "text_delta", "text": text })])
}

fn end(reason: &str) -> String {
    event(
        &json!({ "type": "message_delta", "delta": { "stop_reason": reason }, "usage": { "output_tokens": 2 } }),
    ) + &event(&json!({ "type": "message_stop" }))
}

#[tokio::test]
async fn whole_and_streamed() {
    let upstream = Upstream::start().await;
    let gateway = gateway(&upstream, "", "").await;
    let hello = message(&json!([{ "type": "text", "text": "Hello" }]), "end_turn");
    upstream.script(Script::new().write(answers::json_answer(200, &hello)));
    let (head, body) = Client::connect(gateway.data).await.exchange(post(KEY, "", chat("m", false))).await;
    assert_eq!((head.status, head.header("x-sluicegate-model")), (200, Some(MODEL)));
    assert_eq!(body.json()["choices"][0]["message"]["content"], "Hello");
    assert_eq!(body.json()["usage"]["prompt_tokens"], 7);
    let request = upstream.next_request().await;
    assert_eq!(request.request_line(), "POST /v1/messages HTTP/1.1");
    assert_eq!(request.header("x-api-key").as_deref(), Some("ant-canary"));
    assert_eq!(request.header("anthropic-version").as_deref(), Some("2023-06-01"));
    assert_eq!(request.header("authorization"), None);
    assert_eq!(request.json()["messages"][0]["content"][0]["text"], "prompt-canary");

    upstream.script(Script::new().write(answers::chunked_stream(&[start(), says("Hello"), end("end_turn")])));
    let (head, body) =
        Client::connect(gateway.data).await.exchange(post(KEY, "", chat_with_usage("m"))).await;
    assert_eq!((head.status, head.header("content-type")), (200, Some("text/event-stream; charset=utf-8")));
    let text = body.text();
    assert!(text.contains(r#""content":"Hello""#), "{text}");
    assert!(text.contains(r#""finish_reason":"stop""#) && text.contains(r#""prompt_tokens":7"#), "{text}");
    assert!(text.ends_with(answers::DONE), "{text}");
    let request = upstream.next_request().await;
    assert_eq!(request.header("accept").as_deref(), Some("text/event-stream"));
    assert_eq!(request.json()["stream"], true);
}

/// The end is said by the protocol: a connection that stays open does not keep the caller waiting.
#[tokio::test]
async fn the_last_event_ends_the_answer() {
    let upstream = Upstream::start().await;
    let gateway = gateway(&upstream, "", "").await;
    let all = start() + &says("all") + &end("end_turn");
    upstream.script(Script::new().write(answers::STREAM_HEAD).write(answers::chunk(all.as_bytes())).stall());
    let (_, body) = Client::connect(gateway.data).await.exchange(post(KEY, "", chat("m", true))).await;
    assert!(body.text().ends_with(answers::DONE), "{}", body.text());
}

/// The thinking before a call goes back with it, whether or not the caller gives it back.
#[tokio::test]
async fn thinking_comes_back_with_its_call() {
    let upstream = Upstream::start().await;
    let gateway = gateway(&upstream, "", "").await;
    let thinking = block(
        0,
        &json!({ "type": "thinking", "thinking": "", "signature": "" }),
        &[
            json!({ "type": "thinking_delta", "thinking": "Hm." }),
            json!({ "type": "signature_delta", "signature": "c2ln" }),
        ],
    );
    let call = block(1, &json!({ "type": "tool_use", "id": "toolu_1", "name": "f", "input": {} }), &[]);
    upstream.script(Script::new().write(answers::chunked_stream(&[
        start(),
        thinking,
        call,
        end("tool_use"),
    ])));
    let tools = json!([{ "type": "function", "function": { "name": "f" } }]);
    let ask = |messages: Value, stream: bool| {
        json!({ "model": "m", "messages": messages, "tools": tools, "reasoning_effort": "high", "stream": stream })
            .to_string()
    };
    let go = json!({ "role": "user", "content": "go" });
    let first = ask(json!([go]), true);
    let (_, body) = Client::connect(gateway.data).await.exchange(post(KEY, "", first)).await;
    let text = body.text();
    assert!(text.contains(r#""reasoning_content":"Hm.""#), "{text}");
    assert!(text.contains(r#""signature":"c2ln""#) && text.contains(r#""arguments":"{}""#), "{text}");
    upstream.next_request().await;

    let done = message(&json!([{ "type": "text", "text": "ok" }]), "end_turn");
    upstream.script(Script::new().write(answers::json_answer(200, &done)));
    let call = json!({ "id": "toolu_1", "type": "function", "function": { "name": "f", "arguments": "{}" } });
    let next = ask(
        json!([
            go,
            { "role": "assistant", "content": null, "tool_calls": [call] },
            { "role": "tool", "tool_call_id": "toolu_1", "content": "done" },
        ]),
        false,
    );
    let (head, _) = Client::connect(gateway.data).await.exchange(post(KEY, "", next)).await;
    assert_eq!((head.status, head.header("x-sluicegate-dropped")), (200, None));
    let sent = upstream.next_request().await.json();
    assert_eq!(sent["messages"][1]["content"][0]["signature"], "c2ln", "{sent}");
    assert_eq!(sent["messages"][2]["content"][0]["tool_use_id"], "toolu_1", "{sent}");
    assert_eq!(sent["thinking"]["type"], "enabled", "{sent}");
}

#[tokio::test]
async fn what_cannot_be_said() {
    let upstream = Upstream::start().await;
    let gateway = gateway(&upstream, "", "").await;
    let ask = async |more: &str| {
        let body = format!(r#"{{"model":"m","messages":[{{"role":"user","content":"a"}}],{more}}}"#);
        Client::connect(gateway.data).await.exchange(post(KEY, "", body)).await
    };
    let answer = ask(r#""n":2"#).await;
    assert_error("n", &answer, 400, "invalid_request_error", "unsupported_value");
    assert_eq!(answer.1.json()["error"]["param"], "n");
    assert_eq!(upstream.requests_so_far(), 0);

    let hello = message(&json!([{ "type": "text", "text": "Hello" }]), "end_turn");
    upstream.script(Script::new().write(answers::json_answer(200, &hello)));
    let (head, _) = ask(r#""seed":1,"logit_bias":{"5":1}"#).await;
    assert_eq!((head.status, head.header("x-sluicegate-dropped")), (200, Some("logit_bias, seed")));
}

#[tokio::test]
async fn a_strict_model_refuses_what_it_would_leave_out() {
    let upstream = Upstream::start().await;
    let gateway =
        gateway(&upstream, "headers = { \"anthropic-version\" = \"2026-10-21\" }\n", "strict = true\n").await;
    let body = r#"{"model":"m","messages":[{"role":"user","content":"a"}],"seed":1}"#;
    let answer = Client::connect(gateway.data).await.exchange(post(KEY, "", body)).await;
    assert_error("seed", &answer, 400, "invalid_request_error", "unsupported_parameter");

    let broken = json!({ "model": "m", "messages": [
        { "role": "user", "content": "a" },
        { "role": "assistant", "tool_calls": [
            { "id": "c", "type": "function", "function": { "name": "f", "arguments": "{\"a\":" } },
        ] },
        { "role": "tool", "tool_call_id": "c", "content": "no" },
    ] });
    let answer = Client::connect(gateway.data).await.exchange(post(KEY, "", broken.to_string())).await;
    assert_error("broken", &answer, 400, "invalid_request_error", "unsupported_parameter");

    // The operator's own version of the API goes before ours.
    let hello = message(&json!([{ "type": "text", "text": "Hello" }]), "end_turn");
    upstream.script(Script::new().write(answers::json_answer(200, &hello)));
    Client::connect(gateway.data).await.exchange(post(KEY, "", chat("m", false))).await;
    let request = upstream.next_request().await;
    assert_eq!(request.header("anthropic-version").as_deref(), Some("2026-10-21"));

    // What an agent gives back of an earlier answer, of whomever, is nothing that it asks for.
    let echo = json!({ "model": "m", "messages": [
        { "role": "user", "content": "a" },
        {
            "role": "assistant", "content": "b", "reasoning_content": "Hm.", "reasoning": "Hm.",
            "reasoning_details": [{ "type": "reasoning.text", "text": "Hm." }], "annotations": [],
            "extra_content": { "google": { "thought_signature": "AA==" } }, "provider_specific_fields": { "a": 1 },
        },
        { "role": "user", "content": "c" },
    ] });
    upstream.script(Script::new().write(answers::json_answer(200, &hello)));
    let (head, body) = Client::connect(gateway.data).await.exchange(post(KEY, "", echo.to_string())).await;
    assert_eq!((head.status, head.header("x-sluicegate-dropped")), (200, None), "{}", body.text());
    let sent = upstream.next_request().await.json();
    assert_eq!(
        sent["messages"][1],
        json!({ "role": "assistant", "content": [{ "type": "text", "text": "b" }] })
    );
}

#[tokio::test]
async fn failures() {
    let upstream = Upstream::start().await;
    let gateway = gateway(&upstream, "", "retry = { max_attempts = 1 }\n").await;
    let ask = async |stream: bool| {
        Client::connect(gateway.data).await.exchange(post(KEY, "", chat("m", stream))).await
    };
    let error = |kind: &str, message: &str| {
        json!({ "type": "error", "error": { "type": kind, "message": message } }).to_string()
    };
    let long = error("invalid_request_error", "prompt is too long: 9 tokens > 8 maximum");
    upstream.script(Script::new().write(answers::json_answer(400, &long)));
    assert_error("too long", &ask(false).await, 400, "invalid_request_error", "context_length_exceeded");

    upstream.script(Script::new().write(answers::json_answer(529, &error("overloaded_error", "Overloaded"))));
    assert_error("busy", &ask(false).await, 503, "service_unavailable_error", "server_is_overloaded");

    let broken =
        event(&json!({ "type": "error", "error": { "type": "overloaded_error", "message": "Overloaded" } }));
    upstream.script(Script::new().write(answers::chunked_stream(&[start(), says("a"), broken])));
    let (head, body) = ask(true).await;
    assert_eq!(head.status, 200);
    assert!(body.text().contains(r#""error":{"#) && !body.text().contains("[DONE]"), "{}", body.text());
}
