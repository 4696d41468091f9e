//! What failures of Bedrock mean: statuses, exceptions in a stream, and the texts in which it says the rest.
//!
//! Source: the API reference of Converse and ConverseStream ("Errors"), and the texts that the service gives.

use serde_json::Value;
use sluice_chat::{Failure, FailureKind};

use crate::aws_stream::BadFrame;
use crate::dialect::FailedAnswer;
use crate::openai::failure as common;

/// The model is not to be had here under this name.
const MODEL_MISSING: &[&str] = &[
    "model identifier is invalid",
    "resolve the foundation model",
    "on-demand throughput isn",
    "reached the end of its life",
    "marked by provider as legacy",
];

/// The prompt is too long for the model.
const CONTEXT_LENGTH: &[&str] =
    &["too many input tokens", "exceed context limit", "exceeds the maximum number of input tokens"];

/// What an answer that is not a success means.
pub(super) fn of_answer(answer: &FailedAnswer<'_>) -> Failure {
    let body = serde_json::from_slice::<Value>(answer.body).unwrap_or_default();
    let said = Said::of(&body);
    let Some(message) = said.message else { return common::of_answer(answer) };
    let mut failure = of_said(answer.status, said.kind.unwrap_or_default(), message);
    failure.status = Some(answer.status);
    failure.retry_after_ms = answer.retry_after_ms;
    failure
}

/// An exception in place of the rest of a stream.
pub(super) fn of_exception(name: &str, payload: &[u8]) -> Failure {
    let body = serde_json::from_slice::<Value>(payload).unwrap_or_default();
    let said = Said::of(&body);
    let own = body.get("originalMessage").and_then(Value::as_str);
    let message = said.message.or(own).unwrap_or("the upstream reported an error");
    of_said(status_of(name), name, message)
}

/// An error in place of the rest of a stream that no exception is made for.
pub(super) fn of_error(code: &str, message: &str) -> Failure {
    of_said(status_of(code), code, message)
}

pub(super) fn bad_frame(bad: BadFrame) -> Failure {
    Failure::ours(FailureKind::BadEvent, "upstream_bad_event", bad.to_string())
}

/// The provider gave up on what the model wrote.
pub(super) fn malformed(reason: &str) -> Failure {
    common::bad_response(&format!("the model's answer could not be read by its provider ({reason})"))
}

struct Said<'a> {
    message: Option<&'a str>,
    /// Such as `ValidationException`; some routes put a namespace before it.
    kind: Option<&'a str>,
}

impl<'a> Said<'a> {
    fn of(body: &'a Value) -> Self {
        let text = |name: &str| body.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
        let kind = text("__type").map(|kind| kind.rsplit('#').next().unwrap_or(kind));
        Self { message: text("message").or_else(|| text("Message")), kind }
    }
}

/// The status that goes with an exception's name, in either spelling.
fn status_of(name: &str) -> u16 {
    match name.trim_end_matches("Exception").to_ascii_lowercase().as_str() {
        "accessdenied" | "unrecognizedclient" | "expiredtoken" | "invalidsignature" => 403,
        "resourcenotfound" => 404,
        "modeltimeout" => 408,
        "throttling" | "modelnotready" => 429,
        "modelerror" | "modelstreamerror" => 424,
        "serviceunavailable" => 503,
        "validation" | "servicequotaexceeded" => 400,
        _ => 500,
    }
}

fn of_said(status: u16, name: &str, message: &str) -> Failure {
    let lower = message.to_ascii_lowercase();
    let says = |texts: &[&str]| texts.iter().any(|text| lower.contains(text));
    let about_the_request = matches!(status, 400 | 404);
    // The text alone says that it is one of this kind; the words for the caller are the same as everywhere.
    let (code, kind) = match status {
        _ if about_the_request && says(CONTEXT_LENGTH) => ("context_length_exceeded", None),
        _ if about_the_request && says(MODEL_MISSING) => (name, Some(FailureKind::ModelMissing)),
        400 if says(&["operation not allowed"]) => (name, Some(FailureKind::AuthRefused)),
        400 if name == "ServiceQuotaExceededException" => (name, Some(FailureKind::RateLimited)),
        408 => (name, Some(FailureKind::FirstTokenTimeout)),
        _ => (name, None),
    };
    let failure = common::of_stated(status, code, message);
    match kind {
        Some(kind) => Failure { kind, ..failure },
        None => failure,
    }
}
