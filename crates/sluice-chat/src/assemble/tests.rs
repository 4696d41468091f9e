//! One answer, assembled whole and in chunks, is the same answer.

use serde_json::{Value, json};

use super::{ChunkWriter, completion};
use crate::event::{FinishReason, ToolCallKind};
use crate::{ApiError, ChatEvent, Chunk, Completion, Usage};

fn started() -> ChatEvent {
    ChatEvent::Started {
        id: "id".into(),
        created: 5,
        model: "m".into(),
        system_fingerprint: Some("fp".into()),
        service_tier: None,
    }
}

fn text(choice: u32, text: &str) -> ChatEvent {
    ChatEvent::Text { choice, text: text.into() }
}

fn call(choice: u32, index: u32, kind: ToolCallKind) -> ChatEvent {
    ChatEvent::ToolCallStarted {
        choice,
        index,
        id: format!("call{index}"),
        kind,
        name: format!("f{index}"),
        extra_content: None,
    }
}

fn arguments(choice: u32, index: u32, fragment: &str) -> ChatEvent {
    ChatEvent::ToolCallArguments { choice, index, fragment: fragment.into() }
}

fn finished(choice: u32, reason: FinishReason) -> ChatEvent {
    ChatEvent::Finished { choice, reason }
}

fn usage() -> ChatEvent {
    ChatEvent::Usage(Usage { prompt_tokens: 5, completion_tokens: 3, ..Usage::default() })
}

fn everything() -> Vec<ChatEvent> {
    let logprobs = |token: &str| json!({ "content": [{ "token": token, "logprob": -1.0, "bytes": null, "top_logprobs": [] }], "refusal": null });
    vec![
        started(),
        ChatEvent::Reasoning { choice: 0, text: "think".into() },
        text(1, "second"),
        text(0, "Hel"),
        ChatEvent::Logprobs { choice: 0, logprobs: logprobs("Hel") },
        text(0, "lo"),
        ChatEvent::Logprobs { choice: 0, logprobs: logprobs("lo") },
        ChatEvent::Annotation { choice: 0, annotation: json!({ "type": "url_citation" }) },
        call(0, 0, ToolCallKind::Function),
        arguments(0, 0, "{\"a\""),
        arguments(0, 0, ":1}"),
        call(0, 1, ToolCallKind::Custom),
        arguments(0, 1, "raw"),
        ChatEvent::Refusal { choice: 1, text: "no".into() },
        ChatEvent::Audio { choice: 1, audio: json!({ "id": "a", "data": "AA" }) },
        ChatEvent::Audio { choice: 1, audio: json!({ "data": "BB", "transcript": "t" }) },
        ChatEvent::Audio { choice: 1, audio: json!({ "expires_at": 9 }) },
        call(2, 0, ToolCallKind::LegacyFunction),
        arguments(2, 0, "{}"),
        finished(1, FinishReason::Stop),
        finished(0, FinishReason::ToolCalls),
        finished(2, FinishReason::FunctionCall),
        usage(),
    ]
}

fn chunks(events: &[ChatEvent], include_usage: bool) -> Vec<Chunk> {
    let mut writer = ChunkWriter::new(include_usage);
    events.iter().filter_map(|event| writer.write(event)).collect()
}

/// What a client makes of chunks: texts grow, lists grow, calls are matched by index.
fn accumulate(chunks: &[Chunk]) -> Value {
    let mut whole = json!({ "choices": {} });
    for chunk in chunks {
        let chunk = serde_json::to_value(chunk).unwrap();
        for choice in chunk["choices"].as_array().unwrap() {
            let slot = &mut whole["choices"][choice["index"].to_string()];
            grow(slot, choice);
        }
        if chunk["usage"].is_object() {
            whole["usage"] = chunk["usage"].clone();
        }
    }
    whole
}

