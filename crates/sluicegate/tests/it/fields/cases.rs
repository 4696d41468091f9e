//! Requests that have every field of the pages, and answers that have every field.

use serde_json::{Value, json};

fn user(text: &str) -> Value {
    json!([{ "role": "user", "content": text }])
}

fn function(name: &str) -> Value {
    json!({ "type": "function", "function": { "name": name, "description": "Looks something up.", "strict": false,
        "parameters": { "type": "object", "properties": { "q": { "type": "string" } }, "required": ["q"] } } })
}

/// Requests without `model` and `stream`. Together they have every field.
pub(super) fn requests() -> Vec<Value> {
    vec![
        json!({ "messages": user("Hello"), "temperature": 0.5, "top_p": 0.5, "n": 2, "stop": ["four"],
            "max_tokens": 100, "max_completion_tokens": 50, "presence_penalty": 1, "frequency_penalty": -1.5,
            "logit_bias": { "50256": -100 }, "user": "user-1234", "seed": 7, "reasoning_effort": "low",
            "stream_options": { "include_usage": true }, "metadata": { "a": "b" }, "service_tier": "auto",
            "store": false }),
        json!({ "messages": [
            { "role": "system", "content": "Be brief.", "name": "rules" },
            { "role": "user", "content": [
                { "type": "text", "text": "What is this?" },
                { "type": "image_url", "image_url": { "url": "https://example.com/a.png", "detail": "low" } },
                { "type": "input_audio", "input_audio": { "data": "AAAA", "format": "wav" } },
                { "type": "file", "file": { "filename": "a.pdf", "file_data": "data:application/pdf;base64,AAAA",
                    "file_id": "file-1" } },
                { "type": "video_url", "video_url": { "url": "https://example.com/a.mp4" } } ] } ] }),
        json!({ "messages": [
            { "role": "developer", "content": "Use tools." },
            { "role": "user", "content": "Weather?" },
            { "role": "assistant", "content": null, "reasoning_content": "I should look.", "tool_calls": [
                { "id": "call_1", "type": "function", "function": { "name": "look", "arguments": "{}" } } ] },
            { "role": "tool", "tool_call_id": "call_1", "content": "Rain." } ],
            "tools": [function("look")], "parallel_tool_calls": true,
            "tool_choice": { "type": "function", "function": { "name": "look" } } }),
        json!({ "messages": user("Hello"), "function_call": "auto", "functions": [
            { "name": "look", "description": "Looks.", "parameters": { "type": "object", "properties": {} } } ] }),
        json!({ "messages": user("Hello"), "modalities": ["text", "audio"],
            "audio": { "voice": "alloy", "format": "pcm16" } }),
        json!({ "messages": user("Hello"), "logprobs": true, "top_logprobs": 2, "web_search_options": {
            "search_context_size": "medium", "user_location": { "type": "approximate", "approximate": {
                "country": "GB", "region": "London", "city": "London", "timezone": "Europe/London" } } } }),
        json!({ "messages": user("Hello"), "prediction": { "type": "content", "content": "Hello you" } }),
        json!({ "messages": user("Hello"), "response_format": { "type": "json_schema", "json_schema": {
            "name": "answer", "schema": { "type": "object", "properties": { "a": { "type": "string" } },
            "required": ["a"], "additionalProperties": false }, "strict": true } } }),
    ]
}

/// A value that the field cannot have.
pub(super) fn wrong(field: &str) -> Value {
    match field {
        "temperature"
        | "top_p"
        | "n"
        | "max_tokens"
        | "max_completion_tokens"
        | "presence_penalty"
        | "frequency_penalty"
        | "seed"
        | "top_logprobs" => json!("much"),
        _ => json!(5),
    }
}

/// A field, values within its range, and values beyond it.
pub(super) fn ranges() -> Vec<(&'static str, Vec<Value>, Vec<Value>)> {
    let numbers = |list: &[f64]| list.iter().map(|number| json!(number)).collect::<Vec<_>>();
    vec![
        ("messages", vec![user("Hello")], vec![json!([])]),
        ("temperature", numbers(&[0.0, 2.0]), numbers(&[-0.01, 2.01])),
        ("top_p", numbers(&[0.0, 1.0]), numbers(&[-0.01, 1.01])),
        ("n", vec![json!(1)], vec![json!(0), json!(-1)]),
        ("max_tokens", vec![json!(1)], vec![json!(0)]),
        ("max_completion_tokens", vec![json!(1)], vec![json!(0)]),
        ("presence_penalty", numbers(&[-2.0, 2.0]), numbers(&[-2.01, 2.01])),
        ("frequency_penalty", numbers(&[-2.0, 2.0]), numbers(&[-2.01, 2.01])),
    ]
}

