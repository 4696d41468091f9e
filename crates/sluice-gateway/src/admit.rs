//! Second stage: may this caller do this now? The body is read and scanned, the model resolved to the targets that
//! can take the request, and what it may cost is reserved.

use std::sync::Arc;

use bytes::Bytes;
use sluice_chat::{ApiError, ChatRequest, scan::RequestScan};
use sluice_ledger::{Limits, NanoUsd};
use smallvec::SmallVec;

use crate::{
    accounting::{self, Demand, Hold, Standings},
    authenticate::Caller,
    bounds, clock, eligible,
    pipeline::Context,
    refusal::Refusal,
    snapshot::{Model, Snapshot},
    worker::Worker,
};

/// A request that may be sent. There is no other way to one.
#[derive(Debug)]
pub(crate) struct Admitted {
    body: Bytes,
    scan: Box<RequestScan>,
    model: Arc<Model>,
    /// Indexes of the model's targets that can take the request, in order.
    eligible: SmallVec<[usize; 4]>,
    /// Output tokens to ask for where the caller named no limit.
    output_limit: Option<u64>,
}

impl Admitted {
    pub(crate) fn body(&self) -> &Bytes {
        &self.body
    }

    pub(crate) fn scan(&self) -> &RequestScan {
        &self.scan
    }

    pub(crate) fn model(&self) -> &Arc<Model> {
        &self.model
    }

    pub(crate) fn eligible(&self) -> &[usize] {
        &self.eligible
    }

    pub(crate) fn output_limit(&self) -> Option<u64> {
        self.output_limit
    }

    /// The request will not be said again.
    pub(crate) fn forget_body(&mut self) {
        self.body = Bytes::new();
    }

    /// Whether a stream that breaks can be taken up by another answer. Answers of several choices, with probabilities
    /// or with sound are never the same twice.
    pub(crate) fn is_repairable(&self) -> bool {
        let features = &self.scan.features;
        self.scan.stream
            && self.scan.n == 1
            && !features.logprobs
            && !features.audio_output
            && self.model.options.stream_repair != Some(false)
    }
}

/// Scans the request, off the worker where it is large.
pub(crate) async fn scan(body: &Bytes) -> Result<Box<RequestScan>, Refusal> {
    let scanned = if body.len() <= bounds::SCAN_ON_WORKER_BYTES {
        scan_here(body)
    } else {
        let body = body.clone();
        match tokio::task::spawn_blocking(move || scan_here(&body)).await {
            Ok(scanned) => scanned,
            Err(_) => return Err(Refusal::internal()),
        }
    };
    scanned.map_err(Refusal::bad_request)
}

fn scan_here(body: &[u8]) -> Result<Box<RequestScan>, ApiError> {
    sluice_chat::scan::scan(body).map(Box::new).map_err(|_| match ChatRequest::parse(body) {
        Err(error) => error,
        // The two passes agree, by test; if they ever did not, the request is refused all the same.
        Ok(_) => ApiError::invalid("invalid_json", "The request body could not be read."),
    })
}

/// Decides on a scanned request, and takes what it needs: with it comes the hold that its end must close.
pub(crate) async fn admit(
    context: &Context<'_>,
    worker: &Worker,
    caller: &Caller,
    body: Bytes,
    scan: Box<RequestScan>,
) -> Result<(Admitted, Hold, Standings), Refusal> {
    let admitted = allowed(context.snapshot, caller, body, scan)?;
    let scan = &admitted.scan;
    let output_tokens = output_tokens_max(&admitted);
    let demand = Demand {
        request: context.ids.request(),
        key: caller.key(),
        model: &scan.model,
        stream: scan.stream,
        unix_ms: context.unix_ms,
        now: clock::now(),
        bound: caller.guard().has_budget().then(|| cost_bound(&admitted, output_tokens)),
        tokens: accounting::tokens(scan, output_tokens),
    };
    let (hold, standings) = Hold::take(worker, caller.guard(), &demand).await?;
    Ok((admitted, hold, standings))
}

