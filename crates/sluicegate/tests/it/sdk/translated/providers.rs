//! The providers, each with a test of its own.

use super::*;

mod anthropic {
    use super::*;

    fn content(turn: &Turn) -> Vec<Value> {
        let mut content = Vec::new();
        if !turn.reasoning.is_empty() {
            let (thinking, signature) = (turn.reasoning, &turn.signature);
            content.push(json!({ "type": "thinking", "thinking": thinking, "signature": signature }));
            content.push(json!({ "type": "redacted_thinking", "data": format!("{signature}RED0") }));
        }
        for (id, city) in &turn.calls {
            content
                .push(json!({ "type": "tool_use", "id": id, "name": "weather", "input": { "city": city } }));
        }
        if !turn.text.is_empty() {
            content.push(json!({ "type": "text", "text": turn.text }));
        }
        content
    }

    fn message(content: &[Value], reason: &Value) -> Value {
        json!({ "id": "msg_1", "type": "message", "role": "assistant", "model": "claude", "content": content,
            "stop_reason": reason, "stop_sequence": null, "usage": { "input_tokens": 3, "output_tokens": 2 } })
    }

    /// The events of a block: its start without words, and the words.
    fn block(index: usize, whole: &Value) -> Vec<Value> {
        let mut start = whole.clone();
        let mut deltas = Vec::new();
        let mut told = |field: &str, empty: Value, kind: &str, as_field: &str| {
            if let Some(value) = whole.get(field) {
                start[field] = empty;
                let words = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                deltas.push(json!({ "type": kind, as_field: words }));
            }
        };
        told("thinking", json!(""), "thinking_delta", "thinking");
        told("signature", json!(""), "signature_delta", "signature");
        told("input", json!({}), "input_json_delta", "partial_json");
        told("text", json!(""), "text_delta", "text");
        let mut events =
            vec![json!({ "type": "content_block_start", "index": index, "content_block": start })];
        let of_block = |delta| json!({ "type": "content_block_delta", "index": index, "delta": delta });
        events.extend(deltas.into_iter().map(of_block));
        events.push(json!({ "type": "content_block_stop", "index": index }));
        events
    }

    fn answer(turn: &Turn, streamed: bool) -> Script {
        let content = content(turn);
        let reason = json!(turn.reason("tool_use", "end_turn"));
        if !streamed {
            return json_answer(&message(&content, &reason));
        }
        let mut events = vec![json!({ "type": "message_start", "message": message(&[], &Value::Null) })];
        events.extend(content.iter().enumerate().flat_map(|(index, whole)| block(index, whole)));
        events.push(json!({ "type": "message_delta", "delta": { "stop_reason": reason },
            "usage": { "output_tokens": 2 } }));
        events.push(json!({ "type": "message_stop" }));
        event_stream(&events)
    }

    fn history(turn: &Turn, _all_given_back: bool) -> Vec<Value> {
        let result = |(id, city): &(String, &str)| json!({ "type": "tool_result", "tool_use_id": id, "content": result_of(city) });
        let results: Vec<Value> = turn.calls.iter().map(result).collect();
        vec![
            json!({ "role": "assistant", "content": content(turn) }),
            json!({ "role": "user", "content": results }),
        ]
    }

    #[tokio::test]
    async fn tools_over_three_turns() {
        three_turns(Provider {
            settings: "kind = \"anthropic\"\napi_key = \"key\"",
            model: "claude-sonnet-4-5",
            messages: "messages",
            first: json!({ "role": "user", "content": [{ "type": "text", "text": QUESTION }] }),
            answer,
            streams: |request| request.json()["stream"] == true,
            history,
        })
        .await;
    }
}

mod gemini {
    use super::*;

    fn calls(turn: &Turn) -> Vec<Value> {
        let call = |(id, city): &(String, &str)| json!({ "functionCall": { "id": id, "name": "weather", "args": { "city": city } } });
        let mut calls: Vec<Value> = turn.calls.iter().map(call).collect();
        if let Some(first) = calls.first_mut() {
            first["thoughtSignature"] = json!(turn.signature);
        }
        calls
    }

