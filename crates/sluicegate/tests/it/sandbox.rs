//! The sandbox: answers offline, the same for the same request, with every fault on demand.

mod features;

use serde_json::{Value, json};
use sluice_testkit::client::{Body, Client, Ending, Head, post};

use crate::rig::{KEY, assert_error, assert_error_object, base_config, launch};

async fn ask(client: &mut Client, headers: &str, model: &str, change: Value) -> (Head, Body) {
    let mut body =
        json!({ "model": model, "messages": [{ "role": "user", "content": "one two three four five six" }] });
    for (key, value) in change.as_object().unwrap() {
        body[key.as_str()] = value.clone();
    }
    client.exchange(post(KEY, headers, body.to_string())).await
}

fn streamed_text(body: &Body) -> String {
    let events = body.events();
    let chunks = events
        .iter()
        .filter(|data| *data != "[DONE]")
        .map(|data| serde_json::from_str::<Value>(data).unwrap());
    chunks.filter_map(|chunk| chunk["choices"][0]["delta"]["content"].as_str().map(str::to_owned)).collect()
}

#[tokio::test]
async fn echo_and_text() {
    let gateway = launch().config(&base_config()).serve().await;
    let mut client = Client::connect(gateway.data).await;
    let (head, body) = ask(&mut client, "", "sandbox/echo", json!({})).await;
    assert_eq!(head.status, 200, "{}", body.text());
    let answer = body.json();
    assert_eq!(answer["choices"][0]["message"]["content"], "one two three four five six");
    assert_eq!(answer["model"], "sandbox/echo");
    assert_eq!(answer["choices"][0]["finish_reason"], "stop");
    assert_eq!(head.header("x-sluicegate-provider"), Some("sandbox"));
    assert_eq!(head.header("x-sluicegate-model"), Some("echo"));

    let (_, body) = ask(&mut client, "", "sandbox/echo", json!({ "stream": true })).await;
    assert_eq!(streamed_text(&body), "one two three four five six");
    assert_eq!(body.events().last().unwrap(), "[DONE]");

    let (_, first) = ask(&mut client, "", "sandbox/text", json!({ "seed": 1 })).await;
    let (_, again) = ask(&mut client, "", "sandbox/text", json!({ "seed": 1 })).await;
    let (_, other) = ask(&mut client, "", "sandbox/text", json!({ "seed": 2 })).await;
    let content = |body: &Body| body.json()["choices"][0]["message"]["content"].clone();
    assert_eq!(content(&first), content(&again));
    assert_ne!(content(&first), content(&other));
}

#[tokio::test]
async fn usage_stop_limits_and_choices() {
    let gateway = launch().config(&base_config()).serve().await;
    let mut client = Client::connect(gateway.data).await;
    let (_, body) = ask(&mut client, "", "sandbox/echo", json!({ "stop": "four" })).await;
    let choice = body.json()["choices"][0].clone();
    assert_eq!(
        (&choice["message"]["content"], &choice["finish_reason"]),
        (&json!("one two three "), &json!("stop"))
    );
    let (_, body) = ask(&mut client, "", "sandbox/echo", json!({ "max_tokens": 2 })).await;
    assert_eq!(body.json()["choices"][0]["finish_reason"], "length");
    assert_eq!(body.json()["usage"]["completion_tokens"], 2);
    let (_, body) = ask(&mut client, "", "sandbox/echo", json!({ "n": 3 })).await;
    let indexes: Vec<Value> =
        body.json()["choices"].as_array().unwrap().iter().map(|c| c["index"].clone()).collect();
    assert_eq!(indexes, [0, 1, 2]);
    let usage = body.json()["usage"].clone();
    for key in ["prompt_tokens_details", "completion_tokens_details"] {
        assert!(usage[key].is_object(), "the full set of details: {usage}");
    }
    let options = json!({ "stream": true, "stream_options": { "include_usage": true } });
    let (_, body) = ask(&mut client, "", "sandbox/echo", options).await;
    let events = body.events();
    let last: Value = serde_json::from_str(&events[events.len() - 2]).unwrap();
    assert_eq!(last["choices"], json!([]));
    assert!(last["usage"]["total_tokens"].as_u64().unwrap() > 0);
    let (_, body) = ask(&mut client, "", "sandbox/echo", json!({ "stream": true })).await;
    assert!(!body.text().contains("\"usage\":{"), "usage is hidden: {}", body.text());
}

