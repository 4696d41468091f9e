//! The rows that a batch becomes, without asking the database for them.

use sluice_ledger::{NanoUsd, Posting, record::Outcome};

use crate::{
    books::{Batch, Details, Refused},
    query::RequestRow,
};

impl Batch {
    /// The rows of its requests, in the order in which they came.
    pub fn rows(&self) -> Vec<RequestRow> {
        let posted = self.postings.iter().map(|(posting, details)| of_posting(posting, details.clone()));
        let mut rows: Vec<RequestRow> = posted.chain(self.refused.iter().map(of_refused)).collect();
        rows.sort_by_key(|row| (row.unix_ms, row.request));
        rows
    }
}

fn of_posting(posting: &Posting, details: Option<Details>) -> RequestRow {
    let reserve = &posting.reserve;
    let settle = match &posting.outcome {
        Outcome::Settled(settle) => Some(settle),
        Outcome::Voided(_) => None,
    };
    let usage = settle.map(|settle| settle.usage).unwrap_or_default();
    let named = |name: &String| Some(name.clone()).filter(|name| !name.is_empty());
    RequestRow {
        request: reserve.request,
        unix_ms: reserve.unix_ms,
        key: reserve.key.clone(),
        project: reserve.project.clone(),
        model: reserve.model.clone(),
        stream: reserve.stream,
        provider: settle.and_then(|settle| named(&settle.answered.provider)),
        upstream_model: settle.and_then(|settle| named(&settle.answered.upstream_model)),
        prompt_tokens: usage.prompt_tokens,
        completion_tokens: usage.completion_tokens,
        cached_tokens: usage.prompt.cached_tokens,
        cache_write_tokens: usage.prompt.cache_write_tokens,
        reasoning_tokens: usage.completion.reasoning_tokens,
        usage_source: settle.map(|settle| settle.source.as_str().to_owned()),
        reserved: reserve.reserved,
        charged: settle.map_or(Some(NanoUsd(0)), |settle| settle.charged),
        price_version: settle.and_then(|settle| named(&settle.answered.price_version)),
        flags: settle.map(|settle| settle.flags).unwrap_or_default(),
        failed: posting.is_error() || details.as_ref().is_some_and(Details::is_error),
        details,
    }
}

fn of_refused(refused: &Refused) -> RequestRow {
    RequestRow {
        request: refused.request,
        unix_ms: refused.unix_ms,
        key: refused.key.clone(),
        project: refused.project.clone(),
        model: refused.model.clone(),
        stream: refused.stream,
        provider: None,
        upstream_model: None,
        prompt_tokens: 0,
        completion_tokens: 0,
        cached_tokens: 0,
        cache_write_tokens: 0,
        reasoning_tokens: 0,
        usage_source: None,
        reserved: NanoUsd(0),
        charged: Some(NanoUsd(0)),
        price_version: None,
        flags: Default::default(),
        failed: true,
        details: Some(refused.details.clone()),
    }
}
