//! What failures of OpenAI-like upstreams mean: by status, by code, and, where vendors say it no other way, by text.
//!
//! The texts are those of the vendors' error pages; they are compared in lower case. Messages quote what callers
//! wrote, so that an identifier counts only where the upstream alone speaks (see [`Said`]).

use std::borrow::Cow;

use serde_json::Value;
use sluice_chat::error::kind;
use sluice_chat::{ApiError, Failure, FailureKind};

use crate::dialect::FailedAnswer;

const HTML_PAGE: &str = "the upstream answered with an HTML page";

/// Bytes of a plain-text body that are shown as the message.
const PLAIN_TEXT_BYTES_MAX: usize = 500;

/// The prompt is too long for the model.
const CONTEXT_LENGTH: &[&str] = &[
    "context_length_exceeded",
    "exceed_context_size",
    "maximum context length",
    "maximum prompt length",
    "prompt is too long",
    "input is too long",
    "exceeded model token limit",
    "range of input length should be",
    "longer than the model's context length",
    "exceeds the available context size",
    "exceeds the context window",
    "exceeds the context length",
    "exceed model limit",
    "exceeds the model's context",
    "reduce the length of the messages",
];

/// The provider refused what was said.
const CONTENT_POLICY: &[&str] = &[
    "content_filter",
    "content_policy",
    "content management policy",
    "responsibleaipolicyviolation",
    "datainspectionfailed",
    "data_inspection_failed",
    "content exists risk",
    "considered high risk",
    "sensitivecontentdetected",
    "riskdetection",
    "flagged_input",
    "inappropriate content",
];

/// The account at the provider has nothing left.
const BALANCE: &[&str] = &[
    "insufficient_quota",
    "insufficient_balance",
    "insufficient balance",
    "credit_balance_exhausted",
    "billing_hard_limit_reached",
    "exceeded_current_quota",
    "exceeded your current quota",
    "insufficient_user_quota",
    "arrearage",
    "accountoverdue",
    "insufficient credits",
];

/// The provider does not have the model.
const MODEL_MISSING: &[&str] = &[
    "model_not_found",
    "deploymentnotfound",
    "model not exist",
    "model does not exist",
    "model not found",
    "not a valid model id",
    "invalid_model",
    "invalidendpointormodel.notfound",
    "invalidendpoint.notfound",
];

const OVERLOADED: &[&str] = &[
    "overloaded",
    "slow_down",
    "unavailable_error",
    "service_unavailable",
    "currently overloaded",
    "is overloaded",
];

const RATE: &[&str] =
    &["rate_limit", "ratelimit", "throttling", "too_many_requests", "rate limit", "too many requests"];

/// The provider does not take the key.
const CREDENTIALS: &[&str] = &[
    "invalid_api_key",
    "api_key_invalid",
    "invalidapikey",
    "authentication_error",
    "authenticationerror",
    "incorrect api key",
    "invalid api key",
    "api key not valid",
];

/// What an upstream said, in lower case.
struct Said<'a> {
    /// Code, type, status and inner code: the upstream's own words.
    words: String,
    /// Text for a person, with what the caller wrote quoted in it.
    message: String,
    /// The field that the upstream finds fault with.
    param: Option<&'a str>,
}

impl Said<'_> {
    /// Whether one of the texts was said. Identifiers are what callers may have for a value of theirs: in a message
    /// they prove nothing.
    fn any(&self, texts: &[&str]) -> bool {
        let is_phrase = |text: &str| text.contains(' ') && !text.contains('_');
        texts.iter().any(|text| self.words.contains(text) || (is_phrase(text) && self.message.contains(text)))
    }

    /// Whether the fault is in a field of the request other than the model. Such a failure is the caller's, whatever
    /// words the field's value brought along.
    fn blames_a_field(&self, status: u16) -> bool {
        matches!(status, 0 | 400 | 422) && self.param.is_some_and(|param| param != "model")
    }
}

/// What an answer that is not a success means. With a status of success it is one that is no completion.
pub(crate) fn of_answer(answer: &FailedAnswer<'_>) -> Failure {
    let failure = of_status_and_body(answer);
    // A quota that comes back at a time that is told is one of requests or tokens, not of money.
    let comes_back = failure.status == Some(429) && answer.retry_after_ms.is_some();
    match failure.kind {
        FailureKind::BalanceGone if comes_back => Failure { kind: FailureKind::RateLimited, ..failure },
        _ => failure,
    }
}