fn grow(into: &mut Value, more: &Value) {
    match (&mut *into, more) {
        (Value::Object(into), Value::Object(more)) => {
            for (name, value) in more {
                let fixed = ["index", "role", "type", "id"].contains(&name.as_str());
                match into.get_mut(name) {
                    Some(slot) if !fixed => grow(slot, value),
                    _ => drop(into.insert(name.clone(), value.clone())),
                }
            }
        }
        (Value::String(into), Value::String(more)) => into.push_str(more),
        (Value::Array(into), Value::Array(more)) => {
            for item in more {
                let same = into.iter_mut().find(|old| old["index"].is_u64() && old["index"] == item["index"]);
                match same {
                    Some(slot) => grow(slot, item),
                    None => into.push(item.clone()),
                }
            }
        }
        (_, Value::Null) => {}
        _ => *into = more.clone(),
    }
}

/// A message without what only says that there is nothing, and without the indexes of a stream.
fn plain(message: &Value) -> Value {
    let mut message = message.clone();
    if let Value::Object(fields) = &mut message {
        fields.retain(|_, value| !value.is_null() && value != "");
    }
    for list in ["tool_calls", "thinking_blocks", "annotations"] {
        for entry in message.get_mut(list).and_then(Value::as_array_mut).into_iter().flatten() {
            entry.as_object_mut().unwrap().remove("index");
        }
    }
    message
}

fn check_same(events: &[ChatEvent]) {
    let whole = serde_json::to_value(completion(events).unwrap()).unwrap();
    let streamed = accumulate(&chunks(events, true));
    for choice in whole["choices"].as_array().unwrap() {
        let other = &streamed["choices"][choice["index"].to_string()];
        assert_eq!(plain(&choice["message"]), plain(&other["delta"]));
        assert_eq!(choice["finish_reason"], other["finish_reason"]);
        assert_eq!(choice["logprobs"], other["logprobs"]);
    }
    assert_eq!(whole["usage"], streamed["usage"]);
}

#[test]
fn whole_and_streamed_are_the_same() {
    check_same(&everything());
    check_same(&[started(), finished(0, FinishReason::Stop), usage()]);
    check_same(&[
        started(),
        call(0, 0, ToolCallKind::Function),
        finished(0, FinishReason::ToolCalls),
        usage(),
    ]);
}

#[test]
fn the_whole_answer() {
    let whole = completion(&everything()).unwrap();
    assert_eq!((&*whole.id, whole.created, &*whole.model), ("id", 5, "m"));
    let indexes: Vec<_> = whole.choices.iter().map(|choice| choice.index).collect();
    assert_eq!(indexes, [0, 1, 2]);
    let [first, second, third] = &whole.choices[..] else { panic!("three") };
    assert_eq!(first.message.content.as_deref(), Some("Hello"));
    assert_eq!(first.message.reasoning_content.as_deref(), Some("think"));
    assert_eq!(
        Value::from(first.message.tool_calls.clone().unwrap()),
        json!([
            { "id": "call0", "type": "function", "function": { "name": "f0", "arguments": "{\"a\":1}" } },
            { "id": "call1", "type": "custom", "custom": { "name": "f1", "input": "raw" } },
        ])
    );
    assert_eq!(first.logprobs.as_ref().unwrap()["content"].as_array().unwrap().len(), 2);
    assert_eq!(
        second.message.audio,
        Some(json!({ "id": "a", "data": "AABB", "transcript": "t", "expires_at": 9 }))
    );
    assert_eq!(third.message.function_call, Some(json!({ "name": "f0", "arguments": "{}" })));
    assert_eq!(third.finish_reason.as_deref(), Some("function_call"));
    assert_eq!(completion(&[]), Ok(Completion::default()));
}

#[test]
fn a_failure_is_no_completion() {
    let error = ApiError::invalid("c", "m");
    let events = [started(), text(0, "half"), ChatEvent::Failed(error.clone())];
    assert_eq!(completion(&events), Err(error));
    assert_eq!(chunks(&events, true).len(), 1);
}

fn check_chunks(events: &[ChatEvent], include_usage: bool, expect: &[&str]) {
    let head =
        r#"{"id":"id","object":"chat.completion.chunk","created":5,"model":"m","system_fingerprint":"fp","#;
    let written: Vec<_> =
        chunks(events, include_usage).iter().map(|c| serde_json::to_string(c).unwrap()).collect();
    let expect: Vec<_> = expect.iter().map(|tail| format!("{head}{tail}")).collect();
    assert_eq!(written, expect);
}

