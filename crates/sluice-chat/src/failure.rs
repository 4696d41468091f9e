//! What went wrong with one call to an upstream, in the terms on which retries, fallbacks and the final
//! answer to the caller are decided. Dialects produce it from an answer, the gateway from the connection.

use crate::ApiError;

/// Kinds of failure of one upstream call. Each has one row in the failure table that decides what is tried next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FailureKind {
    /// 429 about a rate; see [`Failure::retry_after_ms`].
    RateLimited,
    /// 500, 502 and other 5xx.
    ServerError,
    /// 503, 529: the upstream says that it is overloaded.
    Overloaded,
    /// The prompt does not fit the context of this model.
    ContextLength,
    /// The upstream refused the content.
    ContentPolicy,
    /// Any other 4xx about the request: the caller gets it as it is.
    BadRequest,
    /// The target can not honour a field of the request, and the model is `strict`. Nothing was sent.
    Unsupported,
    /// 401 or 403: our credentials were refused.
    AuthRefused,
    /// The upstream does not have this model.
    ModelMissing,
    /// The account at the provider has no balance.
    BalanceGone,
    /// No connection: refused, unreachable, name not resolved.
    Unreachable,
    /// The TLS handshake failed.
    Tls,
    /// The connection broke before the head of the answer.
    Reset,
    /// An answer that is not a completion: HTML, empty, not parseable, a redirect, an unknown encoding.
    BadResponse,
    /// The connection could not be made in time.
    ConnectTimeout,
    /// No head or no first token in time.
    FirstTokenTimeout,
    /// Nothing more came for the idle time.
    Stalled,
    /// The deadline of the whole request passed.
    TotalTimeout,
    /// The stream ended without a finish reason.
    Truncated,
    /// An event of the stream could not be read.
    BadEvent,
    /// An event of the stream is larger than the bound.
    EventTooLarge,
}

/// One failed upstream call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    pub kind: FailureKind,
    /// HTTP status of the upstream, where there was one.
    pub status: Option<u16>,
    /// What the upstream said (message, type, code, param), or our own words where it said nothing.
    pub error: ApiError,
    /// The upstream's `Retry-After`, in milliseconds.
    pub retry_after_ms: Option<u64>,
}

impl Failure {
    /// A failure in our own words, with type `upstream_error`.
    pub fn ours(kind: FailureKind, code: &'static str, message: impl Into<String>) -> Self {
        let error = ApiError::new(crate::error::kind::UPSTREAM, code, message);
        Self { kind, status: None, error, retry_after_ms: None }
    }
}