fn of_status_and_body(answer: &FailedAnswer<'_>) -> Failure {
    if (200..300).contains(&answer.status) {
        let html = answer.content_type.is_some_and(|kind| kind.contains("html"));
        let failure = if html { bad_response(HTML_PAGE) } else { of_no_completion(answer.body) };
        return Failure { retry_after_ms: answer.retry_after_ms, ..failure };
    }
    let mut failure = match readable(answer.body) {
        Some(value) => of_value(answer.status, &value),
        None => of_text(answer),
    };
    failure.status = Some(answer.status);
    failure.retry_after_ms = answer.retry_after_ms;
    failure
}

/// What an `error` that stands in place of a chunk, or in a body with status 200, means. `error` is the value under
/// that key.
pub(crate) fn of_error_event(error: &Value) -> Failure {
    let wrapped = serde_json::json!({ "error": error });
    of_value(stated_status(error).unwrap_or(0), &wrapped)
}

/// A failure that a vendor states by a number of its own beside the completion, with status 200.
pub(crate) fn of_stated(status: u16, code: &str, message: &str) -> Failure {
    let error = serde_json::json!({ "error": { "message": message, "code": code } });
    of_value(status, &error)
}

/// Bytes came instead of a stream, and not one event among them.
pub(crate) fn of_no_stream(bytes: &[u8]) -> Failure {
    if readable(bytes).is_some_and(|value| ApiError::from_upstream(&value).is_some()) {
        return of_no_completion(bytes);
    }
    match bytes.trim_ascii().first() {
        None => empty_answer(),
        Some(b'<') => bad_response(HTML_PAGE),
        Some(_) => bad_response("the upstream answered with something that is not a stream of events"),
    }
}

/// A whole body with a success status that is not a completion.
pub(crate) fn of_no_completion(body: &[u8]) -> Failure {
    match readable(body) {
        Some(value) if ApiError::from_upstream(&value).is_some() => match value.get("error") {
            Some(error) if truthy(error) => of_error_event(error),
            Some(_) => bad_response("the upstream's answer has no choices"),
            None => of_value(stated_status(&value).unwrap_or(0), &value),
        },
        Some(_) => bad_response("the upstream's answer has no choices"),
        None => match body.trim_ascii().first() {
            None => empty_answer(),
            Some(b'<') => bad_response(HTML_PAGE),
            Some(_) => bad_response("the upstream's answer is not JSON"),
        },
    }
}

/// A document, not events.
pub(crate) fn looks_like_a_document(block: &[u8]) -> bool {
    matches!(block.trim_ascii_start().first(), Some(b'<' | b'{' | b'['))
}

pub(crate) fn truncated() -> Failure {
    let message = "the upstream's answer ended before it was complete";
    Failure::ours(FailureKind::Truncated, "upstream_truncated", message)
}

pub(crate) fn done_without_finish() -> Failure {
    let message = "the upstream ended its answer without a finish_reason";
    Failure::ours(FailureKind::Truncated, "upstream_truncated", message)
}

pub(crate) fn bad_event() -> Failure {
    let message = "the upstream sent an event that is not JSON";
    Failure::ours(FailureKind::BadEvent, "upstream_bad_event", message)
}

pub(crate) fn event_too_large() -> Failure {
    let message = "the upstream sent an event that is larger than the bound";
    Failure::ours(FailureKind::EventTooLarge, "event_too_large", message)
}

pub(crate) fn empty_answer() -> Failure {
    bad_response("the upstream's answer is empty")
}

pub(crate) fn bad_response(message: &str) -> Failure {
    Failure::ours(FailureKind::BadResponse, "upstream_bad_response", message)
}

/// Whether a value under `error` means that there is one: everything but null, false, zero and the empty ones.
pub(crate) fn truthy(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(yes) => *yes,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(pairs) => !pairs.is_empty(),
    }
}

/// The JSON of a body; some routes wrap the error into a list.
fn readable(body: &[u8]) -> Option<Value> {
    match serde_json::from_slice::<Value>(body).ok()? {
        Value::Array(items) => items.into_iter().next(),
        value => Some(value),
    }
    .filter(Value::is_object)
}

