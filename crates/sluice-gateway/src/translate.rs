//! Fourth stage: the request in the words of one target.

use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue};
use sluice_chat::{ApiError, Failure, FailureKind, splice::Slices};
use sluice_providers::{Call, dialect};

use crate::{admit::Admitted, snapshot::Target, upstream::Upstream};

/// The header with which a caller asks the sandbox for a fault.
const X_SANDBOX_FAULT: HeaderName = HeaderName::from_static("x-sandbox-fault");

/// A request ready for one target. There is no other way to one.
#[derive(Debug)]
pub(crate) struct Outbound<'a> {
    pub(crate) upstream: &'a Arc<Upstream>,
    pub(crate) upstream_model: &'a str,
    pub(crate) path: &'static str,
    pub(crate) body: Slices,
    pub(crate) stream: bool,
    /// Fields of the request that this target can not honour.
    pub(crate) dropped: Vec<String>,
    /// Usage was asked for by us, not by the caller.
    pub(crate) hide_usage: bool,
    /// The caller's headers that the provider's settings let through.
    pub(crate) forwarded: Vec<(HeaderName, HeaderValue)>,
    pub(crate) sandbox_fault: Option<String>,
    /// 1 for the first call of the request.
    pub(crate) attempt: u32,
}

/// Which saying of a request this is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Said {
    /// 1 for the first call of the request.
    pub(crate) attempt: u32,
    /// The target refused the question for usage: it is left out.
    pub(crate) without_usage: bool,
}

/// Writes the request for `target`.
///
/// # Errors
/// What the target's dialect can not say, and in a strict model also what it would drop.
pub(crate) fn translate<'a>(
    admitted: &Admitted,
    target: &'a Target,
    headers: &HeaderMap,
    said: Said,
) -> Result<Outbound<'a>, Failure> {
    let upstream = &target.upstream;
    let row = upstream.provider().row();
    let scan = admitted.scan();
    let call = Call {
        body: admitted.body(),
        scan,
        upstream_model: &target.model,
        row,
        injected_output_limit: admitted.output_limit(),
        ask_usage: upstream.may_ask_usage() && !said.without_usage,
    };
    let encoded = dialect(row.dialect).encode(&call).map_err(unsupported)?;
    if let Some(field) = encoded.dropped.first().filter(|_| admitted.model().options.strict == Some(true)) {
        let text = format!("Unsupported parameter: '{field}' is not supported by any target of this model.");
        return Err(unsupported(ApiError::invalid("unsupported_parameter", text).with_param(field)));
    }
    let named =
        |name: &String| Some((HeaderName::from_bytes(name.as_bytes()).ok()?, headers.get(name)?.clone()));
    let fault = headers.get(X_SANDBOX_FAULT).filter(|_| upstream.provider().is_sandbox());
    Ok(Outbound {
        upstream,
        upstream_model: target.model.name(),
        path: encoded.path,
        body: encoded.body,
        stream: scan.stream,
        dropped: encoded.dropped,
        hide_usage: encoded.hide_usage,
        forwarded: upstream.forward_headers().iter().filter_map(named).collect(),
        sandbox_fault: fault.and_then(|v| v.to_str().ok()).map(str::to_owned),
        attempt: said.attempt,
    })
}

fn unsupported(error: ApiError) -> Failure {
    Failure { kind: FailureKind::Unsupported, status: None, error, retry_after_ms: None }
}
