//! What errors of Google's APIs mean: `{"error": {"code", "message", "status", "details"}}`, sometimes in a list.

use std::borrow::Cow;

use serde_json::Value;
use sluice_chat::error::kind;
use sluice_chat::{ApiError, Failure, FailureKind};

use crate::dialect::FailedAnswer;
use crate::openai::failure as common;

/// The prompt is too long, in the words of both platforms.
const TOO_LONG: &[&str] =
    &["exceeds the maximum number of tokens", "input token count", "token count exceeds"];

/// What an answer without success means.
pub(super) fn of_answer(answer: &FailedAnswer<'_>) -> Failure {
    let Some(error) = error_in(answer.body) else { return common::of_answer(answer) };
    let mut failure = of_error(&error, answer.status);
    failure.retry_after_ms = failure.retry_after_ms.max(answer.retry_after_ms);
    failure
}

/// What an `error` in place of an answer means, in a stream or a body with status 200.
pub(super) fn of_error_event(error: &Value) -> Failure {
    let code = error.get("code").and_then(Value::as_u64).and_then(|code| u16::try_from(code).ok());
    of_error(error, code.unwrap_or_else(|| status_of(text(error, "status"))))
}

/// The error of a body; some routes wrap it into a list.
pub(super) fn error_in(body: &[u8]) -> Option<Value> {
    let mut value: Value = serde_json::from_slice(body).ok()?;
    let object = match &mut value {
        Value::Array(items) => items.first_mut()?,
        object => object,
    };
    object.get_mut("error").map(Value::take).filter(Value::is_object)
}

fn text<'a>(error: &'a Value, key: &str) -> &'a str {
    error.get(key).and_then(Value::as_str).unwrap_or_default()
}

/// The HTTP status of Google's own.
fn status_of(status: &str) -> u16 {
    match status {
        "INVALID_ARGUMENT" | "FAILED_PRECONDITION" | "OUT_OF_RANGE" => 400,
        "UNAUTHENTICATED" => 401,
        "PERMISSION_DENIED" => 403,
        "NOT_FOUND" => 404,
        "RESOURCE_EXHAUSTED" => 429,
        "CANCELLED" => 499,
        "UNAVAILABLE" => 503,
        "DEADLINE_EXCEEDED" => 504,
        _ => 500,
    }
}

fn of_error(error: &Value, status: u16) -> Failure {
    let message = text(error, "message");
    let said = message.to_ascii_lowercase();
    let details = error.get("details").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let reason = details.iter().map(|detail| text(detail, "reason")).find(|reason| !reason.is_empty());
    let kind = kind_of(status, reason.unwrap_or_default(), &said);
    let about_the_request =
        matches!(kind, FailureKind::BadRequest | FailureKind::ContextLength | FailureKind::ContentPolicy);
    let code = match kind {
        FailureKind::ContextLength => Some(Cow::Borrowed("context_length_exceeded")),
        FailureKind::ContentPolicy => Some(Cow::Borrowed("content_policy_violation")),
        _ => {
            Some(text(error, "status")).filter(|status| !status.is_empty()).map(|s| Cow::Owned(s.to_owned()))
        }
    };
    Failure {
        kind,
        status: (status >= 400).then_some(status),
        error: ApiError {
            message: match message {
                "" => format!("the upstream answered {status}"),
                message => message.to_owned(),
            },
            kind: Cow::Borrowed(if about_the_request { kind::INVALID_REQUEST } else { kind::UPSTREAM }),
            param: (kind == FailureKind::ContextLength).then(|| "messages".to_owned()),
            code,
        },
        retry_after_ms: details.iter().find_map(retry_delay_ms),
    }
}

fn kind_of(status: u16, reason: &str, said: &str) -> FailureKind {
    let too_long = || TOO_LONG.iter().any(|text| said.contains(text));
    let names_a_file =
        said.contains("file ") || said.contains("cachedcontent") || said.contains("cached content");
    match status {
        _ if matches!(reason, "API_KEY_INVALID" | "API_KEY_SERVICE_BLOCKED" | "ACCESS_TOKEN_EXPIRED") => {
            FailureKind::AuthRefused
        }
        400 if said.starts_with("api key") => FailureKind::AuthRefused,
        400 | 413 | 422 if too_long() => FailureKind::ContextLength,
        // About the account and where it is, not about the request.
        400 if said.contains("location is not supported") => FailureKind::AuthRefused,
        400 | 403 if reason == "BILLING_DISABLED" || said.contains("enable billing") => {
            FailureKind::BalanceGone
        }
        400 if said.contains("safety") && said.contains("block") => FailureKind::ContentPolicy,
        401 => FailureKind::AuthRefused,
        402 => FailureKind::BalanceGone,
        // What callers refer to is theirs.
        403 | 404 if names_a_file => FailureKind::BadRequest,
        403 => FailureKind::AuthRefused,
        404 => FailureKind::ModelMissing,
        429 if said.contains("credits are depleted") || said.contains("prepayment") => {
            FailureKind::BalanceGone
        }
        429 => FailureKind::RateLimited,
        503 | 529 => FailureKind::Overloaded,
        408 | 499 | 500.. => FailureKind::ServerError,
        400..500 => FailureKind::BadRequest,
        _ => FailureKind::ServerError,
    }
}