/// Answers of an upstream that have every field.
pub(super) fn answers() -> Vec<Value> {
    let token = json!({ "token": "Hi", "logprob": -0.1, "bytes": [72, 105], "top_logprobs": [
        { "token": "Hi", "logprob": -0.1, "bytes": [72, 105] } ] });
    let full = json!({ "id": "chatcmpl-1", "object": "chat.completion", "created": 1_730_000_000,
        "model": "upstream-name", "choices": [{ "index": 0, "message": { "role": "assistant", "content": "Hi",
            "refusal": "no", "name": "helper", "reasoning_content": "hm", "tool_call_id": "call_0",
            "tool_calls": [{ "id": "call_1", "type": "function",
                "function": { "name": "look", "arguments": "{}" } }],
            "function_call": { "name": "look", "arguments": "{}" },
            "annotations": [{ "type": "url_citation", "url_citation": { "start_index": 0, "end_index": 2,
                "url": "https://example.com", "title": "Example" } }],
            "audio": { "id": "audio_1", "expires_at": 1_730_000_000, "data": "AAAA", "transcript": "Hi" } },
            "logprobs": { "content": [token], "refusal": [token] }, "finish_reason": "stop" }],
        "service_tier": "default", "system_fingerprint": "fp_1",
        "usage": { "prompt_tokens": 10, "completion_tokens": 8, "total_tokens": 18,
            "prompt_tokens_details": { "cached_tokens": 1, "text_tokens": 5, "audio_tokens": 2, "image_tokens": 3 },
            "completion_tokens_details": { "text_tokens": 5, "audio_tokens": 1, "reasoning_tokens": 2,
                "accepted_prediction_tokens": 1, "rejected_prediction_tokens": 1 } } });
    let mut parts = full.clone();
    parts["choices"][0]["message"]["content"] = requests()[1]["messages"][1]["content"].clone();
    vec![full, parts]
}

/// The same answer as a stream: everything, the finish reason, the usage.
pub(super) fn chunks_of(answer: &Value) -> Vec<Value> {
    let mut all = answer.clone();
    all["object"] = json!("chat.completion.chunk");
    let mut usage = all.clone();
    usage["choices"] = json!([]);
    all["usage"] = Value::Null;
    all["choices"][0]["delta"] = all["choices"][0]["message"].take();
    all["choices"][0].as_object_mut().unwrap().remove("message");
    for (index, call) in
        all["choices"][0]["delta"]["tool_calls"].as_array_mut().unwrap().iter_mut().enumerate()
    {
        call["index"] = json!(index);
    }
    let mut finish = all.clone();
    finish["choices"][0]["delta"] = json!({});
    all["choices"][0]["finish_reason"] = Value::Null;
    vec![all, finish, usage]
}

/// Requests to which the sandbox gives every field of an answer.
pub(super) fn sandbox_requests(stream: bool) -> Vec<Value> {
    let format = if stream { "pcm16" } else { "wav" };
    vec![
        json!({ "messages": user("Hello"), "service_tier": "auto", "logprobs": true, "top_logprobs": 2,
            "reasoning_effort": "high" }),
        json!({ "messages": user("Hello"), "max_tokens": 1 }),
        json!({ "messages": user("refuse: no"), "logprobs": true, "top_logprobs": 2 }),
        json!({ "messages": user("filter: this") }),
        json!({ "messages": user("call: look"), "tools": [function("look")], "tool_choice": "auto" }),
        json!({ "messages": user("call: look"), "functions": [function("look")["function"]] }),
        json!({ "messages": user("Hello"), "modalities": ["text", "audio"],
            "audio": { "voice": "alloy", "format": format } }),
        json!({ "messages": user("Hello"), "web_search_options": {} }),
        json!({ "messages": user("Hello"), "prediction": { "type": "content", "content": "Hello you" } }),
    ]
}
