//! The request: every field that is checked, with its range.

use serde_json::{Value, json};

use super::schema::{list, object, only, optional, optional_list, plain, schema, with, words};

pub(super) fn schemas() -> Vec<(&'static str, Value)> {
    vec![
        ("ChatCompletionRequest", request()),
        ("Message", message()),
        ("ContentPart", content_part()),
        ("Tool", tool()),
        ("Function", function()),
        ("ToolChoice", tool_choice()),
        ("ToolCall", tool_call()),
        ("ResponseFormat", response_format()),
        ("WebSearchOptions", web_search_options()),
    ]
}

fn request() -> Value {
    let mut request = object(&["model", "messages"], basic());
    for more in [sampling(), limits(), output(), tools(), service()] {
        if let (Some(properties), Value::Object(more)) = (request["properties"].as_object_mut(), more) {
            properties.extend(more);
        }
    }
    with(
        request,
        json!({ "description": "`null` means absent, zero and false are values. Fields not named here are passed on." }),
    )
}

fn basic() -> Value {
    json!({
        "model": plain("string", "An alias of this gateway, or `provider/model`."),
        "messages": with(list(schema("Message"), "The conversation so far."), json!({ "minItems": 1 })),
        "stream": with(optional("boolean", "Answer as server-sent events."), json!({ "default": false })),
        "stream_options": {
            "type": ["object", "null"],
            "description": "For streams; without meaning otherwise.",
            "properties": {
                "include_usage": optional("boolean", "Send a last chunk with `usage` and empty `choices`."),
                "include_obfuscation": optional("boolean", "Pad chunks against observers of their size.")
            }
        }
    })
}

fn sampling() -> Value {
    let range = |low: f64, high: f64, default: f64, text: &str| {
        with(optional("number", text), json!({ "minimum": low, "maximum": high, "default": default }))
    };
    json!({
        "temperature": range(0.0, 2.0, 1.0, "Higher is more random."),
        "top_p": range(0.0, 1.0, 1.0, "Share of the probability that is sampled from."),
        "presence_penalty": range(-2.0, 2.0, 0.0, "Positive: prefer new topics."),
        "frequency_penalty": range(-2.0, 2.0, 0.0, "Positive: avoid repeating words."),
        "logit_bias": {
            "type": ["object", "null"],
            "additionalProperties": { "type": "number" },
            "description": "Token ids, and what is added to their likelihood."
        },
        "seed": with(
            optional("integer", "Ask for the same answer to the same request, as far as the provider can."),
            json!({ "format": "int64", "minimum": i64::MIN, "maximum": i64::MAX })
        ),
        "logprobs": with(optional("boolean", "Give the log probabilities of the tokens."), json!({ "default": false })),
        "top_logprobs": with(
            optional("integer", "How many alternatives to each token."),
            json!({ "minimum": 0, "maximum": 20 })
        ),
        "prediction": {
            "type": ["object", "null"],
            "required": ["type", "content"],
            "description": "What most of the answer is expected to be.",
            "properties": { "type": only("content"), "content": {
                "description": "The expected text, whole or in text parts.",
                "oneOf": [{ "type": "string" }, { "type": "array", "items": text_part() }]
            } }
        }
    })
}

fn limits() -> Value {
    json!({
        "n": with(
            optional("integer", "How many answers."),
            json!({ "minimum": 1, "maximum": 128, "default": 1 })
        ),
        "max_completion_tokens": with(
            optional("integer", "Most tokens of the answer, reasoning included. Goes before `max_tokens`."),
            json!({ "minimum": 1, "maximum": u64::MAX })
        ),
        "max_tokens": with(
            optional("integer", "Older name of `max_completion_tokens`."),
            json!({ "minimum": 1, "maximum": u64::MAX, "deprecated": true })
        ),
        "stop": {
            "description": "Texts at which the answer ends.",
            "oneOf": [
                { "type": "string" },
                { "type": "array", "items": { "type": "string" }, "minItems": 1, "maxItems": 4 },
                { "type": "null" }
            ]
        }
    })
}

fn output() -> Value {
    json!({
        "response_format": { "oneOf": [schema("ResponseFormat"), { "type": "null" }] },
        "modalities": optional_list(
            json!({ "type": "string", "enum": ["text", "audio", "image"] }),
            "Kinds of output; `[\"text\"]` where none is named."
        ),
        "audio": {
            "type": ["object", "null"],
            "description": "How spoken output sounds, with `modalities: [\"text\", \"audio\"]`.",
            "properties": {
                "voice": { "description": "Name of a voice, or an object with its id.", "type": ["string", "object", "null"] },
                "format": words(&["wav", "aac", "mp3", "flac", "opus", "pcm16"], "Form of the audio data.")
            }
        },
        "reasoning_effort": {
            "description": "How much to think first: `none`, `minimal`, `low`, `medium`, `high`, `xhigh`, `max`, or what the \
                provider knows. An object with `effort` is taken too.",
            "oneOf": [
                { "type": "string" },
                { "type": "object", "required": ["effort"], "properties": { "effort": { "type": "string" } } },
                { "type": "null" }
            ]
        },
        "verbosity": words(&["low", "medium", "high"], "How long the answer should be."),
        "web_search_options": { "oneOf": [schema("WebSearchOptions"), { "type": "null" }] }
    })
}

