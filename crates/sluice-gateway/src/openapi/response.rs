//! The answers: completions, chunks, usage, models.

use serde_json::{Value, json};

use super::schema::{list, object, only, optional, optional_list, plain, schema, with};

pub(super) fn schemas() -> Vec<(&'static str, Value)> {
    vec![
        ("ChatCompletion", completion()),
        ("AssistantMessage", assistant_message()),
        ("Annotation", annotation()),
        ("Logprobs", logprobs()),
        ("TokenLogprob", token_logprob()),
        ("ChatCompletionChunk", chunk()),
        ("Delta", delta()),
        ("FinishReason", finish_reason()),
        ("Usage", usage()),
        ("Model", model()),
    ]
}

fn head(object: &str) -> Value {
    json!({
        "id": plain("string", "The same in all chunks of an answer."),
        "object": only(object),
        "created": plain("integer", "Unix seconds."),
        "model": plain("string", "As the upstream that answered named it."),
        "service_tier": optional("string", "The tier that was used."),
        "system_fingerprint": optional("string", "Stands for the configuration that answered.")
    })
}

fn completion() -> Value {
    let choice = object(
        &["index", "message", "finish_reason"],
        json!({
            "index": plain("integer", "From 0."),
            "message": schema("AssistantMessage"),
            "logprobs": { "oneOf": [schema("Logprobs"), { "type": "null" }] },
            "finish_reason": schema("FinishReason")
        }),
    );
    let mut properties = head("chat.completion");
    properties["choices"] = list(choice, "`n` of them.");
    properties["usage"] = schema("Usage");
    object(&["id", "object", "created", "model", "choices"], properties)
}

fn assistant_message() -> Value {
    let audio = object(
        &["id", "expires_at", "data", "transcript"],
        json!({
            "id": { "type": "string" },
            "expires_at": plain("integer", "Unix seconds until which the id can be used."),
            "data": plain("string", "Base64, in the form that was asked for."),
            "transcript": { "type": "string" }
        }),
    );
    object(
        &["role", "content"],
        json!({
            "role": only("assistant"),
            "content": optional("string", "The text; null beside calls alone."),
            "refusal": optional("string", "Why the model did not answer."),
            "reasoning_content": optional("string", "What the model thought before it answered."),
            "annotations": optional_list(schema("Annotation"), "Sources of the text."),
            "audio": { "oneOf": [audio, { "type": "null" }] },
            "tool_calls": optional_list(schema("ToolCall"), "Calls that the model made."),
            "function_call": {
                "type": ["object", "null"],
                "deprecated": true,
                "properties": { "name": { "type": "string" }, "arguments": { "type": "string" } }
            }
        }),
    )
}

fn annotation() -> Value {
    let citation = object(
        &["start_index", "end_index", "url", "title"],
        json!({
            "start_index": plain("integer", "Where the cited text begins, in characters."),
            "end_index": plain("integer", "Where it ends."),
            "url": { "type": "string" },
            "title": { "type": "string" }
        }),
    );
    object(&["type", "url_citation"], json!({ "type": only("url_citation"), "url_citation": citation }))
}

fn logprobs() -> Value {
    object(
        &[],
        json!({
            "content": optional_list(schema("TokenLogprob"), "Of the text."),
            "refusal": optional_list(schema("TokenLogprob"), "Of the refusal.")
        }),
    )
}

fn token_logprob() -> Value {
    let fields = || {
        json!({
            "token": { "type": "string" },
            "logprob": plain("number", "-9999.0 stands for very unlikely."),
            "bytes": optional_list(json!({ "type": "integer" }), "The token as UTF-8, where it is text.")
        })
    };
    let mut all = fields();
    all["top_logprobs"] =
        list(object(&["token", "logprob"], fields()), "The likeliest tokens at this place.");
    object(&["token", "logprob", "top_logprobs"], all)
}

