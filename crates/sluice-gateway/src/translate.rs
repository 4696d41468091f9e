//! Fourth stage: the request in the words of one target.

use std::{borrow::Cow, sync::Arc};

use http::{HeaderMap, HeaderName, HeaderValue};
use sluice_chat::{ApiError, Failure, FailureKind, splice::Slices};
use sluice_providers::{
    Call, DecoderTerms, Dialect, Forgetful, Inlined, Reading, Relay, dialect, dialect::DialectHeaders,
};

use crate::{admit::Admitted, bounds, clock, ids::Ids, snapshot::Target, upstream::Upstream};

/// The header with which a caller asks the sandbox for a fault.
const X_SANDBOX_FAULT: HeaderName = HeaderName::from_static("x-sandbox-fault");

/// A request ready for one target. There is no other way to one.
pub(crate) struct Outbound<'a> {
    pub(crate) upstream: &'a Arc<Upstream>,
    pub(crate) upstream_model: &'a str,
    pub(crate) dialect: &'static dyn Dialect,
    pub(crate) path: Cow<'static, str>,
    pub(crate) dialect_headers: DialectHeaders,
    pub(crate) body: Slices,
    pub(crate) stream: bool,
    /// Fields of the request that this target can not honour.
    pub(crate) dropped: Vec<String>,
    /// Usage was asked for by us, not by the caller.
    pub(crate) hide_usage: bool,
    /// The caller's headers that the provider's settings let through.
    pub(crate) forwarded: Vec<(HeaderName, HeaderValue)>,
    pub(crate) sandbox_fault: Option<String>,
    /// What the decoder has to know of the request.
    reading: Reading,
    /// Unix time in seconds and a text unique to this call, where the answer is one that may lack its own.
    unix_s: u64,
    call_id: String,
    /// 1 for the first call of the request.
    pub(crate) attempt: u32,
}

impl Outbound<'_> {
    /// The circumstances of the answer.
    pub(crate) fn terms(&self) -> DecoderTerms<'_> {
        DecoderTerms {
            streaming: self.stream,
            row: self.upstream.provider().row(),
            upstream_model: self.upstream_model,
            max_event_bytes: bounds::EVENT_BYTES,
            unix_s: self.unix_s,
            call_id: &self.call_id,
            reading: &self.reading,
            memory: Forgetful::shared(),
        }
    }
}

/// Which saying of a request this is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Said<'a> {
    pub(crate) ids: &'a Ids,
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
    said: Said<'_>,
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
        facts: target.facts,
        media: Inlined::none(),
        memory: &**Forgetful::shared(),
    };
    let dialect = dialect(row, target.model.name());
    let encoded = dialect.encode(&call).map_err(unsupported)?;
    if let Some(field) = encoded.dropped.first().filter(|_| admitted.model().options.strict == Some(true)) {
        let text = format!("Unsupported parameter: '{field}' is not supported by any target of this model.");
        return Err(unsupported(ApiError::invalid("unsupported_parameter", text).with_param(field)));
    }
    let named =
        |name: &String| Some((HeaderName::from_bytes(name.as_bytes()).ok()?, headers.get(name)?.clone()));
    let fault = headers.get(X_SANDBOX_FAULT).filter(|_| upstream.provider().is_sandbox());
    let translated = row.relay == Relay::Translate;
    let call_id = |said: Said<'_>| format!("{}_{}", said.ids.request_text(), said.attempt);
    Ok(Outbound {
        upstream,
        dialect,
        upstream_model: target.model.name(),
        path: encoded.path,
        dialect_headers: encoded.headers,
        body: encoded.body,
        stream: scan.stream,
        dropped: encoded.dropped,
        hide_usage: encoded.hide_usage,
        forwarded: upstream.forward_headers().iter().filter_map(named).collect(),
        sandbox_fault: fault.and_then(|v| v.to_str().ok()).map(str::to_owned),
        reading: encoded.reading,
        unix_s: if translated { clock::unix_ms() / 1000 } else { 0 },
        call_id: if translated { call_id(said) } else { String::new() },
        attempt: said.attempt,
    })
}

fn unsupported(error: ApiError) -> Failure {
    Failure { kind: FailureKind::Unsupported, status: None, error, retry_after_ms: None }
}
