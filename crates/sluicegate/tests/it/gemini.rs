//! An upstream that speaks Gemini's words, and callers who do not notice.

use serde_json::{Value, json};
use sluice_testkit::{
    answers,
    client::{Client, post},
    process::Gateway,
    upstream::{Script, Upstream},
};

use crate::rig::{KEY, assert_error, base_config, chat, chat_with_usage, launch, model};

const MODEL: &str = "gemini-3-pro-preview";

async fn gateway(upstream: &Upstream) -> Gateway {
    let place = format!("http://{}", upstream.addr());
    let provider = format!(
        "[[providers]]\nname = \"g\"\nkind = \"gemini\"\nbase_url = \"{place}\"\napi_key = \"goog-canary\"\n"
    );
    launch().config(&(base_config() + &provider + &model("m", &[("g", MODEL)], ""))).serve().await
}

fn piece(parts: &Value, finish: Option<&str>) -> Value {
    json!({
        "candidates": [{ "content": { "role": "model", "parts": parts }, "finishReason": finish }],
        "usageMetadata": { "promptTokenCount": 3, "candidatesTokenCount": 2, "totalTokenCount": 5 },
        "modelVersion": "gemini-3-pro-002",
        "responseId": "resp-1",
    })
}

fn event(data: &Value) -> String {
    format!("data: {data}\r\n\r\n")
}