fn chunk() -> Value {
    let choice = object(
        &["index", "delta", "finish_reason"],
        json!({
            "index": plain("integer", "From 0."),
            "delta": schema("Delta"),
            "logprobs": { "oneOf": [schema("Logprobs"), { "type": "null" }] },
            "finish_reason": {
                "description": "Null until the choice is complete.",
                "oneOf": [schema("FinishReason"), { "type": "null" }]
            }
        }),
    );
    let mut properties = head("chat.completion.chunk");
    properties["choices"] = list(choice, "Empty in the chunk with the usage.");
    properties["usage"] = json!({
        "description": "In the last chunk, with `stream_options.include_usage`.",
        "oneOf": [schema("Usage"), { "type": "null" }]
    });
    object(&["id", "object", "created", "model", "choices"], properties)
}

fn delta() -> Value {
    let call = json!({
        "type": "object",
        "required": ["index"],
        "properties": {
            "index": plain("integer", "Which call this is a piece of."),
            "id": { "type": "string" },
            "type": { "type": "string" },
            "function": object(&[], json!({
                "name": { "type": "string" },
                "arguments": plain("string", "The next piece of the JSON text.")
            })),
            "custom": object(&[], json!({ "name": { "type": "string" }, "input": { "type": "string" } }))
        }
    });
    object(
        &[],
        json!({
            "role": plain("string", "In the first chunk."),
            "content": optional("string", "The next piece of the text."),
            "refusal": optional("string", "The next piece of the refusal."),
            "reasoning_content": optional("string", "The next piece of the reasoning; it comes before the text."),
            "annotations": optional_list(schema("Annotation"), "Sources of the text."),
            "audio": {
                "type": ["object", "null"],
                "properties": {
                    "id": { "type": "string" },
                    "data": plain("string", "The next piece, base64."),
                    "transcript": { "type": "string" },
                    "expires_at": { "type": "integer" }
                }
            },
            "tool_calls": optional_list(call, "Pieces of calls."),
            "function_call": {
                "type": ["object", "null"],
                "deprecated": true,
                "properties": { "name": { "type": "string" }, "arguments": { "type": "string" } }
            }
        }),
    )
}

fn finish_reason() -> Value {
    json!({
        "type": "string",
        "enum": ["stop", "length", "tool_calls", "content_filter", "function_call"],
        "description": "Why the choice ended. An exact vendor's own word may stand here too."
    })
}

fn usage() -> Value {
    let count = |text: &str| with(plain("integer", text), json!({ "minimum": 0 }));
    object(
        &["prompt_tokens", "completion_tokens", "total_tokens"],
        json!({
            "prompt_tokens": count("Of the request, cached ones included."),
            "completion_tokens": count("Of the answer, reasoning included."),
            "total_tokens": count("Both together."),
            "prompt_tokens_details": object(&[], json!({
                "cached_tokens": count("Read from the provider's cache."),
                "cache_write_tokens": count("Written to the provider's cache."),
                "text_tokens": count("Of text."),
                "audio_tokens": count("Of audio."),
                "image_tokens": count("Of images.")
            })),
            "completion_tokens_details": object(&[], json!({
                "text_tokens": count("Of text."),
                "audio_tokens": count("Of audio."),
                "reasoning_tokens": count("Of reasoning."),
                "accepted_prediction_tokens": count("Of the prediction, found in the answer."),
                "rejected_prediction_tokens": count("Of the prediction, not found in the answer.")
            }))
        }),
    )
}

fn model() -> Value {
    object(
        &["id", "object", "created", "owned_by"],
        json!({
            "id": plain("string", "What to send as `model`."),
            "object": only("model"),
            "created": plain("integer", "Unix seconds."),
            "owned_by": plain("string", "The provider of its only target, or `sluicegate`."),
            "context_length": plain("integer", "Tokens of prompt and answer together, where it is known."),
            "max_output_tokens": plain("integer", "Most tokens of an answer, where it is known."),
            "capabilities": list(json!({ "type": "string" }), "Words such as `tools` and `vision`, where they are known.")
        }),
    )
}