    fn piece(parts: &[Value], finish: Option<&str>) -> Value {
        json!({
            "candidates": [{ "content": { "role": "model", "parts": parts }, "finishReason": finish }],
            "usageMetadata": { "promptTokenCount": 3, "candidatesTokenCount": 2, "totalTokenCount": 5 },
            "modelVersion": "gemini-3-pro", "responseId": "resp-1",
        })
    }

    fn answer(turn: &Turn, streamed: bool) -> Script {
        let mut parts = calls(turn);
        if !turn.reasoning.is_empty() {
            parts.insert(0, json!({ "text": turn.reasoning, "thought": true }));
        }
        if !turn.text.is_empty() {
            parts.push(json!({ "text": turn.text }));
        }
        if !streamed {
            return json_answer(&piece(&parts, Some("STOP")));
        }
        let mut events: Vec<Value> = parts.into_iter().map(|part| piece(&[part], None)).collect();
        events.push(piece(&[], Some("STOP")));
        event_stream(&events)
    }

    fn history(turn: &Turn, _all_given_back: bool) -> Vec<Value> {
        let result = |(id, city): &(String, &str)| {
            let response = json!({ "output": result_of(city) });
            json!({ "functionResponse": { "id": id, "name": "weather", "response": response } })
        };
        let results: Vec<Value> = turn.calls.iter().map(result).collect();
        vec![json!({ "role": "model", "parts": calls(turn) }), json!({ "role": "user", "parts": results })]
    }

    #[tokio::test]
    async fn tools_over_three_turns() {
        three_turns(Provider {
            settings: "kind = \"gemini\"\napi_key = \"key\"",
            model: "gemini-3-pro-preview",
            messages: "contents",
            first: json!({ "role": "user", "parts": [{ "text": QUESTION }] }),
            answer,
            streams: |request| request.request_line().contains(":streamGenerateContent"),
            history,
        })
        .await;
    }
}

mod bedrock {
    use super::*;

    fn content(turn: &Turn) -> Vec<Value> {
        let mut content = Vec::new();
        if !turn.reasoning.is_empty() {
            let text = json!({ "text": turn.reasoning, "signature": turn.signature });
            content.push(json!({ "reasoningContent": { "reasoningText": text } }));
            let redacted = format!("{}RED0", turn.signature);
            content.push(json!({ "reasoningContent": { "redactedContent": redacted } }));
        }
        for (id, city) in &turn.calls {
            let input = json!({ "city": city });
            content.push(json!({ "toolUse": { "toolUseId": id, "name": "weather", "input": input } }));
        }
        if !turn.text.is_empty() {
            content.push(json!({ "text": turn.text }));
        }
        content
    }

    fn block(index: usize, whole: &Value) -> Vec<(&'static str, Value)> {
        let delta =
            |delta: Value| ("contentBlockDelta", json!({ "contentBlockIndex": index, "delta": delta }));
        let mut frames = Vec::new();
        if let Some(call) = whole.get("toolUse") {
            let start = json!({ "toolUse": { "toolUseId": call["toolUseId"], "name": call["name"] } });
            frames.push(("contentBlockStart", json!({ "contentBlockIndex": index, "start": start })));
            frames.push(delta(json!({ "toolUse": { "input": call["input"].to_string() } })));
        } else if let Some(reasoning) = whole.pointer("/reasoningContent/reasoningText") {
            frames.push(delta(json!({ "reasoningContent": { "text": reasoning["text"] } })));
            frames.push(delta(json!({ "reasoningContent": { "signature": reasoning["signature"] } })));
        } else {
            frames.push(delta(whole.clone()));
        }
        frames.push(("contentBlockStop", json!({ "contentBlockIndex": index })));
        frames
    }

