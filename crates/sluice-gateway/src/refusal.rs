//! Answers that are errors, and the one mapping of what went wrong to an HTTP status, type and code.

use std::borrow::Cow;

use bytes::Bytes;
use sluice_chat::{ApiError, Failure, FailureKind, error::kind};
use sluice_ledger::{AccountId, NanoUsd, RequestId};

use crate::accounting::{LimitKind, Limited, Standings};

/// Longest `Retry-After` that is passed on: clients give up on more.
const RETRY_AFTER_MAX_MS: u64 = 120_000;

/// That of [`Refusal::overloaded`], which there is no time to write.
const OVERLOADED: &str = concat!(
    r#"{"error":{"message":"The gateway has no room for this request just now; please try again.","#,
    r#""type":"service_unavailable_error","param":null,"code":"server_is_overloaded"}}"#,
);

/// An error answer: who is at fault is in its type, whether trying again helps in its headers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    pub(crate) error: Box<ApiError>,
    pub(crate) retry_after_ms: Option<u64>,
    /// `x-should-retry: false`.
    pub(crate) no_retry: bool,
    /// The `Allow` of a 405.
    pub(crate) allow: Option<&'static str>,
    /// Where a limited caller stands.
    pub(crate) standings: Standings,
    /// The error is [`OVERLOADED`].
    ready: bool,
}

impl Refusal {
    pub(crate) fn new(status: u16, error: ApiError) -> Self {
        Self {
            status,
            error: Box::new(error),
            retry_after_ms: None,
            no_retry: false,
            allow: None,
            standings: Standings::default(),
            ready: false,
        }
    }

    fn invalid(status: u16, code: &'static str, message: impl Into<String>) -> Self {
        Self::new(status, ApiError::invalid(code, message))
    }

    /// 400 with the scan's or the dialect's own words.
    pub(crate) fn bad_request(error: ApiError) -> Self {
        Self::new(400, error)
    }

    /// 401: one answer for a missing, malformed, unknown, revoked and expired key.
    pub(crate) fn invalid_api_key() -> Self {
        Self::invalid(401, "invalid_api_key", "No valid API key: send one as 'Authorization: Bearer sk-...'.")
    }

    pub(crate) fn model_not_allowed(model: &str) -> Self {
        let text = format!("This API key may not use the model '{}'.", shown(model));
        Self::new(403, ApiError::invalid("model_not_allowed", text).with_param("model"))
    }

    pub(crate) fn model_not_found(model: &str) -> Self {
        let text = format!("The model '{}' does not exist.", shown(model));
        Self::new(404, ApiError::invalid("model_not_found", text).with_param("model"))
    }

    pub(crate) fn unknown_url(method: &str, path: &str) -> Self {
        Self::invalid(404, "unknown_url", format!("Unknown request URL: {method} {}.", shown(path)))
    }

    pub(crate) fn method_not_allowed(method: &str, allow: &'static str) -> Self {
        let text = format!("Method {method} is not allowed here; allowed: {allow}.");
        Self { allow: Some(allow), ..Self::invalid(405, "method_not_allowed", text) }
    }

    pub(crate) fn unsupported_media_type(text: &str) -> Self {
        Self::invalid(415, "unsupported_media_type", text)
    }

    pub(crate) fn request_too_large(limit_bytes: usize) -> Self {
        let text = format!("The request body is larger than the limit of {limit_bytes} bytes.");
        Self::invalid(413, "request_too_large", text)
    }

    pub(crate) fn request_timeout() -> Self {
        Self::invalid(408, "request_timeout", "The request body came too slowly.")
    }

    pub(crate) fn headers_too_large() -> Self {
        Self::invalid(431, "headers_too_large", "The request has too many or too large headers.")
    }

    /// What came is not a request head.
    pub(crate) fn malformed_head() -> Self {
        Self::invalid(400, "invalid_http", "The request is not valid HTTP.")
    }

    /// The body ended or broke before it was complete. Few callers are still there to read it.
    pub(crate) fn incomplete_body() -> Self {
        Self::invalid(400, "invalid_json", "The request body could not be read to its end.")
    }