/// `google.rpc.RetryInfo`: seconds with a fraction, such as `34.5s`.
fn retry_delay_ms(detail: &Value) -> Option<u64> {
    let delay = text(detail, "retryDelay").strip_suffix('s')?;
    let (whole, fraction) = delay.split_once('.').unwrap_or((delay, ""));
    let digits: String = fraction.chars().chain("000".chars()).take(3).collect();
    let rounded_up = u64::from(fraction.len() > 3);
    let ms = whole.parse::<u64>().ok()?.checked_mul(1000)?.checked_add(digits.parse::<u64>().ok()?)?;
    ms.checked_add(rounded_up)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(status: u16, body: &Value, expect: (FailureKind, &str, Option<u64>)) {
        let body = body.to_string();
        let answer = FailedAnswer { status, content_type: None, retry_after_ms: None, body: body.as_bytes() };
        let got = of_answer(&answer);
        assert_eq!(
            (got.kind, got.error.code.as_deref().unwrap_or("-"), got.retry_after_ms),
            expect,
            "{body}"
        );
        assert_eq!(got.status, Some(status));
    }

    fn error(code: u16, status: &str, message: &str, details: &Value) -> Value {
        json!({ "error": { "code": code, "message": message, "status": status, "details": details } })
    }

    #[test]
    fn kinds() {
        let plain = |code: u16, status: &str, message: &str, kind: FailureKind| {
            check(code, &error(code, status, message, &json!([])), (kind, status, None));
        };
        plain(400, "INVALID_ARGUMENT", "Request contains an invalid argument.", FailureKind::BadRequest);
        plain(
            400,
            "FAILED_PRECONDITION",
            "User location is not supported for the API use.",
            FailureKind::AuthRefused,
        );
        plain(400, "FAILED_PRECONDITION", "Please enable billing on the project.", FailureKind::BalanceGone);
        plain(
            401,
            "UNAUTHENTICATED",
            "Request had invalid authentication credentials.",
            FailureKind::AuthRefused,
        );
        plain(403, "PERMISSION_DENIED", "Your project has been denied access.", FailureKind::AuthRefused);
        plain(
            403,
            "PERMISSION_DENIED",
            "You do not have permission to access the File x.",
            FailureKind::BadRequest,
        );
        plain(
            404,
            "NOT_FOUND",
            "models/gemini-9 is not found for API version v1beta",
            FailureKind::ModelMissing,
        );
        plain(404, "NOT_FOUND", "CachedContent not found (or permission denied)", FailureKind::BadRequest);
        plain(429, "RESOURCE_EXHAUSTED", "You exceeded your current quota.", FailureKind::RateLimited);
        plain(429, "RESOURCE_EXHAUSTED", "Your prepayment credits are depleted.", FailureKind::BalanceGone);
        plain(499, "CANCELLED", "The operation was cancelled.", FailureKind::ServerError);
        plain(500, "INTERNAL", "An internal error has occurred.", FailureKind::ServerError);
        plain(503, "UNAVAILABLE", "The model is overloaded.", FailureKind::Overloaded);
        plain(504, "DEADLINE_EXCEEDED", "Deadline expired.", FailureKind::ServerError);
    }

    #[test]
    fn what_the_details_say() {
        let key =
            json!([{ "@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID" }]);
        let body = error(400, "INVALID_ARGUMENT", "API key not valid.", &key);
        check(400, &body, (FailureKind::AuthRefused, "INVALID_ARGUMENT", None));
        let delay = |text: &str| json!([{ "@type": "type.googleapis.com/google.rpc.QuotaFailure" }, { "@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": text }]);
        for (text, ms) in
            [("34s", Some(34_000)), ("1.5s", Some(1500)), ("0.0001s", Some(1)), ("x", None), ("-1s", None)]
        {
            let body = error(429, "RESOURCE_EXHAUSTED", "Quota exceeded.", &delay(text));
            check(429, &body, (FailureKind::RateLimited, "RESOURCE_EXHAUSTED", ms));
        }
    }

    #[test]
    fn lists_and_context() {
        let message =
            "The input token count (2000000) exceeds the maximum number of tokens allowed (1048576).";
        let body = error(400, "INVALID_ARGUMENT", message, &Value::Null);
        check(400, &json!([body]), (FailureKind::ContextLength, "context_length_exceeded", None));
    }

    #[test]
    fn what_is_not_googles() {
        let html = FailedAnswer {
            status: 502,
            content_type: Some("text/html"),
            retry_after_ms: Some(7),
            body: b"<html>bad gateway</html>",
        };
        let got = of_answer(&html);
        assert_eq!(
            (got.kind, got.status, got.retry_after_ms),
            (FailureKind::ServerError, Some(502), Some(7))
        );
        let event = of_error_event(&json!({ "message": "m", "status": "UNAVAILABLE" }));
        assert_eq!((event.kind, event.status), (FailureKind::Overloaded, Some(503)));
        let bare = of_error_event(&json!({ "message": "m" }));
        assert_eq!((bare.kind, bare.status), (FailureKind::ServerError, Some(500)));
    }
}
