//! Fourth stage: the request in the words of one target.

use std::{borrow::Cow, cell::Cell, fmt, rc::Rc, sync::Arc};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use sluice_chat::{ApiError, Failure, FailureKind, splice::Slices};
use sluice_providers::{
    Call, DecoderTerms, Dialect, Encoded, Forgetful, Inlined, Memory, Reading, Relay, dialect,
    dialect::DialectHeaders,
};

use crate::{
    admit::Admitted,
    bounds, clock,
    ids::Ids,
    signatures::Signatures,
    snapshot::{Model, Target},
    upstream::Upstream,
};

/// The header with which a caller asks the sandbox for a fault.
const X_SANDBOX_FAULT: &str = "x-sandbox-fault";

/// A request ready for one target. There is no other way to one.
pub(crate) struct Outbound {
    model: Arc<Model>,
    target: usize,
    pub(crate) upstream: Arc<Upstream>,
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
    /// Where the model's signatures are kept, where the dialect has such.
    memory: Option<Arc<dyn Memory>>,
    /// 1 for the first call of the request.
    pub(crate) attempt: u32,
    /// What the caller is given has to be remembered: the stream may be repaired.
    pub(crate) repairable: bool,
    /// Where somebody wants to know whether the head of an answer has come.
    pub(crate) heard: Option<Rc<Cell<bool>>>,
}

impl fmt::Debug for Outbound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let target = self.target();
        f.debug_struct("Outbound").field("model", &target.model).finish_non_exhaustive()
    }
}

impl Outbound {
    /// Which of the model's targets this is for.
    pub(crate) fn target_index(&self) -> usize {
        self.target
    }

    pub(crate) fn target(&self) -> &Target {
        &self.model.targets[self.target]
    }

    /// Whether the failure is about the usage that was asked for, so that the same is worth saying without.
    pub(crate) fn was_refused_over_usage(&self, failure: &Failure) -> bool {
        self.stream && self.upstream.refuses_to_tell_usage(failure)
    }
}

impl Outbound {
    /// The circumstances of the answer.
    pub(crate) fn terms(&self) -> DecoderTerms<'_> {
        DecoderTerms {
            streaming: self.stream,
            row: self.upstream.provider().row(),
            upstream_model: self.target().model.name(),
            max_event_bytes: bounds::EVENT_BYTES,
            unix_s: self.unix_s,
            call_id: &self.call_id,
            reading: &self.reading,
            memory: self.memory.as_ref().unwrap_or(Forgetful::shared()),
        }
    }
}

/// Headers of a caller that some target of its model is sent.
#[derive(Debug, Default)]
pub(crate) struct Passed(Vec<(HeaderName, HeaderValue)>);

impl Passed {
    /// Those of `headers` that the targets of an admitted request may see.
    pub(crate) fn of(admitted: &Admitted, headers: &HeaderMap) -> Self {
        let mut passed = Vec::new();
        for index in admitted.eligible() {
            let upstream = &admitted.model().targets[*index].upstream;
            let named = upstream.forward_headers().iter().map(String::as_str);
            let fault = upstream.provider().is_sandbox().then_some(X_SANDBOX_FAULT);
            for name in named.chain(fault) {
                let Ok(name) = HeaderName::from_bytes(name.as_bytes()) else { continue };
                let known = passed.iter().any(|(seen, _)| *seen == name);
                if let Some(value) = headers.get(&name).filter(|_| !known) {
                    passed.push((name, value.clone()));
                }
            }
        }
        Self(passed)
    }

    fn get(&self, name: &str) -> Option<&HeaderValue> {
        self.0.iter().find(|(seen, _)| seen.as_str() == name).map(|(_, value)| value)
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
    /// What models want back, and the id of the key that it is kept for.
    pub(crate) memory: (&'a Arc<Signatures>, &'a str),
    /// What was fetched for it.
    pub(crate) media: &'a Inlined,
}

/// URLs of media that a target cannot fetch and that we may, as far as they are not there yet.
pub(crate) fn media_wanted(admitted: &Admitted, target_index: usize, media: &Inlined) -> Vec<String> {
    let target = &admitted.model().targets[target_index];
    if !target.upstream.inlines_media() {
        return Vec::new();
    }
    let call = call_of(admitted, target, false, media);
    let mut urls = dialect(call.row, target.model.name()).media_to_inline(&call);
    urls.retain(|url| media.get(url).is_none());
    urls
}

fn call_of<'a>(admitted: &'a Admitted, target: &'a Target, ask_usage: bool, media: &'a Inlined) -> Call<'a> {
    Call {
        body: admitted.body(),
        scan: admitted.scan(),
        upstream_model: &target.model,
        row: target.upstream.provider().row(),
        injected_output_limit: admitted.output_limit(),
        ask_usage,
        facts: target.facts,
        media,
        memory: &**Forgetful::shared(),
    }
}