    fn answer(turn: &Turn, streamed: bool) -> Script {
        let content = content(turn);
        let reason = turn.reason("tool_use", "end_turn");
        let usage = json!({ "inputTokens": 5, "outputTokens": 2, "totalTokens": 7 });
        if !streamed {
            let message = json!({ "role": "assistant", "content": content });
            return json_answer(
                &json!({ "output": { "message": message }, "stopReason": reason, "usage": usage }),
            );
        }
        let mut frames = vec![("messageStart", json!({ "role": "assistant" }))];
        frames.extend(content.iter().enumerate().flat_map(|(index, whole)| block(index, whole)));
        frames.push(("messageStop", json!({ "stopReason": reason })));
        frames.push(("metadata", json!({ "usage": usage })));
        let bytes = frames.iter().flat_map(|(name, payload)| {
            let headers = [(":message-type", "event"), (":event-type", *name)];
            aws_stream::write(&headers, payload.to_string().as_bytes())
        });
        let head = "content-type: application/vnd.amazon.eventstream\r\n";
        Script::new().write(answers::chunked_answer(head, &bytes.collect::<Vec<u8>>()))
    }

    fn history(turn: &Turn, _all_given_back: bool) -> Vec<Value> {
        let result = |(id, city): &(String, &str)| json!({ "toolResult": { "toolUseId": id, "content": [{ "text": result_of(city) }] } });
        let results: Vec<Value> = turn.calls.iter().map(result).collect();
        vec![
            json!({ "role": "assistant", "content": content(turn) }),
            json!({ "role": "user", "content": results }),
        ]
    }

    #[tokio::test]
    async fn tools_over_three_turns() {
        three_turns(Provider {
            settings: "kind = \"bedrock\"\nregion = \"eu-central-1\"\napi_key = \"key\"",
            // A profile may be of a model that signs.
            model: "arn:aws:bedrock:eu-central-1:123456789012:application-inference-profile/abc123",
            messages: "messages",
            first: json!({ "role": "user", "content": [{ "text": QUESTION }] }),
            answer,
            streams: |request| request.request_line().contains("/converse-stream "),
            history,
        })
        .await;
    }
}

mod cohere {
    use super::*;

    fn calls(turn: &Turn) -> Vec<Value> {
        let call = |(id, city): &(String, &str)| {
            let arguments = json!({ "city": city }).to_string();
            let function = json!({ "name": "weather", "arguments": arguments });
            json!({ "id": id, "type": "function", "function": function })
        };
        turn.calls.iter().map(call).collect()
    }

    fn content(turn: &Turn) -> Vec<Value> {
        let thinking = json!({ "type": "thinking", "thinking": turn.reasoning });
        let text = json!({ "type": "text", "text": turn.text });
        let all = [(turn.reasoning, thinking), (turn.text, text)];
        all.into_iter().filter(|(words, _)| !words.is_empty()).map(|(_, part)| part).collect()
    }

    fn answer(turn: &Turn, streamed: bool) -> Script {
        let usage = json!({ "tokens": { "input_tokens": 5.0, "output_tokens": 2.0 } });
        let reason = turn.reason("TOOL_CALL", "COMPLETE");
        if !streamed {
            let message = json!({ "role": "assistant", "content": content(turn), "tool_calls": calls(turn) });
            return json_answer(
                &json!({ "id": "c-1", "finish_reason": reason, "message": message, "usage": usage }),
            );
        }
        let of = |kind: &str, index: usize, message: Value| json!({ "type": kind, "index": index, "delta": { "message": message } });
        let mut events = vec![
            json!({ "type": "message-start", "id": "c-1", "delta": { "message": { "role": "assistant" } } }),
        ];
        for (index, part) in content(turn).iter().enumerate() {
            let mut start = part.clone();
            let kind = part["type"].as_str().unwrap();
            start[kind] = json!("");
            events.push(of("content-start", index, json!({ "content": start })));
            events.push(of("content-delta", index, json!({ "content": { kind: part[kind] } })));
            events.push(json!({ "type": "content-end", "index": index }));
        }
        for (index, mut call) in calls(turn).into_iter().enumerate() {
            let arguments = call["function"]["arguments"].take();
            call["function"]["arguments"] = json!("");
            events.push(of("tool-call-start", index, json!({ "tool_calls": call })));
            let more = json!({ "function": { "arguments": arguments } });
            events.push(of("tool-call-delta", index, json!({ "tool_calls": more })));
            events.push(json!({ "type": "tool-call-end", "index": index }));
        }
        events.push(json!({ "type": "message-end", "delta": { "finish_reason": reason, "usage": usage } }));
        event_stream(&events)
    }

