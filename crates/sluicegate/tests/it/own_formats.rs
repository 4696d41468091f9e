//! Upstreams with formats of their own: Bedrock's frames, Ollama's lines, Cohere's events. Callers see one format.

use serde_json::{Value, json};
use sluice_providers::aws_stream;
use sluice_testkit::{
    answers,
    client::{Client, post},
    process::Gateway,
    upstream::{Script, Upstream},
};

use crate::rig::{KEY, base_config, chat, chat_with_usage, launch, model};

async fn gateway(upstream: &Upstream, settings: &str, upstream_model: &str) -> Gateway {
    let place = format!("http://{}", upstream.addr());
    let provider = format!("[[providers]]\nname = \"p\"\nbase_url = \"{place}\"\n{settings}\n");
    launch().config(&(base_config() + &provider + &model("m", &[("p", upstream_model)], ""))).serve().await
}

/// A stream of `kind` with these bytes gives a whole stream of chunks; returns the request that was sent.
async fn streams(gateway: &Gateway, upstream: &Upstream, kind: &str, body: &[u8]) -> (String, Value) {
    upstream.script(Script::new().write(answers::chunked_answer(&format!("content-type: {kind}\r\n"), body)));
    let (head, body) =
        Client::connect(gateway.data).await.exchange(post(KEY, "", chat_with_usage("m"))).await;
    assert_eq!((head.status, head.header("content-type")), (200, Some("text/event-stream; charset=utf-8")));
    let text = body.text();
    for part in
        [r#""content":"Hel""#, r#""content":"lo""#, r#""finish_reason":"stop""#, r#""prompt_tokens":5"#]
    {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(text.ends_with(answers::DONE), "{text}");
    let request = upstream.next_request().await;
    assert_eq!(request.header("accept").as_deref(), Some(kind));
    (request.request_line().to_owned(), request.json())
}

/// A whole answer gives a completion; returns the request line that was sent.
async fn whole(gateway: &Gateway, upstream: &Upstream, answer: &Value) -> String {
    upstream.script(Script::new().write(answers::json_answer(200, &answer.to_string())));
    let (head, body) = Client::connect(gateway.data).await.exchange(post(KEY, "", chat("m", false))).await;
    assert_eq!(head.status, 200);
    let completion = body.json();
    assert_eq!(completion["choices"][0]["message"]["content"], "Hello");
    assert_eq!(completion["usage"]["total_tokens"], 7);
    upstream.next_request().await.request_line().to_owned()
}

fn frame(name: &str, payload: &Value) -> Vec<u8> {
    let headers = [(":message-type", "event"), (":event-type", name)];
    aws_stream::write(&headers, payload.to_string().as_bytes())
}

#[tokio::test]
async fn bedrock() {
    let upstream = Upstream::start().await;
    let settings = "kind = \"bedrock\"\nregion = \"eu-central-1\"\napi_key = \"aws-canary\"";
    let gateway = gateway(&upstream, settings, "eu.amazon.nova-lite-v1:0").await;
    let usage = json!({ "inputTokens": 5, "outputTokens": 2, "totalTokens": 7 });
    let text = |text: &str| {
        frame("contentBlockDelta", &json!({ "contentBlockIndex": 0, "delta": { "text": text } }))
    };
    let frames = [
        frame("messageStart", &json!({ "role": "assistant" })),
        text("Hel"),
        text("lo"),
        frame("messageStop", &json!({ "stopReason": "end_turn" })),
        frame("metadata", &json!({ "usage": usage })),
    ];
    let kind = "application/vnd.amazon.eventstream";
    let (line, sent) = streams(&gateway, &upstream, kind, &frames.concat()).await;
    assert_eq!(line, "POST /model/eu.amazon.nova-lite-v1%3A0/converse-stream HTTP/1.1");
    assert_eq!(sent["messages"][0]["content"][0]["text"], "prompt-canary");

    let message = json!({ "role": "assistant", "content": [{ "text": "Hello" }] });
    let answer = json!({ "output": { "message": message }, "stopReason": "end_turn", "usage": usage });
    let line = whole(&gateway, &upstream, &answer).await;
    assert_eq!(line, "POST /model/eu.amazon.nova-lite-v1%3A0/converse HTTP/1.1");

    // An exception before the first content is a failure with a status.
    let headers = [(":message-type", "exception"), (":exception-type", "validationException")];
    let exception = aws_stream::write(&headers, br#"{"message":"Input is too long for requested model."}"#);
    let head = format!("content-type: {kind}\r\n");
    upstream.script(Script::new().write(answers::chunked_answer(&head, &exception)));
    let (head, body) = Client::connect(gateway.data).await.exchange(post(KEY, "", chat("m", true))).await;
    assert_eq!((head.status, &body.json()["error"]["code"]), (400, &json!("context_length_exceeded")));
}

#[tokio::test]
async fn ollama() {
    let upstream = Upstream::start().await;
    let gateway = gateway(&upstream, "kind = \"ollama\"", "llama3.1").await;
    let line = |text: &str| json!({ "model": "llama3.1", "message": { "role": "assistant", "content": text }, "done": false });
    let end = |text: &str| {
        json!({ "model": "llama3.1", "message": { "role": "assistant", "content": text }, "done": true,
            "done_reason": "stop", "prompt_eval_count": 5, "eval_count": 2 })
    };
    let lines = format!("{}\n{}\n{}\n", line("Hel"), line("lo"), end(""));
    let (request, sent) = streams(&gateway, &upstream, "application/x-ndjson", lines.as_bytes()).await;
    assert_eq!(request, "POST /api/chat HTTP/1.1");
    assert_eq!((&sent["stream"], &sent["messages"][0]["content"]), (&json!(true), &json!("prompt-canary")));
    assert_eq!(whole(&gateway, &upstream, &end("Hello")).await, "POST /api/chat HTTP/1.1");
}

#[tokio::test]
async fn cohere() {
    let upstream = Upstream::start().await;
    let gateway = gateway(&upstream, "kind = \"cohere\"\napi_key = \"co-canary\"", "command-a-03-2025").await;
    let usage = json!({ "tokens": { "input_tokens": 5.0, "output_tokens": 2.0 } });
    let event = |data: &Value| format!("event: {}\ndata: {data}\n\n", data["type"].as_str().unwrap());
    let text = |text: &str| {
        event(
            &json!({ "type": "content-delta", "index": 0, "delta": { "message": { "content": { "text": text } } } }),
        )
    };
    let events = [
        event(
            &json!({ "type": "message-start", "id": "c-1", "delta": { "message": { "role": "assistant" } } }),
        ),
        text("Hel"),
        text("lo"),
        event(&json!({ "type": "message-end", "delta": { "finish_reason": "COMPLETE", "usage": usage } })),
    ];
    let (line, _) = streams(&gateway, &upstream, "text/event-stream", events.concat().as_bytes()).await;
    assert_eq!(line, "POST /v2/chat HTTP/1.1");
    let message = json!({ "role": "assistant", "content": [{ "type": "text", "text": "Hello" }] });
    let answer = json!({ "id": "c-1", "finish_reason": "COMPLETE", "message": message, "usage": usage });
    assert_eq!(whole(&gateway, &upstream, &answer).await, "POST /v2/chat HTTP/1.1");
}