fn tools() -> Value {
    json!({
        "tools": optional_list(schema("Tool"), "What the model may call. An empty list means none."),
        "tool_choice": { "oneOf": [schema("ToolChoice"), { "type": "null" }] },
        "parallel_tool_calls": optional("boolean", "Whether several calls may come in one answer."),
        "functions": with(
            optional_list(schema("Function"), "Older form of `tools`."),
            json!({ "minItems": 1, "maxItems": 128, "deprecated": true })
        ),
        "function_call": {
            "deprecated": true,
            "description": "Older form of `tool_choice`.",
            "oneOf": [
                { "type": "string", "enum": ["none", "auto"] },
                object(&["name"], json!({ "name": { "type": "string" } })),
                { "type": "null" }
            ]
        }
    })
}

fn service() -> Value {
    json!({
        "metadata": {
            "type": ["object", "null"],
            "maxProperties": 16,
            "propertyNames": { "maxLength": 64 },
            "additionalProperties": { "type": "string", "maxLength": 512 },
            "description": "Notes to the request."
        },
        "store": optional("boolean", "Whether the provider may keep the answer."),
        "service_tier": optional("string", "`auto`, `default`, `flex`, `scale`, `priority`, `fast`, or what the provider knows."),
        "user": with(optional("string", "An id of the end user."), json!({ "deprecated": true })),
        "safety_identifier": optional("string", "A hashed id of the end user."),
        "prompt_cache_key": optional("string", "Requests with the same key may share the provider's prompt cache."),
        "prompt_cache_retention": {
            "description": "How long the provider's prompt cache lives: `in_memory` or `24h`. Passed on as it is."
        },
        "prompt_cache_options": {
            "description": "An object with `mode` and `ttl` of the provider's prompt cache. Passed on as it is."
        },
        "moderation": {
            "description": "An object with `model` and `policy` of the provider's moderation. Passed on as it is."
        }
    })
}

fn text_or_parts(description: &str) -> Value {
    json!({
        "description": description,
        "oneOf": [{ "type": "string" }, { "type": "array", "items": schema("ContentPart"), "minItems": 1 }]
    })
}

fn text_part() -> Value {
    object(&["type", "text"], json!({ "type": only("text"), "text": { "type": "string" } }))
}

fn message() -> Value {
    json!({ "oneOf": [
        with(instruction("system"), json!({ "title": "System" })),
        with(instruction("developer"), json!({ "title": "Developer" })),
        with(
            object(&["role", "content"], json!({
                "role": only("user"),
                "content": text_or_parts("Text, or parts of any type."),
                "name": optional("string", "Tells speakers of one role apart.")
            })),
            json!({ "title": "User" })
        ),
        with(assistant(), json!({ "title": "Assistant" })),
        with(
            object(&["role", "content", "tool_call_id"], json!({
                "role": only("tool"),
                "content": text_or_parts("What the tool gave."),
                "tool_call_id": plain("string", "The call that this answers.")
            })),
            json!({ "title": "Tool" })
        ),
        with(
            object(&["role", "name"], json!({
                "role": only("function"),
                "content": optional("string", "What the function gave."),
                "name": plain("string", "The function that was called.")
            })),
            json!({ "title": "Function", "deprecated": true })
        )
    ]})
}

fn instruction(role: &str) -> Value {
    object(
        &["role", "content"],
        json!({
            "role": only(role),
            "content": text_or_parts("Instructions to the model."),
            "name": optional("string", "Tells speakers of one role apart.")
        }),
    )
}

fn assistant() -> Value {
    object(
        &["role"],
        json!({
            "role": only("assistant"),
            "content": {
                "description": "What the model said; may be absent beside calls.",
                "oneOf": [
                    { "type": "string" },
                    { "type": "array", "items": schema("ContentPart") },
                    { "type": "null" }
                ]
            },
            "name": optional("string", "Tells speakers of one role apart."),
            "refusal": optional("string", "Why the model did not answer."),
            "reasoning_content": optional("string", "What the model thought before it answered."),
            "audio": {
                "type": ["object", "null"],
                "description": "An earlier spoken answer, by its `id`. Passed on as it is."
            },
            "tool_calls": optional_list(schema("ToolCall"), "Calls that the model made."),
            "function_call": {
                "type": ["object", "null"],
                "deprecated": true,
                "required": ["name"],
                "properties": { "name": { "type": "string" }, "arguments": { "type": ["string", "null"] } }
            }
        }),
    )
}

/// An object whose `type` is none of these.
fn another_type(known: &[&str]) -> Value {
    object(&["type"], json!({ "type": { "type": "string", "not": { "enum": known } } }))
}