    pub(crate) fn overloaded() -> Self {
        let error = ApiError::new(
            kind::SERVICE_UNAVAILABLE,
            "server_is_overloaded",
            "The gateway has no room for this request just now; please try again.",
        );
        Self { retry_after_ms: Some(1000), ready: true, ..Self::new(503, error) }
    }

    /// The error as JSON.
    pub(crate) fn body(&self) -> Bytes {
        if self.ready { Bytes::from_static(OVERLOADED.as_bytes()) } else { self.error.to_json().into() }
    }

    /// 503: the worker has had no room for as long as a request may wait.
    pub(crate) fn overloaded_for(retry_after_ms: u64) -> Self {
        Self { retry_after_ms: Some(retry_after_ms), ..Self::overloaded() }
    }

    /// 409: another body came with the same `Idempotency-Key`.
    pub(crate) fn idempotency_key_reused() -> Self {
        let text = "This Idempotency-Key was used with another request body.";
        let error = ApiError::invalid("idempotency_key_reused", text).with_param("Idempotency-Key");
        Self { no_retry: true, ..Self::new(409, error) }
    }

    /// 409: the request `first` has the `Idempotency-Key`, and its answer is not to be had here.
    pub(crate) fn replay_unavailable(first: RequestId) -> Self {
        let text = format!(
            "The request {} came first with this Idempotency-Key, and its answer is not to be had here any more.",
            first.text()
        );
        let error = ApiError::invalid("idempotency_replay_unavailable", text).with_param("Idempotency-Key");
        Self { no_retry: true, ..Self::new(409, error) }
    }

    /// 403: nobody knows what the model costs, and the key has a budget.
    pub(crate) fn model_not_priced(model: &str) -> Self {
        let text = format!(
            "The model '{}' has no price, and this API key has a budget: ask the operator for a price.",
            shown(model)
        );
        Self::new(403, ApiError::invalid("model_not_priced", text).with_param("model"))
    }

    /// 429: a limit per minute, or on requests at a time.
    pub(crate) fn limited(limited: &Limited) -> Self {
        let Limited { kind, limit, wait_ns, standings } = *limited;
        let what = match kind {
            LimitKind::Requests => "requests per minute",
            LimitKind::Tokens => "tokens per minute",
            LimitKind::Parallel => "requests at a time",
        };
        let text = match wait_ns {
            Some(_) => format!("Rate limit reached: {limit} {what}. Please try again later."),
            None => format!("This request alone is more than the rate limit of {limit} {what}."),
        };
        let retry_after_ms = wait_ns.map(|ns| ns.div_ceil(1_000_000).clamp(1, RETRY_AFTER_MAX_MS));
        let error = ApiError::new(kind::RATE_LIMIT, "rate_limit_exceeded", text);
        Self { retry_after_ms, no_retry: wait_ns.is_none(), standings, ..Self::new(429, error) }
    }

    /// 402: the budget is spent, or has less left than the request may cost.
    pub(crate) fn budget_spent(account: &AccountId, bound: NanoUsd) -> Self {
        let whose = if account.is_project() { "project of this API key" } else { "API key" };
        let text = format!(
            "The budget of the {whose} is spent or too small for this request, which may cost up to {} USD. \
             A smaller 'max_completion_tokens' lowers that.",
            bound.dollars()
        );
        let error = ApiError::new(kind::INSUFFICIENT_QUOTA, "insufficient_quota", text);
        Self { no_retry: true, ..Self::new(402, error) }
    }

    /// 429: the rest of the budget is held by requests that run.
    pub(crate) fn budget_held() -> Self {
        let text = "The rest of the budget is held by other requests that are running. Please try again.";
        let error = ApiError::new(kind::RATE_LIMIT, "rate_limit_exceeded", text);
        Self { retry_after_ms: Some(1000), ..Self::new(429, error) }
    }

    /// 503: what is needed to take money or to know a key is away.
    pub(crate) fn accounting_unavailable() -> Self {
        let text = "The gateway cannot account for this request just now; please try again.";
        let error = ApiError::new(kind::SERVICE_UNAVAILABLE, "accounting_unavailable", text);
        Self { retry_after_ms: Some(1000), ..Self::new(503, error) }
    }

