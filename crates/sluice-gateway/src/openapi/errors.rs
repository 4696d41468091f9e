//! Errors: one body, and what each status means.

use serde_json::{Map, Value, json};

use super::schema::{object, optional, plain, schema};

/// Status, name of the response, what it means, and an example of its error: type, param, code, message.
pub(super) type Row = (u16, &'static str, &'static str, [Option<&'static str>; 4]);

const INVALID: Option<&str> = Some("invalid_request_error");
const UPSTREAM: Option<&str> = Some("upstream_error");

const SHOULD_RETRY: (&str, &str) = ("x-should-retry", "ShouldRetry");
const RETRY_AFTER: (&str, &str) = ("Retry-After", "RetryAfter");
const RETRY_AFTER_MS: (&str, &str) = ("retry-after-ms", "RetryAfterMs");

/// Every error status, in the order of the document.
const ROWS: &[Row] = &[
    (
        400,
        "BadRequest",
        "Not JSON, a field that is missing, invalid or out of range, or a key that stands twice; `param` is its path. \
         Also what an upstream says about the request, in its own words.",
        [
            INVALID,
            Some("messages[0].role"),
            Some("invalid_value"),
            Some(
                "Invalid 'messages[0].role': expected one of 'developer', 'system', 'user', 'assistant', 'tool', 'function'.",
            ),
        ],
    ),
    (
        401,
        "Unauthorized",
        "No key, or one that is malformed, unknown, revoked or expired.",
        [
            INVALID,
            None,
            Some("invalid_api_key"),
            Some("No valid API key: send one as 'Authorization: Bearer sk-...'."),
        ],
    ),
    (
        402,
        "PaymentRequired",
        "The budget is spent or too small for this request. `x-should-retry: false`.",
        [
            Some("insufficient_quota"),
            None,
            Some("insufficient_quota"),
            Some("The budget of this key is spent."),
        ],
    ),
    (
        403,
        "Forbidden",
        "The key may not use the model (`model_not_allowed`), or has a budget and nobody knows what the model costs \
         (`model_not_priced`).",
        [
            INVALID,
            Some("model"),
            Some("model_not_allowed"),
            Some("This API key may not use the model 'gpt-4o'."),
        ],
    ),
    (
        404,
        "NotFound",
        "There is no such model (`model_not_found`) or path (`unknown_url`).",
        [INVALID, Some("model"), Some("model_not_found"), Some("The model 'gpt-5o' does not exist.")],
    ),
    (
        405,
        "MethodNotAllowed",
        "The path takes other methods, named in `Allow`.",
        [INVALID, None, Some("method_not_allowed"), Some("Method GET is not allowed here; allowed: POST.")],
    ),
    (
        408,
        "RequestTimeout",
        "The request body came too slowly.",
        [INVALID, None, Some("request_timeout"), Some("The request body came too slowly.")],
    ),
    (
        409,
        "Conflict",
        "The `Idempotency-Key` was used with another body (`idempotency_key_reused`), or its answer is not to be had \
         here any more (`idempotency_replay_unavailable`). `x-should-retry: false`.",
        [
            INVALID,
            Some("Idempotency-Key"),
            Some("idempotency_key_reused"),
            Some("This Idempotency-Key was used with another request body."),
        ],
    ),
    (
        413,
        "ContentTooLarge",
        "The request body is larger than `max_body_bytes`.",
        [
            INVALID,
            None,
            Some("request_too_large"),
            Some("The request body is larger than the limit of 33554432 bytes."),
        ],
    ),
    (
        415,
        "UnsupportedMediaType",
        "The request body is not `application/json`.",
        [
            INVALID,
            None,
            Some("unsupported_media_type"),
            Some("Send the body as 'Content-Type: application/json'."),
        ],
    ),
    (
        422,
        "UnprocessableContent",
        "An upstream refused the request, in its own words. Other 4xx statuses of upstreams are passed on likewise.",
        [INVALID, Some("temperature"), Some("unsupported_value"), Some("The upstream's own text.")],
    ),
    (
        429,
        "TooManyRequests",
        "A limit of the key, or all targets are rate limited. `Retry-After` and `retry-after-ms` say when to come back; \
         a request that alone is above the limit has `x-should-retry: false` instead.",
        [
            Some("rate_limit_error"),
            None,
            Some("rate_limit_exceeded"),
            Some("Every provider of this model is rate limited."),
        ],
    ),
    (
        431,
        "HeadersTooLarge",
        "Too many or too large request headers.",
        [INVALID, None, Some("headers_too_large"), Some("The request has too many or too large headers.")],
    ),
    (
        500,
        "InternalError",
        "A fault of the gateway itself.",
        [Some("server_error"), None, Some("internal_error"), Some("The gateway failed on this request.")],
    ),
    (
        502,
        "BadGateway",
        "No target is left to try: one of `upstream_auth`, `upstream_model_not_found`, `upstream_balance`, \
         `upstream_unreachable`, `upstream_tls`, `upstream_bad_response`. `x-should-retry: false`.",
        [UPSTREAM, None, Some("upstream_unreachable"), Some("The connection to the provider was refused.")],
    ),
    (
        503,
        "Unavailable",
        "Overloaded, here or at every upstream (`server_is_overloaded`), or the database or the journal cannot take the \
         request (`accounting_unavailable`). `Retry-After` says when to come back.",
        [
            Some("service_unavailable_error"),
            None,
            Some("server_is_overloaded"),
            Some("The gateway has no room for this request just now; please try again."),
        ],
    ),
    (
        504,
        "GatewayTimeout",
        "No target answered in time. `x-should-retry: false`.",
        [UPSTREAM, None, Some("upstream_timeout"), Some("The provider sent no answer in time.")],
    ),
];

/// The components: one response a status, and those of the admin API.
pub(super) fn responses() -> Value {
    let rows = ROWS.iter().map(|row| (row.1.to_owned(), response(row)));
    Value::Object(rows.chain(super::admin::responses()).collect())
}

pub(super) fn response((status, _, description, example): &Row) -> Value {
    let [kind, param, code, message] = example;
    let mut headers = Map::new();
    for (name, reference) in [("x-request-id", "RequestId"), ("x-trace-id", "TraceId")] {
        headers.insert(name.to_owned(), header(reference));
    }
    let more: &[(&str, &str)] = match status {
        402 | 409 | 502 | 504 => &[SHOULD_RETRY],
        405 => &[("Allow", "Allow")],
        429 => &[RETRY_AFTER, RETRY_AFTER_MS, SHOULD_RETRY],
        503 => &[RETRY_AFTER, RETRY_AFTER_MS],
        _ => &[],
    };
    for (name, reference) in more {
        headers.insert((*name).to_owned(), header(reference));
    }
    json!({
        "description": description,
        "headers": headers,
        "content": { "application/json": {
            "schema": schema("Error"),
            "example": { "error": { "message": message, "type": kind, "param": param, "code": code } }
        }}
    })
}

pub(super) fn header(name: &str) -> Value {
    json!({ "$ref": format!("#/components/headers/{name}") })
}

/// The answers of an operation: its good ones, and the errors of these statuses.
pub(super) fn answers(good: Value, statuses: &[u16]) -> Value {
    let mut answers = good;
    for (status, name, ..) in ROWS.iter().filter(|row| statuses.contains(&row.0)) {
        answers[status.to_string()] = json!({ "$ref": format!("#/components/responses/{name}") });
    }
    answers
}

/// The name of the response of a status.
pub(super) fn named(status: u16) -> Option<&'static str> {
    ROWS.iter().find(|row| row.0 == status).map(|row| row.1)
}

/// Every error status there is.
pub(super) fn every_status() -> Vec<u16> {
    ROWS.iter().map(|row| row.0).collect()
}

pub(super) fn schemas() -> Vec<(&'static str, Value)> {
    let error = object(
        &["message", "type", "param", "code"],
        json!({
            "message": plain("string", "English text for a person."),
            "type": plain("string", "Whose fault it is: `invalid_request_error`, `insufficient_quota`, \
                `rate_limit_error`, `upstream_error`, `server_error`, `service_unavailable_error`, or an upstream's word."),
            "param": optional("string", "Path of the field at fault, such as `messages[2].content[0].type`."),
            "code": optional("string", "For programs, such as `invalid_api_key`. In a stream that broke: \
                `upstream_truncated`, `upstream_stalled`, `upstream_bad_event`, `event_too_large`, `server_shutdown`."),
        }),
    );
    vec![("Error", object(&["error"], json!({ "error": error })))]
}