fn of_text(answer: &FailedAnswer<'_>) -> Failure {
    let body = answer.body.trim_ascii();
    let html = answer.content_type.is_some_and(|kind| kind.contains("html")) || body.first() == Some(&b'<');
    let status = answer.status;
    let message = match std::str::from_utf8(body) {
        _ if html => format!("the upstream answered {status} with an HTML page"),
        Ok(text) if !text.is_empty() && text.len() <= PLAIN_TEXT_BYTES_MAX => text.to_owned(),
        _ if (300..400).contains(&status) => format!("the upstream answered with a redirect ({status})"),
        _ => format!("the upstream answered {status}"),
    };
    let said = Said { words: String::new(), message: message.to_ascii_lowercase(), param: None };
    let kind = match status {
        // A page in place of an API's answer says nothing about the request.
        400 | 422 if html => FailureKind::BadResponse,
        _ => kind_of(status, &said),
    };
    let error = ApiError { message, kind: Cow::Borrowed(kind::UPSTREAM), param: None, code: None };
    finished(kind, error)
}

fn of_value(status: u16, value: &Value) -> Failure {
    let mut error =
        ApiError::from_upstream(value).or_else(|| validation_error(value)).unwrap_or_else(|| ApiError {
            message: format!("the upstream answered {status}"),
            kind: Cow::Borrowed(kind::UPSTREAM),
            param: None,
            code: None,
        });
    // `{"code": "…", "error": "text"}`
    if error.code.is_none() && value.get("error").is_some_and(Value::is_string) {
        error.code = value.get("code").and_then(Value::as_str).map(|code| Cow::Owned(code.to_owned()));
    }
    if let Some(inner) = validation_error(value.get("message").unwrap_or(&Value::Null)) {
        error.message = inner.message;
        error.param = error.param.or(inner.param);
    }
    let code = error.code.as_deref().unwrap_or_default();
    let said = said_in(value, &error);
    let kind = business_code(code)
        .filter(|kind| !(about_the_account_or_model(*kind) && said.blames_a_field(status)))
        .unwrap_or_else(|| kind_of(status, &said));
    // A code that only repeats an HTTP status is none.
    if code.parse::<u16>().is_ok_and(|code| (100..600).contains(&code)) {
        error.code = None;
    }
    let mut failure = finished(kind, error);
    // What is about the request is a 400 where nothing else was said.
    let about_the_request = matches!(
        failure.kind,
        FailureKind::BadRequest | FailureKind::ContextLength | FailureKind::ContentPolicy
    );
    let unstated = about_the_request.then_some(400);
    failure.status = if status > 0 { Some(status) } else { unstated };
    failure
}

fn said_in<'a>(value: &Value, error: &'a ApiError) -> Said<'a> {
    let text = |place: &str| value.pointer(place).and_then(Value::as_str).unwrap_or_default();
    let code = error.code.as_deref().unwrap_or_default();
    let reasons = value.pointer("/error/metadata/reasons").map_or("", |_| "flagged_input");
    let words = [&*error.kind, code, text("/error/status"), text("/error/innererror/code"), reasons];
    Said {
        words: words.join("\n").to_ascii_lowercase(),
        message: error.message.to_ascii_lowercase(),
        // Proxies in Python write the absence of a field as a word.
        param: error.param.as_deref().filter(|param| !matches!(*param, "None" | "null")),
    }
}

/// The kinds that are about what the provider has for us, and never about a field of the request.
fn about_the_account_or_model(kind: FailureKind) -> bool {
    matches!(kind, FailureKind::BalanceGone | FailureKind::ModelMissing | FailureKind::AuthRefused)
}

/// Zhipu's numbers, the only thing that it says.
fn business_code(code: &str) -> Option<FailureKind> {
    Some(match code {
        "1113" => FailureKind::BalanceGone,
        "1211" => FailureKind::ModelMissing,
        "1261" => FailureKind::ContextLength,
        "1301" => FailureKind::ContentPolicy,
        "1302" | "1303" | "1305" => FailureKind::RateLimited,
        _ => return None,
    })
}