    /// 500: a panic of ours. The cause is in the log, not here.
    pub(crate) fn internal() -> Self {
        Self::new(500, ApiError::new(kind::SERVER, "internal_error", "The gateway failed on this request."))
    }

    /// What the caller hears when every target failed, by the last failure.
    pub(crate) fn from_failure(failure: Failure) -> Self {
        let status = status_of(&failure);
        let retry_after_ms = match status {
            429 | 503 => Some(failure.retry_after_ms.unwrap_or(1000).min(RETRY_AFTER_MAX_MS)),
            _ => None,
        };
        let error = api_error(failure);
        Self { retry_after_ms, no_retry: matches!(status, 402 | 502 | 504), ..Self::new(status, error) }
    }
}

fn status_of(failure: &Failure) -> u16 {
    match failure.kind {
        FailureKind::RateLimited => 429,
        FailureKind::Overloaded => 503,
        FailureKind::BadRequest
        | FailureKind::ContentPolicy
        | FailureKind::ContextLength
        | FailureKind::Unsupported => failure.status.filter(|s| (400..500).contains(s)).unwrap_or(400),
        FailureKind::ConnectTimeout
        | FailureKind::FirstTokenTimeout
        | FailureKind::Stalled
        | FailureKind::TotalTimeout => 504,
        FailureKind::ServerError
        | FailureKind::AuthRefused
        | FailureKind::ModelMissing
        | FailureKind::BalanceGone
        | FailureKind::Unreachable
        | FailureKind::Tls
        | FailureKind::Reset
        | FailureKind::BadResponse
        | FailureKind::Truncated
        | FailureKind::BadEvent
        | FailureKind::EventTooLarge => 502,
    }
}

const AUTH_REFUSED: &str = "The provider refused the credentials that the gateway has for it.";

/// The error of a failure before anything was sent: the upstream's own words where the request is at fault, our type
/// and code where the upstream is.
fn api_error(failure: Failure) -> ApiError {
    let ours = |kind: &'static str, code: &'static str| ApiError {
        message: failure.error.message.clone(),
        kind: Cow::Borrowed(kind),
        param: None,
        code: Some(Cow::Borrowed(code)),
    };
    match failure.kind {
        FailureKind::BadRequest
        | FailureKind::ContentPolicy
        | FailureKind::ContextLength
        | FailureKind::Unsupported => failure.error,
        FailureKind::RateLimited => ours(kind::RATE_LIMIT, "rate_limit_exceeded"),
        FailureKind::Overloaded => ours(kind::SERVICE_UNAVAILABLE, "server_is_overloaded"),
        // What a provider says about a credential is not for the caller, who has no part in it.
        FailureKind::AuthRefused => {
            ApiError { message: AUTH_REFUSED.to_owned(), ..ours(kind::UPSTREAM, "upstream_auth") }
        }
        FailureKind::ModelMissing => ours(kind::UPSTREAM, "upstream_model_not_found"),
        FailureKind::BalanceGone => ours(kind::UPSTREAM, "upstream_balance"),
        FailureKind::Unreachable | FailureKind::Reset => ours(kind::UPSTREAM, "upstream_unreachable"),
        FailureKind::Tls => ours(kind::UPSTREAM, "upstream_tls"),
        FailureKind::ServerError
        | FailureKind::BadResponse
        | FailureKind::Truncated
        | FailureKind::BadEvent
        | FailureKind::EventTooLarge => ours(kind::UPSTREAM, "upstream_bad_response"),
        FailureKind::ConnectTimeout
        | FailureKind::FirstTokenTimeout
        | FailureKind::Stalled
        | FailureKind::TotalTimeout => ours(kind::UPSTREAM, "upstream_timeout"),
    }
}

