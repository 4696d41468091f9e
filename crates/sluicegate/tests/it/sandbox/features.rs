//! The features of the schema through the whole gateway, whole and streamed.

use serde_json::{Value, json};
use sluice_testkit::{
    client::{Client, Ending},
    process::Gateway,
};

use super::{ask, streamed_text};
use crate::rig::{base_config, launch};

async fn start() -> (Gateway, Client) {
    let gateway = launch().config(&base_config()).serve().await;
    let client = Client::connect(gateway.data).await;
    (gateway, client)
}

/// The whole answer and the chunks of the stream; both end well.
async fn both(client: &mut Client, change: &Value) -> (Value, Vec<Value>) {
    let (head, body) = ask(client, "", "sandbox/echo", change.clone()).await;
    assert_eq!(head.status, 200, "{change}: {}", body.text());
    let whole = body.json();
    let mut streamed = change.clone();
    streamed["stream"] = json!(true);
    streamed["stream_options"] = json!({ "include_usage": true });
    let (head, body) = ask(client, "", "sandbox/echo", streamed).await;
    assert_eq!((head.status, body.ending), (200, Ending::Complete), "{change}: {}", body.text());
    let mut events = body.events();
    assert_eq!(events.pop().as_deref(), Some("[DONE]"), "{change}");
    let chunks: Vec<Value> = events.iter().map(|event| serde_json::from_str(event).unwrap()).collect();
    assert_eq!(chunks.last().unwrap()["usage"], whole["usage"], "{change}");
    (whole, chunks)
}

/// The text that a place in the deltas of choice 0 has in all chunks together.
fn joined(chunks: &[Value], place: &str) -> String {
    let pieces = chunks.iter().flat_map(|chunk| chunk["choices"].as_array().unwrap());
    pieces
        .filter(|choice| choice["index"] == 0)
        .filter_map(|choice| choice["delta"].pointer(place).and_then(Value::as_str))
        .collect()
}

fn finish(chunks: &[Value]) -> Vec<&str> {
    let choices = chunks.iter().flat_map(|chunk| chunk["choices"].as_array().unwrap());
    choices.filter_map(|choice| choice["finish_reason"].as_str()).collect()
}

fn weather() -> Value {
    json!([{ "type": "function", "function": { "name": "weather", "parameters": {
        "type": "object", "properties": { "city": { "type": "string", "enum": ["Oslo", "Lima"] } },
        "required": ["city"], "additionalProperties": false } } }])
}

#[tokio::test]
async fn three_turns_with_a_tool() {
    let (_gateway, mut client) = start().await;
    let mut messages = json!([{ "role": "user", "content": "call: weather" }]);
    let (whole, chunks) = both(&mut client, &json!({ "messages": messages, "tools": weather() })).await;
    let choice = &whole["choices"][0];
    let call = choice["message"]["tool_calls"][0].clone();
    let arguments: Value = serde_json::from_str(call["function"]["arguments"].as_str().unwrap()).unwrap();
    assert!(arguments["city"] == "Oslo" || arguments["city"] == "Lima", "{arguments}");
    assert_eq!(
        (&choice["finish_reason"], &choice["message"]["content"]),
        (&json!("tool_calls"), &Value::Null)
    );
    assert_eq!(joined(&chunks, "/tool_calls/0/function/arguments"), call["function"]["arguments"]);
    assert_eq!(joined(&chunks, "/tool_calls/0/function/name"), "weather");
    assert_eq!(joined(&chunks, "/tool_calls/0/id"), call["id"]);
    assert_eq!(finish(&chunks), ["tool_calls"]);

    let turns = messages.as_array_mut().unwrap();
    turns.push(choice["message"].clone());
    turns.push(json!({ "role": "tool", "tool_call_id": call["id"], "content": "18 degrees" }));
    let (whole, chunks) = both(&mut client, &json!({ "messages": messages, "tools": weather() })).await;
    assert_eq!(whole["choices"][0]["message"]["content"], "weather: 18 degrees");
    assert_eq!(joined(&chunks, "/content"), "weather: 18 degrees");

    let turns = messages.as_array_mut().unwrap();
    turns.push(whole["choices"][0]["message"].clone());
    turns.push(json!({ "role": "user", "content": "thank you" }));
    let (whole, _) = both(&mut client, &json!({ "messages": messages, "tools": weather() })).await;
    assert_eq!(whole["choices"][0]["message"]["content"], "thank you");
}