/// The kind of a failure; status 0 is "none was stated".
fn kind_of(status: u16, said: &Said<'_>) -> FailureKind {
    let says = |texts: &[&str]| said.any(texts);
    let about_the_request = matches!(status, 0 | 400 | 403 | 404 | 413 | 422);
    let token_count = said.message.contains("input token count") && said.message.contains("exceeds");
    let of_a_field = said.blames_a_field(status);
    match status {
        _ if about_the_request && (says(CONTEXT_LENGTH) || token_count) => FailureKind::ContextLength,
        _ if about_the_request && says(CONTENT_POLICY) => FailureKind::ContentPolicy,
        0 | 400 | 402 | 403 | 429 if !of_a_field && says(BALANCE) => FailureKind::BalanceGone,
        0 | 400 | 404 if !of_a_field && says(MODEL_MISSING) => FailureKind::ModelMissing,
        0 => kind_of_words(said),
        400 | 422 if said.param.is_none() && says(CREDENTIALS) => FailureKind::AuthRefused,
        401 | 403 | 407 => FailureKind::AuthRefused,
        402 => FailureKind::BalanceGone,
        404 => FailureKind::ModelMissing,
        429 => FailureKind::RateLimited,
        // 498 is Groq's "flex capacity", 529 Anthropic's overload, which gateways pass on.
        498 | 503 | 529 => FailureKind::Overloaded,
        408 | 424 | 500.. => FailureKind::ServerError,
        400..500 => FailureKind::BadRequest,
        _ => FailureKind::BadResponse,
    }
}

fn kind_of_words(said: &Said<'_>) -> FailureKind {
    if said.any(RATE) {
        FailureKind::RateLimited
    } else if said.any(OVERLOADED) {
        FailureKind::Overloaded
    } else if said.param.is_none() && said.any(CREDENTIALS) {
        FailureKind::AuthRefused
    } else if said.any(&[kind::INVALID_REQUEST]) {
        FailureKind::BadRequest
    } else {
        FailureKind::ServerError
    }
}

/// The error as the caller would get it: the words of the API where the kind has some, else the upstream's own.
fn finished(kind: FailureKind, mut error: ApiError) -> Failure {
    let about_the_request = match kind {
        FailureKind::ContextLength => {
            error.code = Some(Cow::Borrowed("context_length_exceeded"));
            error.param = error.param.or_else(|| Some("messages".to_owned()));
            error.kind = Cow::Borrowed(kind::INVALID_REQUEST);
            true
        }
        FailureKind::ContentPolicy => {
            let known = matches!(error.code.as_deref(), Some("content_filter" | "content_policy_violation"));
            if !known {
                error.code = Some(Cow::Borrowed("content_policy_violation"));
            }
            true
        }
        FailureKind::BadRequest => true,
        _ => false,
    };
    if about_the_request && error.kind == kind::UPSTREAM {
        error.kind = Cow::Borrowed(kind::INVALID_REQUEST);
    }
    Failure { kind, status: None, error, retry_after_ms: None }
}

/// The status that an error object states about itself.
fn stated_status(error: &Value) -> Option<u16> {
    let number = |value: &Value| match value {
        Value::Number(number) => number.as_u64(),
        Value::String(text) => text.parse().ok(),
        _ => None,
    };
    ["status", "status_code", "code"]
        .into_iter()
        .filter_map(|key| error.get(key).and_then(number))
        .find_map(|status| u16::try_from(status).ok().filter(|status| (400..600).contains(status)))
}

/// `{"detail": [{"loc": ["body", "messages"], "msg": "…"}]}`
fn validation_error(value: &Value) -> Option<ApiError> {
    let first = value.get("detail")?.as_array()?.first()?;
    let place = first.get("loc").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let mut param = String::new();
    for step in place.iter().filter(|step| step.as_str() != Some("body")) {
        match step {
            Value::Number(index) => param.push_str(&format!("[{index}]")),
            Value::String(key) if param.is_empty() => param.push_str(key),
            Value::String(key) => param.push_str(&format!(".{key}")),
            _ => {}
        }
    }
    let message =
        first.get("msg").and_then(Value::as_str).unwrap_or("the upstream refused the request").to_owned();
    let param = (!param.is_empty()).then_some(param);
    Some(ApiError { message, kind: Cow::Borrowed(kind::INVALID_REQUEST), param, code: None })
}

#[cfg(test)]
#[path = "failure_tests.rs"]
mod tests;