/// Whether the caller may do this at all, and with which targets.
fn allowed(
    snapshot: &Snapshot,
    caller: &Caller,
    body: Bytes,
    scan: Box<RequestScan>,
) -> Result<Admitted, Refusal> {
    let model = snapshot.model(&scan.model).ok_or_else(|| Refusal::model_not_found(&scan.model))?;
    let key = caller.key();
    if !key.models.allows(&scan.model) {
        return Err(Refusal::model_not_allowed(&scan.model));
    }
    let limits = key.model_limits.get(&scan.model).copied().unwrap_or_default();
    let cap = output_cap(&key.limits, &limits, caller.guard().project_output_cap);
    check_output_limit(&scan, cap)?;
    let mut eligible = eligible::targets(&model, &scan, &body).map_err(Refusal::bad_request)?;
    let has_budget = caller.guard().has_budget();
    if has_budget {
        eligible.retain(|i| model.targets[*i].priced.is_some());
        if eligible.is_empty() {
            return Err(Refusal::model_not_priced(&scan.model));
        }
    }
    // A budget needs a bound: then there is a default even where nobody has set one.
    let default = key
        .default_max_output_tokens
        .or(model.options.default_max_output_tokens)
        .or(has_budget.then_some(bounds::DEFAULT_OUTPUT_TOKENS));
    // What the targets can give at all bounds a default, and is no limit of its own.
    let most = eligible.iter().filter_map(|i| model.targets[*i].facts.max_output_tokens).min();
    let output_limit = match scan.output_limit() {
        Some(_) => None,
        None => least(default, least(cap, default.and(most))),
    };
    Ok(Admitted { body, scan, model, eligible, output_limit })
}

/// Output tokens of one choice, at most; where nobody set a limit, what a request is counted as.
fn output_tokens_max(admitted: &Admitted) -> u64 {
    let scan = &admitted.scan;
    // Which of the two an upstream goes by is its business.
    let asked = [scan.max_completion_tokens, scan.max_tokens].map(|field| field.map(|field| field.value));
    asked[0].max(asked[1]).or(admitted.output_limit).unwrap_or(bounds::DEFAULT_OUTPUT_TOKENS)
}

/// What the request costs at most, at the dearest target that may answer.
fn cost_bound(admitted: &Admitted, output_tokens: u64) -> NanoUsd {
    let targets = admitted.eligible.iter().map(|i| &admitted.model.targets[*i]);
    let bounds =
        targets.filter_map(|target| Some((target, target.priced.as_ref()?))).map(|(target, priced)| {
            let bound = accounting::bound(priced, &admitted.scan, output_tokens, target.facts.context_length);
            // Beyond the range of the type no budget is large enough.
            bound.unwrap_or(NanoUsd(u64::MAX))
        });
    bounds.max().unwrap_or_default()
}

fn output_cap(key: &Limits, model: &Limits, project: Option<u64>) -> Option<u64> {
    least(key.max_output_tokens, least(model.max_output_tokens, project))
}

/// The smaller of two limits, where there are any.
fn least(one: Option<u64>, other: Option<u64>) -> Option<u64> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

fn check_output_limit(scan: &RequestScan, cap: Option<u64>) -> Result<(), Refusal> {
    let Some(cap) = cap else { return Ok(()) };
    // Each on its own: which of the two an upstream goes by is its business.
    for (param, asked) in
        [("max_completion_tokens", scan.max_completion_tokens), ("max_tokens", scan.max_tokens)]
    {
        if let Some(asked) = asked.map(|field| field.value).filter(|asked| *asked > cap) {
            let text = format!(
                "Invalid '{param}': this API key allows at most {cap} output tokens, but {asked} were asked for."
            );
            return Err(Refusal::bad_request(
                ApiError::invalid("integer_above_max_value", text).with_param(param),
            ));
        }
    }
    Ok(())
}
