//! Ready-made upstream answers, as raw bytes.

use std::fmt::Write as _;

use bytes::Bytes;
use serde_json::{Value, json};

use crate::upstream::{Request, Script};

/// The last event of every OpenAI stream.
pub const DONE: &str = "data: [DONE]\n\n";

/// The name that every ready-made answer gives as its model.
pub const MODEL: &str = "upstream-model-2026";

/// What an upstream without a script does: a whole answer, or a stream of three words when `stream` is true.
#[must_use]
pub fn default_script(request: &Request) -> Script {
    let body: Value = serde_json::from_slice(&request.body).unwrap_or(Value::Null);
    if body["stream"] == json!(true) {
        let usage = body["stream_options"]["include_usage"] == json!(true);
        Script::new().write(chunked_stream(&events(&["one ", "two ", "three"], usage)))
    } else {
        Script::new().write(whole("one two three"))
    }
}

/// The JSON body of a whole answer with this text.
#[must_use]
pub fn completion(text: &str) -> String {
    json!({
        "id": "chatcmpl-up1", "object": "chat.completion", "created": 1_700_000_000, "model": MODEL,
        "choices": [{ "index": 0, "message": { "role": "assistant", "content": text, "refusal": null },
                      "logprobs": null, "finish_reason": "stop" }],
        "usage": { "prompt_tokens": 9, "completion_tokens": 3, "total_tokens": 12 },
    })
    .to_string()
}

/// A whole answer with content-length.
#[must_use]
pub fn whole(text: &str) -> Bytes {
    json_answer(200, &completion(text))
}

/// Any JSON body under any status, with content-length.
#[must_use]
pub fn json_answer(status: u16, body: &str) -> Bytes {
    answer(status, "content-type: application/json\r\n", body.as_bytes())
}

/// Any body under any status with content-length; `headers` are lines that end in CRLF.
#[must_use]
pub fn answer(status: u16, headers: &str, body: &[u8]) -> Bytes {
    let head = format!("HTTP/1.1 {status} Status\r\n{headers}content-length: {}\r\n\r\n", body.len());
    let mut out = head.into_bytes();
    out.extend_from_slice(body);
    Bytes::from(out)
}

/// A body in chunked coding, as one chunk.
#[must_use]
pub fn chunked_answer(headers: &str, body: &[u8]) -> Bytes {
    let mut out = format!("HTTP/1.1 200 OK\r\n{headers}transfer-encoding: chunked\r\n\r\n").into_bytes();
    out.extend_from_slice(&chunk(body));
    out.extend_from_slice(LAST_CHUNK.as_bytes());
    Bytes::from(out)
}

/// One error body in OpenAI's form.
#[must_use]
pub fn error_json(message: &str, kind: &str, code: &str) -> String {
    json!({ "error": { "message": message, "type": kind, "param": null, "code": code } }).to_string()
}

/// The JSON of one chunk whose first choice carries `delta`.
#[must_use]
pub fn chunk_json(delta: &Value, finish_reason: Option<&str>) -> String {
    json!({
        "id": "chatcmpl-up1", "object": "chat.completion.chunk", "created": 1_700_000_000, "model": MODEL,
        "choices": [{ "index": 0, "delta": delta, "logprobs": null, "finish_reason": finish_reason }],
    })
    .to_string()
}

/// `data: …` and the blank line.
#[must_use]
pub fn event(data: &str) -> String {
    format!("data: {data}\n\n")
}

/// The event of one piece of text.
#[must_use]
pub fn text_event(text: &str) -> String {
    event(&chunk_json(&json!({ "content": text }), None))
}

/// The event that ends the choice.
#[must_use]
pub fn finish_event() -> String {
    event(&chunk_json(&json!({}), Some("stop")))
}

/// The extra event with empty `choices` that `include_usage` asks for.
#[must_use]
pub fn usage_event() -> String {
    event(
        &json!({
            "id": "chatcmpl-up1", "object": "chat.completion.chunk", "created": 1_700_000_000, "model": MODEL,
            "choices": [], "usage": { "prompt_tokens": 9, "completion_tokens": 3, "total_tokens": 12 },
        })
        .to_string(),
    )
}

/// All events of a stream: role, the texts, the finish, usage when asked, `[DONE]`.
#[must_use]
pub fn events(texts: &[&str], usage: bool) -> Vec<String> {
    let mut all = vec![event(&chunk_json(&json!({ "role": "assistant", "content": "" }), None))];
    all.extend(texts.iter().map(|text| text_event(text)));
    all.push(finish_event());
    all.extend(usage.then(usage_event));
    all.push(DONE.to_owned());
    all
}

/// The head of a chunked event stream.
pub const STREAM_HEAD: &str =
    "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";

/// The head of an event stream that ends with its connection.
pub const STREAM_HEAD_TO_CLOSE: &str =
    "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n";

/// The zero chunk.
pub const LAST_CHUNK: &str = "0\r\n\r\n";

/// One chunk in chunked coding.
#[must_use]
pub fn chunk(data: &[u8]) -> Vec<u8> {
    let mut out = format!("{:x}\r\n", data.len()).into_bytes();
    out.extend_from_slice(data);
    out.extend_from_slice(b"\r\n");
    out
}

/// A whole stream, head to zero chunk, one event a chunk.
#[must_use]
pub fn chunked_stream(events: &[String]) -> Bytes {
    let mut out = String::from(STREAM_HEAD);
    for event in events {
        let _ = write!(out, "{:x}\r\n{event}\r\n", event.len());
    }
    out.push_str(LAST_CHUNK);
    Bytes::from(out)
}

/// A whole stream whose chunks are cut every `size` bytes without regard to events.
#[must_use]
pub fn recut_stream(events: &[String], size: usize) -> Bytes {
    let mut out = STREAM_HEAD.as_bytes().to_vec();
    for piece in events.concat().as_bytes().chunks(size) {
        out.extend_from_slice(&chunk(piece));
    }
    out.extend_from_slice(LAST_CHUNK.as_bytes());
    Bytes::from(out)
}