#[tokio::test]
async fn whole_and_streamed() {
    let upstream = Upstream::start().await;
    let gateway = gateway(&upstream).await;
    upstream.script(
        Script::new().write(answers::json_answer(
            200,
            &piece(&json!([{ "text": "Hello" }]), Some("STOP")).to_string(),
        )),
    );
    let (head, body) = Client::connect(gateway.data).await.exchange(post(KEY, "", chat("m", false))).await;
    assert_eq!((head.status, head.header("x-sluicegate-model")), (200, Some(MODEL)));
    assert_eq!(body.json()["choices"][0]["message"]["content"], "Hello");
    assert_eq!(body.json()["model"], "gemini-3-pro-002");
    let request = upstream.next_request().await;
    assert_eq!(request.request_line(), format!("POST /v1beta/models/{MODEL}:generateContent HTTP/1.1"));
    assert_eq!(request.header("x-goog-api-key").as_deref(), Some("goog-canary"));
    assert_eq!(request.header("authorization"), None);
    assert_eq!(request.json()["contents"][0]["parts"][0]["text"], "prompt-canary");

    let events = [
        event(&piece(&json!([{ "text": "Hel" }]), None)),
        event(&piece(&json!([{ "text": "lo" }]), Some("STOP"))),
    ];
    upstream.script(Script::new().write(answers::chunked_stream(&events)));
    let (head, body) =
        Client::connect(gateway.data).await.exchange(post(KEY, "", chat_with_usage("m"))).await;
    assert_eq!((head.status, head.header("content-type")), (200, Some("text/event-stream; charset=utf-8")));
    let text = body.text();
    assert!(text.contains(r#""content":"Hel""#) && text.contains(r#""content":"lo""#), "{text}");
    assert!(text.contains(r#""finish_reason":"stop""#) && text.contains(r#""prompt_tokens":3"#), "{text}");
    assert!(text.ends_with(answers::DONE), "{text}");
    let request = upstream.next_request().await;
    let path = format!("POST /v1beta/models/{MODEL}:streamGenerateContent?alt=sse HTTP/1.1");
    assert_eq!(
        (request.request_line(), request.header("accept").as_deref()),
        (&*path, Some("text/event-stream"))
    );
}

/// What a model wants back with its call is told to the caller, and remembered for one who does not give it back.
#[tokio::test]
async fn a_signature_comes_back_with_its_call() {
    let upstream = Upstream::start().await;
    let gateway = gateway(&upstream).await;
    let call =
        json!([{ "functionCall": { "id": "fc-1", "name": "f", "args": {} }, "thoughtSignature": "c2ln" }]);
    upstream.script(Script::new().write(answers::chunked_stream(&[event(&piece(&call, Some("STOP")))])));
    let (_, body) = Client::connect(gateway.data).await.exchange(post(KEY, "", chat("m", true))).await;
    assert!(
        body.text().contains(r#""extra_content":{"google":{"thought_signature":"c2ln"}}"#),
        "{}",
        body.text()
    );
    upstream.next_request().await;

    upstream.script(
        Script::new()
            .write(answers::json_answer(200, &piece(&json!([{ "text": "ok" }]), Some("STOP")).to_string())),
    );
    let next = json!({ "model": "m", "messages": [
        { "role": "user", "content": "go" },
        { "role": "assistant", "content": null,
          "tool_calls": [{ "id": "fc-1", "type": "function", "function": { "name": "f", "arguments": "{}" } }] },
        { "role": "tool", "tool_call_id": "fc-1", "content": "done" },
    ] });
    let (head, _) = Client::connect(gateway.data).await.exchange(post(KEY, "", next.to_string())).await;
    assert_eq!(head.status, 200);
    let sent = upstream.next_request().await.json();
    assert_eq!(sent["contents"][1]["parts"][0]["thoughtSignature"], "c2ln", "{sent}");
    assert_eq!(sent["contents"][2]["parts"][0]["functionResponse"]["id"], "fc-1", "{sent}");
}

/// The finish reason is held back to the end of the body; one that breaks behind it is complete all the same.
#[tokio::test]
async fn a_stream_that_breaks_behind_its_end_is_complete() {
    let upstream = Upstream::start().await;
    let gateway = gateway(&upstream).await;
    let whole = event(&piece(&json!([{ "text": "all" }]), Some("STOP")));
    let begun = || Script::new().write(answers::STREAM_HEAD).write(answers::chunk(whole.as_bytes()));
    for script in [begun().reset(), begun().stall()] {
        upstream.script(script);
        let (_, body) = Client::connect(gateway.data).await.exchange(post(KEY, "", chat("m", true))).await;
        assert!(body.text().contains(r#""finish_reason":"stop""#), "{}", body.text());
        assert!(body.text().ends_with(answers::DONE), "{}", body.text());
    }
    assert_eq!(upstream.requests_so_far(), 2);
}

#[tokio::test]
async fn refusals_and_failures() {
    let upstream = Upstream::start().await;
    let gateway = gateway(&upstream).await;
    let ask = async |stream: bool| {
        Client::connect(gateway.data).await.exchange(post(KEY, "", chat("m", stream))).await
    };

    let blocked =
        json!({ "promptFeedback": { "blockReason": "SAFETY" }, "usageMetadata": { "promptTokenCount": 3 } });
    upstream.script(Script::new().write(answers::chunked_stream(&[event(&blocked)])));
    let (head, body) = ask(true).await;
    assert_eq!(head.status, 200);
    assert!(body.text().contains(r#""finish_reason":"content_filter""#), "{}", body.text());

    let long = json!({ "error": { "code": 400, "status": "INVALID_ARGUMENT",
        "message": "The input token count (9) exceeds the maximum number of tokens allowed (8)." } });
    upstream.script(Script::new().write(answers::json_answer(400, &long.to_string())));
    assert_error("too long", &ask(false).await, 400, "invalid_request_error", "context_length_exceeded");

    let slow = json!([{ "error": { "code": 429, "status": "RESOURCE_EXHAUSTED", "message": "Quota exceeded.",
        "details": [{ "@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "34.5s" }] } }]);
    upstream.script(Script::new().write(answers::json_answer(429, &slow.to_string())));
    let answer = ask(false).await;
    assert_error("slow", &answer, 429, "rate_limit_error", "rate_limit_exceeded");
    let wait: u64 = answer.0.header("retry-after").unwrap().parse().unwrap();
    assert!((34..=35).contains(&wait), "{wait}");
}
