//! The routes.
#![expect(clippy::needless_pass_by_value, reason = "schemas are built in place and read by `json!`")]

use serde_json::{Value, json};

use super::{
    admin,
    errors::{answers, every_status, header},
    schema::{list, object, only, schema, with},
};

pub(super) fn paths() -> Value {
    let data = json!({
        "/v1/chat/completions": { "post": chat_completions() },
        "/v1/models": { "get": models() },
        "/v1/models/{id}": { "get": model() },
        "/health/live": { "get": live() },
        "/health/ready": { "get": ready() },
        "/metrics": {
            "servers": [{ "url": "http://127.0.0.1:8081", "description": "The admin listener" }],
            "get": metrics()
        }
    });
    let admin = admin::paths().into_iter().map(|(path, item)| (path.to_owned(), item));
    with(data, Value::Object(admin.collect()))
}

fn chat_completions() -> Value {
    let example = |name: &str, summary: &str, value: Value| {
        (name.to_owned(), json!({ "summary": summary, "value": value }))
    };
    let user = json!([{ "role": "user", "content": "Hello" }]);
    let examples = serde_json::Map::from_iter([
        example("plain", "One answer", json!({ "model": "sandbox/echo", "messages": user })),
        example(
            "stream",
            "A stream with usage at its end",
            json!({ "model": "sandbox/text", "messages": user, "stream": true, "stream_options": { "include_usage": true } }),
        ),
        example("tools", "A function that may be called", tools_example()),
        example("parts", "Text and an image", parts_example()),
    ]);
    json!({
        "tags": ["chat"],
        "operationId": "createChatCompletion",
        "summary": "Answer a conversation",
        "description": "`model` is an alias of this gateway, or `provider/model`. With `stream: true` the answer is a \
            stream of server-sent events, each `data:` a ChatCompletionChunk, ended by `data: [DONE]`. A stream that \
            breaks ends in an event `data: {\"error\":{…}}` and the connection is closed: never with `[DONE]`, never \
            with an invented `finish_reason`.",
        "parameters": [
            { "$ref": "#/components/parameters/TraceId" },
            { "$ref": "#/components/parameters/IdempotencyKey" },
            { "$ref": "#/components/parameters/SandboxFault" }
        ],
        "requestBody": {
            "required": true,
            "content": { "application/json": { "schema": schema("ChatCompletionRequest"), "examples": examples } }
        },
        "responses": answers(json!({ "200": completion_answer() }), &every_status())
    })
}

fn tools_example() -> Value {
    json!({
        "model": "gpt-4o-mini",
        "messages": [{ "role": "user", "content": "What is the weather in Paris?" }],
        "tools": [{ "type": "function", "function": {
            "name": "weather",
            "description": "The weather of a place",
            "parameters": { "type": "object", "properties": { "place": { "type": "string" } }, "required": ["place"] }
        }}],
        "tool_choice": "auto"
    })
}

fn parts_example() -> Value {
    json!({
        "model": "gpt-4o-mini",
        "messages": [{ "role": "user", "content": [
            { "type": "text", "text": "What is in this picture?" },
            { "type": "image_url", "image_url": { "url": "https://example.com/cat.png", "detail": "low" } }
        ]}],
        "max_completion_tokens": 300
    })
}

fn completion_answer() -> Value {
    let chunk = |delta: Value, finish: Option<&str>| {
        let chunk = json!({
            "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1_767_225_600, "model": "sandbox/echo",
            "choices": [{ "index": 0, "delta": delta, "logprobs": null, "finish_reason": finish }]
        });
        format!("data: {chunk}\n\n")
    };
    let stream = [
        chunk(json!({ "role": "assistant", "content": "" }), None),
        chunk(json!({ "content": "Hello" }), None),
        chunk(json!({}), Some("stop")),
        "data: [DONE]\n\n".to_owned(),
    ];
    json!({
        "description": "The answer, whole or as a stream.",
        "headers": {
            "x-request-id": header("RequestId"),
            "x-trace-id": header("TraceId"),
            "x-sluicegate-provider": header("Provider"),
            "x-sluicegate-model": header("Model"),
            "x-sluicegate-attempts": header("Attempts"),
            "x-sluicegate-dropped": header("Dropped"),
            "x-sluicegate-replay-of": header("ReplayOf")
        },
        "content": {
            "application/json": { "schema": schema("ChatCompletion"), "example": completion_example() },
            "text/event-stream": {
                "schema": event(),
                "example": stream.concat()
            }
        }
    })
}

/// One event of a stream: where the media type is a sequence, its schema describes one item.
fn event() -> Value {
    let data = |content: Value, title: &str| {
        let data =
            json!({ "type": "string", "contentMediaType": "application/json", "contentSchema": content });
        with(object(&["data"], json!({ "data": data })), json!({ "title": title }))
    };
    json!({
        "description": "One event. The last one is `[DONE]`, of a stream that broke an Error.",
        "anyOf": [
            with(object(&["data"], json!({ "data": only("[DONE]") })), json!({ "title": "`[DONE]`" })),
            data(schema("ChatCompletionChunk"), "ChatCompletionChunk"),
            data(schema("Error"), "Error")
        ]
    })
}