#[tokio::test]
async fn faults_before_content() {
    let gateway = launch().config(&base_config()).serve().await;
    let mut client = Client::connect(gateway.data).await;
    for (fault, status, kind, code) in [
        ("status=429", 429, "rate_limit_error", "rate_limit_exceeded"),
        ("status=500", 502, "upstream_error", "upstream_bad_response"),
        ("status=503", 503, "service_unavailable_error", "server_is_overloaded"),
        ("status=401", 502, "upstream_error", "upstream_auth"),
        ("reset", 502, "upstream_error", "upstream_unreachable"),
    ] {
        for stream in [false, true] {
            let name = format!("{fault} {stream}");
            let got = ask(
                &mut client,
                &format!("x-sandbox-fault: {fault}\r\n"),
                "sandbox/echo",
                json!({ "stream": stream }),
            )
            .await;
            assert_error(&name, &got, status, kind, code);
            let metadata = json!({ "stream": stream, "metadata": { "sandbox.fault": fault } });
            let got = ask(&mut client, "", "sandbox/echo", metadata).await;
            assert_error(&name, &got, status, kind, code);
        }
    }
    let got = ask(&mut client, "x-sandbox-fault: frobnicate=1\r\n", "sandbox/echo", json!({})).await;
    assert_eq!(got.0.status, 400, "{}", got.1.text());
    let (head, _) =
        ask(&mut client, "x-sandbox-fault: status=429,retry_after=2\r\n", "sandbox/echo", json!({})).await;
    assert_eq!(head.status, 429);
    assert!(head.header("retry-after").is_some_and(|s| s == "1" || s == "2"), "{}", head.raw);
}

#[tokio::test]
async fn faults_in_streams() {
    let gateway = launch().config(&base_config()).serve().await;
    for (fault, code) in [("cut_after=2", "upstream_truncated"), ("malformed_at=3", "upstream_bad_event")] {
        let mut client = Client::connect(gateway.data).await;
        let headers = format!("x-sandbox-fault: {fault}\r\n");
        let (head, body) = ask(&mut client, &headers, "sandbox/echo", json!({ "stream": true })).await;
        assert_eq!(head.status, 200, "{fault}: {}", body.text());
        assert_eq!(body.ending, Ending::Eof, "{fault}: {}", body.text());
        assert!(!body.text().contains("[DONE]"), "{fault}: {}", body.text());
        let last: Value = serde_json::from_str(body.events().last().unwrap()).unwrap();
        assert_error_object(fault, &last, "upstream_error", code);
    }
    let mut client = Client::connect(gateway.data).await;
    let (_, body) =
        ask(&mut client, "x-sandbox-fault: no_done\r\n", "sandbox/echo", json!({ "stream": true })).await;
    assert_eq!((body.events().last().map(String::as_str), body.ending), (Some("[DONE]"), Ending::Complete));
    let (_, body) = ask(
        &mut client,
        "x-sandbox-fault: error_event_after=2\r\n",
        "sandbox/echo",
        json!({ "stream": true }),
    )
    .await;
    assert!(body.text().contains("\"error\"") && body.ending == Ending::Eof, "{}", body.text());
    let mut client = Client::connect(gateway.data).await;
    let headers = "x-sandbox-fault: chunk_delay_ms=1,first_token_delay_ms=1\r\n";
    let (_, body) = ask(&mut client, headers, "sandbox/echo", json!({ "stream": true })).await;
    assert_eq!(streamed_text(&body), "one two three four five six");
}

#[tokio::test]
async fn switched_off() {
    let gateway = launch().config(&(base_config() + "[sandbox]\nenabled = false\n")).serve().await;
    let mut client = Client::connect(gateway.data).await;
    let got = ask(&mut client, "", "sandbox/echo", json!({})).await;
    assert_error("sandbox off", &got, 404, "invalid_request_error", "model_not_found");
}