/// The error event of a stream that broke after it began.
pub(crate) fn stream_error(failure: Failure) -> ApiError {
    let code = match failure.kind {
        FailureKind::Truncated | FailureKind::Reset => "upstream_truncated",
        FailureKind::Stalled => "upstream_stalled",
        FailureKind::BadEvent | FailureKind::BadResponse => "upstream_bad_event",
        FailureKind::EventTooLarge => "event_too_large",
        _ => return api_error(failure),
    };
    ApiError {
        message: failure.error.message,
        kind: Cow::Borrowed(kind::UPSTREAM),
        param: None,
        code: Some(code.into()),
    }
}

/// The error event of a stream that is cut because the gateway stops.
pub(crate) fn shutdown_error() -> ApiError {
    ApiError::new(kind::SERVER, "server_shutdown", "The gateway is shutting down.")
}

/// A caller's text as far as an error message repeats it.
fn shown(text: &str) -> Cow<'_, str> {
    match text.char_indices().nth(100) {
        Some((at, _)) => Cow::Owned(format!("{}...", &text[..at])),
        None => Cow::Borrowed(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_become_the_answers_of_the_interface() {
        use FailureKind::*;
        let check = |failure_kind, upstream: Option<u16>, status: u16, error_kind: &str, code: &str| {
            let mut failure = Failure::ours(failure_kind, "their_code", "text");
            failure.error.kind = "their_type".into();
            failure.status = upstream;
            let refusal = Refusal::from_failure(failure);
            let got = (refusal.status, &*refusal.error.kind, refusal.error.code.as_deref().unwrap_or(""));
            assert_eq!(got, (status, error_kind, code), "{failure_kind:?}");
            assert_eq!(refusal.no_retry, matches!(status, 502 | 504));
            assert_eq!(refusal.retry_after_ms, matches!(status, 429 | 503).then_some(1000));
        };
        check(BadRequest, Some(422), 422, "their_type", "their_code");
        check(ContextLength, Some(400), 400, "their_type", "their_code");
        check(ContentPolicy, None, 400, "their_type", "their_code");
        check(RateLimited, Some(429), 429, "rate_limit_error", "rate_limit_exceeded");
        check(Overloaded, Some(529), 503, "service_unavailable_error", "server_is_overloaded");
        check(ServerError, Some(500), 502, "upstream_error", "upstream_bad_response");
        check(AuthRefused, Some(401), 502, "upstream_error", "upstream_auth");
        check(ModelMissing, Some(404), 502, "upstream_error", "upstream_model_not_found");
        check(BalanceGone, Some(402), 502, "upstream_error", "upstream_balance");
        check(Unreachable, None, 502, "upstream_error", "upstream_unreachable");
        check(Reset, None, 502, "upstream_error", "upstream_unreachable");
        check(Tls, None, 502, "upstream_error", "upstream_tls");
        check(Truncated, None, 502, "upstream_error", "upstream_bad_response");
        check(FirstTokenTimeout, None, 504, "upstream_error", "upstream_timeout");
        check(TotalTimeout, None, 504, "upstream_error", "upstream_timeout");
    }

    #[test]
    fn broken_streams_name_their_break() {
        let check = |kind, code: &str| {
            assert_eq!(stream_error(Failure::ours(kind, "x", "t")).code.as_deref(), Some(code), "{kind:?}");
        };
        check(FailureKind::Truncated, "upstream_truncated");
        check(FailureKind::Stalled, "upstream_stalled");
        check(FailureKind::BadEvent, "upstream_bad_event");
        check(FailureKind::EventTooLarge, "event_too_large");
        check(FailureKind::Overloaded, "server_is_overloaded");
        check(FailureKind::TotalTimeout, "upstream_timeout");
    }

    #[test]
    fn what_is_ready_is_what_would_be_written() {
        let refusal = Refusal::overloaded_for(7);
        assert!(refusal.ready);
        assert_eq!(refusal.body(), refusal.error.to_json());
        assert_eq!(Refusal::internal().body(), Refusal::internal().error.to_json());
    }

    #[test]
    fn long_names_are_cut() {
        assert_eq!(shown("abc"), "abc");
        assert_eq!(shown(&"é".repeat(101)).chars().count(), 103);
    }
}