fn completion_example() -> Value {
    json!({
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1_767_225_600,
        "model": "sandbox/echo",
        "choices": [{
            "index": 0,
            "message": { "role": "assistant", "content": "Hello", "refusal": null },
            "logprobs": null,
            "finish_reason": "stop"
        }],
        "usage": {
            "prompt_tokens": 8, "completion_tokens": 2, "total_tokens": 10,
            "prompt_tokens_details": { "cached_tokens": 0, "text_tokens": 8, "audio_tokens": 0, "image_tokens": 0 },
            "completion_tokens_details": { "text_tokens": 2, "audio_tokens": 0, "reasoning_tokens": 0 }
        }
    })
}

/// Errors that every route with a key can answer.
const WITH_KEY: &[u16] = &[401, 405, 431, 500, 503];

fn models() -> Value {
    let body = object(
        &["object", "data"],
        json!({ "object": only("list"), "data": list(schema("Model"), "In the order of their names.") }),
    );
    json!({
        "tags": ["models"],
        "operationId": "listModels",
        "summary": "The models that the key may use",
        "parameters": [{ "$ref": "#/components/parameters/TraceId" }],
        "responses": answers(json!({ "200": json_answer("The models.", body) }), WITH_KEY)
    })
}

fn model() -> Value {
    let id = json!({
        "name": "id", "in": "path", "required": true, "schema": { "type": "string" }, "example": "sandbox/echo",
        "description": "Name of the model. It may contain a slash, written as it is or as `%2F`."
    });
    json!({
        "tags": ["models"],
        "operationId": "getModel",
        "summary": "One model",
        "parameters": [id, { "$ref": "#/components/parameters/TraceId" }],
        "responses": answers(
            json!({ "200": json_answer("The model.", schema("Model")) }),
            &[401, 403, 404, 405, 431, 500, 503]
        )
    })
}

fn json_answer(description: &str, body: Value) -> Value {
    json!({
        "description": description,
        "headers": { "x-request-id": header("RequestId"), "x-trace-id": header("TraceId") },
        "content": { "application/json": { "schema": body } }
    })
}

fn health(operation: &str, summary: &str, answers: Value) -> Value {
    json!({
        "tags": ["operation"], "operationId": operation, "summary": summary, "security": [], "responses": answers
    })
}

fn status_body() -> Value {
    object(&["status"], json!({ "status": { "type": "string" } }))
}

fn live() -> Value {
    let answers = json!({ "200": json_answer("The process runs.", status_body()) });
    health("live", "Whether the process runs", answers)
}

fn ready() -> Value {
    let answers = json!({
        "200": json_answer("Requests are answered.", status_body()),
        "503": json_answer("The gateway is leaving: send new requests elsewhere.", status_body())
    });
    health("ready", "Whether requests are answered", answers)
}

fn metrics() -> Value {
    json!({
        "tags": ["operation"],
        "operationId": "metrics",
        "summary": "Metrics as OpenMetrics text",
        "description": "On the admin listener. The admin token is needed unless that listens on loopback. The content type is OpenMetrics' own where `Accept` names it, else that of Prometheus' older text format, as which it can be read too.",
        "security": [{}, { "admin": [] }],
        "responses": answers(
            json!({ "200": {
                "description": "The metrics.",
                "content": {
                    "application/openmetrics-text": { "schema": { "type": "string" } },
                    "text/plain": { "schema": { "type": "string" } }
                }
            }}),
            &[401]
        )
    })
}

pub(super) fn parameters() -> Value {
    let header = |name: &str, schema: Value, description: &str| json!({ "name": name, "in": "header", "required": false, "schema": schema, "description": description });
    let data = json!({
        "TraceId": header(
            "X-Trace-ID",
            json!({ "type": "string" }),
            "The caller's own id of this request: at most 128 visible ASCII characters. It is echoed and logged and \
             never sent to an upstream. One that does not fit is replaced by ours, never refused."
        ),
        "IdempotencyKey": header(
            "Idempotency-Key",
            json!({ "type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$" }),
            "A name for this request, 1 to 255 visible ASCII characters, of the bearer key's own: the same request \
             sent again within 24 hours gets the same answer, is made once and charged once. See the chapter on \
             repeats."
        ),
        "SandboxFault": header(
            "x-sandbox-fault",
            json!({ "type": "string", "examples": ["status=429,retry_after=2", "cut_after=40"] }),
            "Faults that the sandbox shall show, separated by commas; equally `metadata[\"sandbox.fault\"]`. Only \
             sandbox models look at it."
        )
    });
    let admin = admin::parameters().into_iter().map(|(name, parameter)| (name.to_owned(), parameter));
    with(data, Value::Object(admin.collect()))
}

pub(super) fn headers() -> Value {
    let text = |description: &str| json!({ "description": description, "schema": { "type": "string" } });
    let number = |description: &str| json!({ "description": description, "schema": { "type": "integer" } });
    json!({
        "RequestId": text("The gateway's id of this request."),
        "TraceId": text("The caller's id of this request, or one made here."),
        "Provider": text("The provider that answered."),
        "Model": text("The model as that provider knows it."),
        "Attempts": number("How many targets were called, the one that answered among them."),
        "Dropped": text("Fields of the request that the provider could not honour; absent when there are none."),
        "ReplayOf": text("The id of the request that this answer was made for, where the `Idempotency-Key` came before."),
        "ShouldRetry": text("`false`: sending the request again will not help."),
        "RetryAfter": number("Seconds to wait, at most 120."),
        "RetryAfterMs": number("The same in milliseconds."),
        "Allow": text("The methods that the path takes.")
    })
}