#[tokio::test]
async fn every_kind_of_answer() {
    let (_gateway, mut client) = start().await;
    let said = |text: &str| json!([{ "role": "user", "content": text }]);
    let schema = json!({ "type": "object", "properties": { "steps": { "type": "array", "minItems": 1,
        "items": { "$ref": "#/$defs/step" } } }, "required": ["steps"], "additionalProperties": false,
        "$defs": { "step": { "type": "string", "format": "date" } } });
    let format =
        json!({ "type": "json_schema", "json_schema": { "name": "plan", "strict": true, "schema": schema } });
    for (change, place, finish_reason) in [
        (json!({ "response_format": { "type": "json_object" } }), "/content", "stop"),
        (json!({ "response_format": format, "n": 2 }), "/content", "stop"),
        (json!({ "reasoning_effort": "high" }), "/reasoning_content", "stop"),
        (json!({ "logprobs": true, "top_logprobs": 2, "max_tokens": 2 }), "/content", "length"),
        (json!({ "web_search_options": {} }), "/content", "stop"),
        (json!({ "messages": said("refuse: no") }), "/refusal", "stop"),
        (json!({ "messages": said("filter: a b c d") }), "/content", "content_filter"),
        (
            json!({ "functions": [{ "name": "f" }], "function_call": { "name": "f" } }),
            "/function_call/arguments",
            "function_call",
        ),
        (
            json!({ "tools": [{ "type": "custom", "custom": { "name": "c" } }], "tool_choice": "required" }),
            "/tool_calls/0/custom/input",
            "tool_calls",
        ),
        (
            json!({ "modalities": ["text", "audio"], "audio": { "voice": "alloy", "format": "pcm16" } }),
            "/audio/data",
            "stop",
        ),
    ] {
        let (whole, chunks) = both(&mut client, &change).await;
        let choice = &whole["choices"][0];
        let text = choice["message"].pointer(place).and_then(Value::as_str);
        let text = text.unwrap_or_else(|| panic!("no {place}: {whole}"));
        assert_eq!(joined(&chunks, place), text, "{change}");
        assert!(!text.is_empty(), "{whole}");
        assert_eq!(choice["finish_reason"], finish_reason, "{change}");
        assert!(finish(&chunks).iter().all(|reason| *reason == finish_reason), "{change}");
    }
}

#[tokio::test]
async fn formats_of_sound_that_the_sandbox_has_not() {
    let (_gateway, mut client) = start().await;
    for (format, stream, status) in [("mp3", false, 400), ("wav", true, 400), ("wav", false, 200)] {
        let change = json!({ "modalities": ["text", "audio"], "audio": { "voice": "alloy", "format": format }, "stream": stream });
        let (head, body) = ask(&mut client, "", "sandbox/echo", change).await;
        assert_eq!(head.status, status, "{format} {stream}");
        if status == 400 {
            assert_eq!(body.json()["error"]["param"], "audio.format");
        } else {
            let data = body.json()["choices"][0]["message"]["audio"]["data"].as_str().unwrap().to_owned();
            // "RIFF" in base64.
            assert!(data.starts_with("UklGR"), "{}", &data[..20]);
        }
    }
}

#[tokio::test]
async fn a_large_stream_comes_back_whole() {
    let (gateway, mut client) = start().await;
    let text = "water gate river stone ".repeat(12_000);
    let messages = json!([{ "role": "user", "content": text }]);
    let (_, body) =
        ask(&mut client, "", "sandbox/echo", json!({ "messages": messages, "stream": true })).await;
    assert!(streamed_text(&body) == text, "{} bytes", body.bytes.len());
    let mut other = Client::connect(gateway.data).await;
    let word = json!([{ "role": "user", "content": "x".repeat(300_000) }]);
    let (_, body) = ask(&mut other, "", "sandbox/echo", json!({ "messages": word, "stream": true })).await;
    assert_eq!(streamed_text(&body).len(), 300_000, "a word without an end");
}
