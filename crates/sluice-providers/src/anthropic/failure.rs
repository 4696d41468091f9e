//! What failures of Anthropic mean, by status and by the type of the error. What is not Anthropic's own way is read
//! as any other provider's.

use serde_json::Value;
use sluice_chat::{Failure, FailureKind};

use crate::dialect::FailedAnswer;
use crate::openai::failure as common;

/// In the messages of a 400: the account is empty.
const BALANCE: [&str; 2] = ["credit balance is too low", "spend limit"];

/// In the messages of a 400: prompt and limit do not fit the context together.
const CONTEXT: [&str; 3] =
    ["exceed context limit", "exceeds the maximum number of tokens", "too long for requested model"];

pub(super) fn of_answer(answer: &FailedAnswer<'_>) -> Failure {
    let mut failure = common::of_answer(answer);
    let body: Value = serde_json::from_slice(answer.body).unwrap_or_default();
    let text = |place: &str| body.pointer(place).and_then(Value::as_str).unwrap_or_default();
    let details = text("/error/details/error_code");
    if let Some(kind) = own_kind(answer.status, &failure, details) {
        failure = become_kind(failure, kind);
    }
    failure
}

/// The failure that an `error` event, or a body with a success status, declares. `error` is the value under that key.
pub(super) fn of_event(error: &Value) -> Failure {
    let status = status_of(error.get("type").and_then(Value::as_str).unwrap_or_default());
    let body = serde_json::json!({ "type": "error", "error": error }).to_string();
    // An overload that has no type of ours is one of the server's.
    let answer = FailedAnswer {
        status: status.unwrap_or(500),
        content_type: Some("application/json"),
        retry_after_ms: None,
        body: body.as_bytes(),
    };
    of_answer(&answer)
}

/// The status that goes with a type of error. Source: the table of Anthropic's page on errors.
fn status_of(kind: &str) -> Option<u16> {
    Some(match kind {
        "invalid_request_error" => 400,
        "authentication_error" => 401,
        "billing_error" => 402,
        "permission_error" => 403,
        "not_found_error" => 404,
        "conflict_error" => 409,
        "request_too_large" => 413,
        "rate_limit_error" => 429,
        "api_error" => 500,
        "timeout_error" => 504,
        "overloaded_error" => 529,
        _ => return None,
    })
}

fn own_kind(status: u16, failure: &Failure, details: &str) -> Option<FailureKind> {
    let message = failure.error.message.to_ascii_lowercase();
    let says = |texts: &[&str]| texts.iter().any(|text| message.contains(text));
    match status {
        400 if says(&BALANCE) => Some(FailureKind::BalanceGone),
        400 if says(&CONTEXT) => Some(FailureKind::ContextLength),
        429 if details.ends_with("spend_limit_reached") => Some(FailureKind::BalanceGone),
        // A conflict passes, and so does a request that took too long.
        408 | 409 => Some(FailureKind::ServerError),
        _ => None,
    }
}

fn become_kind(mut failure: Failure, kind: FailureKind) -> Failure {
    failure.kind = kind;
    if kind == FailureKind::ContextLength {
        failure.error.code = Some("context_length_exceeded".into());
        failure.error.param = Some("messages".to_owned());
    }
    failure
}

/// The failure that an exception frame of Bedrock declares, by its name.
pub(super) fn of_exception(name: &str, payload: &[u8]) -> Failure {
    let said: Value = serde_json::from_slice(payload).unwrap_or_default();
    let message = ["message", "Message"].iter().find_map(|key| said.get(*key)?.as_str());
    let body = serde_json::json!({ "message": message.unwrap_or(name) }).to_string();
    let answer = FailedAnswer {
        status: match name {
            "validationException" => 400,
            "throttlingException" => 429,
            "serviceUnavailableException" => 503,
            "modelTimeoutException" => 504,
            _ => 500,
        },
        content_type: Some("application/json"),
        retry_after_ms: None,
        body: body.as_bytes(),
    };
    of_answer(&answer)
}