/// Writes the request for `target`.
///
/// # Errors
/// What the target's dialect can not say, and in a strict model also what it would drop.
pub(crate) fn translate(
    admitted: &Admitted,
    target_index: usize,
    headers: &Passed,
    said: Said<'_>,
) -> Result<Box<Outbound>, Failure> {
    let target = &admitted.model().targets[target_index];
    let upstream = &target.upstream;
    let row = upstream.provider().row();
    let scan = admitted.scan();
    let translated = row.relay == Relay::Translate;
    let memory = translated.then(|| said.memory.0.of(said.memory.1));
    let ask_usage = upstream.may_ask_usage() && !said.without_usage;
    let memory_of_call = &**memory.as_ref().unwrap_or(Forgetful::shared());
    let call = Call { memory: memory_of_call, ..call_of(admitted, target, ask_usage, said.media) };
    let dialect = dialect(row, target.model.name());
    let encoded = dialect.encode(&call).map_err(unsupported)?;
    if let Some(field) = encoded.dropped.first().filter(|_| admitted.model().options.strict == Some(true)) {
        let text = format!("Unsupported parameter: '{field}' is not supported by any target of this model.");
        return Err(unsupported(ApiError::invalid("unsupported_parameter", text).with_param(field)));
    }
    let named =
        |name: &String| Some((HeaderName::from_bytes(name.as_bytes()).ok()?, headers.get(name)?.clone()));
    let fault = headers.get(X_SANDBOX_FAULT).filter(|_| upstream.provider().is_sandbox());
    let call_id =
        if translated { format!("{}_{}", said.ids.request_text(), said.attempt) } else { String::new() };
    let place = (admitted.model(), target_index);
    Ok(Box::new(Outbound {
        stream: scan.stream,
        forwarded: upstream.forward_headers().iter().filter_map(named).collect(),
        sandbox_fault: fault.and_then(|v| v.to_str().ok()).map(str::to_owned),
        unix_s: if translated { clock::unix_ms() / 1000 } else { 0 },
        call_id,
        memory,
        attempt: said.attempt,
        repairable: admitted.is_repairable(),
        ..outbound(place, dialect, encoded)
    }))
}

/// What is sent for a request of which nothing is known but what was written of it: a first call for a whole answer.
fn outbound(
    (model, target): (&Arc<Model>, usize),
    dialect: &'static dyn Dialect,
    encoded: Encoded,
) -> Outbound {
    Outbound {
        upstream: Arc::clone(&model.targets[target].upstream),
        model: Arc::clone(model),
        target,
        dialect,
        path: encoded.path,
        dialect_headers: encoded.headers,
        body: encoded.body,
        stream: false,
        dropped: encoded.dropped,
        hide_usage: encoded.hide_usage,
        forwarded: Vec::new(),
        sandbox_fault: None,
        reading: encoded.reading,
        unix_s: 0,
        call_id: String::new(),
        memory: None,
        attempt: 1,
        repairable: false,
        heard: None,
    }
}

/// The smallest request that there is, of nobody's, to see whether a target answers.
const PROBE: &[u8] =
    br#"{"model":"m","max_completion_tokens":16,"messages":[{"role":"user","content":"Say yes."}]}"#;

/// Writes that request for a target.
///
/// # Errors
/// The target's dialect cannot say it.
pub(crate) fn probe(model: &Arc<Model>, target_index: usize) -> Result<Outbound, Box<Failure>> {
    let unsayable =
        || Box::new(unsupported(ApiError::invalid("invalid_json", "There is no request to test with.")));
    let (body, scan) = (Bytes::from_static(PROBE), sluice_chat::scan::scan(PROBE).map_err(|_| unsayable())?);
    let target = &model.targets[target_index];
    let row = target.upstream.provider().row();
    let call = Call { facts: target.facts, ..Call::plain(&body, &scan, &target.model, row) };
    let dialect = dialect(row, target.model.name());
    let encoded = dialect.encode(&call).map_err(|error| Box::new(unsupported(error)))?;
    Ok(Outbound { call_id: "test".to_owned(), ..outbound((model, target_index), dialect, encoded) })
}

fn unsupported(error: ApiError) -> Failure {
    Failure { kind: FailureKind::Unsupported, status: None, error, retry_after_ms: None }
}