#[test]
fn chunks_as_openai_writes_them() {
    check_chunks(
        &[started(), text(0, "a"), text(0, "b"), finished(0, FinishReason::Stop), usage()],
        false,
        &[
            r#""choices":[{"index":0,"delta":{"role":"assistant","content":"a","refusal":null},"logprobs":null,"finish_reason":null}]}"#,
            r#""choices":[{"index":0,"delta":{"content":"b"},"logprobs":null,"finish_reason":null}]}"#,
            r#""choices":[{"index":0,"delta":{},"logprobs":null,"finish_reason":"stop"}]}"#,
        ],
    );
    check_chunks(
        &[started(), call(0, 0, ToolCallKind::Function), arguments(0, 0, "{}")],
        true,
        &[
            r#""choices":[{"index":0,"delta":{"role":"assistant","content":null,"refusal":null,"tool_calls":[{"index":0,"id":"call0","type":"function","function":{"name":"f0","arguments":""}}]},"logprobs":null,"finish_reason":null}],"usage":null}"#,
            r#""choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{}"}}]},"logprobs":null,"finish_reason":null}],"usage":null}"#,
        ],
    );
}

#[test]
fn usage_comes_last_and_alone() {
    let all = chunks(&everything(), true);
    let last = serde_json::to_value(all.last().unwrap()).unwrap();
    assert_eq!(last["choices"], json!([]));
    assert_eq!(last["usage"]["total_tokens"], 8);
    assert_eq!(chunks(&everything(), false).len(), all.len() - 1);
}

/// The short way of writing an event gives what the long way gives.
#[test]
fn events_are_written_as_their_chunks_are() {
    for include_usage in [false, true] {
        let mut events = everything();
        events.push(ChatEvent::Started {
            id: "\"choices\":[".into(),
            created: 1,
            model: "m\n".into(),
            system_fingerprint: None,
            service_tier: Some("default".into()),
        });
        events.extend([text(0, "\u{1}\"\n"), text(3, "x"), text(3, "世界"), arguments(0, 0, "\"")]);
        let mut short = ChunkWriter::new(include_usage);
        let mut long = ChunkWriter::new(include_usage);
        for event in events {
            let mut written = Vec::new();
            short.write_event(&event, &mut written);
            let mut expect = Vec::new();
            if let Some(chunk) = long.write(&event) {
                crate::sse::write_event(&mut expect, &serde_json::to_vec(&chunk).unwrap());
            }
            assert_eq!(String::from_utf8(written), String::from_utf8(expect), "{event:?}");
        }
    }
}

#[test]
fn thinking_and_extra_content_stand_in_messages_and_deltas() {
    let block = |signature: &str| json!({ "type": "thinking", "thinking": "t", "signature": signature });
    let extra = json!({ "google": { "thought_signature": "s" } });
    let events = [
        started(),
        ChatEvent::ThinkingBlock { choice: 0, block: block("a") },
        ChatEvent::ThinkingBlock { choice: 0, block: block("b") },
        ChatEvent::ToolCallStarted {
            choice: 0,
            index: 0,
            id: "c".into(),
            kind: ToolCallKind::Function,
            name: "f".into(),
            extra_content: Some(extra.clone()),
        },
        finished(0, FinishReason::ToolCalls),
    ];
    let whole = serde_json::to_value(completion(&events).unwrap()).unwrap();
    let message = &whole["choices"][0]["message"];
    assert_eq!(message["thinking_blocks"], json!([block("a"), block("b")]));
    assert_eq!(message["tool_calls"][0]["extra_content"], extra);
    let chunks: Vec<Value> =
        chunks(&events, false).iter().map(|chunk| serde_json::to_value(chunk).unwrap()).collect();
    // Clients tell entries of a list in deltas apart by their index.
    for (chunk, (signature, index)) in chunks.iter().zip([("a", 0), ("b", 1)]) {
        let mut expect = block(signature);
        expect["index"] = json!(index);
        assert_eq!(chunk["choices"][0]["delta"]["thinking_blocks"], json!([expect]));
    }
    assert_eq!(chunks[2]["choices"][0]["delta"]["tool_calls"][0]["extra_content"], extra);
}