fn content_part() -> Value {
    let part = |name: &str, inner: Value, text: &str| {
        let required = ["type", name];
        with(object(&required, json!({ "type": only(name), name: inner })), json!({ "title": text }))
    };
    let url = |text: &str| object(&["url"], json!({ "url": plain("string", text) }));
    let mut image = url("An https URL or a data URL. It is not fetched here.");
    image["properties"]["detail"] = optional("string", "`auto`, `low`, `high` or `original`.");
    let audio = object(
        &["data"],
        json!({ "data": plain("string", "Base64."), "format": optional("string", "`wav`, `mp3`, or what the provider takes.") }),
    );
    let file = object(
        &[],
        json!({
            "filename": optional("string", "Its name."),
            "file_data": optional("string", "A data URL or base64."),
            "file_id": optional("string", "An uploaded file.")
        }),
    );
    let other = with(
        another_type(&["text", "image_url", "input_audio", "file", "video_url", "refusal"]),
        json!({ "title": "Another type", "description": "Passed on to upstreams that speak this format." }),
    );
    json!({ "anyOf": [
        part("text", json!({ "type": "string" }), "Text"),
        part("image_url", json!({ "oneOf": [image, { "type": "string" }] }), "Image"),
        part("input_audio", audio, "Audio"),
        part("file", file, "File"),
        part("video_url", json!({ "oneOf": [url("Where the video is."), { "type": "string" }] }), "Video"),
        part("refusal", json!({ "type": "string" }), "Refusal, of the assistant"),
        other
    ]})
}

fn name() -> Value {
    json!({ "type": "string", "pattern": "^[A-Za-z0-9_-]{1,64}$" })
}

fn function() -> Value {
    object(
        &["name"],
        json!({
            "name": name(),
            "description": optional("string", "What it does and when to call it."),
            "parameters": optional("object", "JSON Schema of the arguments; without it there are none."),
            "strict": optional("boolean", "Keep exactly to the schema.")
        }),
    )
}

/// The type that is meant where none stands.
fn function_type() -> Value {
    json!({ "type": ["string", "null"], "enum": ["function", null], "default": "function" })
}

fn tool() -> Value {
    let custom = json!({ "type": only("custom"), "custom": {
        "description": "An object with `name`, `description` and `format`. Passed on as it is."
    } });
    json!({ "anyOf": [
        with(object(&["function"], json!({ "type": function_type(), "function": schema("Function") })), json!({ "title": "Function" })),
        with(object(&["type"], custom), json!({ "title": "Custom" })),
        with(another_type(&["function", "custom"]), json!({ "title": "Another type" }))
    ]})
}

fn tool_choice() -> Value {
    json!({
        "description": "Whether and which tools are called.",
        "oneOf": [
            { "type": "string", "enum": ["none", "auto", "required"] },
            {
                "type": "object",
                "required": ["type"],
                "description": "`{\"type\":\"function\",\"function\":{\"name\":…}}`, `{\"type\":\"custom\",…}` or \
                    `{\"type\":\"allowed_tools\",…}`.",
                "properties": { "type": { "type": "string" } }
            }
        ]
    })
}

fn tool_call() -> Value {
    let function = object(
        &["name"],
        json!({
            "name": { "type": "string" },
            "arguments": optional("string", "A JSON text, as the model wrote it: it need not be valid.")
        }),
    );
    let custom = object(
        &["name"],
        json!({
            "name": { "type": "string" }, "input": { "type": ["string", "null"] }
        }),
    );
    let call = |required: &[&str], kind: Value, of: &str, inner: Value| {
        let properties = json!({ "id": { "type": "string" }, "type": kind, of: inner });
        object(required, properties)
    };
    let mut other = another_type(&["function", "custom"]);
    other["required"] = json!(["id", "type"]);
    other["properties"]["id"] = json!({ "type": "string" });
    json!({ "anyOf": [
        with(call(&["id", "function"], function_type(), "function", function), json!({ "title": "Function" })),
        with(call(&["id", "type", "custom"], only("custom"), "custom", custom), json!({ "title": "Custom" })),
        with(other, json!({ "title": "Another type" }))
    ]})
}

fn response_format() -> Value {
    let json_schema = object(
        &["name"],
        json!({
            "name": name(),
            "description": optional("string", "What the answer is for."),
            "schema": optional("object", "A JSON Schema."),
            "strict": optional("boolean", "Keep exactly to the schema.")
        }),
    );
    json!({ "oneOf": [
        with(object(&["type"], json!({ "type": only("text") })), json!({ "title": "Text" })),
        with(object(&["type"], json!({ "type": only("json_object") })), json!({ "title": "Any JSON object" })),
        with(
            object(&["type", "json_schema"], json!({ "type": only("json_schema"), "json_schema": json_schema })),
            json!({ "title": "JSON by a schema" })
        )
    ]})
}

fn web_search_options() -> Value {
    object(
        &[],
        json!({
            "search_context_size": words(&["low", "medium", "high"], "How much of the pages is read."),
            "user_location": {
                "type": ["object", "null"],
                "description": "`type` is `approximate`; `approximate` has `country`, `region`, `city` and `timezone`. \
                    Passed on as it is."
            }
        }),
    )
}
