//! Error answers of the sandbox.

use std::borrow::Cow;

use sluice_chat::ApiError;
use sluice_chat::error::kind;

/// A request that is not answered with a completion.
#[derive(Clone, Debug)]
pub(super) struct Refusal {
    pub(super) status: u16,
    pub(super) error: ApiError,
}

/// The error that OpenAI would send with a status.
pub(super) fn of_status(status: u16) -> ApiError {
    let (kind, code) = match status {
        401 => (kind::INVALID_REQUEST, Some("invalid_api_key")),
        402 => (kind::INSUFFICIENT_QUOTA, Some("insufficient_quota")),
        403 => ("request_forbidden", Some("unsupported_country_region_territory")),
        404 => (kind::INVALID_REQUEST, Some("model_not_found")),
        405 => (kind::INVALID_REQUEST, Some("method_not_supported")),
        429 => ("requests", Some("rate_limit_exceeded")),
        503 => (kind::SERVICE_UNAVAILABLE, Some("server_is_overloaded")),
        529 => ("overloaded_error", None),
        500.. => (kind::SERVER, None),
        _ => (kind::INVALID_REQUEST, None),
    };
    ApiError {
        message: format!("The sandbox was asked to fail with status {status}."),
        kind: Cow::Borrowed(kind),
        param: None,
        code: code.map(Cow::Borrowed),
    }
}

/// The error that the sandbox puts in place of the rest of an answer.
pub(super) fn in_stream() -> ApiError {
    ApiError {
        message: "The sandbox was asked to fail in the middle of its answer.".to_owned(),
        kind: Cow::Borrowed(kind::SERVER),
        param: None,
        code: None,
    }
}