    /// Nothing is signed: the reasoning comes back from those who give it back.
    fn history(turn: &Turn, all_given_back: bool) -> Vec<Value> {
        let mut message = json!({ "role": "assistant", "tool_calls": calls(turn) });
        if all_given_back {
            message["content"] = json!(content(turn));
        }
        let result = |(id, city): &(String, &str)| json!({ "role": "tool", "tool_call_id": id, "content": result_of(city) });
        std::iter::once(message).chain(turn.calls.iter().map(result)).collect()
    }

    #[tokio::test]
    async fn tools_over_three_turns() {
        three_turns(Provider {
            settings: "kind = \"cohere\"\napi_key = \"key\"",
            model: "command-a-reasoning-08-2025",
            messages: "messages",
            first: json!({ "role": "user", "content": QUESTION }),
            answer,
            streams: |request| request.json()["stream"] == true,
            history,
        })
        .await;
    }
}

mod ollama {
    use super::*;

    fn calls(turn: &Turn) -> Vec<Value> {
        let call = |(id, city): &(String, &str)| json!({ "id": id, "function": { "name": "weather", "arguments": { "city": city } } });
        turn.calls.iter().map(call).collect()
    }

    fn line(mut message: Value, done: bool) -> Value {
        message["role"] = json!("assistant");
        let mut line = json!({ "model": "qwen3:8b", "message": message, "done": done });
        if done {
            line["done_reason"] = json!("stop");
            line["prompt_eval_count"] = json!(5);
            line["eval_count"] = json!(2);
        }
        line
    }

    fn answer(turn: &Turn, streamed: bool) -> Script {
        let (thinking, text) = (turn.reasoning, turn.text);
        if !streamed {
            let message = json!({ "content": text, "thinking": thinking, "tool_calls": calls(turn) });
            return json_answer(&line(message, true));
        }
        let mut lines = vec![line(json!({ "content": "", "thinking": thinking }), false)];
        lines.extend(
            calls(turn).into_iter().map(|call| line(json!({ "content": "", "tool_calls": [call] }), false)),
        );
        lines.push(line(json!({ "content": text }), false));
        lines.push(line(json!({ "content": "" }), true));
        let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
        let head = "content-type: application/x-ndjson\r\n";
        Script::new().write(answers::chunked_answer(head, text.as_bytes()))
    }

    /// Nothing is signed: the reasoning comes back from those who give it back.
    fn history(turn: &Turn, all_given_back: bool) -> Vec<Value> {
        let mut message = json!({ "role": "assistant", "content": "", "tool_calls": calls(turn) });
        if all_given_back {
            message["thinking"] = json!(turn.reasoning);
        }
        let result = |(id, city): &(String, &str)| json!({ "role": "tool", "tool_name": "weather", "tool_call_id": id, "content": result_of(city) });
        std::iter::once(message).chain(turn.calls.iter().map(result)).collect()
    }

    #[tokio::test]
    async fn tools_over_three_turns() {
        three_turns(Provider {
            settings: "kind = \"ollama\"",
            model: "qwen3:8b",
            messages: "messages",
            first: json!({ "role": "user", "content": QUESTION }),
            answer,
            streams: |request| request.json()["stream"] == true,
            history,
        })
        .await;
    }
}
